package discovery

import (
	"slices"

	"github.com/printwire/printwire/printer"
)

// printerRows is the table of a printer's entities, in the order in which
// people read them. Keys never change once shipped.
func printerRows() []row {
	return slices.Concat(printRows(), planRows(), nozzleRows(), machineRows(), spoolRows(), stateRows(), actionRows())
}

// printRows are about the print.
func printRows() []row {
	return []row{
		{key: "activity", platform: sensor, name: "Activity", class: "enum", icon: "mdi:printer-3d", always: true,
			options: func(*view) []string { return activities() },
			value:   func(dst []byte, v *view) []byte { return word(dst, string(v.s.Shown()), activities()) },
			about:   "What the printer does, `offline` while it cannot be reached."},
		{key: "stage", platform: sensor, name: "Stage", class: "enum", icon: "mdi:progress-wrench",
			options: func(v *view) []string { return v.d.opts.Stages }, value: stage,
			about: "The step within the activity, for example bed leveling."},
		{key: "progress", platform: sensor, name: "Progress", unit: "%", state: "measurement", icon: "mdi:progress-clock",
			value: func(dst []byte, v *view) []byte { return percent(dst, v.s.Job.Progress) }},
		{key: "remaining_time", platform: sensor, name: "Remaining time", class: "duration", unit: "min", state: "measurement",
			value: func(dst []byte, v *view) []byte { return minutes(dst, v.s.Job.RemainingSeconds) }},
		{key: "finish_at", platform: sensor, name: "Finish", class: "timestamp", always: true, pace: moments, value: finishAt,
			about: "When the print will end; afterwards, when it ended."},
		{key: "started_at", platform: sensor, name: "Start", class: "timestamp", always: true, pace: moments,
			value: func(dst []byte, v *view) []byte { return moment(dst, v.s.Job.StartedAt) }},
		{key: "current_layer", platform: sensor, name: "Current layer", state: "measurement", icon: "mdi:layers",
			value: func(dst []byte, v *view) []byte { return count(dst, v.s.Job.Layer) }},
		{key: "total_layers", platform: sensor, name: "Total layers", icon: "mdi:layers-triple", state: "measurement",
			value: func(dst []byte, v *view) []byte { return count(dst, v.s.Job.TotalLayers) }},
		{key: "job_name", platform: sensor, name: "Job", icon: "mdi:cube-outline", always: true,
			value: func(dst []byte, v *view) []byte { return text(dst, v.s.Job.Name) }},
		{key: "file_name", platform: sensor, name: "File", icon: "mdi:file-outline", always: true, category: diagnostic,
			value: func(dst []byte, v *view) []byte { return text(dst, v.s.Job.FileName()) }},
		{key: "pause_reason", platform: sensor, name: "Pause reason", icon: "mdi:pause-circle-outline",
			value: func(dst []byte, v *view) []byte { return text(dst, v.s.Job.PauseReason) },
			about: "Why the print stands still; unknown while it does not."},
		{key: "last_result", platform: sensor, name: "Last result", class: "enum", icon: "mdi:flag-checkered", always: true,
			options: func(*view) []string { return results() },
			value:   func(dst []byte, v *view) []byte { return word(dst, string(v.last.Result), results()) },
			about:   "How the last print ended; kept while the next one runs."},
		{key: "last_reason", platform: sensor, name: "Last reason", icon: "mdi:text-box-outline", always: true, category: diagnostic, hidden: true,
			value: func(dst []byte, v *view) []byte { return text(dst, v.last.Reason) },
			about: "Why the last print failed or was stopped."},
		{key: "last_duration", platform: sensor, name: "Last duration", class: "duration", unit: "min", state: "measurement", always: true,
			value: func(dst []byte, v *view) []byte {
				return minutes(dst, printer.Opt[int]{Value: v.last.Seconds, Known: v.last.Seconds > 0})
			}},
		{key: "print_type", platform: sensor, name: "Print type", class: "enum", icon: "mdi:source-branch", category: diagnostic,
			options: func(*view) []string { return sources() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.s.Job.Source, sources()) },
			about:   "Where the print was started."},
		{key: "plate", platform: sensor, name: "Plate", icon: "mdi:square-outline", category: diagnostic, hidden: true,
			value: func(dst []byte, v *view) []byte { return count(dst, v.s.Job.Plate) }},
		{key: "pauses", platform: sensor, name: "Pauses", state: "measurement", icon: "mdi:counter", category: diagnostic, hidden: true,
			value: func(dst []byte, v *view) []byte { return count(dst, printer.Some(v.s.Job.Pauses)) },
			about: "How often the present or last print was paused."},
		{key: "skipped_objects", platform: sensor, name: "Skipped objects", state: "measurement", icon: "mdi:vector-difference", category: diagnostic, hidden: true,
			when:       func(v *view) bool { return v.s.Caps.SkipObjects },
			value:      func(dst []byte, v *view) []byte { return count(dst, printer.Some(len(v.s.Job.SkippedObjects))) },
			attributes: skippedObjects},
		{key: "speed", platform: choice, name: "Speed", icon: "mdi:speedometer", moves: true,
			when:    func(v *view) bool { return v.s.Caps.Speed },
			options: func(*view) []string { return printer.Speeds() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.s.Speed, printer.Speeds()) },
			command: func(_ *view, in input) printer.Command { return printer.Command{Name: printer.CmdSpeed, Word: in.word} }},
		{key: "speed_percent", platform: sensor, name: "Speed factor", unit: "%", state: "measurement", icon: "mdi:speedometer", category: diagnostic, hidden: true,
			when:  func(v *view) bool { return v.s.Caps.Speed },
			value: func(dst []byte, v *view) []byte { return integer(dst, v.s.SpeedPercent, 0, 1000) }},
	}
}

