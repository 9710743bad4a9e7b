package archive

import (
	"encoding/json"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// eventRow says what an event of a job does to its record.
type eventRow struct {
	name string
	// creates: the event makes a record when the job has none.
	creates bool
	// result is the job's, for an event that ends it.
	result printer.Result
	apply  func(r *Record, e journal.Entry, d printer.Detail)
}

// eventRows is the table of the events that say more than that the job goes
// on. Every other event of a job only updates what it knows.
func eventRows() []eventRow {
	return []eventRow{
		{"print_started", true, "", func(r *Record, e journal.Entry, _ printer.Detail) { r.Start = e.Time }},
		{"print_progress", true, "", nil},
		{"print_paused", true, "", paused},
		{"print_resumed", true, "", func(r *Record, e journal.Entry, _ printer.Detail) { r.goOn(e.Time) }},
		{"print_complete", true, printer.Success, ended},
		{"print_failed", true, printer.Failure, ended},
		{"print_stopped", true, printer.Interrupted, ended},
		{"first_layer_complete", true, "", nil},
		{"filament_changed", true, "", changedFilament},
		{"filament_runout", true, "", nil},
	}
}

func eventOf(name string) eventRow {
	for _, row := range eventRows() {
		if row.name == name {
			return row
		}
	}
	return eventRow{name: name}
}

// follow is the record after an event of its job. Data that cannot be read
// leaves the record's fields as they are: the event still counts.
func (r Record) follow(e journal.Entry) Record {
	var d printer.Detail
	if json.Unmarshal(e.Data, &d) != nil {
		d = printer.Detail{}
	}
	r.Job, r.PrinterID, r.Serial, r.Printer = e.Job, e.PrinterID, e.Serial, e.Printer
	row := eventOf(e.Name)
	if !row.creates {
		return r // Of the time after the job, or of a fault: not about the job's course.
	}
	if r.Created.IsZero() {
		r.Created = e.Time
	}
	if e.Time.After(r.Updated) {
		r.Updated = e.Time
	}
	if d.JobName != "" {
		r.Name = d.JobName
	}
	if d.FileName != "" {
		r.File = d.FileName
	}
	set(&r.Progress, d.Progress)
	set(&r.Layer, d.Layer)
	set(&r.TotalLayers, d.TotalLayers)
	if row.result != "" {
		r.Result = row.result
	}
	if row.apply != nil {
		row.apply(&r, e, d)
	}
	return r
}

func set[T comparable](to *printer.Opt[T], from *T) {
	if from != nil {
		*to = printer.Some(*from)
	}
}

func paused(r *Record, e journal.Entry, _ printer.Detail) {
	r.goOn(e.Time)
	r.Pauses++
	r.PausedAt = e.Time
}

// goOn counts the time of a pause that is over.
func (r *Record) goOn(at time.Time) {
	if !r.PausedAt.IsZero() {
		r.PausedSeconds += max(0, int(at.Sub(r.PausedAt).Seconds()))
	}
	r.PausedAt = time.Time{}
}

func ended(r *Record, e journal.Entry, d printer.Detail) {
	// What an end that nobody saw had guessed does not count any more.
	r.DurationSeconds = printer.Opt[int]{}
	set(&r.DurationSeconds, d.DurationSeconds)
	r.end(r.Result, d.Reason, d.Code, e.Time)
}

// settle makes what follows from the end: the start from the duration, or the
// duration from the start.
func (r *Record) settle() {
	switch {
	case r.End.IsZero():
	case r.Start.IsZero() && r.DurationSeconds.Known:
		r.Start = r.End.Add(-time.Duration(r.DurationSeconds.Value) * time.Second)
	case !r.Start.IsZero() && !r.DurationSeconds.Known:
		r.DurationSeconds = printer.Some(max(0, int(r.End.Sub(r.Start).Seconds())))
	}
}

func changedFilament(r *Record, _ journal.Entry, d printer.Detail) {
	if ref, ok := trayRef(d.PreviousTray); ok {
		r.feed(ref, printer.Tray{}) // It was first, whatever else is known of it.
	}
	if ref, ok := trayRef(d.Tray); ok {
		r.feed(ref, printer.Tray{Material: d.Material, Color: d.Color})
	}
}
