package archive_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
)

func TestRecorder_Failures(t *testing.T) {
	s := newShelf()
	now := start.AddDate(0, 0, 15)
	r := archive.NewWith(s, archive.Options{Now: func() time.Time { return now }})
	var lines []string
	for i, end := range []string{`print_complete {}`, `print_failed {"reason":"jam"}`, `print_failed {"reason":"jam"}`, `print_stopped {}`, `print_failed {"reason":"fire"}`, `print_failed {}`} {
		var name, data string
		_, _ = fmt.Sscan(end, &name, &data)
		lines = append(lines, fmt.Sprintf("print_started J%d {}", i), fmt.Sprintf("filament_changed J%d {\"tray\":\"external\",\"material\":\"P%d\"}", i, i%2), fmt.Sprintf("%s J%d %s", name, i, data))
	}
	entries := story(lines...)
	for i := range entries {
		entries[i].Time = start.AddDate(0, 0, 3*(i/3)) // One print each third day, at 07:00.
	}
	if err := r.Apply(t.Context(), entries, 0); err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("", 3600)
	got, err := r.Failures(t.Context(), archive.Filter{From: start}, zone)
	if err != nil {
		t.Fatal(err)
	}
	// The last print begins at the end of the time, which does not belong to it.
	text := fmt.Sprintf("%v %v %v %v %v %v %v %v", got.Prints, got.Failed, got.ByReason, got.ByMaterial, got.ByPrinter, got.ByHour[8], len(got.Recent), got.Recent[0].Job)
	if want := "5 3 [{jam 2} {fire 1}] [{P0 2} {P1 1}] [{P 3}] 3 3 J4"; text != want {
		t.Errorf("failures are %s, want %s", text, want)
	}
	if len(got.Weeks) != 2 || !got.Weeks[0].Start.Equal(start.AddDate(0, 0, 1)) || got.Weeks[0].Prints != 2 || got.Weeks[0].Failed != 2 || got.Weeks[1].Prints != 2 || got.Weeks[1].Failed != 1 {
		t.Errorf("weeks are %+v", got.Weeks)
	}
	if err := r.Delete(t.Context(), got.Recent[0].ID, false); err != nil {
		t.Fatal(err)
	}
	again, err := r.Failures(t.Context(), archive.Filter{}, nil)
	if err != nil || again.Failed != 3 || len(again.Recent) != 2 || again.Weeks != nil {
		t.Errorf("after a delete: %+v (%v)", again, err)
	}
	if _, err := r.Failures(t.Context(), archive.Filter{Status: "no such"}, nil); err == nil {
		t.Error("a status that is none was taken")
	}
}

func TestRecorder_FailuresReadsABoundedNumberOfRecords(t *testing.T) {
	s := newShelf()
	r := archive.NewWith(s, archive.Options{Now: func() time.Time { return start.AddDate(1, 0, 0) }})
	var lines []string
	for i := range 2100 {
		lines = append(lines, fmt.Sprintf("print_started J%d {}", i), fmt.Sprintf(`print_failed J%d {"reason":"jam"}`, i))
	}
	if err := r.Apply(t.Context(), story(lines...), 0); err != nil {
		t.Fatal(err)
	}
	got, err := r.Failures(t.Context(), archive.Filter{}, nil)
	if err != nil || got.Failed != 2100 || got.ByPrinter[0].Count != 2100 || got.ByMaterial[0].Count != 2100 || got.ByReason[0].Count != 2000 || got.Recent[0].ID != 2100 {
		t.Errorf("%d failed, %v, %v, %v (%v)", got.Failed, got.ByPrinter, got.ByMaterial, got.ByReason, err)
	}
}
