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

// outline is the outermost two levels of a payload: the members of the object,
// and those of the last of them that is an object itself.
type outline struct {
	top, inner []span
	// of is the index in top that inner belongs to.
	of int
}

// scan reads the outline of a payload. Values are only followed to their ends:
// the caller checks each value that it has not seen before, so that what did
// not change costs no more than one look.
func (o *outline) scan(b []byte) error {
	o.top, o.inner, o.of = o.top[:0], o.inner[:0], -1
	end, err := members(b, space(b, 0), func(key []byte, i int) (int, error) {
		end, err := 0, error(nil)
		if i < len(b) && b[i] == '{' {
			o.inner, o.of = o.inner[:0], len(o.top)
			end, err = members(b, i, func(key []byte, i int) (int, error) {
				end, err := valueEnd(b, i, 2)
				if err == nil {
					o.inner = append(o.inner, span{key: key, raw: b[i:end]})
				}
				return end, err
			})
		} else {
			end, err = valueEnd(b, i, 1)
		}
		if err == nil {
			o.top = append(o.top, span{key: key, raw: b[i:end]})
		}
		return end, err
	})
	if err == nil && space(b, end) != len(b) {
		err = errNotJSON
	}
	return err
}

// members calls value with each key of the object at b[i] and with where its
// value begins; value says where that ends. It returns the index after the object.
func members(b []byte, i int, value func(key []byte, i int) (int, error)) (int, error) {
	if i >= len(b) || b[i] != '{' {
		return 0, errNotJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		end := stringEnd(b, i)
		if end < 0 {
			return 0, errNotJSON
		}
		key, err := keyOf(b[i:end])
		if err != nil {
			return 0, err
		}
		if i = space(b, end); i >= len(b) || b[i] != ':' {
			return 0, errNotJSON
		}
		if end, err = value(key, space(b, i+1)); err != nil {
			return 0, err
		}
		if i = space(b, end); i >= len(b) {
			return 0, errNotJSON
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case '}':
			return i + 1, nil
		default:
			return 0, errNotJSON
		}
	}
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
	n := bytes.IndexByte(b[i+1:], '"')
	if n < 0 {
		return -1
	}
	if n == 0 || b[i+n] != '\\' {
		return i + n + 2
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