// nozzleRows are the nozzles: the active or only one, and left and right where there are two.
func nozzleRows() []row {
	var rows []row
	for _, n := range []struct {
		key, name string
		index     int
	}{{"", "Nozzle", active}, {"left_", "Left nozzle", 1}, {"right_", "Right nozzle", 0}} {
		rows = append(rows, nozzleRow(n.key, n.name, n.index)...)
	}
	return append(rows, row{key: "active_nozzle", platform: sensor, name: "Active nozzle", class: "enum", icon: "mdi:printer-3d-nozzle",
		when:    func(v *view) bool { return v.s.Caps.Nozzles > 1 },
		options: func(*view) []string { return []string{"left", "right"} },
		value: func(dst []byte, v *view) []byte {
			if !v.s.ActiveNozzle.Known {
				return dst
			}
			return append(dst, []string{"right", "left"}[v.nozzle(active)]...)
		}})
}

// active is the index that stands for the active nozzle.
const active = -1

func nozzleRow(key, name string, i int) []row {
	when := func(v *view) bool { return i == active || v.s.Caps.Nozzles > 1 }
	target := key + "nozzle_target"
	return []row{
		{key: key + "nozzle_temperature", platform: sensor, name: name + " temperature", class: "temperature", unit: "°C", state: "measurement", pace: degrees, when: when,
			value: func(dst []byte, v *view) []byte { return temperature(dst, v.s.Nozzles[v.nozzle(i)].Temperature) }},
		{key: target, platform: number, name: name + " target", class: "temperature", unit: "°C", category: config, moves: true, when: when,
			bounds: func(v *view) bounds { return limits(v.s.Caps.NozzleRange, 300) },
			value: func(dst []byte, v *view) []byte {
				return clamped(dst, v.s.Nozzles[v.nozzle(i)].Target, limits(v.s.Caps.NozzleRange, 300))
			},
			command: func(v *view, in input) printer.Command {
				return printer.Command{Name: printer.CmdNozzle, Nozzle: v.nozzle(i), Value: in.number}
			}},
		{key: key + "nozzle_diameter", platform: sensor, name: name + " diameter", class: "distance", unit: "mm", category: diagnostic, when: when,
			value: func(dst []byte, v *view) []byte { return decimal(dst, v.s.Nozzles[v.nozzle(i)].Diameter, 2) }},
		{key: key + "nozzle_type", platform: sensor, name: name + " type", icon: "mdi:printer-3d-nozzle-outline", category: diagnostic, when: when,
			value: func(dst []byte, v *view) []byte { return text(dst, v.s.Nozzles[v.nozzle(i)].Type) }},
		{key: key + "nozzle_flow", platform: sensor, name: name + " flow", class: "enum", icon: "mdi:printer-3d-nozzle-outline", category: diagnostic, hidden: true, when: when,
			options: func(*view) []string { return flows() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.s.Nozzles[v.nozzle(i)].Flow, flows()) }},
	}
}

