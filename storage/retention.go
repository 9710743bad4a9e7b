package storage

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/journal"
)

// Retention is how much of the journal is kept. Entries over Age or beyond
// Entries go, but not those that a follower has not read; beyond Unread those
// too, and the follower is told how many it lost.
type Retention struct {
	Age     time.Duration
	Entries int
	Unread  int
}

func (r Retention) orDefault() Retention {
	if r.Age == 0 {
		r.Age = 30 * 24 * time.Hour
	}
	if r.Entries == 0 {
		r.Entries = 100_000
	}
	if r.Unread == 0 {
		r.Unread = 200_000
	}
	return r
}

// dropAtOnce bounds one transaction of the retention, so that no session waits long.
const dropAtOnce = 1000

// Retain drops what the retention does not keep, and counts it. The newest
// entry always stays.
func (s *Store) Retain(ctx context.Context) (all int, err error) {
	for {
		dropped := 0
		err := s.db.View(func(tx *bbolt.Tx) (err error) {
			dropped, err = s.retain(tx, false)
			return err
		})
		if err != nil || dropped == 0 {
			return all, err
		}
		err = s.write(ctx, func(tx *bbolt.Tx) (err error) {
			dropped, err = s.retain(tx, true)
			return err
		})
		if err != nil {
			return all, fmt.Errorf("dropping old events: %w", err)
		}
		all += dropped
	}
}

// retain counts, and on request deletes, up to dropAtOnce entries.
func (s *Store) retain(tx *bbolt.Tx, remove bool) (int, error) {
	read, err := s.readByAll(tx)
	if err != nil {
		return 0, err
	}
	b := bucketJournal.in(tx)
	c := b.Cursor()
	last := newest(tx)
	gaps, err := gapsIn(tx)
	if err != nil {
		return 0, err
	}
	var drop [][]byte
	for k, v := c.First(); k != nil && len(drop) < dropAtOnce; k, v = c.Next() {
		goes, err := s.goes(number(k), gaps.between(number(k), last+1), read, v)
		if err != nil {
			return 0, err
		}
		if !goes {
			break
		}
		drop = append(drop, append([]byte{}, k...))
	}
	if !remove {
		return len(drop), nil
	}
	for _, k := range drop {
		if err := b.Delete(k); err != nil {
			return 0, fmt.Errorf("deleting event %d: %w", number(k), err)
		}
	}
	return len(drop), nil
}

// goes tells whether an entry is dropped. newer is how many came after it.
func (s *Store) goes(seq, newer, read uint64, value []byte) (bool, error) {
	switch {
	case newer == 0:
		return false, nil
	case seq > read:
		return newer >= uint64(s.keep.Unread), nil
	case newer >= uint64(s.keep.Entries):
		return true, nil
	}
	var e journal.Entry
	if err := bucketJournal.decode(value, &e); err != nil {
		return false, err
	}
	return e.Time.Before(s.now().Add(-s.keep.Age)), nil
}

// readByAll is the sequence number that every follower is done with.
func (s *Store) readByAll(tx *bbolt.Tx) (uint64, error) {
	names := map[string]bool{}
	s.mu.Lock()
	for name := range s.followers {
		names[name] = true
	}
	s.mu.Unlock()
	err := bucketCursors.in(tx).ForEach(func(k, _ []byte) error {
		names[string(k)] = true
		return nil
	})
	if err != nil {
		return 0, err
	}
	least := ^uint64(0)
	for name := range names {
		seq, err := cursorIn(tx, name)
		if err != nil {
			return 0, err
		}
		least = min(least, seq)
	}
	return least, nil
}
