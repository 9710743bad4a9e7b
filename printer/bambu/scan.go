package bambu

import (
	"bytes"
	"encoding/json"

	"github.com/printwire/printwire/fault"
)

// Limits of one payload. A printer's largest known report is 20 kB, 8 deep.
const (
	maxReport = 1 << 20
	maxDepth  = 64
)

// The reasons for which a payload is refused, to be told apart with errors.Is.
var (
	errTooLarge = fault.New(fault.Invalid, "report: expected at most 1 MiB")
	errTooDeep  = fault.New(fault.Invalid, "report: expected at most 64 levels of JSON")
	errNotJSON  = fault.New(fault.Invalid, "report: expected valid JSON")
	errShape    = fault.New(fault.Invalid, "report: expected a JSON object of JSON objects")
)

// span is one member of an object: its decoded key and its value's bytes.
type span struct {
	key, raw []byte
}

// scanObject appends the members of the object b to spans. Only the outline
// is checked: the caller checks each value that it has not seen before, so
// that what did not change costs no more than one look. depth counts the
// levels around b.
func scanObject(b []byte, depth int, spans []span) ([]span, error) {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return spans, errNotJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return spans, atEnd(b, i+1)
	}
	for {
		end := stringEnd(b, i)
		if end < 0 {
			return spans, errNotJSON
		}
		key, err := keyOf(b[i:end])
		if err != nil {
			return spans, err
		}
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return spans, errNotJSON
		}
		i = space(b, i+1)
		end, err = valueEnd(b, i, depth+1)
		if err != nil {
			return spans, err
		}
		spans = append(spans, span{key: key, raw: b[i:end]})
		i = space(b, end)
		if i >= len(b) {
			return spans, errNotJSON
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case '}':
			return spans, atEnd(b, i+1)
		default:
			return spans, errNotJSON
		}
	}
}

// atEnd tells whether nothing but white space follows.
func atEnd(b []byte, i int) error {
	if space(b, i) != len(b) {
		return errNotJSON
	}
	return nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd is the index after the string that begins at i, or -1.
func stringEnd(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// keyOf is what a quoted key says.
func keyOf(quoted []byte) ([]byte, error) {
	inner := quoted[1 : len(quoted)-1]
	plain := bytes.IndexByte(inner, '\\') < 0
	for _, c := range inner {
		plain = plain && c >= ' '
	}
	if plain {
		return inner, nil
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return nil, errNotJSON
	}
	return []byte(s), nil
}

// valueEnd is the index after the value that begins at i. It follows strings
// and brackets only.
func valueEnd(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return 0, errNotJSON
	}
	switch b[i] {
	case '"':
		if end := stringEnd(b, i); end > 0 {
			return end, nil
		}
		return 0, errNotJSON
	case '{', '[':
		return nestEnd(b, i, depth)
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	if i == start {
		return 0, errNotJSON
	}
	return i, nil
}

func nestEnd(b []byte, i, depth int) (int, error) {
	outside := depth
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			end := stringEnd(b, i)
			if end < 0 {
				return 0, errNotJSON
			}
			i = end - 1
		case '{', '[':
			if depth++; depth > maxDepth {
				return 0, errTooDeep
			}
		case '}', ']':
			if depth--; depth == outside {
				return i + 1, nil
			}
		}
	}
	return 0, errNotJSON
}
