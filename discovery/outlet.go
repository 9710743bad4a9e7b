package discovery

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

const (
	degreeStep  = 0.5
	degreeWait  = 10 * time.Second
	rareWait    = time.Minute
	momentStep  = 2 * time.Minute
	sweepWait   = 5 * time.Second
	documentGap = time.Second
)

// outlet is one retained topic with the value that was last published on it.
type outlet struct {
	topic string
	fill  fill
	pace  pace
	// none is published for an unknown value; "" publishes nothing then.
	none string
	// muted: the entity was of another platform, which must be gone before it
	// sees a value of this one.
	muted bool

	last     []byte
	at       time.Time
	activity printer.Activity
	failing  bool
}

// hold tells whether a value that differs from the last one has to wait, and
// until when; the zero time waits for another value.
func (o *outlet) hold(value []byte, now time.Time, activity printer.Activity) (until time.Time, wait bool) {
	if o.at.IsZero() || o.pace == atOnce || string(o.last) == o.none || string(value) == o.none {
		return time.Time{}, false
	}
	switch o.pace {
	case rarely:
		until = o.at.Add(rareWait)
		return until, now.Before(until)
	case degrees:
		a, errA := strconv.ParseFloat(string(o.last), 64)
		b, errB := strconv.ParseFloat(string(value), 64)
		until = o.at.Add(degreeWait)
		return until, errA == nil && errB == nil && math.Abs(a-b) < degreeStep-1e-9 && now.Before(until)
	default:
		if o.activity != activity {
			return time.Time{}, false
		}
		a, errA := time.Parse(time.RFC3339, string(o.last))
		b, errB := time.Parse(time.RFC3339, string(value))
		return time.Time{}, errA == nil && errB == nil && b.Sub(a).Abs() <= momentStep
	}
}

// relay publishes the values of a device that changed and may go out now.
func (d *Discovery) relay(dev *device, now time.Time) {
	dev.flushAt = time.Time{}
	activity := dev.view.s.Activity
	for i := range dev.outlets {
		o := &dev.outlets[i]
		if o.muted {
			continue
		}
		buf := o.fill(d.buf[:0], &dev.view)
		if len(buf) == 0 {
			if o.none == "" {
				continue
			}
			buf = append(buf, o.none...)
		}
		d.buf = buf[:0]
		if o.none == "" && string(buf) == "None" {
			continue
		}
		if !o.at.IsZero() && bytes.Equal(buf, o.last) {
			continue
		}
		if until, wait := o.hold(buf, now, activity); wait {
			dev.flushAt = sooner(dev.flushAt, until)
			continue
		}
		if d.send(o, bytes.Clone(buf)) {
			o.at, o.activity = now, activity
		}
	}
}

// send publishes one value; a failure is logged once per topic and tried again with the next change.
func (d *Discovery) send(o *outlet, value []byte) bool {
	if err := d.opts.Bus.Publish(o.topic, value, true); err != nil {
		if !o.failing {
			d.log.Warn("value not published", "topic", o.topic, "error", err)
		}
		o.failing = true
		return false
	}
	o.last, o.failing = value, false
	return true
}

// publish sends what no outlet keeps; a failure is logged.
func (d *Discovery) publish(topic string, payload []byte, retain bool) {
	if err := d.opts.Bus.Publish(topic, payload, retain); err != nil {
		d.log.Warn("not published", "topic", topic, "kind", fault.KindOf(err).String(), "error", err)
	}
}

// sooner is the earlier of two times, of which the zero time is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// sweeping is a retained topic to clear once Home Assistant has had the time
// to drop the entity that listens to it.
type sweeping struct {
	topic string
	at    time.Time
}

func (d *Discovery) sweepLater(topics ...string) {
	for _, t := range topics {
		d.sweep = append(d.sweep, sweeping{topic: t, at: d.now().Add(sweepWait)})
	}
}

// sweepDue clears the topics whose time has come, unless they are in use again.
func (d *Discovery) sweepDue(now time.Time) (next time.Time) {
	if len(d.sweep) == 0 {
		return time.Time{}
	}
	used := map[string]bool{}
	for _, dev := range d.devices {
		for i := range dev.outlets {
			used[dev.outlets[i].topic] = true
		}
	}
	for _, f := range d.printers {
		used[f.topic("availability")], used[f.topic("state")] = true, true
	}
	var topics []string
	rest := d.sweep[:0]
	for _, s := range d.sweep {
		switch {
		case used[s.topic]:
		case s.at.After(now):
			rest, next = append(rest, s), sooner(next, s.at)
		default:
			topics = append(topics, s.topic)
		}
	}
	d.sweep = rest
	if len(topics) > 0 {
		d.clear(topics...)
	}
	return next
}

func (d *Discovery) clear(topics ...string) {
	if err := d.opts.Bus.Clear(topics...); err != nil {
		d.log.Warn("retained values not cleared", "topics", len(topics), "error", err)
	}
}
