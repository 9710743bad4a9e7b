package storage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
)

func entriesAt(at time.Time, n int) []journal.Entry {
	entries := make([]journal.Entry, n)
	for i := range entries {
		entries[i] = journal.Entry{Name: "test", Time: at}
	}
	return entries
}

// span is the first and the last number that are kept.
func span(t *testing.T, s *storage.Store) (first, last uint64) {
	t.Helper()
	entries, _, err := s.After(context.Background(), 0, 1_000_000)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries (%v)", len(entries), err)
	}
	return entries[0].Seq, entries[len(entries)-1].Seq
}

func TestStore_Retain(t *testing.T) {
	ctx := context.Background()
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	now := start
	s := mustOpen(t, storage.Options{
		Now:       func() time.Time { return now },
		Retention: storage.Retention{Age: 24 * time.Hour, Entries: 1500, Unread: 3000},
	})
	add := func(n int) {
		t.Helper()
		if err := s.Append(ctx, entriesAt(now, n)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, first, last uint64) {
		t.Helper()
		if _, err := s.Retain(ctx); err != nil {
			t.Fatal(err)
		}
		if f, l := span(t, s); f != first || l != last {
			t.Errorf("%s: %d to %d are kept, want %d to %d", what, f, l, first, last)
		}
	}
	add(2500)
	check("beyond the number, without followers", 1001, 2500)
	if seq, err := s.Cursor(ctx, "slow"); err != nil || seq != 0 {
		t.Fatalf("a new cursor is %d (%v)", seq, err)
	}
	add(1000)
	check("unread by a follower that never moved", 1001, 3500)
	add(1000)
	check("beyond the number of unread", 1501, 4500)
	if err := s.Advance(ctx, "slow", 1500); err != nil {
		t.Fatal(err)
	}
	add(10)
	check("even one more", 1511, 4510)
	entries, lost, err := s.After(ctx, 1500, 5)
	if err != nil || lost != 10 || len(entries) != 5 || entries[0].Seq != 1511 {
		t.Errorf("after the cursor: %d lost, %+v (%v); want 10 lost", lost, entries, err)
	}
	if err := s.Advance(ctx, "slow", 4510); err != nil {
		t.Fatal(err)
	}
	check("when all is read", 3011, 4510)
	now = start.Add(25 * time.Hour)
	check("when all is old, but the newest", 4510, 4510)
	add(1)
	if s.Last() != 4511 {
		t.Errorf("the next number is %d, want 4511", s.Last())
	}
}

func TestStore_RetainCountsWhatItDropped(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := mustOpen(t, storage.Options{Retention: storage.Retention{Entries: 3}, Now: func() time.Time { return now }})
	for _, c := range []struct{ add, want int }{{2, 0}, {2600, 2599}, {0, 0}} {
		if err := s.Append(t.Context(), entriesAt(now, c.add)); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Retain(t.Context()); err != nil || n != c.want {
			t.Errorf("of %d more, %d were dropped (%v), want %d", c.add, n, err, c.want)
		}
	}
}

// TestStore_Forget: retention keeps nothing for a follower that is no more.
func TestStore_Forget(t *testing.T) {
	ctx, now := t.Context(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := mustOpen(t, storage.Options{Retention: storage.Retention{Entries: 3}, Now: func() time.Time { return now }})
	if err := s.Append(ctx, entriesAt(now, 10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(ctx, "old", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cursor(ctx, "old"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Retain(ctx); err != nil || n != 2 {
		t.Errorf("%d were dropped (%v), want the 2 that the follower has read", n, err)
	}
	for range 2 {
		if err := s.Forget(ctx, "old"); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Retain(ctx); err != nil || n != 5 {
		t.Errorf("%d more were dropped (%v), want all but the newest 3", n, err)
	}
	if seq, err := s.Cursor(ctx, "old"); err != nil || seq != 0 {
		t.Errorf("it comes back at %d (%v), want 0", seq, err)
	}
}

func TestStore_Advance(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, storage.Options{})
	for _, c := range []struct{ to, want uint64 }{{5, 5}, {3, 5}, {5, 5}, {9, 9}} {
		if err := s.Advance(ctx, "f", c.to); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Cursor(ctx, "f"); err != nil || got != c.want {
			t.Errorf("after advancing to %d the cursor is %d (%v), want %d", c.to, got, err, c.want)
		}
	}
	if _, err := s.Cursor(ctx, ""); err == nil {
		t.Error("a follower without a name has a cursor")
	}
}

func TestStore_Wait(t *testing.T) {
	s := mustOpen(t, storage.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Wait(ctx, 0) }() // owner: this test, which waits for ended
	if err := s.Append(t.Context(), entriesAt(time.Now(), 1)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Wait: %v", err)
	}
	go func() { ended <- s.Wait(ctx, 1) }() // owner: this test, which waits for ended
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("Wait gave %v when its context ended", err)
	}
}

// TestStore_IdleVolume writes a day of an idle printer as the bridge does: its
// picture with four changers every ten minutes, an event now and then, and a
// cursor after each.
func TestStore_IdleVolume(t *testing.T) {
	ctx := context.Background()
	const limit = 20 << 20
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := mustOpen(t, storage.Options{Now: func() time.Time { return now }})
	r := rand.New(rand.NewPCG(1, 1))
	record := printer.Record{ID: 1, Memory: printer.Memory{Data: make([]byte, 2000)}}
	for u := range 4 {
		unit := printer.Unit{ID: u, Kind: "AMS 2 Pro", Serial: "19C06A000000000", Firmware: "01.00.00.00"}
		for slot := range 4 {
			unit.Trays = append(unit.Trays, printer.Tray{Slot: slot, Material: "PLA", Brand: "PLA Basic", Color: "FFFFFFFF", Tag: "0123456789ABCDEF", Spool: "0123456789ABCDEF0123456789ABCDEF"})
		}
		record.State.Units = append(record.State.Units, unit)
	}
	// A database as it looks after a while, with other printers and events.
	for id := 2; id < 30; id++ {
		record.ID = id
		if err := s.Save(ctx, []printer.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Append(ctx, entriesAt(now, 5000)); err != nil {
		t.Fatal(err)
	}
	record.ID = 1
	before, real := s.Written(), handedToSystem(t)
	for range 24 * 60 / 10 {
		now = now.Add(10 * time.Minute)
		record.Version++
		record.State.Bed.Temperature = printer.Some(20 + r.Float64())
		if err := s.Save(ctx, []printer.Record{record}); err != nil {
			t.Fatal(err)
		}
		if r.IntN(10) == 0 {
			record.Version++
			if err := s.Commit(ctx, record, entriesAt(now, 1)); err != nil {
				t.Fatal(err)
			}
			if err := s.Advance(ctx, "discovery", s.Last()); err != nil {
				t.Fatal(err)
			}
		}
	}
	day := s.Written() - before
	t.Logf("an idle printer writes %.1f MB a day", float64(day)/1e6)
	if day > limit {
		t.Errorf("%d bytes a day, want at most %d", day, limit)
	}
	if real > 0 {
		if measured := handedToSystem(t) - real; float64(measured) > 1.1*float64(day) {
			t.Errorf("the system counted %d bytes, the store %d", measured, day)
		}
	}
}

// handedToSystem is how many bytes this process has written by system calls,
// 0 where the system does not say.
func handedToSystem(t *testing.T) uint64 {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Logf("not comparing with the system's count: %v", err)
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

func BenchmarkStore_Commit(b *testing.B) {
	ctx := context.Background()
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			s := mustOpen(b, storage.Options{})
			b.SetParallelism(callers)
			b.RunParallel(func(pb *testing.PB) {
				id := rand.IntN(1000) + 1
				for v := uint64(1); pb.Next(); v++ {
					if err := s.Commit(ctx, printer.Record{ID: id, Version: v}, entriesAt(time.Time{}, 1)); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
