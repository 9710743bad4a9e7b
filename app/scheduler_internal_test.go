package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi"
)

// notes is a jobStore without a file.
type notes struct {
	mu   sync.Mutex
	data map[string][]byte
}

func (n *notes) Values(string) (map[string][]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.data), nil
}

func (n *notes) Put(pairs map[string][]byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.data == nil {
		n.data = map[string][]byte{}
	}
	maps.Copy(n.data, pairs)
	return nil
}

// rota is a scheduler that runs in a bubble of time.
type rota struct {
	*scheduler
	t *testing.T
	// stop ends it and gives what Run did.
	stop func() error
}

func startRota(t *testing.T, store jobStore, zone *time.Location, rows ...jobRow) *rota {
	t.Helper()
	return startRotaBy(t, time.Now, store, zone, rows...)
}

// startRotaBy is startRota with another clock than that of the timers.
func startRotaBy(t *testing.T, now func() time.Time, store jobStore, zone *time.Location, rows ...jobRow) *rota {
	t.Helper()
	s, err := newScheduler(rows, store, zone, slog.New(slog.DiscardHandler), now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }() // owner: stop waits on done
	r := &rota{scheduler: s, t: t, stop: sync.OnceValue(func() error { cancel(); return <-done })}
	synctest.Wait()
	return r
}

// one is the only job.
func (r *rota) one() httpapi.Job { return r.list()[0] }

// times notes when a job runs.
type times struct {
	mu   sync.Mutex
	list []time.Time
}

func (s *times) row(name string, when schedule) jobRow {
	return jobRow{name: name, about: "Notes the time.", when: when, what: func(context.Context) (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.list = append(s.list, time.Now())
		return fmt.Sprintf("run %d", len(s.list)), nil
	}}
}

func (s *times) runs() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.list...)
}

// A bubble of time begins at midnight of 1 January 2000, in UTC.

func TestScheduler_AYearInBerlin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		berlin := mustZone(t, "Europe/Berlin")
		var seen times
		r := startRota(t, &notes{}, berlin, seen.row("night", mustDaily(t, "02:30", "Europe/Berlin")))
		<-time.After(366 * 24 * time.Hour)
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		days := map[string]string{}
		for _, at := range seen.runs() {
			day := at.In(berlin).Format(time.DateOnly)
			if before, twice := days[day]; twice {
				t.Errorf("on %s it runs at %s and %s", day, before, at)
			}
			days[day] = at.In(berlin).Format("15:04:05Z07:00")
		}
		for day, want := range map[string]string{
			"2000-01-01": "02:30:00+01:00", "2000-03-25": "02:30:00+01:00", "2000-03-26": "03:30:00+02:00", "2000-03-27": "02:30:00+02:00",
			"2000-10-28": "02:30:00+02:00", "2000-10-29": "02:30:00+02:00", "2000-10-30": "02:30:00+01:00",
		} {
			if days[day] != want {
				t.Errorf("on %s it runs at %s, want %s", day, days[day], want)
			}
		}
		if len(days) != 366 {
			t.Errorf("it runs on %d days of 366", len(days))
		}
	})
}

func TestScheduler_AGapAtMidnightEndsNoJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen times
		r := startRota(t, &notes{}, mustZone(t, "America/Santiago"), seen.row("night", mustDaily(t, "03:30", "America/Santiago")))
		<-time.After(330 * 24 * time.Hour) // over both changes of the clocks
		if err := r.stop(); err != nil || len(seen.runs()) != 330 {
			t.Errorf("%d runs in 330 days, %v", len(seen.runs()), err)
		}
	})
}

