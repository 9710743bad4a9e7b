package mqtttest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

// patience is how long a message may take, on a machine that does much else.
const patience = 30 * time.Second

// Client is another client of the broker that a Bus is or talks to. When
// Publish returns, the broker has the message; when Subscribe returns, it knows
// the subscription.
type Client interface {
	Publish(topic string, payload []byte, retain bool) error
	Subscribe(filter string, fn func(mqtt.Message)) (stop func(), err error)
}

// Setup is a Bus under test and another client of the same broker.
type Setup struct {
	Bus   mqtt.Bus
	Other Client
}

// Conform is the suite that every Bus must pass. Each subtest asks for a new Bus
// on an empty broker.
func Conform(t *testing.T, newBus func(t *testing.T) Setup) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, Setup)
	}{
		{"a message reaches another client", reaches},
		{"a retained value reaches a later client", retains},
		{"an unchanged retained value is not sent again", unchanged},
		{"equal messages that are not retained are all sent", repeats},
		{"clear removes the value and tells subscribers", clears},
		{"subscribe gets other clients' messages in order, one at a time", ordered},
		{"subscribe does not get the bus's own messages", notOwn},
		{"subscribe gets what others retained, marked so", othersRetained},
		{"a filter matches as MQTT says", filters},
		{"no call begins after stop", stops},
		{"a slow subscriber holds nobody up and sees the newest", slow},
		{"two subscriptions are independent", independent},
		{"bad topics and payloads are invalid", invalid},
		{"publish may be called from many goroutines", concurrent},
		{"resend changes no value", resends},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newBus(t)) })
	}
}

// inbox collects messages of a subscription.
type inbox chan mqtt.Message

func open(t *testing.T, c Client, filter string) inbox {
	t.Helper()
	in := make(inbox, 4096)
	stop, err := c.Subscribe(filter, func(m mqtt.Message) { in <- m })
	if err != nil {
		t.Fatalf("Subscribe(%q): %v", filter, err)
	}
	t.Cleanup(stop)
	return in
}

func (in inbox) want(t *testing.T, topic, payload string) mqtt.Message {
	t.Helper()
	select {
	case m := <-in:
		if m.Topic != topic || string(m.Payload) != payload {
			t.Fatalf("got %q = %.80q, want %q = %.80q", m.Topic, m.Payload, topic, payload)
		}
		return m
	case <-time.After(patience):
		t.Fatalf("nothing came, want %q = %.80q", topic, payload)
	}
	return mqtt.Message{}
}

func publish(t *testing.T, c Client, topic, payload string, retain bool) {
	t.Helper()
	if err := c.Publish(topic, []byte(payload), retain); err != nil {
		t.Fatalf("Publish(%q): %v", topic, err)
	}
}

func reaches(t *testing.T, s Setup) {
	in := open(t, s.Other, "a/#")
	publish(t, s.Bus, "a/b", "1", false)
	if m := in.want(t, "a/b", "1"); m.Retain {
		t.Error("a live message is marked retained")
	}
	publish(t, s.Bus, "a/c", strings.Repeat("x", 200<<10), false)
	in.want(t, "a/c", strings.Repeat("x", 200<<10))
}

func retains(t *testing.T, s Setup) {
	watch := open(t, s.Other, "r/+")
	publish(t, s.Bus, "r/a", "old", true)
	publish(t, s.Bus, "r/a", "new", true)
	publish(t, s.Bus, "r/b", "live", false)
	watch.want(t, "r/a", "old")
	watch.want(t, "r/a", "new")
	watch.want(t, "r/b", "live")
	late := open(t, s.Other, "r/#")
	if m := late.want(t, "r/a", "new"); !m.Retain {
		t.Error("a replayed message is not marked retained")
	}
	publish(t, s.Bus, "r/b", "end", false)
	late.want(t, "r/b", "end")
}

func unchanged(t *testing.T, s Setup) {
	in := open(t, s.Other, "u/#")
	for _, v := range []string{"1", "1", "1", "2", "2", "1"} {
		publish(t, s.Bus, "u/v", v, true)
	}
	publish(t, s.Bus, "u/end", "", false)
	for _, v := range []string{"1", "2", "1"} {
		in.want(t, "u/v", v)
	}
	in.want(t, "u/end", "")
}

