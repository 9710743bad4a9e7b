package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/journal"
)

func TestEvents_Table(t *testing.T) {
	// These names are on every interface: they never change once shipped.
	want := strings.Fields(`print_started print_progress print_paused print_resumed print_complete print_failed
		print_stopped first_layer_complete filament_changed filament_runout printer_online printer_offline
		printer_error printer_error_cleared door_opened door_closed bed_cooled drying_finished firmware_available
		tariff_changed price_negative price_below price_above tomorrow_available tariff_stale cheap_window_open
		endpoint_disabled test`)
	name := regexp.MustCompile(`^[a-z][a-z_]*[a-z]$`)
	var got []string
	for _, row := range journal.Events() {
		got = append(got, row.Name)
		if !name.MatchString(row.Name) || row.Label == "" || !strings.HasSuffix(row.When, ".") || row.Origin == "" {
			t.Errorf("row %+v is not complete", row)
		}
		if fields := slices.Sorted(slices.Values(row.Fields)); len(slices.Compact(fields)) != len(row.Fields) {
			t.Errorf("row %s names a field twice: %v", row.Name, row.Fields)
		}
		if strings.HasPrefix(row.Name, "print_") && !slices.Contains(row.Fields, "progress") {
			t.Errorf("row %s is about a job and lacks its progress", row.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("events are\n%v\nwant\n%v", got, want)
	}
}

func TestEvent_IsTheRowOfItsName(t *testing.T) {
	for _, want := range journal.Events() {
		if got, ok := journal.Event(want.Name); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v (%v), want %+v", want.Name, got, ok, want)
		}
	}
	for _, name := range []string{"", "*", "Print_started", "print_started "} {
		if got, ok := journal.Event(name); ok || got.Name != "" {
			t.Errorf("%q is %+v", name, got)
		}
	}
}

func TestEvents_RowsDoNotShareTheirFields(t *testing.T) {
	rows := journal.Events()
	rows[0].Fields[0] = "spoiled"
	rows[1].Fields = append(rows[1].Fields[:5], "spoiled")
	for _, row := range journal.Events() {
		if slices.Contains(row.Fields, "spoiled") {
			t.Errorf("row %s was changed by a user of another table", row.Name)
		}
	}
}

func TestEntry_JSON(t *testing.T) {
	e := journal.Entry{Seq: 7, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Name: "test", PrinterID: 2, Serial: "S", Printer: "P", Job: "J", Data: json.RawMessage(`{"a":1}`)}
	data, err := json.Marshal(e)
	want := `{"seq":7,"time":"2026-01-02T03:04:05Z","event":"test","printer_id":2,"serial":"S","printer":"P","job":"J","data":{"a":1}}`
	if err != nil || string(data) != want {
		t.Errorf("JSON is %s (%v), want %s", data, err, want)
	}
	var back journal.Entry
	if err := json.Unmarshal(data, &back); err != nil || back.Name != e.Name || back.Seq != e.Seq || string(back.Data) != string(e.Data) {
		t.Errorf("read back it is %+v (%v)", back, err)
	}
}

// ledger is a journal in memory.
type ledger struct {
	mu      sync.Mutex
	entries []journal.Entry
	grown   chan struct{}
	broken  int
	asked   int
}

func newLedger() *ledger { return &ledger{grown: make(chan struct{})} }

func (l *ledger) add(names ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		l.entries = append(l.entries, journal.Entry{Seq: uint64(len(l.entries) + 1), Name: name})
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *ledger) After(_ context.Context, seq uint64, limit int) ([]journal.Entry, int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.broken > 0 {
		l.broken--
		return nil, 0, errors.New("the ledger is shut")
	}
	rest := l.entries[seq:]
	lost := 0
	for len(rest) > 0 && rest[0].Name == "dropped" {
		rest, lost = rest[1:], lost+1
	}
	return slices.Clone(rest[:min(limit, len(rest))]), lost, nil
}

func (l *ledger) Wait(ctx context.Context, seq uint64) error {
	for {
		l.mu.Lock()
		grown, last := l.grown, uint64(len(l.entries))
		l.mu.Unlock()
		if last > seq {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

func (l *ledger) Last() uint64 { return uint64(len(l.entries)) }

// reader is a follower that can fail before or after its effect.
type reader struct {
	mu     sync.Mutex
	cursor uint64
	seen   []string
	lost   int
	most   int
	// fails says how often Apply fails after its effect, before its cursor, panics how often it panics first.
	fails, panics int
	calls         []time.Time
}

func (r *reader) Name() string { return "reader" }

func (r *reader) Cursor(context.Context) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursor, nil
}

func (r *reader) Apply(_ context.Context, entries []journal.Entry, lost int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.panics > 0 {
		r.panics--
		panic("reader")
	}
	r.calls = append(r.calls, time.Now())
	r.most = max(r.most, len(entries))
	for _, e := range entries {
		r.seen = append(r.seen, e.Name)
	}
	if r.fails > 0 {
		r.fails--
		return errors.New("the effect is done, the cursor is not")
	}
	r.lost += lost
	r.cursor = entries[len(entries)-1].Seq
	return nil
}

// follow runs a follower in a bubble of fake time.
func follow(t *testing.T, l *ledger, r *reader, test func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- journal.Follow(ctx, slog.New(slog.DiscardHandler), l, r) }() // owner: follow, which waits for ended
	synctest.Wait()
	test()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Follow: %v", err)
	}
}

func TestFollow_GivesEntriesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLedger(), &reader{cursor: 1}
		l.add("a", "b", "c")
		follow(t, l, r, func() {
			l.add("d")
			synctest.Wait()
			l.add("dropped", "dropped", "e")
			synctest.Wait()
		})
		if !slices.Equal(r.seen, []string{"b", "c", "d", "e"}) || r.cursor != 7 || r.lost != 2 {
			t.Errorf("the follower has seen %v, is at %d, lost %d", r.seen, r.cursor, r.lost)
		}
	})
}

