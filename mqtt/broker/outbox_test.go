package broker

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	m "github.com/printwire/printwire/mqtt/mqtttest"
)

func TestBroker_what_waits_for_a_client_is_bounded_by_bytes(t *testing.T) {
	const packets, size, limit = 2000, 100 << 10, 4 << 20
	for _, retain := range []bool{false, true} {
		t.Run(fmt.Sprint("retained ", retain), func(t *testing.T) {
			r := start(t, func(o *Options) { o.Backlog, o.WriteTimeout = limit, time.Minute })
			lag := r.join(login("lag"))
			lag.Send(m.Subscribe(4, 1, nil, m.Filter{Topic: "big/#"}))
			lag.Next()
			payload, before := bytes.Repeat([]byte("x"), size), heapNow()
			for i := range packets {
				payload[0] = byte(i)
				_ = r.Publish(fmt.Sprint("big/", i%4), bytes.Clone(payload), retain)
			}
			if used := int(heapNow()) - int(before); used > 3*limit {
				t.Errorf("%d packets of %d kB hold %d MB, the limit is %d", packets, size>>10, used>>20, limit>>20)
			}
			if r.Stats().Dropped == 0 {
				t.Error("nothing was counted as dropped")
			}
			if retain {
				eventually(t, "it is cut off", func() bool { return r.sessionConn("lag") == nil })
			}
		})
	}
}

func TestBroker_PublishAll_keeps_the_order_and_does_what_it_can(t *testing.T) {
	r := start(t, nil)
	p := r.join(login5("p"))
	p.Subscribe("v/#")
	list := []mqtt.Message{
		{Topic: "v/1", Payload: []byte("a"), Retain: true}, {Topic: "v/+", Payload: []byte("bad")},
		{Topic: "v/2", Payload: []byte("b"), Retain: true}, {Topic: "v/1", Payload: []byte("a"), Retain: true}, // which is no change
		{Topic: "v/3", Payload: []byte("c")},
	}
	if err := r.PublishAll(list); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want the error of the second", err)
	}
	p.ExpectMessage("v/1", "a")
	p.ExpectMessage("v/2", "b")
	p.ExpectMessage("v/3", "c")
	p.ExpectNothing()
}

func TestBroker_messages_during_a_replay_come_after_it(t *testing.T) {
	r := start(t, nil)
	const topics, changes = 300, 200
	for i := range topics {
		_ = r.Publish(fmt.Sprint("r/", i), bytes.Repeat([]byte("v"), 600), true)
	}
	p := r.join(login5("p"))
	quit := make(chan struct{})
	ended := make(chan struct{})
	go func() { // owner: the test; quit ends it
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			default:
				_ = r.Publish("r/live", fmt.Append(nil, i), true)
			}
		}
	}()
	p.Send(m.Subscribe(5, 1, nil, m.Filter{Topic: "r/#"}))
	if k := p.Next(); k.Type() != m.SUBACK {
		t.Errorf("got %v, want the SUBACK first", k)
	}
	replayed, live, last := 0, 0, -1
	for live < changes {
		d, err := m.Deliver(5, p.Next())
		switch {
		case err != nil:
			t.Fatal(err)
		case d.Retain && live > 0:
			t.Fatalf("%s was replayed after %d live messages", d.Topic, live)
		case d.Topic == "r/live":
			var n int
			if _, err := fmt.Sscan(string(d.Payload), &n); err != nil || n < last {
				t.Fatalf("got %s after %d", d.Payload, last)
			}
			last = n
			if !d.Retain {
				live++
			}
		default:
			replayed++
		}
	}
	close(quit)
	<-ended
	if replayed != topics {
		t.Errorf("%d of %d were replayed", replayed, topics)
	}
}

// meddling lets everybody in, and does something when a client asks for "last".
type meddling struct{ do func() }

func (g meddling) Login(l Login) (Grant, error) {
	return Grant{Name: l.User, Write: func(string) bool { return true }, Read: func(topic string) bool {
		if topic == "last" {
			g.do()
		}
		return true
	}}, nil
}

// What is published while the library works on a SUBSCRIBE is neither lost nor
// does it come after a younger value. The steps are the library's own.
func TestBroker_a_subscription_begins_at_one_moment(t *testing.T) {
	for _, topic := range []string{"r/#", "r/live"} {
		t.Run(topic, func(t *testing.T) {
			r := start(t, nil)
			p := r.join(login5("p"))
			p.Subscribe("old")
			p.ExpectNothing() // the library has done with it
			h, cl := &hook{b: r.Broker}, r.sessionConn("p").client
			say := func(n string) {
				_ = r.Publish("r/live", []byte(n), true)
				_ = r.Publish("old", []byte(n), true)
			}
			say("1")
			pk := h.OnSubscribe(cl, packets.Packet{
				FixedHeader: packets.FixedHeader{Type: packets.Subscribe}, PacketID: 7, Filters: packets.Subscriptions{{Filter: topic}},
			})
			say("2")
			r.server.Topics.Subscribe(cl.ID, pk.Filters[0])
			cl.State.Subscriptions.Add(topic, pk.Filters[0])
			say("3")
			h.OnSubscribed(cl, pk, []byte{0})
			say("4")
			h.OnPacketProcessed(cl, pk, nil)
			say("5")
			for _, want := range []string{"old 1", "old 2", "old 3", "r/live 3 again", "r/live 4", "old 4", "r/live 5", "old 5"} {
				d, err := m.Deliver(5, p.Next())
				got := d.Topic + " " + string(d.Payload)
				if d.Retain {
					got += " again"
				}
				if err != nil || got != want {
					t.Fatalf("got %q (%v), want %q", got, err, want)
				}
			}
			p.ExpectNothing()
		})
	}
}

func TestBroker_an_answer_waits_for_no_message_of_the_library(t *testing.T) {
	var r *rig
	var round atomic.Int64
	r = start(t, func(o *Options) {
		o.Gate = meddling{func() { // the library has the first filter already, and we do not
			for range 5 {
				_ = r.server.Publish(fmt.Sprint("room", round.Load(), "/x"), []byte("1"), false, 0)
			}
		}}
	})
	p := r.join(login("p"))
	for i := range int64(500) {
		round.Store(i)
		p.Subscribe(fmt.Sprint("room", i, "/#"), "last")
	}
	p.ExpectNothing()
}
