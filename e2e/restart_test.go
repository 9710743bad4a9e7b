package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"
)

// stopRow is one way in which a life of the program ends.
type stopRow struct {
	name string
	// of 100 lives, so many end like this.
	share int
	// back: every printer is shown as it is before the end comes; else it comes
	// in the middle of the start.
	back   bool
	signal syscall.Signal
}

func stopRows() []stopRow {
	return []stopRow{
		{"killed in the start", 55, false, syscall.SIGKILL},
		{"killed while printers print", 20, true, syscall.SIGKILL},
		{"stopped in the start", 10, false, syscall.SIGTERM},
		{"stopped while printers print", 15, true, syscall.SIGTERM},
	}
}

// TestRestart starts the program again and again while simulated printers
// print, and ends it in one of four ways: with SIGKILL and with SIGTERM, in the
// middle of its start and when it shows every printer. It wants of the journal,
// of MQTT and of the record of prints what TestKill wants. It restarts 20 times,
// 1,000 times with PRINTWIRE_E2E=1: a machine that is busy with other things may
// do with fewer, but not with so few that not every end has come often.
func TestRestart(t *testing.T) {
	restarts, enough, limit := 20, 10, 30*time.Second
	if os.Getenv("PRINTWIRE_E2E") == "1" {
		restarts, enough, limit = 1000, 250, 170*time.Second
	}
	h := newTheatre(t, []string{"A1", "X1C"})
	random := rand.New(rand.NewPCG(2026, 12))
	began := time.Now()
	cmd, done, at := h.begin()
	h.comeBack(at, done)
	h.seen()
	h.kill(cmd, done)
	h.perform()
	ends := map[string]int{}
	n := 0
	for ; n < enough || n < restarts && time.Since(began) < limit; n++ {
		ends[h.restart(random)]++
	}
	took := time.Since(began)
	close(h.curtain)
	h.lastLife()
	h.verify()
	h.verifyRecords()
	t.Logf("%d restarts in %s: %v; %d entries", n, took.Round(time.Second), ends, len(h.entries))
}

// restart is one life, and gives the name of its end.
func (h *theatre) restart(random *rand.Rand) string {
	h.t.Helper()
	defer h.performing()
	row := stopOf(random)
	cmd, done, at := h.begin()
	if row.back {
		h.comeBack(at, done)
		restFor(h.t.Context(), time.Duration(random.IntN(30))*time.Millisecond)
	} else {
		restFor(h.t.Context(), time.Duration(random.IntN(120))*time.Millisecond)
	}
	if row.signal == syscall.SIGKILL {
		h.kill(cmd, done)
		return row.name
	}
	_ = cmd.Process.Signal(row.signal)
	select {
	case err := <-done:
		// In the first moments nobody listens to the signal yet, and it ends the process.
		if state := cmd.ProcessState.Sys().(syscall.WaitStatus); err != nil && (row.back || !state.Signaled()) {
			h.t.Fatalf("%s: %v, want exit 0", row.name, err)
		}
	case <-time.After(8 * time.Second):
		_ = cmd.Process.Kill()
		h.t.Fatalf("%s: still running 8 s after SIGTERM", row.name)
	}
	h.read(false)
	return row.name
}

func stopOf(random *rand.Rand) stopRow {
	n := random.IntN(100)
	for _, row := range stopRows() {
		if n -= row.share; n < 0 {
			return row
		}
	}
	panic(fmt.Sprintf("the shares of the ends miss %d of 100", n+1))
}
