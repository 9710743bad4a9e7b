package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// MaxEndpoints is how many endpoints there may be.
const MaxEndpoints = 100

// Endpoints are all endpoints, in the order of their creation.
func (o *Outbox) Endpoints() []Endpoint { return slices.Clone(*o.list.Load()) }

// Endpoint is one. fault.NotFound: there is none of that id.
func (o *Outbox) Endpoint(id string) (Endpoint, error) {
	for _, e := range *o.list.Load() {
		if e.ID == id {
			return e, nil
		}
	}
	return Endpoint{}, fault.New(fault.NotFound, "there is no webhook endpoint %.64q", id)
}

// Health is how an endpoint has fared. fault.NotFound: there is none of that id.
func (o *Outbox) Health(id string) (Health, error) {
	o.mu.Lock()
	l := o.lanes[id]
	o.mu.Unlock()
	if l == nil {
		return Health{}, fault.New(fault.NotFound, "there is no webhook endpoint %.64q", id)
	}
	_, h := l.now()
	return h, nil
}

// Check is all that is wrong with an endpoint that is not there yet, as
// Problems; nil when it could be created or managed.
func (o *Outbox) Check(e Endpoint) error {
	e = e.withDefaults()
	if e.Secret == "" {
		e.Secret, _ = NewSecret(e.Signature, rand.Reader) // Where there is none for the signature, check says so.
	}
	return o.check(e)
}

func (o *Outbox) check(e Endpoint) error {
	return e.check(o.sender.policy, o.sender.bus.Token != "", o.location)
}

// Waiting counts what is under way to an endpoint. fault.NotFound: there is
// none of that id.
func (o *Outbox) Waiting(ctx context.Context, id string) (int, error) {
	if _, err := o.Endpoint(id); err != nil {
		return 0, err
	}
	return o.store.Waiting(ctx, id)
}

// Create adds an endpoint. It gets an id and a secret where it has none; the
// secret is in the answer, and has to be shown then. Problems: what is wrong with it.
func (o *Outbox) Create(ctx context.Context, e Endpoint) (Endpoint, error) {
	if err := o.lock(ctx); err != nil {
		return Endpoint{}, err
	}
	defer o.unlock()
	e.Managed = false
	return o.create(ctx, e)
}

func (o *Outbox) create(ctx context.Context, e Endpoint) (Endpoint, error) {
	if len(*o.list.Load()) >= MaxEndpoints {
		return e, fault.New(fault.Conflict, "there are %d webhook endpoints already, more are not possible", MaxEndpoints)
	}
	e = e.withDefaults()
	if e.ID == "" {
		id, err := newID()
		if err != nil {
			return e, err
		}
		e.ID = id
	}
	if _, err := o.Endpoint(e.ID); err == nil {
		return e, fault.New(fault.Conflict, "there is a webhook endpoint %q already", e.ID).At("id")
	}
	if e.Secret == "" {
		s, err := NewSecret(e.Signature, rand.Reader)
		if err != nil {
			return e, err
		}
		e.Secret = s
	}
	now := o.now().UTC()
	e.After = o.store.Last()
	e.Created, e.Updated, e.Enabled, e.Disabled = now, now, true, Disabling{}
	return e, o.save(ctx, e)
}

func newID() (string, error) {
	var b [10]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	return "wh_" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:])), nil
}

// save checks, stores and places. admin is held.
func (o *Outbox) save(ctx context.Context, e Endpoint) error {
	if err := o.check(e); err != nil {
		return err
	}
	if err := o.store.PutEndpoint(ctx, e); err != nil {
		return err
	}
	o.place(e, Health{})
	return nil
}

// moved tells whether deliveries go elsewhere than before, or in another way.
func (e Endpoint) moved(old Endpoint) bool {
	return e.Target != old.Target || e.URL != old.URL || e.Certificate != old.Certificate || !maps.Equal(e.Headers, old.Headers)
}

