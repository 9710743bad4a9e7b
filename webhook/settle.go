package webhook

import (
	"context"
	"encoding/json"
	"time"

	"github.com/printwire/printwire/journal"
)

// outdated tells why a delivery is not worth an attempt any more.
func (l *lane) outdated(ctx context.Context, e Endpoint, d Delivery, now time.Time) (reason string, state State, err error) {
	if d.Seq <= e.BacklogUpTo && d.Created.Before(e.BacklogFrom) {
		return "it was older than a day when the endpoint was enabled again", Expired, nil
	}
	over := !now.Before(d.Expires)
	if d.Group == "" || !over && now.Sub(d.Created) < staleAfter {
		return "", "", nil
	}
	later, err := l.box.store.Later(ctx, d)
	switch {
	case err != nil:
		return "", "", err
	case later:
		return "a later milestone of the job is on its way", Superseded, nil
	case over:
		return "it is no news any more", Expired, nil
	}
	return "", "", nil
}

// end records an end without an attempt.
func (l *lane) end(ctx context.Context, d Delivery, state State, reason string, now time.Time) error {
	d.State, d.Reason, d.Ended = state, reason, now
	l.ended++
	return l.box.store.Record(ctx, Step{Endpoint: d.Endpoint, Deliveries: []Delivery{d}})
}

// settle records what came of an attempt.
func (l *lane) settle(ctx context.Context, e Endpoint, h Health, d Delivery, out outcome) error {
	now := l.box.now().UTC()
	d.Tries++
	d.Request = out.request
	d.Attempts = append(d.Attempts, out.Attempt)
	d.Attempts = d.Attempts[max(0, len(d.Attempts)-keptAttempts):]
	h = l.judge(e, &d, h, out, now)
	l.setHealth(h)
	if d.State.Over() {
		l.ended++
	}
	s := Step{Endpoint: e.ID, Deliveries: []Delivery{d}, Health: &h}
	switch {
	case out.verdict == gone:
		return l.disable(ctx, s, "the receiver said that it is gone", now)
	case out.verdict != accepted && h.dead():
		return l.disable(ctx, s, "no delivery has succeeded for five days: "+h.LastError, now)
	}
	return l.record(ctx, s)
}

// judge is what an outcome makes of the delivery and the endpoint's health.
func (l *lane) judge(e Endpoint, d *Delivery, h Health, out outcome, now time.Time) Health {
	if out.verdict == accepted {
		d.State, d.Ended, d.Reason = Delivered, now, ""
		return healthy(now)
	}
	h = h.after(out, now)
	pause, more := pauseBefore(l.box.schedule, d.Tries, l.box.random())
	switch {
	case out.verdict == blocked:
		d.State, d.Ended, d.Reason = Blocked, now, out.text()
	case out.verdict == gone:
		d.State, d.Due = Retrying, now
	case !more:
		d.State, d.Ended, d.Reason = Failed, now, "no success in "+itoa(d.Tries)+" attempts: "+out.text()
	case !now.Before(d.Expires) && (d.Tries > 1 || d.Group != ""):
		d.State, d.Ended, d.Reason = Expired, now, out.text()
	default:
		d.State, d.Due = Retrying, now.Add(max(pause, out.pause))
		if d.Group != "" && d.Due.After(d.Expires) {
			d.Due = d.Expires // It ends then, and not when its turn would have come.
		}
		// In strict order it takes its turn again, even if it was held back until now.
		d.Apart = e.Ordered != "strict" && (d.Apart || d.Tries >= passAfter)
	}
	return h
}

// disable records a step that switches the endpoint off, and says so to the
// journal in the same transaction.
func (l *lane) disable(ctx context.Context, s Step, reason string, now time.Time) error {
	if err := l.box.lock(ctx); err != nil {
		return err
	}
	defer l.box.unlock()
	e, _ := l.now()
	e.Enabled, e.Disabled, e.Updated = false, Disabling{At: now, Reason: reason, ByRule: true}, now
	data, err := json.Marshal(map[string]string{"endpoint": e.Name, "reason": reason})
	if err != nil {
		return err
	}
	s.Put = &e
	s.Entries = []journal.Entry{{Time: now, Name: "endpoint_disabled", Data: data}}
	if err := l.record(ctx, s); err != nil {
		return err
	}
	l.box.place(e, *s.Health)
	return nil
}

// record stores a step, however long the disk is full: an answer that was got
// is not asked for again. A stop tries once more and leaves it then.
func (l *lane) record(ctx context.Context, s Step) error {
	pause := 100 * time.Millisecond
	for {
		err := l.box.store.Record(context.WithoutCancel(ctx), s)
		if err == nil || ctx.Err() != nil {
			return err
		}
		l.box.log.Warn("the result of a webhook delivery cannot be stored, will try again", "endpoint", s.Endpoint, "error", err)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
		pause = min(2*pause, 30*time.Second)
	}
}

// shed ends what an endpoint that is off has kept for longer than any backlog
// goes back, so that its queue has an end.
func (l *lane) shed(ctx context.Context, next Next, now time.Time) (until time.Time, err error) {
	const reason = "the endpoint was switched off for more than a week"
	switch before := now.Add(-keptDays); {
	case next.HasQueued && next.Queued.Created.Before(before):
		return time.Time{}, l.end(ctx, next.Queued, Expired, reason, now)
	case next.HasApart && next.Apart.Created.Before(before):
		return time.Time{}, l.end(ctx, next.Apart, Expired, reason, now)
	}
	return now.Add(longRest), nil
}
