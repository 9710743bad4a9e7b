package webhook

import (
	"fmt"
	"time"

	"github.com/printwire/printwire/fault"
)

// clockTime is a time of day in minutes.
func clockTime(text string) (int, error) {
	var h, m int
	if n, err := fmt.Sscanf(text, "%2d:%2d", &h, &m); n != 2 || err != nil || text != fmt.Sprintf("%02d:%02d", h, m) || h > 23 || m > 59 || h < 0 || m < 0 {
		return 0, fault.New(fault.Invalid, "must be a time such as 22:30")
	}
	return h*60 + m, nil
}

// on is a time of day some days after a time, in its zone. Where clocks show
// it twice, it is the first time, or else the last. In the hour that a change to
// summer time leaves out, it is as much later as that is long. The day is
// counted by its date: some zones leave out midnight.
func on(at time.Time, days, minutes int, first bool) time.Time {
	y, m, d := at.Date()
	wall := time.Date(y, m, d+days, minutes/60, minutes%60, 0, 0, time.UTC)
	// What it is with the offset from before a change of the clocks, and from after one.
	with := func(near time.Duration) (t time.Time, shown bool) {
		_, offset := wall.Add(near).In(at.Location()).Zone()
		t = wall.Add(-time.Duration(offset) * time.Second).In(at.Location())
		_, there := t.Zone()
		return t, there == offset
	}
	early, before := with(-36 * time.Hour)
	late, after := with(36 * time.Hour)
	if after && (!before || !first) {
		return late
	}
	return early
}

// Ends is when the quiet hours around a time end; false when there are none then.
func (q Quiet) Ends(at time.Time, zone *time.Location) (time.Time, bool) {
	if q.Mode == "" {
		return time.Time{}, false
	}
	from, err1 := clockTime(q.From)
	to, err2 := clockTime(q.To)
	if err1 != nil || err2 != nil {
		return time.Time{}, false
	}
	at = at.In(zone)
	for day := -1; day <= 0; day++ {
		start, end := on(at, day, from, true), on(at, day, to, false)
		if to <= from {
			end = on(at, day+1, to, false)
		}
		if !at.Before(start) && at.Before(end) {
			return end, true
		}
	}
	return time.Time{}, false
}

// kept tells whether events are kept for a digest.
func (d Digest) kept() bool { return d.Mode == "digest" || d.Mode == "both" }

// Next is the first time of the digest after a time.
func (d Digest) Next(at time.Time, zone *time.Location) time.Time {
	minutes, err := clockTime(d.At)
	if err != nil {
		return at
	}
	at = at.In(zone)
	for day := range 3 {
		if t := on(at, day, minutes, true); t.After(at) {
			return t
		}
	}
	return at.Add(24 * time.Hour)
}

// zone is where the endpoint's hours are.
func (e Endpoint) zone(own *time.Location) *time.Location {
	if e.TimeZone != "" {
		if z, err := time.LoadLocation(e.TimeZone); err == nil {
			return z
		}
	}
	return own
}
