package discovery_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/fault"
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

// fleet are n printers of a model, each with a serial of its own.
func fleet(n int, model func() printer.Snapshot) []printer.Snapshot {
	snaps := make([]printer.Snapshot, n)
	for i := range snaps {
		snaps[i] = model()
		snaps[i].Config.ID, snaps[i].Config.Serial = i+1, fmt.Sprintf("00M00L%09d", i)
	}
	return snaps
}

// BenchmarkHeap_printer is what discovery itself keeps of one printer: a sink
// keeps nothing of what it is given.
func BenchmarkHeap_printer(b *testing.B) {
	for name, model := range map[string]func() printer.Snapshot{"X1C": x1c, "A1": a1} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				const printers = 100
				snaps, before := fleet(printers, model), heapNow()
				bed := newBed(b, func(o *discovery.Options) { o.Bus, o.Store = &sink{}, nowhere{} }, snaps...)
				b.ReportMetric(float64(heapNow()-before)/printers/1024, "kB/printer")
				runtime.KeepAlive(bed)
			}
		})
	}
}

// nowhere is a Store that keeps nothing.
type nowhere struct{}

func (nowhere) Value(key string) ([]byte, error) {
	return nil, fault.New(fault.NotFound, "no value %q", key)
}
func (nowhere) Values(string) (map[string][]byte, error) { return nil, nil }
func (nowhere) Put(map[string][]byte) error              { return nil }

func heapNow() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
