package storage

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
)

// Record is one record. fault.NotFound: there is none.
func (a *Archive) Record(_ context.Context, id int) (archive.Record, error) {
	var r archive.Record
	err := a.s.db.View(func(tx *bbolt.Tx) (err error) {
		r, err = recordIn(tx, id)
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return archive.Record{}, fmt.Errorf("reading print %d: %w", id, err)
	}
	return r, err
}

// Job is the record of a job. fault.NotFound: there is none.
func (a *Archive) Job(_ context.Context, job string) (archive.Record, error) {
	var r archive.Record
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		mark, known, err := jobIn(tx, job)
		if err != nil {
			return fmt.Errorf("reading job %.64q: %w", job, err)
		}
		if !known || mark.deleted != 0 {
			return fault.New(fault.NotFound, "there is no job %.64q", job)
		}
		r, err = recordIn(tx, mark.id)
		return err
	})
	return r, err
}

// Records are those of the ids that there are, in their order.
func (a *Archive) Records(_ context.Context, ids []int) ([]archive.Record, error) {
	list := make([]archive.Record, 0, len(ids))
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		for _, id := range ids {
			r, err := recordIn(tx, id)
			switch {
			case err == nil:
				list = append(list, r)
			case !fault.Is(err, fault.NotFound):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %d prints: %w", len(ids), err)
	}
	return list, nil
}

// Jobs are up to limit records, newest first; all when limit is 0.
func (a *Archive) Jobs(_ context.Context, limit int) ([]archive.Record, error) {
	var list []archive.Record
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		c := bucketArchive.in(tx).Cursor()
		for k, v := c.Last(); k != nil && (limit == 0 || len(list) < limit); k, v = c.Prev() {
			var r archive.Record
			if err := bucketArchive.decode(v, &r); err != nil {
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

// Summaries are those of all records, also of deleted ones that still count. A
// summary of another version is made again from its record.
func (a *Archive) Summaries(_ context.Context) ([]archive.Summary, error) {
	var list []archive.Summary
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		c := bucketSummaries.in(tx).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			s, err := unpackSummary(v)
			if err != nil {
				r, err := recordIn(tx, int(number(k)))
				if fault.Is(err, fault.NotFound) {
					continue
				}
				if err != nil {
					return err
				}
				s = r.Summary()
			}
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the summaries of the prints: %w", err)
	}
	return list, nil
}
