package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// schedule is when a job runs: each day at a time of day, or every so long.
// The zero value never runs: such a job is run by hand alone.
//
// A day's run is one run whatever the clock does. A time of day that the
// clocks jump over comes as much later as they jump (02:30 is 03:30 on that
// day), and one that they show twice comes the first time.
type schedule struct {
	every        time.Duration
	zone         *time.Location
	hour, minute int
}

// daily is each day at a time such as "03:30" in a zone; "" is never.
// fault.Invalid: it is no such time.
func daily(at string, zone *time.Location) (schedule, error) {
	if at == "" {
		return schedule{}, nil
	}
	t, err := time.Parse("15:04", at)
	if err != nil {
		return schedule{}, fault.New(fault.Invalid, "must be a time of day such as 03:30, got %.20q", at)
	}
	return schedule{zone: zone, hour: t.Hour(), minute: t.Minute()}, nil
}

// never tells whether it runs by hand alone.
func (s schedule) never() bool { return s.every == 0 && s.zone == nil }

// next is the first time after another.
func (s schedule) next(after time.Time) time.Time {
	if s.every > 0 {
		return after.Add(s.every)
	}
	for day := -1; ; day++ {
		if t := s.due(after, day); t.After(after) {
			return t
		}
	}
}

// last is the latest time that was due at another.
func (s schedule) last(by time.Time) time.Time {
	if s.every > 0 {
		return by.Add(-s.every)
	}
	for day := 1; ; day-- {
		if t := s.due(by, day); !t.After(by) {
			return t
		}
	}
}

// due is the run of a day, counted from the day of t.
func (s schedule) due(t time.Time, day int) time.Time {
	y, m, d := t.In(s.zone).Date()
	wall := time.Date(y, m, d+day, s.hour, s.minute, 0, 0, time.UTC)
	// With the offset from before a change of the clocks, a time that is shown
	// twice is the first one, and one that is left out lies behind the gap.
	_, before := wall.Add(-36 * time.Hour).In(s.zone).Zone()
	_, after := wall.Add(36 * time.Hour).In(s.zone).Zone()
	early, late := wall.Add(-time.Duration(before)*time.Second), wall.Add(-time.Duration(after)*time.Second)
	if !s.shows(early, wall) && s.shows(late, wall) {
		return late.In(s.zone)
	}
	return early.In(s.zone)
}

// shows tells whether the clocks show a wall time at t.
func (s schedule) shows(t, wall time.Time) bool {
	_, offset := t.In(s.zone).Zone()
	return t.Add(time.Duration(offset) * time.Second).Equal(wall)
}

// String is the schedule in words.
func (s schedule) String() string {
	switch {
	case s.every == time.Hour:
		return "every hour"
	case s.every > 0:
		text := s.every.String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		return "every " + text
	case s.never():
		return "by hand only"
	}
	return fmt.Sprintf("daily at %02d:%02d", s.hour, s.minute)
}

// asCron lets the scheduler's library ask a daily schedule for its times: its
// own daily jobs end for good where clocks jump at midnight.
type asCron struct{ schedule }

// IsValid accepts every text, because there is none.
func (asCron) IsValid(string, *time.Location, time.Time) error { return nil }

// Next is the next run.
func (c asCron) Next(after time.Time) time.Time { return c.next(after) }
