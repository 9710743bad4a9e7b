package webhook_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/webhook"
)

func entry(name string, d printer.Detail) webhook.Event {
	data, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return webhook.Event{Entry: journal.Entry{Seq: 1, Time: at(), Name: name, PrinterID: 3, Job: "J", Data: data}}
}

func n(v int) *int { return &v }

func milestone(kind string, mark int, d printer.Detail) webhook.Event {
	d.Milestone, d.MilestoneKind = &mark, kind
	return entry("print_progress", d)
}

func TestEndpoint_Wants(t *testing.T) {
	start := at().Add(-time.Minute)
	for name, c := range map[string]struct {
		e    webhook.Endpoint
		ev   webhook.Event
		want bool
	}{
		"the usual events":                 {webhook.Endpoint{}, entry("print_complete", printer.Detail{}), true},
		"not every event":                  {webhook.Endpoint{}, entry("door_opened", printer.Detail{}), false},
		"a named event":                    {webhook.Endpoint{Events: []string{"door_opened"}}, entry("door_opened", printer.Detail{}), true},
		"only named events":                {webhook.Endpoint{Events: []string{"door_opened"}}, entry("print_complete", printer.Detail{}), false},
		"all events":                       {webhook.Endpoint{Events: []string{"*"}}, entry("bed_cooled", printer.Detail{}), true},
		"another printer":                  {webhook.Endpoint{Printers: []int{1, 2}}, entry("print_complete", printer.Detail{}), false},
		"this printer":                     {webhook.Endpoint{Printers: []int{1, 3}}, entry("print_complete", printer.Detail{}), true},
		"another result":                   {webhook.Endpoint{Results: []printer.Result{printer.Failure}}, entry("print_complete", printer.Detail{Result: printer.Success}), false},
		"no result yet":                    {webhook.Endpoint{Results: []printer.Result{printer.Failure}}, entry("print_started", printer.Detail{}), true},
		"before it was made":               {webhook.Endpoint{After: 1}, entry("print_complete", printer.Detail{}), false},
		"a short job by its estimate":      {webhook.Endpoint{MinimumMinutes: 30}, entry("print_complete", printer.Detail{EstimateSeconds: n(600)}), false},
		"a long job":                       {webhook.Endpoint{MinimumMinutes: 30}, entry("print_complete", printer.Detail{EstimateSeconds: n(6000)}), true},
		"a long job that failed at once":   {webhook.Endpoint{MinimumMinutes: 30}, entry("print_failed", printer.Detail{Result: printer.Failure, DurationSeconds: n(300), Progress: n(5)}), true},
		"a short job that failed":          {webhook.Endpoint{MinimumMinutes: 30}, entry("print_failed", printer.Detail{Result: printer.Failure, DurationSeconds: n(300), Progress: n(50)}), false},
		"a job that runs":                  {webhook.Endpoint{MinimumMinutes: 30}, entry("print_started", printer.Detail{StartedAt: &start, RemainingSeconds: n(600)}), false},
		"a job of unknown length":          {webhook.Endpoint{MinimumMinutes: 30}, entry("print_started", printer.Detail{}), true},
		"a job that does not know yet":     {webhook.Endpoint{MinimumMinutes: 30}, entry("print_started", printer.Detail{StartedAt: &start, RemainingSeconds: n(0), Progress: n(0)}), true},
		"a short job at its end":           {webhook.Endpoint{MinimumMinutes: 30}, milestone("percent", 75, printer.Detail{StartedAt: &start, RemainingSeconds: n(0), Progress: n(90)}), false},
		"an estimate without end":          {webhook.Endpoint{MinimumMinutes: 30}, entry("print_started", printer.Detail{EstimateSeconds: n(1 << 40)}), true},
		"a fault, however short":           {webhook.Endpoint{MinimumMinutes: 30}, entry("printer_error", printer.Detail{}), true},
		"a milestone of the usual":         {webhook.Endpoint{}, milestone("percent", 25, printer.Detail{}), true},
		"a milestone of others":            {webhook.Endpoint{}, milestone("percent", 30, printer.Detail{}), false},
		"no milestones":                    {webhook.Endpoint{Milestones: webhook.Milestones{Percent: []int{}}}, milestone("percent", 25, printer.Detail{}), false},
		"every ten layers":                 {webhook.Endpoint{Milestones: webhook.Milestones{EveryLayers: 10}}, milestone("layer", 30, printer.Detail{}), true},
		"a layer of others":                {webhook.Endpoint{Milestones: webhook.Milestones{EveryLayers: 10}}, milestone("layer", 35, printer.Detail{}), false},
		"minutes before the end":           {webhook.Endpoint{Milestones: webhook.Milestones{MinutesLeft: []int{5}}}, milestone("minutes_left", 5, printer.Detail{}), true},
		"minutes of others":                {webhook.Endpoint{Milestones: webhook.Milestones{MinutesLeft: []int{5}}}, milestone("minutes_left", 10, printer.Detail{}), false},
		"milestones of a short job":        {webhook.Endpoint{Milestones: webhook.Milestones{MinimumMinutes: 60}}, milestone("percent", 25, printer.Detail{EstimateSeconds: n(600)}), false},
		"the end of a job without its own": {webhook.Endpoint{Milestones: webhook.Milestones{MinimumMinutes: 60}}, entry("print_complete", printer.Detail{EstimateSeconds: n(600)}), true},
	} {
		if got := c.e.Wants(c.ev); got != c.want {
			t.Errorf("%s: wanted is %v, should be %v", name, got, c.want)
		}
	}
}

