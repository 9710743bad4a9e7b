package printer_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

// at is a state on a job with its progress and layer.
func at(a printer.Activity, job string, progress, layer int) printer.State {
	s := printer.State{Online: true, Activity: a}
	if job != "" {
		s.Job = printer.Job{ID: job, Name: "cube", Progress: printer.Some(progress), Layer: printer.Some(layer)}
		s.Job.PeakProgress, s.Job.PeakLayer = progress, layer
	}
	return s
}

// with changes a state in passing.
func with(s printer.State, changes ...func(*printer.State)) printer.State {
	for _, c := range changes {
		c(&s)
	}
	return s
}

func attached(s *printer.State) { s.Job.Attached = true }
func gone(s *printer.State)     { s.Online = false }

func ended(r printer.Result, reason string) func(*printer.State) {
	return func(s *printer.State) {
		s.Job.Result, s.Job.Reason = r, reason
		s.Activity = map[printer.Result]printer.Activity{
			printer.Success: printer.Finished, printer.Failure: printer.Failed, printer.Interrupted: printer.Stopped,
		}[r]
	}
}

func pausedBy(kind string) func(*printer.State) {
	return func(s *printer.State) { s.Job.PauseKind, s.Job.PauseReason, s.Job.PauseCode = kind, "because", "P1" }
}

func faults(codes ...string) func(*printer.State) {
	return func(s *printer.State) {
		for _, c := range codes {
			severity := map[byte]printer.Severity{'F': printer.Fatal, 'S': printer.Serious, 'C': printer.Common, 'I': printer.Info}[c[0]]
			s.Faults = append(s.Faults, printer.Fault{Code: c, Severity: severity, Text: "text", URL: "u"})
		}
	}
}

func door(open bool) func(*printer.State) {
	return func(s *printer.State) { s.Door = printer.Some(open) }
}

func bed(v float64) func(*printer.State) {
	return func(s *printer.State) { s.Bed.Temperature = printer.Some(v) }
}

func tray(unit, slot int) func(*printer.State) {
	return func(s *printer.State) {
		s.ActiveTray = printer.Some(printer.TrayRef{Unit: unit, Slot: slot})
		s.Units = []printer.Unit{{ID: 0, Trays: []printer.Tray{{Slot: 1, Material: "PETG", Color: "FF0000FF"}}}}
	}
}

func drying(word string) func(*printer.State) {
	return func(s *printer.State) { s.Units = []printer.Unit{{ID: 128, Drying: word}} }
}

func firmware(v string) func(*printer.State) {
	return func(s *printer.State) { s.Firmware, s.FirmwareAvailable = "1", v }
}

func minutes(n int) func(*printer.State) {
	return func(s *printer.State) { s.Job.RemainingSeconds = printer.Some(n * 60) }
}

type difference struct {
	name       string
	prev, next printer.State
	// want lists events as "name job {detail}"; the detail may be left out.
	want []string
}

