package archive

import (
	"context"
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// Sampler is the sink of values that completes the records: what the journal's
// events do not tell (temperatures, trays, layers, the model), and one sample a
// minute. It is told by one goroutine, as sinks are.
type Sampler struct {
	r        *Recorder
	printers map[int]*watch
}

// watch is what has been seen of a printer's present job.
type watch struct {
	job string
	// first is when the job was first seen here, last when it was last written.
	first, last time.Time
	// settled: its end has been written.
	settled bool
	seen    observation
}

const (
	// settleTime is what the journal gets to make the record of a job.
	settleTime = 2 * time.Second
	// lateTime is when a job without any event (one that was running when the
	// bridge first saw it) gets its record from the values: not before the
	// job's id is stored with its printer, or a crash would leave a record of a
	// job that gets another id afterwards.
	lateTime = time.Minute
)

// Sampler is a new sink of values for the recorder.
func (r *Recorder) Sampler() *Sampler { return &Sampler{r: r, printers: map[int]*watch{}} }

// Apply takes the printers' changes, and writes at most once a minute and at
// the end of a job, all that is due in one transaction.
func (s *Sampler) Apply(ctx context.Context, changes []printer.Change) {
	var due []Change
	var watched []*watch
	for _, c := range changes {
		w := s.watch(ctx, c)
		if w == nil || !w.take(c.Next, s.at(c.Next)) {
			continue
		}
		due, watched = append(due, w.change(c.Next, s.at(c.Next))), append(watched, w)
	}
	if len(due) == 0 {
		return
	}
	if err := s.r.write(func() ([]Record, error) { return s.r.store.Update(ctx, due) }); err != nil {
		s.r.log.Warn("values of prints could not be recorded, will try again", "error", err)
		for _, w := range watched {
			w.settled = false
		}
	}
}

func (s *Sampler) at(n printer.Snapshot) time.Time {
	if n.At.IsZero() {
		return s.r.now().UTC()
	}
	return n.At.UTC()
}

// watch finds what is known of a printer's job, nil when there is none. With
// another job it begins anew, and closes records that nobody will end.
func (s *Sampler) watch(ctx context.Context, c printer.Change) *watch {
	id, job := c.Next.Config.ID, c.Next.State.Job.ID
	if c.Removed {
		delete(s.printers, id)
		s.closeOthers(ctx, id, "")
		return nil
	}
	w := s.printers[id]
	if w == nil {
		s.closeOthers(ctx, id, job)
	}
	if w == nil || w.job != job {
		w = &watch{job: job, first: s.at(c.Next)}
		s.printers[id] = w
	}
	if job == "" {
		return nil
	}
	return w
}

// closeOthers ends the printer's records under way whose job is not the
// present one: their end was in no event and in no value. An event that is
// still to be read corrects it.
func (s *Sampler) closeOthers(ctx context.Context, printerID int, job string) {
	entries, err := s.r.entries(ctx)
	for _, e := range entries {
		if e.PrinterID != printerID || e.Status != "printing" || e.Deleted {
			continue
		}
		_, err = s.r.update(ctx, e.ID, func(r Record) (Record, error) {
			if r.Job != job && r.Running() {
				r.end(printer.Failure, reasonUnknown, "", r.Updated)
			}
			return r, nil
		})
		if err != nil {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		s.r.log.Warn("prints whose end nobody saw could not be closed", "printer", printerID, "error", err)
	}
}

// take adds a picture to what was seen, and tells whether it is time to write.
func (w *watch) take(n printer.Snapshot, at time.Time) bool {
	st := n.State
	if st.Job.Over() {
		return !w.settled
	}
	if !st.Online || !st.Activity.Active() {
		return false
	}
	w.seen.add(st, at)
	return at.Sub(w.first) >= settleTime && (w.last.IsZero() || at.Sub(w.last) >= SampleEvery)
}

// change is what is written now.
func (w *watch) change(n printer.Snapshot, at time.Time) Change {
	seen := w.seen
	seen.at, seen.config, seen.state = at, n.Config, n.State
	seen.filament = slices.Clone(seen.filament)
	c := Change{Job: w.job, Do: func(r Record) (Record, error) { return seen.on(r), nil }}
	if n.State.Job.Over() {
		w.settled = true
		return c
	}
	w.last = at
	c.Create = at.Sub(w.first) >= lateTime
	c.Sample = sampleOf(n.State, at)
	return c
}

func sampleOf(st printer.State, at time.Time) *Sample {
	return &Sample{
		At: at, Progress: st.Job.Progress, Layer: st.Job.Layer, RemainingSeconds: st.Job.RemainingSeconds,
		Nozzle: st.Nozzles[0].Temperature, NozzleLeft: st.Nozzles[1].Temperature,
		Bed: st.Bed.Temperature, Chamber: st.Chamber.Temperature, PartFan: st.Fans.Part,
	}
}
