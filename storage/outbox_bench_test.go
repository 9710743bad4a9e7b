package storage_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/storage"
	"github.com/printwire/printwire/webhook"
)

// station is an outbox on a real database and real sockets.
type station struct {
	*webhook.Outbox
	store *storage.Store
	// arrived has a line for each request.
	arrived chan string
}

// newStation makes endpoints at a receiver each; dead of them get no answer that counts.
func newStation(b *testing.B, endpoints, dead int) *station {
	b.Helper()
	st := &station{arrived: make(chan string, 1<<20)}
	s, err := storage.Open(b.Context(), storage.Options{Path: filepath.Join(b.TempDir(), "printwire.db")})
	if err != nil {
		b.Fatal(err)
	}
	st.store = s
	st.Outbox = webhook.New(webhook.Options{Store: s.Webhooks(), Policy: webhook.Policy{Loopback: true}})
	if err := st.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	sound := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { st.arrived <- r.Header.Get("webhook-id") }))
	b.Cleanup(sound.Close)
	for i := range endpoints {
		url := sound.URL
		if i < dead {
			url = "http://127.0.0.1:9" // Nobody listens there.
		}
		if _, err := st.Create(b.Context(), webhook.Endpoint{Name: fmt.Sprint("e", i), URL: secret.Text(url)}); err != nil {
			b.Fatal(err)
		}
	}
	return st
}

func (st *station) run(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = st.Run(ctx) })                                                             // owner: the clean-up cancels and waits
	group.Go(func() { _ = journal.Follow(ctx, slog.New(slog.DiscardHandler), st.store, st.Outbox) }) // owner: the clean-up cancels and waits
	b.Cleanup(func() {
		cancel()
		group.Wait()
		if err := st.store.Close(); err != nil {
			b.Error(err)
		}
	})
}

func (st *station) happen(b *testing.B, count int) {
	b.Helper()
	list := make([]journal.Entry, count)
	for i := range list {
		list[i] = journal.Entry{Time: time.Now(), Name: "print_complete", PrinterID: 1, Serial: "S", Printer: "Workshop", Job: "J", Data: []byte(`{"file_name":"benchy.3mf","progress":100,"result":"success","duration_seconds":8100,"filament_used":45.2}`)}
	}
	if err := st.store.Append(context.Background(), list); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOutbox_Throughput is deliveries with signature and log to one
// receiver, as fast as they can be made.
func BenchmarkOutbox_Throughput(b *testing.B) {
	for _, endpoints := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			st := newStation(b, endpoints, 0)
			st.run(b)
			count := 0
			for b.Loop() {
				st.happen(b, 1000/endpoints)
				for range 1000 / endpoints * endpoints {
					<-st.arrived
					count++
				}
			}
			b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(count)/b.Elapsed().Minutes(), "deliveries/min")
		})
	}
}

// BenchmarkOutbox_Latency is from the event's record to its arrival, alone and
// beside 49 endpoints of which half are dead.
func BenchmarkOutbox_Latency(b *testing.B) {
	for name, c := range map[string]struct{ endpoints, dead int }{"1 endpoint": {1, 0}, "50 endpoints, 25 dead": {50, 25}} {
		b.Run(name, func(b *testing.B) {
			st := newStation(b, c.endpoints, c.dead)
			st.run(b)
			var all []time.Duration
			for b.Loop() {
				<-time.After(between)
				start := time.Now()
				st.happen(b, 1)
				for range c.endpoints - c.dead {
					<-st.arrived
				}
				all = append(all, time.Since(start))
			}
			percentiles(b, all)
		})
	}
}

// BenchmarkOutbox_Append is the time in which an event is recorded, which a
// report waits for: without followers, and with 50 endpoints of which half are dead.
func BenchmarkOutbox_Append(b *testing.B) {
	for name, endpoints := range map[string]int{"no endpoints": 0, "50 endpoints, 25 dead": 50} {
		b.Run(name, func(b *testing.B) {
			st := newStation(b, endpoints, endpoints/2)
			if endpoints > 0 {
				st.run(b)
			}
			var all []time.Duration
			for b.Loop() {
				<-time.After(between)
				start := time.Now()
				st.happen(b, 1)
				all = append(all, time.Since(start))
			}
			percentiles(b, all)
		})
	}
}

// between is the time between two events: far more of them than any farm has,
// and yet no flood that measures only the processor.
const between = 50 * time.Millisecond

func percentiles(b *testing.B, all []time.Duration) {
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkOutbox_Queue is the memory that 100,000 queued deliveries take.
func BenchmarkOutbox_Queue(b *testing.B) {
	for b.Loop() {
		st := newStation(b, 1, 1)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 100 {
			st.happen(b, 1000)
		}
		st.run(b)
		for seq, _ := st.Cursor(b.Context()); seq < 100_000; seq, _ = st.Cursor(b.Context()) {
			<-time.After(time.Millisecond)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/(1<<20), "MiB")
	}
}
