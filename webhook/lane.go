package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/printwire/printwire/journal"
)

// What a lane keeps, and how long it rests.
const (
	keptAttempts = 12
	keptLog      = 500
	keptDays     = 7 * 24 * time.Hour
	trimEvery    = 64
	digestItems  = 50
	longRest     = time.Hour
	// lookAgain bounds a rest, so that a clock that was set is noticed.
	lookAgain = time.Minute
)

// lane sends one endpoint's deliveries, one at a time.
type lane struct {
	box *Outbox

	// mu guards what follows.
	mu       sync.Mutex
	endpoint Endpoint
	health   Health
	// pending: something came while it worked. resting: it waits.
	pending, resting bool
	cancel           context.CancelFunc
	done             chan struct{}
	signal           chan struct{}

	// These belong to the lane's own goroutine.
	client      *http.Client
	certificate string
	ended       int
}

func newLane(o *Outbox, e Endpoint, h Health) *lane {
	return &lane{box: o, endpoint: e, health: h, signal: make(chan struct{}, 1)}
}

func (l *lane) start(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel != nil {
		return
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.done = make(chan struct{})
	l.pending = true
	go l.run(ctx, l.done) // owner: stop cancels it and waits for done
}

// stop ends the lane and waits for it.
func (l *lane) stop() {
	l.mu.Lock()
	cancel, done := l.cancel, l.done
	l.cancel = nil
	l.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

func (l *lane) set(e Endpoint) {
	l.mu.Lock()
	l.endpoint = e
	l.mu.Unlock()
	l.wake()
}

func (l *lane) setHealth(h Health) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.health = h
}

func (l *lane) now() (Endpoint, Health) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.endpoint, l.health
}

// wake makes the lane look again.
func (l *lane) wake() {
	l.mu.Lock()
	l.pending = true
	l.mu.Unlock()
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

// idle tells whether nothing can be sent now.
func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cancel == nil || l.resting && !l.pending
}

func (l *lane) run(ctx context.Context, done chan struct{}) {
	defer close(done)
	defer func() {
		if l.client != nil {
			l.client.CloseIdleConnections()
		}
	}()
	failures := 0
	for ctx.Err() == nil {
		until, err := l.guarded(ctx)
		if err != nil && ctx.Err() == nil {
			failures = min(failures+1, 8)
			pause := 100 * time.Millisecond << failures
			l.box.log.Warn("webhook deliveries are held up, will try again", "endpoint", l.endpointID(), "error", err)
			until = l.box.now().Add(pause)
		} else {
			failures = 0
		}
		if !until.IsZero() {
			l.rest(ctx, until)
		}
	}
}

func (l *lane) endpointID() string {
	e, _ := l.now()
	return e.ID
}

// rest waits until a time, or until there is something new.
func (l *lane) rest(ctx context.Context, until time.Time) {
	l.mu.Lock()
	if l.pending {
		l.pending = false
		l.mu.Unlock()
		return
	}
	l.resting = true
	l.mu.Unlock()
	t := time.NewTimer(min(max(until.Sub(l.box.now()), time.Millisecond), lookAgain))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-l.signal:
	case <-t.C:
	}
	l.mu.Lock()
	l.resting, l.pending = false, false
	l.mu.Unlock()
}

// guarded is step with a panic as an error: an endpoint never ends the program.
func (l *lane) guarded(ctx context.Context) (until time.Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			until, err = time.Time{}, fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return l.step(ctx)
}

// step does one thing, or tells until when there is nothing to do.
func (l *lane) step(ctx context.Context) (until time.Time, err error) {
	e, h := l.now()
	now := l.box.now().UTC()
	l.trim(ctx, e.ID, now)
	if e.Enabled && !h.ready(now) {
		return h.OpenUntil, nil
	}
	next, err := l.box.store.Next(ctx, e.ID)
	if err != nil {
		return time.Time{}, err
	}
	if !e.Enabled {
		return l.shed(ctx, next, now)
	}
	d, until := next.choose(now, e.Ordered == "strict")
	switch {
	case !until.IsZero():
		return until, nil
	case d.Part == Item:
		return time.Time{}, l.digest(ctx, e, d, now)
	}
	return time.Time{}, l.deliver(ctx, e, h, d, now)
}

// ready tells whether the delivery's time has come. One that was made or tried
// later than now is of a clock that was set back since, and so is one that no
// pause reaches.
func (d Delivery) ready(now time.Time) bool {
	made := d.Created
	if n := len(d.Attempts); n > 0 && d.State == Retrying {
		made = d.Attempts[n-1].At
	}
	return !d.Due.After(now) || made.After(now.Add(leeway)) || d.Due.After(now.Add(farFuture))
}

