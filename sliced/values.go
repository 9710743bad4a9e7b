package sliced

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// maxText is how long a text of a file may be.
	maxText = 256
	// maxMeasure is more grams, metres or euros than any print has.
	maxMeasure = 1e6
	// maxSeconds is longer than any print takes: a year.
	maxSeconds = 365 * 24 * 3600
)

// clip makes a text of a file fit to be shown: bounded, valid and without
// control characters.
func clip(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), maxText)], "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s))
}

// number reads a number from 0 to most, 0 for what is none.
func number(s string, most float64) float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > most {
		return 0
	}
	return v
}

// measure reads a quantity.
func measure(s string) float64 { return number(s, maxMeasure) }

// whole reads a number from 0, 0 for what is none.
func whole(s string) int {
	v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
	if err != nil || v < 0 {
		return 0
	}
	return int(v)
}

// yes tells whether a switch is on.
func yes(s string) bool { return s == "true" || s == "1" }

// fields splits a list at commas, semicolons and spaces.
func fields(s string) []string {
	list := strings.FieldsFunc(s[:min(len(s), maxText*16)], func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
	return list[:min(len(list), MaxFilaments)]
}

// items splits a list of texts, some of which may be empty, at its semicolons
// or, where it has none, at its commas.
func items(s string) []string {
	s = s[:min(len(s), maxText*16)]
	sep := ","
	if strings.Contains(s, ";") {
		sep = ";"
	}
	list := strings.SplitN(s, sep, MaxFilaments+1)
	list = list[:min(len(list), MaxFilaments)]
	for i := range list {
		list[i] = strings.Trim(strings.TrimSpace(list[i]), `"`)
	}
	return list
}

func measures(s string) []float64 {
	var list []float64
	for _, f := range fields(s) {
		list = append(list, measure(f))
	}
	return list
}

func wholes(s string) []int {
	var list []int
	for _, f := range fields(s) {
		list = append(list, whole(f))
	}
	return list
}

// colour reads "#RRGGBB" and "#RRGGBBAA" as RRGGBBAA.
func colour(s string) string {
	s = strings.ToUpper(strings.TrimPrefix(strings.TrimSpace(s), "#"))
	if len(s) == 6 {
		s += "FF"
	}
	if _, err := hex.DecodeString(s); err != nil || len(s) != 8 {
		return ""
	}
	return s
}

// span reads "1d 2h 3m 4s", 0 for what is none.
func span(s string) time.Duration {
	total := 0.0
	for _, f := range fields(s) {
		unit, size := utf8.DecodeLastRuneInString(f)
		v := number(f[:len(f)-size], maxSeconds)
		switch unit {
		case 'd':
			v *= 24 * 3600
		case 'h':
			v *= 3600
		case 'm':
			v *= 60
		case 's':
		default:
			return 0
		}
		total += v
	}
	return time.Duration(min(total, maxSeconds)) * time.Second
}

// at is the text at a place of a list, from 1, or "".
func at(list []string, n int) string {
	if n < 1 || n > len(list) {
		return ""
	}
	return list[n-1]
}

// total sums up what the filaments say and the plate does not.
func (f *Facts) total() {
	var grams, metres float64
	for _, u := range f.Filaments {
		grams += u.Grams
		metres += u.Metres
	}
	if f.Grams == 0 {
		f.Grams = math.Round(grams*1000) / 1000
	}
	if f.Metres == 0 {
		f.Metres = math.Round(metres*1000) / 1000
	}
}
