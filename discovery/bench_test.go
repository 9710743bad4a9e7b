package discovery_test

import (
	"testing"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/printer"
)

// sink is a Bus that drops everything.
type sink struct{ n int }

func (s *sink) Publish(string, []byte, bool) error { s.n++; return nil }
func (s *sink) Clear(...string) error              { return nil }
func (s *sink) Resend()                            {}
func (s *sink) Subscribe(string, func(mqtt.Message)) (func(), error) {
	return func() {}, nil
}

// BenchmarkApply_FourValues is one report of an X1C with two AMS in which four values changed.
func BenchmarkApply_FourValues(b *testing.B) {
	out := &sink{}
	bed := newBed(b, func(o *discovery.Options) { o.Bus = out }, x1c())
	prev, next := x1c(), x1c()
	i, at := 0, out.n
	b.ReportAllocs()
	for b.Loop() {
		i++
		v := float64(i % 2)
		next.State.Nozzles[0].Temperature, next.State.Bed.Temperature = some(220+v), some(60+v)
		next.State.Job.Progress, next.State.Job.Layer = some(i%100), some(i%100)
		bed.Apply(b.Context(), []printer.Change{{Prev: prev, Next: next}})
	}
	b.ReportMetric(float64(out.n-at)/float64(i), "messages/op")
}

// BenchmarkApply_Nothing is one report in which nothing changed.
func BenchmarkApply_Nothing(b *testing.B) {
	bed := newBed(b, func(o *discovery.Options) { o.Bus = &sink{} }, x1c())
	b.ReportAllocs()
	for b.Loop() {
		bed.Apply(b.Context(), []printer.Change{{Prev: x1c(), Next: x1c()}})
	}
}

// BenchmarkApply_Burst is the cost of a document: reports so far apart that each has one.
func BenchmarkApply_Burst(b *testing.B) {
	out, now := &sink{}, epoch()
	bed := newBed(b, func(o *discovery.Options) { o.Bus, o.Now = out, func() time.Time { return now } }, x1c())
	snap := x1c()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(2 * time.Second)
		bed.Apply(b.Context(), []printer.Change{{Prev: snap, Next: snap}})
		bed.Look(now)
	}
}

// BenchmarkPrepare_Thousand is the start with 1,000 printers.
func BenchmarkPrepare_Thousand(b *testing.B) {
	snaps := make([]printer.Snapshot, 1000)
	for i := range snaps {
		snaps[i] = x1c()
		snaps[i].Config.ID = i + 1
		snaps[i].Config.Serial = "00M" + time.Duration(i).String()[:1] + string(rune('A'+i%26)) + string(rune('A'+i/26%26)) + string(rune('A'+i/676))
	}
	b.ReportAllocs()
	for b.Loop() {
		newBed(b, func(o *discovery.Options) { o.Bus = &sink{} }, snaps...)
	}
}
