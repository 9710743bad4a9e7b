package webhook

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
)

// Store keeps endpoints, their health, what is queued for them and the log of
// what came of it. Each method is one transaction, but for those that only read.
type Store interface {
	// Last is the number of the newest event.
	Last() uint64
	// Cursor is the last sequence number that was applied.
	Cursor(ctx context.Context) (uint64, error)
	// Enqueue queues the deliveries and moves the cursor. When the cursor is
	// already there it does nothing, so that nothing is queued twice.
	Enqueue(ctx context.Context, upTo uint64, deliveries []Delivery) error

	// Endpoints are all that are stored, with their secrets, in the order of their creation.
	Endpoints(ctx context.Context) ([]Endpoint, error)
	PutEndpoint(ctx context.Context, e Endpoint) error
	// DeleteEndpoint removes it with its health, its queue and its log.
	DeleteEndpoint(ctx context.Context, id string) error
	// Healths are those of the endpoints that have been tried, by id.
	Healths(ctx context.Context) (map[string]Health, error)

	// Next is the first of the queue in the order of events, and the first in
	// the order of Due of those that wait apart. found says which there are.
	Next(ctx context.Context, endpoint string) (next Next, err error)
	// Due are up to limit deliveries of a part that wait apart and are due, in the order of events.
	Due(ctx context.Context, endpoint string, part Part, at time.Time, limit int) ([]Delivery, error)
	// Later tells whether one of the same group is queued behind a delivery.
	Later(ctx context.Context, d Delivery) (bool, error)
	// Record makes a step of an endpoint's deliveries.
	Record(ctx context.Context, s Step) error

	// Waiting counts what is under way to an endpoint, a digest's items too.
	Waiting(ctx context.Context, endpoint string) (int, error)
	// Deliveries are a page of an endpoint's, queued and logged, newest first. It
	// looks at a bounded number of them, however few are wanted: a page may be
	// short, or empty, and still have a next one.
	Deliveries(ctx context.Context, endpoint string, q Query) (Page, error)
	// Delivery is one. fault.NotFound: there is none, or no more.
	Delivery(ctx context.Context, k Key) (Delivery, error)
	// Trim drops the log beyond keep entries or before a time, and tells how many.
	Trim(ctx context.Context, endpoint string, keep int, before time.Time) (int, error)
}

// Next is what Store.Next finds.
type Next struct {
	Queued, Apart Delivery
	// HasQueued and HasApart say which there are.
	HasQueued, HasApart bool
}

// Step is one change of an endpoint's deliveries: each delivery replaces what
// is stored under its key, in the queue, apart or in the log as its state says.
type Step struct {
	Endpoint   string
	Deliveries []Delivery
	// Remove are deliveries that are gone without a trace, such as a digest's items.
	Remove []Key
	// Health, if not nil, is the endpoint's new one.
	Health *Health
	// Put, if not nil, replaces the endpoint.
	Put *Endpoint
	// Entries are events that the step causes.
	Entries []journal.Entry
}

// Query says which deliveries are wanted.
type Query struct {
	Limit int
	// Before is where the page begins: the Next of the one before.
	Before Cursor
	// State, if set, is the only state that is wanted. Ended leaves out what is
	// under way; Since what was created earlier.
	State State
	Ended bool
	Since time.Time
	// Printers, if not nil, leaves out what tells of any other.
	Printers []int
}

// Wants tells whether a delivery is one that the query asks for.
func (q Query) Wants(d Delivery) bool {
	return (q.State == "" || q.State == d.State) && (!q.Ended || d.State.Over()) && !d.Created.Before(q.Since) &&
		(q.Printers == nil || d.Within(q.Printers))
}

// Page is a part of a list of deliveries. Next is the zero Cursor at the end.
type Page struct {
	Deliveries []Delivery
	Next       Cursor
}

// Cursor is a place in a list of deliveries: behind one of them, or, where it
// is zero, before the first.
type Cursor struct {
	Seq  uint64
	Part Part
}

// String is the cursor as one word, "" for the zero one.
func (c Cursor) String() string {
	if c.Seq == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", c.Seq, c.Part)
}

// ParseCursor reads what String wrote. fault.Invalid: it is none.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	number, part, _ := strings.Cut(text, ".")
	seq, err := strconv.ParseUint(number, 10, 64)
	n, partErr := strconv.ParseUint(part, 10, 8)
	c := Cursor{seq, Part(n)}
	if err != nil || partErr != nil || c.Part > Together || c.String() != text {
		return Cursor{}, fault.New(fault.Invalid, "must be where a page of deliveries ended")
	}
	return c, nil
}
