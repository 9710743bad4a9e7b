package httpapi

import (
	"time"

	"github.com/printwire/printwire/printer"
)

// example is a printer in the middle of a print, for the documentation.
func example() printer.Snapshot {
	at := time.Date(2026, 3, 14, 9, 30, 0, 0, time.UTC)
	s := printer.State{
		Family: "bambu", Serial: "00M00A000000001", Model: "X1C", Firmware: "01.08.02.00", Online: true,
		Activity: printer.Printing, Speed: "standard",
		Caps: printer.Capabilities{Nozzles: 1, ChamberSensor: true, ChamberLight: true, ChamberFan: true},
		Job: printer.Job{
			ID: "01JPA4G0000000000000000000", Name: "Bracket", File: "bracket.gcode.3mf", StartedAt: at.Add(-45 * time.Minute),
			Progress: printer.Some(45), RemainingSeconds: printer.Some(3600), Layer: printer.Some(90), TotalLayers: printer.Some(200),
		},
		Bed:          printer.Heater{Temperature: printer.Some(60.0), Target: printer.Some(60.0)},
		Chamber:      printer.Heater{Temperature: printer.Some(38.0)},
		Fans:         printer.Fans{Part: printer.Some(100), Aux: printer.Some(70), Chamber: printer.Some(0)},
		ChamberLight: printer.Some(true), Door: printer.Some(false), WiFi: printer.Some(-52), Storage: "normal",
		Units: []printer.Unit{{
			ID: 0, Kind: "AMS", Humidity: printer.Some(23), HumidityIndex: printer.Some(2), Temperature: printer.Some(27.5),
			Trays: []printer.Tray{{Slot: 0, Empty: printer.Some(false), Material: "PLA", Color: "00AE42FF", Remaining: printer.Some(62)}},
		}},
		ActiveTray: printer.Some(printer.TrayRef{Unit: 0, Slot: 0}),
	}
	s.Nozzles[0] = printer.Nozzle{
		Heater:   printer.Heater{Temperature: printer.Some(219.5), Target: printer.Some(220.0)},
		Diameter: printer.Some(0.4), Type: "hardened_steel",
	}
	return printer.Snapshot{
		Config: printer.Config{ID: 1, Name: "Workshop", Family: "bambu", Host: "192.168.1.50", Serial: s.Serial, Area: "Garage"},
		State:  s, At: at, Version: 1,
	}
}

func exampleStatus() Status { return status(example()) }

func examplePrinter() Printer { return describePrinter(example()) }

func exampleHealth() HealthReport {
	return HealthReport{Status: "healthy", Database: "connected", MQTT: "connected"}
}
