package archive

import (
	"context"
	"fmt"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
)

// Store keeps job records.
type Store interface {
	// Cursor is the last sequence number that was applied.
	Cursor(ctx context.Context) (uint64, error)
	// Job is one record. fault.NotFound: there is none.
	Job(ctx context.Context, id string) (Record, error)
	// Jobs are up to limit records, newest first; all when limit is 0.
	Jobs(ctx context.Context, limit int) ([]Record, error)
	// Apply stores the records and the cursor in one transaction. When the
	// cursor is already there it does nothing.
	Apply(ctx context.Context, upTo uint64, records []Record) error
}

// Recorder makes the job records from the journal, each event exactly once.
type Recorder struct {
	store Store
}

var _ journal.Follower = (*Recorder)(nil)

// New is a recorder into a store.
func New(store Store) *Recorder { return &Recorder{store: store} }

// Name is the name of the recorder's cursor.
func (r *Recorder) Name() string { return "archive" }

// Cursor is the last sequence number that was recorded.
func (r *Recorder) Cursor(ctx context.Context) (uint64, error) { return r.store.Cursor(ctx) }

// Apply records the entries that are about jobs. Lost entries leave a record
// incomplete; there is nothing to do about them here.
func (r *Recorder) Apply(ctx context.Context, entries []journal.Entry, _ int) error {
	if len(entries) == 0 {
		return nil
	}
	var order []string
	records := map[string]Record{}
	for _, e := range entries {
		if e.Job == "" {
			continue
		}
		record, ok := records[e.Job]
		if !ok {
			var err error
			if record, err = r.store.Job(ctx, e.Job); err != nil && !fault.Is(err, fault.NotFound) {
				return fmt.Errorf("reading job %s: %w", e.Job, err)
			}
			order = append(order, e.Job)
		}
		records[e.Job] = record.follow(e)
	}
	changed := make([]Record, 0, len(order))
	for _, id := range order {
		changed = append(changed, records[id])
	}
	return r.store.Apply(ctx, entries[len(entries)-1].Seq, changed)
}

// List is up to limit records, newest first; all when limit is 0.
func (r *Recorder) List(ctx context.Context, limit int) ([]Record, error) {
	return r.store.Jobs(ctx, limit)
}
