package e2e_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator/ftpserver"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/sliced/slicedtest"
)

// printersWhileFetching is the fleet whose reports are measured.
const printersWhileFetching = 100

// BenchmarkReportsWhileFetching measures the latency of the reports of 100
// printers while none, one and four of them have their files fetched, as fast
// as the program allows itself for one and for all together, in turns.
func BenchmarkReportsWhileFetching(b *testing.B) {
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
		b.Run(kind.name, func(b *testing.B) {
			f := kind.form(b)
			for b.Loop() {
				whileFetching(b, kind.model, f)
			}
		})
	}
}

func whileFetching(b *testing.B, model string, f form) {
	v := newFleet(b, printersWhileFetching, model, time.Second, f.moving)
	defer v.stop()
	cases := []int{0, 1, 4}
	results := make([]figures, len(cases))
	for range rounds {
		for i, fetches := range cases {
			results[i].add(fetchingPhase(b, v, fetches))
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, fetches := range cases {
		r := &results[i]
		b.Logf("%s, %d fetches: %s", model, fetches, r.String())
		b.ReportMetric(r.at(0.5), fmt.Sprintf("p50-µs/%d-fetches", fetches))
		b.ReportMetric(r.at(0.99), fmt.Sprintf("p99-µs/%d-fetches", fetches))
		b.ReportMetric(r.load, fmt.Sprintf("cpu-%%/%d-fetches", fetches))
		b.ReportMetric(r.memory, fmt.Sprintf("MB/%d-fetches", fetches))
		if r.lost > 0 {
			b.Errorf("%d last values were lost", r.lost)
		}
	}
}

// fetchingPhase is a phase of the program while the files of the first
// printers are being fetched. They are so long that none ends in it.
func fetchingPhase(b *testing.B, v *fleet, fetches int) figures {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	d := &endlessDisk{size: 500 << 20}
	v.files = map[int]int{}
	var servers sync.WaitGroup
	for i := range fetches {
		s := fileServerOf(b, v, i, d)
		servers.Go(func() { _ = s.Run(ctx) }) // owner: fetchingPhase cancels and waits
	}
	defer servers.Wait()
	defer cancel()
	began := time.Now()
	f := phase(b, v, startServe(b, v), false, benchTime(b))
	if fetches > 0 {
		rate := float64(d.sent.Load()) / time.Since(began).Seconds() / 1e6 / float64(fetches)
		b.Logf("each of %d files came at %.1f MB/s", fetches, rate)
		if rate < 2 || d.ended.Load() > 0 {
			b.Errorf("%.1f MB/s a file, %d files ended: there was no fetch under way throughout", rate, d.ended.Load())
		}
	}
	return f
}

// fileServerOf starts to listen as the file server of a printer of a fleet.
func fileServerOf(tb testing.TB, v *fleet, printer int, d ftpserver.Disk) *ftpserver.Server {
	tb.Helper()
	leaf, err := v.authority.Leaf(v.serials[printer])
	if err != nil {
		tb.Fatal(err)
	}
	s := ftpserver.New(ftpserver.Options{Certificate: leaf, User: "bblp", Code: func() secret.Text { return secret.Text(v.code) }, Disk: d})
	if err := s.Listen(); err != nil {
		tb.Fatal(err)
	}
	if v.files == nil {
		v.files = map[int]int{}
	}
	v.files[printer] = s.Addr().(*net.TCPAddr).Port
	return s
}

// endlessDisk has any sliced file that is asked for in /cache, of that size.
type endlessDisk struct {
	size        int64
	sent, ended atomic.Int64
}

func (d *endlessDisk) Stat(name string) (ftpserver.File, bool) {
	if !strings.HasPrefix(name, "/cache/") || !strings.HasSuffix(name, ".3mf") {
		return ftpserver.File{Path: name, Folder: true}, name == "/" || name == "/cache"
	}
	return ftpserver.File{Path: name, Size: d.size, Time: time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)}, true
}

func (d *endlessDisk) List(string) []ftpserver.File { return nil }

func (d *endlessDisk) Open(string) (io.ReadCloser, error) {
	return io.NopCloser(&counted{d, d.size}), nil
}

// counted gives anything, and counts it.
type counted struct {
	disk *endlessDisk
	left int64
}

func (c *counted) Read(p []byte) (int, error) {
	if c.left == 0 {
		c.disk.ended.Add(1)
		return 0, io.EOF
	}
	n := min(int64(len(p)), c.left)
	c.left -= n
	c.disk.sent.Add(n)
	return int(n), nil
}

// BenchmarkFactsOfAFile measures how long after the last byte of a file of
// 100 MB left the printer what it says is at a subscriber of the whole
// program, and how much memory that took over idle.
func BenchmarkFactsOfAFile(b *testing.B) {
	if testing.Short() {
		b.Skip("takes a minute")
	}
	file := hundredMegabytes(b)
	for b.Loop() {
		took, idle, peak := factsOf(b, file)
		b.Logf("%d MB: facts %v after the last byte; memory %.1f MB idle, %.1f MB at most since", len(file)>>20, took, idle, peak)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(took.Microseconds())/1e3, "ms-after-last-byte")
		b.ReportMetric(peak-idle, "MB-over-idle")
		if took > 2*time.Second || peak-idle > 32 {
			b.Errorf("%v after the last byte and %.1f MB over idle; at most 2s and 32 MB are wanted", took, peak-idle)
		}
	}
}

