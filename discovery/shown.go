package discovery

import (
	"strings"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// The words of the enums.

func activities() []string {
	return []string{"offline", "idle", "preparing", "printing", "paused", "finished", "failed", "stopped"}
}
func results() []string  { return []string{"success", "failed", "stopped"} }
func sources() []string  { return []string{"local", "cloud", "system"} }
func storages() []string { return []string{"none", "normal", "abnormal", "read_only"} }
func tools() []string    { return []string{"extruder", "laser10", "laser40", "cutter"} }
func flows() []string    { return []string{"standard", "high", "tpu_high"} }
func airDucts() []string { return []string{"cooling", "heating", "laser"} }
func dryings() []string {
	return []string{"off", "checking", "heating", "drying", "cooling", "stopping", "error"}
}

func printerEvents() []string { return eventsOf(journal.FromPrinter) }

func eventsOf(origin journal.Origin) []string {
	var names []string
	for _, e := range journal.Events() {
		if e.Origin == origin {
			names = append(names, e.Name)
		}
	}
	return names
}

// nozzle is the index of a nozzle; active is the active one.
func (v *view) nozzle(i int) int {
	if i == active {
		i = v.s.ActiveNozzle.Or(0)
	}
	return min(max(i, 0), 1)
}

// limits are a number's bounds; top is used until the printer's own are known.
func limits(r printer.Range, top float64) bounds {
	if r.Max <= r.Min {
		r = printer.Range{Min: 0, Max: top}
	}
	return bounds{r.Min, r.Max, 1}
}

func stage(dst []byte, v *view) []byte {
	if v.s.Stage == "" {
		return dst
	}
	if len(v.d.opts.Stages) == 0 {
		return text(dst, v.s.Stage)
	}
	if !v.d.stages[v.s.Stage] {
		return dst
	}
	return append(dst, v.s.Stage...)
}

func finishAt(dst []byte, v *view) []byte { return moment(dst, finish(v)) }

// finish is when the print will end or ended, zero when nobody knows.
func finish(v *view) time.Time {
	j := &v.s.Job
	switch {
	case !j.EndedAt.IsZero():
		return j.EndedAt
	case j.Over(), !v.s.Activity.Active(), !j.RemainingSeconds.Known, v.At.IsZero():
		return time.Time{}
	}
	return v.At.Add(time.Duration(min(max(j.RemainingSeconds.Value, 0), 1e8)) * time.Second)
}

func latestFirmware(dst []byte, v *view) []byte {
	if v.s.FirmwareAvailable != "" && v.s.Firmware != "" {
		return text(dst, v.s.FirmwareAvailable)
	}
	return text(dst, v.s.Firmware)
}

func skippedObjects(dst []byte, v *view) []byte {
	o := newObject(dst)
	o.key("objects")
	o.dst = append(o.dst, '[')
	for i, id := range v.s.Job.SkippedObjects[:min(len(v.s.Job.SkippedObjects), 300)] {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = count(o.dst, printer.Some(id))
	}
	o.dst = append(o.dst, ']')
	return o.end()
}

// grave: such faults need a person.
func grave(f printer.Fault) bool {
	return f.Severity == printer.Fatal || f.Severity == printer.Serious
}

func inTrouble(s *printer.State) bool {
	if s.Problem.Code != "" {
		return true
	}
	for i := range s.Faults {
		if grave(s.Faults[i]) {
			return true
		}
	}
	return false
}

func problemText(dst []byte, v *view) []byte {
	if v.s.Problem.Code != "" {
		if v.s.Problem.Text == "" {
			return text(dst, string(v.s.Problem.Code))
		}
		return text(dst, v.s.Problem.Text)
	}
	for i := range v.s.Faults {
		if grave(v.s.Faults[i]) {
			return text(dst, v.s.Faults[i].Sentence())
		}
	}
	return append(dst, "none"...)
}

func problemAttributes(dst []byte, v *view) []byte {
	o := newObject(dst)
	o.text("code", string(v.s.Problem.Code))
	return o.end()
}

func faultText(dst []byte, v *view) []byte {
	if len(v.s.Faults) == 0 {
		return append(dst, "none"...)
	}
	return text(dst, v.s.Faults[0].Sentence())
}

// maxAttributes is the largest attributes object, in bytes.
const maxAttributes = 4000

func faultAttributes(dst []byte, v *view) []byte {
	start := len(dst)
	o := newObject(dst)
	o.key("faults")
	o.dst = append(o.dst, '[')
	for i, f := range v.s.Faults {
		before := len(o.dst)
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		e := newObject(o.dst)
		e.text("code", f.Code)
		e.text("severity", string(f.Severity))
		e.text("module", f.Module)
		e.text("text", f.Text)
		e.text("url", f.URL)
		o.dst = e.end()
		if len(o.dst)-start > maxAttributes-2 {
			o.dst = o.dst[:before]
			break
		}
	}
	o.dst = append(o.dst, ']')
	return o.end()
}

func find(trays []printer.Tray, slot int) *printer.Tray {
	for i := range trays {
		if trays[i].Slot == slot {
			return &trays[i]
		}
	}
	return nil
}

// trayValue is what is in a tray: the product, else the material, "empty", or unknown.
func trayValue(dst []byte, t *printer.Tray) []byte {
	switch {
	case t == nil:
		return dst
	case t.Empty.Or(false):
		return append(dst, "empty"...)
	case t.Brand != "":
		return text(dst, t.Brand)
	default:
		return text(dst, t.Material)
	}
}

func trayAttributes(dst []byte, t *printer.Tray) []byte {
	if t == nil {
		return dst
	}
	o := newObject(dst)
	spool(&o, t)
	o.integer("nozzle_min", t.NozzleMin)
	o.integer("nozzle_max", t.NozzleMax)
	o.integer("bed_temperature", t.BedTemperature)
	o.integer("dry_temperature", t.DryTemperature)
	o.integer("dry_hours", t.DryHours)
	o.integer("weight", t.Weight)
	o.decimal("diameter", t.Diameter)
	o.decimal("k_value", t.PressureAdvance)
	o.text("tag_uid", t.Tag)
	o.text("tray_uuid", t.Spool)
	return o.end()
}

// spool are the attributes that say which filament it is.
func spool(o *object, t *printer.Tray) {
	o.truth("empty", t.Empty)
	o.text("material", t.Material)
	o.text("product", t.Brand)
	o.text("filament_id", t.FilamentID)
	o.text("filament_code", t.Name)
	o.text("color", hash(t.Color))
	o.text("colors", t.Colors)
}

// hash makes #RRGGBB or #RRGGBBAA of a colour.
func hash(color string) string {
	if color == "" || strings.HasPrefix(color, "#") {
		return color
	}
	return "#" + color
}

func activeTray(dst []byte, v *view) []byte {
	if !v.s.ActiveTray.Known {
		return dst
	}
	return append(dst, v.s.ActiveTray.Value.String()...)
}

func activeSpool(dst []byte, v *view) []byte {
	if !v.s.ActiveTray.Known {
		return dst
	}
	t, ok := v.s.Tray(v.s.ActiveTray.Value)
	if !ok {
		return dst
	}
	o := newObject(dst)
	spool(&o, &t)
	return o.end()
}