func TestEndpoint_Jumps(t *testing.T) {
	marks := []int{10, 25, 50, 75}
	for _, c := range []struct {
		jumps    string
		from, to int
		want     string
	}{
		{"all", 20, 80, "[25 50 75]"}, {"highest", 20, 80, "[75]"}, {"highest", 20, 30, "[25]"}, {"highest", 76, 100, "[]"}, {"highest", 0, 100, "[75]"},
	} {
		e := webhook.Endpoint{Milestones: webhook.Milestones{Percent: marks, Jumps: c.jumps}}
		// The bridge is asked for more marks, by others.
		list := events(t, job("", c.from, "", 0), job("", c.to, "", 0), webhook.Union(e.Marks(), printer.Marks{Percent: []int{60, 99}}))
		got := []int{}
		for _, ev := range list {
			if e.Wants(webhook.Event{Entry: ev}) {
				var d printer.Detail
				if err := json.Unmarshal(ev.Data, &d); err != nil {
					t.Fatal(err)
				}
				got = append(got, *d.Milestone)
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s from %d to %d: told %v, want %s", c.jumps, c.from, c.to, got, c.want)
		}
	}
	left := webhook.Endpoint{Milestones: webhook.Milestones{MinutesLeft: []int{30, 10, 5}, Jumps: "highest"}}
	if left.Wants(milestone("minutes_left", 30, printer.Detail{RemainingSeconds: n(540)})) || !left.Wants(milestone("minutes_left", 10, printer.Detail{RemainingSeconds: n(540)})) {
		t.Error("of two minutes that were crossed at once, not the last one was told")
	}
	layers := webhook.Endpoint{Milestones: webhook.Milestones{EveryLayers: 10, Jumps: "highest"}}
	if layers.Wants(milestone("layer", 20, printer.Detail{Layer: n(35)})) || !layers.Wants(milestone("layer", 30, printer.Detail{Layer: n(35)})) {
		t.Error("of two layers that were crossed at once, not the last one was told")
	}
}

func TestUnion(t *testing.T) {
	got := webhook.Union(printer.Marks{Percent: []int{50, 25}, EveryLayers: []int{10}}, printer.Marks{Percent: []int{25, 75}, MinutesLeft: []int{5}})
	if fmt.Sprint(got) != "{[25 50 75] [10] [5]}" {
		t.Errorf("the union is %v", got)
	}
}

func TestQuiet_Hours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	local := func(month, day, hour, minute int) time.Time {
		return time.Date(2026, time.Month(month), day, hour, minute, 0, 0, berlin)
	}
	utc := func(month, day, hour, minute int) time.Time {
		return time.Date(2026, time.Month(month), day, hour, minute, 0, 0, time.UTC)
	}
	night := webhook.Quiet{Mode: "hold", From: "22:00", To: "07:00"}
	for _, c := range []struct {
		q     webhook.Quiet
		at    time.Time
		quiet bool
		until time.Time
	}{
		{night, local(6, 1, 21, 59), false, time.Time{}},
		{night, local(6, 1, 22, 0), true, local(6, 2, 7, 0)},
		{night, local(6, 2, 6, 59), true, local(6, 2, 7, 0)},
		{night, local(6, 2, 7, 0), false, time.Time{}},
		{webhook.Quiet{Mode: "drop", From: "12:00", To: "13:00"}, local(6, 2, 12, 30), true, local(6, 2, 13, 0)},
		{webhook.Quiet{From: "00:00", To: "23:59"}, local(6, 2, 12, 30), false, time.Time{}},
		// The night in which summer time begins is an hour shorter.
		{night, local(3, 28, 23, 0), true, local(3, 29, 7, 0)},
		// An hour that is there twice is quiet from the first time to the last.
		{webhook.Quiet{Mode: "hold", From: "02:30", To: "03:15"}, utc(10, 25, 0, 29), false, time.Time{}},
		{webhook.Quiet{Mode: "hold", From: "02:30", To: "03:15"}, utc(10, 25, 0, 30), true, utc(10, 25, 2, 15)},
		{webhook.Quiet{Mode: "hold", From: "02:30", To: "03:15"}, utc(10, 25, 1, 10), true, utc(10, 25, 2, 15)},
		{webhook.Quiet{Mode: "hold", From: "22:00", To: "02:30"}, utc(10, 25, 1, 10), true, utc(10, 25, 1, 30)},
		{webhook.Quiet{Mode: "hold", From: "22:00", To: "02:30"}, utc(3, 29, 1, 10), true, utc(3, 29, 1, 30)},
	} {
		until, quiet := c.q.Ends(c.at.UTC(), berlin)
		if quiet != c.quiet || !until.Equal(c.until) {
			t.Errorf("%+v at %s: quiet %v until %s, want %v until %s", c.q, c.at, quiet, until, c.quiet, c.until)
		}
	}
	d := webhook.Digest{Mode: "digest", At: "08:00"}
	for from, want := range map[time.Time]time.Time{
		local(6, 1, 7, 59): local(6, 1, 8, 0), local(6, 1, 8, 0): local(6, 2, 8, 0), local(3, 28, 9, 0): local(3, 29, 8, 0),
	} {
		if got := d.Next(from.UTC(), berlin); !got.Equal(want) {
			t.Errorf("the digest after %s is at %s, want %s", from, got, want)
		}
	}
	// In an hour that is there twice it comes the first time, and not again.
	d.At = "02:30"
	for from, want := range map[time.Time]time.Time{utc(10, 24, 12, 0): utc(10, 25, 0, 30), utc(10, 25, 0, 30): utc(10, 26, 1, 30), utc(3, 28, 12, 0): utc(3, 29, 1, 30)} {
		if got := d.Next(from, berlin); !got.Equal(want) {
			t.Errorf("the digest after %s is at %s, want %s", from, got, want)
		}
	}
	// Every day has one digest, also where summer time begins at midnight and an hour is there twice.
	for _, zone := range []string{"Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu"} {
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, minute := range []string{"00:00", "00:30", "02:30", "23:59"} {
			d, days := webhook.Digest{Mode: "digest", At: minute}, map[string]int{}
			end := time.Date(2027, 1, 1, 0, 0, 0, 0, place)
			for at := d.Next(time.Date(2025, 12, 31, 23, 59, 59, 0, place), place); at.Before(end); at = d.Next(at, place) {
				days[at.In(place).Format("2006-01-02")]++
			}
			if len(days) != 365 {
				t.Errorf("%s at %s: digests on %d days of the year", zone, minute, len(days))
			}
		}
	}
}
