package bambu

import (
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

const (
	// hotEnough is the nozzle temperature for a filament that says nothing, in °C.
	hotEnough = 220
	// wireExternal is the target number of the external spool.
	wireExternal = 254
	// wireNone is the target number for no tray at all.
	wireNone = 255
	// firstHT is the first wire id of the changers with one slot.
	firstHT = 128
	// dryHours is how long to dry a filament that says nothing.
	dryHours = 8
	// dryTemperature is how hot to dry a filament that says nothing, in °C.
	dryTemperature = 55
)

func encodeLoad(d desired) ([]part, error) {
	unit, slot, target := d.Unit, d.Slot, d.Unit*4+d.Slot
	switch {
	case d.Unit == printer.ExternalUnit:
		slot, target = 0, wireExternal
	case d.Unit >= firstHT:
		target = d.Unit
	}
	hot := hotEnough
	if t, ok := d.state.Tray(printer.TrayRef{Unit: d.Unit, Slot: d.Slot}); ok {
		hot = t.NozzleMax.Or(hotEnough)
	}
	return []part{changePart(d, unit, slot, target, hot)}, nil
}

func encodeUnload(d desired) ([]part, error) {
	unit, hot := wireNone, hotEnough
	if active := d.state.ActiveTray; active.Known {
		unit = active.Value.Unit
		if t, ok := d.state.Tray(active.Value); ok {
			hot = t.NozzleMax.Or(hotEnough)
		}
	}
	return []part{changePart(d, unit, wireNone, wireNone, hot)}, nil
}

// changePart is a filament change: to the tray's temperature, from that of the
// filament which is in the nozzle now.
func changePart(d desired, unit, slot, target, hot int) part {
	now := hot
	if active := d.state.ActiveTray; active.Known {
		if t, ok := d.state.Tray(active.Value); ok {
			now = t.NozzleMax.Or(hot)
		}
	}
	return part{"print", "ams_change_filament", body{
		"ams_id": unit, "slot_id": slot, "target": target, "curr_temp": now, "tar_temp": hot,
	}}
}

// encodeDry takes from the unit's first filament what the command leaves open.
func encodeDry(d desired) ([]part, error) {
	for _, u := range d.state.Units {
		if u.ID != d.Unit {
			continue
		}
		var first printer.Tray
		for _, t := range u.Trays {
			if t.Material != "" {
				first = t
				break
			}
		}
		heat := first.DryTemperature.Or(dryTemperature)
		if d.Value != 0 {
			heat = whole(d.Value)
		}
		if u.MaxDryTemperature > 0 {
			heat = min(heat, u.MaxDryTemperature)
		}
		hours := d.Hours
		if hours == 0 {
			hours = first.DryHours.Or(dryHours)
		}
		return []part{dryPart(d.Unit, 1, heat, hours, first.Material)}, nil
	}
	return nil, fault.New(fault.NotFound, "there is no AMS unit %d", d.Unit).At("unit")
}

func encodeStopDrying(d desired) ([]part, error) {
	return []part{dryPart(d.Unit, 0, 0, 0, "")}, nil
}

func dryPart(unit, mode, heat, hours int, filament string) part {
	return part{"print", "ams_filament_drying", body{
		"ams_id": unit, "mode": mode, "temp": heat, "cooling_temp": min(heat, 45), "duration": hours, "humidity": 0,
		"rotate_tray": false, "filament": filament, "close_power_conflict": false,
	}}
}

func effectDrying(on bool) func(printer.Command, printer.State, facts) bool {
	return func(c printer.Command, s printer.State, _ facts) bool {
		for _, u := range s.Units {
			if u.ID == c.Unit {
				return u.Drying != "" && u.DryingActive() == on
			}
		}
		return false
	}
}
