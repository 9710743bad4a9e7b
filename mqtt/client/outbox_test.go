package client

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestBackoff_Next(t *testing.T) {
	for _, r := range []float64{0, 0.5, 0.999} {
		b := Backoff{Random: func() float64 { return r }}
		for range 2 {
			if first := b.Next(); first < 100*time.Millisecond || first > 300*time.Millisecond {
				t.Errorf("first wait %v, want 100–300 ms", first)
			}
			want := time.Second
			for range 10 {
				if got := b.Next(); got < want*8/10 || got > min(want*12/10, 30*time.Second) {
					t.Errorf("wait %v, want about %v", got, want)
				}
				want = min(2*want, 30*time.Second)
			}
			b.Reset()
		}
	}
}

// drain is all that the outbox gives, as topic=payload.
func drain(o *outbox) string {
	var all []string
	for {
		p, ok := o.next()
		if !ok {
			return strings.Join(all, " ")
		}
		o.done(p)
		all = append(all, p.topic+"="+string(p.payload))
	}
}

// outboxCase is what is done to an outbox and what it gives then.
type outboxCase struct {
	name string
	do   func(*outbox)
	want string
}

func outboxCases() []outboxCase {
	put := func(o *outbox, topic, value string) { o.put(topic, []byte(value)) }
	return []outboxCase{
		{"connected, every value is sent in order", func(o *outbox) {
			o.connect()
			put(o, "a", "1")
			put(o, "b", "1")
			o.event("e", []byte("x"))
			put(o, "a", "2")
		}, "a=1 b=1 e=x a=2"},
		{"away, the newest value takes the first place", func(o *outbox) {
			put(o, "a", "1")
			put(o, "b", "1")
			o.event("e", []byte("x"))
			put(o, "a", "2")
			put(o, "a", "3")
			o.connect()
		}, "a=3 b=1 e=x"},
		{"what waited at a loss is the newest afterwards", func(o *outbox) {
			o.connect()
			put(o, "a", "1")
			put(o, "a", "2")
			o.live = false
			put(o, "a", "3")
			o.connect()
		}, "a=3"},
		{"an equal value is nothing", func(o *outbox) {
			o.connect()
			put(o, "a", "1")
			put(o, "a", "1")
		}, "a=1"},
		{"a removal that waits is one", func(o *outbox) {
			put(o, "a", "1")
			put(o, "a", "")
			put(o, "a", "")
			o.connect()
		}, "a="},
		{"a value after a removal is sent though it is the old one", func(o *outbox) {
			o.connect()
			put(o, "a", "1")
			put(o, "a", "")
			put(o, "a", "1")
		}, "a=1 a= a=1"},
		{"a parcel that came back goes first", func(o *outbox) {
			o.connect()
			put(o, "a", "1")
			put(o, "b", "1")
			p, _ := o.next()
			o.back(p)
			o.event("e", nil)
			e := parcel{topic: "first"}
			o.back(e)
		}, "first= a=1 b=1 e="},
	}
}

func TestOutbox_Order(t *testing.T) {
	for _, c := range outboxCases() {
		t.Run(c.name, func(t *testing.T) {
			o := newOutbox(10)
			c.do(&o)
			if got := drain(&o); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestOutbox_Bounds(t *testing.T) {
	t.Run("the oldest events go and are counted", func(t *testing.T) {
		o := newOutbox(3)
		for i := range 5 {
			o.event("e", fmt.Append(nil, i))
		}
		if got := drain(&o); got != "e=2 e=3 e=4" || o.dropped != 2 {
			t.Errorf("got %q, %d dropped", got, o.dropped)
		}
	})
	t.Run("events are bounded in bytes", func(t *testing.T) {
		o := newOutbox(1000)
		for range 100 {
			o.event("e", make([]byte, 256<<10))
		}
		if o.bytes > mostEventBytes || len(o.events) != 16 || o.dropped != 84 {
			t.Errorf("%d events of %d bytes, %d dropped", len(o.events), o.bytes, o.dropped)
		}
	})
	t.Run("values are bounded by their topics when nobody reads", func(t *testing.T) {
		o := newOutbox(10)
		o.connect()
		for i := range 100_000 {
			o.put(fmt.Sprint("t", i%10), fmt.Append(nil, i))
		}
		if len(o.values) > mostTickets+10 {
			t.Errorf("%d values wait", len(o.values))
		}
		if got := drain(&o); !strings.Contains(got, "t9=99999") {
			t.Error("the newest value is lost")
		}
	})
	t.Run("topics that come and go leave nothing", func(t *testing.T) {
		o := newOutbox(10)
		o.connect()
		for i := range 10_000 {
			topic := fmt.Sprint("t", i)
			o.put(topic, []byte("x"))
			o.put(topic, nil)
			drain(&o)
		}
		if len(o.held) != 0 || len(o.order) > 100 {
			t.Errorf("%d held, %d remembered", len(o.held), len(o.order))
		}
	})
}

// world is an outbox, a broker that keeps the last message of each topic, and
// a connection that breaks.
type world struct {
	outbox
	r      *rand.Rand
	want   map[string]string
	broker map[string]string
}

// take delivers a parcel, or loses it and the connection with it.
func (w *world) take(p parcel, ok, mayLose bool) {
	switch {
	case !ok:
	case !w.live || mayLose && w.r.IntN(4) == 0:
		w.back(p)
		w.live = false
	default:
		w.done(p)
		w.broker[p.topic] = string(p.payload)
	}
}

// step does something at random.
func (w *world) step() {
	topic := fmt.Sprint("t", w.r.IntN(5))
	switch w.r.IntN(8) {
	case 0:
		w.want[topic] = ""
		w.put(topic, nil)
	case 1, 2, 3:
		w.want[topic] = fmt.Sprint(w.r.IntN(3))
		w.put(topic, []byte(w.want[topic]))
	case 4:
		p, ok := w.next()
		w.take(p, ok, true)
	case 5:
		p, _, ok := w.nextAgain()
		w.take(p, ok, true)
	case 6:
		if !w.live {
			w.connect()
			w.restart("")
		}
	case 7:
		w.restart("t1")
	}
}

// TestOutbox_Property: whatever happens in between, a broker that keeps the
// last message of each topic ends with what was put last.
func TestOutbox_Property(t *testing.T) {
	for seed := range uint64(500) {
		w := &world{
			outbox: newOutbox(10), r: rand.New(rand.NewPCG(seed, 1)),
			want: map[string]string{}, broker: map[string]string{},
		}
		for range 400 {
			w.step()
		}
		w.connect()
		w.restart("")
		for more := true; more; {
			p, ok := w.next()
			if !ok {
				p, _, ok = w.nextAgain()
			}
			w.take(p, ok, false)
			more = ok
		}
		for topic, value := range w.want {
			if w.broker[topic] != value {
				t.Fatalf("seed %d: %s is %q at the broker, want %q", seed, topic, w.broker[topic], value)
			}
		}
	}
}

func TestEchoes_Bounded(t *testing.T) {
	e, now := newEchoes(), time.Now()
	for i := range 10_000 {
		e.note("t", fmt.Append(nil, i), now)
	}
	if len(e.sent) != echoesKept {
		t.Errorf("%d are remembered, want %d", len(e.sent), echoesKept)
	}
	if !e.ours("t", []byte("9999"), now) || e.ours("t", []byte("9999"), now.Add(echoLife)) || e.ours("t", []byte("0"), now) {
		t.Error("the newest must be known for 30 s, the oldest forgotten")
	}
}
