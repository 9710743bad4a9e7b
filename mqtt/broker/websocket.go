package broker

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// The server side of RFC 6455 as far as MQTT needs it: binary messages that are
// a stream of bytes, pings, and the close. Extensions are never agreed to.

const (
	websocketKey  = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	maxRequest    = 16 << 10
	opContinue    = 0
	opBinary      = 2
	opClose       = 8
	opPing        = 9
	opPong        = 10
	maxControl    = 125
	closeProtocol = 1002
	closeData     = 1003
)

var errWebsocket = errors.New("websocket protocol error")

// websocket is a byte stream over WebSocket frames.
type websocket struct {
	net.Conn
	r      *bufio.Reader
	left   uint64 // bytes of the present frame still to read
	mask   [4]byte
	pos    int
	open   bool  // a fragmented message has begun
	err    error // why reading ended
	mu     sync.Mutex
	out    []byte
	closed bool
}

// upgrade answers the HTTP request that opens a WebSocket for MQTT.
func upgrade(c net.Conn) (*websocket, error) {
	limited := &io.LimitedReader{R: c, N: maxRequest}
	r := bufio.NewReaderSize(limited, 4<<10)
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, err
	}
	limited.N = 1<<63 - 1
	key, status := handshake(req)
	if status != 0 {
		head := "HTTP/1.1 400 Bad Request\r\n"
		if status == http.StatusUpgradeRequired {
			head = "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"
		}
		_, _ = io.WriteString(c, head+"Connection: close\r\nContent-Length: 0\r\n\r\n")
		return nil, errWebsocket
	}
	sum := sha1.Sum([]byte(key + websocketKey))
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
	if p := protocol(req); p != "" {
		answer += "Sec-WebSocket-Protocol: " + p + "\r\n"
	}
	if _, err := io.WriteString(c, answer+"\r\n"); err != nil {
		return nil, err
	}
	return &websocket{Conn: c, r: r}, nil
}

// handshake checks the request; status 0 is fine.
func handshake(req *http.Request) (key string, status int) {
	key = req.Header.Get("Sec-WebSocket-Key")
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case !hasToken(req.Header, "Connection", "upgrade") || !hasToken(req.Header, "Upgrade", "websocket"):
		return "", http.StatusUpgradeRequired
	case req.Header.Get("Sec-WebSocket-Version") != "13":
		return "", http.StatusUpgradeRequired
	case req.Method != http.MethodGet || err != nil || len(raw) != 16:
		return "", http.StatusBadRequest
	}
	return key, 0
}

// protocol is the MQTT subprotocol that the client offers, or "".
func protocol(req *http.Request) string {
	for _, p := range []string{"mqtt", "mqttv3.1"} {
		if hasToken(req.Header, "Sec-WebSocket-Protocol", p) {
			return p
		}
	}
	return ""
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// Read gives the bytes of binary messages, and answers pings on the way.
func (w *websocket) Read(p []byte) (int, error) {
	for w.left == 0 {
		if w.err == nil {
			w.err = w.nextFrame()
		}
		if w.err != nil {
			return 0, w.err
		}
	}
	if uint64(len(p)) > w.left {
		p = p[:w.left]
	}
	n, err := w.r.Read(p)
	for i := range p[:n] {
		p[i] ^= w.mask[w.pos&3]
		w.pos++
	}
	w.left -= uint64(n)
	return n, err
}

// nextFrame reads the head of the next data frame and handles control frames.
func (w *websocket) nextFrame() error {
	var head [2]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return err
	}
	final, op, length := head[0]&0x80 != 0, head[0]&0x0f, uint64(head[1]&0x7f)
	if head[0]&0x70 != 0 || head[1]&0x80 == 0 { // extensions, or not masked
		return w.fail(closeProtocol)
	}
	if op >= opClose && (length > maxControl || !final) {
		return w.fail(closeProtocol)
	}
	var err error
	if length, err = w.length(length); err != nil {
		return err
	}
	if _, err := io.ReadFull(w.r, w.mask[:]); err != nil {
		return err
	}
	w.pos = 0
	switch {
	case op >= opClose:
		return w.control(op, int(length))
	case op == opBinary && !w.open, op == opContinue && w.open:
		w.open, w.left = !final, length
		return nil
	case op == opBinary || op == opContinue:
		return w.fail(closeProtocol)
	default: // text, or unknown
		return w.fail(closeData)
	}
}

func (w *websocket) length(short uint64) (uint64, error) {
	var b [8]byte
	switch short {
	case 126:
		if _, err := io.ReadFull(w.r, b[:2]); err != nil {
			return 0, err
		}
		return uint64(binary.BigEndian.Uint16(b[:2])), nil
	case 127:
		if _, err := io.ReadFull(w.r, b[:]); err != nil {
			return 0, err
		}
		n := binary.BigEndian.Uint64(b[:])
		if n>>63 != 0 {
			return 0, w.fail(closeProtocol)
		}
		return n, nil
	}
	return short, nil
}

func (w *websocket) control(op byte, length int) error {
	var data [maxControl]byte
	if _, err := io.ReadFull(w.r, data[:length]); err != nil {
		return err
	}
	for i := range data[:length] {
		data[i] ^= w.mask[i&3]
	}
	switch op {
	case opPing:
		return w.frame(opPong, data[:length])
	case opPong:
		return nil
	case opClose:
		_ = w.frame(opClose, data[:min(length, 2)])
		return io.EOF
	}
	return w.fail(closeProtocol)
}

func (w *websocket) fail(code uint16) error {
	_ = w.frame(opClose, binary.BigEndian.AppendUint16(nil, code))
	return errWebsocket
}

// Write sends p as one binary message.
func (w *websocket) Write(p []byte) (int, error) {
	if err := w.frame(opBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite says goodbye.
func (w *websocket) CloseWrite() error {
	return w.frame(opClose, binary.BigEndian.AppendUint16(nil, 1000))
}

func (w *websocket) frame(op byte, p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	w.closed = op == opClose
	b := append(w.out[:0], 0x80|op)
	switch n := len(p); {
	case n <= maxControl:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	b = append(b, p...)
	if cap(b) <= 64<<10 {
		w.out = b
	}
	_, err := w.Conn.Write(b)
	return err
}
