package webhook_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/webhook"
)

// at is the time of the events of these tests.
func at() time.Time { return time.Date(2024, 1, 15, 14, 30, 0, 123456789, time.UTC) }

// job is a job of 45.2 g that has taken 8,100 s.
func job(result printer.Result, progress int, reason string, seconds int, filaments ...printer.PlanFilament) printer.Job {
	j := printer.Job{
		ID: "J", Name: "benchy", File: "benchy.3mf", Progress: printer.Some(progress), Result: result, Reason: reason,
		StartedAt: at().Add(-time.Duration(seconds) * time.Second),
	}
	total := 0.0
	for _, f := range filaments {
		total += f.Grams.Value
	}
	j.Plan = printer.Plan{File: "benchy.3mf", Filaments: filaments, Grams: printer.Opt[float64]{Value: total, Known: len(filaments) > 0}}
	if result != "" {
		j.EndedAt = at()
	}
	return j
}

func filament(material string, grams float64) printer.PlanFilament {
	return printer.PlanFilament{Material: material, Grams: printer.Some(grams)}
}

// events are what the bridge makes of a job that goes from one state to the next.
func events(t *testing.T, prev, next printer.Job, marks printer.Marks) []journal.Entry {
	t.Helper()
	p := printer.Carry(printer.State{}, printer.State{Online: true, Activity: printer.Printing, Job: prev})
	n := printer.Carry(p, printer.State{Online: true, Activity: printer.Printing, Job: next})
	var list []journal.Entry
	for i, e := range printer.Diff(p, n, marks) {
		data, err := json.Marshal(e.Detail)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, journal.Entry{Seq: uint64(4711 + i), Time: at(), Name: e.Name, PrinterID: 1, Serial: "S1", Printer: "Workshop X1C", Job: e.Job, Data: data})
	}
	return list
}