func TestScheduler_WhatWasMissedIsCaughtUpOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		// up and down are how long it works and is down before the start that is looked at.
		up, down time.Duration
		caught   int
	}{
		{"after a night", 12 * time.Hour, 18 * time.Hour, 1},
		{"after many nights", 12 * time.Hour, 20 * 24 * time.Hour, 1},
		{"not when nothing was due", 12 * time.Hour, 6 * time.Hour, 0},
		{"on the first day", time.Hour, 12 * time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen times
				store, when := &notes{}, mustDaily(t, "03:30", "UTC")
				first := startRota(t, store, time.UTC, seen.row("night", when))
				<-time.After(c.up)
				if err := first.stop(); err != nil {
					t.Fatal(err)
				}
				before := len(seen.runs())
				<-time.After(c.down)
				second := startRota(t, store, time.UTC, seen.row("night", when))
				<-time.After(catchUpAfter - time.Second)
				if got := len(seen.runs()) - before; got != 0 {
					t.Errorf("%d runs at once with the start", got)
				}
				<-time.After(time.Minute)
				if got := len(seen.runs()) - before; got != c.caught {
					t.Errorf("%d runs soon after the start, want %d", got, c.caught)
				}
				if next := second.one().Next; !next.Equal(when.next(time.Now())) {
					t.Errorf("the next run is at %s", next)
				}
				if err := second.stop(); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Minute)
				third := startRota(t, store, time.UTC, seen.row("night", when))
				<-time.After(10 * time.Minute)
				if got := len(seen.runs()) - before; got != c.caught {
					t.Errorf("another start makes it %d runs, want %d", got, c.caught)
				}
				if err := third.stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestScheduler_ClocksThatAreSet(t *testing.T) {
	for _, c := range []struct {
		name string
		jump time.Duration
		// within is how soon it runs after the jump, which comes at 12:00.
		within time.Duration
	}{
		{"forward over a night", 20 * time.Hour, lookEvery},
		{"forward over a year", 366 * 24 * time.Hour, lookEvery},
		{"back an hour", -time.Hour, 17 * time.Hour},
		{"back over a night", -20 * time.Hour, 37 * time.Hour},
		{"by a little", -20 * time.Second, 15*time.Hour + 31*time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen times
				var jump atomic.Int64
				now := func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }
				r := startRotaBy(t, now, &notes{}, time.UTC, seen.row("night", mustDaily(t, "03:30", "UTC")))
				<-time.After(12 * time.Hour)
				jump.Store(int64(c.jump))
				<-time.After(c.within)
				if n := len(seen.runs()); n != 2 {
					t.Errorf("%d runs within %s", n, c.within)
				}
				<-time.After(10 * 24 * time.Hour)
				if n := len(seen.runs()); n < 11 || n > 13 {
					t.Errorf("%d runs in ten days more", n)
				}
				if err := r.stop(); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

func TestScheduler_AnIntervalGoesOnOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen times
		store, row := &notes{}, seen.row("hourly", schedule{every: time.Hour})
		begin := time.Now()
		for _, up := range []time.Duration{25 * time.Minute, 25 * time.Minute, 25 * time.Minute, 3 * time.Hour} {
			r := startRota(t, store, time.UTC, row)
			<-time.After(up)
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, at := range seen.runs() {
			got = append(got, at.Sub(begin).String())
		}
		if text := strings.Join(got, " "); text != "30s 1h0m30s 2h0m30s 3h0m30s 4h0m30s" {
			t.Errorf("it ran at %s", text)
		}
	})
}

func TestScheduler_APanicEndsThatRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen times
		ask := 0
		r := startRota(t, &notes{}, time.UTC, jobRow{name: "bad", about: "Panics.", when: schedule{every: time.Hour}, what: func(context.Context) (string, error) {
			ask++
			var none *times
			return none.list[ask].String(), nil
		}}, seen.row("good", schedule{every: time.Hour}))
		<-time.After(150 * time.Minute)
		bad, good := r.list()[0], r.list()[1]
		if ask != 3 || bad.Last.OK || !strings.Contains(bad.Last.Message, "nil pointer") || bad.Last.By != bySchedule {
			t.Errorf("after %d panics: %+v", ask, bad.Last)
		}
		if !good.Last.OK || good.Last.Message != "run 3" {
			t.Errorf("the other job: %+v", good.Last)
		}
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// held is a job that goes on until it is let go.
func held(name string, when schedule, runs *int, release <-chan struct{}) jobRow {
	return jobRow{name: name, about: "Holds.", when: when, what: func(ctx context.Context) (string, error) {
		*runs++
		select {
		case <-release:
			return "let go", nil
		case <-ctx.Done():
			return "", fmt.Errorf("holding: %w", ctx.Err())
		}
	}}
}

func TestScheduler_AJobRunsOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, release := 0, make(chan struct{})
		r := startRota(t, &notes{}, time.UTC, held("slow", mustDaily(t, "03:30", "UTC"), &runs, release))
		if _, err := r.start("fast"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a job that is none: %v", err)
		}
		<-time.After(time.Hour)
		ended, err := r.start("slow")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if j := r.one(); !j.Running || j.Last != (httpapi.JobRun{}) {
			t.Errorf("while it runs: %+v", j)
		}
		if _, err := r.start("slow"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second start: %v, want a conflict", err)
		}
		<-time.After(5 * time.Hour) // it is due in between
		if runs != 1 {
			t.Errorf("%d runs at once", runs)
		}
		close(release)
		<-ended
		if j := r.one(); j.Running || !j.Last.OK || j.Last.By != byPerson || j.Last.Message != "let go" || j.Last.Ended.Sub(j.Last.Started) != 5*time.Hour {
			t.Errorf("at its end: %+v", j)
		}
		<-time.After(24 * time.Hour)
		if j := r.one(); runs != 2 || j.Last.By != bySchedule {
			t.Errorf("the day after: %d runs, the last %+v", runs, j.Last)
		}
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := r.start("slow"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a start behind the end: %v, want a conflict", err)
		}
	})
}

func TestScheduler_WhatTheStopCutsOffIsCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, release, store := 0, make(chan struct{}), &notes{}
		row := held("slow", mustDaily(t, "03:30", "UTC"), &runs, release)
		r := startRota(t, store, time.UTC, row)
		<-time.After(4 * time.Hour)
		begin := time.Now()
		if err := r.stop(); err != nil || time.Since(begin) != 0 {
			t.Errorf("Run: %v after %s", err, time.Since(begin))
		}
		if j := r.one(); j.Last.OK || j.Last.Message != "the bridge stopped before it was done" {
			t.Errorf("a run that was cut off: %+v", j.Last)
		}
		close(release)
		again := startRota(t, store, time.UTC, row)
		<-time.After(time.Minute)
		if j := again.one(); runs != 2 || !j.Last.OK {
			t.Errorf("after the next start: %d runs, the last %+v", runs, j.Last)
		}
		if err := again.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestScheduler_AStopDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := make(chan struct{})
		r := startRota(t, &notes{}, time.UTC, jobRow{name: "deaf", about: "Hears nothing.", what: func(context.Context) (string, error) {
			<-deaf
			return "", nil
		}})
		ended, err := r.start("deaf")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := r.stop(); err == nil || !strings.Contains(err.Error(), "the job deaf does not end") || time.Since(begin) != jobStopLimit {
			t.Errorf("Run: %v after %s", err, time.Since(begin))
		}
		close(deaf)
		<-ended
	})
}

