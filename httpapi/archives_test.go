package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// shelf is a record of prints in memory.
type shelf struct{ records []archive.Record }

func newShelf() *shelf {
	row := func(id, printerID int, result printer.Result) archive.Record {
		at := start().Add(time.Duration(id) * time.Hour)
		return archive.Record{
			ID: id, Job: "J" + string(rune('0'+id)), PrinterID: printerID, Printer: "Workshop", File: "benchy.gcode.3mf", Name: "benchy",
			Created: at, Start: at, End: at.Add(time.Hour), DurationSeconds: printer.Some(3600), Result: result, Picture: "abc",
			Filament: []archive.Filament{{Tray: "external", Material: "PLA", Color: "112233FF"}},
		}
	}
	return &shelf{[]archive.Record{row(3, 2, printer.Interrupted), row(2, 1, printer.Failure), row(1, 1, printer.Success)}}
}

func (s *shelf) Page(_ context.Context, q archive.Query) (archive.Page, error) {
	var p archive.Page
	for _, r := range s.records {
		if q.Printers == nil || slices.Contains(q.Printers, r.PrinterID) {
			p.Records = append(p.Records, r)
		}
	}
	p.Total = len(p.Records)
	p.Records = p.Records[min(q.Offset, p.Total):]
	p.Records = p.Records[:min(q.Limit, len(p.Records))]
	return p, nil
}

func (s *shelf) Record(_ context.Context, id int) (archive.Record, error) {
	for _, r := range s.records {
		if r.ID == id {
			return r, nil
		}
	}
	return archive.Record{}, fault.New(fault.NotFound, "there is no print %d", id)
}

func (s *shelf) Edit(ctx context.Context, id int, e archive.Edit) (archive.Record, error) {
	for i := range s.records {
		if s.records[i].ID != id {
			continue
		}
		if e.Notes != nil {
			s.records[i].Edits.Notes = printer.Some(*e.Notes)
		}
		if e.Tags != nil {
			s.records[i].Edits.Tags = *e.Tags
		}
	}
	return s.Record(ctx, id)
}

func (s *shelf) Delete(_ context.Context, id int, _ bool) error {
	s.records = slices.DeleteFunc(s.records, func(r archive.Record) bool { return r.ID == id })
	return nil
}

func (s *shelf) Statistics(_ context.Context, f archive.Filter, _ *time.Location) (archive.Statistics, error) {
	page, err := s.Page(context.Background(), archive.Query{Filter: f, Limit: 1000})
	return archive.Statistics{Totals: archive.Totals{Prints: page.Total, Successful: 1, Failed: 1, Seconds: 7200}}, err
}

func (s *shelf) Failures(context.Context, archive.Filter, *time.Location) (archive.Failures, error) {
	return archive.Failures{
		Prints: 3, Failed: 1, ByReason: []archive.NamedCount{{Count: 1}}, ByPrinter: []archive.NamedCount{{Name: "Workshop", Count: 1}},
		Recent: s.records[1:2], Weeks: []archive.WeekFailures{{Start: start(), Prints: 3, Failed: 1}},
	}, nil
}

func (s *shelf) Export(_ context.Context, w io.Writer, _ archive.Filter, format string) error {
	_, err := io.WriteString(w, `[{"format":"`+format+`"}]`)
	return err
}

func (s *shelf) Reprice(_ context.Context, printers []int) (int, error) {
	return len(s.records) - len(printers), nil
}

func (s *shelf) Number(job string) (int, bool) {
	for _, r := range s.records {
		if r.Job == job && r.Running() {
			return r.ID, true
		}
	}
	return 0, false
}

func (s *shelf) Samples(context.Context, int) ([]archive.Sample, error) { return nil, nil }

func TestArchives_ListInBothForms(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	bare := f.get("/api/v1/archives?limit=2", key)
	if bare.code != http.StatusOK || bare.header.Get("X-Total-Count") != "3" || bare.body[0] != '[' {
		t.Errorf("the list: %d %v %s", bare.code, bare.header, bare.body)
	}
	doc := f.get("/api/v1/archives/?envelope=true&offset=1", key).object(t)
	rows, _ := doc["archives"].([]any)
	if doc["total"] != 3.0 || len(rows) != 2 || rows[0].(map[string]any)["status"] != "failed" || rows[1].(map[string]any)["status"] != "success" {
		t.Errorf("the envelope: %v", doc)
	}
	one := f.get("/api/v1/archives/1", key).object(t)
	if one["status"] != "completed" || one["result"] != "success" || one["duration"] != 3600.0 || one["filament_color"] != "#112233" {
		t.Errorf("one print: %v", one)
	}
	for _, bad := range []string{"?start_date=yesterday", "?limit=0", "?limit=x", "?status=odd"} {
		if got := f.get("/api/v1/archives"+bad, key); got.code != 422 {
			t.Errorf("%s: %d %s", bad, got.code, got.body)
		}
	}
}

