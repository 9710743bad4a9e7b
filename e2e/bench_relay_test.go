package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkRelay measures the whole program beside a bare relay, in turns, in
// one run: what lies between a report on a printer's socket and the last value
// that it changed at a subscriber, and what it costs. Each is a process of its
// own; printers and subscriber are in this one. Narrow it with
// PRINTWIRE_BENCH_PRINTERS=1,10 and PRINTWIRE_BENCH_SECONDS=5.
func BenchmarkRelay(b *testing.B) {
	if testing.Short() {
		b.Skip("takes minutes")
	}
	for _, kind := range []struct {
		name, model string
		form        func(testing.TB) form
	}{
		{"delta", "A1", func(testing.TB) form { return deltaForm() }},
		{"full", "X1C", fullForm},
	} {
		for _, printers := range benchPrinters(b) {
			b.Run(fmt.Sprintf("%s/printers=%d", kind.name, printers), func(b *testing.B) {
				f := kind.form(b)
				for b.Loop() {
					compare(b, kind.model, f, printers)
				}
			})
		}
	}
}

// benchPrinters are the sizes to measure.
func benchPrinters(tb testing.TB) []int {
	list := []int{1, 5, 10, 100, 1000}
	if text := os.Getenv("PRINTWIRE_BENCH_PRINTERS"); text != "" {
		list = nil
		for _, word := range strings.Split(text, ",") {
			n, err := strconv.Atoi(word)
			if err != nil {
				tb.Fatalf("PRINTWIRE_BENCH_PRINTERS: %v", err)
			}
			list = append(list, n)
		}
	}
	return list
}

// benchTime is how long one phase is measured.
func benchTime(tb testing.TB) time.Duration {
	text := os.Getenv("PRINTWIRE_BENCH_SECONDS")
	if text == "" {
		return 12 * time.Second
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatalf("PRINTWIRE_BENCH_SECONDS: %v", err)
	}
	return time.Duration(n) * time.Second
}

// rounds is how often relay and program take turns.
const rounds = 2

// compare lets relay and program take turns at one fleet, and reports.
func compare(b *testing.B, model string, f form, printers int) {
	v := newFleet(b, printers, model, time.Second, f.moving)
	defer v.stop()
	var relay, program figures
	for range rounds {
		relay.add(phase(b, v, startFloor(b, v), true, benchTime(b)))
		program.add(phase(b, v, startServe(b, v), false, benchTime(b)))
	}
	b.Logf("%s, %d printers", model, printers)
	sideBySide(b, named{"relay", &relay}, named{"program", &program})
	b.ReportMetric(program.at(1), "max-µs")
	b.ReportMetric(program.messages, "messages/report")
	b.ReportMetric(program.values, "values/report")
	b.ReportMetric(float64(program.lost), "lost")
}

// named are figures with the word that stands before them.
type named struct {
	name string
	*figures
}

// sideBySide reports the figures that are measured beside others: the others' under
// their name. Last values that were lost are an error.
func sideBySide(b *testing.B, other, own named) {
	b.Helper()
	b.Logf("\n  %-8s %s\n  %-8s %s", other.name, other.String(), own.name, own.String())
	b.ReportMetric(0, "ns/op")
	for _, f := range []struct {
		prefix string
		*figures
	}{{other.name + "-", other.figures}, {"", own.figures}} {
		b.ReportMetric(f.at(0.5), f.prefix+"p50-µs")
		b.ReportMetric(f.at(0.99), f.prefix+"p99-µs")
		b.ReportMetric(f.load, f.prefix+"cpu-%")
		b.ReportMetric(f.memory, f.prefix+"MB")
	}
	b.ReportMetric(own.at(0.5)/other.at(0.5), "p50-ratio")
	if own.lost > 0 || other.lost > 0 {
		b.Errorf("last values lost: %d of %s, %d of %s", own.lost, own.name, other.lost, other.name)
	}
}

// figures are what one or more phases gave.
type figures struct {
	latency          []time.Duration
	load, memory     float64 // per cent of one core, MB at most
	messages, values float64 // per report
	lost, partial    int
	phases           float64
}