func render(t *testing.T, e webhook.Endpoint, entry journal.Entry, facts webhook.Facts) string {
	t.Helper()
	e.ID = "wh"
	if e.Format == "" {
		e.Format = "standard"
	}
	body, _, err := e.Render(webhook.Delivery{Key: webhook.Key{Endpoint: "wh", Seq: entry.Seq}, Entry: entry, Facts: facts}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestRender_StandardIsTheBodyThatReceiversKnow(t *testing.T) {
	running := func(j printer.Job) printer.Job {
		j.Result, j.Reason, j.EndedAt = "", "", time.Time{}
		return j
	}
	done := job(printer.Success, 100, "", 8100, filament("PLA", 30), filament("PETG", 15.2))
	failed := job(printer.Failure, 50, "Filament runout", 2700, filament("PLA", 15.2))
	stopped := job(printer.Interrupted, 50, "", 2700)
	for name, c := range map[string]struct {
		job  printer.Job
		want string
	}{
		"complete": {done, `{"event":"print_complete","timestamp":"2024-01-15T14:30:00Z","data":{"printer":"Workshop X1C","filename":"benchy.3mf","duration":8100,"filament_used":45.2,"filament_details":"PLA: 30.0g | PETG: 15.2g","status":"success",`},
		"failed":   {failed, `{"event":"print_failed","timestamp":"2024-01-15T14:30:00Z","data":{"printer":"Workshop X1C","filename":"benchy.3mf","duration":2700,"filament_used":7.6,"filament_details":"PLA: 7.6g","progress":50,"reason":"Filament runout","status":"failed",`},
		"unknown":  {stopped, `{"event":"print_stopped","timestamp":"2024-01-15T14:30:00Z","data":{"printer":"Workshop X1C","filename":"benchy.3mf","duration":2700,"filament_used":null,"filament_details":null,"progress":50,"reason":null,"status":"stopped",`},
	} {
		list := events(t, running(c.job), c.job, printer.Marks{})
		got := render(t, webhook.Endpoint{}, list[len(list)-1], webhook.Facts{})
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: the body is\n%s\nand should begin with\n%s", name, got, c.want)
		}
		var body struct {
			ID, Type, Source string
			Test             bool
			Data             map[string]any
		}
		if err := json.Unmarshal([]byte(got), &body); err != nil || body.ID != "msg_4711_wh" || !strings.HasPrefix(body.Type, "print_") || body.Source == "" || body.Test {
			t.Errorf("%s: the additions are %+v (%v)", name, body, err)
		}
		for _, field := range []string{"printer_id", "printer_name", "serial_number", "archive_id", "seq", "remaining_seconds", "finish_at", "energy_kwh", "energy_cost", "job", "title"} {
			if _, ok := body.Data[field]; !ok {
				t.Errorf("%s: the data lack %q", name, field)
			}
		}
	}
}

func TestRender_StandardOfAProgressAndOfAPrinter(t *testing.T) {
	before, after := job("", 20, "", 600), job("", 55, "", 900)
	after.RemainingSeconds = printer.Some(600)
	list := events(t, before, after, printer.Marks{Percent: []int{50}})
	if len(list) != 1 {
		t.Fatalf("events are %+v", list)
	}
	got := render(t, webhook.Endpoint{}, list[0], webhook.Facts{ArchiveID: 7, EnergyKWh: printer.Some(0.25), EnergyCost: printer.Some(0.08), Currency: "EUR"})
	for _, want := range []string{`"progress":55,"status":"printing"`, `"milestone":50`, `"milestone_kind":"percent"`, `"duration":900`, `"remaining_seconds":600`, `"finish_at":"2024-01-15T14:40:00Z"`, `"archive_id":7`, `"energy_kwh":0.25`, `"energy_cost":0.08`, `"currency":"EUR"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the body lacks %s:\n%s", want, got)
		}
	}
	offline := journal.Entry{Seq: 9, Time: at(), Name: "printer_offline", PrinterID: 1, Serial: "S1", Printer: "A <b> & \"c\"", Data: []byte(`{}`)}
	want := `{"event":"printer_offline","timestamp":"2024-01-15T14:30:00Z","data":{"printer":"A <b> & \"c\"","reason":null,"printer_id":1,"printer_name":"A <b> & \"c\"","serial_number":"S1","seq":9},"id":"msg_9_wh","type":"printer_offline","source":"Printwire","test":false}`
	if got := render(t, webhook.Endpoint{}, offline, webhook.Facts{}); got != want {
		t.Errorf("the body is\n%s\nwant\n%s", got, want)
	}
}

func TestRender_DurationOfAJobThatJustBegan(t *testing.T) {
	for name, c := range map[string]struct {
		event string
		after time.Duration
		want  string
	}{
		"within a second of two":      {"print_started", 1100 * time.Millisecond, `"duration":0,`},
		"found some time later":       {"print_started", 90 * time.Second, `"duration":90,`},
		"under way, whole seconds":    {"first_layer_complete", 59900 * time.Millisecond, `"duration":59,`},
		"under way, the first second": {"first_layer_complete", 1100 * time.Millisecond, `"duration":1,`},
	} {
		e := journal.Entry{Seq: 9, Time: at().Truncate(time.Second).Add(c.after), Name: c.event, PrinterID: 1, Job: "J", Data: []byte(`{"started_at":"` + at().Format(time.RFC3339) + `"}`)}
		if got := render(t, webhook.Endpoint{}, e, webhook.Facts{}); !strings.Contains(got, c.want) {
			t.Errorf("%s: the body lacks %s: %s", name, c.want, got)
		}
	}
}

func TestRender_AReasonThatNamesItsCodeSaysItOnce(t *testing.T) {
	for data, want := range map[string]string{
		`{"reason":"Nozzle is clogged (0300_4006)","code":"0300_4006"}`: `"message":"P: Nozzle is clogged (0300_4006)"`,
		`{"reason":"HMS_0300_1A00","code":"HMS_0300_1A00"}`:             `"message":"P: HMS_0300_1A00"`,
		`{"reason":"Nozzle is clogged","code":"0300_4006"}`:             `"message":"P: Nozzle is clogged, 0300_4006"`,
	} {
		e := journal.Entry{Seq: 9, Time: at(), Name: "printer_error", PrinterID: 1, Printer: "P", Data: []byte(data)}
		if got := render(t, webhook.Endpoint{Format: "bambuddy"}, e, webhook.Facts{}); !strings.Contains(got, want) {
			t.Errorf("the body lacks %s: %s", want, got)
		}
	}
}

func TestRender_BambuddyIsFlatAndAllText(t *testing.T) {
	done := job(printer.Success, 100, "", 8100, filament("PLA", 15.2))
	running := done
	running.Result, running.EndedAt = "", time.Time{}
	list := events(t, running, done, printer.Marks{})
	got := render(t, webhook.Endpoint{Format: "bambuddy", TimeZone: "Europe/Berlin"}, list[0], webhook.Facts{})
	want := `{"title":"Print complete","message":"benchy.3mf on Workshop X1C: took 2h 15m, 15.2 g of filament","timestamp":"2024-01-15T15:30:00","source":"Bambuddy","event":"print_complete","printer":"Workshop X1C","filename":"benchy.3mf","duration":"2h 15m","filament_grams":"15.2","filament_details":"PLA: 15.2g"}`
	if got != want {
		t.Errorf("the body is\n%s\nwant\n%s", got, want)
	}
	done.Plan.Filaments[0].Tray = printer.Some(printer.TrayRef{Unit: 0, Slot: 2})
	tracked := events(t, running, done, printer.Marks{})[0]
	for format, want := range map[string]string{"bambuddy": "AMS-A T3 PLA: 15.2g", "standard": "PLA: 15.2g"} {
		if got := render(t, webhook.Endpoint{Format: format}, tracked, webhook.Facts{}); !strings.Contains(got, `"filament_details":"`+want+`"`) {
			t.Errorf("with a known tray the details in the format %s are not %s:\n%s", format, want, got)
		}
	}
	started := events(t, printer.Job{}, job("", 0, "", 0), printer.Marks{})
	got = render(t, webhook.Endpoint{Format: "bambuddy", Variables: map[string]string{"field_title": "headline", "field_message": "text"}}, started[0], webhook.Facts{})
	for _, want := range []string{`{"headline":"Print started","text":`, `"event":"print_start"`, `"eta":"Unknown"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the body lacks %s:\n%s", want, got)
		}
	}
	jump := events(t, job("", 20, "", 600), job("", 80, "", 900), printer.Marks{Percent: []int{25, 50, 75}})
	for i, want := range []string{"25", "50", "75"} {
		if got := render(t, webhook.Endpoint{Format: "bambuddy"}, jump[i], webhook.Facts{}); !strings.Contains(got, `"progress":"`+want+`","remaining_time":"Unknown"`) {
			t.Errorf("the milestone %s is told as %s", want, got)
		}
	}
	guess := started[0]
	guess.Data = []byte(`{"estimate_seconds":5400,"remaining_seconds":0}`)
	if got := render(t, webhook.Endpoint{Format: "bambuddy"}, guess, webhook.Facts{}); !strings.Contains(got, `"estimated_time":"1h 30m"`) {
		t.Errorf("the slicer's estimate is told as %s", got)
	}
	test := journal.Entry{Seq: 1, Time: at(), Name: "test", Data: []byte(`{}`)}
	if got := render(t, webhook.Endpoint{Format: "bambuddy"}, test, webhook.Facts{}); strings.Contains(got, `"event"`) {
		t.Errorf("a test message names an event: %s", got)
	}
}

func TestRender_EveryFormatWritesEveryEvent(t *testing.T) {
	for _, f := range webhook.Formats() {
		if f.Name == "custom" {
			continue
		}
		e := webhook.Endpoint{ID: "wh", Format: f.Name, Variables: map[string]string{"chat_id": "-100"}}
		for i, row := range journal.Events() {
			for _, name := range []string{"", "Bench \"x\"\n{{.}}\u2028\x00"} {
				entry := journal.Entry{Seq: uint64(i + 1), Time: at(), Name: row.Name, PrinterID: 1, Serial: "S", Printer: name, Job: "J", Data: []byte(`{"progress":50,"job_name":` + quoted(name) + `,"reason":` + quoted(name) + `}`)}
				body, kind, err := e.Render(webhook.Delivery{Key: webhook.Key{Endpoint: "wh", Seq: 1}, Entry: entry}, time.UTC)
				if err != nil || len(body) == 0 {
					t.Errorf("%s of %s with %q: %v", f.Name, row.Name, name, err)
				}
				if kind == "application/json" && !json.Valid(body) {
					t.Errorf("%s of %s is no JSON: %s", f.Name, row.Name, body)
				}
			}
		}
	}
}

func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(data)
}