// ready tells whether the breaker lets an attempt out.
func (h Health) ready(now time.Time) bool {
	return !h.OpenUntil.After(now) || h.LastErrorAt.After(now.Add(leeway)) || h.OpenUntil.After(now.Add(farFuture))
}

// choose is the delivery whose turn it is, or when to look again. In strict
// order nothing that waits apart passes an earlier one.
func (n Next) choose(now time.Time, strict bool) (Delivery, time.Time) {
	queued, apart := n.HasQueued && n.Queued.ready(now), n.HasApart && n.Apart.ready(now)
	if strict && apart && n.HasQueued && n.Queued.Seq < n.Apart.Seq {
		apart = false
	}
	switch {
	case queued && apart && n.Apart.Seq < n.Queued.Seq, apart && !queued:
		return n.Apart, time.Time{}
	case queued:
		return n.Queued, time.Time{}
	}
	until := now.Add(longRest)
	if n.HasQueued && n.Queued.Due.Before(until) {
		until = n.Queued.Due
	}
	if n.HasApart && n.Apart.Due.After(now) && n.Apart.Due.Before(until) {
		until = n.Apart.Due
	}
	return Delivery{}, until
}

// digest makes one delivery of all items that are due.
func (l *lane) digest(ctx context.Context, e Endpoint, first Delivery, now time.Time) error {
	at := now
	if first.Due.After(at) {
		at = first.Due
	}
	items, err := l.box.store.Due(ctx, e.ID, Item, at, digestItems)
	if err != nil || len(items) == 0 {
		return err
	}
	last := items[len(items)-1]
	d := Delivery{
		Key: Key{e.ID, last.Seq, Together}, State: Waiting, Created: now, Due: now, Expires: now.Add(lifetime),
		Entry: journal.Entry{Seq: last.Seq, Time: now, Name: "digest"},
	}
	s := Step{Endpoint: e.ID}
	for _, item := range items {
		d.Items = append(d.Items, Event{Entry: item.Entry, Facts: item.Facts})
		s.Remove = append(s.Remove, item.Key)
	}
	s.Deliveries = []Delivery{d}
	return l.box.store.Record(ctx, s)
}

func (l *lane) deliver(ctx context.Context, e Endpoint, h Health, d Delivery, now time.Time) error {
	o := l.box
	if reason, state, err := l.outdated(ctx, e, d, now); err != nil || state != "" {
		if err != nil {
			return err
		}
		return l.end(ctx, d, state, reason, now)
	}
	if until, quiet := e.quiet(now, o.location); quiet && d.Part == Alone && !slices.Contains(e.Always, d.Entry.Name) {
		d.hold(until)
		if d.Created.After(now) {
			d.Created = now // By a clock that was set back since.
		}
		return o.store.Record(ctx, Step{Endpoint: e.ID, Deliveries: []Delivery{d}})
	}
	r, err := e.render(d, o.location)
	switch {
	case errors.Is(err, errSlow): // The machine may be busy: it is worth another attempt.
		return l.settle(ctx, e, h, d, outcome{Attempt: Attempt{At: now, Error: err.Error()}, verdict: again})
	case err != nil:
		return l.end(ctx, d, Failed, err.Error(), now)
	}
	if l.client == nil || l.certificate != e.Certificate {
		if l.client != nil {
			l.client.CloseIdleConnections()
		}
		l.client, l.certificate = o.sender.client(e), e.Certificate
	}
	release, ok := o.slots.take(ctx, h.Failures > 0)
	if !ok {
		return nil
	}
	out := o.sender.send(ctx, l.client, e, d, r)
	release()
	if ctx.Err() != nil && out.Status == 0 {
		return nil // Nobody knows what became of it: it is sent again, with the same id.
	}
	return l.settle(ctx, e, h, d, out)
}

// trim shortens the log while much ends; what only grows old is dropped by Retain.
func (l *lane) trim(ctx context.Context, id string, now time.Time) {
	if l.ended < trimEvery {
		return
	}
	l.ended = 0
	if _, err := l.box.store.Trim(ctx, id, keptLog, now.Add(-keptDays)); err != nil && ctx.Err() == nil {
		l.box.log.Warn("the log of webhook deliveries cannot be shortened", "endpoint", id, "error", err)
	}
}
