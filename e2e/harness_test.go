package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ends skips a test that needs the world of .ci/run: other programs, a real
// Home Assistant, minutes. Everything it does is real, so it does not belong
// into the quick tests.
func ends(t *testing.T) {
	t.Helper()
	if os.Getenv("PRINTWIRE_E2E") != "1" {
		t.Skip("set PRINTWIRE_E2E=1 to run it; .ci/run does")
	}
}

// need fails an end-to-end test that lacks a program: .ci/run has to install it.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is not installed: %v", program, err)
	}
}

// patience is how long a test waits for what has to come: longer than it takes
// where everything else is busy too. How soon it comes where nothing else runs is
// for the benchmarks to say. It has room for a printer that is tried again
// after half a minute.
const patience = 90 * time.Second

// executable builds the program once per test process.
var executable = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "printwire-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "printwire")
	build := exec.Command("go", "build", "-tags", "nomsgpack", "-o", path, "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

// ports counts those that were handed out, from a random one on.
var ports = sync.OnceValue(func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(portsToGive))
	return &n
})

// The ports that are handed out end below those that a system gives to who asks
// for any, and to connections: nobody gets one while its owner is switched off.
const (
	firstPort   = 12_000
	portsToGive = 20_000
)

// freePort is one on which nobody listens, and that nobody else is given.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 1000 {
		port := firstPort + int(ports().Add(1)%portsToGive)
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	tb.Fatal("no port is free")
	return 0
}

// environment is this process's without what would set the program.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "PRINTWIRE_") || strings.HasPrefix(pair, "SUPERVISOR_TOKEN=")
	})
}

// program is one running printwire process.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *lines
	done chan error
}

// start runs the program with arguments until the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	path, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, cmd: exec.Command(path, args...), out: newLines(), done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Env = environment()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %v: %v", args, err)
	}
	cmd := p.cmd
	go func() { // owner: stop or the clean-up waits on done
		defer close(p.done) // so that whoever waits second is not kept
		p.done <- cmd.Wait()
	}()
	t.Cleanup(func() {
		if p.cmd != nil {
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		if t.Failed() {
			t.Logf("output of printwire %s:\n%s", strings.Join(args, " "), p.out.tail(60))
		}
	})
	return p
}

// stop ends the program as an operating system does, and wants the exit code 0 within 8 s.
func (p *program) stop() {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("stopping: %v", err)
	}
	select {
	case err := <-p.done:
		if err != nil {
			p.t.Errorf("exit after SIGTERM: %v, want 0", err)
		}
	case <-time.After(8 * time.Second):
		p.t.Error("still running 8 s after SIGTERM")
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	p.t.Logf("stopped after %s", time.Since(began).Round(time.Millisecond))
	p.cmd = nil
}

// lines keeps a process's output and wakes who waits for a line.
type lines struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newLines() *lines { return &lines{changed: make(chan struct{})} }

// Write keeps what the process wrote.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(b)
}

// tail are the last lines, all of them for -1.
func (l *lines) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Split(strings.TrimRight(l.text.String(), "\n"), "\n")
	if n < 0 {
		n = len(all)
	}
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// has waits until the output has a text, and tells whether it came before the
// process ended.
func (l *lines) has(text string, ended <-chan struct{}) bool {
	for {
		l.mu.Lock()
		found, changed := strings.Contains(l.text.String(), text), l.changed
		l.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-changed:
		case <-ended:
			return false
		}
	}
}

// wait returns when the output has a text.
func (l *lines) wait(t *testing.T, text string, limit time.Duration) {
	t.Helper()
	deadline := time.After(limit)
	for {
		l.mu.Lock()
		found, changed := strings.Contains(l.text.String(), text), l.changed
		l.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no %q within %s in:\n%s", text, limit, l.tail(40))
		}
	}
}

// access is what the demo writes with --access.
type access struct {
	HTTP string
	MQTT struct {
		Host               string
		Port               int
		Username, Password string
	}
	Keys     map[string]string
	Printers []struct {
		ID                     int
		Serial, Model, Address string
		AccessCode             string `json:"access_code"`
	}
}

// demo starts the demo and waits until it is ready.
func demo(t *testing.T, args ...string) (*program, access) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "access.json")
	p := start(t, append([]string{"demo", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--access", file}, args...)...)
	p.out.wait(t, "Ready.", patience)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var a access
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("the access file: %v", err)
	}
	return p, a
}

// subscribed runs mosquitto_sub for some seconds after it has subscribed, and
// gives the retained messages that it printed, topic to the last payload. There
// are none where it cannot log in.
func (a access) subscribed(t *testing.T, seconds int, filters ...string) map[string]string {
	t.Helper()
	args := []string{
		"-h", a.MQTT.Host, "-p", strconv.Itoa(a.MQTT.Port), "-u", a.MQTT.Username, "-P", a.MQTT.Password,
		"-F", "%r %t %p", "--retained-only", "-d",
	}
	for _, f := range filters {
		args = append(args, "-t", f)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sub, out, done := exec.CommandContext(ctx, "mosquitto_sub", args...), newLines(), make(chan struct{})
	sub.Stdout, sub.Stderr = out, out
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = sub.Wait(); close(done) }() // owner: subscribed waits on done
	if out.has("received SUBACK", done) {
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-done:
		}
	}
	cancel()
	<-done
	got := map[string]string{}
	for line := range strings.Lines(out.tail(-1)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(parts) == 3 && parts[0] == "1" { // the others are what it says of itself
			got[parts[1]] = parts[2]
		}
	}
	return got
}

// run runs the program's command line to its end.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// eventually asks again and again until ok, and fails with what was seen last.
func eventually(t *testing.T, what string, limit time.Duration, ok func() (bool, string)) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for {
		good, seen := ok()
		if good {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s; last seen: %s", what, limit, seen)
		}
	}
}
