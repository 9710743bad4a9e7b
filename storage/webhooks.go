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
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

// webhookCursor is the name of the outbox's cursor in the journal.
const webhookCursor = "webhook"

// Webhooks is the store of endpoints and their deliveries. A delivery is under
// its key; while it is under way, an index has it too: by its turn, by when it
// is due, or, once it has ended, by when it did.
type Webhooks struct {
	s *Store
}

var _ webhook.Store = (*Webhooks)(nil)

// Webhooks is the store of endpoints and their deliveries in this file.
func (s *Store) Webhooks() *Webhooks { return &Webhooks{s: s} }

// Last is the number of the newest event.
func (w *Webhooks) Last() uint64 { return w.s.Last() }

// Cursor is the last sequence number whose deliveries are queued.
func (w *Webhooks) Cursor(ctx context.Context) (uint64, error) { return w.s.Cursor(ctx, webhookCursor) }

// Enqueue queues the deliveries and moves the cursor in one transaction, once.
// Those of an endpoint that is no more are left out.
func (w *Webhooks) Enqueue(ctx context.Context, upTo uint64, deliveries []webhook.Delivery) error {
	err := w.s.write(ctx, func(tx *bbolt.Tx) error {
		if forward, err := advance(tx, webhookCursor, upTo); err != nil || !forward {
			return err
		}
		for _, d := range deliveries {
			if bucketEndpoints.in(tx).Get([]byte(d.Endpoint)) == nil {
				continue
			}
			if err := putDelivery(tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("queueing deliveries up to event %d: %w", upTo, err)
	}
	return nil
}

// storedEndpoint has the secrets beside the endpoint, because its own JSON
// never shows them.
type storedEndpoint struct {
	webhook.Endpoint
	URL      string            `json:"url"`
	Headers  map[string]string `json:"headers,omitempty"`
	Secret   string            `json:"secret"`
	Previous string            `json:"previous_secret,omitempty"`
}

func stored(e webhook.Endpoint) storedEndpoint {
	s := storedEndpoint{Endpoint: e, URL: e.URL.Reveal(), Secret: e.Secret.Reveal(), Previous: e.Previous.Reveal()}
	for name, value := range e.Headers {
		if s.Headers == nil {
			s.Headers = map[string]string{}
		}
		s.Headers[name] = value.Reveal()
	}
	return s
}

func (s storedEndpoint) restored() webhook.Endpoint {
	e := s.Endpoint
	e.URL, e.Secret, e.Previous, e.Headers = secret.Text(s.URL), secret.Text(s.Secret), secret.Text(s.Previous), nil
	for name, value := range s.Headers {
		if e.Headers == nil {
			e.Headers = map[string]secret.Text{}
		}
		e.Headers[name] = secret.Text(value)
	}
	return e
}

// Endpoints are all that are stored, in the order of their creation.
func (w *Webhooks) Endpoints(_ context.Context) ([]webhook.Endpoint, error) {
	var list []webhook.Endpoint
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		return bucketEndpoints.in(tx).ForEach(func(_, v []byte) error {
			var s storedEndpoint
			if err := bucketEndpoints.decode(v, &s); err != nil {
				return err
			}
			list = append(list, s.restored())
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the webhook endpoints: %w", err)
	}
	slices.SortStableFunc(list, func(a, b webhook.Endpoint) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// PutEndpoint stores an endpoint. fault.Invalid: it has no id.
func (w *Webhooks) PutEndpoint(ctx context.Context, e webhook.Endpoint) error {
	return w.s.write(ctx, func(tx *bbolt.Tx) error { return putEndpoint(tx, e) })
}

func putEndpoint(tx *bbolt.Tx, e webhook.Endpoint) error {
	if e.ID == "" {
		return fault.New(fault.Invalid, "an endpoint needs an id").At("id")
	}
	value, err := bucketEndpoints.encode(stored(e))
	if err != nil {
		return err
	}
	if err := bucketEndpoints.in(tx).Put([]byte(e.ID), value); err != nil {
		return fmt.Errorf("storing the webhook endpoint %s: %w", e.ID, err)
	}
	return nil
}

// deleteAtOnce bounds one transaction of DeleteEndpoint: others wait for it,
// printers too.
const deleteAtOnce = 1000

// DeleteEndpoint removes an endpoint with all that is kept of it, the endpoint
// itself in the last transaction.
func (w *Webhooks) DeleteEndpoint(ctx context.Context, id string) error {
	for {
		more := false
		err := w.s.write(ctx, func(tx *bbolt.Tx) (err error) {
			if more, err = deleteSome(tx, id); err != nil || more {
				return err
			}
			if err := bucketHealth.in(tx).Delete([]byte(id)); err != nil {
				return fmt.Errorf("deleting the health of %s: %w", id, err)
			}
			return bucketEndpoints.in(tx).Delete([]byte(id))
		})
		if err != nil || !more {
			return err
		}
	}
}

// deleteSome deletes deliveries of an endpoint, the indexes first, and tells
// whether there may be more.
func deleteSome(tx *bbolt.Tx, id string) (more bool, err error) {
	left := deleteAtOnce
	for _, b := range []bucket{bucketTurns, bucketDue, bucketEnded, bucketDeliveries} {
		c := b.in(tx).Cursor()
		prefix := deliveriesOf(id)
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Seek(prefix) {
			if left--; left < 0 {
				return true, nil
			}
			if err := b.in(tx).Delete(k); err != nil {
				return false, fmt.Errorf("deleting deliveries of %s: %w", id, err)
			}
		}
	}
	return false, nil
}

// Healths are those of the endpoints that have been tried.
func (w *Webhooks) Healths(_ context.Context) (map[string]webhook.Health, error) {
	all := map[string]webhook.Health{}
	err := w.s.db.View(func(tx *bbolt.Tx) error {
		return bucketHealth.in(tx).ForEach(func(k, v []byte) error {
			var h webhook.Health
			if err := bucketHealth.decode(v, &h); err != nil {
				return err
			}
			all[string(k)] = h
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the health of webhook endpoints: %w", err)
	}
	return all, nil
}

// Record makes a step in one transaction. A delivery of an endpoint that is no
// more is left out.
func (w *Webhooks) Record(ctx context.Context, s webhook.Step) error {
	err := w.s.write(ctx, func(tx *bbolt.Tx) error {
		if bucketEndpoints.in(tx).Get([]byte(s.Endpoint)) == nil {
			return nil
		}
		for _, k := range s.Remove {
			if err := removeDelivery(tx, k); err != nil {
				return err
			}
		}
		for _, d := range s.Deliveries {
			if err := putDelivery(tx, d); err != nil {
				return err
			}
		}
		if s.Health != nil {
			value, err := bucketHealth.encode(s.Health)
			if err != nil {
				return err
			}
			if err := bucketHealth.in(tx).Put([]byte(s.Endpoint), value); err != nil {
				return fmt.Errorf("storing the health of %s: %w", s.Endpoint, err)
			}
		}
		if s.Put != nil {
			if err := putEndpoint(tx, *s.Put); err != nil {
				return err
			}
		}
		return appendEntries(tx, s.Entries)
	})
	if err != nil {
		return fmt.Errorf("recording deliveries of %s: %w", s.Endpoint, err)
	}
	return nil
}

// deliveriesOf is what the keys of an endpoint's deliveries begin with. An id
// holds no zero byte.
func deliveriesOf(endpoint string) []byte { return append([]byte(endpoint), 0) }

func deliveryKey(k webhook.Key) []byte {
	return append(binary.BigEndian.AppendUint64(deliveriesOf(k.Endpoint), k.Seq), byte(k.Part))
}

// byTime is a key that sorts an endpoint's deliveries by a time first.
func byTime(k webhook.Key, at time.Time) []byte {
	b := binary.BigEndian.AppendUint64(deliveriesOf(k.Endpoint), uint64(max(at.UnixMilli(), 0)))
	return append(binary.BigEndian.AppendUint64(b, k.Seq), byte(k.Part))
}

// place is the index that has a delivery, and its key there.
func place(d webhook.Delivery) (bucket, []byte) {
	switch {
	case d.State.Over():
		return bucketEnded, byTime(d.Key, d.Ended)
	case d.Apart:
		return bucketDue, byTime(d.Key, d.Due)
	}
	return bucketTurns, deliveryKey(d.Key)
}

// putDelivery replaces a delivery and its place in the indexes.
func putDelivery(tx *bbolt.Tx, d webhook.Delivery) error {
	if err := removeDelivery(tx, d.Key); err != nil {
		return err
	}
	value, err := bucketDeliveries.encode(d)
	if err != nil {
		return err
	}
	k := deliveryKey(d.Key)
	if err := bucketDeliveries.in(tx).Put(k, value); err != nil {
		return fmt.Errorf("storing %s: %w", d.ID(), err)
	}
	index, at := place(d)
	if err := index.in(tx).Put(at, append([]byte{index.version()}, k...)); err != nil {
		return fmt.Errorf("storing the place of %s: %w", d.ID(), err)
	}
	return nil
}

// removeDelivery removes what is stored under a key, if anything.
func removeDelivery(tx *bbolt.Tx, k webhook.Key) error {
	b := bucketDeliveries.in(tx)
	v := b.Get(deliveryKey(k))
	if v == nil {
		return nil
	}
	var old struct { // What says where it is, and no more: this is done for each change of each delivery.
		State webhook.State `json:"state"`
		Apart bool          `json:"apart"`
		Due   time.Time     `json:"due_at"`
		Ended time.Time     `json:"ended_at"`
	}
	if err := bucketDeliveries.decode(v, &old); err != nil {
		return err
	}
	index, at := place(webhook.Delivery{Key: k, State: old.State, Apart: old.Apart, Due: old.Due, Ended: old.Ended})
	if err := index.in(tx).Delete(at); err != nil {
		return fmt.Errorf("removing the place of %s: %w", k.ID(), err)
	}
	return b.Delete(deliveryKey(k))
}
