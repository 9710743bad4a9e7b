package printer_test

import (
	"math"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// able is a printer that can do everything.
func able(a printer.Activity) printer.State {
	return printer.State{
		Online: true, Activity: a,
		Caps: printer.Capabilities{
			Nozzles: 2, Control: printer.Some(true), ChamberHeater: true, ChamberLight: true, SecondLight: true,
			PartFan: true, AuxFan: true, ChamberFan: true, SecondAuxFan: true, AirDuct: true, Changer: true,
			PromptSound: true, Speed: true, SkipObjects: true,
			NozzleRange: printer.Range{Max: 300}, BedRange: printer.Range{Max: 110}, ChamberRange: printer.Range{Max: 65},
		},
		Units: []printer.Unit{
			{ID: 0, Trays: []printer.Tray{{Slot: 0, Empty: printer.Some(false)}, {Slot: 1, Empty: printer.Some(true)}, {Slot: 2}}},
			{ID: 128, CanDry: true, MaxDryTemperature: 85},
		},
	}
}

// fitting is, for each command, one that a printer that can everything takes.
func fitting() map[printer.CommandName]printer.Command {
	return map[printer.CommandName]printer.Command{
		printer.CmdSpeed:   {Word: "sport"},
		printer.CmdNozzle:  {Nozzle: 1, Value: 220},
		printer.CmdBed:     {Value: 60},
		printer.CmdChamber: {Value: 50},
		printer.CmdFan:     {Target: "aux", Value: 100},
		printer.CmdDry:     {Unit: 128, Value: 60, Hours: 8},
		printer.CmdAirDuct: {Word: "heating"},

		printer.CmdStopDrying: {Unit: 128},
		printer.CmdSkip:       {Objects: []int{17}},
	}
}

func TestCheck_EveryCommandInEveryActivity(t *testing.T) {
	const all = "idle preparing printing paused finished failed stopped unknown"
	in := map[printer.CommandName]string{
		printer.CmdPause:  "preparing printing",
		printer.CmdResume: "paused",
		printer.CmdStop:   "preparing printing paused",
		printer.CmdSpeed:  "preparing printing paused",
		printer.CmdSkip:   "printing paused",
		printer.CmdLoad:   "idle paused finished failed stopped unknown",
		printer.CmdUnload: "idle paused finished failed stopped unknown",
	}
	for _, row := range printer.Commands() {
		cmd := fitting()[row.Name]
		cmd.Name = row.Name
		want, ok := in[row.Name]
		if !ok {
			want = all
		}
		for _, a := range strings.Fields(all) {
			err := printer.Check(able(printer.Activity(a)), cmd)
			if fits := strings.Contains(" "+want+" ", " "+a+" "); fits != (err == nil) || !fits && !fault.Is(err, fault.Conflict) {
				t.Errorf("%s while %s gives %v", row.Name, a, err)
			}
		}
		offline := able(printer.Printing)
		offline.Online = false
		if err := printer.Check(offline, cmd); (err == nil) != row.NoLink || err != nil && !fault.Is(err, fault.Offline) {
			t.Errorf("%s to an offline printer gives %v", row.Name, err)
		}
		readOnly := able(printer.Activity(strings.Fields(want)[0]))
		readOnly.Caps.Control = printer.Some(false)
		if err := printer.Check(readOnly, cmd); (err != nil) != row.Moves || row.Moves && (!fault.Is(err, fault.Denied) || fault.HintOf(err) == "") {
			t.Errorf("%s to a read-only printer gives %v", row.Name, err)
		}
	}
}

func TestCheck_Unsupported(t *testing.T) {
	bare := printer.State{Online: true, Activity: printer.Printing}
	for _, row := range printer.Commands() {
		cmd := fitting()[row.Name]
		cmd.Name = row.Name
		if row.Check == nil {
			continue
		}
		state := bare
		if row.Name == printer.CmdLoad || row.Name == printer.CmdUnload {
			state.Activity = ""
		}
		if err := printer.Check(state, cmd); !fault.Is(err, fault.Unsupported) && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s to a printer that can nothing gives %v", row.Name, err)
		}
	}
	err := printer.Check(able(printer.Idle), printer.Command{Name: printer.CommandName(strings.Repeat("x", 10_000))})
	if !fault.Is(err, fault.Unsupported) || len(err.Error()) > 200 {
		t.Errorf("an unknown command gives %.300v", err)
	}
}

