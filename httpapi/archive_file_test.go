package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
)

// filed is a record of a print whose file was read.
func filed() archive.Record {
	return archive.Record{
		ID: 7, Job: "J7", PrinterID: 1, Printer: "Workshop", Name: "clip", Created: start(), Result: printer.Failure, Progress: printer.Some(50),
		LayerHeight: printer.Some(0.2), BedType: "textured_plate", SlicedFor: "P1S", FileBytes: printer.Some(4711), Objects: printer.Some(3), Picture: "abc",
		NozzleDiameter: printer.Some(0.4),
		Filament:       []archive.Filament{{Tray: "external", Material: "PLA", PlannedGrams: printer.Some(20.0), PricePerKg: printer.Some(25.0)}},
		Usage:          archive.Usage{PlannedGrams: printer.Some(20.0), FilamentCurrency: "EUR", EnergyCost: printer.Some(0.1), Currency: "EUR"},
	}
}

func TestArchives_TellWhatTheFileSaysAndWhatItCost(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Archives = &shelf{[]archive.Record{filed()}} })
	key := f.reader()
	doc := f.get("/api/v1/archives/7", key).object(t)
	for field, want := range map[string]any{
		"layer_height": 0.2, "bed_type": "textured_plate", "sliced_for_model": "P1S", "file_size": 4711.0, "object_count": 3.0, "nozzle_diameter": 0.4,
		"thumbnail_url": "/api/v1/archives/7/thumbnail", "project_id": nil, "created_by_id": nil,
		"run_count": 1.0, "last_run_at": start().Format("2006-01-02T15:04:05Z"), "successful_run_count": 0.0, "failed_run_count": 1.0, "total_filament_actual_grams": 10.0,
		"filament_used": 10.0, "filament_cost": 0.25, "filament_currency": "EUR", "energy_cost": 0.1, "energy_currency": "EUR", "cost": 0.35, "currency": "EUR",
	} {
		if got, ok := doc[field]; !ok || got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	if tray, _ := doc["filaments"].([]any)[0].(map[string]any); tray["planned_grams"] != 20.0 || tray["price_per_kg"] != 25.0 {
		t.Errorf("the filament is %v", tray)
	}
	if list := f.get("/api/v1/archives/slim", key).body; !strings.Contains(list, `"cost":0.35,"currency":"EUR"`) {
		t.Errorf("slim: %s", list)
	}
}

func TestArchives_Thumbnail(t *testing.T) {
	without := filed()
	without.ID, without.Picture = 8, ""
	other := filed()
	other.ID, other.PrinterID = 9, 2
	f := newFixture(t, func(o *httpapi.Options) {
		o.Archives = &shelf{[]archive.Record{filed(), without, other}}
		o.Pictures = pictures{"abc": []byte("\x89PNG plate"), "abc.top": []byte("\x89PNG top")}
	})
	key := f.key([]string{"archives:read"}, 1)
	for path, want := range map[string]string{
		"7/thumbnail": "\x89PNG plate", "7/thumbnail?view=plate": "\x89PNG plate", "7/thumbnail?view=top": "\x89PNG top",
		"7/thumbnail?view=pick": "", "8/thumbnail": "", "9/thumbnail": "", "99/thumbnail": "",
	} {
		got := f.get("/api/v1/archives/"+path, key)
		switch {
		case want == "" && got.code != http.StatusNotFound:
			t.Errorf("%s: %d", path, got.code)
		case want != "" && (got.code != http.StatusOK || got.body != want || got.header.Get("Content-Type") != "image/png"):
			t.Errorf("%s: %d %q", path, got.code, got.body)
		}
	}
	if got := f.get("/api/v1/archives/7/thumbnail?view=below", key); got.code != http.StatusUnprocessableEntity {
		t.Errorf("a view that is none: %d", got.code)
	}
	if got := f.get("/api/v1/archives/7/thumbnail", f.key([]string{"stats:read"})); got.code != http.StatusForbidden {
		t.Errorf("without the right: %d", got.code)
	}
}

// priced is a record of prints in two currencies.
type priced struct{ *shelf }

func (priced) Statistics(context.Context, archive.Filter, *time.Location) (archive.Statistics, error) {
	euro := archive.Costs{FilamentCost: printer.Some(1.5), EnergyCost: printer.Some(0.25), Currency: "EUR"}
	return archive.Statistics{ByCurrency: []archive.CurrencyTotals{{Prints: 1, Costs: archive.Costs{FilamentCost: printer.Some(2.0)}}, {Prints: 4, Costs: euro}}}, nil
}

func TestStatistics_CostsAreByCurrency(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Archives = priced{newShelf()} })
	key := f.key([]string{"stats:read"})
	for _, path := range []string{"/api/v1/statistics", "/api/v1/archives/stats"} {
		got := f.get(path, key)
		doc := got.object(t)
		for _, field := range []string{"total_cost", "total_energy_cost", "total_filament_cost", "currency"} {
			if v, ok := doc[field]; !ok || v != nil {
				t.Errorf("%s: %s is %v", path, field, v)
			}
		}
		want := `"costs":[{"currency":null,"prints":1,"filament_cost":2,"energy_cost":null,"cost":2},{"currency":"EUR","prints":4,"filament_cost":1.5,"energy_cost":0.25,"cost":1.75}]`
		if !strings.Contains(got.body, want) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func TestStatus_CurrentArchiveIsThatOfThePrintUnderWay(t *testing.T) {
	prints := &shelf{}
	f := newFixture(t, func(o *httpapi.Options) { o.Archives = prints })
	key := f.key([]string{"printers:read"})
	f.fleet.set(1, planned)
	current := func(want any) {
		t.Helper()
		doc := f.get("/api/v1/printers/1/status", key).object(t)
		if got, ok := doc["current_archive_id"]; !ok || got != want {
			t.Errorf("current_archive_id is %v, want %v", got, want)
		}
	}
	current(nil)
	prints.records = []archive.Record{{ID: 7, Job: "job", PrinterID: 1}}
	current(7.0) // the printer has said nothing new, but now there is a record
	current(7.0)
	f.fleet.set(1, func(s *printer.Snapshot) { s.State.Activity, s.State.Job.Result = printer.Finished, printer.Success })
	current(nil)
}
