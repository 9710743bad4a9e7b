package archive

import (
	"math"
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// observation is what the values of a job told since its watch began.
type observation struct {
	at     time.Time
	config printer.Config
	// state is the newest picture.
	state       printer.State
	max, target Temperatures
	diameter    printer.Opt[float64]
	estimate    printer.Opt[int]
	filament    []fed
	// planned is the file whose plan was seen.
	planned string
	tariff  tariff
}

// fed is a tray that fed the job: first and last as it was at its first and last report.
type fed struct {
	ref         printer.TrayRef
	first, last printer.Tray
}

// early is how long after its start a job's estimate is taken.
const early = 5 * time.Minute

// add takes a picture of the job under way, and tells whether it has something
// that later pictures need not have: a temperature that was not reached
// before, by whole degrees, another tray, the estimate.
func (o *observation) add(st printer.State, at time.Time) (news bool) {
	highest, target, estimate := o.max.whole(), o.target, o.estimate
	o.max.raise(Temperatures{
		st.Nozzles[0].Temperature, st.Nozzles[1].Temperature, st.Bed.Temperature, st.Chamber.Temperature,
	})
	o.target.raise(Temperatures{st.Nozzles[0].Target, st.Nozzles[1].Target, st.Bed.Target, st.Chamber.Target})
	if d := st.Nozzles[min(max(st.ActiveNozzle.Or(0), 0), 1)].Diameter; d.Known {
		o.diameter = d
	}
	o.guess(st.Job, at)
	planned := o.planned != st.Job.Plan.File
	o.planned = st.Job.Plan.File
	return o.feed(st) || planned || o.max.whole() != highest || o.target != target || o.estimate != estimate
}

// feed notes the tray that feeds the job, and tells whether it is another one.
func (o *observation) feed(st printer.State) bool {
	ref := st.ActiveTray.Value
	tray, ok := st.Tray(ref)
	if !st.ActiveTray.Known || !ok {
		return false
	}
	i := slices.IndexFunc(o.filament, func(f fed) bool { return f.ref == ref })
	if i < 0 {
		o.filament = append(o.filament, fed{ref, tray, tray})
		return true
	}
	o.filament[i].last = tray
	return false
}

// guess takes the printer's own estimate: time gone and time left, at the
// first moment of the job at which both are known.
func (o *observation) guess(j printer.Job, at time.Time) {
	if o.estimate.Known || j.Attached || j.StartedAt.IsZero() || j.RemainingSeconds.Or(0) <= 0 || j.Progress.Or(0) > 5 {
		return
	}
	if gone := at.Sub(j.StartedAt); gone >= 0 && gone < early {
		o.estimate = printer.Some(j.RemainingSeconds.Value + int(gone.Seconds()))
	}
}

// whole are the temperatures without what follows the point.
func (t Temperatures) whole() Temperatures {
	for _, o := range []*printer.Opt[float64]{&t.Nozzle, &t.NozzleLeft, &t.Bed, &t.Chamber} {
		o.Value = math.Floor(o.Value)
	}
	return t
}

// raise keeps the higher of each pair.
func (t *Temperatures) raise(o Temperatures) {
	for _, p := range []struct {
		to   *printer.Opt[float64]
		from printer.Opt[float64]
	}{{&t.Nozzle, o.Nozzle}, {&t.NozzleLeft, o.NozzleLeft}, {&t.Bed, o.Bed}, {&t.Chamber, o.Chamber}} {
		if p.from.Known && (!p.to.Known || p.from.Value > p.to.Value) {
			*p.to = p.from
		}
	}
}

// on is the record with what was seen. What the journal told of the end stays.
func (o observation) on(r Record) Record {
	j := o.state.Job
	running := r.Running()
	if r.Created.IsZero() {
		r.Created = o.at
	}
	if running && o.at.After(r.Updated) {
		r.Updated = o.at
	}
	r.PrinterID, r.Serial, r.Printer = o.config.ID, o.config.Serial, o.config.Name
	for _, p := range []struct {
		to   *string
		from string
	}{{&r.Model, o.state.Model}, {&r.Name, j.Name}, {&r.File, j.FileName()}, {&r.Source, j.Source}} {
		if p.from != "" && (running || *p.to == "") {
			*p.to = p.from
		}
	}
	r.Attached = r.Attached || j.Attached
	for _, p := range []struct{ to, from *printer.Opt[int] }{
		{&r.Progress, &j.Progress}, {&r.Layer, &j.Layer}, {&r.TotalLayers, &j.TotalLayers}, {&r.Plate, &j.Plate},
	} {
		if p.from.Known && (running || !p.to.Known) {
			*p.to = *p.from
		}
	}
	if r.Start.IsZero() && !j.StartedAt.IsZero() {
		r.Start = j.StartedAt.UTC()
		r.settle()
	}
	if !r.EstimateSeconds.Known {
		r.EstimateSeconds = o.estimate
	}
	r.Max.raise(o.max)
	r.Target.raise(o.target)
	if o.diameter.Known {
		r.NozzleDiameter = o.diameter
	}
	for _, f := range o.filament {
		r.feed(f.ref, f.first)
		r.feed(f.ref, f.last)
	}
	r.plan(j.Plan)
	if running || !r.priced() { // a price that changed later is none of its
		o.tariff.on(&r)
	}
	if j.Over() && running {
		o.finish(&r)
	}
	return r
}

// finish completes a record whose last event was lost.
func (o observation) finish(r *Record) {
	j := o.state.Job
	end := j.EndedAt.UTC()
	if j.EndedAt.IsZero() {
		end = o.at
	}
	if t := j.Duration(); t > 0 {
		r.DurationSeconds = printer.Some(int(t.Seconds()))
	}
	r.end(j.Result, j.Reason, j.Code, end)
}

// end is the end of a job that no event told.
func (r *Record) end(result printer.Result, reason, code string, at time.Time) {
	r.goOn(at)
	r.Result, r.Reason, r.Code, r.End = result, reason, code, at
	r.settle()
}