func TestCheck_Values(t *testing.T) {
	const none = fault.Kind(99)
	for _, c := range []struct {
		name string
		cmd  printer.Command
		want fault.Kind
	}{
		{"a hot nozzle", printer.Command{Name: printer.CmdNozzle, Value: 300}, none},
		{"too hot a nozzle", printer.Command{Name: printer.CmdNozzle, Value: 300.5}, fault.Invalid},
		{"a cold nozzle", printer.Command{Name: printer.CmdNozzle, Value: -1}, fault.Invalid},
		{"no number", printer.Command{Name: printer.CmdBed, Value: math.NaN()}, fault.Invalid},
		{"infinite", printer.Command{Name: printer.CmdBed, Value: math.Inf(1)}, fault.Invalid},
		{"a third nozzle", printer.Command{Name: printer.CmdNozzle, Nozzle: 2, Value: 200}, fault.Invalid},
		{"nozzle −1", printer.Command{Name: printer.CmdNozzle, Nozzle: -1, Value: 200}, fault.Invalid},
		{"chamber too hot", printer.Command{Name: printer.CmdChamber, Value: 66}, fault.Invalid},
		{"fan over 100", printer.Command{Name: printer.CmdFan, Value: 101}, fault.Invalid},
		{"no such fan", printer.Command{Name: printer.CmdFan, Target: "rear", Value: 1}, fault.Unsupported},
		{"first fan", printer.Command{Name: printer.CmdFan, Value: 0}, none},
		{"no such light", printer.Command{Name: printer.CmdLight, Target: "disco"}, fault.Unsupported},
		{"second light", printer.Command{Name: printer.CmdLight, Target: "second"}, none},
		{"no such speed", printer.Command{Name: printer.CmdSpeed, Word: "warp"}, fault.Conflict},
		{"a tray with a spool", printer.Command{Name: printer.CmdLoad}, none},
		{"a tray being read", printer.Command{Name: printer.CmdLoad, Slot: 2}, none},
		{"an empty tray", printer.Command{Name: printer.CmdLoad, Slot: 1}, fault.Conflict},
		{"no such tray", printer.Command{Name: printer.CmdLoad, Unit: 3}, fault.NotFound},
		{"the external spool", printer.Command{Name: printer.CmdLoad, Unit: printer.ExternalUnit}, none},
		{"drying by the filament's own values", printer.Command{Name: printer.CmdDry, Unit: 128}, none},
		{"drying too hot", printer.Command{Name: printer.CmdDry, Unit: 128, Value: 90}, fault.Invalid},
		{"drying too cold", printer.Command{Name: printer.CmdDry, Unit: 128, Value: 44}, fault.Invalid},
		{"drying too long", printer.Command{Name: printer.CmdDry, Unit: 128, Hours: 25}, fault.Invalid},
		{"drying where it cannot", printer.Command{Name: printer.CmdDry, Unit: 0}, fault.Unsupported},
		{"drying nowhere", printer.Command{Name: printer.CmdDry, Unit: 7}, fault.NotFound},
		{"an unknown air duct mode", printer.Command{Name: printer.CmdAirDuct, Word: "laser"}, fault.Invalid},
	} {
		err := printer.Check(able(printer.Idle), c.cmd)
		if c.want == none && err != nil || c.want != none && !fault.Is(err, c.want) {
			t.Errorf("%s gives %v, want kind %v", c.name, err, c.want)
		}
	}
	speed := printer.Command{Name: printer.CmdSpeed, Word: "warp"}
	if err := printer.Check(able(printer.Printing), speed); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "ludicrous") {
		t.Errorf("an unknown speed gives %v, want the words that there are", err)
	}
}

func TestCheck_Objects(t *testing.T) {
	s := able(printer.Printing)
	s.Job.SkippedObjects = []int{17}
	planned := s
	planned.Job.Plan = printer.Plan{File: "Box.3mf", Objects: []printer.Object{{ID: 17}, {ID: 23}, {ID: 42}}}
	unlabelled := planned
	unlabelled.Job.Plan.Unlabelled = true
	strange := planned
	strange.Job.SkippedObjects = []int{17, 999}
	for _, c := range []struct {
		name    string
		state   printer.State
		objects []int
		want    string
	}{
		{"one of the plate", planned, []int{23}, ""},
		{"of a file without labels", unlabelled, []int{23}, "none can be left out"},
		{"none", planned, nil, "must name"},
		{"not of the plate", planned, []int{23, 5}, "no object 5"},
		{"left out before", planned, []int{17}, "already"},
		{"twice", planned, []int{23, 23}, "already"},
		{"all that are left", planned, []int{23, 42}, "at least one"},
		{"who knows", s, []int{5}, ""},
		{"one of two, beside one that is not of the plate", strange, []int{23}, ""},
		{"no id", s, []int{-1}, "no object -1"},
		{"too many", s, make([]int, printer.MaxObjects+1), "must name"},
	} {
		err := printer.Check(c.state, printer.Command{Name: printer.CmdSkip, Objects: c.objects})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestCommands_Table(t *testing.T) {
	seen := map[printer.CommandName]bool{}
	for _, row := range printer.Commands() {
		if row.Name == "" || row.Label == "" || seen[row.Name] {
			t.Errorf("row %+v is not complete or is there twice", row)
		}
		seen[row.Name] = true
	}
}

// FuzzCheck wants an answer, never a panic, and no command without capability.
func FuzzCheck(f *testing.F) {
	f.Add("fan", "part", 0, 0, 0, 50.0, "", 0)
	f.Add("dry", "", 0, 128, 0, math.NaN(), "", -1)
	f.Add("load", "", -1, 255, 1<<40, 1.0, "x", 3)
	f.Fuzz(func(t *testing.T, name, target string, nozzle, unit, slot int, value float64, word string, hours int) {
		cmd := printer.Command{Name: printer.CommandName(name), Target: target, Nozzle: nozzle, Unit: unit, Slot: slot, Value: value, Word: word, Hours: hours}
		for _, a := range printer.Activities() {
			if err := printer.Check(able(a), cmd); err == nil && (cmd.Name == printer.CmdNozzle || cmd.Name == printer.CmdBed) && !(value >= 0 && value <= 300) {
				t.Errorf("%+v passed", cmd)
			}
			if err := printer.Check(printer.State{Online: true, Activity: a}, cmd); err == nil && cmd.Name == printer.CmdNozzle {
				t.Errorf("%+v passed on a printer that can nothing", cmd)
			}
		}
	})
}
