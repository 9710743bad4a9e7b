package journal

import "strings"

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

// event is a row of the table before its list of fields is made. job: it is
// about a job, and has the fields of every such event before its own.
type event struct {
	name   string
	origin Origin
	label  string
	when   string
	job    bool
	fields string
}

// row is the event with its list of fields, which is the caller's own.
func (e event) row() Row {
	var fields []string
	if e.job {
		fields = []string{
			"job_name", "file_name", "progress", "layer", "total_layers", "started_at", "remaining_seconds", "estimate_seconds",
			"filament_used", "filament_details", "filament_trays",
		}
	}
	return Row{Name: e.name, Origin: e.origin, Label: e.label, When: e.when, Fields: append(fields, strings.Fields(e.fields)...)}
}

// Events is the table of all events, in the order in which people read them.
// Webhooks, MQTT events, device triggers, the event stream, the archive and
// the documentation are made from it. Names never change once shipped.
func Events() []Row {
	var list []Row
	for e := range events {
		list = append(list, e.row())
	}
	return list
}

// Event is the row of an event, false when there is none of that name. It makes
// no other row: webhooks look up each event of each delivery.
func Event(name string) (Row, bool) {
	for e := range events {
		if e.name == name {
			return e.row(), true
		}
	}
	return Row{}, false
}

// events is the table itself.
func events(yield func(event) bool) {
	for _, e := range [...]event{
		{"print_started", FromPrinter, "Print started", "A job was seen to begin; not when the bridge merely finds one running.", true, ""},
		{"print_progress", FromPrinter, "Print progress", "A milestone of the job was crossed: percent, layer or minutes left.", true, "milestone milestone_kind"},
		{"print_paused", FromPrinter, "Print paused", "The job was paused, by a person or by the printer.", true, "reason code"},
		{"print_resumed", FromPrinter, "Print resumed", "A paused job went on.", true, ""},
		{"print_complete", FromPrinter, "Print complete", "The job ended well.", true, "duration_seconds result"},
		{"print_failed", FromPrinter, "Print failed", "The job ended by a fault, or its end was not seen (reason \"unknown\").", true, "duration_seconds result reason code"},
		{"print_stopped", FromPrinter, "Print stopped", "A person cancelled the job.", true, "duration_seconds result reason code"},
		{"first_layer_complete", FromPrinter, "First layer complete", "The job went on to its second layer.", true, ""},
		{"filament_changed", FromPrinter, "Filament changed", "Another tray feeds the extruder.", true, "tray previous_tray material color"},
		{"filament_runout", FromPrinter, "Filament runout", "The printer paused because a filament ran out.", true, "reason code tray"},
		{"printer_online", FromPrinter, "Printer online", "The printer's reports flow again.", false, ""},
		{"printer_offline", FromPrinter, "Printer offline", "The printer is gone for longer than a reconnect takes.", false, "reason"},
		{"printer_error", FromPrinter, "Printer error", "A fault of severity fatal or serious appeared; once per episode.", false, "code severity reason url"},
		{"printer_error_cleared", FromPrinter, "Printer error cleared", "That fault is gone for longer than flicker lasts.", false, "code severity reason url"},
		{"door_opened", FromPrinter, "Door opened", "The printer's door was opened.", false, ""},
		{"door_closed", FromPrinter, "Door closed", "The printer's door was closed.", false, ""},
		{"bed_cooled", FromPrinter, "Bed cooled", "After a job, the bed fell below 40 °C: parts come off.", false, "temperature"},
		{"drying_finished", FromPrinter, "Drying finished", "An AMS unit ended drying.", false, "unit"},
		{"firmware_available", FromPrinter, "Firmware available", "The printer reports newer firmware.", false, "version installed"},
		{"tariff_changed", FromTariff, "Tariff changed", "The electricity price changed.", false, "price currency"},
		{"price_negative", FromTariff, "Price negative", "The electricity price fell below zero.", false, "price currency"},
		{"price_below", FromTariff, "Price below limit", "The electricity price fell below a limit.", false, "price currency limit"},
		{"price_above", FromTariff, "Price above limit", "The electricity price rose above a limit.", false, "price currency limit"},
		{"tomorrow_available", FromTariff, "Tomorrow's prices available", "The prices of the next day arrived.", false, ""},
		{"tariff_stale", FromTariff, "Tariff stale", "No valid price is known any more.", false, ""},
		{"cheap_window_open", FromTariff, "Cheap window open", "A planned cheap window began.", false, "until"},
		{"endpoint_disabled", FromBridge, "Endpoint disabled", "A webhook endpoint failed for too long and was disabled.", false, "endpoint reason"},
		{"test", FromBridge, "Test", "A person asked for a test event.", false, ""},
	} {
		if !yield(e) {
			return
		}
	}
}
