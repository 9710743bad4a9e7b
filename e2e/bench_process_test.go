package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// clockTicks is how many ticks a second /proc counts in (USER_HZ; 100 on Linux).
const clockTicks = 100

// stripped builds the program as it is shipped, once per test process, or takes
// the one that PRINTWIRE_BENCH_PROGRAM names.
var stripped = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PRINTWIRE_BENCH_PROGRAM"); path != "" {
		return path, nil
	}
	folder, err := os.MkdirTemp("", "printwire-bench-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "printwire")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", path, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

// measured is a process whose processor time and memory are its own alone.
type measured struct {
	tb   testing.TB
	cmd  *exec.Cmd
	out  *lines
	done chan error
}

// launch starts a process to be measured.
func launch(tb testing.TB, path string, env []string, args ...string) *measured {
	tb.Helper()
	m := &measured{tb: tb, cmd: exec.Command(path, args...), out: newLines(), done: make(chan error, 1)}
	m.cmd.Stdout, m.cmd.Stderr = m.out, m.out
	m.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "PRINTWIRE_") }), env...)
	if err := m.cmd.Start(); err != nil {
		tb.Fatalf("starting %s: %v", path, err)
	}
	go func() { m.done <- m.cmd.Wait() }() // owner: stop waits on done
	tb.Cleanup(m.stop)
	return m
}

// launchPlanned starts a test of this very executable as a process to be
// measured; env names the file with its plan.
func launchPlanned(tb testing.TB, env, test string, plan any) *measured {
	tb.Helper()
	text, err := json.Marshal(plan)
	if err != nil {
		tb.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "plan.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return launch(tb, self, []string{env + "=" + file}, "-test.run", "^"+test+"$", "-test.timeout", "0")
}

// planned reads the plan in such a process; anywhere else it skips the test.
func planned(t *testing.T, env string, plan any) {
	t.Helper()
	file := os.Getenv(env)
	if file == "" {
		t.Skip("runs only as a child of a benchmark")
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, plan)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// quantile of a rising list, in microseconds.
func quantile(list []time.Duration, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	return float64(list[min(int(q*float64(len(list))), len(list)-1)].Nanoseconds()) / 1e3
}

// stop ends the process and waits for it. It may be called twice.
func (m *measured) stop() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.done:
	case <-time.After(10 * time.Second):
		_ = m.cmd.Process.Kill()
		<-m.done
	}
	m.cmd = nil
	if m.tb.Failed() {
		m.tb.Logf("its output:\n%s", m.out.tail(30))
	}
}

// processor is the processor time that a process has used.
func processor(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatalf("processor time: %v", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			tb.Fatalf("processor time: %v", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks
}

// resident is how much memory a process has, in MB.
func resident(tb testing.TB, pid int) float64 { return memoryOf(tb, pid, "VmRSS:") }

// memoryOf is a line of a process's status, in MB: "RssAnon:" is its own memory
// without the pages of files.
func memoryOf(tb testing.TB, pid int, name string) float64 {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatalf("memory: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err == nil {
				return kilobytes * 1024 / 1e6
			}
		}
	}
	tb.Fatalf("no %s in the status of process %d", name, pid)
	return 0
}

// unused is a loopback address at which nobody listens.
func unused(tb testing.TB) string {
	tb.Helper()
	return "127.0.0.1:" + strconv.Itoa(freePort(tb))
}

// dial waits until a process listens.
func dial(tb testing.TB, address string) net.Conn {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			tb.Fatalf("nobody listens at %s: %v", address, err)
		}
		<-time.After(2 * time.Millisecond)
	}
}
