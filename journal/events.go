package journal

// Origin says what an event is about.
type Origin string

// The origins.
const (
	FromPrinter Origin = "printer"
	FromTariff  Origin = "tariff"
	FromBridge  Origin = "bridge"
)

// Row is one event of the table: its name on every interface, whether it is
// about a print job, when it happens, and the fields of its data.
type Row struct {
	Name   string
	Origin Origin
	// Label is the event in a few words, for people.
	Label string
	When  string
	// Fields names what Entry.Data has; see the fields' own table in docs.
	Fields []string
}

// job are the fields that every event about a job carries.
func job(more ...string) []string {
	return append([]string{
		"job_name", "file_name", "progress", "layer", "total_layers", "started_at", "remaining_seconds", "estimate_seconds",
		"filament_used", "filament_details",
	}, more...)
}

// Events is the table of all events, in the order in which people read them.
// Webhooks, MQTT events, device triggers, the event stream, the archive and
// the documentation are made from it. Names never change once shipped.
func Events() []Row {
	return []Row{
		{"print_started", FromPrinter, "Print started", "A job was seen to begin; not when the bridge merely finds one running.", job()},
		{"print_progress", FromPrinter, "Print progress", "A milestone of the job was crossed: percent, layer or minutes left.", job("milestone", "milestone_kind")},
		{"print_paused", FromPrinter, "Print paused", "The job was paused, by a person or by the printer.", job("reason", "code")},
		{"print_resumed", FromPrinter, "Print resumed", "A paused job went on.", job()},
		{"print_complete", FromPrinter, "Print complete", "The job ended well.", job("duration_seconds", "result")},
		{"print_failed", FromPrinter, "Print failed", "The job ended by a fault, or its end was not seen (reason \"unknown\").", job("duration_seconds", "result", "reason", "code")},
		{"print_stopped", FromPrinter, "Print stopped", "A person cancelled the job.", job("duration_seconds", "result", "reason", "code")},
		{"first_layer_complete", FromPrinter, "First layer complete", "The job went on to its second layer.", job()},
		{"filament_changed", FromPrinter, "Filament changed", "Another tray feeds the extruder.", job("tray", "previous_tray", "material", "color")},
		{"filament_runout", FromPrinter, "Filament runout", "The printer paused because a filament ran out.", job("reason", "code", "tray")},
		{"printer_online", FromPrinter, "Printer online", "The printer's reports flow again.", nil},
		{"printer_offline", FromPrinter, "Printer offline", "The printer is gone for longer than a reconnect takes.", []string{"reason"}},
		{"printer_error", FromPrinter, "Printer error", "A fault of severity fatal or serious appeared; once per episode.", []string{"code", "severity", "reason", "url"}},
		{"printer_error_cleared", FromPrinter, "Printer error cleared", "That fault is gone for longer than flicker lasts.", []string{"code", "severity", "reason", "url"}},
		{"door_opened", FromPrinter, "Door opened", "The printer's door was opened.", nil},
		{"door_closed", FromPrinter, "Door closed", "The printer's door was closed.", nil},
		{"bed_cooled", FromPrinter, "Bed cooled", "After a job, the bed fell below 40 °C: parts come off.", []string{"temperature"}},
		{"drying_finished", FromPrinter, "Drying finished", "An AMS unit ended drying.", []string{"unit"}},
		{"firmware_available", FromPrinter, "Firmware available", "The printer reports newer firmware.", []string{"version", "installed"}},
		{"tariff_changed", FromTariff, "Tariff changed", "The electricity price changed.", []string{"price", "currency"}},
		{"price_negative", FromTariff, "Price negative", "The electricity price fell below zero.", []string{"price", "currency"}},
		{"price_below", FromTariff, "Price below limit", "The electricity price fell below a limit.", []string{"price", "currency", "limit"}},
		{"price_above", FromTariff, "Price above limit", "The electricity price rose above a limit.", []string{"price", "currency", "limit"}},
		{"tomorrow_available", FromTariff, "Tomorrow's prices available", "The prices of the next day arrived.", nil},
		{"tariff_stale", FromTariff, "Tariff stale", "No valid price is known any more.", nil},
		{"cheap_window_open", FromTariff, "Cheap window open", "A planned cheap window began.", []string{"until"}},
		{"endpoint_disabled", FromBridge, "Endpoint disabled", "A webhook endpoint failed for too long and was disabled.", []string{"endpoint", "reason"}},
		{"test", FromBridge, "Test", "A person asked for a test event.", nil},
	}
}
