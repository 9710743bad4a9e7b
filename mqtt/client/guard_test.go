package client_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

func TestGuard_Unasked(t *testing.T) {
	t.Run("acknowledgements that nobody waits for are left out", func(t *testing.T) {
		s := newServer(t, func(p *peer) {
			p.welcome()
			for id := range uint16(5) {
				p.send(mqtttest.Ack(mqtttest.PUBACK, id))
				p.send(mqtttest.Ack(mqtttest.UNSUBACK, id))
				p.send(mqtttest.Packet{Head: mqtttest.SUBACK << 4, Body: []byte{0, byte(id), 0}})
			}
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
	if n := b.Stats().Connects; n != 1 {
		t.Errorf("%d connections, want the oversized message to cost none", n)
	}
	stop()
	must(t, <-done)
}