// differences is the table: at least one row of each rule, and one of each way
// in which it must keep silent.
func differences() []difference {
	const idle, preparing, printing, paused = printer.Idle, printer.Preparing, printer.Printing, printer.Paused
	run, none := at(printing, "A", 10, 1), at(idle, "", 0, 0)
	return []difference{
		{"nothing", run, run, nil},
		{"a job begins", none, at(preparing, "A", 0, 0), []string{`print_started A {"job_name":"cube","progress":0,"layer":0}`}},
		{"a running job is found", none, with(at(printing, "A", 80, 9), attached), nil},
		{"a found job goes on", with(at(printing, "A", 74, 9), attached), with(at(printing, "A", 75, 9), attached), []string{`print_progress A {"job_name":"cube","progress":75,"layer":9,"milestone":75,"milestone_kind":"percent"}`}},
		{"a found job was over already", none, with(at(printing, "A", 100, 9), attached, ended(printer.Success, "")), nil},
		{"a job ends well", run, with(run, ended(printer.Success, "")), []string{`print_complete A {"job_name":"cube","progress":10,"layer":1,"result":"success"}`}},
		{"a job fails", run, with(run, ended(printer.Failure, "jam")), []string{`print_failed A {"job_name":"cube","progress":10,"layer":1,"result":"failed","reason":"jam"}`}},
		{"a job is stopped", run, with(run, ended(printer.Interrupted, "")), []string{`print_stopped A`}},
		{"an ended job stays ended", with(run, ended(printer.Success, "")), with(run, ended(printer.Success, "")), nil},
		{"an ended job is found to have ended otherwise", with(run, ended(printer.Success, "")), with(run, ended(printer.Failure, "")), nil},
		{"job A ends and B begins in a gap", run, at(printing, "B", 5, 1), []string{`print_failed A {"job_name":"cube","progress":10,"layer":1,"result":"failed","reason":"unknown"}`, `print_started B`}},
		{"job A ends and B is found in a gap", run, with(at(printing, "B", 5, 1), attached), []string{`print_failed A`}},
		{"job A had ended before B began", with(run, ended(printer.Success, "")), at(printing, "B", 5, 1), []string{`print_started B`}},
		{"a whole job in a gap", none, with(at(printing, "B", 100, 50), ended(printer.Success, "")), []string{
			`print_started B`, `first_layer_complete B`, `print_progress B`, `print_progress B`, `print_progress B`, `print_complete B`}},
		{"a pause", run, with(at(paused, "A", 10, 1), pausedBy("user")), []string{`print_paused A {"job_name":"cube","progress":10,"layer":1,"reason":"because","code":"P1"}`}},
		{"a pause goes on", at(paused, "A", 10, 1), at(paused, "A", 10, 1), nil},
		{"a pause of a found job", none, with(at(paused, "A", 10, 1), attached), nil},
		{"a runout", run, with(at(paused, "A", 10, 1), pausedBy("runout"), tray(0, 1)), []string{`filament_runout A {"job_name":"cube","progress":10,"layer":1,"reason":"because","code":"P1","tray":"ams_0_tray_2"}`, `print_paused A`}},
		{"a pause turns out to be a runout", at(paused, "A", 10, 1), with(at(paused, "A", 10, 1), pausedBy("runout")), []string{`filament_runout A`}},
		{"a runout goes on", with(at(paused, "A", 10, 1), pausedBy("runout")), with(at(paused, "A", 10, 1), pausedBy("runout")), nil},
		{"a job goes on after a pause", at(paused, "A", 10, 1), run, []string{`print_resumed A`}},
		{"a job heats up again after a pause", at(paused, "A", 10, 1), at(preparing, "A", 10, 1), []string{`print_resumed A`}},
		{"another job follows a pause", at(paused, "A", 10, 1), at(printing, "B", 1, 1), []string{`print_failed A`, `print_started B`}},
		{"a paused job is stopped", at(paused, "A", 10, 1), with(at(paused, "A", 10, 1), ended(printer.Interrupted, "")), []string{`print_stopped A`}},
		{"the second layer", run, at(printing, "A", 11, 2), []string{`first_layer_complete A {"job_name":"cube","progress":11,"layer":2}`}},
		{"the third layer", at(printing, "A", 11, 2), at(printing, "A", 12, 3), nil},
		{"the first layers in one step", at(printing, "A", 0, 0), at(printing, "A", 1, 5), []string{`first_layer_complete A`}},
		{"two milestones in one step", run, at(printing, "A", 60, 1), []string{`print_progress A`, `print_progress A {"job_name":"cube","progress":60,"layer":1,"milestone":50,"milestone_kind":"percent"}`}},
		{"progress falls", at(printing, "A", 60, 1), at(printing, "A", 5, 1), nil},
		{"another tray", with(run, tray(0, 0)), with(run, tray(0, 1)), []string{`filament_changed A {"job_name":"cube","progress":10,"layer":1,"tray":"ams_0_tray_2","previous_tray":"ams_0_tray_1","material":"PETG","color":"FF0000FF"}`}},
		{"the first tray", run, with(run, tray(0, 1)), nil},
		{"a tray while idle", with(none, tray(0, 0)), with(none, tray(0, 1)), nil},
		{"online", with(none, gone), none, []string{`printer_online  {}`}},
		{"offline", none, with(none, gone, func(s *printer.State) { s.Problem.Text = "cut" }), []string{`printer_offline  {"reason":"cut"}`}},
		{"a fault", run, with(run, faults("F1")), []string{`printer_error A {"reason":"text (F1)","code":"F1","severity":"fatal","url":"u"}`}},
		{"a fault among others", with(run, faults("F1", "C1")), with(run, faults("F1", "S2", "C1", "C2", "I1")), []string{`printer_error A {"reason":"text (S2)","code":"S2","severity":"serious","url":"u"}`}},
		{"a fault is gone", with(none, faults("S1", "C1")), none, []string{`printer_error_cleared  {"reason":"text (S1)","code":"S1","severity":"serious","url":"u"}`}},
		{"the door opens", with(none, door(false)), with(none, door(true)), []string{`door_opened  {}`}},
		{"the door closes", with(none, door(true)), with(none, door(false)), []string{`door_closed  {}`}},
		{"the door becomes known", none, with(none, door(true)), nil},
		{"the door becomes unknown", with(none, door(true)), none, nil},
		{"firmware", with(none, firmware("")), with(none, firmware("2")), []string{`firmware_available  {"version":"2","installed":"1"}`}},
		{"firmware is installed", with(none, firmware("2")), with(none, firmware("")), nil},
		{"drying ends", with(none, drying("drying")), with(none, drying("off")), []string{`drying_finished  {"unit":128}`}},
		{"drying breaks", with(none, drying("drying")), with(none, drying("error")), nil},
		{"a unit that does not dry comes", none, with(none, drying("off")), nil},
		{"a unit goes while drying", with(none, drying("drying")), none, nil},
		{"the bed cools after a job", with(run, bed(60), ended(printer.Success, "")), with(run, bed(39.5), ended(printer.Success, "")), []string{`bed_cooled A {"temperature":39.5}`}},
		{"the bed cools in a job", with(run, bed(60)), with(run, bed(30)), nil},
		{"the bed was never hot", with(run, bed(30), ended(printer.Success, "")), with(run, bed(29), ended(printer.Success, "")), nil},
	}
}

