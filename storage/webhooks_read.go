package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/webhook"
)

// deliveryAt is the delivery that an index names.
func deliveryAt(tx *bbolt.Tx, index bucket, value []byte) (webhook.Delivery, error) {
	var d webhook.Delivery
	if len(value) < 2 || value[0] != index.version() {
		return d, fmt.Errorf("a record of %s cannot be read", index)
	}
	v := bucketDeliveries.in(tx).Get(value[1:])
	if v == nil {
		return d, fmt.Errorf("a record of %s names a delivery that is not there", index)
	}
	err := bucketDeliveries.decode(v, &d)
	return d, err
}

// Next is the first in turn, and the first that is due by itself.
func (w *Webhooks) Next(_ context.Context, endpoint string) (webhook.Next, error) {
	var n webhook.Next
	err := w.s.db.View(func(tx *bbolt.Tx) (err error) {
		if n.Queued, n.HasQueued, err = firstIn(tx, bucketTurns, endpoint); err != nil {
			return err
		}
		n.Apart, n.HasApart, err = firstIn(tx, bucketDue, endpoint)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("reading the queue of %s: %w", endpoint, err)
	}
	return n, nil
}

func firstIn(tx *bbolt.Tx, index bucket, endpoint string) (webhook.Delivery, bool, error) {
	prefix := deliveriesOf(endpoint)
	k, v := index.in(tx).Cursor().Seek(prefix)
	if !bytes.HasPrefix(k, prefix) {
		return webhook.Delivery{}, false, nil
	}
	d, err := deliveryAt(tx, index, v)
	return d, err == nil, err
}

// Due are deliveries of a part that are due by themselves, in the order of events.
func (w *Webhooks) Due(_ context.Context, endpoint string, part webhook.Part, at time.Time, limit int) ([]webhook.Delivery, error) {
	var list []webhook.Delivery
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		prefix := deliveriesOf(endpoint)
		c := bucketDue.in(tx).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(list) < limit; k, v = c.Next() {
			if int64(binary.BigEndian.Uint64(k[len(prefix):])) > at.UnixMilli() {
				break
			}
			if k[len(k)-1] != byte(part) {
				continue
			}
			d, err := deliveryAt(tx, bucketDue, v)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is due for %s: %w", endpoint, err)
	}
	slices.SortFunc(list, func(a, b webhook.Delivery) int { return int(int64(a.Seq) - int64(b.Seq)) })
	return list, nil
}

// laterAtMost bounds how far Later looks: milestones of a job are near each other.
const laterAtMost = 1000

// Later tells whether one of the same group is queued behind a delivery.
func (w *Webhooks) Later(_ context.Context, d webhook.Delivery) (bool, error) {
	found := false
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		prefix := deliveriesOf(d.Endpoint)
		c := bucketDeliveries.in(tx).Cursor()
		k, v := c.Seek(deliveryKey(webhook.Key{Endpoint: d.Endpoint, Seq: d.Seq + 1}))
		for n := 0; bytes.HasPrefix(k, prefix) && n < laterAtMost && !found; k, v = c.Next() {
			var o struct {
				State webhook.State `json:"state"`
				Group string        `json:"group"`
			}
			if err := bucketDeliveries.decode(v, &o); err != nil {
				return err
			}
			found = o.Group == d.Group && (!o.State.Over() || o.State == webhook.Delivered)
			n++
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("looking behind %s: %w", d.ID(), err)
	}
	return found, nil
}

// Waiting counts what the two indexes of an endpoint have; no delivery is decoded for it.
func (w *Webhooks) Waiting(_ context.Context, endpoint string) (int, error) {
	count, prefix := 0, deliveriesOf(endpoint)
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		for _, index := range []bucket{bucketTurns, bucketDue} {
			c := index.in(tx).Cursor()
			for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
				count++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("counting what waits for %s: %w", endpoint, err)
	}
	return count, nil
}

// What one look at the deliveries takes at most, and how many it looks at: a
// state that is rare among many has several pages.
const (
	deliveriesAtOnce = 500
	deliveriesLooked = 2000
)

// Deliveries are a page of an endpoint's, newest first.
func (w *Webhooks) Deliveries(_ context.Context, endpoint string, q webhook.Query) (webhook.Page, error) {
	if q.Limit <= 0 || q.Limit > deliveriesAtOnce {
		q.Limit = deliveriesAtOnce
	}
	from := webhook.Key{Endpoint: endpoint, Seq: ^uint64(0), Part: 255}
	if q.Before.Seq > 0 {
		from.Seq, from.Part = q.Before.Seq, q.Before.Part
	}
	var page webhook.Page
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		prefix := deliveriesOf(endpoint)
		c := bucketDeliveries.in(tx).Cursor()
		k, _ := c.Seek(deliveryKey(from))
		step := c.Prev
		if k == nil {
			step = c.Last
		}
		var d webhook.Delivery
		looked := 0
		for k, v := step(); bytes.HasPrefix(k, prefix); k, v = c.Prev() {
			if len(page.Deliveries) == q.Limit || looked == deliveriesLooked {
				page.Next = webhook.Cursor{Seq: d.Seq, Part: d.Part}
				return nil
			}
			looked++
			d = webhook.Delivery{}
			if err := bucketDeliveries.decode(v, &d); err != nil {
				return err
			}
			if q.Wants(d) {
				page.Deliveries = append(page.Deliveries, d)
			}
		}
		return nil
	})
	if err != nil {
		return webhook.Page{}, fmt.Errorf("reading the deliveries of %s: %w", endpoint, err)
	}
	return page, nil
}

