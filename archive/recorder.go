package archive

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// Options are what a recorder may be told beside its store.
type Options struct {
	Retention Retention
	// Price is what filament costs; nil is what the slicer says. Currency is
	// that of both ("EUR"), or "".
	Price    Price
	Currency string
	Log      *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Recorder makes the records from the journal, each event exactly once, and
// is the one door to them. There is one for a store.
type Recorder struct {
	store  Store
	keep   Retention
	tariff tariff
	log    *slog.Logger
	now    func() time.Time

	grown grown

	// mu orders what is written to the store, so that the catalogue is told in
	// the same order; it is held for a transaction.
	mu sync.Mutex
	// list is what lists and statistics are made from.
	list catalog
	// numbers are those of the records under way.
	numbers numbers
	// repricing is held while all costs are reckoned again.
	repricing sync.Mutex
	// sampler is the sink of values, nil while there is none.
	sampler atomic.Pointer[Sampler]
}

var _ journal.Follower = (*Recorder)(nil)

// New is a recorder into a store, with the default options.
func New(store Store) *Recorder { return NewWith(store, Options{}) }

// NewWith is a recorder into a store. It starts nothing.
func NewWith(store Store, o Options) *Recorder {
	r := &Recorder{store: store, keep: o.Retention.orDefault(), tariff: tariff{o.Price, o.Currency}, log: o.Log, now: o.Now}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.log = r.log.With("component", "archive")
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

// Name is the name of the recorder's cursor.
func (r *Recorder) Name() string { return "archive" }

// Cursor is the last sequence number that was recorded.
func (r *Recorder) Cursor(ctx context.Context) (uint64, error) { return r.store.Cursor(ctx) }

// Wait returns when an event is recorded, or ctx ends with its error.
func (r *Recorder) Wait(ctx context.Context, seq uint64) error {
	for {
		more := r.grown.wait() // Asked for before the cursor, so that nothing is missed between.
		reached, err := r.store.Cursor(ctx)
		if err != nil || reached >= seq {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

// grown tells who waits that more is recorded.
type grown struct {
	mu sync.Mutex
	// waits is closed when there is more, nil while nobody waits.
	waits chan struct{}
}

func (g *grown) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waits == nil {
		g.waits = make(chan struct{})
	}
	return g.waits
}

func (g *grown) tell() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waits != nil {
		close(g.waits)
		g.waits = nil
	}
}

// Apply records the entries that are about jobs. Lost entries leave a record
// incomplete; the printers' values complete it (Sampler).
func (r *Recorder) Apply(ctx context.Context, entries []journal.Entry, lost int) error {
	if len(entries) == 0 {
		return nil
	}
	if lost > 0 {
		r.log.Warn("events were dropped before they were recorded; records may be incomplete", "count", lost)
	}
	var order []string
	byJob := map[string][]journal.Entry{}
	for _, e := range entries {
		if e.Job == "" {
			continue
		}
		if len(byJob[e.Job]) == 0 {
			order = append(order, e.Job)
		}
		byJob[e.Job] = append(byJob[e.Job], e)
	}
	changes := make([]Change, 0, len(order))
	for _, job := range order {
		changes = append(changes, following(job, byJob[job]))
	}
	err := r.write(func() ([]Record, error) {
		return r.store.Apply(ctx, entries[len(entries)-1].Seq, changes)
	})
	if err == nil {
		r.grown.tell()
	}
	return err
}

// following is what the events of one job do to its record.
func following(job string, entries []journal.Entry) Change {
	c := Change{Job: job, Do: func(rec Record) (Record, error) {
		for _, e := range entries {
			rec = rec.follow(e)
		}
		return rec, nil
	}}
	for _, e := range entries {
		c.Create = c.Create || eventOf(e.Name).creates
	}
	return c
}

// write runs one transaction and tells the catalogue what it stored.
func (r *Recorder) write(transact func() ([]Record, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	records, err := transact()
	if err != nil {
		return err
	}
	summaries := make([]Summary, len(records))
	for i, rec := range records {
		summaries[i] = rec.Summary()
	}
	r.list.put(summaries)
	r.numbers.note(records)
	return nil
}

// update changes one record by its number.
func (r *Recorder) update(ctx context.Context, id int, do func(Record) (Record, error)) (Record, error) {
	var after Record
	err := r.write(func() ([]Record, error) {
		records, err := r.store.Update(ctx, []Change{{ID: id, Do: do}})
		if err == nil && len(records) == 1 {
			after = records[0]
		}
		return records, err
	})
	return after, err
}

// Record is one record. fault.NotFound: there is none, or no more.
func (r *Recorder) Record(ctx context.Context, id int) (Record, error) {
	return r.store.Record(ctx, id)
}

// Job is the record of a job. fault.NotFound: there is none, or no more.
func (r *Recorder) Job(ctx context.Context, job string) (Record, error) { return r.store.Job(ctx, job) }

// Samples are a record's samples, oldest first. fault.NotFound: there is no such record.
func (r *Recorder) Samples(ctx context.Context, id int) ([]Sample, error) {
	if _, err := r.store.Record(ctx, id); err != nil {
		return nil, err
	}
	return r.store.Samples(ctx, id)
}

// Fill is what a later part tells of a job: what it took, by tray if known.
// Unknown fields leave what is there.
type Fill struct {
	Usage    Usage
	Filament []TrayUse
}

// TrayUse is what a job took from one tray; see Filament.Tray.
type TrayUse struct {
	Tray          string
	Material      string
	Grams, Metres printer.Opt[float64]
}

// Fill adds what was measured to the record of a job. It may come before the
// job's end and again later. A job without a record, or with a deleted one, is left alone.
func (r *Recorder) Fill(ctx context.Context, job string, f Fill) error {
	return r.write(func() ([]Record, error) {
		return r.store.Update(ctx, []Change{{Job: job, Do: func(rec Record) (Record, error) { return rec.filled(f), nil }}})
	})
}

func (r Record) filled(f Fill) Record {
	u, n := &r.Usage, f.Usage
	for _, p := range []struct {
		to   *printer.Opt[float64]
		from printer.Opt[float64]
	}{
		{&u.Grams, n.Grams}, {&u.Metres, n.Metres}, {&u.PlannedGrams, n.PlannedGrams}, {&u.PlannedMetres, n.PlannedMetres},
		{&u.FilamentCost, n.FilamentCost}, {&u.EnergyCost, n.EnergyCost}, {&u.EnergyKWh, n.EnergyKWh},
		{&u.PeakWatts, n.PeakWatts}, {&u.AverageWatts, n.AverageWatts},
	} {
		if p.from.Known {
			*p.to = p.from
		}
	}
	if n.Currency != "" {
		u.Currency = n.Currency
	}
	if n.FilamentCurrency != "" {
		u.FilamentCurrency = n.FilamentCurrency
	}
	if n.EnergyKWh.Known {
		u.EnergyEstimated = n.EnergyEstimated
	}
	for _, t := range f.Filament {
		tray := r.filament(t.Tray)
		if ref, ok := trayRef(t.Tray); ok {
			tray.Unit, tray.Slot = ref.Unit, ref.Slot
		}
		if tray.Material == "" {
			tray.Material = t.Material
		}
		if t.Grams.Known {
			tray.Grams = t.Grams
		}
		if t.Metres.Known {
			tray.Metres = t.Metres
		}
	}
	return r
}
