package archive

import (
	"context"
	"time"

	"github.com/printwire/printwire/printer"
)

// Store keeps records, their summaries and their samples. Each method is one
// transaction, but for those that only read.
type Store interface {
	// Cursor is the last sequence number that was applied.
	Cursor(ctx context.Context) (uint64, error)
	// Apply makes the changes and moves the cursor. When the cursor is already
	// there it does nothing. It answers the records that it stored.
	Apply(ctx context.Context, upTo uint64, changes []Change) ([]Record, error)
	// Update makes the changes; an error of one of them undoes all. It answers
	// the records that it stored.
	Update(ctx context.Context, changes []Change) ([]Record, error)
	// Record is one record. fault.NotFound: there is none, or no more.
	Record(ctx context.Context, id int) (Record, error)
	// Job is the record of a job. fault.NotFound: there is none, or no more.
	Job(ctx context.Context, job string) (Record, error)
	// Records are those of the ids that there are, in the order of the ids.
	Records(ctx context.Context, ids []int) ([]Record, error)
	// Summaries are those of all records, also of deleted ones that still count.
	Summaries(ctx context.Context) ([]Summary, error)
	// Samples are a record's samples, oldest first.
	Samples(ctx context.Context, id int) ([]Sample, error)
	// Delete removes records with their samples. Their jobs stay known as
	// deleted; their summaries stay for the statistics unless purge.
	Delete(ctx context.Context, ids []int, at time.Time, purge bool) error
	// Sampled are the ids of the records that have samples.
	Sampled(ctx context.Context) ([]int, error)
	// DeleteSamples removes the samples of records, which stay.
	DeleteSamples(ctx context.Context, ids []int) error
	// Forget removes what is known of jobs that were deleted before a time.
	Forget(ctx context.Context, before time.Time) error
}

// Change is one pure change of one record.
type Change struct {
	// Job names the record by its job; when it is "", ID names it.
	Job string
	ID  int
	// Create makes the record of a job that has none and was not deleted.
	// Without it, and after a delete, a change by Job does nothing; one by ID is fault.NotFound.
	Create bool
	// Do is the change; it may run more than once. nil changes nothing.
	Do func(Record) (Record, error)
	// Sample, if any, is added to the record's samples.
	Sample *Sample
}

// Sample is what a printer's values were at one moment of a job.
type Sample struct {
	At               time.Time
	Progress         printer.Opt[int]
	Layer            printer.Opt[int]
	RemainingSeconds printer.Opt[int]
	// Temperatures are in °C, kept to one decimal.
	Nozzle, NozzleLeft, Bed, Chamber printer.Opt[float64]
	// PartFan is in %.
	PartFan printer.Opt[int]
}

// Limits of a job's samples.
const (
	// SampleEvery is the time between two samples.
	SampleEvery = time.Minute
	// MaxSamples is how many samples of a job are kept; when there are more,
	// every second one goes.
	MaxSamples = 1440
)