func TestRender_HomeAssistantHasNoNesting(t *testing.T) {
	list := events(t, printer.Job{}, job("", 0, "", 0), printer.Marks{})
	var body map[string]any
	if err := json.Unmarshal([]byte(render(t, webhook.Endpoint{Format: "home_assistant"}, list[0], webhook.Facts{})), &body); err != nil {
		t.Fatal(err)
	}
	for name, value := range body {
		if _, nested := value.(map[string]any); nested {
			t.Errorf("%s is nested", name)
		}
	}
	if body["event"] != "print_started" || body["filename"] != "benchy.3mf" || body["message"] == "" || body["printer"] != "Workshop X1C" {
		t.Errorf("the body is %v", body)
	}
}

func TestRender_Digest(t *testing.T) {
	list := events(t, printer.Job{}, job("", 0, "", 0), printer.Marks{})
	d := webhook.Delivery{Key: webhook.Key{Endpoint: "wh", Seq: 8, Part: webhook.Together}, Entry: journal.Entry{Time: at()}, Items: []webhook.Event{{Entry: list[0]}, {Entry: list[0]}}}
	for _, f := range webhook.Formats() {
		if f.Name == "custom" {
			continue
		}
		body, _, err := webhook.Endpoint{ID: "wh", Format: f.Name, Variables: map[string]string{"chat_id": "1"}}.Render(d, time.UTC)
		if err != nil || !strings.Contains(string(body), "benchy") {
			t.Errorf("%s: %s (%v)", f.Name, body, err)
		}
	}
	for _, pretend := range []bool{false, true} { // a digest is a test when all that it tells of is one
		d.Items[0].Facts.Test, d.Items[1].Facts.Test = true, pretend
		body, _, err := webhook.Endpoint{ID: "wh", Format: "standard"}.Render(d, time.UTC)
		if want := fmt.Sprintf(`"source":"Printwire","test":%t}`, pretend); err != nil || !strings.HasSuffix(string(body), want) {
			t.Errorf("the digest does not end in %s: %s (%v)", want, body, err)
		}
	}
}
