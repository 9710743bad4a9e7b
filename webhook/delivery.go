package webhook

import (
	"fmt"
	"slices"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// State says where a delivery is.
type State string

// The states. Waiting and Retrying are under way, the rest are ends.
const (
	Waiting    State = "waiting"
	Retrying   State = "retrying"
	Delivered  State = "delivered"
	Failed     State = "failed"
	Expired    State = "expired"
	Superseded State = "superseded"
	Blocked    State = "blocked"
)

// States are all of them, in the order in which people read them.
func States() []State {
	return []State{Waiting, Retrying, Delivered, Failed, Expired, Superseded, Blocked}
}

// Over tells whether a delivery is not tried any more.
func (s State) Over() bool { return s != Waiting && s != Retrying }

// Part tells apart what one event can make for one endpoint.
type Part byte

// The parts.
const (
	// Alone is an event that is sent by itself.
	Alone Part = iota
	// Item is an event that waits for the digest; it is never sent by itself.
	Item
	// Together is a digest; its number is that of its last item.
	Together
)

// Key names a delivery in a store, in the order of events.
type Key struct {
	Endpoint string `json:"endpoint"`
	Seq      uint64 `json:"seq"`
	Part     Part   `json:"part,omitempty"`
}

// suffixes tell the parts of an event apart in ids. No endpoint's id has a dash.
func suffixes() [Together + 1]string { return [...]string{Item: "-item", Together: "-digest"} }

// ID is the webhook-id, the same on every attempt.
func (k Key) ID() string {
	id := fmt.Sprintf("msg_%d_%s", k.Seq, k.Endpoint)
	if all := suffixes(); int(k.Part) < len(all) {
		id += all[k.Part]
	}
	return id
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	Key
	State State `json:"state"`
	// Entry is the event; Facts is what else was known of it then.
	Entry journal.Entry `json:"entry"`
	Facts Facts         `json:"facts,omitzero"`
	// Items are a digest's events.
	Items []Event `json:"items,omitempty"`
	// Group is the same for events of which a later one makes an earlier one stale.
	Group string `json:"group,omitempty"`
	// Apart: it does not wait for its turn but for Due alone.
	Apart   bool      `json:"apart,omitempty"`
	Created time.Time `json:"created_at"`
	// Due is when it is tried next; Expires when no more.
	Due     time.Time `json:"due_at,omitzero"`
	Expires time.Time `json:"expires_at"`
	// Tries counts attempts since it was queued; Attempts are the last ones, oldest first.
	Tries    int       `json:"tries"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// Request is the beginning of the body as it was last sent.
	Request string    `json:"request,omitempty"`
	Ended   time.Time `json:"ended_at,omitzero"`
	// Reason says why it ended without success.
	Reason string `json:"reason,omitempty"`
}

// Tried is how often it was tried in all, as far as attempts are kept.
func (d Delivery) Tried() int { return max(d.Tries, len(d.Attempts)) }

// Within tells whether a delivery tells of nothing but some printers; a test
// tells of none.
func (d Delivery) Within(printers []int) bool {
	known := func(e journal.Entry) bool {
		return e.Name == "test" || e.PrinterID != 0 && slices.Contains(printers, e.PrinterID)
	}
	if len(d.Items) > 0 {
		return !slices.ContainsFunc(d.Items, func(item Event) bool { return !known(item.Entry) })
	}
	return known(d.Entry)
}

// Attempt is one try.
type Attempt struct {
	At           time.Time `json:"at"`
	Milliseconds int       `json:"milliseconds"`
	// Status is the HTTP status, 0 when there was no answer.
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
	// Response is the beginning of the answer's body.
	Response string `json:"response,omitempty"`
}

// Event is an entry with what else was known of it.
type Event struct {
	Entry journal.Entry `json:"entry"`
	Facts Facts         `json:"facts,omitzero"`
}

// Facts are what the event itself does not say.
type Facts struct {
	// ArchiveID is the record of the job, 0 when there is none.
	ArchiveID  int                  `json:"archive_id,omitempty"`
	EnergyKWh  printer.Opt[float64] `json:"energy_kwh,omitzero"`
	EnergyCost printer.Opt[float64] `json:"energy_cost,omitzero"`
	Currency   string               `json:"currency,omitempty"`
	// Test: the printer is a simulated one.
	Test bool `json:"test,omitempty"`
}
