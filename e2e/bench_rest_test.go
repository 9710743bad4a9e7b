package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// bareEnv names the file with the bare route's plan.
const bareEnv = "PRINTWIRE_BARE_PLAN"

// barePlan is what the bare route answers, and where.
type barePlan struct {
	Listen   string
	Document []byte
}

// BenchmarkREST measures the status of a printer with a key beside a bare gin
// route that answers the same bytes, in turns, each a process of its own, over
// 64 connections that ask again as soon as they have their answer. The load
// generator shares the machine's cores. PRINTWIRE_BENCH_SECONDS is the length
// of a phase.
func BenchmarkREST(b *testing.B) {
	if testing.Short() {
		b.Skip("takes a minute")
	}
	v := newFleet(b, 3, "X1C", time.Second, fullForm(b).moving)
	defer v.stop()
	for b.Loop() {
		var bare, keyed volley
		for range rounds {
			s := startREST(b, v)
			document := s.status(1)
			keyed.add(fire(b, s.address, "/api/v1/printers/1/status", s.key("read", "unlimited"), 64, benchTime(b)))
			s.stop()
			bare.add(fireBare(b, document, benchTime(b)))
		}
		b.Logf("\n  bare   %s\n  keyed  %s", bare.String(), keyed.String())
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(bare.perSecond(), "bare-requests/s")
		b.ReportMetric(bare.at(0.99), "bare-p99-µs")
		b.ReportMetric(keyed.perSecond(), "requests/s")
		b.ReportMetric(keyed.at(0.5), "p50-µs")
		b.ReportMetric(keyed.at(0.99), "p99-µs")
		b.ReportMetric(100*keyed.perSecond()/bare.perSecond(), "%-of-bare")
	}
}

// rest is the program with its API.
type rest struct {
	*measured
	path, folder, address string
	all                   string // a key that opens everything that is read here
}

// startREST starts the program and waits until it knows all printers.
func startREST(tb testing.TB, v *fleet) *rest {
	tb.Helper()
	path, err := stripped()
	if err != nil {
		tb.Fatal(err)
	}
	s := &rest{path: path, folder: tb.TempDir(), address: unused(tb)}
	v.settings(tb, s.folder, unused(tb), s.address)
	s.measured = launch(tb, path, []string{"SUPERVISOR_TOKEN="}, "serve", "--data", s.folder)
	_ = dial(tb, s.address).Close()
	s.all = s.key("full_access", "unlimited")
	for deadline := time.Now().Add(patience); ; {
		online := 0
		var printers []struct{ Connected bool }
		if err := json.Unmarshal(s.get("/api/v1/printers"), &printers); err != nil {
			tb.Fatal(err)
		}
		for _, p := range printers {
			if p.Connected {
				online++
			}
		}
		if online == len(v.last) {
			return s
		}
		if time.Now().After(deadline) {
			tb.Fatalf("only %d of %d printers are connected after %s", online, len(v.last), patience)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// key makes a key under a plan.
func (s *rest) key(scope, plan string) string {
	s.tb.Helper()
	cmd := exec.Command(s.path, "keys", "create", "--data", s.folder, "--name", "Benchmark", "--scope", scope, "--plan", plan)
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.tb.Fatalf("making a key: %v\n%s", err, out)
	}
	return lastLine(string(out))
}

// get is the body at a path.
func (s *rest) get(path string) []byte {
	s.tb.Helper()
	r, err := http.NewRequestWithContext(s.tb.Context(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	r.Header.Set("X-API-Key", s.all)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.tb.Fatalf("%s: %d, %v", path, answer.StatusCode, err)
	}
	return body
}

func (s *rest) status(id int) []byte {
	return s.get("/api/v1/printers/" + strconv.Itoa(id) + "/status")
}

// fireBare measures the bare route.
func fireBare(b *testing.B, document []byte, span time.Duration) volley {
	b.Helper()
	plan := barePlan{Listen: unused(b), Document: document}
	m := launchPlanned(b, bareEnv, "TestBenchBareChild", plan)
	defer m.stop()
	_ = dial(b, plan.Listen).Close()
	return fire(b, plan.Listen, "/api/v1/printers/1/status", "", 64, span)
}

// TestBenchBareChild is the bare gin route, a process of its own that runs only
// as a child of the benchmark.
func TestBenchBareChild(t *testing.T) {
	var plan barePlan
	planned(t, bareEnv, &plan)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/api/v1/printers/:id/status", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", plan.Document) })
	server := &http.Server{Addr: plan.Listen, Handler: engine, ReadHeaderTimeout: 5 * time.Second}
	t.Fatal(server.ListenAndServe()) // the signal that ends the process does not return here
}

// volley is what a load generator saw.
type volley struct {
	latency []time.Duration
	failed  int
	span    time.Duration
}

func (v *volley) add(o volley) {
	v.latency = append(v.latency, o.latency...)
	slices.Sort(v.latency)
	v.failed, v.span = v.failed+o.failed, v.span+o.span
}

func (v *volley) perSecond() float64 { return float64(len(v.latency)) / v.span.Seconds() }

// at is a quantile in microseconds.
func (v *volley) at(q float64) float64 {
	return quantile(v.latency, q)
}

func (v *volley) String() string {
	return fmt.Sprintf("%7.0f requests/s  p50 %5.0f µs  p90 %5.0f µs  p99 %6.0f µs  max %5.1f ms  %d failed",
		v.perSecond(), v.at(0.5), v.at(0.9), v.at(0.99), v.at(1)/1e3, v.failed)
}

// fire sends the same request over many connections, again and again. The
// first second is not counted: connections are made, the heap grows.
func fire(tb testing.TB, address, target, key string, connections int, span time.Duration) volley {
	tb.Helper()
	request := "GET " + target + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if key != "" {
		request += "X-API-Key: " + key + "\r\n"
	}
	request += "\r\n"
	count := time.Now().Add(time.Second)
	end := count.Add(span)
	each := make([]volley, connections)
	var wg sync.WaitGroup
	for i := range each {
		conn := dial(tb, address)
		wg.Go(func() { // owner: fire waits
			defer func() { _ = conn.Close() }()
			each[i].shoot(conn, []byte(request), count, end)
		})
	}
	wg.Wait()
	sum := volley{span: span}
	for _, v := range each {
		sum.latency, sum.failed = append(sum.latency, v.latency...), sum.failed+v.failed
	}
	slices.Sort(sum.latency)
	if sum.failed > 0 || len(sum.latency) == 0 {
		tb.Errorf("%d requests failed, %d succeeded", sum.failed, len(sum.latency))
	}
	return sum
}

// shoot is one connection. It parses no more of an answer than it has to: the
// load generator works on the same cores as what it measures.
func (v *volley) shoot(conn net.Conn, request []byte, count, end time.Time) {
	in := bufio.NewReaderSize(conn, 16<<10)
	for {
		begun := time.Now()
		if begun.After(end) {
			return
		}
		_, err := conn.Write(request)
		if err == nil {
			err = skipAnswer(in)
		}
		switch {
		case err != nil:
			v.failed++
			return
		case begun.After(count):
			v.latency = append(v.latency, time.Since(begun))
		}
	}
}

// skipAnswer reads one good answer to its end.
func skipAnswer(in *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answered %q", line)
		}
		if len(line) <= 2 {
			break
		}
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
				return err
			}
		}
	}
	if length >= 0 {
		_, err := in.Discard(length)
		return err
	}
	for { // chunked
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := in.Discard(int(size) + 2); err != nil || size == 0 {
			return err
		}
	}
}
