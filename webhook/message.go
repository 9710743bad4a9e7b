package webhook

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// view is an event with its data decoded and its row of the journal's table.
type view struct {
	Event
	detail printer.Detail
	data   map[string]any
	row    journal.Row
}

func viewOf(ev Event) view {
	v := view{Event: ev}
	// Data that cannot be read leaves its fields unknown: the event still counts.
	_ = json.Unmarshal(ev.Entry.Data, &v.detail)
	if json.Unmarshal(ev.Entry.Data, &v.data) != nil {
		v.data = nil
	}
	var known bool
	if v.row, known = journal.Event(ev.Entry.Name); !known {
		v.row = journal.Row{Name: ev.Entry.Name, Label: ev.Entry.Name}
	}
	return v
}

// aboutJob tells whether the event is a step of a job.
func (v view) aboutJob() bool { return slices.Contains(v.row.Fields, "job_name") }

// object is a JSON object whose fields keep their order.
type object []field

type field struct {
	name  string
	value any
}

// MarshalJSON keeps the order, and leaves the text as it is: it goes into no page.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(f.name); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
		b.WriteByte(':')
		if err := enc.Encode(f.value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o object) has(name string) bool {
	return slices.ContainsFunc(o, func(f field) bool { return f.name == name })
}

// bytes is the object as a body. Encoding it again would escape <, > and &.
func (o object) bytes() ([]byte, error) { return o.MarshalJSON() }

// known is nil for an empty text: unknown is null, never "".
func known(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func opt[T comparable](o printer.Opt[T]) any {
	if !o.Known {
		return nil
	}
	return o.Value
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// standard is the body that every receiver knows: what it has always had comes
// first, in its order; what is new stands beside it.
func (v view) standard(id string) object {
	return object{
		{"event", v.Entry.Name}, {"timestamp", stamp(v.Entry.Time)}, {"data", v.facts()},
		{"id", id}, {"type", v.Entry.Name}, {"source", source}, {"test", v.Facts.Test},
	}
}

// source is who sends, in bodies that say so.
const source = "Printwire"

// facts are the data of the event.
func (v view) facts() object {
	var o object
	switch {
	case v.aboutJob():
		o = v.jobFacts()
	case v.Entry.PrinterID != 0:
		o = object{{"printer", known(v.Entry.Printer)}}
	}
	for _, name := range v.row.Fields {
		if alias, ok := renamed()[name]; ok && o.has(alias) || o.has(name) {
			continue
		}
		o = append(o, field{name, v.data[name]})
	}
	if v.Entry.PrinterID != 0 {
		o = append(o, field{"printer_id", v.Entry.PrinterID}, field{"printer_name", known(v.Entry.Printer)}, field{"serial_number", known(v.Entry.Serial)})
	}
	if v.Entry.Job != "" {
		o = append(o, field{"job", v.Entry.Job})
	}
	return append(o, field{"seq", v.Entry.Seq})
}

// renamed are fields of the journal that bodies know by another name.
func renamed() map[string]string {
	return map[string]string{"job_name": "title", "file_name": "filename", "duration_seconds": "duration", "result": "status"}
}

func (v view) jobFacts() object {
	d := v.detail
	o := object{
		{"printer", known(v.Entry.Printer)}, {"filename", known(v.filename())}, {"duration", v.duration()},
		{"filament_used", value(d.FilamentUsed)}, {"filament_details", known(d.FilamentDetails)},
	}
	if d.Result != printer.Success && v.Entry.Name != "print_started" {
		o = append(o, field{"progress", value(d.Progress)})
	}
	if slices.Contains(v.row.Fields, "reason") {
		o = append(o, field{"reason", known(d.Reason)})
	}
	o = append(o,
		field{"status", v.status()},
		field{"title", known(d.JobName)},
		field{"progress", value(d.Progress)},
		field{"finish_at", v.finish()},
		field{"archive_id", nil}, field{"energy_kwh", opt(v.Facts.EnergyKWh)}, field{"energy_cost", opt(v.Facts.EnergyCost)},
		field{"currency", known(v.Facts.Currency)},
	)
	for i, f := range o {
		if f.name == "archive_id" && v.Facts.ArchiveID > 0 {
			o[i].value = v.Facts.ArchiveID
		}
	}
	return o.once()
}

// once keeps the first of each name.
func (o object) once() object {
	var out object
	for _, f := range o {
		if !out.has(f.name) {
			out = append(out, f)
		}
	}
	return out
}

// unpacked is what some printers name in place of the file: the G-code that they took out of it.
var unpacked = regexp.MustCompile(`(^|/)plate_[0-9]+\.gcode$`)

func (v view) filename() string {
	if f := v.detail.FileName; f != "" && (v.detail.JobName == "" || !unpacked.MatchString(f)) {
		return f
	}
	return v.detail.JobName
}

// status is the word of the job's end, or of what it does.
func (v view) status() string {
	switch {
	case v.detail.Result != "":
		return string(v.detail.Result)
	case v.Entry.Name == "print_paused" || v.Entry.Name == "filament_runout":
		return "paused"
	}
	return "printing"
}

// seconds is how long the job took, or has taken so far.
func (v view) seconds() (int, bool) {
	d := v.detail
	switch {
	case d.DurationSeconds != nil:
		return *d.DurationSeconds, true
	case d.Result == "" && d.StartedAt != nil && !v.Entry.Time.Before(*d.StartedAt):
		// The start is told to the second: what lies between it and the event that tells of it is none.
		if passed := int(v.Entry.Time.Sub(*d.StartedAt).Seconds()); passed > 1 || v.Entry.Name != "print_started" {
			return passed, true
		}
		return 0, true
	case v.Entry.Name == "print_started":
		return 0, true
	}
	return 0, false
}

func (v view) duration() any {
	if s, known := v.seconds(); known {
		return s
	}
	return nil
}

// end is when the job will be done, zero when it is over or unknown.
func (v view) end() time.Time {
	d := v.detail
	if d.Result != "" || d.RemainingSeconds == nil {
		return time.Time{}
	}
	return v.Entry.Time.Add(time.Duration(*d.RemainingSeconds) * time.Second)
}

func (v view) finish() any {
	if t := v.end(); !t.IsZero() {
		return stamp(t)
	}
	return nil
}
