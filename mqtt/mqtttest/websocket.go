package mqtttest

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// websocket is the client side of RFC 6455 for binary messages.
type websocket struct {
	net.Conn
	r    *bufio.Reader
	left uint64
}

// openWebsocket sends the request of a browser and checks the answer's status.
func openWebsocket(c net.Conn, host string) (*websocket, error) {
	key := base64.StdEncoding.EncodeToString([]byte("sixteen bytes!!!"))
	_, err := fmt.Fprintf(c, "GET /mqtt HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", host, key)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
		return nil, fmt.Errorf("status %s, protocol %q", res.Status, res.Header.Get("Sec-WebSocket-Protocol"))
	}
	return &websocket{Conn: c, r: r}, nil
}

// Read gives the bytes of data frames; a close is the end.
func (w *websocket) Read(p []byte) (int, error) {
	for w.left == 0 {
		var head [2]byte
		if _, err := io.ReadFull(w.r, head[:]); err != nil {
			return 0, err
		}
		n := uint64(head[1] & 0x7f)
		var b [8]byte
		switch n {
		case 126:
			if _, err := io.ReadFull(w.r, b[6:]); err != nil {
				return 0, err
			}
			n = binary.BigEndian.Uint64(b[:])
		case 127:
			if _, err := io.ReadFull(w.r, b[:]); err != nil {
				return 0, err
			}
			n = binary.BigEndian.Uint64(b[:])
		}
		switch head[0] & 0x0f {
		case 8:
			return 0, io.EOF
		case 0, 2:
			w.left = n
		default:
			return 0, errors.New("unexpected frame")
		}
	}
	if uint64(len(p)) > w.left {
		p = p[:w.left]
	}
	n, err := w.r.Read(p)
	w.left -= uint64(n)
	return n, err
}

// Write sends p masked, as one binary message.
func (w *websocket) Write(p []byte) (int, error) {
	if _, err := w.Conn.Write(Frame(0x82, p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Frame is a masked frame of a WebSocket client.
func Frame(head byte, p []byte) []byte {
	b := []byte{head}
	switch n := len(p); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	b = append(b, mask[:]...)
	for i, c := range p {
		b = append(b, c^mask[i&3])
	}
	return b
}
