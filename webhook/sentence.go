package webhook

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// words are an event in text, for receivers that show it to people. A missing
// one is "".
type words struct {
	printer, filename, duration, remaining, estimate, eta, grams, details, progress, reason, layers, temperature, code string
	price                                                                                                              string
}

func (v view) words(zone *time.Location) words {
	d := v.detail
	w := words{
		printer: v.Entry.Printer, filename: v.filename(), details: cmp.Or(d.FilamentTrays, d.FilamentDetails), reason: d.Reason, code: d.Code,
		progress: number(d.Progress), layers: number(d.TotalLayers),
	}
	if s, known := v.seconds(); known {
		w.duration = span(s)
	}
	if d.RemainingSeconds != nil && d.Result == "" {
		w.remaining = span(*d.RemainingSeconds)
		w.eta = v.end().In(zone).Format("15:04")
	}
	w.estimate = w.remaining
	if d.EstimateSeconds != nil && *d.EstimateSeconds > 0 && (d.RemainingSeconds == nil || *d.RemainingSeconds <= 0) {
		w.estimate = span(*d.EstimateSeconds)
	}
	if d.FilamentUsed != nil {
		w.grams = strconv.FormatFloat(*d.FilamentUsed, 'f', 1, 64)
	}
	if d.Temperature != nil {
		w.temperature = strconv.FormatFloat(*d.Temperature, 'f', 1, 64)
	}
	if p, ok := v.data["price"].(float64); ok {
		w.price = strconv.FormatFloat(p, 'f', -1, 64)
		if c, ok := v.data["currency"].(string); ok {
			w.price += " " + c
		}
	}
	return w
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// span is a length of time in hours and minutes, as people say it.
func span(seconds int) string {
	if minutes := seconds / 60; minutes >= 60 {
		return fmt.Sprintf("%dh %dm", minutes/60, minutes%60)
	}
	if seconds >= 60 {
		return fmt.Sprintf("%dm", seconds/60)
	}
	return fmt.Sprintf("%ds", max(seconds, 0))
}

// phrase is how an event is put into words, and its flat form's name and fields.
type phrase struct {
	// flat is the name in the flat body; "" is the event's own.
	flat string
	// fields of the flat body beside the printer.
	fields []string
	// parts are joined with ", "; one that lacks its word is left out. {x} is a word.
	parts []string
}

// phrases is the table of the events that say more than their name.
func phrases() map[string]phrase {
	return map[string]phrase{
		"print_started":         {"print_start", []string{"filename", "estimated_time", "eta"}, []string{"{remaining} to go", "done at {eta}"}},
		"print_progress":        {"", []string{"filename", "progress", "remaining_time", "eta"}, []string{"{progress} %", "{remaining} to go", "done at {eta}"}},
		"print_paused":          {"", []string{"filename", "progress", "reason"}, []string{"{reason}", "at {progress} %"}},
		"print_resumed":         {"", []string{"filename", "progress"}, []string{"at {progress} %", "{remaining} to go"}},
		"print_complete":        {"", []string{"filename", "duration", "filament_grams", "filament_details"}, []string{"took {duration}", "{grams} g of filament"}},
		"print_failed":          {"", []string{"filename", "duration", "filament_grams", "filament_details", "progress", "reason"}, []string{"{reason}", "at {progress} %", "after {duration}"}},
		"print_stopped":         {"", []string{"filename", "duration", "filament_grams", "filament_details", "progress", "reason"}, []string{"{reason}", "at {progress} %", "after {duration}"}},
		"first_layer_complete":  {"", []string{"filename", "total_layers"}, []string{"{layers} layers in all", "{remaining} to go"}},
		"filament_runout":       {"", []string{"filename", "progress", "reason"}, []string{"{reason}", "at {progress} %"}},
		"printer_offline":       {"", nil, []string{"{reason}"}},
		"printer_error":         {"", []string{"error_type", "error_detail"}, []string{"{reason}", "{code}"}},
		"printer_error_cleared": {"", []string{"error_type", "error_detail"}, []string{"{reason}", "{code}"}},
		"bed_cooled":            {"", []string{"bed_temp", "threshold", "filename"}, []string{"{temperature} °C"}},
		"tariff_changed":        {"", nil, []string{"{price} per kWh"}},
		"price_negative":        {"", nil, []string{"{price} per kWh"}},
		"price_below":           {"", nil, []string{"{price} per kWh"}},
		"price_above":           {"", nil, []string{"{price} per kWh"}},
		"endpoint_disabled":     {"", nil, []string{"{reason}"}},
	}
}

func (w words) table() map[string]string {
	return map[string]string{
		"printer": w.printer, "filename": w.filename, "duration": w.duration, "remaining": w.remaining, "eta": w.eta, "grams": w.grams,
		"progress": w.progress, "reason": w.reason, "layers": w.layers, "temperature": w.temperature, "code": w.code, "price": w.price,
	}
}

// flat is the table of the flat body's fields.
func (w words) flat() map[string]string {
	return map[string]string{
		"filename": w.filename, "duration": w.duration, "estimated_time": w.estimate, "remaining_time": w.remaining, "eta": w.eta,
		"filament_grams": w.grams, "filament_details": w.details, "progress": w.progress, "reason": w.reason, "total_layers": w.layers,
		"bed_temp": w.temperature, "threshold": "40", "error_type": w.code, "error_detail": w.reason,
	}
}

// sentence is the event as a title and a line for people.
func (v view) sentence(zone *time.Location) (title, message string) {
	title = v.row.Label
	w := v.words(zone)
	var about []string
	if v.aboutJob() && w.filename != "" {
		about = append(about, w.filename)
	}
	if w.printer != "" {
		about = append(about, w.printer)
	}
	table := w.table()
	var parts []string
	for _, part := range phrases()[v.Entry.Name].parts {
		before, rest, _ := strings.Cut(part, "{")
		name, after, _ := strings.Cut(rest, "}")
		// A reason that names its code has said it.
		if word := table[name]; word != "" && (name != "code" || !strings.Contains(w.reason, word)) {
			parts = append(parts, before+word+after)
		}
	}
	message = strings.Join(about, " on ")
	switch {
	case message == "":
		message = title
	case len(parts) == 0 && len(about) == 1:
		message += ": " + strings.ToLower(title[:1]) + title[1:]
	}
	if len(parts) > 0 {
		message += ": " + strings.Join(parts, ", ")
	}
	return title, message
}

// flat is the body of all texts that receivers of Bambuddy's webhooks know.
func (v view) flat(zone *time.Location, variables map[string]string) object {
	title, message := v.sentence(zone)
	name := func(key, usual string) string {
		if variables[key] != "" {
			return variables[key]
		}
		return usual
	}
	o := object{
		{name("field_title", "title"), title}, {name("field_message", "message"), message},
		{"timestamp", v.Entry.Time.In(zone).Format("2006-01-02T15:04:05")}, {"source", "Bambuddy"},
	}
	if v.Entry.Name == "test" {
		return o
	}
	p := phrases()[v.Entry.Name]
	event := v.Entry.Name
	if p.flat != "" {
		event = p.flat
	}
	o = append(o, field{"event", event})
	unknown := func(s string) string {
		if s == "" {
			return "Unknown"
		}
		return s
	}
	w := v.words(zone)
	if v.Entry.Name == "print_progress" && v.detail.MilestoneKind == "percent" {
		w.progress = number(v.detail.Milestone) // Of several that were crossed at once, each says which it is.
	}
	if v.Entry.PrinterID != 0 {
		o = append(o, field{"printer", unknown(w.printer)})
	}
	table := w.flat()
	for _, f := range p.fields {
		o = append(o, field{f, unknown(table[f])})
	}
	return o
}