func TestDiff(t *testing.T) {
	covered := map[string]bool{}
	for _, d := range differences() {
		t.Run(d.name, func(t *testing.T) {
			prev := printer.Carry(printer.State{}, d.prev)
			next := printer.Carry(prev, d.next)
			events := printer.Diff(prev, next, printer.DefaultMarks())
			var got []string
			for _, e := range events {
				detail, err := json.Marshal(e.Detail)
				if err != nil {
					t.Fatal(err)
				}
				covered[e.Name] = true
				got = append(got, fmt.Sprintf("%s %s %s", e.Name, e.Job, detail))
			}
			if !slices.EqualFunc(got, d.want, func(g, w string) bool { return g == w || !strings.Contains(w, "{") && strings.HasPrefix(g, w+" ") }) {
				t.Errorf("events are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(d.want, "\n"))
			}
			if again := printer.Diff(next, printer.Carry(next, d.next), printer.DefaultMarks()); len(again) != 0 {
				t.Errorf("the same state again gives %+v", again)
			}
		})
	}
	for _, name := range printer.DiffNames() {
		if !covered[name] {
			t.Errorf("no row shows %s", name)
		}
	}
}

func TestDiff_Duration(t *testing.T) {
	prev := at(printer.Printing, "A", 10, 1)
	prev.Job.StartedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	next := with(prev, ended(printer.Success, ""))
	next.Job.EndedAt = prev.Job.StartedAt.Add(90 * time.Second)
	events := printer.Diff(prev, next, printer.Marks{})
	if len(events) != 1 || events[0].Detail.DurationSeconds == nil || *events[0].Detail.DurationSeconds != 90 {
		t.Errorf("events are %+v, want one of 90 s", events)
	}
}

func TestDiff_TheStartIsToldToTheSecond(t *testing.T) {
	prev := at(printer.Printing, "A", 10, 1)
	prev.Job.StartedAt = time.Date(2026, 1, 1, 0, 0, 0, 194_034_737, time.UTC)
	events := printer.Diff(prev, with(prev, ended(printer.Success, "")), printer.Marks{})
	if len(events) != 1 || !events[0].Detail.StartedAt.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("events are %+v, want one of a job that began at a whole second", events)
	}
}
