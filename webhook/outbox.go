package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Options are what an outbox is made of. Only Store is needed.
type Options struct {
	Store Store
	// Facts, if set, tells what else is known of an event when it is queued.
	Facts func(ctx context.Context, e journal.Entry) Facts
	// Policy says which addresses may be reached.
	Policy Policy
	// Bus is Home Assistant's, zero outside an app.
	Bus Bus
	// Version is the program's, for the User-Agent.
	Version string
	// Location is the time zone of endpoints that name none; nil is UTC.
	Location *time.Location
	// Hide, if set, is told every secret of an endpoint as soon as it is known.
	Hide func(...secret.Text)
	Log  *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time

	// Transport, Schedule and Random replace the network, the pauses and the
	// jitter; for tests.
	Transport http.RoundTripper
	Schedule  []time.Duration
	Random    func() float64
}

// Outbox delivers events to endpoints. It is a follower of the journal.
type Outbox struct {
	store    Store
	facts    func(context.Context, journal.Entry) Facts
	hide     func(...secret.Text)
	sender   sender
	location *time.Location
	log      *slog.Logger
	now      func() time.Time
	schedule []time.Duration
	random   func() float64
	slots    slots

	marks atomic.Pointer[printer.Marks]
	// list is replaced as a whole, so that the follower needs no lock.
	list atomic.Pointer[[]Endpoint]

	// admin is held, by who filled it, over a change of the endpoints.
	admin chan struct{}
	// mu guards what follows.
	mu     sync.Mutex
	loaded bool
	lanes  map[string]*lane
	// runCtx is Run's, nil while it does not run.
	runCtx context.Context
}

var _ journal.Follower = (*Outbox)(nil)

