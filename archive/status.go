package archive

import (
	"strings"

	"github.com/printwire/printwire/printer"
)

// StatusRow is one word for how a job stands, as clients know them, and the
// result that it counts as.
type StatusRow struct {
	Status string
	// Result is "" for a job that is not counted as ended.
	Result printer.Result
	// Editable: a person may write it on a record.
	Editable bool
}

// Statuses is the table of all status words.
func Statuses() []StatusRow {
	return []StatusRow{
		{"completed", printer.Success, true},
		{"failed", printer.Failure, true},
		{"aborted", printer.Failure, true},
		{"stopped", printer.Interrupted, true},
		{"cancelled", printer.Interrupted, true},
		{"skipped", printer.Interrupted, true},
		{"printing", "", false},
		{"archived", "", true},
	}
}

// statusOf finds the row that a word names: a status or a result. Of the
// statuses of a result, the first counts.
func statusOf(word string) (StatusRow, bool) {
	word = strings.ToLower(strings.TrimSpace(word))
	for _, row := range Statuses() {
		if row.Status == word || row.Result != "" && string(row.Result) == word {
			return row, true
		}
	}
	return StatusRow{}, false
}

// Status is a row of Statuses: what a person wrote, or what the printer did. An
// end that nobody saw is "aborted".
func (r Record) Status() string {
	switch {
	case r.Edits.Status.Known:
		return r.Edits.Status.Value
	case r.Result == printer.Success:
		return "completed"
	case r.Result == printer.Interrupted:
		return "stopped"
	case r.Result == printer.Failure && r.Reason == reasonUnknown:
		return "aborted"
	case r.Result == printer.Failure:
		return "failed"
	default:
		return "printing"
	}
}

// reasonUnknown is the reason of an end that nobody saw.
const reasonUnknown = "unknown"

// Outcome is the documented word for the end: success, failed, stopped, or ""
// while there is none. What a person wrote wins.
func (r Record) Outcome() printer.Result {
	row, _ := statusOf(r.Status())
	return row.Result
}
