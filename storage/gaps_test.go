package storage_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/printwire/printwire/storage"
)

func TestRestore_NumbersOfEvents(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "printwire.db")
	long := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // when the backup's events were
	s := mustOpen(t, storage.Options{})
	if err := s.Append(ctx, entriesAt(long, 3)); err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	if err := s.Backup(ctx, &backup); err != nil {
		t.Fatal(err)
	}
	// restore gives the numbers of events in one life of the restored file.
	restore := func(t *testing.T, from []byte, now time.Time) (first, last uint64, file []byte) {
		t.Helper()
		if err := storage.Restore(path, bytes.NewReader(from), now); err != nil {
			t.Fatal(err)
		}
		r, err := storage.Open(ctx, storage.Options{Path: path, Now: func() time.Time { return now }, Retention: storage.Retention{Entries: 200, Unread: 400}})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.Append(ctx, entriesAt(now, 50)); err != nil {
			t.Fatal(err)
		}
		entries, lost, err := r.After(ctx, 0, 1000)
		if err != nil || lost != 0 || len(entries) < 53 {
			t.Fatalf("%d events, %d lost (%v)", len(entries), lost, err)
		}
		if n, err := r.Retain(ctx); err != nil || n != 0 {
			t.Errorf("the retention dropped %d events (%v): numbers that were left out are no events", n, err)
		}
		var again bytes.Buffer
		if err := r.Backup(ctx, &again); err != nil {
			t.Fatal(err)
		}
		return entries[len(entries)-50].Seq, entries[len(entries)-1].Seq, again.Bytes()
	}

	day := 24 * time.Hour
	_, last, _ := restore(t, backup.Bytes(), long.Add(20*day))
	if want := uint64(20 * 24 * 3600); last < want {
		t.Errorf("the first life ends with %d: what came in the 20 days since the backup may have had that number", last)
	}
	first, last, file := restore(t, backup.Bytes(), long.Add(20*day+time.Hour))
	if before := last - first; before != 49 {
		t.Fatalf("50 events have numbers over %d", before)
	}
	if _, previous, _ := restore(t, backup.Bytes(), long.Add(20*day)); first <= previous {
		t.Errorf("restored once more an hour later, events begin with %d, and those of the life before ended with %d", first, previous)
	}
	if first, _, _ = restore(t, file, long.Add(21*day)); first <= last {
		t.Errorf("a backup of a restored file goes on with %d after %d", first, last)
	}
}
