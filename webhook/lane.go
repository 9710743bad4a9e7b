package webhook

import (
	"context"
	"encoding/json"
	"net/http"
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
	digestItems  = 100
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
	trimmed     time.Time
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
		until, err := l.step(ctx)
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

// step does one thing, or tells until when there is nothing to do.
func (l *lane) step(ctx context.Context) (until time.Time, err error) {
	e, h := l.now()
	now := l.box.now().UTC()
	l.trim(ctx, e.ID, now)
	if !e.Enabled {
		return now.Add(longRest), nil
	}
	if !ready(h.OpenUntil, now) {
		return h.OpenUntil, nil
	}
	next, err := l.box.store.Next(ctx, e.ID)
	if err != nil {
		return time.Time{}, err
	}
	d, until := next.choose(now)
	switch {
	case !until.IsZero():
		return until, nil
	case d.Part == Item:
		return time.Time{}, l.digest(ctx, e, d, now)
	}
	return time.Time{}, l.deliver(ctx, e, h, d, now)
}

// ready tells whether a time has come. One that no pause reaches was made
// while the clock was wrong.
func ready(due, now time.Time) bool { return !due.After(now) || due.After(now.Add(farFuture)) }

// choose is the delivery whose turn it is, or when to look again.
func (n Next) choose(now time.Time) (Delivery, time.Time) {
	queued, apart := n.HasQueued && ready(n.Queued.Due, now), n.HasApart && ready(n.Apart.Due, now)
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
	if n.HasApart && n.Apart.Due.Before(until) {
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
		return o.store.Record(ctx, Step{Endpoint: e.ID, Deliveries: []Delivery{d}})
	}
	r, err := e.render(d, o.location)
	if err != nil {
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

// outdated tells why a delivery is not worth an attempt any more.
func (l *lane) outdated(ctx context.Context, e Endpoint, d Delivery, now time.Time) (reason string, state State, err error) {
	if d.Created.Before(e.BacklogFrom) {
		return "it was older than a day when the endpoint was enabled again", Expired, nil
	}
	if d.Group == "" || now.Sub(d.Created) < staleAfter {
		return "", "", nil
	}
	later, err := l.box.store.Later(ctx, d)
	switch {
	case err != nil:
		return "", "", err
	case later:
		return "a later milestone of the job is on its way", Superseded, nil
	case d.Tries > 0 && !now.Before(d.Expires):
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
	case out.verdict != accepted && h.dead(now):
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
		d.Apart = d.Apart || e.Ordered != "strict" && d.Tries >= passAfter
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

// trim shortens the log now and then.
func (l *lane) trim(ctx context.Context, id string, now time.Time) {
	if l.ended < trimEvery && now.Sub(l.trimmed) < longRest {
		return
	}
	l.ended, l.trimmed = 0, now
	if _, err := l.box.store.Trim(ctx, id, keptLog, now.Add(-keptDays)); err != nil && ctx.Err() == nil {
		l.box.log.Warn("the log of webhook deliveries cannot be shortened", "endpoint", id, "error", err)
	}
}
