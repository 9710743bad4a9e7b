package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
)

// BenchmarkStart measures from the start of the process to the first announced
// entity of a printer, with an empty data folder and with one that has served.
func BenchmarkStart(b *testing.B) {
	v := newFleet(b, 1, "X1C", time.Second, fullForm(b).moving)
	defer v.stop()
	path, err := stripped()
	if err != nil {
		b.Fatal(err)
	}
	var first, again durations
	for b.Loop() {
		for range 5 {
			folder, address := b.TempDir(), unused(b)
			v.settings(b, folder, address, unused(b))
			for _, took := range []*durations{&first, &again} {
				began := time.Now()
				m := launch(b, path, []string{"SUPERVISOR_TOKEN="}, "serve", "--data", folder)
				p := subscribe(b, address, "homeassistant", "benchmark-only", "homeassistant/device/printwire_"+v.load.Serial(0)+"/config")
				await(b, p, func(_, payload []byte) bool { return len(payload) > 0 })
				took.add(time.Since(began))
				m.stop()
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	first.report(b, "first-start")
	again.report(b, "again")
}

// BenchmarkReconnect cuts a printer's connection while the printer goes on to
// listen, and measures from the cut to the next value at a subscriber.
func BenchmarkReconnect(b *testing.B) {
	v := newFleet(b, 1, "A1", 20*time.Millisecond, deltaForm().moving)
	defer v.stop()
	h := newHop(b, v.hosts[0])
	defer h.stop()
	v.hosts[0] = h.listener.Addr().String()
	s := startServe(b, v)
	defer s.stop()
	layer := []byte("printwire/" + v.load.Serial(0) + "/current_layer")
	var took durations
	for b.Loop() {
		for range 8 {
			// The link has to have stood for a moment, as any has that is worth cutting.
			await(b, s.subscriber, func(topic, _ []byte) bool { return bytes.Equal(topic, layer) })
			until := time.Now().Add(2 * time.Second)
			await(b, s.subscriber, func([]byte, []byte) bool { return time.Now().After(until) })
			began, cut := time.Now(), v.last[0].Load()
			h.cut()
			await(b, s.subscriber, func(topic, payload []byte) bool {
				n, err := strconv.ParseInt(string(payload), 10, 64)
				return bytes.Equal(topic, layer) && err == nil && n > cut+1 // one more may be under way
			})
			took.add(time.Since(began))
		}
	}
	b.ReportMetric(0, "ns/op")
	took.report(b, "cut")
}

// BenchmarkSteady counts the messages of a simulated X1C with two filament
// changers in the middle of a print, for each of its full reports.
func BenchmarkSteady(b *testing.B) {
	printer, err := simulator.New(simulator.Options{Model: "X1C", AMS: []string{"AMS", "AMS"}, StartPrinting: true, Loop: true, Seed: 1})
	if err == nil {
		err = printer.Listen()
	}
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- printer.Run(ctx) }() // owner: the benchmark cancels it and waits
	defer func() { cancel(); <-done }()
	address, code := printer.Addr().String(), printer.AccessCode().Reveal()
	s := startServe(b, &fleet{hosts: []string{address}, serials: []string{printer.Serial()}, code: code, roots: printer.Authority().PEM()})
	defer s.stop()
	raw := dial(b, address)
	defer func() { _ = raw.Close() }()
	listener, err := join(tls.Client(raw, &tls.Config{InsecureSkipVerify: true}), "count", "bblp", code, "device/"+printer.Serial()+"/report")
	if err != nil {
		b.Fatal(err)
	}
	var reports, all, documents atomic.Int64
	go each(listener, func([]byte) { reports.Add(1) }) // owner: the connection, closed above
	go each(s.subscriber, func(topic []byte) {         // owner: the process under measurement, which ends before the benchmark
		all.Add(1)
		if bytes.HasSuffix(topic, []byte("/state")) {
			documents.Add(1)
		}
	})
	<-time.After(10 * time.Second)
	for b.Loop() {
		reports.Store(0)
		all.Store(0)
		documents.Store(0)
		<-time.After(benchTime(b))
	}
	if reports.Load() == 0 {
		b.Fatal("the printer sent no report")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(reports.Load())/benchTime(b).Seconds(), "reports/s")
	b.ReportMetric(float64(all.Load())/float64(reports.Load()), "messages/report")
	b.ReportMetric(float64(documents.Load())/float64(reports.Load()), "of-them-state/report")
}

// each calls f with the topic of each message until the connection ends.
func each(p *peer, f func(topic []byte)) {
	for {
		topic, _, err := p.message()
		if err != nil {
			return
		}
		f(topic)
	}
}

// BenchmarkBurst lets ten printers send reports as fast as the link takes them,
// and measures from the last of them to its last value, which must never be
// lost. 53 reports are what a driver keeps when it is not read; of 211, some
// are dropped, and a full report has to make it right. (Both are prime, so
// that each burst ends with other values.)
func BenchmarkBurst(b *testing.B) {
	b.Run("reports=53", func(b *testing.B) { bursts(b, 53, 20, changing()...) })
	// The full report of these printers has targets and a speed of its own.
	b.Run("reports=211", func(b *testing.B) { bursts(b, 211, 1, "current_layer") })
}

// bursts sends bursts of a size and wants the last values of some keys.
func bursts(b *testing.B, size int64, rounds int, keys ...string) {
	const printers = 10
	gate, f := make(chan struct{}), deltaForm()
	v := newFleet(b, printers, "A1", time.Microsecond, func(dst []byte, printer int, count int64) []byte {
		if printer == 0 && count%size == 1 {
			<-gate
		}
		return f.fill(dst, count)
	})
	defer func() { close(gate); v.stop() }()
	s := startServe(b, v)
	defer s.stop()
	l := &latest{ids: v.ids, seen: make([]map[string]string, printers)}
	go l.read(s.subscriber) // owner: the process under measurement, which ends before the benchmark
	for deadline := time.Now().Add(30 * time.Second); v.load.Clients() < printers || !l.complete(); {
		if time.Now().After(deadline) {
			b.Fatal("not all printers came up")
		}
		<-time.After(10 * time.Millisecond)
	}
	var took durations
	var lost, count int
	for b.Loop() {
		for range rounds {
			end := v.last[printers-1].Load() + size
			gate <- struct{}{}
			for v.last[printers-1].Load() < end { // it is the last in turn
				<-time.After(100 * time.Microsecond)
			}
			began := v.base.Add(time.Duration(v.times[printers-1][end%remembered].Load()))
			arrived, missing := l.wait(end, 15*time.Second, keys)
			lost += missing
			if missing > 0 {
				b.Logf("after report %d: %v", end, l.seen)
			}
			took.add(max(0, arrived.Sub(began)))
			count++
		}
	}
	b.ReportMetric(0, "ns/op")
	took.report(b, "last")
	b.ReportMetric(float64(l.messages.Load())/float64(int64(count)*printers*size), "values/report")
	b.ReportMetric(float64(lost), "lost")
	if lost > 0 {
		b.Errorf("%d last values lost", lost)
	}
}

// latest is the newest value of each key of each printer.
type latest struct {
	ids      map[string]int
	messages atomic.Int64

	mu   sync.Mutex
	seen []map[string]string
	at   time.Time // of the newest message
}

func (l *latest) read(p *peer) {
	for {
		topic, payload, err := p.message()
		if err != nil {
			return
		}
		at := time.Now()
		levels := bytes.SplitN(topic, []byte("/"), 3)
		if len(levels) != 3 || !slices.Contains(changing(), string(levels[2])) {
			continue
		}
		l.messages.Add(1)
		i := l.ids[string(levels[1])]
		l.mu.Lock()
		if l.seen[i] == nil {
			l.seen[i] = map[string]string{}
		}
		l.seen[i][string(levels[2])], l.at = string(payload), at
		l.mu.Unlock()
	}
}

// complete says whether every printer has all four values.
func (l *latest) complete() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(l.seen, func(m map[string]string) bool { return len(m) < len(changing()) })
}

// wait waits until all printers have a report's values of some keys, and says
// when the last of them came, or how many are missing.
func (l *latest) wait(count int64, limit time.Duration, keys []string) (arrived time.Time, missing int) {
	want := published(count)
	for deadline := time.Now().Add(limit); ; {
		missing = 0
		l.mu.Lock()
		for _, m := range l.seen[1:] { // the first one's next report has begun: it waits at the gate
			for _, key := range keys {
				if m[key] != want[key] {
					missing++
				}
			}
		}
		arrived = l.at
		l.mu.Unlock()
		if missing == 0 || time.Now().After(deadline) {
			return arrived, missing
		}
		<-time.After(100 * time.Microsecond)
	}
}

// published are the four values of a report as they are published.
func published(count int64) map[string]string {
	speeds := []string{"silent", "standard", "sport", "ludicrous"}
	return map[string]string{
		"current_layer": fmt.Sprint(fillIn(placeLayer, count)), "nozzle_target": fmt.Sprint(fillIn(placeNozzle, count)),
		"bed_target": fmt.Sprint(fillIn(placeBed, count)), "speed": speeds[fillIn(placeSpeed, count)-1],
	}
}

// await reads messages until one is as wanted; 10 s are the limit.
func await(tb testing.TB, p *peer, ok func(topic, payload []byte) bool) {
	tb.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		topic, payload, err := p.message()
		if err != nil {
			tb.Fatalf("waiting for a message: %v", err)
		}
		if ok(topic, payload) {
			return
		}
	}
}

