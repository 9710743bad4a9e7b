package webhook

import (
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// DefaultEvents are those that an endpoint without a list gets.
func DefaultEvents() []string {
	return []string{"print_started", "print_progress", "print_complete", "print_failed", "print_stopped", "printer_offline", "printer_error"}
}

// How long deliveries are worth sending, and when progress is no news.
const (
	lifetime         = 72 * time.Hour
	progressLifetime = 15 * time.Minute
	staleAfter       = 2 * time.Minute
)

// Wants tells whether the endpoint asks for an event. It is pure: the same
// event has the same answer after a restart.
func (e Endpoint) Wants(ev Event) bool { return e.wants(viewOf(ev)) }

func (e Endpoint) wants(v view) bool {
	entry, d := v.Entry, v.detail
	events := e.Asked()
	switch {
	case !slices.Contains(events, entry.Name) && !slices.Contains(events, "*"):
		return false
	case entry.Seq <= e.After:
		return false // It happened before anyone asked.
	case entry.PrinterID != 0 && len(e.Printers) > 0 && !slices.Contains(e.Printers, entry.PrinterID):
		return false
	case d.Result != "" && len(e.Results) > 0 && !slices.Contains(e.Results, d.Result):
		return false
	case v.aboutJob() && v.shorter(e.MinimumMinutes):
		return false
	case entry.Name == "print_progress":
		return !v.shorter(e.Milestones.MinimumMinutes) && e.Milestones.want(d)
	}
	return true
}

// shorter: the job is known to be shorter than some minutes.
func (v view) shorter(minutes int) bool {
	seconds, known := v.length()
	return known && seconds/60 < minutes
}

// length is how many seconds the whole job takes, as far as is known: the
// slicer's estimate, or what has passed and what is left. A job that was cut
// off counts with what it would have taken.
func (v view) length() (int, bool) {
	d := v.detail
	switch {
	case d.EstimateSeconds != nil && *d.EstimateSeconds > 0:
		return *d.EstimateSeconds, true
	case d.DurationSeconds != nil && d.Result == printer.Success:
		return *d.DurationSeconds, true
	case d.DurationSeconds != nil && d.Progress != nil && *d.Progress > 0:
		return int(float64(*d.DurationSeconds) * 100 / float64(*d.Progress)), true
	case d.Result != "" || d.StartedAt == nil || d.RemainingSeconds == nil:
		return 0, false
	}
	passed := int(max(v.Entry.Time.Sub(*d.StartedAt), 0).Seconds())
	switch left := *d.RemainingSeconds; {
	case left > 0:
		return passed + left, true
	case d.Progress != nil && *d.Progress > 0: // A printer says 0 when it begins, too.
		return int(float64(passed) * 100 / float64(*d.Progress)), true
	}
	return 0, false
}

// percents are the list, or the default where there is none.
func (m Milestones) percents() []int {
	if m.Percent == nil {
		return printer.DefaultMarks().Percent
	}
	return m.Percent
}

// want tells whether a milestone is on the list. Of several that one report
// crossed, "highest" wants only that which no other of the list lies beyond;
// that needs no memory, because the event says how far the job is.
func (m Milestones) want(d printer.Detail) bool {
	if d.Milestone == nil {
		return true
	}
	mark := *d.Milestone
	beyond := func(list []int, crossed func(other int) bool) bool {
		return m.Jumps == "highest" && slices.ContainsFunc(list, crossed)
	}
	switch d.MilestoneKind {
	case "percent":
		list := m.percents()
		return slices.Contains(list, mark) &&
			(d.Progress == nil || !beyond(list, func(o int) bool { return mark < o && o <= *d.Progress }))
	case "layer":
		return m.EveryLayers > 0 && mark%m.EveryLayers == 0 &&
			(d.Layer == nil || !beyond([]int{mark + m.EveryLayers}, func(o int) bool { return o <= *d.Layer }))
	case "minutes_left":
		return slices.Contains(m.MinutesLeft, mark) &&
			(d.RemainingSeconds == nil || !beyond(m.MinutesLeft, func(o int) bool { return o < mark && *d.RemainingSeconds <= o*60 }))
	}
	return false
}

// plan is what an event becomes for the endpoint at a time: nothing, one
// delivery, an item of the digest, or both.
func (e Endpoint) plan(v view, now time.Time, own *time.Location) []Delivery {
	if !e.Enabled && !e.Disabled.ByRule || !e.wants(v) {
		return nil
	}
	d := Delivery{
		Key: Key{e.ID, v.Entry.Seq, Alone}, State: Waiting, Entry: v.Entry, Facts: v.Facts,
		Group: v.group(), Created: now, Due: now, Expires: now.Add(lifetime),
	}
	happened := v.happened(now)
	if d.Group != "" {
		d.Expires = happened.Add(progressLifetime)
	}
	if slices.Contains(e.Always, v.Entry.Name) {
		return []Delivery{d}
	}
	var list []Delivery
	if e.Digest.kept() {
		item := d
		item.Part, item.Apart, item.Group = Item, true, ""
		item.Due = e.Digest.Next(now, e.zone(own))
		item.Expires = item.Due.Add(lifetime)
		list = append(list, item)
	}
	if e.Digest.Mode == "digest" {
		return list
	}
	// What happened in quiet hours is dropped; what comes late into them is held.
	if _, quiet := e.quiet(happened, own); quiet && e.Quiet.Mode == "drop" {
		return list
	}
	if until, quiet := e.quiet(now, own); quiet {
		d.hold(until)
	}
	return append(list, d)
}

// happened is when the event happened, as far as the clock can be trusted. The
// outbox may see it later, after a restart.
func (v view) happened(now time.Time) time.Time {
	if t := v.Entry.Time; !t.IsZero() && t.Before(now) {
		return t
	}
	return now
}

// quiet is when the quiet hours around a time end, false when there are none then.
func (e Endpoint) quiet(now time.Time, own *time.Location) (time.Time, bool) {
	if e.Quiet.Mode == "" {
		return time.Time{}, false
	}
	return e.Quiet.Ends(now, e.zone(own))
}

// hold keeps a delivery back until a time, without holding up others.
func (d *Delivery) hold(until time.Time) {
	d.Expires = d.Expires.Add(until.Sub(d.Due))
	d.Due, d.Apart = until, true
}

// group: a later milestone of the same kind and job makes an earlier one stale.
func (v view) group() string {
	if v.Entry.Name != "print_progress" {
		return ""
	}
	return v.Entry.Serial + "/" + v.Entry.Job + "/" + v.detail.MilestoneKind
}
