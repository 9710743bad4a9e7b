package archive

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// Limits of a page.
const (
	// DefaultLimit is how many records a page has unless asked otherwise.
	DefaultLimit = 50
	// MaxLimit is how many it may have.
	MaxLimit = 1000
)

// Query asks for one page of a list.
type Query struct {
	Filter
	// Limit is 1 to MaxLimit; 0 is DefaultLimit.
	Limit int
	// Offset counts from the newest. It is for clients that number pages; a
	// list that grows shifts them.
	Offset int
	// Cursor is a Page's Next: the page goes on exactly where that one ended.
	// It excludes Offset.
	Cursor string
}

// Page is one page of a list, newest first.
type Page struct {
	Records []Record
	// Total is how many records the filter chooses.
	Total int
	// Next asks for the page that follows, "" for the last one.
	Next string
}

// Page is one page of the records that a filter chooses, newest first.
// fault.Invalid: the filter's errors, a limit, offset or cursor that is none.
func (r *Recorder) Page(ctx context.Context, q Query) (Page, error) {
	if err := q.check(); err != nil {
		return Page{}, err
	}
	after, err := parseCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	entries, err := r.entries(ctx)
	if err != nil {
		return Page{}, err
	}
	found, total := choose(entries, q, after)
	more := len(found) > q.Limit
	found = found[:min(len(found), q.Limit)]
	ids := make([]int, len(found))
	for i, e := range found {
		ids[i] = e.ID
	}
	records, err := r.store.Records(ctx, ids)
	if err != nil {
		return Page{}, fmt.Errorf("listing the records: %w", err)
	}
	page := Page{Records: records, Total: total}
	if more {
		page.Next = place(found[len(found)-1]).String()
	}
	return page, nil
}

func (q Query) check() error {
	if err := q.Check(); err != nil {
		return err
	}
	switch {
	case q.Limit < 0 || q.Limit > MaxLimit:
		return fault.New(fault.Invalid, "the limit must be 1 to %d, got %d", MaxLimit, q.Limit).At("limit")
	case q.Offset < 0:
		return fault.New(fault.Invalid, "the offset must be 0 or more, got %d", q.Offset).At("offset")
	case q.Offset > 0 && q.Cursor != "":
		return fault.New(fault.Invalid, "a page has either a cursor or an offset").At("cursor")
	}
	return nil
}

// choose collects one more than the page holds, and counts all.
func choose(entries []*Summary, q Query, after position) (found []*Summary, total int) {
	m := q.matcher()
	skip := q.Offset
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		if e.Deleted || !m.match(e) {
			continue
		}
		total++
		switch {
		case after.id != 0 && !place(e).less(after):
		case skip > 0:
			skip--
		case len(found) <= q.Limit:
			found = append(found, e)
		}
	}
	return found, total
}

// position is a record's place in the order of lists.
type position struct {
	created int64
	id      int
}

func place(s *Summary) position { return position{stamp(s.Created), s.ID} }

// stamp is a time as a number; no time comes first.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func (p position) less(o position) bool {
	if p.created != o.created {
		return p.created < o.created
	}
	return p.id < o.id
}

// String is the position as a cursor.
func (p position) String() string {
	return strconv.FormatInt(p.created, 36) + "." + strconv.Itoa(p.id)
}

func parseCursor(text string) (position, error) {
	if text == "" {
		return position{}, nil
	}
	created, id, _ := strings.Cut(text, ".")
	c, err := strconv.ParseInt(created, 36, 64)
	n, err2 := strconv.Atoi(id)
	if err != nil || err2 != nil || n < 1 || len(text) > 40 {
		return position{}, fault.New(fault.Invalid, "%.40q is no cursor of a list; use one that a page gave", text).At("cursor")
	}
	return position{c, n}, nil
}
