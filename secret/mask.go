package secret

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shortest is the length from which a known secret is hidden: what is shorter
// stands in too many words.
const shortest = 4

// The forms that only secrets have. What the first group matches stays.
var (
	// Keys and tokens: ours, and of the programs whose clients come to us.
	keyForm    = regexp.MustCompile(`\b((?:pw|bb|bs)_(?:[a-z]{2,4}_)?)[0-9A-Za-z_-]{16,}`)
	signForm   = regexp.MustCompile(`\b(whs(?:ec|k)_)[0-9A-Za-z+/=_-]{8,}`)
	loginForm  = regexp.MustCompile(`(://)[^\s/?#"@]+@`)
	queryForm  = regexp.MustCompile(`(?i)([?&](?:apikey|api_key|access_token|token|code|ticket|password)=)[^&\s"']+`)
	headerForm = regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+)[0-9A-Za-z+/=_.~-]{8,}`)
	pemForm    = regexp.MustCompile(`()-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?`)
)

// pattern is a form, what stands in its place, and what each text of that form
// has in it: most lines of a log have none of it.
type pattern struct {
	sign string
	form *regexp.Regexp
	with string
}

func patterns() [8]pattern {
	return [...]pattern{
		{"_", keyForm, "${1}" + mask},
		{"whs", signForm, "${1}" + mask},
		{"://", loginForm, "${1}" + mask + "@"},
		{"?", queryForm, "${1}" + mask},
		{"&", queryForm, "${1}" + mask},
		{"earer ", headerForm, "${1}" + mask},
		{"asic ", headerForm, "${1}" + mask},
		{"-----BEGIN ", pemForm, mask},
	}
}

// Mask hides secrets in text that was made by somebody who did not know that
// they are some: those that it was told of, and what has the form of one. Its
// zero value knows none. It may be used by many at once.
type Mask struct {
	mu       sync.Mutex
	known    map[string]bool
	replacer *strings.Replacer // nil after a change
}

// Add makes secrets known. What was known once stays so: old lines may hold it.
func (m *Mask) Add(texts ...Text) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range texts {
		if len(text) < shortest || m.known[string(text)] {
			continue
		}
		if m.known == nil {
			m.known = map[string]bool{}
		}
		for _, spelling := range spellings(string(text)) {
			m.known[spelling] = true
		}
		m.replacer = nil
	}
}

// spellings are the ways in which a log or a URL may write a text.
func spellings(text string) []string {
	quoted := strconv.Quote(text)
	all := []string{text, quoted[1 : len(quoted)-1], url.QueryEscape(text), url.PathEscape(text)}
	if encoded, err := json.Marshal(text); err == nil {
		all = append(all, string(encoded[1:len(encoded)-1]))
	}
	return all
}

// Hide is a text without its secrets.
func (m *Mask) Hide(text string) string {
	text = m.replace().Replace(text)
	for _, p := range patterns() {
		if strings.Contains(text, p.sign) {
			text = p.form.ReplaceAllString(text, p.with)
		}
	}
	return text
}

// replace is what replaces the known secrets, the longest first: one may be
// the beginning of another.
func (m *Mask) replace() *strings.Replacer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replacer == nil {
		list := make([]string, 0, len(m.known))
		for text := range m.known {
			list = append(list, text)
		}
		slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
		pairs := make([]string, 0, 2*len(list))
		for _, text := range list {
			pairs = append(pairs, text, mask)
		}
		m.replacer = strings.NewReplacer(pairs...)
	}
	return m.replacer
}
