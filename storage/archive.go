package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

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

// Apply makes the changes and moves the cursor in one transaction, once.
func (a *Archive) Apply(ctx context.Context, upTo uint64, changes []archive.Change) ([]archive.Record, error) {
	var stored []archive.Record
	err := a.s.write(ctx, func(tx *bbolt.Tx) error {
		stored = nil
		if forward, err := advance(tx, archiveCursor, upTo); err != nil || !forward {
			return err
		}
		var err error
		stored, err = applyChanges(tx, changes)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recording jobs up to event %d: %w", upTo, err)
	}
	return stored, nil
}

// Update makes the changes in one transaction, all or none.
func (a *Archive) Update(ctx context.Context, changes []archive.Change) ([]archive.Record, error) {
	var stored []archive.Record
	err := a.s.write(ctx, func(tx *bbolt.Tx) (err error) {
		stored, err = applyChanges(tx, changes)
		return err
	})
	return stored, err
}

// applyChanges answers the records as they are stored then.
func applyChanges(tx *bbolt.Tx, changes []archive.Change) ([]archive.Record, error) {
	var stored []archive.Record
	for _, c := range changes {
		r, found, err := target(tx, c)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		if c.Do != nil {
			id, job := r.ID, r.Job
			if r, err = c.Do(r); err != nil {
				return nil, err
			}
			r.ID, r.Job = id, job
			if err := putJobRecord(tx, r); err != nil {
				return nil, err
			}
			stored = append(stored, r)
		}
		if c.Sample != nil {
			if err := addSample(tx, r.ID, *c.Sample); err != nil {
				return nil, err
			}
		}
	}
	return stored, nil
}

// target is the record that a change is about. It is false when there is none
// to change: the job has none and the change makes none, or it was deleted.
func target(tx *bbolt.Tx, c archive.Change) (r archive.Record, found bool, err error) {
	if c.Job == "" {
		r, err = recordIn(tx, c.ID)
		return r, err == nil, err
	}
	mark, known, err := jobIn(tx, c.Job)
	switch {
	case err != nil || known && mark.deleted != 0 || !known && !c.Create:
		return r, false, err
	case known:
		r, err = recordIn(tx, mark.id)
		if fault.Is(err, fault.NotFound) {
			// It was numbered and nothing was written on it yet.
			return archive.Record{ID: mark.id, Job: c.Job}, c.Create, nil
		}
		return r, err == nil, err
	}
	n, err := bucketArchive.in(tx).NextSequence()
	if err != nil {
		return r, false, fmt.Errorf("numbering job %s: %w", c.Job, err)
	}
	r.ID, r.Job = int(n), c.Job
	return r, true, putJob(tx, c.Job, jobMark{id: r.ID})
}

// recordIn is a record inside a transaction. fault.NotFound: there is none.
func recordIn(tx *bbolt.Tx, id int) (archive.Record, error) {
	var r archive.Record
	v := bucketArchive.in(tx).Get(key(uint64(max(id, 0))))
	if v == nil {
		return r, fault.New(fault.NotFound, "there is no print %d", id)
	}
	err := bucketArchive.decode(v, &r)
	return r, err
}

func putJobRecord(tx *bbolt.Tx, r archive.Record) error {
	value, err := bucketArchive.encode(r)
	if err != nil {
		return err
	}
	k := key(uint64(r.ID))
	b, sums := bucketArchive.in(tx), bucketSummaries.in(tx)
	if err := b.Put(k, value); err != nil {
		return fmt.Errorf("storing print %d: %w", r.ID, err)
	}
	if err := sums.Put(k, packSummary(r.Summary())); err != nil {
		return fmt.Errorf("storing the summary of print %d: %w", r.ID, err)
	}
	return nil
}

// jobMark is what is known of a job: its record's number, and when that was
// deleted in Unix seconds, 0 when it was not.
type jobMark struct {
	id      int
	deleted int64
}

func putJob(tx *bbolt.Tx, job string, m jobMark) error {
	value := []byte{bucketJobs.version()}
	value = binary.BigEndian.AppendUint64(value, uint64(m.id))
	value = binary.BigEndian.AppendUint64(value, uint64(m.deleted))
	if err := bucketJobs.in(tx).Put([]byte(job), value); err != nil {
		return fmt.Errorf("storing job %.64q: %w", job, err)
	}
	return nil
}

func jobIn(tx *bbolt.Tx, job string) (jobMark, bool, error) {
	v := bucketJobs.in(tx).Get([]byte(job))
	if v == nil {
		return jobMark{}, false, nil
	}
	m, err := decodeMark(v)
	return m, err == nil, err
}

func decodeMark(v []byte) (jobMark, error) {
	if len(v) == 0 || v[0] != bucketJobs.version() {
		// The common check has the words for what is wrong with the version.
		if err := bucketJobs.decode(v, &struct{}{}); err != nil {
			return jobMark{}, err
		}
	}
	if len(v) != 17 {
		return jobMark{}, fmt.Errorf("a record of %s has %d bytes, it should have 17", bucketJobs, len(v))
	}
	return jobMark{int(binary.BigEndian.Uint64(v[1:])), int64(binary.BigEndian.Uint64(v[9:]))}, nil
}

// Delete removes records with their samples, and leaves marks of their jobs.
func (a *Archive) Delete(ctx context.Context, ids []int, at time.Time, purge bool) error {
	return a.s.write(ctx, func(tx *bbolt.Tx) error {
		for _, id := range ids {
			if err := deleteJobRecord(tx, id, at, purge); err != nil {
				return fmt.Errorf("deleting print %d: %w", id, err)
			}
		}
		return nil
	})
}

func deleteJobRecord(tx *bbolt.Tx, id int, at time.Time, purge bool) error {
	k := key(uint64(id))
	r, err := recordIn(tx, id)
	switch {
	case err == nil:
		if err := putJob(tx, r.Job, jobMark{id, max(at.Unix(), 1)}); err != nil {
			return err
		}
	case !fault.Is(err, fault.NotFound):
		return err
	}
	if err := bucketArchive.in(tx).Delete(k); err != nil {
		return err
	}
	if err := deleteSamples(tx, id); err != nil {
		return err
	}
	sums := bucketSummaries.in(tx)
	v := sums.Get(k)
	if purge || v == nil {
		return sums.Delete(k)
	}
	sum, err := unpackSummary(v)
	if err != nil {
		return sums.Delete(k) // What cannot be read cannot be counted.
	}
	sum.Deleted = true
	return sums.Put(k, packSummary(sum))
}

// Forget removes the marks of jobs that were deleted before a time.
func (a *Archive) Forget(ctx context.Context, before time.Time) error {
	var old [][]byte
	err := a.s.db.View(func(tx *bbolt.Tx) error {
		return bucketJobs.in(tx).ForEach(func(k, v []byte) error {
			if m, err := decodeMark(v); err == nil && m.deleted != 0 && m.deleted < before.Unix() {
				old = append(old, append([]byte{}, k...))
			}
			return nil
		})
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return a.s.write(ctx, func(tx *bbolt.Tx) error {
		for _, k := range old {
			if err := bucketJobs.in(tx).Delete(k); err != nil {
				return fmt.Errorf("forgetting a deleted job: %w", err)
			}
		}
		return nil
	})
}
