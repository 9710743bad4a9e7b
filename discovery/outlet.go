package discovery

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

const (
	degreeStep  = 0.5
	degreeWait  = 10 * time.Second
	rareWait    = time.Minute
	momentStep  = 2 * time.Minute
	sweepWait   = 5 * time.Second
	documentGap = time.Second
)

// aspect is which of the topics of an entity an outlet is.
type aspect uint8

const (
	// whole is printwire/<serial>/<key>.
	whole aspect = iota
	// part is …/<key>/<part>.
	part
	// attributes is …/<key>/attributes.
	attributes
	aspects
)

// outlet is one retained topic with the value that was last published on it.
// There are a hundred for each printer, so it holds nothing that its row can tell.
type outlet struct {
	row    *row
	last   []byte
	sentAt int64 // unix nanoseconds
	aspect aspect
	// activity is that at sentAt, as a number of our own.
	activity uint8
	// known: a value was published.
	known bool
	// muted: the entity was of another platform, which must be gone before it
	// sees a value of this one.
	muted   bool
	failing bool
}

// fill is what appends the value of an aspect, nil where the row has none.
func (r *row) fill(a aspect) fill {
	switch {
	case a == whole:
		return r.value
	case a == attributes:
		return r.attributes
	case r.part == "":
		return nil
	default:
		return r.partValue
	}
}

// topic is the outlet's topic.
func (dev *device) topic(o *outlet) string {
	switch o.aspect {
	case part:
		return dev.topics + o.row.key + "/" + o.row.part
	case attributes:
		return dev.topics + o.row.key + "/attributes"
	default:
		return dev.topics + o.row.key
	}
}

// none is published for an unknown value; "" publishes nothing then.
func (o *outlet) none() string {
	switch {
	case o.aspect == attributes:
		return "{}"
	case o.row.platform.shows():
		return "None"
	default:
		return ""
	}
}

// hold tells whether a value that differs from the last one has to wait, and
// until when; the zero time waits for another value.
func (o *outlet) hold(value []byte, now time.Time, activity uint8) (until time.Time, wait bool) {
	none := o.none()
	if o.aspect != whole || !o.known || o.row.pace == atOnce || string(o.last) == none || string(value) == none {
		return time.Time{}, false
	}
	sentAt := time.Unix(0, o.sentAt)
	switch o.row.pace {
	case rarely:
		until = sentAt.Add(rareWait)
		return until, now.Before(until)
	case degrees:
		a, errA := strconv.ParseFloat(string(o.last), 64)
		b, errB := strconv.ParseFloat(string(value), 64)
		until = sentAt.Add(degreeWait)
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
	activity := uint8(slices.Index(activities(), string(dev.view.s.Activity)) + 1)
	for i := range dev.outlets {
		o := &dev.outlets[i]
		if o.muted {
			continue
		}
		buf, none := o.row.fill(o.aspect)(d.buf[:0], &dev.view), o.none()
		if len(buf) == 0 {
			if none == "" {
				continue
			}
			buf = append(buf, none...)
		}
		d.buf = buf[:0]
		if none == "" && string(buf) == "None" {
			continue
		}
		if o.known && bytes.Equal(buf, o.last) {
			continue
		}
		if until, wait := o.hold(buf, now, activity); wait {
			dev.flushAt = sooner(dev.flushAt, until)
			continue
		}
		if o.row.content != nil && o.aspect == whole {
			d.want(dev, o, buf, now)
			continue
		}
		m := mqtt.Message{Topic: dev.topic(o), Payload: bytes.Clone(buf), Retain: true}
		d.batched = append(d.batched, change{o, m.Payload})
		d.batch = append(d.batch, m)
	}
	d.sendBatch(now, activity)
}

// change is an outlet and the value that it gets.
type change struct {
	outlet *outlet
	value  []byte
}

// together is a Bus that publishes several messages in one piece.
type together interface {
	PublishAll(messages []mqtt.Message) error
}

// sendBatch publishes the values that relay found. One that fails is logged once
// for each topic, and tried again with the next change.
func (d *Discovery) sendBatch(now time.Time, activity uint8) {
	all, ok := d.opts.Bus.(together)
	ok = ok && len(d.batch) > 1 && all.PublishAll(d.batch) == nil
	for i, c := range d.batched {
		o, m := c.outlet, &d.batch[i]
		if !ok { // a value that was published above is no change, and not sent again
			if err := d.opts.Bus.Publish(m.Topic, m.Payload, true); err != nil {
				if !o.failing {
					d.log.Warn("value not published", "topic", m.Topic, "error", err)
				}
				o.failing = true
				continue
			}
		}
		o.last, o.known, o.failing, o.sentAt, o.activity = c.value, true, false, now.UnixNano(), activity
	}
	clear(d.batch)
	clear(d.batched)
	d.batch, d.batched = d.batch[:0], d.batched[:0]
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
			used[dev.topic(&dev.outlets[i])] = true
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
