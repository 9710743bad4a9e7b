package discovery

import (
	"slices"
	"strconv"
	"time"

	"github.com/printwire/printwire/printer"
)

// planRows are what the sliced file of the present or last print says.
func planRows() []row {
	when := func(v *view) bool { return v.s.Caps.Files }
	return []row{
		{key: "cover", platform: picture, name: "Cover", always: true, when: when, value: coverName, content: (*Discovery).cover,
			about: "The picture of the plate, as bytes; a blank one while there is none."},
		{key: "print_weight", platform: sensor, name: "Print weight", class: "weight", unit: "g", state: "measurement", always: true, when: when,
			value:      func(dst []byte, v *view) []byte { return decimal(dst, v.s.Job.FilamentUsed(), 1) },
			attributes: filamentAttributes,
			about:      "What the slicer says for the whole print; scaled by progress when it failed or was stopped. By material as attributes."},
		{key: "print_length", platform: sensor, name: "Print length", class: "distance", unit: "m", state: "measurement", always: true, when: when, category: diagnostic,
			value: func(dst []byte, v *view) []byte { return decimal(dst, v.s.Job.Plan.Metres, 2) },
			about: "The filament of the whole print."},
		{key: "filament_cost", platform: sensor, name: "Filament cost", class: "monetary", money: true, always: true,
			when: func(v *view) bool { return when(v) && v.d.opts.Currency != "" },
			value: func(dst []byte, v *view) []byte {
				return decimal(dst, v.s.Job.FilamentCost(v.d.opts.Price), 2)
			},
			about: "What the filament of the present or last print costs, at the prices of now; scaled by progress when it failed or was stopped. There when a currency is set."},
		{key: "estimated_time", platform: sensor, name: "Estimated time", class: "duration", unit: "min", state: "measurement", always: true, when: when, category: diagnostic,
			value: func(dst []byte, v *view) []byte { return minutes(dst, v.s.Job.Plan.Seconds) },
			about: "How long the slicer thinks that the print takes."},
		{key: "estimated_end", platform: sensor, name: "Estimated end", class: "timestamp", always: true, when: when, category: diagnostic, hidden: true, pace: moments,
			value: func(dst []byte, v *view) []byte {
				j := &v.s.Job
				if j.StartedAt.IsZero() || !j.Plan.Seconds.Known {
					return dst
				}
				return moment(dst, j.StartedAt.Add(time.Duration(j.Plan.Seconds.Value)*time.Second))
			},
			about: "When the print would end by the slicer's estimate."},
		{key: "objects", platform: sensor, name: "Objects", state: "measurement", icon: "mdi:shape-outline", always: true, when: when,
			value: func(dst []byte, v *view) []byte {
				p := &v.s.Job.Plan
				return count(dst, printer.Opt[int]{Value: len(p.Objects), Known: p.Known()})
			},
			attributes: objectAttributes,
			about:      "How many objects are on the plate; their ids and names as attributes."},
		{key: "file_problem", platform: sensor, name: "File problem", icon: "mdi:file-alert-outline", always: true, when: when, category: diagnostic,
			value: func(dst []byte, v *view) []byte {
				if m := v.s.Job.Plan.Missing; m != "" {
					return text(dst, m)
				}
				return append(dst, "none"...)
			},
			about: "Why grams, picture and objects of the print are not known, in a sentence; `none` when all is well."},
		{key: "external_spool_use", platform: sensor, name: "External spool use", class: "weight", unit: "g", state: "measurement", always: true, when: when, category: diagnostic,
			value: func(dst []byte, v *view) []byte {
				return decimal(dst, v.s.Job.TrayUse(printer.TrayRef{Unit: printer.ExternalUnit}), 1)
			},
			about: "What the print takes from the external spool."},
	}
}

// useRow is what the print takes from a tray of a changer.
func useRow(slot int) row {
	n := strconv.Itoa(slot + 1)
	return row{key: "tray_" + n + "_use", platform: sensor, name: "Tray " + n + " use", class: "weight", unit: "g", state: "measurement", category: diagnostic, always: true,
		when: func(v *view) bool { return v.s.Caps.Files && find(v.unit.Trays, slot) != nil },
		value: func(dst []byte, v *view) []byte {
			return decimal(dst, v.s.Job.TrayUse(printer.TrayRef{Unit: v.unit.ID, Slot: slot}), 1)
		},
		about: "What the present or last print takes from the tray; scaled by progress when it failed or was stopped."}
}

// use is what decides how much a print takes from its trays.
type use struct {
	job, file string
	result    printer.Result
}

func useOf(j *printer.Job) use { return use{j.ID, j.Plan.File, j.Result} }

// attributeRoom is how long a list in attributes may get, in bytes.
const attributeRoom = 3500

// maxFilaments is how many filaments of a print are listed.
const maxFilaments = 16

// filamentAttributes are the filaments of the print, as many as there is room for.
func filamentAttributes(dst []byte, v *view) []byte {
	j := &v.s.Job
	if !j.Plan.Known() {
		return dst
	}
	details := j.FilamentDetails()
	room, n := attributeRoom-len(quote(nil, details)), 0
	for _, f := range j.Plan.Filaments[:min(len(j.Plan.Filaments), maxFilaments)] {
		if room -= len(quote(nil, f.Material)) + len(quote(nil, f.Color)) + 100; room < 0 {
			break
		}
		n++
	}
	o := newObject(dst)
	o.text("details", details)
	o.list("filaments", n, func(o *object, i int) {
		f := j.Plan.Filaments[i]
		o.integer("slot", printer.Some(f.Slot))
		o.text("type", f.Material)
		o.text("color", f.Color)
		o.decimal("planned_grams", f.Grams)
		tray := ""
		if f.Tray.Known {
			tray = f.Tray.Value.String()
		}
		o.text("tray", tray)
	})
	return o.end()
}

// objectAttributes are the objects of the plate, as many as there is room for.
func objectAttributes(dst []byte, v *view) []byte {
	j := &v.s.Job
	if !j.Plan.Known() {
		return dst
	}
	room, n := attributeRoom, 0
	for _, object := range j.Plan.Objects {
		if room -= len(quote(nil, object.Name)) + 50; room < 0 {
			break
		}
		n++
	}
	o := newObject(dst)
	o.list("objects", n, func(o *object, i int) {
		object := j.Plan.Objects[i]
		o.integer("id", printer.Some(object.ID))
		o.text("name", object.Name)
		o.truth("skipped", printer.Some(slices.Contains(j.SkippedObjects, object.ID)))
	})
	return o.end()
}
