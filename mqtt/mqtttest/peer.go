package mqtttest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt"
)

// Peer is a client that sends and reads packets as a test says, and nothing else.
type Peer struct {
	net.Conn
	t       testing.TB
	r       *bufio.Reader
	version byte
}

// Dial connects to a broker over "tcp", "tls", "ws" or "wss". Certificates are not checked.
func Dial(t testing.TB, network, address string) *Peer {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatalf("dial %s: %v", address, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if network == "tls" || network == "wss" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if network == "ws" || network == "wss" {
		ws, err := openWebsocket(c, address)
		if err != nil {
			t.Fatalf("websocket %s: %v", address, err)
		}
		c = ws
	}
	return &Peer{Conn: c, t: t, r: bufio.NewReader(c), version: 4}
}

// Login sends a CONNECT and expects it to be accepted; it tells whether a
// session was present.
func (p *Peer) Login(l Login) (present bool) {
	p.t.Helper()
	ack := p.Connect(l)
	if len(ack.Body) < 2 || ack.Body[1] != 0 {
		p.t.Fatalf("login of %q was refused: %v", l.Client, ack)
	}
	return ack.Body[0]&1 != 0
}

// Connect sends a CONNECT and reads the CONNACK.
func (p *Peer) Connect(l Login) Packet {
	p.t.Helper()
	if l.Version != 0 {
		p.version = l.Version
	}
	p.Send(Connect(l))
	ack := p.Next()
	if ack.Type() != CONNACK {
		p.t.Fatalf("got %v, want a CONNACK", ack)
	}
	return ack
}

// Send sends packets in one write.
func (p *Peer) Send(packets ...Packet) {
	p.t.Helper()
	var b []byte
	for _, k := range packets {
		b = append(b, k.Bytes()...)
	}
	p.SendBytes(b)
}

// SendBytes sends bytes as they are.
func (p *Peer) SendBytes(b []byte) {
	p.t.Helper()
	_ = p.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.Write(b); err != nil {
		p.t.Fatalf("send %.32x: %v", b, err)
	}
}

// Next reads one packet.
func (p *Peer) Next() Packet {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	k, err := ReadPacket(p.r)
	if err != nil {
		p.t.Fatalf("read a packet: %v", err)
	}
	return k
}

// Expect reads one packet and compares it.
func (p *Peer) Expect(want Packet) {
	p.t.Helper()
	if got := p.Next(); got.Head != want.Head || !bytes.Equal(got.Body, want.Body) {
		p.t.Fatalf("got %v, want %v", got, want)
	}
}

// ExpectMessage reads one PUBLISH and compares topic and payload.
func (p *Peer) ExpectMessage(topic, payload string) Delivery {
	p.t.Helper()
	d, err := Deliver(p.version, p.Next())
	if err != nil || d.Topic != topic || d.Payload != payload {
		p.t.Fatalf("got %q = %.40q (%v), want %q = %.40q", d.Topic, d.Payload, err, topic, payload)
	}
	return d
}

// ExpectNothing pings, so that all that was to come before has come.
func (p *Peer) ExpectNothing() {
	p.t.Helper()
	p.Send(Packet{PINGREQ << 4, nil})
	p.Expect(Packet{PINGRESP << 4, nil})
}

// ExpectClosed expects the end of the connection and nothing before it.
func (p *Peer) ExpectClosed() {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	k, err := ReadPacket(p.r)
	var timeout net.Error
	switch {
	case err == nil:
		p.t.Fatalf("got %v, want the connection closed", k)
	case errors.As(err, &timeout) && timeout.Timeout():
		p.t.Fatalf("the connection is still open after %v", patience)
	}
}

// Subscribe sends filters and expects them all to be granted at QoS 0.
func (p *Peer) Subscribe(filters ...string) {
	p.t.Helper()
	var list []Filter
	want := []byte{0, 7}
	if p.version == 5 {
		want = append(want, 0)
	}
	for _, f := range filters {
		list = append(list, Filter{Topic: f})
		want = append(want, 0)
	}
	p.Send(Subscribe(p.version, 7, nil, list...))
	p.Expect(Packet{SUBACK << 4, want})
}

// Publish sends at QoS 1 and waits for the PUBACK.
func (p *Peer) Publish(topic, payload string, retain bool) {
	p.t.Helper()
	flags := byte(2)
	if retain {
		flags |= 1
	}
	p.Send(Publish(p.version, flags, 9, topic, payload))
	if ack := p.Next(); ack.Head != PUBACK<<4 || !bytes.HasPrefix(ack.Body, []byte{0, 9}) {
		p.t.Fatalf("got %v, want a PUBACK", ack)
	}
}

// Remote is a Client of a broker that is reached by dialling: one connection to
// publish, and one for each subscription.
type Remote struct {
	dial func() *Peer
	mu   sync.Mutex
	out  *Peer
}

// NewRemote makes a Client; dial opens a connection that is logged in.
func NewRemote(dial func() *Peer) *Remote { return &Remote{dial: dial} }

// Publish sends at QoS 1 and waits for the PUBACK.
func (r *Remote) Publish(topic string, payload []byte, retain bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out == nil {
		r.out = r.dial()
	}
	r.out.Publish(topic, string(payload), retain)
	return nil
}

// Subscribe reads messages until stop is called.
func (r *Remote) Subscribe(filter string, fn func(mqtt.Message)) (stop func(), err error) {
	p := r.dial()
	p.Subscribe(filter)
	_ = p.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	go func() { // owner: Remote; stop closes the connection and waits
		defer close(done)
		for {
			k, err := ReadPacket(p.r)
			if err != nil {
				return
			}
			d, err := Deliver(p.version, k)
			if err == nil {
				fn(mqtt.Message{Topic: d.Topic, Payload: []byte(d.Payload), Retain: d.Retain})
			}
		}
	}()
	return func() {
		_ = p.Close()
		<-done
	}, nil
}

// Discard reads and forgets until the connection ends.
func (p *Peer) Discard() { _, _ = io.Copy(io.Discard, p.r) }
