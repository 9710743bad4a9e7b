package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/fault"
)

// maxBatch is how many callers' changes go into one transaction at most.
const maxBatch = 512

// change is one caller's part of a transaction. apply may run more than once,
// each time in a fresh transaction.
type change struct {
	apply func(*bbolt.Tx) error
	err   error
	done  chan struct{}
	// turn tells the caller that it writes the next batch.
	turn chan struct{}
}

// writer lets the first caller write for all who came while the last
// transaction was on its way to the disk. There is one transaction at a time.
type writer struct {
	mu     sync.Mutex
	queue  []*change
	busy   bool
	closed bool
	idle   chan struct{}
}

// write runs apply in a transaction that is on the disk when it returns nil. A
// ctx that has ended beforehand prevents it; later it is not interrupted, so
// that the caller always knows what is stored.
func (s *Store) write(ctx context.Context, apply func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{apply: apply, done: make(chan struct{}), turn: make(chan struct{})}
	w := &s.writer
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return fault.New(fault.Internal, "the database is closed")
	}
	w.queue = append(w.queue, c)
	first := !w.busy
	w.busy = true
	w.mu.Unlock()
	if !first {
		select {
		case <-c.done:
			return c.err
		case <-c.turn:
		}
	}
	s.lead()
	return c.err
}

// lead writes one batch, answers it, and hands the writer on.
func (s *Store) lead() {
	w := &s.writer
	w.mu.Lock()
	n := min(len(w.queue), maxBatch)
	batch := w.queue[:n:n]
	w.queue = w.queue[n:]
	w.mu.Unlock()

	s.writeBatch(batch)

	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range batch {
		close(c.done)
	}
	switch {
	case len(w.queue) > 0:
		close(w.queue[0].turn)
	default:
		w.busy = false
		if w.idle != nil {
			close(w.idle)
			w.idle = nil
		}
	}
}

// close refuses new changes and waits for those that were taken.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	if !w.busy {
		w.mu.Unlock()
		return
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	<-idle
}

// writeBatch sets each change's error. A change that fails by itself does not
// spoil the others: they are written without it.
func (s *Store) writeBatch(batch []*change) {
	for len(batch) > 0 {
		bad, err := s.transact(batch)
		if bad < 0 {
			for _, c := range batch {
				c.err = err
			}
			return
		}
		batch[bad].err = err
		rest := make([]*change, 0, len(batch)-1)
		batch = append(append(rest, batch[:bad]...), batch[bad+1:]...)
	}
}

// transact writes the batch in one transaction. bad is the index of a change
// whose own code failed, or -1 when err, if any, is of the whole transaction.
func (s *Store) transact(batch []*change) (bad int, err error) {
	if err := s.step(StepBegin); err != nil {
		return -1, fmt.Errorf("writing to the database: %w", err)
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return -1, fmt.Errorf("writing to the database: %w", err)
	}
	for i, c := range batch {
		if err := s.step(StepApply); err != nil {
			return -1, fmt.Errorf("writing to the database: %w", rolledBack(tx, err))
		}
		if err := applied(tx, c); err != nil {
			return i, rolledBack(tx, err)
		}
	}
	last := newest(tx)
	if err := s.step(StepCommit); err != nil {
		return -1, fmt.Errorf("writing to the database: %w", rolledBack(tx, err))
	}
	id := tx.ID()
	if err := commit(tx); err != nil {
		if err = s.settle(id, err); err != nil {
			return -1, fmt.Errorf("writing to the database: %w", err)
		}
	}
	stats := tx.Stats()
	s.written.Add(uint64(stats.GetPageAlloc()) + uint64(s.db.Info().PageSize))
	s.grow(last)
	return -1, s.answered()
}

// commit turns a panic of the library, on a page that went bad, into an error.
func commit(tx *bbolt.Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(fmt.Errorf("the database is damaged: %v", r), tx.Rollback())
		}
	}()
	return tx.Commit()
}

// answered is the step after the transaction; its error counts for nothing,
// because what is written is written.
func (s *Store) answered() error {
	_ = s.step(StepAnswer)
	return nil
}

// settle decides a commit that failed: when the last write failed after the
// file's head was replaced, the transaction stands, and telling its callers
// otherwise would make them write their events a second time.
func (s *Store) settle(id int, cause error) error {
	stands := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		stands = tx.ID() >= id
		return nil
	})
	if err != nil || !stands {
		return cause
	}
	if err := s.db.Sync(); err != nil {
		return fmt.Errorf("%w, and again: %w", cause, err)
	}
	return nil
}

func rolledBack(tx *bbolt.Tx, cause error) error {
	if err := tx.Rollback(); err != nil {
		return fmt.Errorf("%w (and undoing it failed: %w)", cause, err)
	}
	return cause
}

// applied runs one change. A panic in it is its own failure: the writer must
// go on for the others.
func applied(tx *bbolt.Tx, c *change) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a change of the database panicked: %v", r)
		}
	}()
	return c.apply(tx)
}

// Written is how many bytes have been handed to the disk since the start.
func (s *Store) Written() uint64 { return s.written.Load() }
