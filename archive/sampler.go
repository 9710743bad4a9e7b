package archive

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Sampler is the sink of values that completes the records: what the journal's
// events do not tell (temperatures, trays, layers, the model), and one sample a
// minute. It is told by one goroutine, as sinks are.
type Sampler struct {
	r *Recorder
	// mu lets the recorder write, at its end, what is not written yet.
	mu       sync.Mutex
	printers map[int]*watch
}

// watch is what has been seen of a printer's present job.
type watch struct {
	job string
	// first is when the job was first seen here, wrote when it was last
	// written, sampled when its last sample was.
	first, wrote, sampled time.Time
	// found: what was written last met a record.
	found bool
	// news: something was seen that only comes once, and is not written yet.
	news bool
	// settled: its end has been written.
	settled bool
	seen    observation
	// left is the job before, nil when all that was seen of it is written: its
	// end came with the beginning of this one. It waits for its record, and was
	// tried last at tried.
	left  *watch
	tried time.Time
}

const (
	// settleTime is what the journal gets to make the record of a job.
	settleTime = 2 * time.Second
	// lateTime is when a job without any event (one that was running when the
	// bridge first saw it) gets its record from the values: not before the
	// job's id is stored with its printer, or a crash would leave a record of a
	// job that gets another id afterwards.
	lateTime = time.Minute
	// newsTime is how soon a higher temperature or another tray is written, so
	// that a crash loses no more than what came since.
	newsTime = 10 * time.Second
)

// Sampler is a new sink of values for the recorder, in place of the last one.
func (r *Recorder) Sampler() *Sampler {
	s := &Sampler{r: r, printers: map[int]*watch{}}
	r.sampler.Store(s)
	return s
}

// Apply takes the printers' changes. It writes once a minute, sooner when there
// is news, and at the end of a job: all that is due in one transaction.
func (s *Sampler) Apply(ctx context.Context, changes []printer.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []Change
	var watched []*watch
	for _, c := range changes {
		w := s.watch(ctx, c)
		if w == nil {
			continue
		}
		if l := w.leaves(s.at(c.Next)); l != nil {
			due, watched = append(due, l.change()), append(watched, l)
		}
		if w.job != "" && w.take(c.Next, s.at(c.Next)) {
			due, watched = append(due, w.change()), append(watched, w)
		}
	}
	s.write(ctx, due, watched)
}

// leaves is the job before when it is to be tried to write what was seen of it,
// nil otherwise. After lateTime nobody will make its record.
func (w *watch) leaves(at time.Time) *watch {
	l := w.left
	if l == nil || at.Sub(w.tried) < settleTime {
		return nil
	}
	w.tried = at
	if !l.news || at.Sub(w.first) >= lateTime {
		w.left = nil
	}
	if !l.news {
		return nil
	}
	return l
}

// write makes the changes of some watches.
func (s *Sampler) write(ctx context.Context, due []Change, watched []*watch) {
	if len(due) == 0 {
		return
	}
	found := map[string]bool{}
	err := s.r.write(func() ([]Record, error) {
		records, err := s.r.store.Update(ctx, due)
		for _, r := range records {
			found[r.Job] = true
		}
		return records, err
	})
	if err != nil {
		s.r.log.Warn("values of prints could not be recorded, will try again", "error", err)
	}
	for i, w := range watched {
		w.wrote, w.found = w.seen.at, found[w.job]
		if err != nil {
			continue
		}
		w.settled = w.seen.state.Job.Over()
		if w.found {
			w.news = false
		}
		if w.found && due[i].Sample != nil {
			w.sampled = w.seen.at
		}
	}
}

// flush writes what is not written yet, at the end of the program.
func (s *Sampler) flush(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []Change
	var watched []*watch
	for _, w := range s.printers {
		if w.left != nil {
			due, watched, w.left = append(due, w.left.change()), append(watched, w.left), nil
		}
		if w.job != "" && w.news && w.found {
			due, watched = append(due, w.change()), append(watched, w)
		}
	}
	s.write(ctx, due, watched)
}

