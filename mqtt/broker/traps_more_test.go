package broker

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/mqtt/mqtttest"
)

func TestTrap_T11_T12_retained_messages_age(t *testing.T) {
	t.Parallel()
	old := time.Now().Add(-48 * time.Hour).Unix() // or the clock was two days behind then
	change := func(o *Options) {
		o.Retained = &disk{data: map[string][]byte{"retained/old": fmt.Appendf(nil, `{"v":1,"user":"anna","payload":"MQ==","created":%d}`, old)}}
	}
	trap(t, change, func(g *guards) { g.keep, g.replay = false, false }, func(t *testing.T, r *rig) string {
		if err := r.Publish("ours", []byte("1"), true); err != nil {
			t.Fatal(err)
		}
		p := r.join(login5("p"))
		p.Publish("theirs", "1", true)
		if !r.guards.replay { // then the library keeps and replays them
			r.server.Topics.RetainMessage(packets.Packet{TopicName: "old", Payload: []byte("1"), Created: old,
				FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: true}})
		}
		p.Send(mqtttest.Publish(5, 4, 77, "open", "x")) // a QoS 2 handshake left open
		if ack := p.Next(); ack.Type() != mqtttest.PUBREC {
			t.Fatalf("got %v, want a PUBREC", ack)
		}
		<-time.After(4500 * time.Millisecond)
		p.Send(mqtttest.Ack(mqtttest.PUBREL, 77))
		comp := p.Next()
		gone := ""
		for _, topic := range []string{"ours", "theirs", "old"} {
			q := r.join(login5("q"))
			q.Send(mqtttest.Subscribe(5, 1, nil, mqtttest.Filter{Topic: topic}))
			if !arrives(q, 30*time.Second) || !arrives(q, r.within(500*time.Millisecond)) { // SUBACK, value
				gone += topic + " "
			}
		}
		if gone != "" || bytes.Contains(comp.Body, []byte{0x92}) {
			return fmt.Sprintf("gone: %s; handshake: %v", gone, comp)
		}
		return ""
	})
}

func TestTrap_T14_retained_replay_is_incomplete(t *testing.T) {
	const topics, clients, size = 20000, 5, 1000 // more than the queue and the buffers of a socket hold
	trap(t, nil, func(g *guards) { g.replay, g.fanout = false, false }, func(t *testing.T, r *rig) string {
		payload := bytes.Repeat([]byte("v"), size)
		for i := range topics {
			if err := r.Publish(fmt.Sprintf("t/%d", i), payload, true); err != nil {
				t.Fatal(err)
			}
		}
		counts := make([]int, clients)
		peers := make([]*mqtttest.Peer, clients)
		for i := range peers {
			peers[i] = r.join(login(""))
			narrow(peers[i], 256<<10)
		}
		var wg sync.WaitGroup
		for i, p := range peers {
			wg.Go(func() {
				p.Send(mqtttest.Subscribe(4, 1, nil, mqtttest.Filter{Topic: "#", Options: byte(i % 3)}))
				<-time.After(500 * time.Millisecond) // as busy as Home Assistant is at its start
				seen := map[string]bool{}
				for len(seen) < topics {
					_ = p.SetReadDeadline(time.Now().Add(r.within(time.Second))) // what is lost does not come
					k, err := mqtttest.ReadPacket(p)
					if err != nil {
						break
					}
					if d, err := mqtttest.Deliver(4, k); err == nil && d.Retain && len(d.Payload) == size {
						seen[d.Topic] = true
					}
				}
				counts[i] = len(seen)
			})
		}
		wg.Wait()
		for _, n := range counts {
			if n != topics {
				return fmt.Sprintf("got %v of %d", counts, topics)
			}
		}
		return ""
	})
}

