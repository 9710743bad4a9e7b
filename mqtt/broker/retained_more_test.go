package broker

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt"
	m "github.com/printwire/printwire/mqtt/mqtttest"
)

func TestRetained_the_library_keeps_no_copy(t *testing.T) {
	r := start(t, nil)
	system := func() int { return len(r.server.Topics.Messages("$SYS/#")) } // which it makes once, at the start
	eventually(t, "the library has begun", func() bool { return system() > 0 })
	_ = r.Publish("ours", []byte("1"), true)
	p := r.join(login("p"))
	for qos := range byte(3) {
		p.Send(m.Publish(4, qos<<1|1, uint16(qos)+1, fmt.Sprint("theirs/", qos), "1"))
		if qos > 0 {
			p.Next()
		}
	}
	_ = r.Publish("ours", []byte("2"), true)
	l := login("w")
	l.Will = &m.Will{Topic: "will", Payload: "gone", Retain: true}
	_ = r.join(l).Close()
	eventually(t, "five are retained", func() bool { return r.Stats().Retained == 5 })
	if n := r.server.Topics.Retained.Len() - system(); n != 0 {
		t.Errorf("the library holds %d, want none", n)
	}
	q := r.join(login("q"))
	for topic, payload := range map[string]string{"ours": "2", "theirs/0": "1", "theirs/1": "1", "theirs/2": "1", "will": "gone"} {
		q.Subscribe(topic)
		if d := q.ExpectMessage(topic, payload); !d.Retain {
			t.Errorf("%s is not marked retained", topic)
		}
	}
}

func TestRetained_wills(t *testing.T) {
	for name, properties := range map[string]string{"at once": "26 0001 6b 0001 76", "delayed": "18 00000001 26 0001 6b 0001 76"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			watch := r.join(login5("watch"))
			watch.Send(m.Subscribe(5, 1, nil, m.Filter{Topic: "w/#", Options: 0x08}))
			suback(t, 5, watch)
			l := login5("w")
			l.Properties = raw(t, "11 00000010")
			for _, payload := range []string{"gone", ""} {
				l.Will = &m.Will{Topic: "w/x", Payload: payload, Retain: true, Properties: raw(t, properties)}
				_ = r.join(l).Close()
				if d := watch.ExpectMessage("w/x", payload); !d.Retain {
					t.Error("the retain flag was taken off")
				}
				late := r.join(login5(""))
				if payload == "" {
					eventually(t, "nothing is retained", func() bool { return r.Stats().Retained == 0 })
					late.Subscribe("w/x")
					late.ExpectNothing()
					continue
				}
				eventually(t, "it is retained for its user", func() bool {
					v, ok := r.retained.at("w/x")
					return ok && v.by != nil && v.by.user == "anna" && v.by.client == "w"
				})
				late.Subscribe("w/x")
				if d := late.ExpectMessage("w/x", payload); !d.Retain || !bytes.Equal(d.Properties, raw(t, "26 0001 6b 0001 76")) {
					t.Errorf("retained %v with properties %x, want its user property", d.Retain, d.Properties)
				}
			}
		})
	}
}

func TestRetained_a_surplus_flag_of_a_missing_will_is_malformed(t *testing.T) {
	p := start(t, nil).dial()
	p.SendBytes([]byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x22, 0, 60, 0, 1, 'x'})
	p.ExpectClosed()
}

func TestRetained_a_clients_message_as_published(t *testing.T) {
	r := start(t, nil)
	as := r.join(login5("as"))
	as.Send(m.Subscribe(5, 1, nil, m.Filter{Topic: "a/#", Options: 0x08}))
	suback(t, 5, as)
	not := r.join(login5("not"))
	not.Subscribe("a/#")
	p := r.join(login("p"))
	for _, retain := range []bool{true, false} {
		p.Publish("a/x", "1", retain)
		if d := as.ExpectMessage("a/x", "1"); d.Retain != retain {
			t.Errorf("published with retain %v, came with %v", retain, d.Retain)
		}
		if d := not.ExpectMessage("a/x", "1"); d.Retain {
			t.Error("a live message is marked retained")
		}
	}
}

