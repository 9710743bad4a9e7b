package auth

import (
	"strconv"
	"time"
)

// counter is one window. Times are since the same beginning and never go back.
type counter interface {
	// count is how many units the window holds, and how long until it holds
	// one less, where limit is the most it may hold.
	count(now time.Duration, limit int) (used int, frees time.Duration)
	take(now time.Duration, limit int)
}

// ring is the exact minute: the times of the units in it. It grows with use,
// to at most the limit.
type ring struct {
	at    []time.Duration
	first int
	n     int
}

func (r *ring) count(now time.Duration, limit int) (int, time.Duration) {
	for r.n > 0 && now-r.at[r.first] >= time.Minute {
		r.first = (r.first + 1) % len(r.at)
		r.n--
	}
	if r.n == 0 {
		return 0, 0
	}
	// With more units than a limit that became smaller, room comes when all
	// but limit-1 of them are gone.
	over := max(0, r.n-limit)
	return r.n, time.Minute - (now - r.at[(r.first+over)%len(r.at)])
}

func (r *ring) take(now time.Duration, limit int) {
	if r.n == len(r.at) {
		grown := make([]time.Duration, max(r.n+1, min(limit, max(8, 2*r.n))))
		for i := range r.n {
			grown[i] = r.at[(r.first+i)%len(r.at)]
		}
		r.at, r.first = grown, 0
	}
	r.at[(r.first+r.n)%len(r.at)] = now
	r.n++
}

// hourCells is a full hour and the minute that is running: a unit leaves the
// window when its minute is an hour old, so it is kept for at most a minute
// longer than the hour and never shorter.
const hourCells = 61

// cells is the hour, by minutes.
type cells struct {
	units [hourCells]int32
	last  int // the running minute, counted from the beginning
	total int
}

func (c *cells) count(now time.Duration, limit int) (int, time.Duration) {
	minute := int(now / time.Minute)
	for i := 0; c.last < minute && i < hourCells; i++ {
		c.last++
		cell := &c.units[c.last%hourCells]
		c.total -= int(*cell)
		*cell = 0
	}
	c.last = max(c.last, minute)
	if c.total == 0 {
		return 0, 0
	}
	over := max(0, c.total-limit)
	for m := c.last - hourCells + 1; m <= c.last; m++ {
		if m < 0 {
			continue
		}
		over -= int(c.units[m%hourCells])
		if over < 0 {
			return c.total, time.Duration(m+hourCells)*time.Minute - now
		}
	}
	return c.total, 0
}

func (c *cells) take(now time.Duration, _ int) {
	c.units[c.last%hourCells]++
	c.total++
}

// seconds is a time in whole seconds, none too few.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func decimal(n int) string { return strconv.Itoa(n) }