func repeats(t *testing.T, s Setup) {
	in := open(t, s.Other, "e/#")
	for range 3 {
		publish(t, s.Bus, "e/v", "same", false)
	}
	for range 3 {
		in.want(t, "e/v", "same")
	}
}

func clears(t *testing.T, s Setup) {
	in := open(t, s.Other, "c/#")
	publish(t, s.Bus, "c/a", "1", true)
	publish(t, s.Bus, "c/b", "2", true)
	in.want(t, "c/a", "1")
	in.want(t, "c/b", "2")
	if err := s.Bus.Clear("c/a", "c/b"); err != nil {
		t.Fatalf("Clear: %v", err)
	}
	in.want(t, "c/a", "")
	in.want(t, "c/b", "")
	late := open(t, s.Other, "c/+")
	publish(t, s.Bus, "c/a", "1", true) // the same value as before, and yet new
	late.want(t, "c/a", "1")
	if err := s.Bus.Clear("c/+"); !fault.Is(err, fault.Invalid) {
		t.Errorf("Clear with a wildcard = %v, want invalid", err)
	}
}

func ordered(t *testing.T, s Setup) {
	var running atomic.Int32
	in := make(inbox, 512)
	stop, err := s.Bus.Subscribe("o/+", func(m mqtt.Message) {
		if running.Add(1) > 1 {
			t.Error("two calls at once")
		}
		in <- m
		running.Add(-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for i := range 300 {
		publish(t, s.Other, fmt.Sprintf("o/%d", i%3), fmt.Sprint(i), false)
	}
	for i := range 300 {
		if m := in.want(t, fmt.Sprintf("o/%d", i%3), fmt.Sprint(i)); m.Retain {
			t.Fatal("a live message is marked retained")
		}
	}
}

func notOwn(t *testing.T, s Setup) {
	in := open(t, s.Bus, "n/#")
	publish(t, s.Bus, "n/a", "mine", false)
	publish(t, s.Bus, "n/b", "mine too", true)
	publish(t, s.Other, "n/c", "yours", false)
	in.want(t, "n/c", "yours")
}

func othersRetained(t *testing.T, s Setup) {
	publish(t, s.Other, "p/a", "kept", true)
	in := open(t, s.Bus, "p/#")
	if m := in.want(t, "p/a", "kept"); !m.Retain {
		t.Error("not marked retained")
	}
	publish(t, s.Other, "p/a", "next", true)
	if m := in.want(t, "p/a", "next"); m.Retain {
		t.Error("a live message is marked retained")
	}
}

func filters(t *testing.T, s Setup) {
	for i, c := range []struct {
		filter    string
		yes, nope []string
	}{
		{"f/+/x", []string{"f/a/x", "f//x"}, []string{"f/x", "f/a/b/x"}},
		{"f/a/#", []string{"f/a", "f/a/b", "f/a/b/c"}, []string{"f/ab"}},
		{"f/a", []string{"f/a"}, []string{"f/a/", "/f/a", "F/a"}},
		{"f/+", []string{"f/", "f/b"}, []string{"f"}},
		{"+/+", []string{"f/b", "/b"}, []string{"f", "f/b/c"}},
	} {
		in := open(t, s.Bus, c.filter)
		end := fmt.Sprint("end ", i)
		for _, topic := range append(c.nope, c.yes...) {
			publish(t, s.Other, topic, end, false)
		}
		for _, topic := range c.yes {
			in.want(t, topic, end)
		}
	}
	for _, f := range []string{"", "a/#/b", "a#", "a+/b", "a/\x00", strings.Repeat("x", mqtt.MaxTopic+1)} {
		if _, err := s.Bus.Subscribe(f, func(mqtt.Message) {}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Subscribe(%.20q) = %v, want invalid", f, err)
		}
	}
}

func stops(t *testing.T, s Setup) {
	var after atomic.Bool
	var calls atomic.Int32
	stop, err := s.Bus.Subscribe("s/#", func(mqtt.Message) {
		if after.Load() {
			t.Error("called after stop")
		}
		calls.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	in := open(t, s.Bus, "s/#")
	publish(t, s.Other, "s/a", "1", false)
	in.want(t, "s/a", "1")
	for deadline := time.Now().Add(patience); calls.Load() == 0 && time.Now().Before(deadline); {
		publish(t, s.Other, "s/a", "again", false)
		in.want(t, "s/a", "again")
	}
	stop()
	stop() // harmless
	after.Store(true)
	publish(t, s.Other, "s/a", "2", false)
	in.want(t, "s/a", "2")
}

func slow(t *testing.T, s Setup) {
	hold, begun := make(chan struct{}), make(chan struct{}, 1)
	var mu sync.Mutex
	last := ""
	stop, err := s.Bus.Subscribe("slow/#", func(m mqtt.Message) {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-hold
		mu.Lock()
		defer mu.Unlock()
		last = string(m.Payload)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	fast := open(t, s.Bus, "slow/#")
	const n = 3000
	for i := range n {
		publish(t, s.Other, "slow/v", fmt.Sprint(i), false)
		fast.want(t, "slow/v", fmt.Sprint(i))
	}
	publish(t, s.Bus, "slow/own", "not held up", false)
	<-begun
	close(hold)
	for deadline := time.Now().Add(patience); ; {
		mu.Lock()
		got := last
		mu.Unlock()
		if got == fmt.Sprint(n-1) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the slow subscriber saw %q last, want %d", got, n-1)
		}
		publish(t, s.Other, "fill", "", false) // passes time
	}
}

func independent(t *testing.T, s Setup) {
	one, two := open(t, s.Bus, "i/a"), open(t, s.Bus, "i/#")
	publish(t, s.Other, "i/a", "1", false)
	publish(t, s.Other, "i/b", "2", false)
	one.want(t, "i/a", "1")
	two.want(t, "i/a", "1")
	two.want(t, "i/b", "2")
}

func invalid(t *testing.T, s Setup) {
	for _, topic := range []string{"", "a/+", "#", "a/\x00b", "a\nb", "\xff", "$SYS/x", "$x", strings.Repeat("x", mqtt.MaxTopic+1)} {
		for _, retain := range []bool{false, true} {
			if err := s.Bus.Publish(topic, []byte("x"), retain); !fault.Is(err, fault.Invalid) {
				t.Errorf("Publish(%.20q) = %v, want invalid", topic, err)
			}
		}
	}
	if err := s.Bus.Publish("big", bytes.Repeat([]byte("x"), mqtt.MaxPayload+1), false); !fault.Is(err, fault.Invalid) {
		t.Errorf("Publish of a large payload = %v, want invalid", err)
	}
	if err := s.Bus.Clear("$SYS/x"); !fault.Is(err, fault.Invalid) {
		t.Errorf("Clear = %v, want invalid", err)
	}
}

func concurrent(t *testing.T, s Setup) {
	in := open(t, s.Other, "m/#")
	var wg sync.WaitGroup
	const writers, each = 8, 50
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := s.Bus.Publish(fmt.Sprintf("m/%d", w), []byte(fmt.Sprint(i)), i%2 == 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := map[string]int{}
	for range writers * each {
		select {
		case m := <-in:
			if string(m.Payload) != fmt.Sprint(next[m.Topic]) {
				t.Fatalf("%s: got %s, want %d", m.Topic, m.Payload, next[m.Topic])
			}
			next[m.Topic]++
		case <-time.After(patience):
			t.Fatalf("messages are missing: %v", next)
		}
	}
}

func resends(t *testing.T, s Setup) {
	publish(t, s.Bus, "z/a", "1", true)
	publish(t, s.Bus, "z/b", "2", true)
	in := open(t, s.Other, "z/#")
	want := map[string]string{"z/a": "1", "z/b": "2", "z/end": ""}
	s.Bus.Resend()
	publish(t, s.Bus, "z/end", "", false)
	for {
		select {
		case m := <-in:
			if v, ok := want[m.Topic]; !ok || v != string(m.Payload) {
				t.Fatalf("got %q = %q", m.Topic, m.Payload)
			}
			if m.Topic == "z/end" {
				return
			}
		case <-time.After(patience):
			t.Fatal("nothing came")
		}
	}
}