// replace is save for an endpoint that there is. When it has moved, how the old
// place has fared counts no more: what was tried there is due at once. admin is held.
func (o *Outbox) replace(ctx context.Context, e, old Endpoint) error {
	if !e.Enabled || !e.moved(old) {
		return o.save(ctx, e)
	}
	if err := o.check(e); err != nil {
		return err
	}
	o.halt(e.ID)
	err := o.restart(ctx, e, Query{})
	if err != nil {
		o.place(old, Health{})
	}
	return err
}

// restart stores an endpoint as one without a past, and places it. admin is
// held, and nothing is sent meanwhile.
func (o *Outbox) restart(ctx context.Context, e Endpoint, q Query) error {
	now := o.now().UTC()
	q.State = Retrying
	_, err := o.requeue(ctx, e.ID, q, func(d *Delivery) bool {
		d.Due, d.Tries = now, 0
		return true
	})
	if err != nil {
		return err
	}
	if err := o.store.Record(ctx, Step{Endpoint: e.ID, Health: &Health{}, Put: &e}); err != nil {
		return err
	}
	o.mu.Lock()
	if l := o.lanes[e.ID]; l != nil {
		l.setHealth(Health{})
	}
	o.mu.Unlock()
	o.place(e, Health{})
	return nil
}

// Update changes an endpoint. Its id, secrets and state are not the change's
// to make. fault.Conflict: it comes from the settings file.
func (o *Outbox) Update(ctx context.Context, id string, change func(*Endpoint)) (Endpoint, error) {
	return o.edit(ctx, id, func(e *Endpoint) error {
		kept := *e
		change(e)
		*e = e.withDefaults() // What is left out is as it always was, and no other signature.
		e.ID, e.Managed, e.Created, e.After = kept.ID, kept.Managed, kept.Created, kept.After
		e.Enabled, e.Disabled, e.BacklogFrom, e.BacklogUpTo = kept.Enabled, kept.Disabled, kept.BacklogFrom, kept.BacklogUpTo
		e.Secret, e.Previous, e.PreviousUntil = kept.Secret, kept.Previous, kept.PreviousUntil
		if e.Signature != kept.Signature {
			return o.renew(e)
		}
		return nil
	})
}

func (o *Outbox) edit(ctx context.Context, id string, change func(*Endpoint) error) (Endpoint, error) {
	if err := o.lock(ctx); err != nil {
		return Endpoint{}, err
	}
	defer o.unlock()
	e, err := o.Endpoint(id)
	if err != nil {
		return e, err
	}
	if e.Managed {
		return e, managed(e)
	}
	old := e
	e = e.clone()
	if err := change(&e); err != nil {
		return e, err
	}
	e = e.withDefaults()
	e.Updated = o.now().UTC()
	return e, o.replace(ctx, e, old)
}

func managed(e Endpoint) error {
	return fault.New(fault.Conflict, "the webhook endpoint %q comes from the settings file", e.Name).WithHint("change it there")
}

// clone shares nothing that a change could write to.
func (e Endpoint) clone() Endpoint {
	e.Headers, e.Variables, e.Template.Headers = cloned(e.Headers), cloned(e.Variables), cloned(e.Template.Headers)
	e.Events, e.Always, e.Printers, e.Results = slices.Clone(e.Events), slices.Clone(e.Always), slices.Clone(e.Printers), slices.Clone(e.Results)
	e.Milestones.Percent, e.Milestones.MinutesLeft = slices.Clone(e.Milestones.Percent), slices.Clone(e.Milestones.MinutesLeft)
	return e
}

