package archive

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Limits of what people may write on a record.
const (
	MaxName     = 200
	MaxNotes    = 4000
	MaxTags     = 32
	MaxTag      = 64
	MaxGrams    = 100_000
	MaxQuantity = 10_000
	// maxHistory is how many changes can be undone.
	maxHistory = 10
)

// Edit is a change by a person. A nil field is not changed.
type Edit struct {
	// By says who changes it, for the history.
	By string
	// Revision, if not nil, must be the record's own: somebody else's change in
	// between is fault.Conflict.
	Revision *int
	// Name and Notes: "" takes away what was written.
	Name, Notes *string
	// Tags replace all tags.
	Tags *[]string
	// Result is a result or a status that ends a job; "" goes back to what the printer told.
	Result *string
	// Grams and Quantity: a number below 0 is fault.Invalid; see Clear.
	Grams    *float64
	Quantity *int
	Favorite *bool
	// ClearGrams and ClearQuantity take away what was written.
	ClearGrams, ClearQuantity bool
}

// Edit changes what people wrote on a record, and remembers what stood there.
// fault.NotFound: there is no such record. fault.Invalid: a value that is too
// long, out of range, or no result. fault.Conflict: another revision, or a
// result for a job that is under way.
func (r *Recorder) Edit(ctx context.Context, id int, e Edit) (Record, error) {
	if err := e.check(); err != nil {
		return Record{}, err
	}
	rec, err := r.update(ctx, id, func(rec Record) (Record, error) {
		if e.Revision != nil && *e.Revision != rec.Revision {
			return rec, stale(id)
		}
		if e.Result != nil && *e.Result != "" && rec.Running() {
			return rec, fault.New(fault.Conflict, "print %d is under way; its result can be set when it has ended", id).At("result")
		}
		next := e.on(rec.Edits)
		if next.equal(rec.Edits) {
			return rec, nil
		}
		return rec.revised(Revision{At: r.now().UTC(), By: e.By, Edits: rec.Edits}, next), nil
	})
	if err != nil {
		return Record{}, fmt.Errorf("editing print %d: %w", id, err)
	}
	return rec, nil
}

func stale(id int) error {
	return fault.New(fault.Conflict, "print %d was changed in the meantime", id).At("revision").
		WithHint("read it again and repeat the change")
}

// Undo takes the last change back. Undoing is no change that could be undone.
// fault.Conflict: there is nothing to undo, or another revision than given (nil for any).
func (r *Recorder) Undo(ctx context.Context, id int, revision *int) (Record, error) {
	rec, err := r.update(ctx, id, func(rec Record) (Record, error) {
		switch {
		case revision != nil && *revision != rec.Revision:
			return rec, stale(id)
		case len(rec.History) == 0:
			return rec, fault.New(fault.Conflict, "nothing was changed on print %d that could be undone", id)
		}
		rec.Edits, rec.History = rec.History[0].Edits, slices.Clone(rec.History[1:])
		rec.Revision++
		return rec, nil
	})
	if err != nil {
		return Record{}, fmt.Errorf("undoing a change of print %d: %w", id, err)
	}
	return rec, nil
}

// Delete removes a record and its samples. It stays counted in the statistics
// unless purge. Its number and its job never come back.
// fault.NotFound: there is no such record.
func (r *Recorder) Delete(ctx context.Context, id int, purge bool) error {
	if _, err := r.store.Record(ctx, id); err != nil {
		return err
	}
	return r.remove(ctx, []int{id}, purge)
}

func (r *Recorder) remove(ctx context.Context, ids []int, purge bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.store.Delete(ctx, ids, r.now().UTC(), purge); err != nil {
		return fmt.Errorf("deleting %d prints: %w", len(ids), err)
	}
	r.list.drop(ids, purge)
	r.numbers.forget(ids)
	return nil
}

func (r Record) revised(was Revision, next Edits) Record {
	r.Edits = next
	r.Revision++
	history := append([]Revision{was}, r.History...)
	r.History = history[:min(len(history), maxHistory)]
	return r
}

func (e Edits) equal(o Edits) bool {
	return e.Name == o.Name && e.Notes == o.Notes && slices.Equal(e.Tags, o.Tags) && e.Status == o.Status &&
		e.Grams == o.Grams && e.Quantity == o.Quantity && e.Favorite == o.Favorite
}

// on is what stands after the change.
func (e Edit) on(was Edits) Edits {
	text := func(to *printer.Opt[string], from *string) {
		if from != nil {
			*to = printer.Opt[string]{Value: *from, Known: *from != ""}
		}
	}
	text(&was.Name, e.Name)
	text(&was.Notes, e.Notes)
	if e.Tags != nil {
		was.Tags = cleanTags(*e.Tags)
	}
	if e.Result != nil {
		row, ok := statusOf(*e.Result)
		was.Status = printer.Opt[string]{Value: row.Status, Known: ok}
	}
	set(&was.Grams, e.Grams)
	set(&was.Quantity, e.Quantity)
	if e.ClearGrams {
		was.Grams = printer.Opt[float64]{}
	}
	if e.ClearQuantity {
		was.Quantity = printer.Opt[int]{}
	}
	if e.Favorite != nil {
		was.Favorite = *e.Favorite
	}
	return was
}

// cleanTags are the tags without blanks around them, each once.
func cleanTags(tags []string) []string {
	var list []string
	for _, t := range tags {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

func (e Edit) check() error {
	if err := checkText("name", e.Name, MaxName, false); err != nil {
		return err
	}
	if err := checkText("notes", e.Notes, MaxNotes, true); err != nil {
		return err
	}
	if e.Tags != nil {
		if len(*e.Tags) > MaxTags {
			return fault.New(fault.Invalid, "a print may have %d tags, got %d", MaxTags, len(*e.Tags)).At("tags")
		}
		for i, t := range *e.Tags {
			if err := checkText(fmt.Sprintf("tags/%d", i), &t, MaxTag, false); err != nil {
				return err
			}
		}
	}
	if e.Result != nil && *e.Result != "" {
		if row, ok := statusOf(*e.Result); !ok || !row.Editable {
			return fault.New(fault.Invalid, "%.40q is no result that a print can be given; success, failed, stopped are", *e.Result).At("result")
		}
	}
	// The comparisons are written so that no number at all fails too.
	if e.Grams != nil && !(*e.Grams >= 0 && *e.Grams <= MaxGrams) || e.Grams != nil && math.IsNaN(*e.Grams) {
		return fault.New(fault.Invalid, "grams must be 0 to %d, got %v", MaxGrams, *e.Grams).At("filament_used_grams")
	}
	if e.Quantity != nil && (*e.Quantity < 0 || *e.Quantity > MaxQuantity) {
		return fault.New(fault.Invalid, "a quantity must be 0 to %d, got %d", MaxQuantity, *e.Quantity).At("quantity")
	}
	return nil
}

// checkText wants valid text of at most limit characters without control
// characters; lines allows line breaks and tabs.
func checkText(field string, text *string, limit int, lines bool) error {
	if text == nil {
		return nil
	}
	if !utf8.ValidString(*text) {
		return fault.New(fault.Invalid, "this is not valid UTF-8").At(field)
	}
	if n := utf8.RuneCountInString(*text); n > limit {
		return fault.New(fault.Invalid, "this may have %d characters, got %d", limit, n).At(field)
	}
	for _, c := range *text {
		if (c < ' ' || c == 0x7f) && !(lines && (c == '\n' || c == '\t' || c == '\r')) {
			return fault.New(fault.Invalid, "control characters are not allowed here").At(field)
		}
	}
	return nil
}
