package discovery_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

func entry(seq uint64, name string, data string) journal.Entry {
	e := journal.Entry{Seq: seq, Time: epoch(), Name: name, Data: json.RawMessage(data)}
	for _, r := range journal.Events() {
		if r.Name == name && r.Origin == journal.FromPrinter {
			e.PrinterID, e.Serial, e.Printer = 1, "03900C000000001", "Workshop"
		}
	}
	return e
}

func TestFollower_TellsEveryEvent(t *testing.T) {
	b := newBed(t, fixed, a1())
	f := b.follower()
	for i, r := range journal.Events() {
		data := `{"job_name":"Bracket","milestone":25,"milestone_kind":"percent","reason":"a \"quoted\" reason"}`
		n := len(b.bus.Published())
		if err := f.Apply(t.Context(), []journal.Entry{entry(uint64(i+1), r.Name, data)}, 0); err != nil {
			t.Fatal(err)
		}
		got := b.bus.Published()[n:]
		if len(got) != 2 || got[0].Retain || got[1].Retain {
			t.Fatalf("%s: published %v, want an event and a trigger, not retained", r.Name, got)
		}
		base := map[journal.Origin]string{journal.FromPrinter: workshop, journal.FromTariff: "printwire/tariff/", journal.FromBridge: "printwire/bridge/"}[r.Origin]
		if got[0].Topic != base+"event" || got[1].Topic != base+"trigger" || string(got[1].Payload) != r.Name {
			t.Errorf("%s: topics %s and %s, trigger %s", r.Name, got[0].Topic, got[1].Topic, got[1].Payload)
		}
		var e map[string]any
		if err := json.Unmarshal(got[0].Payload, &e); err != nil {
			t.Fatal(err)
		}
		if e["event"] != r.Name || e["event_type"] != r.Name || e["seq"] != float64(i+1) || e["job_name"] != "Bracket" || e["time"] != "2026-03-01T12:00:00Z" {
			t.Errorf("%s: %s", r.Name, got[0].Payload)
		}
	}
	conforms(t, b.bus.Published())
	if seq, err := f.Cursor(t.Context()); err != nil || seq != uint64(len(journal.Events())) {
		t.Errorf("the cursor is %d, %v", seq, err)
	}
	t.Run("every event of a printer has a trigger", func(t *testing.T) {
		components := b.components(t, workshopID)
		for _, r := range journal.Events() {
			c := components["trigger_"+r.Name]
			if r.Origin == journal.FromPrinter && (c["payload"] != r.Name || c["topic"] != workshop+"trigger") {
				t.Errorf("%s: trigger %v", r.Name, c)
			}
		}
	})
}

func TestFollower_SkipsOldOnesAndOtherMilestones(t *testing.T) {
	b := newBed(t, func(o *discovery.Options) { o.Now, o.Milestones = epoch, []int{50} }, a1())
	old := entry(1, "print_complete", `{}`)
	old.Time = epoch().Add(-61 * time.Second)
	young := entry(2, "print_complete", `null`)
	young.Time = epoch().Add(-59 * time.Second)
	entries := []journal.Entry{old, young,
		entry(3, "print_progress", `{"milestone":25,"milestone_kind":"percent"}`),
		entry(4, "print_progress", `{"milestone":50,"milestone_kind":"percent"}`),
		entry(5, "print_progress", `{"milestone":50,"milestone_kind":"layer"}`),
		entry(6, "print_progress", `[]`),
		entry(7, "unheard_of", `{}`),
		{Seq: 8, Time: epoch(), Name: "print_started", Serial: "a/b", Data: json.RawMessage(`{}`)},
	}
	n := len(b.bus.Published())
	if err := b.follower().Apply(t.Context(), entries, 3); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range b.bus.Published()[n:] {
		if strings.HasSuffix(m.Topic, "/event") {
			var e struct{ Seq json.Number }
			if err := json.Unmarshal(m.Payload, &e); err != nil {
				t.Fatal(err)
			}
			told = append(told, e.Seq.String())
		}
	}
	if !slices.Equal(told, []string{"2", "4"}) {
		t.Errorf("told %v, want 2 and 4", told)
	}
	if seq, _ := b.follower().Cursor(t.Context()); seq != 8 {
		t.Errorf("the cursor is %d, want 8", seq)
	}
}

// broken is a Bus that loses its link after some messages.
type broken struct {
	*mqtttest.Fake
	left int
}

func (b *broken) Publish(topic string, payload []byte, retain bool) error {
	if b.left--; b.left < 0 && !retain {
		return errors.New("link lost")
	}
	return b.Fake.Publish(topic, payload, retain)
}

func TestFollower_FailureIsToldAgainWithTheSameSeq(t *testing.T) {
	bus := &broken{Fake: &mqtttest.Fake{}, left: 1 << 30}
	b := newBed(t, func(o *discovery.Options) { o.Now, o.Bus = epoch, bus }, a1())
	entries := []journal.Entry{entry(1, "print_started", `{}`), entry(2, "print_complete", `{}`)}
	bus.left = 3
	if err := b.follower().Apply(t.Context(), entries, 0); err == nil {
		t.Fatal("no error")
	}
	if seq, _ := b.follower().Cursor(t.Context()); seq != 0 {
		t.Errorf("the cursor is %d after a failure", seq)
	}
	bus.left = 1 << 30
	if err := b.follower().Apply(t.Context(), entries, 0); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, m := range bus.Published() {
		if m.Topic == workshop+"event" && strings.Contains(string(m.Payload), `"seq":1,`) {
			seen++
		}
	}
	if seen != 2 {
		t.Errorf("event 1 was told %d times, want twice", seen)
	}
}

func TestFollower_WaitsForAnAudienceAfterAStart(t *testing.T) {
	for _, c := range []struct {
		name   string
		comes  time.Duration // when somebody listens
		before time.Duration // nothing is told until then
		told   time.Duration
	}{
		{"told when somebody has settled", 5 * time.Second, 6 * time.Second, 8 * time.Second},
		{"told to nobody after half a minute", time.Hour, 29 * time.Second, 31 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := &mqtttest.Fake{}
				began := time.Now()
				d := discovery.New(discovery.Options{Bus: bus, Store: &store{}, Audience: func() bool { return time.Since(began) >= c.comes }})
				entry := journal.Entry{Seq: 1, Time: time.Now(), Name: "printer_online", Serial: "03900C000000001", Data: []byte(`{}`)}
				done := make(chan error, 1)
				go func() { done <- d.Follower(&places{}).Apply(t.Context(), []journal.Entry{entry}, 0) }() // owner: this test waits on done
				<-time.After(c.before)
				synctest.Wait()
				if n := len(bus.Published()); n != 0 {
					t.Errorf("%d messages told to an empty room", n)
				}
				<-time.After(c.told - c.before)
				if err := <-done; err != nil || len(bus.Published()) != 2 {
					t.Errorf("told %d messages, error %v", len(bus.Published()), err)
				}
			})
		})
	}
}
