package httpapi

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/printwire/printwire/printer"
)

// metricsType is the content type of Prometheus' text format.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// metric is one family of samples.
type metric struct {
	name, kind, help string
	samples          []sample
}

// sample is a value with its labels: names and values in turn.
type sample struct {
	labels []string
	value  float64
}

func (m *metric) add(value float64, labels ...string) {
	m.samples = append(m.samples, sample{labels, value})
}

// write adds the family in Prometheus' text format, if it has samples.
func (m metric) write(b *strings.Builder) {
	if len(m.samples) == 0 {
		return
	}
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
	for _, s := range m.samples {
		b.WriteString(m.name)
		for i := 0; i+1 < len(s.labels); i += 2 {
			b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
			fmt.Fprintf(b, `%s="%s"`, s.labels[i], escaped(s.labels[i+1]))
		}
		if len(s.labels) > 0 {
			b.WriteByte('}')
		}
		b.WriteByte(' ')
		b.WriteString(strconv.FormatFloat(s.value, 'g', -1, 64))
		b.WriteByte('\n')
	}
}

// escaped is a label's value as the format wants it.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "?"))
}

type metricsAnswer struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *api) metrics(ctx context.Context, _ *nothing) (*metricsAnswer, error) {
	var b strings.Builder
	for _, m := range slices.Concat(a.programMetrics(ctx), printerMetrics(a.visible(ctx))) {
		m.write(&b)
	}
	return &metricsAnswer{ContentType: metricsType, Body: []byte(b.String())}, nil
}