func TestArchives_KeysOfSomePrintersSeeOnlyTheirPrints(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"read", "archives:write"}, 2)
	if got := f.get("/api/v1/archives", key); got.header.Get("X-Total-Count") != "1" {
		t.Errorf("the list: %s", got.body)
	}
	for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
		if got := f.request(method, "/api/v1/archives/1", `{}`, "X-API-Key", key); got.code != 404 {
			t.Errorf("%s of another's print: %d %s", method, got.code, got.body)
		}
	}
	if got := f.get("/api/v1/archives?printer_id=1", key); got.code != 404 {
		t.Errorf("another's printer: %d", got.code)
	}
	if doc := f.get("/api/v1/statistics", key).object(t); doc["total_prints"] != 1.0 {
		t.Errorf("statistics: %v", doc)
	}
}

func TestArchives_EditDeleteExport(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"write"})
	got := f.request(http.MethodPatch, "/api/v1/archives/1", `{"notes":"fine","tags":["a","b"]}`, "X-API-Key", key)
	if doc := got.object(t); got.code != 200 || doc["notes"] != "fine" || len(doc["tags"].([]any)) != 2 {
		t.Errorf("edit: %d %s", got.code, got.body)
	}
	if got := f.request(http.MethodPatch, "/api/v1/archives/1", `{"tags":7}`, "X-API-Key", key); got.code != 422 {
		t.Errorf("tags of a wrong type: %d", got.code)
	}
	if got := f.request(http.MethodDelete, "/api/v1/archives/1", "", "X-API-Key", key); got.code != 200 {
		t.Errorf("delete: %d %s", got.code, got.body)
	}
	if got := f.get("/api/v1/archives/1", key); got.code != 404 {
		t.Errorf("after delete: %d", got.code)
	}
	if got := f.get("/api/v1/archives/export?format=json", key); got.body != `[{"format":"json"}]` || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("export: %d %s", got.code, got.body)
	}
	if got := f.get("/api/v1/archives/stats", key).object(t); got["total_print_time_hours"] != 2.0 {
		t.Errorf("stats: %v", got)
	}
}

func TestArchives_FurtherViews(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	list := f.get("/api/v1/archives/slim?limit=2", key)
	if list.code != 200 || list.header.Get("X-Total-Count") != "3" || strings.Count(list.body, `"print_name":"benchy"`) != 2 {
		t.Errorf("slim: %d %v %s", list.code, list.header, list.body)
	}
	if doc := f.get("/api/v1/archives/2/runs/", key).object(t); doc["total"] != 1.0 || len(doc["items"].([]any)) != 1 {
		t.Errorf("runs: %v", doc)
	}
	if doc := f.get("/api/v1/archives/2/samples", key).object(t); doc["archive_id"] != 2.0 || doc["samples"] == nil {
		t.Errorf("samples: %v", doc)
	}
	doc := f.get("/api/v1/archives/analysis/failures?days=7", key).object(t)
	if doc["period_days"] != 7.0 || doc["failure_rate"] != 33.3 || doc["failures_by_reason"].(map[string]any)["Unknown"] != 1.0 ||
		len(doc["failures_by_hour"].(map[string]any)) != 24 || len(doc["recent_failures"].([]any)) != 1 || len(doc["trend"].([]any)) != 1 {
		t.Errorf("failures: %v", doc)
	}
	for _, path := range []string{"/archives/99/samples", "/archives/99/runs", "/archives/slim?printer_id=99", "/archives/analysis/failures?printer_id=99"} {
		if got := f.get("/api/v1"+path, key); got.code != 404 {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	costs := func(printers ...int) answer {
		return f.request(http.MethodPost, "/api/v1/archives/recalculate-costs", "", "X-API-Key", f.key([]string{"archives:write"}, printers...))
	}
	if got := costs(); got.code != 200 || got.object(t)["updated"] != 3.0 {
		t.Errorf("costs: %d %s", got.code, got.body)
	}
	if got := costs(1); got.code != 200 || got.object(t)["updated"] != 1.0 { // no printer, and that one
		t.Errorf("costs of one printer: %d %s", got.code, got.body)
	}
	control := f.key([]string{"printers:control"}, 1)
	for id, want := range map[string]int{"1": 501, "3": 404, "99": 404} {
		if got := f.request(http.MethodPost, "/api/v1/archives/"+id+"/reprint?printer_id=1", "", "X-API-Key", control); got.code != want {
			t.Errorf("reprint of %s: %d %s", id, got.code, got.body)
		}
	}
}