// New is an outbox without endpoints. It starts nothing.
func New(o Options) *Outbox {
	b := &Outbox{
		store: o.Store, facts: o.Facts, hide: o.Hide, location: o.Location, log: o.Log, now: o.Now, schedule: o.Schedule, random: o.Random,
		slots: newSlots(), lanes: map[string]*lane{}, admin: make(chan struct{}, 1),
	}
	if b.facts == nil {
		b.facts = func(context.Context, journal.Entry) Facts { return Facts{} }
	}
	if b.hide == nil {
		b.hide = func(...secret.Text) {}
	}
	if b.location == nil {
		b.location = time.UTC
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.log = b.log.With("component", "webhook")
	if b.now == nil {
		b.now = time.Now
	}
	if b.schedule == nil {
		b.schedule = Schedule()
	}
	if b.random == nil {
		b.random = rand.Float64
	}
	version := o.Version
	if version == "" {
		version = "dev"
	}
	b.sender = sender{policy: o.Policy, bus: o.Bus, agent: "Printwire/" + version, transport: o.Transport, now: b.now}
	b.list.Store(&[]Endpoint{})
	return b
}

// Load reads the endpoints and their health. It comes before Run, Apply and Marks.
func (o *Outbox) Load(ctx context.Context) error {
	if err := o.lock(ctx); err != nil {
		return err
	}
	defer o.unlock()
	endpoints, err := o.store.Endpoints(ctx)
	if err != nil {
		return err
	}
	healths, err := o.store.Healths(ctx)
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		o.place(e, healths[e.ID])
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.loaded = true
	return nil
}

// lock waits for its turn to change the endpoints.
func (o *Outbox) lock(ctx context.Context) error {
	select {
	case o.admin <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *Outbox) unlock() { <-o.admin }

// place makes an endpoint known, or replaces it. admin is held.
func (o *Outbox) place(e Endpoint, h Health) {
	o.hide(e.Secrets()...)
	list := slices.Clone(*o.list.Load())
	if i := slices.IndexFunc(list, func(old Endpoint) bool { return old.ID == e.ID }); i >= 0 {
		list[i] = e
	} else {
		list = append(list, e)
	}
	o.publish(list)
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.lanes[e.ID]
	if l == nil {
		l = newLane(o, e, h)
		o.lanes[e.ID] = l
	} else {
		l.set(e)
	}
	if o.runCtx != nil {
		l.start(o.runCtx)
	}
}

func (o *Outbox) publish(list []Endpoint) {
	marks := marksOf(list)
	o.list.Store(&list)
	o.marks.Store(&marks)
}

// halt stops an endpoint's lane until it is placed again. admin is held.
func (o *Outbox) halt(id string) {
	o.mu.Lock()
	l := o.lanes[id]
	o.mu.Unlock()
	if l != nil {
		l.stop()
	}
}

// unplace stops an endpoint's lane and forgets the endpoint. admin is held.
func (o *Outbox) unplace(id string) {
	o.publish(slices.DeleteFunc(slices.Clone(*o.list.Load()), func(e Endpoint) bool { return e.ID == id }))
	o.mu.Lock()
	l := o.lanes[id]
	delete(o.lanes, id)
	o.mu.Unlock()
	if l != nil {
		l.stop()
	}
}

// Run sends until ctx ends, and leaves nothing behind. What was not answered
// by then is sent again after the next start.
func (o *Outbox) Run(ctx context.Context) error {
	o.mu.Lock()
	o.runCtx = ctx
	for _, l := range o.lanes {
		l.start(ctx)
	}
	o.mu.Unlock()
	<-ctx.Done()
	o.mu.Lock()
	o.runCtx = nil
	lanes := make([]*lane, 0, len(o.lanes))
	for _, l := range o.lanes {
		lanes = append(lanes, l)
	}
	o.mu.Unlock()
	for _, l := range lanes {
		l.stop()
	}
	return nil
}

// Drain waits until all events are queued and nothing is left that could be
// sent now, or ctx ends. Run and the follower must be at work.
func (o *Outbox) Drain(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !o.caughtUp(ctx) || !o.idle() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (o *Outbox) caughtUp(ctx context.Context) bool {
	seq, err := o.store.Cursor(ctx)
	return err != nil || seq >= o.store.Last()
}

func (o *Outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.lanes {
		if !l.idle() {
			return false
		}
	}
	return true
}

// Name is the name of the outbox's cursor.
func (o *Outbox) Name() string { return "webhook" }

// Cursor is the last sequence number whose deliveries are queued.
func (o *Outbox) Cursor(ctx context.Context) (uint64, error) { return o.store.Cursor(ctx) }

// Apply queues what the endpoints want of the entries.
func (o *Outbox) Apply(ctx context.Context, entries []journal.Entry, lost int) error {
	if len(entries) == 0 {
		return nil
	}
	o.mu.Lock()
	loaded := o.loaded
	o.mu.Unlock()
	if !loaded {
		return errors.New("the endpoints are not loaded, so nobody knows what they want")
	}
	if lost > 0 {
		o.log.Warn("events were dropped before they were queued for webhooks", "count", lost)
	}
	endpoints := *o.list.Load()
	now := o.now().UTC()
	var deliveries []Delivery
	for i, entry := range entries {
		var v view
		for _, e := range endpoints {
			if v.row.Name == "" { // Decoded for the first endpoint only.
				v = viewOf(Event{Entry: entry, Facts: o.facts(ctx, entry)})
			}
			deliveries = append(deliveries, e.plan(v, now, o.location)...)
		}
		if len(deliveries) < queueAtOnce && i < len(entries)-1 {
			continue
		}
		if err := o.enqueue(ctx, entry.Seq, deliveries); err != nil {
			return err
		}
		deliveries = nil
	}
	return nil
}

// queueAtOnce bounds one transaction of Apply, in which many events meet many
// endpoints: printers wait for it.
const queueAtOnce = 500

func (o *Outbox) enqueue(ctx context.Context, upTo uint64, deliveries []Delivery) error {
	if err := o.store.Enqueue(ctx, upTo, deliveries); err != nil {
		return err
	}
	woken := map[string]bool{}
	for _, d := range deliveries {
		if !woken[d.Endpoint] {
			o.wake(d.Endpoint)
		}
		woken[d.Endpoint] = true
	}
	return nil
}

func (o *Outbox) wake(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l := o.lanes[id]; l != nil {
		l.wake()
	}
}
