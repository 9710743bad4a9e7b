package e2e_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

const (
	// dayOfReports is two reports a second for a day.
	dayOfReports = 172_800
	// ahead is how many reports of one printer may be on their way. More than
	// the driver keeps would be dropped, which is another test.
	ahead = 24
	// noiseHeap is what the heap may differ by whatever its size: buffers of the
	// connections, which may or may not be in use at the moment. It is four bytes
	// for each ten reports between the two moments.
	noiseHeap = 64 << 10
	// noiseCount is the same for goroutines and descriptors: one commit, one
	// timer or one lookup may be under way.
	noiseCount = 2
)

// TestSoak sends every printer a day of reports as fast as they can be
// handled, through the whole program to a subscriber, and compares what is in
// use at a tenth of it with the end.
func TestSoak(t *testing.T) {
	reports, printers := int64(dayOfReports/20), 2
	if os.Getenv("PRINTWIRE_E2E") == "1" {
		reports, printers = dayOfReports, 3
	}
	s := newSoak(t, printers, reports)
	began := time.Now()
	s.reach(reports / 10)
	first := s.usage()
	s.reach(reports)
	took := time.Since(began)
	last := s.settled(first)
	t.Logf("%d printers, %d reports each in %s (%.0f a second), %d messages to the subscriber\n  at a tenth %+v\n  at the end %+v",
		printers, reports, took.Round(time.Millisecond), float64(reports)*float64(printers)/took.Seconds(), s.in.messages(), first, last)
	for _, much := range last.above(first) {
		t.Error(much)
	}
	for i := range printers {
		if got := s.in.value(s.topic(i, "activity")); got != "printing" && got != "paused" {
			t.Errorf("printer %d is %q at the end", i, got)
		}
	}
	// Events take their own way, and may come after the last value: a fast machine needs little more than a second for all of it.
	eventually(t, "an event of the prints, or they were not really there", patience, func() (bool, string) {
		return s.paused.Load() > 0, "no pause was told"
	})
}

// above is what is more than 5 % and some noise above the beginning.
func (u usage) above(first usage) (much []string) {
	for _, row := range []struct {
		what               string
		first, last, noise int64
	}{
		{"heap after collection", first.heap, u.heap, noiseHeap},
		{"goroutines", first.goroutines, u.goroutines, noiseCount},
		{"descriptors", first.descriptors, u.descriptors, noiseCount},
	} {
		if limit := row.first + row.first/20 + row.noise; row.last > limit {
			much = append(much, fmt.Sprintf("%s: %d at a tenth, %d at the end, want at most %d", row.what, row.first, row.last, limit))
		}
	}
	return much
}

// settled is what is in use at the end. What came last may still be under way to
// the file; what is lost stays lost, however often one looks.
func (s *soak) settled(first usage) (last usage) {
	s.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		if last = s.usage(); len(last.above(first)) == 0 {
			break
		}
		<-tick.C
	}
	return last
}

// soak is a load whose reports wait for the subscriber.
type soak struct {
	t      *testing.T
	load   *simulator.Load
	in     *inside
	paused atomic.Int64

	mu    sync.Mutex
	cond  *sync.Cond
	goal  int64
	sent  []int64
	heard []int64
	index map[string]int
	over  bool
}

func newSoak(t *testing.T, printers int, reports int64) *soak {
	t.Helper()
	s := &soak{t: t, sent: make([]int64, printers), heard: make([]int64, printers), index: map[string]int{}}
	s.cond = sync.NewCond(&s.mu)
	var err error
	s.load, err = simulator.NewLoad(simulator.LoadOptions{
		Printers: printers, Model: "A1", Interval: time.Nanosecond, Report: s.report,
	})
	if err == nil {
		err = s.load.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []settings.Printer
	for i := range printers {
		list = append(list, at("A1", s.load.Serial(i), s.load.Addr(i), secret.Text(s.load.AccessCode())))
		s.index[s.topic(i, "current_layer")] = i
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = s.load.Run(ctx) }) // owner: the clean-up ends and waits
	t.Cleanup(func() {
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
		s.cond.Broadcast()
		cancel()
		group.Wait()
	})
	s.in = runInside(t, discardLog(), s.hear, list...)
	for i := range printers {
		s.in.until(s.topic(i, "activity"), "printing")
	}
	return s
}

func (s *soak) topic(i int, key string) string { return "printwire/" + s.load.Serial(i) + "/" + key }

// report waits until the report may be sent, and writes it. Every second one
// moves a temperature, the signal wanders, and after some thousand the print
// is paused for one report.
func (s *soak) report(dst []byte, printer int, count int64, _ time.Time) []byte {
	s.mu.Lock()
	for !s.over && (count > s.goal || count > s.heard[printer]+ahead) {
		s.cond.Wait()
	}
	s.sent[printer] = count
	s.mu.Unlock()
	dst = append(dst, `{"print":{"command":"push_status","msg":1,"layer_num":`...)
	dst = strconv.AppendInt(dst, count, 10)
	dst = append(dst, `,"nozzle_temper":`...)
	dst = strconv.AppendFloat(dst, 219+float64(count%64)/32, 'f', -1, 64)
	dst = append(dst, `,"wifi_signal":"-`...)
	dst = strconv.AppendInt(dst, 50+count/40%20, 10)
	dst = append(dst, `dBm","sequence_id":"`...)
	dst = strconv.AppendInt(dst, count, 10)
	state := "RUNNING"
	if count%4000 == 3999 {
		state = "PAUSE"
	}
	return append(append(dst, `","gcode_state":"`...), state+`"}}`...)
}

// hear notes which report has come through.
func (s *soak) hear(topic, payload string) {
	if strings.HasSuffix(topic, "/trigger") && payload == "print_paused" {
		s.paused.Add(1)
	}
	i, ok := s.index[topic]
	if !ok {
		return
	}
	n, err := strconv.ParseInt(payload, 10, 64)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.heard[i] = max(s.heard[i], n)
	s.mu.Unlock()
	s.cond.Broadcast()
}

// reach lets the printers send up to so many reports, and returns when the
// last one of each has come through.
func (s *soak) reach(count int64) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.goal = count
	s.cond.Broadcast()
	stop := time.AfterFunc(12*time.Minute, func() { // owner: reach stops it
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
		s.cond.Broadcast()
	})
	defer stop.Stop()
	for i := range s.heard {
		for s.heard[i] < count {
			if s.over {
				s.t.Fatalf("printer %d: %d of %d reports came through", i, s.heard[i], count)
			}
			s.cond.Wait()
		}
	}
}

// usage is what is in use when nothing is under way.
type usage struct{ heap, goroutines, descriptors int64 }

func (s *soak) usage() usage {
	s.t.Helper()
	var m runtime.MemStats
	for range 3 { // the pools keep what they have over one collection
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		s.t.Skip("descriptors cannot be counted here:", err)
	}
	return usage{int64(m.HeapAlloc), int64(runtime.NumGoroutine()), int64(len(files))}
}

func (in *inside) messages() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.count
}
