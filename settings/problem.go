package settings

import (
	"fmt"
	"strings"

	"github.com/printwire/printwire/fault"
)

// Problem is one thing that is wrong with the settings. Its message never
// holds the value: it may be a secret.
type Problem struct {
	// Source is the file, "environment", "flag" or "options.json"; "" when the merged settings do not fit together.
	Source string
	// Line is where it stands in a file, or 0.
	Line int
	// Field is the path of the field, such as "printers[0].serial".
	Field   string
	Message string
}

// String is the problem in one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(p.Source)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Field != "" {
		fmt.Fprintf(&b, "%.200s: ", p.Field)
	}
	return b.String() + p.Message
}

// Problems is everything that is wrong, in the order in which it was found.
type Problems []Problem

// maxShown is how many problems are told; a file with more is not settings.
const maxShown = 50

// Error is one problem a line.
func (p Problems) Error() string {
	lines := make([]string, 0, min(len(p), maxShown)+1)
	for _, problem := range p[:min(len(p), maxShown)] {
		lines = append(lines, problem.String())
	}
	if more := len(p) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

func (p Problems) fault() error {
	what := "problems in the settings"
	if len(p) == 1 {
		what = "problem in the settings"
	}
	return fault.New(fault.Invalid, "%d %s:\n%w", len(p), what, p)
}

// unknown is the message for a name that does not exist, with the nearest one that does.
func unknown(key string, names []string) string {
	best, distance := "", 3
	for _, name := range names {
		if d := edits(key, name); d < distance {
			best, distance = name, d
		}
	}
	if best != "" {
		return fmt.Sprintf("there is no such setting; did you mean %s?", best)
	}
	return "there is no such setting; known here are " + strings.Join(names, ", ")
}

// edits is the number of letters to change, add or drop, as far as it is small.
func edits(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 40
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