func TestFollow_BoundsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLedger(), &reader{}
		l.add(slices.Repeat([]string{"x"}, 1000)...)
		follow(t, l, r, func() {})
		if len(r.seen) != 1000 || r.most > 256 {
			t.Errorf("%d entries came, up to %d at once", len(r.seen), r.most)
		}
	})
}

func TestFollow_TriesAgainAndSkipsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLedger(), &reader{fails: 12}
		l.add("a")
		follow(t, l, r, func() {
			<-time.After(5 * time.Minute)
			synctest.Wait()
			if r.cursor != 1 || len(r.seen) != 13 {
				t.Fatalf("the follower is at %d after %d tries", r.cursor, len(r.seen))
			}
			for i := 2; i < len(r.calls); i++ {
				before, now := r.calls[i-1].Sub(r.calls[i-2]), r.calls[i].Sub(r.calls[i-1])
				if want := min(2*before, 30*time.Second); now != want {
					t.Errorf("pause %d is %v, want %v", i, now, want)
				}
			}
			if first := r.calls[1].Sub(r.calls[0]); first != 100*time.Millisecond {
				t.Errorf("the first pause is %v, want 100 ms", first)
			}
			r.fails = 1
			l.add("b")
			synctest.Wait()
			<-time.After(100 * time.Millisecond)
			synctest.Wait()
			if r.cursor != 2 {
				t.Error("after a success the pause did not begin anew")
			}
		})
	})
}

func TestFollow_SurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLedger(), &reader{panics: 2}
		l.add("a")
		follow(t, l, r, func() {
			<-time.After(10 * time.Second)
			synctest.Wait()
		})
		if !slices.Equal(r.seen, []string{"a"}) || r.cursor != 1 {
			t.Errorf("the follower has seen %v and is at %d", r.seen, r.cursor)
		}
	})
}

func TestFollow_SurvivesABrokenReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLedger(), &reader{}
		l.broken = 3
		l.add("a")
		follow(t, l, r, func() {
			<-time.After(10 * time.Second)
			synctest.Wait()
		})
		if !slices.Equal(r.seen, []string{"a"}) {
			t.Errorf("the follower has seen %v", r.seen)
		}
	})
}

func TestFollow_EndsWhileItPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLedger(), &reader{fails: 1 << 30}
		l.add("a")
		began := time.Now()
		follow(t, l, r, func() {})
		if time.Since(began) > 0 {
			t.Errorf("the end took %v", time.Since(began))
		}
	})
}
