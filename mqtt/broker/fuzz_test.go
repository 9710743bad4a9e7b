package broker

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	m "github.com/printwire/printwire/mqtt/mqtttest"
)

// tap is a connection of a fuzzed client: what it sends is given, what it gets
// is forgotten.
type tap struct {
	pipe
}

func (tap) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (tap) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (tap) SetDeadline(time.Time) error      { return nil }
func (tap) SetReadDeadline(time.Time) error  { return nil }
func (tap) SetWriteDeadline(time.Time) error { return nil }
func (tap) Close() error                     { return nil }

// FuzzPackets sends bytes after a login through all that guards the library's
// decoder. Whatever they are, the connection ends in order and the broker serves on.
func FuzzPackets(f *testing.F) {
	packets := []m.Packet{
		{Head: 0x82, Body: crash[2:]},
		m.Subscribe(5, 1, []byte{0x0b, 1}, m.Filter{Topic: "a/#", Options: 0x2d}, m.Filter{Topic: "+/#"}),
		m.Publish(5, 5, 7, "a/b", "x", 0x23, 0, 1), m.Publish(4, 2, 7, "$SYS/x", "x"), m.Ack(m.PUBREL, 7),
		m.Unsubscribe(5, 2, "a/#"), {Head: m.DISCONNECT << 4, Body: []byte{4, 5, 0x11, 0, 0, 0, 1}}, {Head: 0xf0, Body: []byte{0x18, 0}},
		m.Connect(login5("again")),
	}
	for _, p := range packets {
		f.Add(byte(5), p.Bytes())
		f.Add(byte(4), p.Bytes())
	}
	f.Add(byte(0), m.Connect(m.Login{Version: 5, Client: "c", User: "anna", Password: "pw-anna", Will: &m.Will{Topic: "w", Payload: ""}, Properties: []byte{0x11, 0, 0, 0, 9}}).Bytes())
	r := start(f, nil)
	f.Fuzz(func(t *testing.T, version byte, data []byte) {
		var head []byte
		if version%3 > 0 {
			l := login("fuzz")
			l.Version = 3 + version%3
			head = m.Connect(l).Bytes()
		}
		c := tap{pipe: pipe{r: io.MultiReader(bytes.NewReader(head), bytes.NewReader(data))}}
		done := make(chan struct{})
		go func() { // owner: the test; waits below
			defer close(done)
			r.serve(c, Listener{Network: "tcp"}, "fuzz", func() {})
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("the connection does not end")
		}
		if c := r.sessionConn("fuzz"); c != nil {
			t.Error("a session is left behind")
		}
	})
}
