package app

import (
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
)

// mustZone is a time zone by name.
func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func mustDaily(t *testing.T, at, zone string) schedule {
	t.Helper()
	s, err := daily(at, mustZone(t, zone))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchedule_TheDaysOfChangingClocks(t *testing.T) {
	for _, c := range []struct {
		name, at, zone, after string
		want                  string
	}{
		{"an hour that is left out comes behind the gap", "02:30", "Europe/Berlin", "2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00"},
		{"and the day after at its time", "02:30", "Europe/Berlin", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"an hour that comes twice counts the first time", "02:30", "Europe/Berlin", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"and not the second time", "02:30", "Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"nor for who comes between", "02:30", "Europe/Berlin", "2026-10-25T02:45:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"the first moment of the gap", "02:00", "Europe/Berlin", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"the first moment behind the gap", "03:00", "Europe/Berlin", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"later on the day", "12:00", "Europe/Berlin", "2026-03-29T00:00:00+01:00", "2026-03-29T12:00:00+02:00"},
		{"west of Greenwich, spring", "02:30", "America/New_York", "2026-03-07T12:00:00-05:00", "2026-03-08T03:30:00-04:00"},
		{"west of Greenwich, autumn", "01:30", "America/New_York", "2026-10-31T12:00:00-04:00", "2026-11-01T01:30:00-04:00"},
		{"a gap at midnight", "00:15", "America/Santiago", "2026-09-05T12:00:00-04:00", "2026-09-06T01:15:00-03:00"},
		{"the night before a gap at midnight", "23:30", "America/Santiago", "2026-09-05T12:00:00-04:00", "2026-09-05T23:30:00-04:00"},
		{"half an hour", "02:10", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", "2026-10-04T02:40:00+11:00"},
		{"a day that an island left out", "03:30", "Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T03:30:00+14:00"},
		{"no clocks that change", "03:30", "UTC", "2026-03-29T03:30:00Z", "2026-03-30T03:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustDaily(t, c.at, c.zone)
			after, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}
			got := s.next(after)
			if text := got.Format(time.RFC3339); text != c.want {
				t.Fatalf("after %s comes %s, want %s", c.after, text, c.want)
			}
			if last := s.last(got); !last.Equal(got) {
				t.Errorf("at %s the last is %s", c.want, last)
			}
			if last := s.last(got.Add(-time.Second)); last.After(after) {
				t.Errorf("before %s the last is %s", c.want, last)
			}
		})
	}
}

func TestSchedule_EachDayHasOneRun(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana", "Asia/Beirut", "Africa/Cairo", "Australia/Lord_Howe", "Europe/Dublin", "Antarctica/Troll", "UTC"} {
		for _, at := range []string{"00:00", "00:30", "01:30", "02:00", "02:30", "03:00", "23:30", "23:59"} {
			s := mustDaily(t, at, zone)
			from := time.Date(2024, 1, 1, 0, 0, 0, 0, s.zone)
			previous, runs := s.last(from), 0
			for until := from.AddDate(4, 0, 0); ; runs++ {
				next := s.next(previous)
				if !next.Before(until) {
					break
				}
				if gap := next.Sub(previous); gap < 21*time.Hour || gap > 27*time.Hour {
					t.Fatalf("%s in %s: %s follows %s", at, zone, next, previous)
				}
				if last := s.last(next.Add(time.Minute)); !last.Equal(next) {
					t.Fatalf("%s in %s: behind %s the last is %s", at, zone, next, last)
				}
				previous = next
			}
			// The first may be that of midnight itself, which last has found.
			if days := 4*365 + 1; runs != days && !(runs == days-1 && at == "00:00") {
				t.Errorf("%s in %s: %d runs in %d days", at, zone, runs, days)
			}
		}
	}
}

func TestSchedule_Words(t *testing.T) {
	for want, s := range map[string]schedule{
		"by hand only":   {},
		"every hour":     {every: time.Hour},
		"every 2h":       {every: 2 * time.Hour},
		"every 15m":      {every: 15 * time.Minute},
		"every 1h30m":    {every: 90 * time.Minute},
		"every 10s":      {every: 10 * time.Second},
		"every 1h0m10s":  {every: time.Hour + 10*time.Second},
		"daily at 03:05": mustDaily(t, "03:05", "UTC"),
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if _, err := daily("25:00", time.UTC); !fault.Is(err, fault.Invalid) {
		t.Errorf("25:00 is %v", err)
	}
	if s, err := daily("", time.UTC); err != nil || !s.never() {
		t.Errorf("no time is %v, %v", s, err)
	}
}