func (s *Sampler) at(n printer.Snapshot) time.Time {
	if n.At.IsZero() {
		return s.r.now().UTC()
	}
	return n.At.UTC()
}

// watch finds what is known of a printer's job, nil when it is gone. With
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
		next := &watch{job: job, first: s.at(c.Next), tried: s.at(c.Next), seen: observation{tariff: s.r.tariff}}
		if w != nil {
			next.left, w.left = w.left, nil
		}
		if w != nil && w.job != "" && w.news && !w.settled {
			next.left = w
		}
		w = next
		s.printers[id] = w
	}
	return w
}

// closeOthers ends the printer's records under way whose job is not the
// present one: their end was in no event and in no value. An event that is
// still to be read corrects it.
func (s *Sampler) closeOthers(ctx context.Context, printerID int, job string) {
	err := s.r.closeWhere(ctx, func(e *Summary) bool { return e.PrinterID == printerID }, job)
	if err != nil && ctx.Err() == nil {
		s.r.log.Warn("prints whose end nobody saw could not be closed", "printer", printerID, "error", err)
	}
}

// CloseOrphans ends the records under way of printers that are none of the
// known ones: nobody will tell of their end. It is called at the start, when
// all printers are there.
func (r *Recorder) CloseOrphans(ctx context.Context, known []int) error {
	err := r.closeWhere(ctx, func(e *Summary) bool { return !slices.Contains(known, e.PrinterID) }, "")
	if err != nil {
		return fmt.Errorf("closing prints of printers that are gone: %w", err)
	}
	return nil
}

// closeWhere ends the chosen records under way, but that of a job.
func (r *Recorder) closeWhere(ctx context.Context, chosen func(*Summary) bool, but string) error {
	entries, err := r.entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Status != "printing" || e.Deleted || !chosen(e) {
			continue
		}
		_, err := r.update(ctx, e.ID, func(rec Record) (Record, error) {
			if rec.Job != but && rec.Running() {
				rec.end(printer.Failure, reasonUnknown, "", rec.Updated)
			}
			return rec, nil
		})
		if err != nil && !fault.Is(err, fault.NotFound) { // Somebody deleted it just now.
			return err
		}
	}
	return nil
}

// take adds a picture to what was seen, and tells whether it is time to write.
func (w *watch) take(n printer.Snapshot, at time.Time) bool {
	st := n.State
	over := st.Job.Over()
	if !over && !(st.Online && st.Activity.Active()) {
		return false
	}
	w.seen.at, w.seen.config, w.seen.state = at, n.Config, st
	if over {
		return !w.settled
	}
	w.news = w.seen.add(st, at) || w.news
	since := at.Sub(w.wrote)
	switch {
	case at.Sub(w.first) < settleTime:
		return false
	case w.wrote.IsZero():
		return true
	case w.found:
		return at.Sub(w.sampled) >= SampleEvery || w.news && since >= newsTime
	default: // The record is still to come; one that a person deleted is not.
		return since >= SampleEvery || since >= newsTime && at.Sub(w.first) < lateTime+newsTime
	}
}

// change is what is written now.
func (w *watch) change() Change {
	seen := w.seen
	seen.filament = slices.Clone(seen.filament)
	c := Change{Job: w.job, Do: func(r Record) (Record, error) { return seen.on(r), nil }}
	if seen.state.Job.Over() {
		return c
	}
	c.Create = seen.at.Sub(w.first) >= lateTime
	if w.sampled.IsZero() || seen.at.Sub(w.sampled) >= SampleEvery {
		c.Sample = sampleOf(seen.state, seen.at)
	}
	return c
}

func sampleOf(st printer.State, at time.Time) *Sample {
	return &Sample{
		At: at, Progress: st.Job.Progress, Layer: st.Job.Layer, RemainingSeconds: st.Job.RemainingSeconds,
		Nozzle: st.Nozzles[0].Temperature, NozzleLeft: st.Nozzles[1].Temperature,
		Bed: st.Bed.Temperature, Chamber: st.Chamber.Temperature, PartFan: st.Fans.Part,
	}
}
