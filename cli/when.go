package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// when is a moment as it is given by flag: a date, a time, or how long it is
// to it or since it, as in 90d or 12h.
type when struct {
	text string
	at   time.Time
	span time.Duration
	day  bool
}

// UnmarshalText reads a moment.
func (w *when) UnmarshalText(text []byte) error {
	*w = when{text: string(text)}
	if day, err := time.Parse(time.DateOnly, w.text); err == nil {
		w.at, w.day = day, true
		return nil
	}
	if at, err := time.Parse(time.RFC3339, w.text); err == nil {
		w.at = at
		return nil
	}
	span, err := parseSpan(w.text)
	if err != nil || span <= 0 {
		return fmt.Errorf("expected a date (2027-03-14), a time (2027-03-14T09:30:00Z) or a span (90d, 12h), not %.50q", w.text)
	}
	w.span = span
	return nil
}

// given tells whether the flag was there.
func (w *when) given() bool { return w.text != "" }

// ahead is the moment, of which a span is counted from now on; zero when none
// was given.
func (w *when) ahead(now time.Time) time.Time { return w.from(now, 1) }

// ago is the moment, of which a span is counted back from now.
func (w *when) ago(now time.Time) time.Time { return w.from(now, -1) }

func (w *when) from(now time.Time, sign time.Duration) time.Time {
	if w.span != 0 {
		return now.Add(sign * w.span).UTC()
	}
	return w.at
}

// end is ago for the end of a range, of which a day is a part.
func (w *when) end(now time.Time) time.Time {
	at := w.ago(now)
	if w.day {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// span is a length of time as it is given by flag: 90d, 2w, 12h, 30m, 0.
type span struct{ d time.Duration }

// UnmarshalText reads a length of time.
func (s *span) UnmarshalText(text []byte) (err error) {
	if s.d, err = parseSpan(string(text)); err != nil || s.d < 0 {
		return fmt.Errorf("expected a span such as 7d, 12h or 30m, not %.50q", text)
	}
	return nil
}

// parseSpan is time.ParseDuration with days and weeks.
func parseSpan(text string) (time.Duration, error) {
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour}} {
		number, ok := strings.CutSuffix(text, unit.letter)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > int(math.MaxInt64/unit.length) {
			return 0, errors.New("no number of days or weeks")
		}
		return time.Duration(n) * unit.length, nil
	}
	return time.ParseDuration(text)
}
