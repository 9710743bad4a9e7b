package archive_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/journal"
)

// reached is a store that knows how far it is, and no records.
type reached struct {
	archive.Store
	seq atomic.Uint64
	err error
}

func (r *reached) Cursor(context.Context) (uint64, error) { return r.seq.Load(), nil }

func (r *reached) Apply(_ context.Context, seq uint64, _ []archive.Change) ([]archive.Record, error) {
	if r.err == nil {
		r.seq.Store(seq)
	}
	return nil, r.err
}

func TestRecorder_Wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &reached{}
		s.seq.Store(2)
		r := archive.New(s)
		if err := r.Wait(t.Context(), 2); err != nil {
			t.Errorf("what is recorded: %v", err)
		}
		ended := make(chan error, 2)
		for range 2 {
			go func() { ended <- r.Wait(t.Context(), 4) }() // owner: this test, which waits for ended
		}
		apply := func(seq uint64) error { return r.Apply(t.Context(), []journal.Entry{{Seq: seq}}, 0) }
		if err := apply(3); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("the disk is full")
		if err := apply(4); err == nil {
			t.Error("a full disk is no error")
		}
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("the wait ended before the event was recorded")
		}
		s.err = nil
		if err := apply(4); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Wait(ctx, 5); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the wait for what does not come ended with %v", err)
		}
	})
}
