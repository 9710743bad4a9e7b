package storage

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
)

var _ journal.Reader = (*Store)(nil)

// Append records events that no printer's state caused: of the tariff, of the bridge.
func (s *Store) Append(ctx context.Context, entries []journal.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *bbolt.Tx) error { return appendEntries(tx, entries) })
}

// appendEntries gives each entry the next sequence number.
func appendEntries(tx *bbolt.Tx, entries []journal.Entry) error {
	b := bucketJournal.in(tx)
	b.FillPercent = 0.95 // Numbers only rise: room left in a page is never used.
	for _, e := range entries {
		seq, err := b.NextSequence()
		if err != nil {
			return fmt.Errorf("numbering an event: %w", err)
		}
		e.Seq, e.Time = seq, e.Time.UTC()
		if len(e.Data) == 0 {
			e.Data = []byte("{}")
		}
		value, err := bucketJournal.encode(e)
		if err != nil {
			return err
		}
		if err := b.Put(key(seq), value); err != nil {
			return fmt.Errorf("storing event %d: %w", seq, err)
		}
	}
	return nil
}

// newest is the number of the newest event, 0 without any. The bucket's own
// sequence is ahead of it after a restore.
func newest(tx *bbolt.Tx) uint64 {
	k, _ := bucketJournal.in(tx).Cursor().Last()
	return number(k)
}

// After returns up to limit entries that follow seq, and how many between were
// dropped by retention.
func (s *Store) After(_ context.Context, seq uint64, limit int) (entries []journal.Entry, lost int, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := bucketJournal.in(tx).Cursor()
		for k, v := c.Seek(key(seq + 1)); k != nil && len(entries) < limit; k, v = c.Next() {
			var e journal.Entry
			if err := bucketJournal.decode(v, &e); err != nil {
				return err
			}
			entries = append(entries, e)
		}
		if len(entries) > 0 {
			g, err := gapsIn(tx)
			lost = int(g.between(seq, entries[0].Seq))
			return err
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading the journal after %d: %w", seq, err)
	}
	return entries, lost, nil
}

// Wait returns when an entry after seq exists, or ctx ends.
func (s *Store) Wait(ctx context.Context, seq uint64) error {
	for {
		s.mu.Lock()
		grown := s.grown
		s.mu.Unlock()
		if s.last.Load() > seq {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

// Last is the highest sequence number given so far.
func (s *Store) Last() uint64 { return s.last.Load() }

// grow publishes the last sequence number and wakes who waits.
func (s *Store) grow(last uint64) {
	if last <= s.last.Load() {
		return
	}
	s.last.Store(last)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.grown)
	s.grown = make(chan struct{})
}

type cursor struct {
	Seq uint64 `json:"seq"`
}

// Cursor is the last sequence number that a follower is done with, 0 for a new
// one. From then on retention keeps what the follower has not read.
func (s *Store) Cursor(_ context.Context, name string) (uint64, error) {
	if name == "" {
		return 0, fault.New(fault.Invalid, "a follower needs a name")
	}
	s.mu.Lock()
	s.followers[name] = true
	s.mu.Unlock()
	var seq uint64
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		seq, err = cursorIn(tx, name)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reading the cursor of %s: %w", name, err)
	}
	return seq, nil
}

// Advance records that a follower is done up to seq. It never goes back.
func (s *Store) Advance(ctx context.Context, name string, seq uint64) error {
	err := s.write(ctx, func(tx *bbolt.Tx) error {
		_, err := advance(tx, name, seq)
		return err
	})
	if err != nil {
		return fmt.Errorf("moving the cursor of %s to %d: %w", name, seq, err)
	}
	return nil
}

// Forget drops the cursor of a follower that is no more, so that retention
// keeps nothing for it. One that comes back begins anew.
func (s *Store) Forget(ctx context.Context, name string) error {
	known := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		known = bucketCursors.in(tx).Get([]byte(name)) != nil
		return nil
	})
	if err == nil && known {
		err = s.write(ctx, func(tx *bbolt.Tx) error { return bucketCursors.in(tx).Delete([]byte(name)) })
	}
	if err != nil {
		return fmt.Errorf("dropping the cursor of %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.followers, name)
	return nil
}

func cursorIn(tx *bbolt.Tx, name string) (uint64, error) {
	v := bucketCursors.in(tx).Get([]byte(name))
	if v == nil {
		return 0, nil
	}
	var c cursor
	err := bucketCursors.decode(v, &c)
	return c.Seq, err
}

// advance moves a cursor forward inside a transaction. It is false when the
// cursor was already there, so that an effect is not repeated.
func advance(tx *bbolt.Tx, name string, seq uint64) (bool, error) {
	old, err := cursorIn(tx, name)
	if err != nil || old >= seq {
		return false, err
	}
	value, err := bucketCursors.encode(cursor{Seq: seq})
	if err != nil {
		return false, err
	}
	return true, bucketCursors.in(tx).Put([]byte(name), value)
}
