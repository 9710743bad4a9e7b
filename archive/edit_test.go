package archive_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

func TestRecorder_EditAndUndo(t *testing.T) {
	r := archive.New(newShelf())
	ctx := t.Context()
	if err := r.Apply(ctx, story(`print_started J1 {"job_name":"cube"}`), 0); err != nil {
		t.Fatal(err)
	}
	word, notes, grams, zero, nan := "success", "good", 12.5, 0, math.NaN()
	if _, err := r.Edit(ctx, 1, archive.Edit{Result: &word}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a result for a print under way gave %v", err)
	}
	end := story(`print_started J1 {}`, `print_failed J1 {"progress":40,"reason":"jam"}`)
	if err := r.Apply(ctx, end, 0); err != nil {
		t.Fatal(err)
	}
	tags := []string{" a ", "a", "b", ""}
	rec, err := r.Edit(ctx, 1, archive.Edit{By: "key 1", Revision: &zero, Result: &word, Notes: &notes, Tags: &tags, Grams: &grams})
	if err != nil || rec.Outcome() != printer.Success || rec.Status() != "completed" || rec.Result != printer.Failure || len(rec.Edits.Tags) != 2 || rec.Grams().Value != 12.5 {
		t.Errorf("edited it is %+v (%v)", rec, err)
	}
	if _, err := r.Edit(ctx, 1, archive.Edit{Revision: &zero, Notes: &notes}); !fault.Is(err, fault.Conflict) {
		t.Errorf("an old revision gave %v", err)
	}
	long, bad, minus := strings.Repeat("x", archive.MaxNotes+1), "a\x00b", -1
	for _, e := range []archive.Edit{{Notes: &long}, {Name: &bad}, {Result: &bad}, {Grams: &nan}, {Quantity: &minus}, {Tags: &[]string{bad}}} {
		if _, err := r.Edit(ctx, 1, e); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v gave %v, want invalid", e, err)
		}
	}
	if rec, err = r.Undo(ctx, 1, nil); err != nil || rec.Outcome() != printer.Failure || rec.Edits.Notes.Known || rec.Revision != 2 {
		t.Errorf("undone it is %+v (%v)", rec, err)
	}
	if _, err = r.Undo(ctx, 1, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("undoing nothing gave %v", err)
	}
}

func TestRecorder_DeletedStaysDeleted(t *testing.T) {
	s := newShelf()
	r := archive.New(s)
	entries := story(`print_started J1 {}`, `print_paused J1 {}`, `print_complete J1 {"progress":100}`)
	if err := r.Apply(t.Context(), entries[:2], 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), 1, false); err != nil {
		t.Fatal(err)
	}
	if err := r.Apply(t.Context(), entries[2:], 0); err != nil {
		t.Fatal(err)
	}
	if page, err := r.Page(t.Context(), archive.Query{}); err != nil || page.Total != 0 {
		t.Errorf("the list has %d records (%v)", page.Total, err)
	}
	if err := r.Delete(t.Context(), 1, false); !fault.Is(err, fault.NotFound) {
		t.Errorf("deleting again gave %v", err)
	}
}

func TestRecorder_PlannedGramsAreScaled(t *testing.T) {
	r := archive.New(newShelf())
	if err := r.Apply(t.Context(), story(`print_started J1 {}`, `print_failed J1 {"progress":50}`), 0); err != nil {
		t.Fatal(err)
	}
	fill := archive.Fill{Usage: archive.Usage{PlannedGrams: printer.Some(15.2), EnergyKWh: printer.Some(0.4)}, Filament: []archive.TrayUse{{Tray: "ams_0_tray_2", Material: "PLA", Grams: printer.Some(7.6)}}}
	for range 2 {
		if err := r.Fill(t.Context(), "J1", fill); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := r.Job(t.Context(), "J1")
	if err != nil || rec.Grams() != printer.Some(7.6) || len(rec.Filament) != 1 || rec.Filament[0].Slot != 1 || rec.Cost().Known {
		t.Errorf("the record is %+v (%v)", rec, err)
	}
}

func TestRecorder_ExportIsHarmlessAndWhole(t *testing.T) {
	r := archive.New(newShelf())
	if err := r.Apply(t.Context(), story(`print_complete J1 {"job_name":"=1+1","file_name":"-a\",b.3mf","progress":100}`), 0); err != nil {
		t.Fatal(err)
	}
	notes, tags := "@SUM(A1)", []string{"+x"}
	if _, err := r.Edit(t.Context(), 1, archive.Edit{Notes: &notes, Tags: &tags}); err != nil {
		t.Fatal(err)
	}
	if err := r.Fill(t.Context(), "J1", archive.Fill{Usage: archive.Usage{EnergyCost: printer.Some(-0.25)}}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.Export(t.Context(), &out, archive.Filter{}, "csv"); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("the table has %d rows (%v)", len(rows), err)
	}
	want := map[string]string{"name": "'=1+1", "filename": `'-a",b.3mf`, "notes": "'@SUM(A1)", "tags": "'+x", "energy_cost": "-0.25", "status": "completed", "cost": "-0.25", "started_at": ""}
	for i, name := range rows[0] {
		if w, ok := want[name]; ok && rows[1][i] != w {
			t.Errorf("%s is %q, want %q", name, rows[1][i], w)
		}
	}
	out.Reset()
	if err := r.Export(t.Context(), &out, archive.Filter{}, "json"); err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(out.Bytes(), &list); err != nil || len(list) != 1 || list[0]["name"] != "=1+1" || list[0]["started_at"] != nil {
		t.Errorf("JSON is %v (%v)", list, err)
	}
	if err := r.Export(t.Context(), &out, archive.Filter{}, "xlsx"); !fault.Is(err, fault.Invalid) {
		t.Errorf("another format gave %v", err)
	}
}

func TestRecorder_Retain(t *testing.T) {
	s := newShelf()
	r := archive.NewWith(s, archive.Options{Retention: archive.Retention{Records: 3, Sampled: 1, Counted: 1}, Now: func() time.Time { return start }})
	if err := r.Apply(t.Context(), story(`print_progress J1 {}`, `print_complete J2 {}`, `print_complete J3 {}`, `print_complete J4 {}`, `print_complete J5 {}`, `print_complete J6 {}`), 0); err != nil {
		t.Fatal(err)
	}
	for id := 1; id <= 6; id++ {
		s.samples[id] = []archive.Sample{{}}
	}
	for _, want := range []int{2, 0} { // The second run counts those that the first one deleted.
		if n, err := r.Retain(t.Context()); err != nil || n != want {
			t.Fatalf("%d records went (%v), want %d", n, err, want)
		}
	}
	if len(s.records) != 4 || len(s.sums) != 5 || len(s.samples[6]) != 1 || len(s.samples[5]) != 0 || s.records[1].Job != "J1" {
		t.Errorf("kept %d records, %d summaries, samples %v", len(s.records), len(s.sums), s.samples)
	}
}
