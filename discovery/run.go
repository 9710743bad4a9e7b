package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

const (
	// readBack is how long retained announcements are looked at after the start.
	readBack = 5 * time.Second
	// birthJitter spreads what many bridges send when Home Assistant is back.
	birthJitter = 5 * time.Second
	// birthGap is in which several births count once.
	birthGap = 10 * time.Second
	// clientsGap is how often clients are counted.
	clientsGap = 10 * time.Second
	// lookGap is the shortest time between two looks at what is due.
	lookGap = 100 * time.Millisecond
)

// Run takes commands and announces what changes until ctx ends; then it
// publishes that the bridge is offline and returns nil. Call Prepare first.
func (d *Discovery) Run(ctx context.Context) error {
	if !d.ready() {
		return fault.New(fault.Internal, "discovery runs before it was prepared")
	}
	ctx, cancel := context.WithCancel(ctx)
	d.workers.start(ctx)
	shown := make(chan struct{})
	go func() { // owner: Run, whose context ends it, and which waits below
		defer close(shown)
		d.showContents(ctx)
	}()
	defer func() {
		cancel()
		d.workers.stop()
		<-shown
		d.publish(statusTopic, []byte("offline"), true)
	}()
	d.mu.Lock()
	d.found = map[string]string{}
	start := d.now()
	d.mu.Unlock()
	stop, err := d.subscribe()
	defer stop()
	if err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for looked := start.Add(-lookGap); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
			timer.Reset(max(0, lookGap-d.now().Sub(looked)))
		case <-timer.C:
			looked = d.now()
			if next := d.look(looked, start); !next.IsZero() {
				timer.Reset(max(lookGap, next.Sub(looked)))
			}
		}
	}
}

func (d *Discovery) ready() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.prepared
}

// subscribe listens to commands, births and announcements. stop is never nil.
func (d *Discovery) subscribe() (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range slices.Backward(stops) {
			s()
		}
	}
	type listening struct {
		filter string
		fn     func(mqtt.Message)
	}
	list := []listening{{d.opts.Prefix + "/status", d.onBirth}, {d.configTopic("+"), d.onConfig}}
	for _, filter := range commandFilters() {
		list = append(list, listening{filter, d.onCommand})
	}
	for _, l := range list {
		s, err := d.opts.Bus.Subscribe(l.filter, l.fn)
		if err != nil {
			return stop, fmt.Errorf("subscribe to %s: %w", l.filter, err)
		}
		stops = append(stops, s)
	}
	return stop, nil
}

// look does what is due and tells when something is due next; zero is never.
// Where there are many printers each announcement and document takes the lock for
// itself, so that values never wait for all of them.
func (d *Discovery) look(now, start time.Time) (next time.Time) {
	next, documents, due := d.lookBriefly(now, start)
	for _, dev := range due {
		d.mu.Lock()
		if d.devices[dev.id] == dev {
			d.announce(now, dev)
			next = sooner(next, dev.dueAt)
		}
		d.release()
	}
	for _, f := range documents {
		d.mu.Lock()
		if d.printers[f.serial] == f { // it may have been removed meanwhile
			next = sooner(next, d.document(f, now))
		}
		d.mu.Unlock()
	}
	return next
}

// lookBriefly is look but for the documents and announcements, which it only finds.
// Of many announcements it finds the first, parents before what names them; the
// others are still due the next time.
func (d *Discovery) lookBriefly(now, start time.Time) (next time.Time, documents []*family, due []*device) {
	d.mu.Lock()
	defer d.release()
	for _, dev := range d.devices {
		if !dev.flushAt.IsZero() && !now.Before(dev.flushAt) {
			d.relay(dev, now)
		}
		if !dev.dueAt.IsZero() && !now.Before(dev.dueAt) {
			due = append(due, dev)
		}
	}
	slices.SortStableFunc(due, byRank)
	due = due[:min(len(due), announceSome)]
	ends := map[string]any{}
	d.addEnds(ends)
	d.save(ends)
	for _, f := range d.printers {
		if f.dirty {
			documents = append(documents, f)
		}
		next = sooner(next, d.dropAbsent(f, now))
	}
	for _, dev := range d.devices {
		next = sooner(sooner(next, dev.flushAt), dev.dueAt)
	}
	next = sooner(next, d.sweepDue(now))
	next = sooner(next, d.lookAtBridge(now))
	return sooner(next, d.lookAround(now, start)), documents, due
}

// lookAtBridge counts the broker's clients.
func (d *Discovery) lookAtBridge(now time.Time) (next time.Time) {
	if d.opts.Bridge.Clients == nil {
		return time.Time{}
	}
	if !now.Before(d.clientsAt) {
		d.clientsAt = now.Add(clientsGap)
		d.relay(d.bridge, now)
	}
	return d.clientsAt
}

// lookAround sends everything again after a birth and ends the reading back.
func (d *Discovery) lookAround(now, start time.Time) (next time.Time) {
	if !d.resendAt.IsZero() {
		if now.Before(d.resendAt) {
			next = d.resendAt
		} else {
			d.resendAt = time.Time{}
			d.opts.Bus.Resend()
		}
	}
	if d.found == nil {
		return next
	}
	if end := start.Add(readBack); now.Before(end) {
		return sooner(next, end)
	}
	d.clearOutdated()
	d.found = nil
	return next
}

// onBirth plans to send everything again when Home Assistant is back: what a
// foreign broker keeps may be gone. On the embedded one it does nothing.
func (d *Discovery) onBirth(m mqtt.Message) {
	if string(m.Payload) != "online" {
		return
	}
	d.mu.Lock()
	defer d.release()
	d.farewell()
	now := d.now()
	if now.Before(d.quietUntil) {
		return
	}
	d.quietUntil = now.Add(birthGap)
	d.resendAt = now.Add(rand.N(birthJitter))
	d.poke()
}

// onConfig sees announcements: an empty one of somebody else means that a
// person deleted the device; retained ones after the start may be leftovers.
func (d *Discovery) onConfig(m mqtt.Message) {
	id := strings.TrimSuffix(strings.TrimPrefix(m.Topic, d.opts.Prefix+"/device/"), "/config")
	if !strings.HasPrefix(id, root+"_") {
		return
	}
	d.mu.Lock()
	defer d.release()
	if len(m.Payload) == 0 {
		d.deleted(id)
		return
	}
	if d.found == nil || !m.Retain {
		return
	}
	var seen struct {
		Device struct {
			Identifiers []string `json:"identifiers"`
			Via         string   `json:"via_device"`
		} `json:"device"`
		Origin origin `json:"origin"`
	}
	if json.Unmarshal(m.Payload, &seen) != nil || seen.Origin.Name != root || !slices.Contains(seen.Device.Identifiers, id) {
		return
	}
	d.found[id] = seen.Device.Via
}

// clearOutdated removes announcements that were read back, are of this
// installation, and are of no device any more. Another installation on the
// same broker keeps its own.
func (d *Discovery) clearOutdated() {
	for id, parent := range d.found {
		if d.devices[id] != nil {
			continue
		}
		ours := false
		for range 2 {
			if parent == d.bridgeID() || d.devices[parent] != nil {
				ours = true
			}
			parent = d.found[parent]
		}
		if ours {
			d.log.Info("outdated announcement removed", "device", id)
			d.clear(d.configTopic(id))
		}
	}
}

// AnnounceAgain announces everything in full, also what a person deleted in
// Home Assistant.
func (d *Discovery) AnnounceAgain(context.Context) error { return d.announceAgain() }
