package discovery

import (
	"strconv"

	"github.com/printwire/printwire/printer"
)

// unitRows is the table of the entities of a filament changer, which is a
// device of its own below its printer.
func unitRows() []row {
	rows := []row{
		{key: "humidity", platform: sensor, name: "Humidity", class: "humidity", unit: "%", state: "measurement",
			when:  func(v *view) bool { return v.unit.Humidity.Known },
			value: func(dst []byte, v *view) []byte { return percent(dst, v.unit.Humidity) }},
		{key: "humidity_index", platform: sensor, name: "Humidity index", state: "measurement", icon: "mdi:water-percent",
			when:  func(v *view) bool { return v.unit.HumidityIndex.Known },
			value: func(dst []byte, v *view) []byte { return integer(dst, v.unit.HumidityIndex, 1, 5) },
			about: "1 is dry, 5 is wet."},
		{key: "temperature", platform: sensor, name: "Temperature", class: "temperature", unit: "°C", state: "measurement", pace: degrees,
			when:  func(v *view) bool { return v.unit.Temperature.Known },
			value: func(dst []byte, v *view) []byte { return temperature(dst, v.unit.Temperature) }},
		{key: "active", platform: binarySensor, name: "Active", class: "running",
			value: func(dst []byte, v *view) []byte {
				a := v.s.ActiveTray
				return onOff(dst, printer.Opt[bool]{Value: a.Value.Unit == v.unit.ID, Known: a.Known})
			}},
		{key: "drying", platform: binarySensor, name: "Drying", class: "running", icon: "mdi:heat-wave", when: dryer,
			value: func(dst []byte, v *view) []byte {
				return onOff(dst, printer.Opt[bool]{Value: v.unit.DryingActive(), Known: v.unit.Drying != ""})
			}},
		{key: "drying_stage", platform: sensor, name: "Drying stage", class: "enum", icon: "mdi:heat-wave", category: diagnostic, hidden: true, when: dryer,
			options: func(*view) []string { return dryings() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.unit.Drying, dryings()) }},
		{key: "drying_remaining", platform: sensor, name: "Drying remaining", class: "duration", unit: "min", state: "measurement", when: dryer,
			value: func(dst []byte, v *view) []byte { return minutes(dst, v.unit.DryingRemaining) }},
		{key: "drying_target", platform: sensor, name: "Drying target", class: "temperature", unit: "°C", state: "measurement", category: diagnostic,
			when:  func(v *view) bool { return v.unit.DryingTarget.Known },
			value: func(dst []byte, v *view) []byte { return integer(dst, v.unit.DryingTarget, 0, 150) }},
		{key: "drying_duration", platform: sensor, name: "Drying duration", class: "duration", unit: "h", state: "measurement", category: diagnostic,
			when:  func(v *view) bool { return v.unit.DryingHours.Known },
			value: func(dst []byte, v *view) []byte { return integer(dst, v.unit.DryingHours, 0, 1000) }},
		{key: "drying_filament", platform: sensor, name: "Drying filament", icon: "mdi:printer-3d-nozzle-outline", category: diagnostic,
			when:  func(v *view) bool { return v.unit.DryingFilament != "" },
			value: func(dst []byte, v *view) []byte { return text(dst, v.unit.DryingFilament) }},
		{key: "dry_temperature", platform: number, name: "Dry at", class: "temperature", unit: "°C", category: config, when: dryer, moves: true, keeps: true,
			bounds: dryBounds, value: kept("dry_temperature", 55, dryBounds),
			about: "The temperature of the next drying; kept by the bridge."},
		{key: "dry_hours", platform: number, name: "Dry for", class: "duration", unit: "h", category: config, when: dryer, moves: true, keeps: true,
			bounds: hourBounds, value: kept("dry_hours", 8, hourBounds),
			about: "How long to dry; kept by the bridge."},
		{key: "start_drying", platform: button, name: "Start drying", icon: "mdi:heat-wave", category: config, when: dryer, moves: true,
			command: func(v *view, _ input) printer.Command {
				return printer.Command{Name: printer.CmdDry, Unit: v.unit.ID,
					Value: v.keptNumber("dry_temperature", 55, dryBounds(v)),
					Hours: int(v.keptNumber("dry_hours", 8, hourBounds(v)))}
			}},
		{key: "stop_drying", platform: button, name: "Stop drying", icon: "mdi:stop-circle-outline", category: config, when: dryer, moves: true,
			command: func(v *view, _ input) printer.Command {
				return printer.Command{Name: printer.CmdStopDrying, Unit: v.unit.ID}
			}},
	}
	for slot := range 4 {
		rows = append(rows, trayRows(slot)...)
	}
	return rows
}

func trayRows(slot int) []row {
	n := strconv.Itoa(slot + 1)
	when := func(v *view) bool { return find(v.unit.Trays, slot) != nil }
	return []row{
		{key: "tray_" + n, platform: sensor, name: "Tray " + n, icon: "mdi:printer-3d-nozzle-outline", when: when,
			value:      func(dst []byte, v *view) []byte { return trayValue(dst, find(v.unit.Trays, slot)) },
			attributes: func(dst []byte, v *view) []byte { return trayAttributes(dst, find(v.unit.Trays, slot)) },
			about:      "The filament in the tray, `empty`, or unknown while its tag is read."},
		{key: "tray_" + n + "_remaining", platform: sensor, name: "Tray " + n + " remaining", unit: "%", state: "measurement", icon: "mdi:gauge",
			when: func(v *view) bool { t := find(v.unit.Trays, slot); return t != nil && t.Remaining.Known },
			value: func(dst []byte, v *view) []byte {
				if t := find(v.unit.Trays, slot); t != nil {
					return percent(dst, t.Remaining)
				}
				return dst
			},
			about: "Where the spool has a tag and the printer estimates."},
		useRow(slot),
		{key: "tray_" + n + "_load", platform: button, name: "Tray " + n + " load", icon: "mdi:tray-arrow-down", category: config, moves: true, when: when,
			command: func(v *view, _ input) printer.Command {
				return printer.Command{Name: printer.CmdLoad, Unit: v.unit.ID, Slot: slot}
			}},
	}
}

func dryer(v *view) bool { return v.unit.CanDry }

func dryBounds(v *view) bounds {
	return bounds{45, max(float64(v.unit.MaxDryTemperature), 46), 1}
}

func hourBounds(*view) bounds { return bounds{1, 24, 1} }

// kept is the value of a number that the bridge keeps.
func kept(key string, normal float64, b func(*view) bounds) fill {
	return func(dst []byte, v *view) []byte {
		return decimal(dst, printer.Some(v.keptNumber(key, normal, b(v))), 1)
	}
}

func (v *view) keptNumber(key string, normal float64, b bounds) float64 {
	if k, ok := v.kept[key]; ok {
		normal = k
	}
	return min(max(normal, b.min), b.max)
}