// machineRows are heat, air and light.
func machineRows() []row {
	return []row{
		{key: "bed_temperature", platform: sensor, name: "Bed temperature", class: "temperature", unit: "°C", state: "measurement", pace: degrees,
			value: func(dst []byte, v *view) []byte { return temperature(dst, v.s.Bed.Temperature) }},
		{key: "bed_target", platform: number, name: "Bed target", class: "temperature", unit: "°C", category: config, moves: true,
			bounds: func(v *view) bounds { return limits(v.s.Caps.BedRange, 120) },
			value: func(dst []byte, v *view) []byte {
				return clamped(dst, v.s.Bed.Target, limits(v.s.Caps.BedRange, 120))
			},
			command: func(_ *view, in input) printer.Command {
				return printer.Command{Name: printer.CmdBed, Value: in.number}
			}},
		{key: "chamber_temperature", platform: sensor, name: "Chamber temperature", class: "temperature", unit: "°C", state: "measurement", pace: degrees,
			when:  func(v *view) bool { return v.s.Caps.ChamberSensor },
			value: func(dst []byte, v *view) []byte { return temperature(dst, v.s.Chamber.Temperature) }},
		{key: "chamber_target", platform: number, name: "Chamber target", class: "temperature", unit: "°C", category: config, moves: true,
			when:   func(v *view) bool { return v.s.Caps.ChamberHeater },
			bounds: func(v *view) bounds { return limits(v.s.Caps.ChamberRange, 60) },
			value: func(dst []byte, v *view) []byte {
				return clamped(dst, v.s.Chamber.Target, limits(v.s.Caps.ChamberRange, 60))
			},
			command: func(_ *view, in input) printer.Command {
				return printer.Command{Name: printer.CmdChamber, Value: in.number}
			}},
		fanRow("part_fan", "Part fan", "part", func(c printer.Capabilities) bool { return c.PartFan }, func(f printer.Fans) printer.Opt[int] { return f.Part }),
		fanRow("aux_fan", "Aux fan", "aux", func(c printer.Capabilities) bool { return c.AuxFan }, func(f printer.Fans) printer.Opt[int] { return f.Aux }),
		fanRow("second_aux_fan", "Second aux fan", "second_aux", func(c printer.Capabilities) bool { return c.SecondAuxFan }, func(f printer.Fans) printer.Opt[int] { return f.SecondAux }),
		fanRow("chamber_fan", "Chamber fan", "chamber", func(c printer.Capabilities) bool { return c.ChamberFan }, func(f printer.Fans) printer.Opt[int] { return f.Chamber }),
		{key: "heatbreak_fan", platform: sensor, name: "Heatbreak fan", unit: "%", state: "measurement", icon: "mdi:fan", category: diagnostic, hidden: true,
			when:  func(v *view) bool { return v.s.Caps.HeatbreakFan },
			value: func(dst []byte, v *view) []byte { return percent(dst, v.s.Fans.Heatbreak) }},
		{key: "air_duct", platform: choice, name: "Air duct", icon: "mdi:air-filter", category: config, moves: true,
			when:    func(v *view) bool { return v.s.Caps.AirDuct },
			options: func(*view) []string { return airDucts() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.s.AirDuct, airDucts()) },
			command: func(_ *view, in input) printer.Command {
				return printer.Command{Name: printer.CmdAirDuct, Word: in.word}
			}},
		{key: "chamber_light", platform: light, name: "Chamber light",
			when:  func(v *view) bool { return v.s.Caps.ChamberLight },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.ChamberLight) },
			command: func(_ *view, in input) printer.Command {
				return printer.Command{Name: printer.CmdLight, Target: "chamber", On: in.on}
			},
			about: "Works on a read-only printer too."},
		{key: "second_light", platform: light, name: "Second light",
			when:  func(v *view) bool { return v.s.Caps.SecondLight },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.SecondLight) },
			command: func(_ *view, in input) printer.Command {
				return printer.Command{Name: printer.CmdLight, Target: "second", On: in.on}
			}},
		{key: "work_light", platform: binarySensor, name: "Work light", class: "light", category: diagnostic, hidden: true,
			when:  func(v *view) bool { return v.s.WorkLight.Known },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.WorkLight) }},
	}
}

