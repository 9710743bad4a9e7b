package webhook

import "time"

// Schedule is the pause before each attempt, ±10 %. After the last a delivery has failed.
func Schedule() []time.Duration {
	return []time.Duration{
		0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	}
}

// The rules that spare receivers that do not answer.
const (
	// passAfter failures later deliveries may pass a delivery.
	passAfter = 3
	// breakAfter failures in a row an endpoint is left alone: for breakFirst,
	// then twice as long each time up to breakMost, one attempt after each.
	breakAfter = 5
	breakFirst = time.Minute
	breakMost  = 5 * time.Minute
	// An endpoint is dead after deadAfter with deadFailures attempts and no success.
	deadAfter    = 5 * 24 * time.Hour
	deadFailures = 20
	// farFuture is further than any pause goes: a time beyond it was made by a wrong clock.
	farFuture = 50 * time.Hour
	// mostGap is how much of the time between two failures counts at most: the
	// rest, the machine was off or its clock was set.
	mostGap = 26 * time.Hour
	// leeway is how far a time may lie ahead before the clock counts as set back.
	leeway = 2 * time.Minute
	// backlog is how much of the past an endpoint gets when it is enabled again.
	backlog = 24 * time.Hour
)

// after is the health after an attempt that failed.
func (h Health) after(o outcome, now time.Time) Health {
	h.Failures++
	if h.FailedSince.IsZero() || h.FailedSince.After(now) {
		h.FailedSince = now
	}
	if gap := now.Sub(h.LastErrorAt); h.Failures > 1 {
		h.FailedSeconds += int(min(max(gap, 0), mostGap).Seconds())
	}
	h.LastErrorAt, h.LastError = now, o.text()
	if over := h.Failures - breakAfter; over >= 0 {
		h.OpenUntil = now.Add(min(breakFirst<<min(over, 10), breakMost))
	}
	if until := now.Add(o.pause); o.pause > 0 && until.After(h.OpenUntil) {
		h.OpenUntil = until
	}
	return h
}

func (h Health) dead() bool {
	return h.Failures >= deadFailures && time.Duration(h.FailedSeconds)*time.Second >= deadAfter
}

// healthy is the health after a success.
func healthy(now time.Time) Health { return Health{LastSuccess: now} }

// text is why an attempt failed.
func (o outcome) text() string {
	if o.Error != "" {
		return o.Error
	}
	return "answered " + itoa(o.Status)
}

// pauseBefore is the time until the next attempt, jitter between 0 and 1.
func pauseBefore(schedule []time.Duration, tries int, jitter float64) (time.Duration, bool) {
	if tries >= len(schedule) {
		return 0, false
	}
	d := float64(schedule[tries])
	return time.Duration(d * (0.9 + 0.2*jitter)), true
}