// factsOf runs the program with one printer whose file comes on the storage
// when the program has settled.
func factsOf(b *testing.B, file []byte) (took time.Duration, idle, peak float64) {
	v := newFleet(b, 1, "A1", time.Second, deltaForm().moving)
	defer v.stop()
	d := &lateDisk{Memory: &ftpserver.Memory{}}
	s := fileServerOf(b, v, 0, d)
	ctx, cancel := context.WithCancel(b.Context())
	var server sync.WaitGroup
	server.Go(func() { _ = s.Run(ctx) }) // owner: factsOf cancels and waits
	defer server.Wait()
	defer cancel()
	p := startServe(b, v)
	defer p.stop()
	weight := make(chan time.Time, 1)
	ended := make(chan struct{})
	go func() { defer close(ended); watchWeight(p.subscriber, weight) }() // owner: factsOf closes the connection and waits
	defer func() { _ = p.subscriber.conn.Close(); <-ended }()
	<-time.After(8 * time.Second)
	pid := p.cmd.Process.Pid
	idle = resident(b, pid)
	d.arrive(file)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * time.Minute); ; {
		select {
		case at := <-weight:
			return at.Sub(d.lastByte()), idle, max(peak, resident(b, pid))
		case <-deadline:
			b.Fatal("no weight of the print within two minutes")
		case <-tick.C:
			peak = max(peak, resident(b, pid))
		}
	}
}

// watchWeight tells when the weight of the demo print came.
func watchWeight(p *peer, weight chan<- time.Time) {
	for {
		topic, payload, err := p.message()
		if err != nil {
			return
		}
		if bytes.HasSuffix(topic, []byte("/print_weight")) && string(payload) == "15.2" {
			weight <- time.Now()
			return
		}
	}
}

// lateDisk has no files until one arrives, which then has any name in /cache.
type lateDisk struct {
	*ftpserver.Memory
	there atomic.Bool
	mu    sync.Mutex
	last  time.Time
}

const lateFile = "/cache/late.3mf"

func (d *lateDisk) arrive(file []byte) { d.Put(lateFile, file, time.Now()); d.there.Store(true) }

func (d *lateDisk) Stat(name string) (ftpserver.File, bool) {
	if !d.there.Load() || !strings.HasSuffix(name, ".3mf") {
		return d.Memory.Stat(name)
	}
	f, ok := d.Memory.Stat(lateFile)
	f.Path = name
	return f, ok
}

func (d *lateDisk) Open(string) (io.ReadCloser, error) {
	r, err := d.Memory.Open(lateFile)
	return readCloser{r, d}, err
}

// readCloser notes when its reader ended: all of it is written then.
type readCloser struct {
	io.ReadCloser
	disk *lateDisk
}

func (r readCloser) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		r.disk.mu.Lock()
		defer r.disk.mu.Unlock()
		r.disk.last = time.Now()
	}
	return n, err
}

func (d *lateDisk) lastByte() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// hundredMegabytes is the demo's 3MF with G-code of 100 MB that is not packed.
func hundredMegabytes(tb testing.TB) []byte {
	tb.Helper()
	plan := slicedtest.Demo()
	whole, err := slicedtest.Build3MF(plan)
	if err != nil {
		tb.Fatal(err)
	}
	from, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range from.File {
		if !strings.HasSuffix(f.Name, ".gcode") {
			err = errors.Join(err, z.Copy(f))
		}
	}
	w, werr := z.CreateHeader(&zip.FileHeader{Name: "Metadata/plate_1.gcode", Method: zip.Store})
	if err = errors.Join(err, werr); err != nil {
		tb.Fatal(err)
	}
	plan.Moves = 200_000
	code := slicedtest.BuildGCode(plan)
	for n := 0; n < 100<<20; n += len(code) {
		if _, err := w.Write(code); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}
