package archive_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
)

// shelf is a store in memory.
type shelf struct {
	cursor  uint64
	jobs    map[string]int
	records map[int]archive.Record
	sums    map[int]archive.Summary
	samples map[int][]archive.Sample
	applied int
	fail    error
}

var _ archive.Store = (*shelf)(nil)

func newShelf() *shelf {
	return &shelf{jobs: map[string]int{}, records: map[int]archive.Record{}, sums: map[int]archive.Summary{}, samples: map[int][]archive.Sample{}}
}

func (s *shelf) Cursor(context.Context) (uint64, error) { return s.cursor, s.fail }

func (s *shelf) Apply(ctx context.Context, upTo uint64, changes []archive.Change) ([]archive.Record, error) {
	if s.fail != nil || upTo <= s.cursor {
		return nil, s.fail
	}
	s.cursor, s.applied = upTo, s.applied+1
	return s.Update(ctx, changes)
}

func (s *shelf) Update(_ context.Context, changes []archive.Change) ([]archive.Record, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	var stored []archive.Record
	for _, c := range changes {
		id := c.ID
		if c.Job != "" {
			if id = s.jobs[c.Job]; id == 0 && c.Create {
				id = len(s.jobs) + 1
				s.jobs[c.Job], s.records[id] = id, archive.Record{ID: id, Job: c.Job}
			}
		}
		r, ok := s.records[id]
		switch {
		case !ok && c.Job == "":
			return nil, fault.New(fault.NotFound, "no print %d", id)
		case !ok:
			continue
		}
		if c.Do != nil {
			var err error
			if r, err = c.Do(r); err != nil {
				return nil, err
			}
		}
		s.records[id], s.sums[id] = r, r.Summary()
		stored = append(stored, r)
		if c.Sample != nil {
			s.samples[id] = append(s.samples[id], *c.Sample)
		}
	}
	return stored, nil
}

func (s *shelf) Record(_ context.Context, id int) (archive.Record, error) {
	r, ok := s.records[id]
	if !ok && s.fail == nil {
		return r, fault.New(fault.NotFound, "no print %d", id)
	}
	return r, s.fail
}

func (s *shelf) Job(ctx context.Context, job string) (archive.Record, error) {
	return s.Record(ctx, s.jobs[job])
}

func (s *shelf) Records(_ context.Context, ids []int) ([]archive.Record, error) {
	var list []archive.Record
	for _, id := range ids {
		if r, ok := s.records[id]; ok {
			list = append(list, r)
		}
	}
	return list, s.fail
}

func (s *shelf) Summaries(context.Context) ([]archive.Summary, error) {
	return slices.Collect(maps.Values(s.sums)), s.fail
}

func (s *shelf) Samples(_ context.Context, id int) ([]archive.Sample, error) {
	return s.samples[id], s.fail
}

func (s *shelf) Sampled(context.Context) ([]int, error) {
	return slices.Sorted(maps.Keys(s.samples)), s.fail
}

func (s *shelf) DeleteSamples(_ context.Context, ids []int) error {
	for _, id := range ids {
		delete(s.samples, id)
	}
	return s.fail
}

func (s *shelf) Delete(_ context.Context, ids []int, _ time.Time, purge bool) error {
	for _, id := range ids {
		delete(s.records, id)
		sum := s.sums[id]
		if sum.Deleted = true; purge {
			delete(s.sums, id)
		} else {
			s.sums[id] = sum
		}
	}
	return s.fail
}

func (s *shelf) Forget(context.Context, time.Time) error { return s.fail }
