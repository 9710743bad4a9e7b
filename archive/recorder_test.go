package archive_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

var start = time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC)

// story makes entries one minute apart of lines "event job json".
func story(lines ...string) []journal.Entry {
	var entries []journal.Entry
	for i, line := range lines {
		var name, job, data string
		_, _ = fmt.Sscan(line, &name, &job, &data)
		if job == "-" {
			job = ""
		}
		entries = append(entries, journal.Entry{
			Seq: uint64(i + 1), Time: start.Add(time.Duration(i) * time.Minute), Name: name, Job: job,
			PrinterID: 3, Serial: "S", Printer: "P", Data: json.RawMessage(data),
		})
	}
	return entries
}

func TestRecorder_Apply(t *testing.T) {
	entries := story(
		`printer_online - {}`,
		`print_started J1 {"job_name":"cube","file_name":"cube.3mf","progress":0}`,
		`print_progress J1 {"progress":25,"milestone":25}`,
		`print_paused J1 {"progress":30,"reason":"runout","code":"X"}`,
		`print_failed J1 {"progress":31,"reason":"jam","code":"0300"}`,
		`print_started J2 {"job_name":"two"}`,
		`print_complete J2 {"job_name":"two","progress":100}`,
		`print_progress J3 {"job_name":"found","progress":50}`,
		`print_stopped J3 {"progress":60,"duration_seconds":120,"reason":"user"}`,
		`print_started J4 nonsense`,
	)
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Minute) }
	n := printer.Some[int]
	want := []archive.Record{
		{ID: 4, Job: "J4", Created: at(9), Updated: at(9), Start: at(9)},
		{ID: 3, Job: "J3", Name: "found", Created: at(7), Updated: at(8), Start: at(6), End: at(8), DurationSeconds: n(120), Result: printer.Interrupted, Reason: "user", Progress: n(60)},
		{ID: 2, Job: "J2", Name: "two", Created: at(5), Updated: at(6), Start: at(5), End: at(6), DurationSeconds: n(60), Result: printer.Success, Progress: n(100)},
		{ID: 1, Job: "J1", Name: "cube", File: "cube.3mf", Created: at(1), Updated: at(4), Start: at(1), End: at(4), DurationSeconds: n(180), Pauses: 1, PausedSeconds: 60, Result: printer.Failure, Reason: "jam", Code: "0300", Progress: n(31)},
	}
	for i := range want {
		want[i].PrinterID, want[i].Serial, want[i].Printer = 3, "S", "P"
	}
	// Any cut of the story into batches gives the same records.
	for size := 1; size <= len(entries); size++ {
		s := newShelf()
		r := archive.New(s)
		for batch := range slices.Chunk(entries, size) {
			if err := r.Apply(t.Context(), batch, 0); err != nil {
				t.Fatal(err)
			}
		}
		page, err := r.Page(t.Context(), archive.Query{})
		got := page.Records
		if err != nil || show(got) != show(want) {
			t.Errorf("in batches of %d:\n%s (%v)\nwant\n%s", size, show(got), err, show(want))
		}
		if seq, _ := r.Cursor(t.Context()); seq != uint64(len(entries)) {
			t.Errorf("the cursor is %d", seq)
		}
	}
}

func show(records []archive.Record) string {
	text, _ := json.MarshalIndent(records, "", " ")
	return string(text)
}

func TestRecorder_RepeatsAndFailures(t *testing.T) {
	s := newShelf()
	r := archive.New(s)
	entries := story(`print_started J1 {"progress":0}`, `print_complete J1 {"progress":100}`)
	s.fail = errors.New("full")
	if err := r.Apply(t.Context(), entries, 0); !errors.Is(err, s.fail) {
		t.Errorf("a failing store gave %v", err)
	}
	s.fail = nil
	for range 2 {
		if err := r.Apply(t.Context(), entries, 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Apply(t.Context(), nil, 0); err != nil || s.applied != 1 || len(s.records) != 1 {
		t.Errorf("applied %d times, %d records (%v)", s.applied, len(s.records), err)
	}
	page, _ := r.Page(t.Context(), archive.Query{Limit: 1})
	if list := page.Records; len(list) != 1 || list[0].Result != printer.Success {
		t.Errorf("list is %+v", list)
	}
	if r.Name() != "archive" {
		t.Errorf("the cursor's name has become %q", r.Name())
	}
}

func TestRecorder_EveryEndIsInTheJournal(t *testing.T) {
	rows := map[string]bool{}
	for _, row := range journal.Events() {
		rows[row.Name] = true
	}
	for _, name := range []string{"print_complete", "print_failed", "print_stopped", "print_started"} {
		s := newShelf()
		if err := archive.New(s).Apply(t.Context(), story(name+` J {}`), 0); err != nil {
			t.Fatal(err)
		}
		if ended := s.records[1].Result != ""; !rows[name] || ended != (name != "print_started") {
			t.Errorf("%s: in the journal %v, ends a job %v", name, rows[name], ended)
		}
	}
}
