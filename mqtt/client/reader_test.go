package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

func TestLink_Unasked(t *testing.T) {
	t.Run("acknowledgements that nobody waits for are left out", func(t *testing.T) {
		s := newServer(t, func(p *peer) {
			p.welcome()
			for id := range uint16(5) {
				p.send(mqtttest.Ack(mqtttest.PUBACK, id))
				p.send(mqtttest.Ack(mqtttest.UNSUBACK, id))
				p.send(mqtttest.Packet{Head: mqtttest.SUBACK << 4, Body: []byte{0, byte(id), 0}})
			}
			p.send(mqtttest.Packet{Head: mqtttest.PINGRESP << 4})
			p.message(report, "after")
			p.rest()
		})
		got := make(chan string, 1)
		o := options(s.address())
		o.OnMessage = func(_ string, payload []byte) { got <- string(payload) }
		l := dial(t, o)
		if m := <-got; m != "after" {
			t.Errorf("got %q", m)
		}
		must(t, l.Publish(t.Context(), "device/S/request", []byte("{}"), 1))
		if l.Err() != nil {
			t.Errorf("the link ended: %v", l.Err())
		}
	})
	t.Run("an acknowledgement of another kind or id is none", func(t *testing.T) {
		s := newServer(t, func(p *peer) {
			p.welcome()
			k := p.next()
			d, err := mqtttest.Deliver(4, k)
			if err != nil {
				return
			}
			p.send(mqtttest.Ack(mqtttest.UNSUBACK, d.ID))
			p.send(mqtttest.Ack(mqtttest.PUBACK, d.ID+1))
			p.message(report, "not yet")
			p.next()
			p.send(mqtttest.Ack(mqtttest.PUBACK, d.ID))
			p.rest()
		})
		got, published := make(chan string, 1), make(chan error, 1)
		o := options(s.address())
		o.OnMessage = func(_ string, payload []byte) { got <- string(payload) }
		l := dial(t, o)
		go func() { published <- l.Publish(t.Context(), "a", nil, 1) }() // owner: this test, which waits
		<-got
		select {
		case err := <-published:
			t.Errorf("Publish = %v before its acknowledgement", err)
		default:
		}
		must(t, l.Publish(t.Context(), "b", nil, 0))
		begun := time.Now()
		must(t, <-published)
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("took %v, want the acknowledgement to end it", took)
		}
	})
	t.Run("an answer to a login that was not sent yet is harmless", func(t *testing.T) {
		s := newServer(t, func(p *peer) {
			p.send(mqtttest.Packet{Head: mqtttest.CONNACK << 4, Body: []byte{0, 0}})
			p.rest()
		})
		o := options(s.address())
		o.Subscribe = nil
		dial(t, o)
	})
}

func TestLink_QoS1(t *testing.T) {
	acks := make(chan mqtttest.Packet, 2)
	s := newServer(t, func(p *peer) {
		p.welcome()
		p.send(mqtttest.Publish(4, 2, 7, report, "sure"))
		acks <- p.next()
		p.send(mqtttest.Publish(4, 0x0a, 0xfffe, report, "again"))
		acks <- p.next()
		p.rest()
	})
	got := make(chan string, 2)
	o := options(s.address())
	o.OnMessage = func(topic string, payload []byte) { got <- topic + " " + string(payload) }
	dial(t, o)
	for _, want := range []struct {
		message string
		id      uint16
	}{{"sure", 7}, {"again", 0xfffe}} {
		if m := <-got; m != report+" "+want.message {
			t.Errorf("got %q", m)
		}
		if k := <-acks; !bytes.Equal(k.Bytes(), mqtttest.Ack(mqtttest.PUBACK, want.id).Bytes()) {
			t.Errorf("answered %v, want the acknowledgement of %d", k, want.id)
		}
	}
}

func TestLink_OnLarge(t *testing.T) {
	t.Run("a message that is too large is left out and told", func(t *testing.T) {
		large := mqtttest.Publish(4, 0, 0, report, string(bytes.Repeat([]byte("x"), 2<<20)))
		s := newServer(t, func(p *peer) {
			p.welcome()
			p.send(large)
			p.message(report, "small")
			p.rest()
		})
		got, told := make(chan string, 1), make(chan int, 1)
		o := options(s.address())
		o.OnMessage = func(_ string, payload []byte) { got <- string(payload) }
		o.OnLarge = func(size int) { told <- size }
		l := dial(t, o)
		if n := <-told; n != len(large.Bytes()) {
			t.Errorf("told of %d bytes, want %d", n, len(large.Bytes()))
		}
		if m := <-got; m != "small" || l.Err() != nil {
			t.Errorf("got %q, the link says %v", m, l.Err())
		}
	})
	for _, c := range []struct {
		name string
		send []byte
	}{
		{"more than 16 MB", []byte{0x30, 0x81, 0x80, 0x80, 0x08}},
		{"an oversized packet that is no message", []byte{0x90, 0xff, 0xff, 0x7f}},
	} {
		t.Run(c.name+" ends the link all the same", func(t *testing.T) {
			s := newServer(t, func(p *peer) {
				p.welcome()
				_, _ = p.Write(c.send)
				p.rest()
			})
			o := options(s.address())
			o.OnLarge = func(size int) { t.Errorf("told of %d bytes", size) }
			l, err := client.Dial(t.Context(), o)
			if err != nil {
				return // it came before Dial returned
			}
			defer l.Close()
			select {
			case <-l.Lost():
			case <-time.After(30 * time.Second):
				t.Error("the link stands")
			}
		})
	}
}

