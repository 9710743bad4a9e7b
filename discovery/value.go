package discovery

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/printwire/printwire/printer"
)

// maxState is the longest state that Home Assistant takes, in characters.
const maxState = 255

// integer appends a whole number within lo and hi.
func integer(dst []byte, o printer.Opt[int], lo, hi int) []byte {
	if !o.Known {
		return dst
	}
	return strconv.AppendInt(dst, int64(min(max(o.Value, lo), hi)), 10)
}

// percent appends a percentage.
func percent(dst []byte, o printer.Opt[int]) []byte { return integer(dst, o, 0, 100) }

// count appends a number that cannot be negative.
func count(dst []byte, o printer.Opt[int]) []byte { return integer(dst, o, 0, math.MaxInt32) }

// decimal appends a number rounded to digits, without trailing zeros; numbers
// that are none are unknown.
func decimal(dst []byte, o printer.Opt[float64], digits int) []byte {
	if !o.Known || math.IsNaN(o.Value) || math.Abs(o.Value) > 1e9 {
		return dst
	}
	scale := math.Pow10(digits)
	v := math.Round(o.Value*scale) / scale
	if v == 0 {
		v = 0 // never "-0"
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// temperature appends a temperature rounded to a tenth.
func temperature(dst []byte, o printer.Opt[float64]) []byte { return decimal(dst, o, 1) }

// clamped appends a number within the limits that were announced.
func clamped(dst []byte, o printer.Opt[float64], b bounds) []byte {
	if o.Known {
		o.Value = min(max(o.Value, b.min), b.max)
	}
	return decimal(dst, o, 1)
}

// onOff appends ON or OFF.
func onOff(dst []byte, o printer.Opt[bool]) []byte {
	switch {
	case !o.Known:
		return dst
	case o.Value:
		return append(dst, "ON"...)
	default:
		return append(dst, "OFF"...)
	}
}

// moment appends a time in UTC, to the second.
func moment(dst []byte, t time.Time) []byte {
	if t.IsZero() || t.Year() > 9999 || t.Year() < 1 {
		return dst
	}
	return t.UTC().Truncate(time.Second).AppendFormat(dst, time.RFC3339)
}

// minutes appends seconds as whole minutes, rounded up.
func minutes(dst []byte, o printer.Opt[int]) []byte {
	if o.Known {
		o.Value = (max(o.Value, 0) + 59) / 60
	}
	return count(dst, o)
}

// word appends one of words; anything else is unknown.
func word(dst []byte, w string, words []string) []byte {
	for _, o := range words {
		if o == w {
			return append(dst, w...)
		}
	}
	return dst
}

// text appends text of a device: valid, on one line, at most maxState characters.
func text(dst []byte, s string) []byte {
	if plain(s) && len(s) <= maxState {
		return append(dst, s...)
	}
	return append(dst, clean(s, maxState)...)
}

// plain tells whether s is printable ASCII.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// clean makes valid text without control characters of at most limit characters.
func clean(s string, limit int) string {
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
			return ' '
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > limit {
		s = strings.TrimSpace(string([]rune(s)[:limit]))
	}
	return s
}

// slugify makes the part of an entity id from a name: lower case ASCII letters,
// digits and underscores; "" when nothing is left.
func slugify(name string) string {
	fold := map[rune]string{'ä': "a", 'ö': "o", 'ü': "u", 'ß': "ss", 'é': "e", 'è': "e", 'ê': "e", 'á': "a", 'à': "a", 'â': "a",
		'å': "a", 'ó': "o", 'ò': "o", 'ô': "o", 'ø': "o", 'í': "i", 'ì': "i", 'î': "i", 'ú': "u", 'ù': "u", 'û': "u", 'ñ': "n", 'ç': "c", 'æ': "ae"}
	var b strings.Builder
	for _, r := range strings.ToLower(clean(name, 64)) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case fold[r] != "":
			b.WriteString(fold[r])
		case r == '\'':
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	s := b.String()
	if len(s) > 40 {
		s = s[:40]
	}
	return strings.Trim(s, "_")
}

// object builds a small JSON object by appending.
type object struct {
	dst   []byte
	start int
}

func newObject(dst []byte) object { return object{dst: append(dst, '{'), start: len(dst) + 1} }

func (o *object) key(name string) {
	if len(o.dst) > o.start {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(append(append(o.dst, '"'), name...), '"', ':')
}

// text adds a string; "" is null.
func (o *object) text(name, s string) {
	o.key(name)
	o.dst = quote(o.dst, s)
}

func (o *object) integer(name string, v printer.Opt[int]) {
	o.key(name)
	if !v.Known {
		o.dst = append(o.dst, "null"...)
		return
	}
	o.dst = strconv.AppendInt(o.dst, int64(v.Value), 10)
}

func (o *object) decimal(name string, v printer.Opt[float64]) {
	o.key(name)
	n := len(o.dst)
	if o.dst = decimal(o.dst, v, 3); len(o.dst) == n {
		o.dst = append(o.dst, "null"...)
	}
}

func (o *object) truth(name string, v printer.Opt[bool]) {
	o.key(name)
	switch {
	case !v.Known:
		o.dst = append(o.dst, "null"...)
	default:
		o.dst = strconv.AppendBool(o.dst, v.Value)
	}
}

// words adds a string; "" stays one.
func (o *object) words(name, s string) {
	if clean(s, maxState) != "" {
		o.text(name, s)
		return
	}
	o.key(name)
	o.dst = append(o.dst, `""`...)
}

// moment adds a time; the zero one is null.
func (o *object) moment(name string, t time.Time) {
	o.key(name)
	n := len(o.dst)
	if o.dst = moment(append(o.dst, '"'), t); len(o.dst) == n+1 {
		o.dst = append(o.dst[:n], "null"...)
		return
	}
	o.dst = append(o.dst, '"')
}

// object adds an object that fill fills.
func (o *object) object(name string, fill func(o *object)) {
	o.key(name)
	o.within(func() { fill(o) })
}

// within is an object without a name.
func (o *object) within(fill func()) {
	before := o.start
	o.dst = append(o.dst, '{')
	o.start = len(o.dst)
	fill()
	o.dst, o.start = append(o.dst, '}'), before
}

// list adds an array of n objects.
func (o *object) list(name string, n int, fill func(o *object, i int)) {
	o.key(name)
	o.dst = append(o.dst, '[')
	for i := range n {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.within(func() { fill(o, i) })
	}
	o.dst = append(o.dst, ']')
}

func (o *object) end() []byte { return append(o.dst, '}') }

// quote appends s as a JSON string of at most maxState characters; "" is null.
func quote(dst []byte, s string) []byte {
	if !plain(s) || len(s) > maxState {
		s = clean(s, maxState)
	}
	if s == "" {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
