package client

import (
	"context"
	"errors"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

// farewell bounds what is still sent when Run ends.
const farewell = time.Second

// proven is how long a connection lasts that sets the waits back: a broker
// that throws us out at once is not asked ten times a second.
const proven = 10 * time.Second

// Run keeps a connection to the broker until ctx ends; then it sends what
// waits, says goodbye and leaves no goroutine.
func (b *Bus) Run(ctx context.Context) error {
	defer b.active.Wait()
	backoff := Backoff{Random: b.o.Random}
	for turn := 0; ctx.Err() == nil; {
		t := b.targets[turn%len(b.targets)]
		l, err := dialLink(ctx, b.linkOptions(t))
		if err != nil {
			turn++
		} else {
			began := b.o.Now()
			b.up(t)
			err = b.serve(ctx, l)
			l.Close()
			b.down()
			if b.o.Now().Sub(began) >= proven {
				backoff.Reset()
			}
		}
		if ctx.Err() != nil {
			break
		}
		b.complain(t, err)
		wait(ctx, backoff.Next())
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (b *Bus) linkOptions(t target) linkOptions {
	return linkOptions{
		LinkOptions: LinkOptions{
			Address: t.host, User: b.o.User, Password: b.o.Password, ClientID: b.o.ClientID,
			Keepalive: b.o.Times.Keepalive, PingTimeout: b.o.Times.PingTimeout,
			ConnectTimeout: b.o.Times.ConnectTimeout, WriteTimeout: b.o.Times.WriteTimeout,
			MaxPacket: mqtt.MaxPayload + mqtt.MaxTopic + 16, OnLarge: b.skipped,
		},
		dial: t.dial, onMessage: b.deliver, will: b.o.Will,
	}
}

// up begins a connection: every filter is wanted again, every value is sent
// again, the one that the will has overwritten first.
func (b *Bus) up(t target) {
	b.mu.Lock()
	for filter, state := range b.filters {
		if state == filterUnwanted || state == filterLeft {
			delete(b.filters, filter)
			continue
		}
		b.filters[filter] = filterWanted
	}
	b.resent = b.o.Now()
	b.out.connect()
	if b.o.Will != nil {
		b.out.sooner(b.o.Will.Topic)
	}
	b.out.restart(b.o.First)
	b.connected, b.lastError = true, ""
	b.connects++
	b.mu.Unlock()
	b.o.Log.Info("connected to the broker", "broker", t.name)
	if b.o.OnConnect != nil {
		b.o.OnConnect(true)
	}
}

func (b *Bus) down() {
	b.mu.Lock()
	b.connected, b.out.live = false, false
	for filter := range b.waiters {
		b.answer(filter)
	}
	b.mu.Unlock()
	if b.o.OnConnect != nil {
		b.o.OnConnect(false)
	}
}

// complain logs why there is no connection, once per reason.
func (b *Bus) complain(t target, err error) {
	b.mu.Lock()
	news := b.lastError != err.Error()
	b.lastError = err.Error()
	b.mu.Unlock()
	if news {
		b.o.Log.Warn("no connection to the broker", "broker", t.name, "error", err)
	}
}

// skipped notes a message that was left out: somebody else's oversized message
// must not cost us the connection. It is logged once.
func (b *Bus) skipped(size int) {
	b.mu.Lock()
	b.oversized++
	first := b.oversized == 1
	b.mu.Unlock()
	if first {
		b.o.Log.Warn("a message was too large and was left out, as others will be", "bytes", size)
	}
}

// serve sends what waits until the link or ctx ends.
func (b *Bus) serve(ctx context.Context, l *Link) error {
	stop := context.AfterFunc(ctx, func() { l.hurry(farewell) }) // owner: serve, which stops it; it returns at once
	defer stop()
	pace := pacer{gap: time.Second / time.Duration(b.o.ResendRate), settle: b.o.Settle}
	for {
		again := pace.wait(time.Now())
		busy, err := b.step(ctx, l, &pace, again == 0)
		switch {
		case ctx.Err() != nil:
			return b.goodbye(l)
		case err != nil:
			return err
		case !busy:
			b.idle(ctx, l, again)
		}
	}
}

// idle waits until there may be something to do; the next step finds out what.
func (b *Bus) idle(ctx context.Context, l *Link, again time.Duration) {
	var due <-chan time.Time
	if b.moreAgain() {
		timer := time.NewTimer(again)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-b.wake:
	case <-due:
	case <-l.Lost():
	case <-ctx.Done():
	}
}

// pacer spreads what is sent again.
type pacer struct {
	gap, settle time.Duration
	next        time.Time
}

func (p *pacer) wait(now time.Time) time.Duration { return max(0, p.next.Sub(now)) }

func (p *pacer) sent(now time.Time, pause bool) {
	p.next = now.Add(p.gap)
	if pause {
		p.next = now.Add(p.settle)
	}
}

// step does one thing that is due: a filter first, then what is new, then what
// is sent again. busy: there may be more.
func (b *Bus) step(ctx context.Context, l *Link, pace *pacer, again bool) (busy bool, err error) {
	if err := l.Err(); err != nil {
		return false, err
	}
	if filter, want, ok := b.nextFilter(); ok {
		return true, b.settleFilter(ctx, l, filter, want)
	}
	b.mu.Lock()
	p, ok := b.out.next()
	b.mu.Unlock()
	if ok {
		return true, b.send(ctx, l, p)
	}
	if !again {
		return false, nil
	}
	b.mu.Lock()
	p, pause, ok := b.out.nextAgain()
	b.mu.Unlock()
	if !ok {
		return false, nil
	}
	pace.sent(time.Now(), pause)
	return true, b.send(ctx, l, p)
}

func (b *Bus) moreAgain() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.out.again) > 0
}

// send publishes one parcel; what did not go out goes back.
func (b *Bus) send(ctx context.Context, l *Link, p parcel) error {
	qos := byte(0)
	if p.sure() {
		qos = 1
	}
	b.mu.Lock()
	for _, s := range b.subscribers {
		if mqtt.Match(s.filter, p.topic) {
			b.echo.note(p.topic, p.payload, b.o.Now())
			break
		}
	}
	b.mu.Unlock()
	err := l.publish(ctx, p.topic, p.payload, qos, p.retain)
	if errors.Is(err, errNoAnswer) && qos == 1 {
		err = nil // sent, and the broker does not acknowledge
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.out.back(p)
		return err
	}
	b.out.done(p)
	return nil
}

// nextFilter is a filter about which the broker must be told. It is marked, so
// that a change meanwhile is seen.
func (b *Bus) nextFilter() (filter string, want, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for filter, state := range b.filters {
		switch state {
		case filterWanted:
			b.filters[filter] = filterAsked
			return filter, true, true
		case filterUnwanted:
			b.filters[filter] = filterLeft
			return filter, false, true
		}
	}
	return "", false, false
}

// settleFilter subscribes to or unsubscribes from one filter.
func (b *Bus) settleFilter(ctx context.Context, l *Link, filter string, want bool) error {
	var err error
	if want {
		if err = l.subscribe(ctx, filter); fault.Is(err, fault.Denied) {
			b.o.Log.Warn("the broker refuses a subscription", "filter", filter)
			err = nil
		}
	} else {
		err = l.unsubscribe(ctx, filter)
	}
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.filters[filter] {
	case filterAsked:
		b.filters[filter] = filterSettled
		b.answer(filter)
	case filterLeft:
		delete(b.filters, filter)
	}
	return nil
}

// answer lets those go on who wait for a filter; b.mu is held.
func (b *Bus) answer(filter string) {
	for _, w := range b.waiters[filter] {
		close(w)
	}
	delete(b.waiters, filter)
}

// goodbye sends what waits and the will, for a second at most.
func (b *Bus) goodbye(l *Link) error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	for {
		b.mu.Lock()
		p, ok := b.out.next()
		b.mu.Unlock()
		if !ok {
			break
		}
		if err := b.send(ctx, l, p); err != nil {
			return err
		}
	}
	if w := b.o.Will; w != nil {
		return l.publish(ctx, w.Topic, w.Payload, 1, w.Retain)
	}
	return nil
}