func TestRetained_what_expired_is_not_replayed_and_takes_no_room(t *testing.T) {
	var ahead atomic.Int64
	r := start(t, func(o *Options) {
		o.RetainedTopics = 2
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	p := r.join(login5("p"))
	p.Send(m.Publish(5, 1, 0, "short", "v", raw(t, "02 0000000a")...), m.Publish(5, 1, 0, "long", "v", raw(t, "02 00000e10")...))
	p.Publish("more", "v", true)
	if n := r.Stats(); n.Denied != 1 || n.Retained != 2 {
		t.Fatalf("got %+v, want two and no room for a third", n)
	}
	ahead.Store(int64(20 * time.Second))
	q := r.join(login5("q"))
	q.Subscribe("short", "+")
	if d := q.ExpectMessage("long", "v"); !bytes.HasPrefix(d.Properties, []byte{2, 0, 0, 0x0d}) { // 3,580 s or a little less
		t.Errorf("properties %x, want the time that is left", d.Properties)
	}
	q.ExpectNothing()
	p.Publish("more", "v", true)
	q.ExpectMessage("more", "v")
	if n := r.Stats(); n.Denied != 1 || n.Retained != 2 || len(r.retained.aging) != 1 {
		t.Errorf("got %+v and %v, want the place of the one that expired taken", n, r.retained.aging)
	}
}

func TestRetained_properties_count(t *testing.T) {
	r := start(t, func(o *Options) { o.RetainedBytes = 1000 })
	p := r.join(login5("p"))
	user := append([]byte{0x26, 0, 1, 'k', 0x03, 0xe8}, bytes.Repeat([]byte("v"), 1000)...)
	p.Send(m.Publish(5, 1, 0, "a", "v", user...))
	p.ExpectNothing()
	if n := r.Stats(); n.Denied != 1 || n.Retained != 0 {
		t.Errorf("got %+v, want it denied", n)
	}
}

func TestRetained_a_small_part_of_a_large_buffer_is_copied(t *testing.T) {
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	buffer := append(make([]byte, 0, 1<<20), "12"...)
	_ = b.Publish("a", buffer[:1], true)
	if v, _ := b.retained.at("a"); cap(v.payload) > 100 || string(v.payload) != "1" {
		t.Errorf("%q holds %d bytes", v.payload, cap(v.payload))
	}
}

func TestSubscription_is_bounded_by_bytes(t *testing.T) {
	called, hold, got := make(chan struct{}, 1000), make(chan struct{}), make(chan mqtt.Message, 1000)
	var dropped atomic.Uint64
	s := &subscription{filter: "#", fn: func(m mqtt.Message) { called <- struct{}{}; <-hold; got <- m }, dropped: &dropped}
	s.push(mqtt.Message{Topic: "first"})
	<-called // and stuck
	big := []byte(strings.Repeat("x", 1<<20))
	const n = 200
	for i := range n {
		s.push(mqtt.Message{Topic: fmt.Sprint(i), Payload: big})
	}
	s.mu.Lock()
	waiting, size := len(s.queue), s.bytes
	s.mu.Unlock()
	s.push(mqtt.Message{Topic: "huge", Payload: bytes.Repeat(big, 40)}) // more than the bound alone
	close(hold)
	seen := 0
	for m := range got {
		if seen++; m.Topic == "huge" {
			break
		}
	}
	if waiting != 32 || size != 32<<20 || seen != 2 || dropped.Load() != n {
		t.Errorf("%d of %d bytes waited, %d seen, %d dropped; want 32 of 32 MiB, the first and the last seen", waiting, size, seen, dropped.Load())
	}
}

// BenchmarkRetained_heap is what 10,000 retained values of 100 bytes take.
func BenchmarkRetained_heap(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const topics = 10000
	for b.Loop() {
		before := heap()
		r, err := New(Options{})
		if err != nil {
			b.Fatal(err)
		}
		for i := range topics {
			if err := r.Publish(fmt.Sprintf("printwire/%04d/sensor_%03d/state", i/100, i%100), make([]byte, 100), true); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/topics, "B/topic")
		runtime.KeepAlive(r)
	}
}
