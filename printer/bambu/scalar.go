package bambu

import (
	"math"
	"strconv"
	"strings"

	"github.com/printwire/printwire/printer"
)

// Printers send one field as a number today and as a string tomorrow. These
// readers take a number, a quoted number, a bool, "", null and a missing
// field, and everything that does not fit as unknown.

// parseNumber reads a finite decimal number. strconv alone would also take
// "Inf", "NaN" and hexadecimal.
func parseNumber(s string) (float64, bool) {
	if s == "" || len(s) > 64 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
		default:
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

// float is a number between lo and hi.
func (n *node) float(lo, hi float64) printer.Opt[float64] {
	if n == nil || !n.isNumber || n.num < lo || n.num > hi {
		return printer.Opt[float64]{}
	}
	return printer.Some(n.num)
}

// integer is a number between lo and hi, without its fraction.
func (n *node) integer(lo, hi int) printer.Opt[int] {
	f := n.float(float64(lo), float64(hi))
	if !f.Known {
		return printer.Opt[int]{}
	}
	return printer.Some(int(f.Value))
}

// bits are a number as a 32-bit word. Words with the highest bit set come
// as negative numbers.
func (n *node) bits() (uint32, bool) {
	f := n.float(math.MinInt32, math.MaxUint32)
	return uint32(int64(f.Value)), f.Known
}

// hex is a word in hexadecimal notation of up to 64 bits.
func (n *node) hex() (uint64, bool) {
	if n == nil || n.text == "" {
		return 0, false
	}
	s := strings.TrimPrefix(strings.TrimPrefix(n.text, "0x"), "0X")
	v, err := strconv.ParseUint(s, 16, 64)
	return v, err == nil
}

// string is a string's value or a number's digits, "" for all else.
func (n *node) string() string {
	if n == nil {
		return ""
	}
	return n.text
}

// boolean is true, "true", "enable", "on" or a number that is not 0, and the opposite.
func (n *node) boolean() printer.Opt[bool] {
	switch {
	case n == nil:
	case n.form == formBool:
		return printer.Some(n.num != 0)
	case n.isNumber:
		return printer.Some(n.num != 0)
	}
	switch strings.ToLower(n.string()) {
	case "true", "enable", "on":
		return printer.Some(true)
	case "false", "disable", "off":
		return printer.Some(false)
	}
	return printer.Opt[bool]{}
}

// first is the first known of some values.
func first[T comparable](values ...printer.Opt[T]) printer.Opt[T] {
	for _, v := range values {
		if v.Known {
			return v
		}
	}
	return printer.Opt[T]{}
}

// set writes a known value and leaves the field alone otherwise.
func set[T comparable](field *printer.Opt[T], v printer.Opt[T]) {
	if v.Known {
		*field = v
	}
}