func fanRow(key, name, target string, has func(printer.Capabilities) bool, speed func(printer.Fans) printer.Opt[int]) row {
	return row{key: key, platform: fan, name: name, icon: "mdi:fan", category: config, moves: true,
		when: func(v *view) bool { return has(v.s.Caps) },
		value: func(dst []byte, v *view) []byte {
			s := speed(v.s.Fans)
			return onOff(dst, printer.Opt[bool]{Value: s.Value > 0, Known: s.Known})
		},
		part:      "percentage",
		partValue: func(dst []byte, v *view) []byte { return percent(dst, speed(v.s.Fans)) },
		command: func(v *view, in input) printer.Command {
			c := printer.Command{Name: printer.CmdFan, Target: target, Value: in.number}
			if in.part == "" && in.on {
				c.Value = 100
				if now := speed(v.s.Fans); now.Or(0) > 0 {
					c.Value = float64(now.Value)
				}
			}
			return c
		}}
}

// spoolRows are filament outside the changers' own devices.
func spoolRows() []row {
	rows := []row{
		{key: "active_tray", platform: sensor, name: "Active tray", icon: "mdi:tray-full", value: activeTray, attributes: activeSpool,
			about: "The tray that feeds the active nozzle: `ams_<unit>_tray_<slot>`, `external` or `external_left`."},
		{key: "filament_present", platform: binarySensor, name: "Filament in extruder", icon: "mdi:printer-3d-nozzle", category: diagnostic,
			when:  func(v *view) bool { return v.s.FilamentPresent.Known },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.FilamentPresent) }},
		{key: "unload", platform: button, name: "Unload filament", icon: "mdi:tray-arrow-up", category: config, moves: true,
			when:    func(v *view) bool { return v.s.Caps.Changer || len(v.s.Units) > 0 },
			command: func(*view, input) printer.Command { return printer.Command{Name: printer.CmdUnload} }},
	}
	for slot, key := range []string{"external_spool", "external_spool_left"} {
		name := []string{"External spool", "Left external spool"}[slot]
		when := func(v *view) bool { return slot == 0 || len(v.s.External) > slot }
		rows = append(rows,
			row{key: key, platform: sensor, name: name, icon: "mdi:printer-3d-nozzle-outline", when: when,
				value:      func(dst []byte, v *view) []byte { return trayValue(dst, find(v.s.External, slot)) },
				attributes: func(dst []byte, v *view) []byte { return trayAttributes(dst, find(v.s.External, slot)) }},
			row{key: key + "_load", platform: button, name: name + " load", icon: "mdi:tray-arrow-down", category: config, moves: true,
				when: func(v *view) bool { return len(v.s.External) > slot && (v.s.Caps.Changer || len(v.s.Units) > 0) },
				command: func(*view, input) printer.Command {
					return printer.Command{Name: printer.CmdLoad, Unit: printer.ExternalUnit, Slot: slot}
				}})
	}
	return rows
}

