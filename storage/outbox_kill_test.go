package storage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/storage"
	"github.com/printwire/printwire/webhook"
)

// The environment of the process that TestOutbox_Kill kills.
const (
	victimPath = "PRINTWIRE_TEST_VICTIM"
	victimURL  = "PRINTWIRE_TEST_VICTIM_URL"
)

// kills is how often the process is killed; victimJobs is how many jobs are
// printed over all of its lives.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("PRINTWIRE_TEST_KILLS")); err == nil {
		return n
	}
	return 20
}

func victimJobs() int { return 12 * kills() }

// TestOutbox_Victim is no test of its own: it is the process that is killed. It
// prints jobs as a bridge would, from the state in the file, and delivers.
func TestOutbox_Victim(t *testing.T) {
	path := os.Getenv(victimPath)
	if path == "" {
		t.Skip("it is run by TestOutbox_Kill")
	}
	ctx := t.Context()
	s, err := storage.Open(ctx, storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	ms := time.Millisecond
	box := webhook.New(webhook.Options{
		Store: s.Webhooks(), Policy: webhook.Policy{Loopback: true},
		Schedule: []time.Duration{0, 5 * ms, 10 * ms, 20 * ms, 20 * ms, 20 * ms, 20 * ms, 20 * ms, 20 * ms, 20 * ms, 20 * ms, 20 * ms},
	})
	err = box.Load(ctx)
	if err == nil {
		err = box.Manage(ctx, []webhook.Endpoint{{ID: "file_a", Name: "A", URL: secret.Text(os.Getenv(victimURL)), Milestones: webhook.Milestones{Percent: []int{10, 25, 50, 75, 90}}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = box.Run(ctx) }()                                               // owner: the process, which is killed
	go func() { _ = journal.Follow(ctx, slog.New(slog.DiscardHandler), s, box) }() // owner: the process, which is killed
	sent := func() {
		for seq, _ := box.Cursor(ctx); seq < s.Last(); seq, _ = box.Cursor(ctx) {
			<-time.After(ms)
		}
		for n, _ := s.Webhooks().Next(ctx, "file_a"); n.HasQueued || n.HasApart; n, _ = s.Webhooks().Next(ctx, "file_a") {
			<-time.After(ms)
		}
	}
	for i := 1; printOn(t, ctx, s, box.Marks()); i++ {
		if i%100 == 0 {
			sent() // a slow machine would leave out what waits for two minutes
		}
	}
	sent()
	fmt.Println("VICTIM IS DONE")
	<-ctx.Done()
}

// printOn makes one report of the printer and what it causes, in one
// transaction, as the bridge does. It is false when all jobs are done.
func printOn(t *testing.T, ctx context.Context, s *storage.Store, marks printer.Marks) bool {
	t.Helper()
	records, err := s.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := printer.Record{ID: 1}
	if len(records) > 0 {
		r = records[0]
	}
	prev := r.State
	next := prev
	next.Online, next.Activity = true, printer.Printing
	switch j := &next.Job; {
	case j.ID == "" || j.Over():
		number := 0
		_, _ = fmt.Sscanf(j.ID, "J%d", &number)
		if number >= victimJobs() {
			return false
		}
		*j = printer.Job{ID: fmt.Sprintf("J%d", number+1), File: "cube.3mf", Progress: printer.Some(0)}
	case j.Progress.Value >= 100:
		j.Result, j.EndedAt = printer.Success, time.Now()
		next.Activity = printer.Finished
	default:
		j.Progress = printer.Some(min(100, j.Progress.Value+1+rand.IntN(45)))
	}
	next = printer.Carry(prev, next)
	var entries []journal.Entry
	for _, e := range printer.Diff(prev, next, marks) {
		data, err := json.Marshal(e.Detail)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, journal.Entry{Time: time.Now(), Name: e.Name, PrinterID: 1, Job: e.Job, Data: data})
	}
	r.State, r.Version = next, r.Version+1
	if err := s.Commit(ctx, r, entries); err != nil {
		t.Fatal(err)
	}
	return true
}

// ledger is what a receiver got: the ids of each event of each job.
type ledger struct {
	mu  sync.Mutex
	ids map[string]map[string]bool
	rng *rand.Rand
}

// ServeHTTP takes the event, and now and then loses it, its answer, or its time.
func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var b struct {
		Event string
		Data  struct {
			Job       string
			Milestone *int
		}
	}
	if err != nil || json.Unmarshal(body, &b) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	luck := l.rng.IntN(20)
	if luck == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	name := b.Data.Job + " " + b.Event
	if b.Data.Milestone != nil {
		name += fmt.Sprint(" ", *b.Data.Milestone)
	}
	if l.ids[name] == nil {
		l.ids[name] = map[string]bool{}
	}
	l.ids[name][r.Header.Get("webhook-id")] = true
	if luck == 1 {
		panic(http.ErrAbortHandler) // It was taken, and the answer was lost.
	}
}

// TestOutbox_Kill kills the process, as a power loss does, at points that a
// seed chooses, while the receiver fails at random. Every event arrives, and
// each under one id.
func TestOutbox_Kill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const seed = 7
	kills := kills()
	l := &ledger{ids: map[string]map[string]bool{}, rng: rand.New(rand.NewPCG(seed, 1))}
	server := httptest.NewServer(l)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "printwire.db")
	points := rand.New(rand.NewPCG(seed, 2))
	for life := range kills + 1 {
		limit := time.Duration(20+points.IntN(130)) * time.Millisecond
		if life == kills {
			limit = 3 * time.Minute
		}
		out := live(t, path, server.URL, limit)
		if done := strings.Contains(out, "VICTIM IS DONE"); life == kills && !done {
			t.Fatalf("the last life did not come to an end: %s", out)
		} else if done && life < kills {
			t.Logf("all was done after %d kills", life)
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := 1; n <= victimJobs(); n++ {
		for _, what := range strings.Split("print_started,print_progress 10,print_progress 25,print_progress 50,print_progress 75,print_progress 90,print_complete", ",") {
			if ids := l.ids[fmt.Sprintf("J%d %s", n, what)]; len(ids) != 1 {
				t.Errorf("job %d: %s arrived under %d ids, want one", n, what, len(ids))
			}
		}
	}
	if want := victimJobs() * 7; len(l.ids) != want {
		t.Errorf("%d different events arrived, want %d", len(l.ids), want)
	}
}

// live runs the process until it is done or its time is over, and kills it.
func live(t *testing.T, path, url string, limit time.Duration) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestOutbox_Victim$", "-test.v")
	cmd.Env = append(os.Environ(), victimPath+"="+path, victimURL+"="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() }) // owner: this test, which waits for the process
	var text strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := out.Read(buffer)
		text.Write(buffer[:n])
		if strings.Contains(text.String(), "VICTIM IS DONE") || strings.Contains(text.String(), "FAIL") {
			_ = cmd.Process.Kill()
		}
		if err != nil {
			break
		}
	}
	timer.Stop()
	_ = cmd.Wait()
	if strings.Contains(text.String(), "FAIL") {
		t.Fatalf("the process failed: %s", text.String())
	}
	return text.String()
}
