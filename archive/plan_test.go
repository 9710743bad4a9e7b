package archive_test

import (
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/printer"
)

// sliced is a plan of 15.2 g in two materials, one of them from no known tray.
func sliced() printer.Plan {
	return printer.Plan{
		File: "/cache/Bracket.3mf", Picture: "abc", Grams: printer.Some(15.2), Metres: printer.Some(5.0), Seconds: printer.Some(5400),
		Filaments: []printer.PlanFilament{
			{Slot: 1, Material: "PLA", FilamentID: "GFA00", Color: "00AE42FF", Grams: printer.Some(11.0), PricePerKg: printer.Some(25.0), Tray: printer.Some(printer.TrayRef{Unit: 0, Slot: 2})},
			{Slot: 2, Material: "PETG", FilamentID: "GFG00", Grams: printer.Some(4.2), PricePerKg: printer.Some(20.0)},
		},
	}
}

func TestSampler_TakesThePlanIntoTheRecord(t *testing.T) {
	for _, c := range []struct {
		name    string
		result  printer.Result
		options archive.Options
		grams   float64
		details string
		cost    float64
	}{
		{"complete", printer.Success, archive.Options{}, 15.2, "PLA: 11.0g | PETG: 4.2g", 0.359},
		{"failed half way", printer.Failure, archive.Options{}, 7.6, "PLA: 5.5g | PETG: 2.1g", 0.1795},
		{"at prices that were set", printer.Success, archive.Options{Price: func(id, material string) printer.Opt[float64] {
			if material == "PETG" {
				return printer.Some(100.0)
			}
			return printer.Opt[float64]{}
		}}, 15.2, "PLA: 11.0g | PETG: 4.2g", 0.695},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := planRecord(t, c.options, c.result)
			if got := r.Grams(); got != printer.Some(c.grams) {
				t.Errorf("grams %v, want %v", got, c.grams)
			}
			if got := r.FilamentDetails(); got != c.details {
				t.Errorf("details %q, want %q", got, c.details)
			}
			if got := r.FilamentCost(); got != printer.Some(c.cost) {
				t.Errorf("cost %v, want %v", got, c.cost)
			}
			edited := r
			edited.Edits.Grams = printer.Some(2 * c.grams)
			if got := edited.FilamentCost(); !got.Known || got.Value < 1.9*c.cost || got.Value > 2.1*c.cost {
				t.Errorf("cost %v of twice the grams, want about twice %v", got, c.cost)
			}
			if r.File != "Bracket.3mf" {
				t.Errorf("the file is called %q", r.File)
			}
			if r.EstimateSeconds != printer.Some(5400) || r.Picture != "abc" || len(r.Filament) != 2 {
				t.Fatalf("record %+v", r)
			}
			if f := r.Filament[0]; f.Tray != "ams_0_tray_3" || f.Color != "00AE42FF" || f.PlannedGrams != printer.Some(11.0) {
				t.Errorf("first filament %+v", f)
			}
			if f := r.Filament[1]; f.Tray != "filament_2" || f.Material != "PETG" {
				t.Errorf("second filament %+v", f)
			}
		})
	}
}

// planRecord is the record of a job with that plan, which is known 20 s after
// the start and ends at 50 %, with a restart of the bridge in between.
func planRecord(t *testing.T, o archive.Options, result printer.Result) archive.Record {
	t.Helper()
	r := archive.NewWith(newShelf(), o)
	if err := r.Apply(t.Context(), story(`print_started J1 {"job_name":"cube"}`), 0); err != nil {
		t.Fatal(err)
	}
	with := func(st *printer.State) {
		st.ActiveTray = printer.Opt[printer.TrayRef]{}
		st.Job.Plan = sliced()
		st.Job.File = "/data/Metadata/plate_1.gcode"
	}
	sampler := r.Sampler()
	for second := range 80 {
		change := with
		if second < 20 {
			change = func(st *printer.State) {
				st.ActiveTray = printer.Opt[printer.TrayRef]{}
				st.Job.File = "/data/Metadata/plate_1.gcode"
			}
		}
		sampler.Apply(t.Context(), picture(second, "J1", change))
	}
	if rec, err := r.Job(t.Context(), "J1"); err != nil || !rec.Usage.PlannedGrams.Known {
		t.Fatalf("in mid-print the record is %+v (%v)", rec, err)
	}
	r.Sampler().Apply(t.Context(), picture(3000, "J1", func(st *printer.State) {
		with(st)
		st.Activity, st.Job.Result, st.Job.Progress, st.Job.EndedAt = printer.Finished, result, printer.Some(50), start.Add(50*time.Minute)
	}))
	rec, err := r.Job(t.Context(), "J1")
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestSampler_WaitsForTheRecordOfTheJobBefore(t *testing.T) {
	for _, next := range []string{"", "J2"} {
		r := archive.New(newShelf())
		sampler := r.Sampler()
		sampler.Apply(t.Context(), picture(0, "J1", func(st *printer.State) { st.Job.Attached, st.Job.Plan = true, sliced() }))
		for second := 4; second < 30; second += 2 { // the journal is slow
			sampler.Apply(t.Context(), picture(second, next, nil))
		}
		if err := r.Apply(t.Context(), story(`print_failed J1 {"job_name":"cube","progress":50,"result":"failed"}`), 0); err != nil {
			t.Fatal(err)
		}
		sampler.Apply(t.Context(), picture(32, next, nil))
		if rec, err := r.Job(t.Context(), "J1"); err != nil || rec.Grams() != printer.Some(7.6) {
			t.Errorf("with %q after it the record is %+v (%v), want one of 7.6 g", next, rec, err)
		}
	}
}

func TestSampler_KeepsThePlanOfAJobWhoseEndCameWithTheNextOne(t *testing.T) {
	r := archive.New(newShelf())
	sampler := r.Sampler()
	sampler.Apply(t.Context(), picture(0, "J1", func(st *printer.State) { st.Job.Attached, st.Job.Plan = true, sliced() }))
	sampler.Apply(t.Context(), picture(4, "J2", nil))
	if err := r.Apply(t.Context(), story(`print_failed J1 {"job_name":"cube","progress":50,"result":"failed"}`, `print_started J2 {"job_name":"cube"}`), 0); err != nil {
		t.Fatal(err)
	}
	sampler.Apply(t.Context(), picture(6, "J2", nil))
	if rec, err := r.Job(t.Context(), "J1"); err != nil || rec.Grams() != printer.Some(7.6) || rec.Result != printer.Failure || rec.Progress != printer.Some(50) {
		t.Errorf("the record is %+v (%v), want one of 7.6 g at 50 %%", rec, err)
	}
	if rec, err := r.Job(t.Context(), "J2"); err != nil || rec.Grams().Known || rec.Status() != "printing" {
		t.Errorf("the record of the next job is %+v (%v)", rec, err)
	}
}
