package bridge_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// rows are the rows of the journal's table that are about printers.
func rows() map[string]journal.Row {
	rows := map[string]journal.Row{}
	for _, r := range journal.Events() {
		if r.Origin == journal.FromPrinter {
			rows[r.Name] = r
		}
	}
	return rows
}

func TestEvents_DiffAndJournalHaveTheSameTable(t *testing.T) {
	names := map[string]bool{}
	for _, name := range printer.DiffNames() {
		names[name] = true
		if _, ok := rows()[name]; !ok {
			t.Errorf("Diff gives %q, which the journal does not know", name)
		}
	}
	for name := range rows() {
		if !names[name] {
			t.Errorf("the journal has %q, which Diff never gives", name)
		}
	}
}

func TestEvents_FieldsAreThoseOfTheDetail(t *testing.T) {
	known := map[string]bool{}
	for f := range reflect.TypeFor[printer.Detail]().Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[tag] = false
		if options != "omitempty" {
			t.Errorf("field %s is not left out when unknown", f.Name)
		}
	}
	for _, row := range rows() {
		for _, field := range row.Fields {
			if _, ok := known[field]; !ok {
				t.Errorf("event %s has the field %q, which no event's detail has", row.Name, field)
			}
			known[field] = true
		}
	}
	for field, used := range known {
		if !used {
			t.Errorf("the detail has the field %q, which no event names", field)
		}
	}
}