// durations are what several rounds took.
type durations []time.Duration

func (d *durations) add(one time.Duration) { *d = append(*d, one); slices.Sort(*d) }

// report gives the median and the worst in milliseconds.
func (d durations) report(b *testing.B, name string) {
	b.Helper()
	if len(d) == 0 {
		b.Fatalf("nothing was measured for %s", name)
	}
	b.ReportMetric(float64(d[len(d)/2].Microseconds())/1e3, name+"-median-ms")
	b.ReportMetric(float64(d[len(d)-1].Microseconds())/1e3, name+"-max-ms")
}

// hop is a way to a printer that can be cut while the printer goes on.
type hop struct {
	listener net.Listener
	work     sync.WaitGroup

	mu   sync.Mutex
	open []net.Conn
}

func newHop(tb testing.TB, target string) *hop {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	h := &hop{listener: l}
	h.work.Go(func() { // owner: stop closes the listener and waits
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			h.mu.Lock()
			h.open = append(h.open, near, far)
			h.mu.Unlock()
			h.work.Go(func() { _, _ = io.Copy(far, near); _ = far.Close() })  // owner: cut, stop waits
			h.work.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() }) // owner: cut, stop waits
		}
	})
	return h
}

// cut closes what is open.
func (h *hop) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.open {
		_ = c.Close()
	}
	h.open = nil
}

func (h *hop) stop() {
	_ = h.listener.Close()
	h.cut()
	h.work.Wait()
}
