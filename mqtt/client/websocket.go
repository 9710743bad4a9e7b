package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// webSocketWait bounds a WebSocket handshake.
const webSocketWait = 5 * time.Second

// dialWebSocket opens an MQTT connection over a WebSocket, never by a proxy.
func dialWebSocket(ctx context.Context, address string, config *tls.Config) (net.Conn, error) {
	dialer := websocket.Dialer{
		HandshakeTimeout: webSocketWait, TLSClientConfig: config, Subprotocols: []string{"mqtt"},
	}
	conn, response, err := dialer.DialContext(ctx, address, nil)
	if err != nil {
		if response != nil {
			_ = response.Body.Close()
		}
		return nil, err
	}
	return &webSocket{Conn: conn}, nil
}

// webSocket is the stream of bytes in the messages of a WebSocket. One
// goroutine may read and one may write.
type webSocket struct {
	*websocket.Conn
	message  io.Reader // the one that is being read, or nil
	deadline atomic.Pointer[time.Time]
}

// Read reads from the present message, or waits for the next.
func (w *webSocket) Read(p []byte) (int, error) {
	for {
		if w.message == nil {
			_, message, err := w.NextReader()
			if err != nil {
				return 0, err
			}
			w.message = message
		}
		n, err := w.message.Read(p)
		if errors.Is(err, io.EOF) {
			w.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write sends a message.
func (w *webSocket) Write(p []byte) (int, error) {
	if t := w.deadline.Load(); t != nil {
		_ = w.Conn.SetWriteDeadline(*t)
	}
	if err := w.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetWriteDeadline sets the deadline of the write that is going on, too.
func (w *webSocket) SetWriteDeadline(t time.Time) error {
	w.deadline.Store(&t)
	return w.NetConn().SetWriteDeadline(t)
}

// SetDeadline sets both deadlines.
func (w *webSocket) SetDeadline(t time.Time) error {
	return errors.Join(w.SetReadDeadline(t), w.SetWriteDeadline(t))
}
