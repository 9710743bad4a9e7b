package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
)

const (
	// crashPrinters print at the same time, so that transactions are shared.
	crashPrinters = 2
	crashJobs     = 3
)

// TestCrash kills a process that runs storage, bridge and followers at seeded
// points and starts it again, until its printers have printed everything. Then
// the journal must have each event once. It kills 200 times, 20 with -short and
// 2,000 with PRINTWIRE_LONG=1.
func TestCrash(t *testing.T) {
	kills := 200
	switch {
	case os.Getenv("PRINTWIRE_LONG") != "":
		kills = 2000
	case testing.Short():
		kills = 20
	}
	r := rand.New(rand.NewPCG(2026, 8))
	byKind := map[string]int{}
	for seed, done := uint64(1), 0; done < kills; seed++ {
		folder := t.TempDir()
		died := 0
		for ; ; died++ {
			plan := crashPlan{Folder: folder, Seed: seed, Jobs: crashJobs}
			// After eight deaths it may live, so that each play has an end.
			if died < 8 && done+died < kills {
				plan.Kind, plan.N = planOf(r)
			}
			killed, err := crashOnce(t, plan)
			if err != nil {
				t.Fatalf("play %d after %d deaths: %v", seed, died, err)
			}
			if !killed {
				break
			}
			byKind[plan.Kind]++
		}
		done += died
		if !verifyCrash(t, folder, seed) {
			t.Fatalf("play %d, killed %d times, went wrong", seed, died)
		}
	}
	t.Logf("killed at: %v", byKind)
}

// planOf chooses a point to die at: any step of a write, the moment before or
// after the printer shows something, the window of grace, or any time.
func planOf(r *rand.Rand) (string, int64) {
	switch r.IntN(8) {
	case 0:
		return "grace", 1 + r.Int64N(2)
	case 1:
		return "enter", 1 + r.Int64N(20)
	case 2:
		return "emit", 1 + r.Int64N(20)
	case 3:
		return "told", 1 + r.Int64N(20)
	case 4:
		return "time", 2000 + r.Int64N(40_000)
	default:
		steps := []storage.Step{storage.StepBegin, storage.StepApply, storage.StepCommit, storage.StepAnswer}
		return "step " + string(steps[r.IntN(len(steps))]), 1 + r.Int64N(40)
	}
}

// crashOnce runs the plan in a process of its own and tells whether it was killed.
func crashOnce(t *testing.T, plan crashPlan) (killed bool, err error) {
	t.Helper()
	text, err := json.Marshal(plan)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestCrashChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), crashEnv+"="+string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL && ctx.Err() == nil {
			return true, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("%w\n%s", err, out.String())
	}
	return false, nil
}

// verifyCrash compares what is stored with what was played.
func verifyCrash(t *testing.T, folder string, seed uint64) bool {
	t.Helper()
	path := filepath.Join(folder, "printwire.db")
	if err := storage.CheckFile(t.Context(), path); err != nil {
		t.Error(err)
		return false
	}
	store, err := storage.Open(t.Context(), storage.Options{Path: path})
	if err != nil {
		t.Error(err)
		return false
	}
	defer store.Close()
	entries, lost, err := store.After(t.Context(), 0, 10_000)
	if err != nil || lost != 0 {
		t.Errorf("journal: %d lost, %v", lost, err)
		return false
	}
	told := map[string][]string{}
	for i, e := range entries {
		if e.Seq != uint64(i+1) {
			t.Errorf("entry %d has the number %d", i+1, e.Seq)
		}
		told[e.Serial] = append(told[e.Serial], e.Name+" "+nameOfJob(e))
	}
	for i := range crashPrinters {
		serial := fmt.Sprintf("S%d", i)
		scenes := play(seed+uint64(i), crashJobs)
		if want := wanted(scenes); !slices.Equal(told[serial], want) {
			t.Errorf("printer %s: journal has\n%s\nwant\n%s", serial, strings.Join(told[serial], "\n"), strings.Join(want, "\n"))
		}
		verifyJobs(t, store, serial, wantedResults(scenes))
	}
	verifyOutside(t, filepath.Join(folder, "told"), entries)
	return !t.Failed()
}

// nameOfJob is the name of an entry's job, which the archive's records and the
// script have too; ids differ from run to run.
func nameOfJob(e journal.Entry) string {
	if e.Job == "" {
		return "-"
	}
	number, _, _ := strings.Cut(strings.TrimLeft(e.Job, "0"), "-")
	return "job " + number
}

func verifyJobs(t *testing.T, store *storage.Store, serial string, want []printer.Result) {
	t.Helper()
	jobs, err := store.Archive().Jobs(t.Context(), 0)
	if err != nil {
		t.Error(err)
		return
	}
	var got []printer.Result
	for _, j := range slices.Backward(jobs) {
		if j.Serial == serial {
			got = append(got, j.Result)
			if j.Start.IsZero() || j.End.Before(j.Start) || j.Name != fmt.Sprintf("job %d", len(got)) {
				t.Errorf("printer %s: record %+v", serial, j)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("printer %s: records end in %v, want %v", serial, got, want)
	}
}

// verifyOutside wants each event at least once, in order, and a repeat only
// with the same number and name.
func verifyOutside(t *testing.T, path string, entries []journal.Entry) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	next := uint64(1)
	for line := range strings.Lines(string(data)) {
		var seq uint64
		var name string
		if _, err := fmt.Sscanf(line, "%d %s", &seq, &name); err != nil || seq < 1 || seq > uint64(len(entries)) {
			t.Errorf("outside was told %q (%v)", line, err)
			return
		}
		if seq > next || entries[seq-1].Name != name {
			t.Errorf("outside was told %q, want number %d or an earlier one again", line, next)
		}
		next = max(next, seq+1)
	}
	if next != uint64(len(entries)+1) {
		t.Errorf("outside was told up to %d of %d", next-1, len(entries))
	}
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