func TestTrap_T15_memory_of_an_idle_client(t *testing.T) {
	trap(t, nil, func(g *guards) { g.fanout = false }, func(t *testing.T, r *rig) string {
		heap := func() int64 {
			runtime.GC()
			runtime.GC() // pools let go of theirs at the second
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before := heap()
		for next := heap(); before-next > 64<<10; next = heap() { // what tests before this one left
			before = next
			<-time.After(10 * time.Millisecond)
		}
		const clients = 100
		for i := range clients {
			r.join(login(fmt.Sprint(i)))
		}
		if each := (heap() - before) / clients; each > 40<<10 {
			return fmt.Sprintf("%d bytes for an idle client", each)
		}
		return ""
	})
}

func TestTrap_T16_sessions_are_kept_for_ever(t *testing.T) {
	t.Parallel()
	trap(t, nil, func(g *guards) { g.expiry = false }, func(t *testing.T, r *rig) string {
		l := login5("s")
		l.Properties = []byte{0x11, 0xff, 0xff, 0xff, 0xff}
		if ack := r.dial().Connect(l); !bytes.Contains(ack.Body, []byte{0x11, 0, 0, 0x0e, 0x10}) {
			return fmt.Sprintf("no limit was announced: %v", ack)
		}
		return ""
	})
	t.Run("an expired session leaves no subscription", func(t *testing.T) {
		r := start(t, nil)
		l := login5("s")
		l.Properties = []byte{0x11, 0, 0, 0, 1}
		p := r.join(l)
		p.Subscribe("kept/#")
		_ = p.Close()
		eventually(t, "the session expired", func() bool {
			_, ok := r.server.Clients.Get("s")
			return !ok
		})
		if n := len(r.server.Topics.Subscribers("kept/x").Subscriptions); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
}

func TestTrap_T17_answers_to_refused_publishes(t *testing.T) {
	trap(t, nil, func(g *guards) { g.ack = false }, func(t *testing.T, r *rig) string {
		watch := r.join(login("watch"))
		watch.Subscribe("#")
		for _, version := range []byte{3, 4, 5} {
			for qos := byte(0); qos < 3; qos++ {
				p := r.join(mqtttest.Login{Version: version, Client: fmt.Sprint("p", version, qos), User: "limited", Password: "pw-limited"})
				p.Send(mqtttest.Publish(version, qos<<1|1, 5, "secret/x", "boo"))
				_ = p.SetReadDeadline(time.Now().Add(r.within(time.Second)))
				want := []byte{mqtttest.PINGRESP, mqtttest.PUBACK, mqtttest.PUBREC}[qos]
				if qos == 0 {
					_, _ = p.Write([]byte{0xc0, 0})
				}
				if k, err := mqtttest.ReadPacket(p); err != nil || k.Type() != want || len(k.Body) > 2 && k.Body[2] >= 0x80 {
					return fmt.Sprintf("version %d QoS %d: got %v, %v", version, qos, k, err)
				}
				if qos == 2 {
					p.Send(mqtttest.Ack(mqtttest.PUBREL, 5))
					if k := p.Next(); k.Type() != mqtttest.PUBCOMP {
						return fmt.Sprintf("got %v, want a PUBCOMP", k)
					}
				}
				if !answers(p) {
					return "disconnected"
				}
			}
		}
		watch.ExpectNothing()
		if _, ok := r.retained.at("secret/x"); ok || r.Stats().Denied != 9 {
			return fmt.Sprintf("retained %v, denied %d of 9", ok, r.Stats().Denied)
		}
		return ""
	})
}

func TestTrap_T18_topic_aliases(t *testing.T) {
	trap(t, nil, func(g *guards) { g.alias, g.fanout = false, false }, func(t *testing.T, r *rig) string {
		l := login5("a")
		l.Properties = []byte{0x22, 0, 10} // takes ten aliases
		p := r.join(l)
		p.Subscribe("long/topic")
		for range 3 {
			_ = r.Publish("long/topic", []byte("x"), false)
			if d, err := mqtttest.Deliver(5, p.Next()); err != nil || d.Topic != "long/topic" {
				return fmt.Sprintf("delivered as %q %x", d.Topic, d.Properties)
			}
		}
		p.Send(mqtttest.Publish(5, 0, 0, "", "x", 0x23, 0, 1))
		if k := p.Next(); k.Type() != mqtttest.DISCONNECT || k.Body[0] != 0x94 {
			return fmt.Sprintf("got %v, want topic alias invalid", k)
		}
		return ""
	})
}

func TestTrap_T19_a_client_id_of_another_user(t *testing.T) {
	trap(t, nil, func(g *guards) { g.bind = false }, func(t *testing.T, r *rig) string {
		live := r.join(login("live"))
		stored := login("stored")
		stored.Persist = true
		_ = r.join(stored).Close()
		eventually(t, "one is stored", func() bool { return len(r.Sessions()) == 1 })
		for _, id := range []string{"live", "stored"} {
			for version, code := range map[byte]byte{4: 2, 5: 0x85} {
				ack := r.dial().Connect(mqtttest.Login{Version: version, Client: id, User: "eve", Password: "pw-eve", Persist: true})
				if ack.Body[1] != code {
					return fmt.Sprintf("%s, version %d: %v", id, version, ack)
				}
			}
		}
		live.ExpectNothing()
		if !r.dial().Login(stored) {
			return "the session of its owner is gone"
		}
		return ""
	})
}

func TestTrap_T21_statistics_every_second(t *testing.T) {
	t.Parallel()
	trap(t, nil, func(g *guards) { g.quiet = false }, func(t *testing.T, r *rig) string {
		uptime := func() string {
			pk, _ := r.server.Topics.Retained.Get("$SYS/broker/time")
			return string(pk.Payload)
		}
		eventually(t, "the broker runs", func() bool { return uptime() != "" })
		before := uptime()
		if !r.guards.quiet {
			eventually(t, "statistics are made", func() bool { return uptime() != before })
		}
		<-time.After(2200 * time.Millisecond)
		if uptime() != before {
			return "statistics are made while nobody asks"
		}
		return ""
	})
}

func TestTrap_T22_the_library_does_not_end(t *testing.T) {
	t.Parallel()
	short := func(o *Options) { o.StopTimeout = 300 * time.Millisecond }
	trap(t, short, func(g *guards) { g.bounded = false }, func(t *testing.T, r *rig) string {
		r.join(login("c"))
		r.server.Listeners.ClientsWg.Add(1) // a client that never ends
		ended := make(chan struct{})
		go func() { // owner: the test; Done below frees it
			defer close(ended)
			_ = r.stop()
		}()
		defer func() { <-ended }()
		defer r.server.Listeners.ClientsWg.Done()
		select {
		case <-ended:
			return ""
		case <-time.After(r.within(1500 * time.Millisecond)):
			return "Run did not return"
		}
	})
}

func TestTrap_T23_an_oversized_packet_holds_others_back(t *testing.T) {
	trap(t, nil, func(g *guards) { g.fanout = false }, func(t *testing.T, r *rig) string {
		l := login5("small")
		l.Properties = []byte{0x27, 0, 0, 0, 200} // takes 200 bytes
		p := r.join(l)
		p.Subscribe("#")
		c := r.sessionConn("small")
		c.client.Lock() // both messages are to be in the library's queue
		_ = r.Publish("a", []byte("fits"), false)
		_ = r.Publish("b", bytes.Repeat([]byte("x"), 300), false)
		<-time.After(50 * time.Millisecond)
		c.client.Unlock()
		if !arrives(p, r.within(500*time.Millisecond)) {
			return "the message before waits in the buffer"
		}
		return ""
	})
}

func TestTrap_T24_the_old_connection_stays_open(t *testing.T) {
	for _, version := range []byte{4, 5} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			trap(t, patient, func(g *guards) { g.stop = false }, func(t *testing.T, r *rig) string {
				l := login("same")
				l.Version = version
				old, next := r.join(l), r.dial()
				next.Login(l)
				_ = old.SetReadDeadline(time.Now().Add(r.within(time.Second)))
				k, err := mqtttest.ReadPacket(old)
				if version == 5 {
					if err != nil || k.Type() != mqtttest.DISCONNECT || k.Body[0] != 0x8e {
						t.Errorf("got %v, %v, want session taken over", k, err)
					}
					_, err = mqtttest.ReadPacket(old)
				}
				if version == 4 && r.guards.stop && err == nil && k.Type() == mqtttest.PINGRESP {
					_, err = mqtttest.ReadPacket(old)
				}
				next.ExpectNothing()
				if version == 4 && !r.guards.stop { // closed because we never send it a DISCONNECT
					return "shown with version 5"
				}
				if err == nil || time.Until(time.Now()) > 0 {
					return "got another packet"
				}
				if n, ok := err.(interface{ Timeout() bool }); ok && n.Timeout() {
					return "still open"
				}
				return ""
			})
		})
	}
}

func TestTrap_T25_delivery_to_one_client(t *testing.T) {
	r := start(t, nil)
	one, two := r.join(login("one")), r.join(login("two"))
	one.Subscribe("device/+")
	two.Subscribe("device/+")
	for i := range 3 {
		_ = r.Publish("device/x", []byte(fmt.Sprint("all ", i)), false)
		if err := r.Deliver("one", "device/x", []byte(fmt.Sprint("one ", i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		one.ExpectMessage("device/x", fmt.Sprint("all ", i))
		one.ExpectMessage("device/x", fmt.Sprint("one ", i))
		two.ExpectMessage("device/x", fmt.Sprint("all ", i))
	}
	two.ExpectNothing()
}