// cloned is nil for none.
func cloned[T any](m map[string]T) map[string]T {
	if len(m) == 0 {
		return nil
	}
	c := make(map[string]T, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// Delete removes an endpoint with all that is queued for it. fault.Conflict:
// it comes from the settings file.
func (o *Outbox) Delete(ctx context.Context, id string) error {
	if err := o.lock(ctx); err != nil {
		return err
	}
	defer o.unlock()
	e, err := o.Endpoint(id)
	switch {
	case err != nil:
		return err
	case e.Managed:
		return managed(e)
	}
	return o.remove(ctx, e)
}

// remove deletes an endpoint. One that cannot be deleted goes on as it was.
func (o *Outbox) remove(ctx context.Context, e Endpoint) error {
	h, err := o.Health(e.ID)
	if err != nil {
		return err
	}
	o.unplace(e.ID)
	if err := o.store.DeleteEndpoint(ctx, e.ID); err != nil {
		o.place(e, h)
		return err
	}
	return nil
}

// Manage makes the endpoints of the settings file: those that are new are
// added, those that differ replaced, those that are gone removed. Each needs
// an id; one without a secret keeps the one it was given.
func (o *Outbox) Manage(ctx context.Context, list []Endpoint) error {
	if err := o.lock(ctx); err != nil {
		return err
	}
	defer o.unlock()
	wanted := map[string]bool{}
	for _, e := range list {
		wanted[e.ID] = true
		if err := o.manage(ctx, e); err != nil {
			return fmt.Errorf("the webhook endpoint %.64q: %w", e.ID, err)
		}
	}
	for _, e := range o.Endpoints() {
		if e.Managed && !wanted[e.ID] {
			if err := o.remove(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *Outbox) manage(ctx context.Context, e Endpoint) error {
	e.Managed = true
	old, err := o.Endpoint(e.ID)
	if err != nil {
		_, err := o.create(ctx, e)
		return err
	}
	e = e.withDefaults()
	if e.Secret == "" {
		e.Secret = old.Secret
	}
	if _, err := parseSecret(e.Signature, e.Secret); err != nil && e.Secret == old.Secret {
		if err := o.renew(&e); err != nil {
			return err
		}
	}
	e.Previous, e.PreviousUntil, e.After = old.Previous, old.PreviousUntil, old.After
	e.BacklogFrom, e.BacklogUpTo = old.BacklogFrom, old.BacklogUpTo
	if e.Secret != old.Secret {
		e.Previous, e.PreviousUntil = old.Secret, o.now().UTC().Add(rotation)
	}
	e.Created, e.Updated, e.Enabled, e.Disabled = old.Created, old.Updated, old.Enabled, old.Disabled
	if reflect.DeepEqual(e, old) {
		return nil
	}
	e.Updated = o.now().UTC()
	if !e.Enabled {
		e.revive(o.store.Last(), e.Updated)
	}
	return o.replace(ctx, e, old)
}

// renew gives a new secret; the old one signs too for a day.
func (o *Outbox) renew(e *Endpoint) error {
	s, err := NewSecret(e.Signature, rand.Reader)
	if err != nil {
		return err
	}
	e.Previous, e.PreviousUntil, e.Secret = e.Secret, o.now().UTC().Add(rotation), s
	return nil
}

// Rotate gives an endpoint a new secret; the old one signs too for a day. The
// new one is in the answer, and has to be shown then.
func (o *Outbox) Rotate(ctx context.Context, id string) (Endpoint, error) {
	return o.edit(ctx, id, o.renew)
}

// Disable switches an endpoint off by hand: what happens then is not queued for it.
func (o *Outbox) Disable(ctx context.Context, id, reason string) (Endpoint, error) {
	return o.edit(ctx, id, func(e *Endpoint) error {
		e.Enabled, e.Disabled = false, Disabling{At: o.now().UTC(), Reason: reason}
		return nil
	})
}

// revive switches an endpoint on, with the backlog of a day.
func (e *Endpoint) revive(last uint64, now time.Time) {
	e.Enabled, e.Disabled, e.BacklogFrom, e.BacklogUpTo = true, Disabling{}, now.Add(-backlog), last
}

// Enable switches an endpoint on again, with what was queued for it in the last day.
func (o *Outbox) Enable(ctx context.Context, id string) (Endpoint, error) {
	if err := o.lock(ctx); err != nil {
		return Endpoint{}, err
	}
	defer o.unlock()
	e, err := o.Endpoint(id)
	if err != nil || e.Enabled {
		return e, err
	}
	now := o.now().UTC()
	e.Updated = now
	e.revive(o.store.Last(), now)
	if err := o.check(e); err != nil {
		return e, err
	}
	return e, o.restart(ctx, e, Query{Since: e.BacklogFrom})
}
