package archive

import (
	"encoding/json"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// Record is what is kept of one job.
type Record struct {
	// Job is the job's id. Ids sort by the time at which jobs were first seen.
	Job       string `json:"job"`
	PrinterID int    `json:"printer_id"`
	Serial    string `json:"serial"`
	// Printer is the printer's name when the job was last heard of.
	Printer string `json:"printer"`
	Name    string `json:"name,omitempty"`
	File    string `json:"file,omitempty"`
	// Start and End are zero when they were not seen, or not yet.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Result is "" while the job is under way.
	Result printer.Result `json:"result,omitempty"`
	Reason string         `json:"reason,omitempty"`
	Code   string         `json:"code,omitempty"`
	// Progress is in %, as last told.
	Progress *int `json:"progress,omitempty"`
}

// results is the table of the events that end a job.
func results() map[string]printer.Result {
	return map[string]printer.Result{
		"print_complete": printer.Success,
		"print_failed":   printer.Failure,
		"print_stopped":  printer.Interrupted,
	}
}

// follow is the record after an event of its job. Data that cannot be read
// leaves the record's fields as they are: the event still counts.
func (r Record) follow(e journal.Entry) Record {
	var d printer.Detail
	if json.Unmarshal(e.Data, &d) != nil {
		d = printer.Detail{}
	}
	r.Job, r.PrinterID, r.Serial, r.Printer = e.Job, e.PrinterID, e.Serial, e.Printer
	if d.JobName != "" {
		r.Name = d.JobName
	}
	if d.FileName != "" {
		r.File = d.FileName
	}
	if d.Progress != nil {
		r.Progress = d.Progress
	}
	if e.Name == "print_started" {
		r.Start = e.Time
	}
	result, ended := results()[e.Name]
	if !ended {
		return r
	}
	r.Result, r.Reason, r.Code, r.End = result, d.Reason, d.Code, e.Time
	if r.Start.IsZero() && d.DurationSeconds != nil {
		r.Start = e.Time.Add(-time.Duration(*d.DurationSeconds) * time.Second)
	}
	return r
}
