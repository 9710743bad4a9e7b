package printer_test

import (
	"testing"

	"github.com/printwire/printwire/printer"
)

func twoMaterials() printer.Plan {
	return printer.Plan{
		File: "bracket.3mf", Grams: printer.Some(15.2),
		Filaments: []printer.PlanFilament{
			{Slot: 1, Material: "PLA", Grams: printer.Some(10.0), Tray: printer.Some(printer.TrayRef{Unit: 0, Slot: 1})},
			{Slot: 2, Material: "PETG", Grams: printer.Some(4.2), Tray: printer.Some(printer.TrayRef{Unit: 0, Slot: 3})},
			{Slot: 3, Material: "PLA", Grams: printer.Some(1.0)},
			{Slot: 4, Material: "ABS"},
		},
	}
}

func TestJob_FilamentIsScaledWhereAJobEndedBadly(t *testing.T) {
	for _, c := range []struct {
		name    string
		job     printer.Job
		grams   printer.Opt[float64]
		details string
	}{
		{"under way", printer.Job{Progress: printer.Some(50)}, printer.Some(15.2), "PLA: 11.0g | PETG: 4.2g"},
		{"complete", printer.Job{Result: printer.Success, Progress: printer.Some(99)}, printer.Some(15.2), "PLA: 11.0g | PETG: 4.2g"},
		{"failed half way", printer.Job{Result: printer.Failure, Progress: printer.Some(50)}, printer.Some(7.6), "PLA: 5.5g | PETG: 2.1g"},
		{"stopped at once", printer.Job{Result: printer.Interrupted, Progress: printer.Some(0)}, printer.Some(0.0), "PLA: 0.0g | PETG: 0.0g"},
		{"over the top", printer.Job{Result: printer.Failure, Progress: printer.Some(140)}, printer.Some(15.2), "PLA: 11.0g | PETG: 4.2g"},
		{"failed nobody knows where", printer.Job{Result: printer.Failure}, printer.Opt[float64]{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.job.Plan = twoMaterials()
			if got := c.job.FilamentUsed(); got != c.grams {
				t.Errorf("used %v, want %v", got, c.grams)
			}
			if got := c.job.FilamentDetails(); got != c.details {
				t.Errorf("details %q, want %q", got, c.details)
			}
		})
	}
}

func TestJob_TrayDetailsNameEachTray(t *testing.T) {
	tray := func(unit, slot int) printer.Opt[printer.TrayRef] {
		return printer.Some(printer.TrayRef{Unit: unit, Slot: slot})
	}
	j := printer.Job{Result: printer.Failure, Progress: printer.Some(50), Plan: printer.Plan{Filaments: []printer.PlanFilament{
		{Material: "PLA", Grams: printer.Some(11.0), Tray: tray(0, 0)}, {Material: "PLA", Grams: printer.Some(4.2), Tray: tray(1, 3)},
		{Material: "TPU", Tray: tray(0, 2)}, {Grams: printer.Some(2.0), Tray: tray(128, 0)},
		{Material: "PETG", Grams: printer.Some(3.0), Tray: tray(printer.ExternalUnit, 0)},
	}}}
	if got, want := j.TrayDetails(), "AMS-A T1 PLA: 5.5g | AMS-B T4 PLA: 2.1g | Ext Unknown: 1.0g | Ext PETG: 1.5g"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	j.Plan.Filaments[1].Tray = printer.Opt[printer.TrayRef]{}
	if got := j.TrayDetails(); got != "" {
		t.Errorf("got %q, though nobody knows where one came from", got)
	}
}

func TestJob_FilamentOfNoPlanIsUnknown(t *testing.T) {
	j := printer.Job{Result: printer.Success}
	if got := j.FilamentUsed(); got.Known {
		t.Errorf("used %v of no plan", got)
	}
	if got := j.FilamentDetails(); got != "" {
		t.Errorf("details %q of no plan", got)
	}
	j.Plan.Filaments = []printer.PlanFilament{{Grams: printer.Some(2.0)}}
	if got := j.FilamentDetails(); got != "Unknown: 2.0g" {
		t.Errorf("details %q of a filament without a material", got)
	}
}

