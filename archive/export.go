package archive

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// exportAtOnce is how many records are read at a time: a slow reader of the
// export never holds the database.
const exportAtOnce = 200

// column is one column of the export: its name in both formats, and its value,
// nil when unknown.
type column struct {
	name  string
	value func(r Record) any
}

// columns is the table of the export's columns.
func columns() []column {
	return []column{
		{"id", func(r Record) any { return r.ID }},
		{"job", func(r Record) any { return r.Job }},
		{"printer_id", func(r Record) any { return r.PrinterID }},
		{"printer_name", func(r Record) any { return text(r.Printer) }},
		{"serial", func(r Record) any { return text(r.Serial) }},
		{"model", func(r Record) any { return text(r.Model) }},
		{"name", func(r Record) any { return text(r.Title()) }},
		{"filename", func(r Record) any { return text(r.File) }},
		{"status", func(r Record) any { return r.Status() }},
		{"result", func(r Record) any { return text(string(r.Outcome())) }},
		{"reason", func(r Record) any { return text(r.Reason) }},
		{"code", func(r Record) any { return text(r.Code) }},
		{"created_at", func(r Record) any { return moment(r.Created) }},
		{"started_at", func(r Record) any { return moment(r.Start) }},
		{"ended_at", func(r Record) any { return moment(r.End) }},
		{"duration_seconds", func(r Record) any { return opt(r.DurationSeconds) }},
		{"estimate_seconds", func(r Record) any { return opt(r.EstimateSeconds) }},
		{"progress", func(r Record) any { return opt(r.Progress) }},
		{"layer", func(r Record) any { return opt(r.Layer) }},
		{"total_layers", func(r Record) any { return opt(r.TotalLayers) }},
		{"pauses", func(r Record) any { return r.Pauses }},
		{"paused_seconds", func(r Record) any { return r.PausedSeconds }},
		{"filament_type", func(r Record) any { return text(strings.Join(r.Materials(), ", ")) }},
		{"filament", func(r Record) any { return r.Filament }},
		{"filament_grams", func(r Record) any { return opt(r.Grams()) }},
		{"filament_metres", func(r Record) any { return opt(r.Metres()) }},
		{"energy_kwh", func(r Record) any { return opt(r.Usage.EnergyKWh) }},
		{"energy_cost", func(r Record) any { return opt(r.Usage.EnergyCost) }},
		{"filament_cost", func(r Record) any { return opt(r.FilamentCost()) }},
		{"cost", func(r Record) any { return opt(r.Cost()) }},
		{"currency", func(r Record) any { return text(r.Currency()) }},
		{"energy_currency", func(r Record) any { return text(r.EnergyCurrency()) }},
		{"filament_currency", func(r Record) any { return text(r.FilamentCurrency()) }},
		{"max_nozzle_temperature", func(r Record) any { return opt(r.Max.Nozzle) }},
		{"max_nozzle_left_temperature", func(r Record) any { return opt(r.Max.NozzleLeft) }},
		{"max_bed_temperature", func(r Record) any { return opt(r.Max.Bed) }},
		{"max_chamber_temperature", func(r Record) any { return opt(r.Max.Chamber) }},
		{"quantity", func(r Record) any { return opt(r.Edits.Quantity) }},
		{"tags", func(r Record) any { return r.Edits.Tags }},
		{"notes", func(r Record) any { return text(r.Edits.Notes.Or("")) }},
	}
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func opt[T comparable](o printer.Opt[T]) any {
	if !o.Known {
		return nil
	}
	return o.Value
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// Formats are the formats of the exports.
func Formats() []string { return []string{"csv", "json"} }

// CheckFormat says whether a format is one of Formats. fault.Invalid: it is not.
func CheckFormat(format string) error {
	for _, f := range Formats() {
		if f == format {
			return nil
		}
	}
	return fault.New(fault.Invalid, "%.40q is no format; it is one of %s", format, strings.Join(Formats(), ", ")).At("format")
}

// Export writes all records that a filter chooses, newest first, as a table
// with a heading ("csv") or an array of objects ("json"), while it reads them.
// Texts that a spreadsheet would take for a formula are marked as text.
// fault.Invalid: the filter's errors, or another format; then nothing was written.
func (r *Recorder) Export(ctx context.Context, w io.Writer, f Filter, format string) error {
	if err := f.Check(); err != nil {
		return err
	}
	if err := CheckFormat(format); err != nil {
		return err
	}
	out := exporter(&objects{w: bufio.NewWriter(w), columns: columns()})
	if format == "csv" {
		out = &table{w: csv.NewWriter(w), columns: columns()}
	}
	if err := out.begin(); err != nil {
		return err
	}
	if err := r.each(ctx, f, out.record); err != nil {
		return err
	}
	return out.end()
}

// each calls do for each record that a filter chooses, newest first.
func (r *Recorder) each(ctx context.Context, f Filter, do func(Record) error) error {
	entries, err := r.entries(ctx)
	if err != nil {
		return err
	}
	m := f.matcher()
	ids := make([]int, 0, exportAtOnce)
	flush := func() error {
		records, err := r.store.Records(ctx, ids)
		if err != nil {
			return fmt.Errorf("exporting the records: %w", err)
		}
		ids = ids[:0]
		for _, rec := range records {
			if err := do(rec); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	for i := len(entries) - 1; i >= 0; i-- {
		if e := entries[i]; e.Deleted || !m.match(e) {
			continue
		}
		if ids = append(ids, entries[i].ID); len(ids) == exportAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// exporter writes records in one format.
type exporter interface {
	begin() error
	record(r Record) error
	end() error
}

// table is the export as CSV.
type table struct {
	w       *csv.Writer
	columns []column
	cells   []string
}

func (t *table) begin() error {
	for _, c := range t.columns {
		t.cells = append(t.cells, c.name)
	}
	return t.w.Write(t.cells)
}

func (t *table) record(r Record) error {
	for i, c := range t.columns {
		t.cells[i] = cell(c.value(r))
	}
	return t.w.Write(t.cells)
}

func (t *table) end() error {
	t.w.Flush()
	return t.w.Error()
}

// cell is a value as a cell of a table.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return harmless(v)
	case []string:
		return harmless(strings.Join(v, ", "))
	case []Filament:
		var parts []string
		for _, f := range v {
			parts = append(parts, strings.Join(strings.Fields(f.Tray+" "+f.Material+" "+f.Color), " "))
		}
		return harmless(strings.Join(parts, "; "))
	default:
		return harmless(fmt.Sprint(v))
	}
}

// harmless marks a text that a spreadsheet would run as a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// objects is the export as a JSON array.
type objects struct {
	w       *bufio.Writer
	columns []column
	some    bool
}

func (o *objects) begin() error {
	_, err := o.w.WriteString("[")
	return err
}

func (o *objects) record(r Record) error {
	open := ",\n{"
	if !o.some {
		open, o.some = "\n{", true
	}
	_, _ = o.w.WriteString(open) // The writer keeps its first error.
	for i, c := range o.columns {
		if i > 0 {
			_ = o.w.WriteByte(',')
		}
		value, err := json.Marshal(c.value(r))
		if err != nil {
			return fmt.Errorf("exporting %s of print %d: %w", c.name, r.ID, err)
		}
		_, _ = o.w.WriteString(strconv.Quote(c.name) + ":")
		_, _ = o.w.Write(value)
	}
	return o.w.WriteByte('}')
}

func (o *objects) end() error {
	_, _ = o.w.WriteString("\n]\n")
	return o.w.Flush()
}
