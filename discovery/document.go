package discovery

import (
	"bytes"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/printwire/printwire/printer"
)

// appendDocument appends the whole state of one printer as one JSON object, for
// consumers other than Home Assistant. All keys are always there; unknown is null.
// Keys are added, never renamed or removed. It is made each second for each
// printer that reports, so it hardly allocates.
func appendDocument(dst []byte, v *view) []byte {
	s := v.s
	o := newObject(dst)
	o.words("serial", v.Config.Serial)
	o.words("name", clean(v.Config.Name, 64))
	o.text("family", s.Family)
	o.text("model", s.Model)
	o.text("firmware", s.Firmware)
	o.text("firmware_available", s.FirmwareAvailable)
	o.truth("online", printer.Some(s.Online))
	o.words("activity", string(s.Shown()))
	o.text("stage", s.Stage)
	o.truth("read_only", printer.Some(s.Caps.ReadOnly()))
	o.moment("updated_at", v.At)
	o.job(v)
	o.list("nozzles", len(s.Nozzles[:min(max(s.Caps.Nozzles, 1), 2)]), func(o *object, i int) {
		o.heater(s.Nozzles[i].Heater)
		o.decimal("diameter_mm", s.Nozzles[i].Diameter)
		o.text("type", s.Nozzles[i].Type)
		o.text("flow", s.Nozzles[i].Flow)
	})
	o.integer("active_nozzle", s.ActiveNozzle)
	o.object("bed", func(o *object) { o.heater(s.Bed) })
	o.object("chamber", func(o *object) { o.heater(s.Chamber) })
	o.object("fans", func(o *object) {
		o.integer("part", s.Fans.Part)
		o.integer("aux", s.Fans.Aux)
		o.integer("second_aux", s.Fans.SecondAux)
		o.integer("chamber", s.Fans.Chamber)
		o.integer("heatbreak", s.Fans.Heatbreak)
	})
	o.machine(s)
	o.list("ams", len(s.Units), func(o *object, i int) { o.unit(&s.Units[i]) })
	o.trays("external_spools", s.External)
	o.key("active_tray")
	if s.ActiveTray.Known {
		o.dst = quote(o.dst, s.ActiveTray.Value.String())
	} else {
		o.dst = append(o.dst, "null"...)
	}
	o.object("problem", func(o *object) {
		o.text("code", string(s.Problem.Code))
		o.text("text", s.Problem.Text)
	})
	o.list("faults", len(s.Faults), func(o *object, i int) {
		f := &s.Faults[i]
		o.text("code", f.Code)
		o.text("severity", string(f.Severity))
		o.text("module", f.Module)
		o.text("text", f.Text)
		o.text("url", f.URL)
	})
	return o.end()
}

// job adds the present job or, when none is under way, the last one.
func (o *object) job(v *view) {
	j := &v.s.Job
	o.object("job", func(o *object) {
		o.text("id", j.ID)
		o.text("name", j.Name)
		o.text("file", j.FileName())
		o.text("source", j.Source)
		o.integer("progress", j.Progress)
		o.integer("remaining_seconds", j.RemainingSeconds)
		o.moment("started_at", j.StartedAt)
		o.moment("finish_at", finish(v))
		o.moment("ended_at", j.EndedAt)
		o.integer("layer", j.Layer)
		o.integer("total_layers", j.TotalLayers)
		o.integer("plate", j.Plate)
		o.text("result", string(j.Result))
		o.text("reason", j.Reason)
		o.text("code", j.Code)
		o.text("pause_reason", j.PauseReason)
		o.text("pause_code", j.PauseCode)
		o.key("skipped_objects")
		o.dst = append(o.dst, '[')
		for i, id := range j.SkippedObjects {
			if i > 0 {
				o.dst = append(o.dst, ',')
			}
			o.dst = strconv.AppendInt(o.dst, int64(id), 10)
		}
		o.dst = append(o.dst, ']')
	})
}

// machine adds what is neither heat nor filament.
func (o *object) machine(s *printer.State) {
	o.text("air_duct", s.AirDuct)
	o.text("speed", s.Speed)
	o.integer("speed_percent", s.SpeedPercent)
	o.object("lights", func(o *object) {
		o.truth("chamber", s.ChamberLight)
		o.truth("second", s.SecondLight)
		o.truth("work", s.WorkLight)
	})
	o.truth("door_open", s.Door)
	o.integer("wifi_dbm", s.WiFi)
	o.text("ip_address", s.IPAddress)
	o.text("storage", s.Storage)
	o.truth("recording", s.Recording)
	o.truth("timelapse", s.Timelapse)
	o.truth("prompt_sound", s.PromptSound)
	o.truth("filament_present", s.FilamentPresent)
	o.truth("developer_mode", s.DeveloperMode)
	o.text("tool", s.Tool)
}

// heater adds a heated part, in °C.
func (o *object) heater(h printer.Heater) {
	o.decimal("temperature", h.Temperature)
	o.decimal("target", h.Target)
}

// unit adds a filament changer.
func (o *object) unit(u *printer.Unit) {
	o.integer("id", printer.Some(u.ID))
	o.text("kind", u.Kind)
	o.text("serial", u.Serial)
	o.text("firmware", u.Firmware)
	o.integer("humidity", u.Humidity)
	o.integer("humidity_index", u.HumidityIndex)
	o.decimal("temperature", u.Temperature)
	o.text("drying", u.Drying)
	o.integer("drying_remaining_seconds", u.DryingRemaining)
	o.integer("drying_target", u.DryingTarget)
	o.trays("trays", u.Trays)
}

// trays adds the slots of a changer, counted from 1, or external spools.
func (o *object) trays(name string, trays []printer.Tray) {
	o.list(name, len(trays), func(o *object, i int) {
		t := &trays[i]
		o.integer("slot", printer.Some(t.Slot+1))
		o.truth("empty", t.Empty)
		o.text("material", t.Material)
		o.text("product", t.Brand)
		o.text("filament_id", t.FilamentID)
		o.text("color", hash(t.Color))
		o.integer("remaining", t.Remaining)
		o.integer("weight_grams", t.Weight)
		o.text("tag_uid", t.Tag)
		o.text("tray_uuid", t.Spool)
	})
}

// phase spreads the printers' documents over the time between two of one
// printer, so that they do not all come in the same moment.
func phase(serial string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(serial))
	return time.Duration(h.Sum32()%1000) * documentGap / 1000
}

// document publishes the printer's document, at most once a second, and tells
// when it is due next.
func (d *Discovery) document(f *family, now time.Time) (next time.Time) {
	if !f.dirty {
		return time.Time{}
	}
	if due := f.documentAt.Add(documentGap); now.Before(due) {
		return due
	}
	f.dirty, f.documentAt = false, now
	d.buf = appendDocument(d.buf[:0], &f.device.view)
	d.publish(f.topic("state"), bytes.Clone(d.buf), true)
	return time.Time{}
}