// Delivery is one. fault.NotFound: there is none, or no more.
func (w *Webhooks) Delivery(_ context.Context, k webhook.Key) (webhook.Delivery, error) {
	var d webhook.Delivery
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		v := bucketDeliveries.in(tx).Get(deliveryKey(k))
		if v == nil {
			return fault.New(fault.NotFound, "there is no delivery %q", k.ID())
		}
		return bucketDeliveries.decode(v, &d)
	})
	return d, err
}

// trimAtOnce bounds one transaction of Trim.
const trimAtOnce = 1000

// Trim drops the oldest of the log, at most trimAtOnce at a time.
func (w *Webhooks) Trim(ctx context.Context, endpoint string, keep int, before time.Time) (int, error) {
	var drop []webhook.Key
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		prefix := deliveriesOf(endpoint)
		var keys []webhook.Key
		old := 0
		c := bucketEnded.in(tx).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			rest := k[len(prefix):]
			if len(rest) != 17 {
				return fmt.Errorf("a record of %s has a key of %d bytes", bucketEnded, len(k))
			}
			if int64(binary.BigEndian.Uint64(rest)) < before.UnixMilli() {
				old++
			}
			keys = append(keys, webhook.Key{Endpoint: endpoint, Seq: binary.BigEndian.Uint64(rest[8:]), Part: webhook.Part(rest[16])})
		}
		drop = keys[:min(max(old, len(keys)-keep), trimAtOnce, len(keys))]
		return nil
	})
	if err != nil || len(drop) == 0 {
		return 0, err
	}
	err = w.s.write(ctx, func(tx *bbolt.Tx) error {
		for _, k := range drop {
			d, found, err := deliveryIn(tx, k)
			if err != nil {
				return err
			}
			if !found || !d.State.Over() {
				continue // It was queued again meanwhile.
			}
			if err := removeDelivery(tx, k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("shortening the log of %s: %w", endpoint, err)
	}
	return len(drop), nil
}

func deliveryIn(tx *bbolt.Tx, k webhook.Key) (d webhook.Delivery, found bool, err error) {
	v := bucketDeliveries.in(tx).Get(deliveryKey(k))
	if v == nil {
		return d, false, nil
	}
	err = bucketDeliveries.decode(v, &d)
	return d, err == nil, err
}
