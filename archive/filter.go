package archive

import (
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// Filter chooses records. The zero Filter chooses all.
type Filter struct {
	// Printers are the ids of the printers; none means all. A caller that may
	// see only some puts those here.
	Printers []int
	// Serial is one printer's, or "".
	Serial string
	// Status is a status or a result ("completed", "success", "printing" …); a
	// word that is both means the result. "" is all.
	Status string
	// From and To bound Created: From is included, To is not. Zero is no bound.
	From, To time.Time
	// Search is looked for in names, files and tags, whatever the case; all its words must be there.
	Search string
	// Material is a kind of filament that was used, or "".
	Material string
}

// Check says what is wrong with a filter. fault.Invalid: a status that is
// none, an end before the start, a search of more than 200 bytes.
func (f Filter) Check() error {
	if _, ok := statusOf(f.Status); f.Status != "" && !ok {
		return fault.New(fault.Invalid, "%.40q is no status; it is one of %s", f.Status, strings.Join(StatusWords(), ", ")).At("status")
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		return fault.New(fault.Invalid, "the end of the range is before its start").At("end_date")
	}
	if len(f.Search) > 200 {
		return fault.New(fault.Invalid, "a search may have 200 bytes, this one has %d", len(f.Search)).At("search")
	}
	return nil
}

// StatusWords are the words that Filter.Status knows.
func StatusWords() []string {
	words := []string{"success"}
	for _, row := range Statuses() {
		words = append(words, row.Status)
	}
	return words
}

// matcher is a filter made ready for many summaries.
type matcher struct {
	Filter
	words  []string
	result map[string]bool
}

func (f Filter) matcher() matcher {
	m := matcher{Filter: f, words: strings.Fields(strings.ToLower(f.Search))}
	if f.Status == "" {
		return m
	}
	wanted, _ := statusOf(f.Status)
	m.result = map[string]bool{}
	for _, row := range Statuses() {
		same := row.Status == wanted.Status
		if isResult(f.Status) {
			same = row.Result == wanted.Result
		}
		m.result[row.Status] = same
	}
	return m
}

func isResult(word string) bool {
	word = strings.ToLower(strings.TrimSpace(word))
	return slices.ContainsFunc(Statuses(), func(row StatusRow) bool { return row.Result != "" && string(row.Result) == word })
}

// match tells whether a summary is chosen. Deleted ones are not its business.
func (m *matcher) match(s *Summary) bool {
	switch {
	case !m.From.IsZero() && s.Created.Before(m.From), !m.To.IsZero() && !s.Created.Before(m.To):
		return false
	case len(m.Printers) > 0 && !slices.Contains(m.Printers, s.PrinterID):
		return false
	case m.Serial != "" && !strings.EqualFold(m.Serial, s.Serial):
		return false
	case m.result != nil && !m.result[s.Status]:
		return false
	case m.Material != "" && !hasMaterial(s.Materials, m.Material):
		return false
	}
	for _, w := range m.words {
		if !strings.Contains(s.Text, w) {
			return false
		}
	}
	return true
}

func hasMaterial(materials, want string) bool {
	for m := range strings.SplitSeq(materials, ", ") {
		if strings.EqualFold(m, want) {
			return true
		}
	}
	return false
}
