// Package journal owns what happened, in order: the table of all events, the
// entry that records one, and the reader that followers use. It does not
// store anything itself; storage does, and it knows no printers.
package journal

import (
	"context"
	"encoding/json"
	"time"
)

// Entry is one event as it was recorded, together with the state that caused
// it, before anyone was told. Entries never change.
type Entry struct {
	// Seq rises strictly and is never reused; a gap is possible after retention.
	Seq uint64 `json:"seq"`
	// Time is when the event was recorded, in UTC.
	Time time.Time `json:"time"`
	// Name is a row of the table Events.
	Name string `json:"event"`
	// PrinterID and Serial are of the printer it is about, or 0 and "".
	PrinterID int    `json:"printer_id,omitempty"`
	Serial    string `json:"serial,omitempty"`
	// Printer is the printer's name at that time.
	Printer string `json:"printer,omitempty"`
	// Job is the id of the job it is about, or "".
	Job string `json:"job,omitempty"`
	// Data is a JSON object with the fields that the event's row names.
	Data json.RawMessage `json:"data"`
}

// Reader gives followers the entries in order.
type Reader interface {
	// After returns up to limit entries with Seq > seq, oldest first, and how
	// many entries between seq and the first of them have been dropped by
	// retention before this follower read them.
	After(ctx context.Context, seq uint64, limit int) (entries []Entry, lost int, err error)
	// Wait returns when an entry with Seq > seq exists, or ctx ends with its error.
	Wait(ctx context.Context, seq uint64) error
	// Last is the highest sequence number given so far, 0 for none.
	Last() uint64
}

// Follower acts on events one batch after another.
type Follower interface {
	// Name identifies the follower's cursor for ever.
	Name() string
	// Cursor is the last sequence number whose effect is done.
	Cursor(ctx context.Context) (uint64, error)
	// Apply acts on entries, in order, and records the sequence number of the
	// last one as done. A follower whose effect is in the file does both in one
	// transaction; one whose effect leaves the process may see them again.
	Apply(ctx context.Context, entries []Entry, lost int) error
}
