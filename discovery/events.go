package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// staleEvent is the age from which an event is no longer told on MQTT.
const staleEvent = time.Minute

// Cursors keep the places of the journal's followers, where the retention of
// the journal looks before it drops anything.
type Cursors interface {
	// Cursor is the last sequence number that a follower is done with, 0 for a new one.
	Cursor(ctx context.Context, name string) (uint64, error)
	// Advance records that a follower is done up to seq.
	Advance(ctx context.Context, name string, seq uint64) error
}

// events follows the journal: at least once, always with the same seq.
type events struct {
	d       *Discovery
	cursors Cursors
	// origins by the event's name.
	origins map[string]journal.Origin
	// gathered: the wait for an audience is over.
	gathered bool
}

// How long the first events after a start wait for somebody to tell them to:
// Home Assistant tries a lost broker every 10 s, and subscribes to the topics
// of events some time after it has connected.
const (
	audienceLimit  = 30 * time.Second
	audienceSettle = 2 * time.Second
	audienceLook   = 200 * time.Millisecond
)

// gather waits, once, until somebody listens. An event that was journalled
// just before a crash would otherwise be told to an empty room.
func (e *events) gather(ctx context.Context) error {
	if e.gathered || e.d.opts.Audience == nil {
		return nil
	}
	limit, tick := time.NewTimer(audienceLimit), time.NewTicker(audienceLook)
	defer limit.Stop()
	defer tick.Stop()
	var settled <-chan time.Time
	for {
		if settled == nil && e.d.opts.Audience() {
			settled = time.After(audienceSettle)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
		case <-settled:
		case <-tick.C:
			continue
		}
		e.gathered = true
		return nil
	}
}

// Follower tells the events of the journal on MQTT, as JSON for event entities
// and as a bare name for device triggers. Events older than a minute are
// skipped, and milestones that Home Assistant was not asked to hear of.
func (d *Discovery) Follower(cursors Cursors) journal.Follower {
	e := &events{d: d, cursors: cursors, origins: map[string]journal.Origin{}}
	for _, r := range journal.Events() {
		e.origins[r.Name] = r.Origin
	}
	return e
}

// Name is the follower's name for ever.
func (e *events) Name() string { return "homeassistant" }

// Cursor is the last event that was told or skipped.
func (e *events) Cursor(ctx context.Context) (uint64, error) { return e.cursors.Cursor(ctx, e.Name()) }

// Apply tells entries in order.
func (e *events) Apply(ctx context.Context, entries []journal.Entry, lost int) error {
	if err := e.gather(ctx); err != nil {
		return err
	}
	if lost > 0 {
		e.d.log.Warn("events were dropped before they could be told", "count", lost)
	}
	for _, entry := range entries {
		if err := e.tell(entry); err != nil {
			return err
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return e.cursors.Advance(ctx, e.Name(), entries[len(entries)-1].Seq)
}

// tell publishes one entry, or skips it.
func (e *events) tell(entry journal.Entry) error {
	base := e.base(entry)
	if base == "" || e.d.now().Sub(entry.Time) > staleEvent {
		return nil
	}
	data := map[string]any{}
	if err := json.Unmarshal(entry.Data, &data); err != nil || data == nil {
		data = map[string]any{}
	}
	if entry.Name == "print_progress" && !e.wanted(data) {
		return nil
	}
	data["event"], data["event_type"], data["seq"] = entry.Name, entry.Name, entry.Seq
	data["time"] = entry.Time.UTC().Format(time.RFC3339)
	if entry.Job != "" {
		data["job"] = entry.Job
	}
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event %d: %w", entry.Seq, err)
	}
	for _, m := range []struct {
		topic   string
		payload []byte
	}{{base + "event", b}, {base + "trigger", []byte(entry.Name)}} {
		err := e.d.opts.Bus.Publish(m.topic, m.payload, false)
		if fault.Is(err, fault.Invalid) {
			e.d.log.Warn("event not told", "seq", entry.Seq, "event", entry.Name, "error", err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("tell event %d: %w", entry.Seq, err)
		}
	}
	return nil
}

// base is what stands before "event" in the topic; "" for an event that nobody listens to.
func (e *events) base(entry journal.Entry) string {
	switch e.origins[entry.Name] {
	case journal.FromPrinter:
		if printer.ValidSerial(entry.Serial) {
			return root + "/" + entry.Serial + "/"
		}
	case journal.FromTariff:
		return root + "/tariff/"
	case journal.FromBridge:
		return root + "/bridge/"
	}
	return ""
}

// wanted tells whether a milestone is one of Home Assistant's.
func (e *events) wanted(data map[string]any) bool {
	value, ok := data["milestone"].(float64)
	kind := data["milestone_kind"]
	return ok && (kind == nil || kind == "percent") && slices.Contains(e.d.opts.Milestones, int(value))
}