func TestJob_TrayUse(t *testing.T) {
	j := printer.Job{Plan: twoMaterials(), Result: printer.Failure, Progress: printer.Some(50)}
	if got := j.TrayUse(printer.TrayRef{Unit: 0, Slot: 3}); got != printer.Some(2.1) {
		t.Errorf("tray 3 used %v, want 2.1 g", got)
	}
	if got := j.TrayUse(printer.TrayRef{Unit: 0, Slot: 0}); got.Known {
		t.Errorf("a tray that feeds nothing used %v", got)
	}
}

func TestJob_FilamentCost(t *testing.T) {
	some, none := printer.Some[float64], printer.Opt[float64]{}
	set := func(id, material string) printer.Opt[float64] {
		if material == "PETG" {
			return some(100)
		}
		return none
	}
	plan := printer.Plan{Filaments: []printer.PlanFilament{
		{Slot: 1, Material: "PLA", Grams: some(10), PricePerKg: some(20)},
		{Slot: 2, Material: "PETG", Grams: some(5), PricePerKg: some(1)},
		{Slot: 3, Material: "ABS"}, // nobody says how much: it costs nothing
	}}
	unpriced := printer.Plan{Filaments: append(plan.Filaments, printer.PlanFilament{Slot: 4, Material: "TPU", Grams: some(0.1)})}
	for _, c := range []struct {
		name string
		job  printer.Job
		want printer.Opt[float64]
	}{
		{"under way", printer.Job{Plan: plan, Progress: printer.Some(10)}, some(0.7)},
		{"failed half way", printer.Job{Plan: plan, Progress: printer.Some(50), Result: printer.Failure}, some(0.35)},
		{"failed nobody knows where", printer.Job{Plan: plan, Result: printer.Failure}, none},
		{"a part without a price", printer.Job{Plan: unpriced, Result: printer.Success}, none},
		{"no plan", printer.Job{Result: printer.Success}, none},
	} {
		if got := c.job.FilamentCost(set); got.Known != c.want.Known || got.Value < c.want.Value-1e-9 || got.Value > c.want.Value+1e-9 {
			t.Errorf("%s: costs %v, want %v", c.name, got, c.want)
		}
	}
}

func TestJob_FileNameIsThatOfTheFileThatWasRead(t *testing.T) {
	for _, c := range []struct{ name, file, read, want string }{
		{"benchy", "benchy.gcode.3mf", "", "benchy.gcode.3mf"},
		{"benchy", "/data/Metadata/plate_1.gcode", "", "benchy"},
		{"benchy", "plate_12.gcode", "", "benchy"},
		{"", "/data/Metadata/plate_1.gcode", "", "/data/Metadata/plate_1.gcode"},
		{"benchy", "/data/Metadata/plate_1.gcode", "/cache/benchy.3mf", "benchy.3mf"},
		{"benchy", "Benchy.3mf", "/benchy.3mf", "benchy.3mf"},
		{"benchy", "my_plate_1.gcode", "", "my_plate_1.gcode"},
		{"benchy", "plate_x.gcode", "", "plate_x.gcode"},
		{"benchy", "plate_.gcode", "", "plate_.gcode"},
		{"benchy", "", "", ""},
	} {
		j := printer.Job{Name: c.name, File: c.file, Plan: printer.Plan{File: c.read}}
		if got := j.FileName(); got != c.want {
			t.Errorf("the file %q of the job %q, read as %q, is called %q, want %q", c.file, c.name, c.read, got, c.want)
		}
	}
}

func TestDiff_EventsNameTheFileThatWasRead(t *testing.T) {
	next := at(printer.Printing, "A", 30, 3)
	next.Job.File, next.Job.Plan.File = "/data/Metadata/plate_1.gcode", "/cache/cube.gcode.3mf"
	events := printer.Diff(at(printer.Printing, "A", 20, 2), next, printer.DefaultMarks())
	if len(events) != 1 || events[0].Detail.FileName != "cube.gcode.3mf" {
		t.Errorf("the events are %+v", events)
	}
}