// programMetrics are those of the program itself.
func (a *api) programMetrics(ctx context.Context) []metric {
	r := a.systemReport(ctx)
	one := func(name, kind, help string, value float64, labels ...string) metric {
		m := metric{name: "printwire_" + name, kind: kind, help: help}
		m.add(value, labels...)
		return m
	}
	list := []metric{
		one("build_info", "gauge", "The program's version.", 1, "version", a.Version, "go", runtime.Version()),
		one("uptime_seconds", "gauge", "Time since the start.", float64(r.Uptime)),
		one("printers_total", "gauge", "Printers.", float64(r.Printers.Total)),
		one("printers_connected", "gauge", "Printers whose reports flow.", float64(r.Printers.Connected)),
		one("events_last", "counter", "The number of the last event.", float64(r.Database.LastEvent)),
		one("events_waiting", "gauge", "Events that wait to be stored.", float64(r.Database.EventsWaiting)),
		one("events_dropped_total", "counter", "Events that were given up.", float64(r.Database.EventsDropped)),
		one("archives_total", "gauge", "Records of prints.", float64(r.Database.Archives)),
		one("database_bytes", "gauge", "The database's size.", float64(a.System().Size)),
		one("memory_bytes", "gauge", "The program's memory.", r.Memory.UsedMB*(1<<20)),
		one("goroutines", "gauge", "The program's goroutines.", float64(r.Memory.Goroutines)),
		one("mqtt_connected", "gauge", "Whether MQTT is there.", truth(r.MQTT.Connected)),
		one("event_streams", "gauge", "Open event streams.", float64(r.Streams)),
	}
	if r.MQTT.Clients != nil {
		list = append(list, one("mqtt_clients", "gauge", "Clients of the embedded broker.", float64(*r.MQTT.Clients)))
	}
	uses := metric{name: "printwire_key_uses_total", kind: "counter", help: "Requests of a key."}
	if who := caller(ctx); who.Printers() == nil && !who.Test {
		for _, k := range a.Keys.Keys() {
			uses.add(float64(k.Uses), "key", k.ID)
		}
	}
	return append(list, uses)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// metricRow is one metric of printers.
type metricRow struct {
	name, help string
	// values adds what is known of a printer.
	values func(s printer.State, add func(value float64, labels ...string))
}

type adder = func(value float64, labels ...string)

func known1(o printer.Opt[int], add adder, labels ...string) {
	if o.Known {
		add(float64(o.Value), labels...)
	}
}

func degrees(o printer.Opt[float64], add adder, labels ...string) {
	if o.Known {
		add(o.Value, labels...)
	}
}

// metricRows is the table of the metrics of printers.
func metricRows() []metricRow {
	return []metricRow{
		{"printer_info", "What the printer is.", func(s printer.State, add adder) { add(1, "model", s.Model, "firmware", s.Firmware) }},
		{"printer_connected", "Whether the printer's reports flow.", func(s printer.State, add adder) { add(truth(s.Online)) }},
		{"printer_activity", "1 for what the printer does now.", func(s printer.State, add adder) {
			for _, activity := range printer.Activities() {
				add(truth(s.Shown() == activity), "activity", string(activity))
			}
		}},
		{"printer_faults", "Faults that stand now.", func(s printer.State, add adder) { add(float64(len(s.Faults))) }},
		{"printer_problem", "Whether a person has something to mend.", func(s printer.State, add adder) { add(truth(s.Problem.Code != "")) }},
		{"print_progress", "Percent of the job.", func(s printer.State, add adder) { known1(s.Job.Progress, add) }},
		{"print_remaining_seconds", "Time that the job still takes.", func(s printer.State, add adder) { known1(s.Job.RemainingSeconds, add) }},
		{"print_layer_current", "The job's layer.", func(s printer.State, add adder) { known1(s.Job.Layer, add) }},
		{"print_layer_total", "The job's layers.", func(s printer.State, add adder) { known1(s.Job.TotalLayers, add) }},
		{"bed_temp_celsius", "The bed's temperature.", func(s printer.State, add adder) { degrees(s.Bed.Temperature, add) }},
		{"bed_target_celsius", "The bed's wanted temperature.", func(s printer.State, add adder) { degrees(s.Bed.Target, add) }},
		{"nozzle_temp_celsius", "A nozzle's temperature.", func(s printer.State, add adder) {
			for i := range max(1, s.Caps.Nozzles) {
				degrees(s.Nozzles[i].Temperature, add, "nozzle", strconv.Itoa(i))
			}
		}},
		{"nozzle_target_celsius", "A nozzle's wanted temperature.", func(s printer.State, add adder) {
			for i := range max(1, s.Caps.Nozzles) {
				degrees(s.Nozzles[i].Target, add, "nozzle", strconv.Itoa(i))
			}
		}},
		{"chamber_temp_celsius", "The chamber's temperature.", func(s printer.State, add adder) { degrees(s.Chamber.Temperature, add) }},
		{"fan_speed_percent", "A fan's speed.", func(s printer.State, add adder) {
			known1(s.Fans.Part, add, "fan", "part")
			known1(s.Fans.Aux, add, "fan", "aux")
			known1(s.Fans.Chamber, add, "fan", "chamber")
			known1(s.Fans.Heatbreak, add, "fan", "heatbreak")
			known1(s.Fans.SecondAux, add, "fan", "aux2")
		}},
		{"wifi_signal_dbm", "The printer's radio signal.", func(s printer.State, add adder) { known1(s.WiFi, add) }},
		{"ams_humidity_percent", "An AMS unit's humidity.", func(s printer.State, add adder) {
			for _, u := range s.Units {
				known1(u.Humidity, add, "unit", strconv.Itoa(u.ID))
			}
		}},
		{"ams_temp_celsius", "An AMS unit's temperature.", func(s printer.State, add adder) {
			for _, u := range s.Units {
				degrees(u.Temperature, add, "unit", strconv.Itoa(u.ID))
			}
		}},
	}
}

// printerMetrics are the metrics of printers. A printer is known by its id,
// its serial and its name.
func printerMetrics(list []printer.Snapshot) []metric {
	rows := metricRows()
	metrics := make([]metric, len(rows))
	for i, row := range rows {
		metrics[i] = metric{name: "printwire_" + row.name, kind: "gauge", help: row.help}
		for _, s := range list {
			whose := []string{"printer_id", strconv.Itoa(s.Config.ID), "serial", s.Config.Serial, "printer", s.Config.Name}
			row.values(s.State, func(value float64, labels ...string) { metrics[i].add(value, slices.Concat(whose, labels)...) })
		}
	}
	return metrics
}