func TestScheduler_RemembersAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen times
		future, err := json.Marshal(jobRecord{Version: recordVersion, Done: time.Now().AddDate(50, 0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		store := &notes{data: map[string][]byte{"broken": []byte("{"), "newer": []byte(`{"v":9}`), "future": future}}
		when := mustDaily(t, "03:30", "UTC")
		r := startRota(t, store, time.UTC, seen.row("broken", when), seen.row("newer", when), seen.row("future", when),
			jobRow{name: "failing", about: "Fails.", when: when, what: func(context.Context) (string, error) { return "", errors.New("no luck") }})
		<-time.After(5 * time.Minute)
		if n := len(seen.runs()); n != 0 {
			t.Errorf("%d jobs that were never seen are caught up", n)
		}
		<-time.After(4 * time.Hour)
		if err := r.stop(); err != nil || len(seen.runs()) != 3 {
			t.Errorf("%d runs of 3 at their time, %v", len(seen.runs()), err)
		}
		again, err := newScheduler([]jobRow{seen.row("broken", when), {name: "failing", when: when}}, store, time.UTC, slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []httpapi.JobRun{{OK: true, By: bySchedule}, {Message: "no luck", By: bySchedule}} {
			got := again.list()[i].Last
			if got.OK != want.OK || got.By != want.By || !want.OK && got.Message != want.Message || got.Ended.IsZero() {
				t.Errorf("remembered is %+v, want %+v", got, want)
			}
		}
		if again.list()[0].Next != (time.Time{}) {
			t.Error("a scheduler that does not run has a next run")
		}
	})
}

// slowNotes is a jobStore on a disk that is busy.
type slowNotes struct {
	notes
	busy chan struct{}
}

func (n *slowNotes) Put(pairs map[string][]byte) error {
	<-n.busy
	return n.notes.Put(pairs)
}

func TestScheduler_ARunIsRememberedBeforeTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowNotes{busy: make(chan struct{})}
		var seen times
		r := startRota(t, store, time.UTC, seen.row("hand", schedule{every: time.Hour}))
		if _, err := r.start("hand"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// What is remembered of a second run could be replaced by the first one's.
		if _, err := r.start("hand"); !fault.Is(err, fault.Conflict) || !r.one().Running {
			t.Errorf("it begins again (%v) before the first run is remembered: %+v", err, r.one())
		}
		close(store.busy)
		synctest.Wait()
		ended, err := r.start("hand")
		if err != nil {
			t.Fatal(err)
		}
		<-ended
		if err := r.stop(); err != nil || len(seen.runs()) != 2 {
			t.Errorf("%d runs (%v)", len(seen.runs()), err)
		}
	})
}

func TestScheduler_WhatAStopCutsOffHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, fails, waits := &notes{}, true, false
		row := jobRow{name: "copy", about: "Copies.", what: func(ctx context.Context) (string, error) {
			if waits {
				<-ctx.Done()
				return "", ctx.Err()
			}
			if fails {
				return "", errors.New("the disk is full")
			}
			return "copied", nil
		}}
		run := func(cut bool) string {
			r := startRota(t, store, time.UTC, row)
			before := r.failure("copy")
			waits = cut
			ended, err := r.start("copy")
			if err != nil {
				t.Fatal(err)
			}
			if !cut {
				<-ended
			}
			if err := r.stop(); err != nil {
				t.Errorf("Run: %v", err)
			}
			<-ended
			return before + ", then " + r.failure("copy")
		}
		for i, c := range []struct {
			fails, cut bool
			want       string
		}{
			{false, true, ", then "},
			{true, false, ", then the disk is full"},
			{false, true, "the disk is full, then the disk is full"},
			{false, false, "the disk is full, then "},
			{true, true, ", then "},
			{true, false, ", then the disk is full"},
		} {
			fails = c.fails
			if got := run(c.cut); got != c.want {
				t.Errorf("run %d: %q, want %q", i+1, got, c.want)
			}
		}
		for name, text := range map[string]string{"the disk is full": "the disk is full", cutOff: ""} {
			old, err := json.Marshal(map[string]any{"v": recordVersion, "done": time.Now(), "last": map[string]any{"ok": false, "message": name}})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Put(map[string][]byte{"copy": old}); err != nil {
				t.Fatal(err)
			}
			r := startRota(t, store, time.UTC, row)
			if got := r.failure("copy"); got != text {
				t.Errorf("of an older record that says %q: %q, want %q", name, got, text)
			}
			if err := r.stop(); err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	})
}
