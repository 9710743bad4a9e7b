package auth

import (
	"container/list"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// The bounds of the memory of rates.
const (
	ratesKept = 4096
	ratesIdle = 2 * time.Hour

	// addressLimit is for routes that ask for no credential.
	addressLimit = 100
	// ownerLimit is what all keys of one owner have together.
	ownerLimit = 1000
)

// Rate is the answer of the limits to one request. Of all windows it shows the
// tightest. Its zero value is a refusal without windows.
type Rate struct {
	OK bool
	// Limit is 0 where no window applies: nothing is to be shown.
	Limit, Remaining int
	// Reset is the second of the Unix epoch at which one unit frees.
	Reset int64
	// RetryAfter is how many seconds to wait, 0 when OK.
	RetryAfter int

	tightest int
	windows  [4]view
	n        int
}

// view is what one window says after a request.
type view struct {
	name      string
	limit     int
	span      time.Duration
	remaining int
	frees     time.Duration // until one more unit is free
	full      bool          // it was in the way
}

// RateHeaders are the values of the five headers of a Rate; the empty ones are
// not sent.
type RateHeaders struct {
	Limit, Remaining, Reset string // X-RateLimit-…
	RetryAfter              string
	Policy, State           string // RateLimit-Policy, RateLimit
}

// Headers are the values for the headers of an answer.
func (r *Rate) Headers() RateHeaders {
	if r.Limit == 0 {
		return RateHeaders{}
	}
	h := RateHeaders{Limit: decimal(r.Limit), Remaining: decimal(r.Remaining), Reset: decimal(int(r.Reset))}
	if !r.OK {
		h.RetryAfter = decimal(r.RetryAfter)
	}
	h.Policy, h.State = r.Policy(), r.State()
	return h
}

// Policy is the policies that applied, as RateLimit-Policy writes them.
func (r *Rate) Policy() string {
	var b strings.Builder
	for i, w := range r.windows[:r.n] {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + w.name + `";q=` + decimal(w.limit) + `;w=` + decimal(int(w.span/time.Second)))
	}
	return b.String()
}

// State is the tightest window, as RateLimit writes it.
func (r *Rate) State() string {
	if r.n == 0 {
		return ""
	}
	w := r.windows[r.tightest]
	return `"` + w.name + `";r=` + decimal(w.remaining) + `;t=` + decimal(seconds(w.frees))
}

// Violated are the names of the policies that were in the way.
func (r *Rate) Violated() []string {
	var names []string
	for _, w := range r.windows[:r.n] {
		if w.full {
			names = append(names, w.name)
		}
	}
	return names
}

// Reason is a sentence about what was in the way, "" when OK.
func (r *Rate) Reason() string {
	for _, w := range r.windows[:r.n] {
		if w.full && !r.OK {
			unit := "minute"
			if w.span == time.Hour {
				unit = "hour"
			}
			return fmt.Sprintf("%s limit of %d per %s reached.", sentence(w.name), w.limit, unit)
		}
	}
	return ""
}

// sentence is a policy at the beginning of a sentence.
func sentence(name string) string {
	switch name {
	case "minute", "hour":
		return "Request"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// Rates counts requests in exact sliding windows. A request fits into all of
// its windows, or takes from none. It is for one kind of subject: what many
// strangers do does not push out the counts of keys.
type Rates struct {
	now func() time.Time

	mu       sync.Mutex
	base     time.Time
	last     time.Duration
	subjects map[who]*list.Element // of *subject
	recent   list.List             // the latest first
}

// NewRates makes counts of nothing.
func NewRates(now func() time.Time) *Rates {
	return &Rates{now: now, subjects: make(map[who]*list.Element)}
}

// subject is what was counted for one key, owner or address.
type subject struct {
	who    who
	used   time.Duration
	minute ring
	class  [classes]ring
	hour   cells
}

// who is a subject. Owners stand apart from keys of the same name.
type who struct {
	name    string
	owner   bool
	address netip.Addr
}

// Take asks for one request of a class under a plan. Where owner is not "" and
// ceiling not 0, all that the owner takes in a minute stays under it too.
func (r *Rates) Take(name string, plan Plan, class Class, owner string, ceiling int) Rate {
	return r.take(who{name: name}, plan, class, owner, ceiling)
}

func (r *Rates) take(name who, plan Plan, class Class, owner string, ceiling int) Rate {
	if plan == (Plan{Name: plan.Name}) {
		return Rate{OK: true}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	wall, now := r.tick()
	s := r.subject(name, now)
	var rate Rate
	var counts [4]counter
	add := func(name string, limit int, span time.Duration, c counter) {
		if limit > 0 {
			counts[rate.n] = c
			rate.windows[rate.n] = view{name: name, limit: limit, span: span}
			rate.n++
		}
	}
	add(class.String(), plan.class(class), time.Minute, &s.class[min(class, ControlClass)])
	add("minute", plan.Minute, time.Minute, &s.minute)
	add("hour", plan.Hour, time.Hour, &s.hour)
	if owner != "" {
		add("owner", ceiling, time.Minute, &r.subject(who{name: owner, owner: true}, now).minute)
	}
	rate.settle(counts[:rate.n], wall, now)
	return rate
}

// tick is the time, and the time since the first tick, which never goes back.
func (r *Rates) tick() (time.Time, time.Duration) {
	wall := r.now()
	if r.base.IsZero() {
		r.base = wall
	}
	r.last = max(r.last, wall.Sub(r.base))
	return wall, r.last
}

// settle takes from all windows or from none, and says how they stand.
func (r *Rate) settle(counts []counter, wall time.Time, now time.Duration) {
	r.OK = true
	var wait time.Duration
	for i, c := range counts {
		w := &r.windows[i]
		used, frees := c.count(now, w.limit)
		if used >= w.limit {
			w.full, r.OK = true, false
			wait = max(wait, frees)
		}
		w.remaining, w.frees = max(0, w.limit-used), frees
	}
	for i, c := range counts {
		w := &r.windows[i]
		if r.OK {
			c.take(now, w.limit)
			used, frees := c.count(now, w.limit)
			w.remaining, w.frees = w.limit-used, frees
		}
		if t := r.windows[r.tightest]; w.remaining < t.remaining || w.remaining == t.remaining && w.frees > t.frees {
			r.tightest = i
		}
	}
	t := r.windows[r.tightest]
	r.Limit, r.Remaining = t.limit, t.remaining
	r.Reset = wall.Add(t.frees + time.Second - 1).Unix()
	if !r.OK {
		r.RetryAfter = max(1, seconds(wait))
	}
}

// subject is the record of a name, made if there is none. Records that were
// idle for long go; if there are too many all the same, the one that was idle
// longest makes room.
func (r *Rates) subject(name who, now time.Duration) *subject {
	if e, ok := r.subjects[name]; ok {
		r.recent.MoveToFront(e)
		s := e.Value.(*subject)
		s.used = now
		return s
	}
	for oldest := r.recent.Back(); oldest != nil; oldest = r.recent.Back() {
		s := oldest.Value.(*subject)
		if len(r.subjects) < ratesKept && now-s.used < ratesIdle {
			break
		}
		r.recent.Remove(oldest)
		delete(r.subjects, s.who)
	}
	s := &subject{who: name, used: now}
	r.subjects[name] = r.recent.PushFront(s)
	return s
}
