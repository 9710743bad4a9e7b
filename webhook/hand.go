package webhook

import (
	"context"
	"errors"
	"time"
)

// What the lanes do by their own timers can be asked for at once, for all
// endpoints.

// Hurry tries at once what receivers have not taken, and tells how many
// endpoints it is that have failed.
func (o *Outbox) Hurry(ctx context.Context) (int, error) {
	count := 0
	var errs []error
	for _, e := range o.Endpoints() {
		h, err := o.Health(e.ID)
		if err != nil || !e.Enabled || h.Failures == 0 { // deleted meanwhile, or well
			continue
		}
		if err := o.hurry(ctx, e.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		count++
	}
	return count, errors.Join(errs...)
}

// NextAttempt is when the first delivery that waits is tried, the zero time when
// none waits or that cannot be read. Of each endpoint the one is looked at that
// its lane waits for, and until when the endpoint is left alone.
func (o *Outbox) NextAttempt(ctx context.Context) (first time.Time) {
	for _, e := range o.Endpoints() {
		h, err := o.Health(e.ID)
		if err != nil || !e.Enabled { // deleted meanwhile, or off
			continue
		}
		next, err := o.store.Next(ctx, e.ID)
		if err != nil {
			return time.Time{}
		}
		var due time.Time
		if next.HasQueued {
			due = next.Queued.Due
		}
		if next.HasApart && next.Apart.Part != Item {
			due = earlier(due, next.Apart.Due)
		}
		switch {
		case due.IsZero():
		case due.Before(h.OpenUntil):
			first = earlier(first, h.OpenUntil)
		default:
			first = earlier(first, due)
		}
	}
	return first
}

// NextDigest is when the first digest is made, the zero time when no endpoint has one.
func (o *Outbox) NextDigest() (first time.Time) {
	now := o.now()
	for _, e := range o.Endpoints() {
		if e.Enabled && e.Digest.kept() {
			first = earlier(first, e.Digest.Next(now, e.zone(o.location)))
		}
	}
	return first
}

// earlier is the earlier of two times; the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// soon is how near its own time a digest may be to be left to it.
const soon = 2 * time.Minute

// SendDigests makes the digests of all endpoints now, of what they have so far,
// and tells how many events there are in them. One that comes soon by itself is
// left to its lane: what the lane sends at this moment must not be stored again
// as what still waits.
func (o *Outbox) SendDigests(ctx context.Context) (int, error) {
	count := 0
	var errs []error
	for _, e := range o.Endpoints() {
		if !e.Enabled {
			continue
		}
		now := o.now().UTC()
		n, err := o.requeue(ctx, e.ID, Query{State: Waiting}, func(d *Delivery) bool {
			if d.Part != Item || !d.Due.After(now) {
				return false
			}
			if !d.Due.After(now.Add(soon)) {
				count++
				return false
			}
			d.Due = now
			return true
		})
		count += n
		errs = append(errs, err)
	}
	return count, errors.Join(errs...)
}

// Retain drops what is old or too many from the logs of deliveries, and tells how many.
func (o *Outbox) Retain(ctx context.Context) (int, error) {
	count := 0
	var errs []error
	for _, e := range o.Endpoints() {
		n, err := o.store.Trim(ctx, e.ID, keptLog, o.now().Add(-keptDays))
		count += n
		errs = append(errs, err)
	}
	return count, errors.Join(errs...)
}
