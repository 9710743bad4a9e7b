package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	m "github.com/printwire/printwire/mqtt/mqtttest"
)

const opening = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// shake sends an HTTP request to the WebSocket listener.
func shake(t *testing.T, r *rig, request string) (*m.Peer, *bufio.Reader, *http.Response) {
	t.Helper()
	p := m.Dial(t, "tcp", r.Addr(2).String())
	p.SendBytes([]byte(request))
	_ = p.SetReadDeadline(time.Now().Add(30 * time.Second))
	b := bufio.NewReader(p)
	res, err := http.ReadResponse(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p, b, res
}

func TestWebsocket_handshake(t *testing.T) {
	r := start(t, nil)
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"as the RFC shows": {opening + "\r\n", 101},
		"plain HTTP":       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426},
		"other version":    {strings.Replace(opening, "13", "12", 1) + "\r\n", 426},
		"short key":        {strings.Replace(opening, "dGhlIHNhbXBsZSBub25jZQ==", "eA==", 1) + "\r\n", 400},
		"POST":             {strings.Replace(opening, "GET", "POST", 1) + "\r\n", 400},
	} {
		_, _, res := shake(t, r, c.request)
		if res.StatusCode != c.status {
			t.Errorf("%s: status %s, want %d", name, res.Status, c.status)
		}
		if got := res.Header.Get("Sec-WebSocket-Accept"); c.status == 101 && got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Errorf("accept is %q", got)
		}
	}
	p := m.Dial(t, "tcp", r.Addr(2).String()) // headers without end
	go func() {                               // owner: the test; ends with the connection
		_, _ = p.Write([]byte("GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10)))
	}()
	p.ExpectClosed()
}

func TestWebsocket_frames(t *testing.T) {
	r := start(t, nil)
	connect := m.Connect(login("ws")).Bytes()
	p, b, _ := shake(t, r, opening+"Sec-WebSocket-Protocol: foo, mqtt\r\n\r\n")
	p.SendBytes(m.Frame(0x02, connect[:5]))     // a message in pieces
	p.SendBytes(m.Frame(0x89, []byte("hello"))) // with a ping between
	p.SendBytes(m.Frame(0x00, nil))             // and an empty piece
	p.SendBytes(m.Frame(0x80, connect[5:]))     //
	expect := func(w ...byte) {
		t.Helper()
		got := make([]byte, len(w))
		if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, w) {
			t.Fatalf("got %x, %v, want %x", got, err, w)
		}
	}
	expect(0x8a, 5, 'h', 'e', 'l', 'l', 'o')
	expect(0x82, 4, 0x20, 2, 0, 0)
	p.SendBytes(m.Frame(0x8a, []byte("unasked"))) // a pong
	p.SendBytes(m.Frame(0x82, []byte{0xc0, 0, 0xc0}))
	expect(0x82, 2, 0xd0, 0)
	p.SendBytes(m.Frame(0x82, []byte{0})) // a packet over two messages
	expect(0x82, 2, 0xd0, 0)
	p.SendBytes(m.Frame(0x88, []byte{3, 232}))
	if got, _ := io.ReadAll(b); !bytes.Equal(got, []byte{0x88, 2, 3, 232}) {
		t.Errorf("got %x, want the close answered", got)
	}
}

func TestWebsocket_refuses_frames_against_the_rules(t *testing.T) {
	r := start(t, nil)
	for name, frame := range map[string][]byte{
		"not masked":         {0x82, 1, 0xc0},
		"reserved bit":       m.Frame(0xc2, []byte("x")),
		"text":               m.Frame(0x81, []byte("x")),
		"unknown control":    m.Frame(0x8b, nil),
		"long control":       m.Frame(0x89, make([]byte, 126)),
		"piece of a control": m.Frame(0x09, nil),
		"continued nothing":  m.Frame(0x80, []byte("x")),
		"length of 2^63":     {0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0},
	} {
		p, b, _ := shake(t, r, opening+"\r\n")
		p.SendBytes(frame)
		got, err := io.ReadAll(b)
		if !bytes.HasPrefix(got, []byte{0x88, 2, 3}) || err != nil {
			t.Errorf("%s: got %x, %v, want a close", name, got, err)
		}
	}
}

// pipe is a connection that reads from memory and forgets what is written.
type pipe struct {
	net.Conn
	r io.Reader
}

func (p pipe) Read(b []byte) (int, error)  { return p.r.Read(b) }
func (p pipe) Write(b []byte) (int, error) { return len(b), nil }

func FuzzWebsocket(f *testing.F) {
	f.Add(m.Frame(0x82, []byte("hello")))
	f.Add(append(m.Frame(0x02, []byte("a")), m.Frame(0x80, []byte("b"))...))
	f.Add(append(m.Frame(0x89, []byte("p")), m.Frame(0x88, nil)...))
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := pipe{r: io.MultiReader(strings.NewReader(opening+"\r\n"), bytes.NewReader(data))}
		w, err := upgrade(c)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, w)
		if n > int64(len(data)) {
			t.Errorf("%d bytes from %d", n, len(data))
		}
		if err != nil && !errors.Is(err, errWebsocket) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("unexpected error %v", err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(opening + "\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := upgrade(pipe{r: bytes.NewReader(data)})
		if (w == nil) == (err == nil) {
			t.Error(fmt.Sprint("both or neither: ", w, err))
		}
	})
}