func TestBus_LargeMessages(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.welcome()
		p.message("a/set", string(bytes.Repeat([]byte("x"), 2<<20)))
		p.message("a/set", "small")
		p.rest()
	})
	b, err := client.NewBus(client.BusOptions{Addresses: []string{"tcp://" + s.address()}, ClientID: "bridge"})
	must(t, err)
	got := make(chan mqtt.Message, 4)
	_, err = b.Subscribe("+/set", func(m mqtt.Message) { got <- m })
	must(t, err)
	done := make(chan error)
	ctx, stop := context.WithCancel(t.Context())
	go func() { done <- b.Run(ctx) }() // owner: this test, which waits
	if m := <-got; string(m.Payload) != "small" {
		t.Errorf("got %d bytes, want somebody's oversized message left out", len(m.Payload))
	}
	if s := b.Stats(); s.Connects != 1 || s.Oversized != 1 {
		t.Errorf("%+v, want the oversized message to be counted and to cost no connection", s)
	}
	stop()
	must(t, <-done)
}

// tape is a connection whose peer has said everything and hears nothing.
type tape struct {
	net.Conn
	in io.Reader
}

func (t *tape) Read(p []byte) (int, error)       { return t.in.Read(p) }
func (t *tape) Write(p []byte) (int, error)      { return len(p), nil }
func (t *tape) SetWriteDeadline(time.Time) error { return nil }
func (t *tape) Close() error                     { return nil }

// deliveries are the messages of at most so many bytes in what a peer has sent.
func deliveries(sent []byte, most int) (found []mqtttest.Delivery) {
	for len(sent) > 1 {
		length, n := binary.Uvarint(sent[1:])
		if n <= 0 || uint64(len(sent)-1-n) < length {
			return found
		}
		size := 1 + n + int(length)
		if d, err := mqtttest.Deliver(4, mqtttest.Packet{Head: sent[0], Body: sent[1+n : size]}); err == nil && size <= most {
			found = append(found, d)
		}
		sent = sent[size:]
	}
	return found
}

// FuzzReader: whatever a peer sends, nothing panics, little is allocated, and
// what is handed over is what a plain decoder finds.
func FuzzReader(f *testing.F) {
	for _, sent := range [][]byte{
		{0x20, 2, 0, 0, 0x90, 3, 0, 1, 0, 0x30, 4, 0, 1, 'a', 'x', 0x32, 6, 0, 1, 'a', 0, 1, 'x', 0xd0, 0},
		{0x20, 2, 0, 0, 0x30, 0xff, 0x7f, 0, 1, 'a'},
		{0x20, 2, 0, 0, 0x30, 0x81, 0x80, 0x80, 0x08, 0, 1, 'a'},
		{0x20, 2, 0, 0, 0x31, 3, 0, 1, 'b', 0x40, 2, 0, 1, 0xb0, 2, 0, 1, 0xe0, 0},
	} {
		f.Add(sent)
	}
	f.Add(append([]byte{0x20, 2, 0, 0}, mqtttest.Publish(4, 0, 0, "large", string(make([]byte, 9000))).Bytes()...))
	const most = 8192
	f.Fuzz(func(t *testing.T, sent []byte) {
		want := deliveries(sent, most)
		got := 0
		var grown uint64
		o := client.LinkOptions{MaxPacket: most, OnLarge: func(int) {}}
		o.OnMessage = func(topic string, payload []byte) {
			if got >= len(want) || want[got].Topic != topic || want[got].Payload != string(payload) {
				t.Errorf("message %d is %q %q, want one of %+v", got, topic, payload, want)
			}
			got++
		}
		allowed := uint64(most + 256*len(sent) + 64<<10)
		for range 3 { // what else goes on in the process is counted too
			var before, after runtime.MemStats
			got = 0
			runtime.ReadMemStats(&before)
			err := client.ReadAll(&tape{in: bytes.NewReader(sent)}, o)
			runtime.ReadMemStats(&after)
			if err == nil || errors.Is(err, client.ErrClosed) {
				t.Errorf("ended with %v, want a reason", err)
			}
			if grown = after.TotalAlloc - before.TotalAlloc; grown <= allowed {
				return
			}
		}
		t.Errorf("%d bytes allocated for %d", grown, len(sent))
	})
}
