package bambu

import (
	"bytes"
	"encoding/json"

	"github.com/printwire/printwire/fault"
)

// Limits of one payload. A printer's largest known report is 20 kB, 8 deep.
const (
	maxReport = 256 << 10
	maxDepth  = 64
)

// The reasons for which a payload is refused, to be told apart with errors.Is.
var (
	errTooLarge = fault.New(fault.Invalid, "report: expected at most 256 KiB")
	errTooDeep  = fault.New(fault.Invalid, "report: expected at most 64 levels of JSON")
	errNotJSON  = fault.New(fault.Invalid, "report: expected valid JSON")
	errShape    = fault.New(fault.Invalid, "report: expected a JSON object of JSON objects")
)

// span is where one member of an object stands in a payload: its name and its
// value. A name with escapes in it is not there as it is meant: it is then
// odd[-1-key].
type span struct {
	key, keyEnd, at, end int32
}

// outline is the outermost two levels of a payload: the members of the object,
// and those of the last of them that is an object itself.
type outline struct {
	b          []byte
	odd        [][]byte
	top, inner []span
	// of is the index in top that inner belongs to.
	of int
	// beside are members of the payload that are read as if they were of inner.
	beside []span
}

// forget lets go of the payload.
func (o *outline) forget() { o.b, o.odd = nil, nil }

// name is a member's name.
func (o *outline) name(s span) []byte {
	if s.key < 0 {
		return o.odd[-1-s.key]
	}
	return o.b[s.key:s.keyEnd]
}

// raw is a member's value.
func (o *outline) raw(s span) []byte { return o.b[s.at:s.end] }

// last is the index of a name, of several the last; -1 when there is none.
func (o *outline) last(spans []span, name string) int {
	for i := len(spans) - 1; i >= 0; i-- {
		if string(o.name(spans[i])) == name {
			return i
		}
	}
	return -1
}

// lookup is the value of a name, or nil.
func (o *outline) lookup(spans []span, name string) []byte {
	if i := o.last(spans, name); i >= 0 {
		return o.raw(spans[i])
	}
	return nil
}

// text is a scalar's value as text.
func (o *outline) text(spans []span, name string) string {
	switch raw := o.lookup(spans, name); {
	case len(raw) == 0 || !json.Valid(raw) || raw[0] == '{' || raw[0] == '[' || raw[0] == 'n':
		return ""
	case raw[0] == '"':
		return unquoted(raw)
	default:
		return string(raw)
	}
}

// scan reads the outline of a payload. Values are only followed to their ends:
// the caller checks each value that it has not seen before, so that what did
// not change costs no more than one look.
func (o *outline) scan(b []byte) error {
	*o = outline{b: b, top: o.top[:0], inner: o.inner[:0], of: -1, beside: o.beside[:0]}
	end, err := o.members(space(b, 0), o.outer)
	if err == nil && space(b, end) != len(b) {
		err = errNotJSON
	}
	return err
}

// outer notes a member of the payload.
func (o *outline) outer(s span) (end int, err error) {
	if i := int(s.at); i < len(o.b) && o.b[i] == '{' {
		o.inner, o.of = o.inner[:0], len(o.top)
		end, err = o.members(i, o.nested)
	} else {
		end, err = valueEnd(o.b, i, 1)
	}
	s.end = int32(end)
	o.top = append(o.top, s)
	return end, err
}

// nested notes a member of a member.
func (o *outline) nested(s span) (int, error) {
	end, err := valueEnd(o.b, int(s.at), 2)
	s.end = int32(end)
	o.inner = append(o.inner, s)
	return end, err
}

// command is the text of the member of that name.
func (o *outline) command() string {
	const report = "push_status" // what nearly all messages have
	if string(o.lookup(o.inner, "command")) == `"`+report+`"` {
		return report
	}
	return o.text(o.inner, "command")
}

// members calls value with each member of the object at i, whose end is still
// missing; value says where that is. It returns the index after the object.
func (o *outline) members(i int, value func(span) (int, error)) (int, error) {
	b := o.b
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
		s := span{key: int32(i + 1), keyEnd: int32(end - 1)}
		name, err := keyOf(b[i:end])
		if err != nil {
			return 0, err
		}
		if len(name) != end-i-2 {
			o.odd = append(o.odd, name)
			s.key = -int32(len(o.odd))
		}
		if i = space(b, end); i >= len(b) || b[i] != ':' {
			return 0, errNotJSON
		}
		s.at = int32(space(b, i+1))
		if end, err = value(s); err != nil {
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
