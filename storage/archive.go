package storage

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
)

// archiveCursor is the name of the archive's cursor in the journal.
const archiveCursor = "archive"

// Archive is the store of job records.
type Archive struct {
	s *Store
}

var _ archive.Store = (*Archive)(nil)

// Archive is the store of job records in this file.
func (s *Store) Archive() *Archive { return &Archive{s: s} }

// Cursor is the last sequence number that was applied.
func (a *Archive) Cursor(ctx context.Context) (uint64, error) { return a.s.Cursor(ctx, archiveCursor) }

// Job is one record. fault.NotFound: there is none.
func (a *Archive) Job(_ context.Context, id string) (archive.Record, error) {
	var r archive.Record
	found := false
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		v := bucketJobs.in(tx).Get([]byte(id))
		if found = v != nil; !found {
			return nil
		}
		return bucketJobs.decode(v, &r)
	})
	switch {
	case err != nil:
		return archive.Record{}, fmt.Errorf("reading job %s: %w", id, err)
	case !found:
		return archive.Record{}, fault.New(fault.NotFound, "there is no job %.64q", id)
	}
	return r, nil
}

// Jobs are up to limit records, newest first; all when limit is 0.
func (a *Archive) Jobs(_ context.Context, limit int) ([]archive.Record, error) {
	var list []archive.Record
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		c := bucketJobs.in(tx).Cursor()
		for k, v := c.Last(); k != nil && (limit == 0 || len(list) < limit); k, v = c.Prev() {
			var r archive.Record
			if err := bucketJobs.decode(v, &r); err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the jobs: %w", err)
	}
	return list, nil
}

// Apply stores the records and the cursor in one transaction, once.
func (a *Archive) Apply(ctx context.Context, upTo uint64, records []archive.Record) error {
	err := a.s.write(ctx, func(tx *bbolt.Tx) error {
		if forward, err := advance(tx, archiveCursor, upTo); err != nil || !forward {
			return err
		}
		for _, r := range records {
			value, err := bucketJobs.encode(r)
			if err != nil {
				return err
			}
			if err := bucketJobs.in(tx).Put([]byte(r.Job), value); err != nil {
				return fmt.Errorf("storing job %s: %w", r.Job, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("recording jobs up to event %d: %w", upTo, err)
	}
	return nil
}
