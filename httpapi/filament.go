package httpapi

import (
	"strconv"

	"github.com/printwire/printwire/printer"
)

// The numbers that Bambuddy clients know.
const (
	trayExternal = 254
	trayNone     = 255
	slotEmpty    = 9
	slotPresent  = 10
	slotLoaded   = 11
	firstHT      = 128
)

// drySteps are the numbers of the steps of drying: status, then sub status.
func drySteps() map[string][2]int {
	return map[string][2]int{
		"off": {0, 0}, "checking": {1, 0}, "heating": {2, 1}, "drying": {2, 2},
		"cooling": {3, 0}, "stopping": {4, 0}, "error": {5, 0},
	}
}

// moduleTypes are the maker's names of the products.
func moduleTypes() map[string]string {
	return map[string]string{"AMS 2 Pro": "n3f", "AMS HT": "n3s"}
}

func filament(doc *Status, s printer.State) {
	doc.AMS, doc.VTTray, doc.AMSMapping, doc.AMSExtruderMap = []AMS{}, []Tray{}, []int{}, IntMap{}
	doc.AMSExists, doc.FilaSwitch = len(s.Units) > 0, known(s.FilamentPresent)
	for _, u := range s.Units {
		doc.AMS = append(doc.AMS, unit(u, s.ActiveTray))
		if u.Nozzle.Known {
			doc.AMSExtruderMap[strconv.Itoa(u.ID)] = u.Nozzle.Value
		}
	}
	for _, t := range s.External {
		spool := tray(t, s.ActiveTray == printer.Some(printer.TrayRef{Unit: printer.ExternalUnit, Slot: t.Slot}))
		spool.ID = trayExternal + t.Slot
		doc.VTTray = append(doc.VTTray, spool)
	}
	if s.ActiveTray.Known {
		now := trayNumber(s.ActiveTray.Value)
		doc.TrayNow = &now
	} else if s.Online {
		none := trayNone
		doc.TrayNow = &none
	}
}

// trayNumber counts trays over all changers as the printer's own reports do.
func trayNumber(r printer.TrayRef) int {
	switch {
	case r.Unit == printer.ExternalUnit:
		return trayExternal
	case r.Unit >= firstHT:
		return r.Unit
	default:
		return 4*r.Unit + r.Slot
	}
}

func unit(u printer.Unit, active printer.Opt[printer.TrayRef]) AMS {
	a := AMS{
		ID: u.ID, Humidity: known(u.Humidity), HumidityIndex: known(u.HumidityIndex), Temp: tenths(u.Temperature),
		IsAMSHT: u.ID >= firstHT, SerialNumber: u.Serial, SWVer: u.Firmware, DrySFReason: []int{},
		DryTargetTemp: known(u.DryingTarget), DryFilament: text(u.DryingFilament),
		ModuleType: moduleTypes()[u.Kind], Kind: text(u.Kind), Tray: []Tray{},
	}
	if a.Humidity == nil {
		a.Humidity = a.HumidityIndex
	}
	if a.ModuleType == "" {
		a.ModuleType = "ams"
	}
	if u.DryingRemaining.Known {
		minutes := (u.DryingRemaining.Value + 59) / 60
		a.DryTime = &minutes
	}
	if step, ok := drySteps()[u.Drying]; ok {
		a.DryStatus, a.DrySubStatus = &step[0], &step[1]
	}
	for _, t := range u.Trays {
		a.Tray = append(a.Tray, tray(t, active == printer.Some(printer.TrayRef{Unit: u.ID, Slot: t.Slot})))
	}
	return a
}

func tray(t printer.Tray, loaded bool) Tray {
	doc := Tray{
		ID: t.Slot, TrayColor: text(t.Color), TrayType: text(t.Material), TraySubBrands: text(t.Brand),
		TrayIDName: text(t.Name), TrayInfoIdx: text(t.FilamentID), Remain: known(t.Remaining),
		K: known(t.PressureAdvance), TagUID: text(t.Tag), TrayUUID: text(t.Spool),
		NozzleTempMin: known(t.NozzleMin), NozzleTempMax: known(t.NozzleMax),
		DryingTemp: known(t.DryTemperature), DryingTime: known(t.DryHours),
	}
	if t.Empty.Known {
		exists, state := !t.Empty.Value, slotPresent
		switch {
		case !exists:
			state = slotEmpty
		case loaded:
			state = slotLoaded
		}
		doc.Exists, doc.State = &exists, &state
	}
	return doc
}
