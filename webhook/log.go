package webhook

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
)

// Test sends a test event at once, past the queue, and tells what came of it;
// never what the receiver wrote. When the receiver takes it, what has failed
// there is tried again at once, too. fault.NotFound: there is none of that id.
func (o *Outbox) Test(ctx context.Context, id string) (Attempt, error) {
	e, err := o.Endpoint(id)
	if err != nil {
		return Attempt{}, err
	}
	now := o.now().UTC()
	d := Delivery{Key: Key{Endpoint: id, Seq: uint64(now.UnixNano())}, Created: now}
	// The id is its own; the number is that of the last event, so that who sorts by it is not led astray.
	d.Entry = journal.Entry{Seq: o.store.Last(), Time: now, Name: "test", Data: []byte("{}")}
	d.Facts.Test = true
	r, err := e.render(d, o.location)
	if err != nil {
		return Attempt{}, err
	}
	client := o.sender.client(e)
	defer client.CloseIdleConnections()
	out := o.sender.send(ctx, client, e, d, r)
	out.Response = ""
	if out.verdict != accepted && out.Error == "" {
		out.Error = out.text()
	}
	if out.verdict == accepted {
		if err := o.hurry(ctx, id); err != nil {
			o.log.Warn("what waits for a webhook receiver is not tried at once", "endpoint", id, "error", err)
		}
	}
	return out.Attempt, nil
}

// hurry makes what has failed due now, because the receiver is well again.
func (o *Outbox) hurry(ctx context.Context, id string) error {
	if err := o.lock(ctx); err != nil {
		return err
	}
	defer o.unlock()
	e, err := o.Endpoint(id)
	if err != nil {
		return err
	}
	h, err := o.Health(id)
	if err != nil || !e.Enabled || h.Failures == 0 {
		return err
	}
	o.halt(id)
	if err := o.restart(ctx, e, Query{}); err != nil {
		o.place(e, h)
		return err
	}
	return nil
}

// ParseID is the key in a webhook-id. fault.NotFound: it is none of ours.
func ParseID(id string) (Key, error) {
	var k Key
	rest, ok := strings.CutPrefix(id, "msg_")
	number, endpoint, found := strings.Cut(rest, "_")
	if _, err := fmt.Sscanf(number, "%d", &k.Seq); ok && found && err == nil {
		k.Endpoint = endpoint
		for part, suffix := range suffixes() {
			if before, is := strings.CutSuffix(endpoint, suffix); is && suffix != "" {
				k.Endpoint, k.Part = before, Part(part)
			}
		}
		if k.ID() == id {
			return k, nil
		}
	}
	return Key{}, fault.New(fault.NotFound, "there is no delivery %.64q", id)
}

// Deliveries are a page of an endpoint's, queued and logged, the newest first.
// A page may be short and have a next one. fault.NotFound: there is no such endpoint.
func (o *Outbox) Deliveries(ctx context.Context, id string, q Query) (Page, error) {
	if _, err := o.Endpoint(id); err != nil {
		return Page{}, err
	}
	return o.store.Deliveries(ctx, id, q)
}

// Delivery is one by its webhook-id. fault.NotFound: there is none, or no more.
func (o *Outbox) Delivery(ctx context.Context, id string) (Delivery, error) {
	k, err := ParseID(id)
	if err != nil {
		return Delivery{}, err
	}
	return o.store.Delivery(ctx, k)
}

// Redeliver queues a delivery that has ended again, with the same id.
// fault.Conflict: it is on its way.
func (o *Outbox) Redeliver(ctx context.Context, id string) (Delivery, error) {
	d, err := o.Delivery(ctx, id)
	if err != nil {
		return d, err
	}
	if !d.State.Over() {
		return d, fault.New(fault.Conflict, "the delivery is on its way already")
	}
	d.anew(o.now().UTC())
	if err := o.store.Record(ctx, Step{Endpoint: d.Endpoint, Deliveries: []Delivery{d}}); err != nil {
		return d, err
	}
	o.wake(d.Endpoint)
	return d, nil
}

func (d *Delivery) anew(now time.Time) {
	d.State, d.Reason, d.Ended, d.Tries, d.Group = Waiting, "", time.Time{}, 0, ""
	// Its age counts from now: it was asked for.
	d.Created, d.Due, d.Expires, d.Apart = now, now, now.Add(lifetime), true
}

// Recover queues all that ended without success since a time again, and tells
// how many; not what a later milestone has replaced. Where printers are named,
// what tells of any other is left alone.
func (o *Outbox) Recover(ctx context.Context, id string, since time.Time, printers []int) (int, error) {
	if _, err := o.Endpoint(id); err != nil {
		return 0, err
	}
	now := o.now().UTC()
	return o.requeue(ctx, id, Query{Since: since, Ended: true, Printers: printers}, func(d *Delivery) bool {
		if d.State == Delivered || d.State == Superseded {
			return false
		}
		d.anew(now)
		return true
	})
}

// requeue changes deliveries page by page, so that a long queue is no long transaction.
func (o *Outbox) requeue(ctx context.Context, id string, q Query, change func(*Delivery) bool) (int, error) {
	q.Limit = 200
	count := 0
	defer o.wake(id)
	for {
		page, err := o.store.Deliveries(ctx, id, q)
		if err != nil {
			return count, err
		}
		s := Step{Endpoint: id}
		for _, d := range page.Deliveries {
			if change(&d) {
				s.Deliveries = append(s.Deliveries, d)
			}
		}
		if len(s.Deliveries) > 0 {
			if err := o.store.Record(ctx, s); err != nil {
				return count, err
			}
			count += len(s.Deliveries)
		}
		if q.Before = page.Next; q.Before == (Cursor{}) {
			return count, nil
		}
	}
}