// stateRows are the printer's own health and setup.
func stateRows() []row {
	return []row{
		{key: "online", platform: binarySensor, name: "Online", class: "connectivity", always: true, category: diagnostic,
			value: func(dst []byte, v *view) []byte { return onOff(dst, printer.Some(v.s.Online)) }},
		{key: "problem", platform: binarySensor, name: "Problem", class: "problem", always: true,
			value:      func(dst []byte, v *view) []byte { return onOff(dst, printer.Some(inTrouble(v.s))) },
			attributes: problemAttributes,
			about:      "Something that a person has to mend: the link, the access code, the certificate, or a fault of severity fatal or serious."},
		{key: "problem_text", platform: sensor, name: "Problem text", icon: "mdi:alert-circle-outline", always: true, value: problemText,
			about: "What to do about it, in a sentence; `none` when all is well."},
		{key: "fault", platform: sensor, name: "Fault", icon: "mdi:alert-outline", value: faultText, attributes: faultAttributes,
			about: "The most severe fault that stands, as text with its code; `none` without one. All of them are attributes."},
		{key: "faults", platform: sensor, name: "Faults", state: "measurement", icon: "mdi:counter", category: diagnostic, hidden: true,
			value: func(dst []byte, v *view) []byte { return count(dst, printer.Some(len(v.s.Faults))) }},
		{key: "door", platform: binarySensor, name: "Door", class: "door",
			when:  func(v *view) bool { return v.s.Caps.Door },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.Door) }},
		{key: "wifi_signal", platform: sensor, name: "Wi-Fi signal", class: "signal_strength", unit: "dBm", state: "measurement", category: diagnostic, pace: rarely,
			value: func(dst []byte, v *view) []byte { return integer(dst, v.s.WiFi, -150, 0) }},
		{key: "ip_address", platform: sensor, name: "IP address", icon: "mdi:ip-network", category: diagnostic, hidden: true,
			value: func(dst []byte, v *view) []byte { return text(dst, v.s.IPAddress) }},
		{key: "serial", platform: sensor, name: "Serial number", icon: "mdi:identifier", category: diagnostic, hidden: true,
			value: func(dst []byte, v *view) []byte { return text(dst, v.Config.Serial) }},
		{key: "storage", platform: sensor, name: "Storage", class: "enum", icon: "mdi:sd", category: diagnostic,
			options: func(*view) []string { return storages() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.s.Storage, storages()) }},
		{key: "timelapse", platform: binarySensor, name: "Timelapse", icon: "mdi:timelapse", category: diagnostic,
			when:  func(v *view) bool { return v.s.Timelapse.Known },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.Timelapse) }},
		{key: "recording", platform: binarySensor, name: "Recording", icon: "mdi:record-rec", category: diagnostic, hidden: true,
			when:  func(v *view) bool { return v.s.Recording.Known },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.Recording) }},
		{key: "developer_mode", platform: binarySensor, name: "Developer mode", icon: "mdi:developer-board", category: diagnostic,
			when:  func(v *view) bool { return v.s.DeveloperMode.Known },
			value: func(dst []byte, v *view) []byte { return onOff(dst, v.s.DeveloperMode) },
			about: "Whether the printer accepts commands without a signature."},
		{key: "tool", platform: sensor, name: "Tool", class: "enum", icon: "mdi:tools", category: diagnostic,
			when:    func(v *view) bool { return v.s.Caps.Tool },
			options: func(*view) []string { return tools() },
			value:   func(dst []byte, v *view) []byte { return word(dst, v.s.Tool, tools()) }},
		{key: "firmware", platform: update, name: "Firmware", class: "firmware", category: diagnostic,
			value: func(dst []byte, v *view) []byte { return text(dst, v.s.Firmware) },
			part:  "latest", partValue: latestFirmware},
		{key: "prompt_sound", platform: onOffSwitch, name: "Prompt sound", icon: "mdi:volume-high", category: config, moves: true,
			when:    func(v *view) bool { return v.s.Caps.PromptSound },
			value:   func(dst []byte, v *view) []byte { return onOff(dst, v.s.PromptSound) },
			command: func(_ *view, in input) printer.Command { return printer.Command{Name: printer.CmdSound, On: in.on} }},
		{key: "events", platform: event, name: "Events", icon: "mdi:bell-outline", always: true, types: printerEvents(),
			about: "Each event of the printer, with its data as attributes."},
	}
}

// actionRows are the buttons.
func actionRows() []row {
	return []row{
		{key: "pause", platform: button, name: "Pause", icon: "mdi:pause", moves: true, command: plainCommand(printer.CmdPause)},
		{key: "resume", platform: button, name: "Resume", icon: "mdi:play", moves: true, command: plainCommand(printer.CmdResume)},
		{key: "stop", platform: button, name: "Stop", icon: "mdi:stop", moves: true, command: plainCommand(printer.CmdStop)},
		{key: "clear_error", platform: button, name: "Clear error", icon: "mdi:alert-remove-outline", moves: true, command: plainCommand(printer.CmdClearError)},
		{key: "refresh", platform: button, name: "Refresh", icon: "mdi:refresh", category: diagnostic, command: plainCommand(printer.CmdRefresh),
			about: "Asks the printer for a full report."},
		{key: "trust_certificate", platform: button, name: "Trust the new certificate", icon: "mdi:certificate", category: config, always: true, passing: true,
			when:    func(v *view) bool { return v.s.Problem.Code == printer.ProblemCertificate },
			command: plainCommand(printer.CmdTrust),
			about:   "Only while the printer's certificate is not the one that was pinned."},
	}
}

func plainCommand(name printer.CommandName) func(*view, input) printer.Command {
	return func(*view, input) printer.Command { return printer.Command{Name: name} }
}
