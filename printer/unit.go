package printer

import (
	"slices"
	"strconv"
)

// Unit is a filament changer (an AMS).
type Unit struct {
	// ID is the id on the wire: 0–3, 16, 128–135. It names the unit's position.
	ID int
	// Kind is the product name ("AMS", "AMS Lite", "AMS 2 Pro", "AMS HT"), or "".
	Kind             string
	Serial, Firmware string
	// Humidity is relative, in %.
	Humidity Opt[int]
	// HumidityIndex is 1 (dry) to 5 (wet).
	HumidityIndex Opt[int]
	Temperature   Opt[float64]
	// CanDry tells whether it has a heater; MaxDryTemperature is its limit.
	CanDry            bool
	MaxDryTemperature int
	// Drying is the step of drying: "off", "checking", "heating", "drying",
	// "cooling", "stopping", "error", or "" for unknown.
	Drying          string
	DryingRemaining Opt[int] // seconds
	DryingTarget    Opt[int] // °C
	DryingHours     Opt[int]
	DryingFilament  string
	// Nozzle is the index of the nozzle it feeds.
	Nozzle Opt[int]
	// Trays are ascending by slot.
	Trays []Tray
}

// DryingActive tells whether the unit heats or blows.
func (u Unit) DryingActive() bool {
	switch u.Drying {
	case "", "off", "error":
		return false
	default:
		return true
	}
}

// Equal tells whether two units are the same in every field.
func (u Unit) Equal(o Unit) bool {
	return u.ID == o.ID && u.Kind == o.Kind && u.Serial == o.Serial && u.Firmware == o.Firmware &&
		u.Humidity == o.Humidity && u.HumidityIndex == o.HumidityIndex && u.Temperature == o.Temperature &&
		u.CanDry == o.CanDry && u.MaxDryTemperature == o.MaxDryTemperature && u.Drying == o.Drying &&
		u.DryingRemaining == o.DryingRemaining && u.DryingTarget == o.DryingTarget &&
		u.DryingHours == o.DryingHours && u.DryingFilament == o.DryingFilament && u.Nozzle == o.Nozzle &&
		slices.Equal(u.Trays, o.Trays)
}

// Tray is one slot of a changer, or an external spool.
type Tray struct {
	// Slot is counted from 0.
	Slot int
	// Empty is true when no spool is there; unknown while that is being read.
	Empty Opt[bool]
	// Reading is true while the tag is being read.
	Reading bool
	// Material is "PLA", "PETG" …; Brand the product ("PLA Basic"); Name the maker's short id ("A00-W1").
	Material, Brand, Name string
	// FilamentID is the maker's id of the filament ("GFA00").
	FilamentID string
	// Color is RRGGBBAA in upper case, or ""; Colors are all of a mixed spool, joined by commas.
	Color, Colors string
	// Remaining is in %, known only for tagged spools with the estimate switched on.
	Remaining Opt[int]
	// Weight is the full spool's filament in grams.
	Weight               Opt[int]
	NozzleMin, NozzleMax Opt[int]
	BedTemperature       Opt[int]
	DryTemperature       Opt[int]
	DryHours             Opt[int]
	Diameter             Opt[float64]
	// PressureAdvance is the "K" value.
	PressureAdvance Opt[float64]
	// Tag and Spool are the RFID's ids, "" without a tag.
	Tag, Spool string
}

// ExternalUnit is TrayRef.Unit of the external spools.
const ExternalUnit = 255

// TrayRef names a tray: the unit's wire id and the slot from 0. The external
// spools have the unit ExternalUnit and the slot of State.External.
type TrayRef struct {
	Unit, Slot int
}

// String is "ams_<unit>_tray_<slot from 1>", "external" or "external_left".
func (r TrayRef) String() string {
	if r.Unit == ExternalUnit {
		if r.Slot == 1 {
			return "external_left"
		}
		return "external"
	}
	return "ams_" + strconv.Itoa(r.Unit) + "_tray_" + strconv.Itoa(r.Slot+1)
}

// Tray finds the tray that a reference names.
func (s State) Tray(r TrayRef) (Tray, bool) {
	trays := s.External
	if r.Unit != ExternalUnit {
		trays = nil
		for _, u := range s.Units {
			if u.ID == r.Unit {
				trays = u.Trays
			}
		}
	}
	for _, t := range trays {
		if t.Slot == r.Slot {
			return t, true
		}
	}
	return Tray{}, false
}