func (f *figures) add(o figures) {
	mean := func(a, b float64) float64 { return (a*f.phases + b) / (f.phases + 1) }
	f.latency = append(f.latency, o.latency...)
	slices.Sort(f.latency)
	f.load, f.messages, f.values = mean(f.load, o.load), mean(f.messages, o.messages), mean(f.values, o.values)
	f.memory = max(f.memory, o.memory)
	f.lost, f.partial, f.phases = f.lost+o.lost, f.partial+o.partial, f.phases+1
}

// at is a quantile of the latency in microseconds.
func (f *figures) at(q float64) float64 {
	return quantile(f.latency, q)
}

func (f *figures) String() string {
	return fmt.Sprintf("p50 %6.0f µs  p99 %6.0f µs  max %6.1f ms  cpu %5.2f %%  rss %5.1f MB  %.2f messages and %.2f values a report, %d lost, %d partial, %d samples",
		f.at(0.5), f.at(0.99), f.at(1)/1e3, f.load, f.memory, f.messages, f.values, f.lost, f.partial, len(f.latency))
}

// subject is a process under measurement and the subscriber beside it.
type subject struct {
	*measured
	subscriber *peer
	// counting, if set, is told when what is measured begins and ends.
	counting func(on bool)
}

// startFloor starts the bare relay.
func startFloor(b *testing.B, v *fleet) subject {
	b.Helper()
	plan := floorPlan{Listen: unused(b), Code: v.load.AccessCode()}
	for i := range v.last {
		plan.Printers = append(plan.Printers, struct{ Address, Serial string }{v.load.Addr(i).String(), v.load.Serial(i)})
	}
	m := launchPlanned(b, floorEnv, "TestBenchFloorChild", plan)
	return subject{measured: m, subscriber: subscribe(b, plan.Listen, "", "", "#")}
}

// startServe starts the program, with more sections of its settings file.
func startServe(b *testing.B, v *fleet, more ...string) subject {
	b.Helper()
	path, err := stripped()
	if err != nil {
		b.Fatal(err)
	}
	folder, address := b.TempDir(), unused(b)
	v.settings(b, folder, address, unused(b), more...)
	m := launch(b, path, []string{"SUPERVISOR_TOKEN="}, "serve", "--data", folder)
	return subject{measured: m, subscriber: subscribe(b, address, "homeassistant", "benchmark-only", "printwire/#")}
}

// settings writes the settings file of a program with all printers, and more sections.
func (v *fleet) settings(tb testing.TB, folder, mqtt, http string, more ...string) {
	tb.Helper()
	var s strings.Builder
	roots := filepath.Join(folder, "roots.pem")
	fmt.Fprintf(&s, "http: { listen: %q }\nmqtt:\n  mode: embedded\n  listen: %q\n  users: [ { name: homeassistant, password: benchmark-only } ]\nprinters:\n", http, mqtt)
	for i, address := range v.hosts {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&s, "  - { name: Printer %d, host: %s, port: %s, files_port: %d, serial: %s, access_code: %q, certificate: verify, roots: %q }\n",
			i+1, host, port, v.files[i], v.serials[i], v.code, roots)
	}
	for _, section := range more {
		s.WriteString(section)
	}
	err := errors.Join(os.WriteFile(roots, v.roots, 0o600), os.WriteFile(filepath.Join(folder, "printwire.yaml"), []byte(s.String()), 0o600))
	if err != nil {
		tb.Fatal(err)
	}
}

// subscribe connects the subscriber to a process that may still be starting.
func subscribe(tb testing.TB, address, user, password, filter string) *peer {
	tb.Helper()
	conn := dial(tb, address)
	tb.Cleanup(func() { _ = conn.Close() })
	p, err := join(conn, "benchmark", user, password, filter)
	if err != nil {
		tb.Fatalf("subscribing at %s: %v", address, err)
	}
	return p
}

