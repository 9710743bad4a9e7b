package webhook

import (
	"context"
	"errors"
	"time"
)

// What the lanes do by their own timers can be asked for at once, for all
// endpoints.

// Hurry tries at once what receivers have not taken, and tells at how many
// endpoints there was such a delivery.
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
// its lane waits for.
func (o *Outbox) NextAttempt(ctx context.Context) (first time.Time) {
	for _, e := range o.Endpoints() {
		if !e.Enabled {
			continue
		}
		next, err := o.store.Next(ctx, e.ID)
		if err != nil {
			return time.Time{}
		}
		if next.HasQueued {
			first = earlier(first, next.Queued.Due)
		}
		if next.HasApart && next.Apart.Part != Item {
			first = earlier(first, next.Apart.Due)
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

// SendDigests makes the digests of all endpoints now, of what they have so far,
// and tells how many events there are in them.
func (o *Outbox) SendDigests(ctx context.Context) (int, error) {
	now, count := o.now().UTC(), 0
	var errs []error
	for _, e := range o.Endpoints() {
		if !e.Enabled {
			continue
		}
		n, err := o.requeue(ctx, e.ID, Query{State: Waiting}, func(d *Delivery) bool {
			early := d.Part == Item && d.Due.After(now)
			if early {
				d.Due = now
			}
			return early
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
