package archive

import (
	"context"
	"time"
)

// Retention is how much is kept. Records that go stay counted in the
// statistics, as far as Counted reaches. A job under way always stays.
type Retention struct {
	// Records is how many records are kept at most; 0 is 100,000.
	Records int
	// Age is how long a record is kept; 0 is for ever.
	Age time.Duration
	// Sampled is of how many of the newest records the samples are kept; 0 is 2,000.
	Sampled int
	// Counted is how many deleted records are still counted; 0 is 100,000.
	Counted int
}

func (r Retention) orDefault() Retention {
	for _, p := range []struct {
		to    *int
		value int
	}{{&r.Records, 100_000}, {&r.Sampled, 2_000}, {&r.Counted, 100_000}} {
		if *p.to == 0 {
			*p.to = p.value
		}
	}
	return r
}

const (
	// forgetAfter is when the mark of a deleted job goes. No printer tells of a
	// job so long after it.
	forgetAfter = 366 * 24 * time.Hour
	// dropAtOnce bounds one transaction of the retention.
	dropAtOnce = 500
)

// Run waits until ctx ends. Then it writes what the values told since the last
// time, for which the printers must be silent.
func (r *Recorder) Run(ctx context.Context) error {
	<-ctx.Done()
	if s := r.sampler.Load(); s != nil {
		s.flush(context.WithoutCancel(ctx))
	}
	return nil
}

// Retain drops what the retention does not keep, and counts the records that
// went.
func (r *Recorder) Retain(ctx context.Context) (int, error) {
	entries, err := r.entries(ctx)
	if err != nil {
		return 0, err
	}
	sampled, err := r.store.Sampled(ctx)
	if err != nil {
		return 0, err
	}
	gone, bare, uncounted := r.surplus(entries, sampled)
	for _, job := range []struct {
		ids  []int
		drop func(ids []int) error
	}{
		{gone, func(ids []int) error { return r.remove(ctx, ids, false) }},
		{uncounted, func(ids []int) error { return r.remove(ctx, ids, true) }},
		{bare, func(ids []int) error { return r.store.DeleteSamples(ctx, ids) }},
	} {
		for len(job.ids) > 0 {
			n := min(len(job.ids), dropAtOnce)
			if err := job.drop(job.ids[:n]); err != nil {
				return 0, err
			}
			job.ids = job.ids[n:]
		}
	}
	return len(gone), r.store.Forget(ctx, r.now().Add(-forgetAfter))
}

// surplus is what goes: records, samples of records that stay, and summaries
// of records that are gone. sampled are the records that have samples.
func (r *Recorder) surplus(entries []*Summary, sampled []int) (gone, bare, uncounted []int) {
	oldest := time.Time{}
	full := make(map[int]bool, len(sampled))
	for _, id := range sampled {
		full[id] = true
	}
	if r.keep.Age > 0 {
		oldest = r.now().Add(-r.keep.Age)
	}
	kept, deleted := 0, 0
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		if e.Deleted {
			if deleted++; deleted > r.keep.Counted {
				uncounted = append(uncounted, e.ID)
			}
			continue
		}
		kept++
		switch {
		case e.Status == "printing":
		case kept > r.keep.Records, e.Created.Before(oldest):
			gone = append(gone, e.ID)
		case kept > r.keep.Sampled && full[e.ID]:
			bare = append(bare, e.ID)
		}
	}
	return gone, bare, uncounted
}