// phase lets a subject come up and settle, measures it, and ends it.
func phase(b *testing.B, v *fleet, s subject, raw bool, length time.Duration) figures {
	b.Helper()
	defer s.stop()
	w := &watch{fleet: v, raw: raw, seen: make([]seen, len(v.last))}
	ended := make(chan error, 1)
	go func() { ended <- w.read(s.subscriber) }() // owner: phase closes the connection and waits
	defer func() { _ = s.subscriber.conn.Close(); <-ended }()
	for deadline := time.Now().Add(60 * time.Second); !w.complete(); {
		if time.Now().After(deadline) {
			b.Fatalf("only %d of %d printers came up within a minute", w.up(), len(v.last))
		}
		<-time.After(50 * time.Millisecond)
	}
	<-time.After(3*time.Second + time.Duration(len(v.last))*5*time.Millisecond)
	pid := s.cmd.Process.Pid
	w.begin()
	if s.counting != nil {
		s.counting(true)
	}
	before, began, sent := processor(b, pid), time.Now(), v.sent.Load()
	<-time.After(length)
	used, took, reports := processor(b, pid)-before, time.Since(began), v.sent.Load()-sent
	f := w.end(float64(reports))
	if s.counting != nil {
		s.counting(false)
	}
	f.load, f.memory = 100*used.Seconds()/took.Seconds(), resident(b, pid)
	f.lost = w.behind(time.Second)
	return f
}

// seen is what the subscriber has of a printer.
type seen struct {
	count  int64 // the report that the next fields are about
	values int
	at     time.Duration
	layer  int64 // the newest number that arrived
}

// watch is the subscriber's view of a fleet.
type watch struct {
	fleet *fleet
	raw   bool

	mu       sync.Mutex
	seen     []seen
	running  bool
	latency  []time.Duration
	messages int
	values   int
	partial  int
}

// read takes messages until the connection ends.
func (w *watch) read(p *peer) error {
	for {
		topic, payload, err := p.message()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		w.message(topic, payload, time.Since(w.fleet.base))
	}
}

// message files one message under the report that caused it: the newest of its
// printer that was handed to the socket before it came.
func (w *watch) message(topic, payload []byte, at time.Duration) {
	levels := bytes.SplitN(topic, []byte("/"), 3)
	if len(levels) != 3 {
		return
	}
	i, ok := w.fleet.ids[string(levels[1])]
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		w.messages++
	}
	s := &w.seen[i]
	if w.raw {
		if n := number(payload); n > 0 {
			s.layer = n
			w.took(at - time.Duration(w.fleet.times[i][n%remembered].Load()))
		}
		return
	}
	key := string(levels[2])
	if !slices.Contains(changing(), key) {
		return
	}
	if key == "current_layer" {
		s.layer, _ = strconv.ParseInt(string(payload), 10, 64)
	}
	if w.running {
		w.values++
	}
	count := w.fleet.last[i].Load()
	if s.count != count {
		w.file(i)
		*s = seen{count: count, layer: s.layer}
	}
	s.values, s.at = s.values+1, at
}

// file counts a report whose values are all there.
func (w *watch) file(i int) {
	s := &w.seen[i]
	switch {
	case s.count == 0:
	case s.values == len(changing()):
		w.took(s.at - time.Duration(w.fleet.times[i][s.count%remembered].Load()))
	case w.running:
		w.partial++
	}
}

func (w *watch) took(d time.Duration) {
	if w.running {
		w.latency = append(w.latency, d)
	}
}

// number is the report's number in a payload, 0 when it has none.
func number(payload []byte) int64 {
	i := bytes.Index(payload, []byte(`"layer_num":`))
	if i < 0 {
		return 0
	}
	rest := payload[i+len(`"layer_num":`):]
	end := bytes.IndexAny(rest, ",}")
	n, err := strconv.ParseInt(string(rest[:max(end, 0)]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// up counts the printers whose numbers arrive.
func (w *watch) up() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for i := range w.seen {
		if w.seen[i].layer > 0 && w.seen[i].layer >= w.fleet.last[i].Load()-1 {
			n++
		}
	}
	return n
}

func (w *watch) complete() bool { return w.up() == len(w.seen) }

func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = true
}

func (w *watch) end(reports float64) figures {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	return figures{latency: w.latency, partial: w.partial, messages: float64(w.messages) / reports, values: float64(w.values) / reports}
}

// behind counts the printers whose newest number has not arrived within a limit.
func (w *watch) behind(limit time.Duration) int {
	want := make([]int64, len(w.seen))
	for i := range want {
		want[i] = w.fleet.last[i].Load()
	}
	<-time.After(limit)
	w.mu.Lock()
	defer w.mu.Unlock()
	lost := 0
	for i := range w.seen {
		if w.seen[i].layer < want[i] {
			lost++
		}
	}
	return lost
}
