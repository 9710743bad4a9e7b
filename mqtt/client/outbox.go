package client

import (
	"bytes"

	"github.com/printwire/printwire/mqtt"
)

// mostEventBytes bounds the payloads of unretained messages that wait.
const mostEventBytes = 4 << 20

// outbox is what we have said and still have to say to a broker: our retained
// values, of which the newest is sent, and unretained messages, all of which
// are sent, in the order in which they came. It is not safe by itself.
type outbox struct {
	held      map[string]*held
	order     []string // topics of held as they were first published
	seq       uint64
	values    []ticket
	events    []parcel
	bytes     int
	again     []string // topics to send again, slowly
	first     int      // how many of again go before the pause
	maxEvents int
	dropped   uint64
}

// held is our last word on one retained topic.
type held struct {
	payload []byte
	cleared bool // the value is to be removed, and then this record
	queued  bool // a ticket waits
	again   bool // it is in again
}

// ticket is the place of a retained topic in the queue.
type ticket struct {
	seq   uint64
	topic string
}

// parcel is one message to send.
type parcel struct {
	seq     uint64
	topic   string
	payload []byte
	retain  bool
}

// sure tells whether the parcel's loss would never be made good: a value is
// sent again after a reconnect, an event or a removal is not.
func (p parcel) sure() bool { return !p.retain || len(p.payload) == 0 }

func newOutbox(maxEvents int) outbox {
	return outbox{held: make(map[string]*held), maxEvents: maxEvents}
}

// put sets a retained value; an empty payload removes it.
func (o *outbox) put(topic string, payload []byte) {
	h := o.held[topic]
	cleared := len(payload) == 0
	switch {
	case h == nil:
		h = &held{}
		o.held[topic] = h
		o.remember(topic)
	case h.cleared == cleared && bytes.Equal(h.payload, payload) && (!cleared || h.queued):
		return
	}
	h.payload, h.cleared = payload, cleared
	o.queue(topic, h)
}

// remember notes the order of topics, without those that are long gone.
func (o *outbox) remember(topic string) {
	if len(o.order) > 2*len(o.held)+16 {
		kept := make([]string, 0, len(o.held))
		seen := make(map[string]bool, len(o.held))
		for _, t := range o.order {
			if o.held[t] != nil && t != topic && !seen[t] {
				kept, seen[t] = append(kept, t), true
			}
		}
		o.order = kept
	}
	o.order = append(o.order, topic)
}

func (o *outbox) queue(topic string, h *held) {
	h.again = false
	if h.queued {
		return
	}
	h.queued = true
	o.seq++
	o.values = append(o.values, ticket{seq: o.seq, topic: topic})
}

// event queues an unretained message; when too many wait, the oldest goes.
func (o *outbox) event(topic string, payload []byte) {
	o.seq++
	o.events = append(o.events, parcel{seq: o.seq, topic: topic, payload: payload})
	o.bytes += len(payload)
	for len(o.events) > 1 && (len(o.events) > o.maxEvents || o.bytes > mostEventBytes) {
		o.bytes -= len(o.events[0].payload)
		o.events = o.events[1:]
		o.dropped++
	}
}

// next takes the message that waits longest.
func (o *outbox) next() (parcel, bool) {
	for len(o.values) > 0 && (len(o.events) == 0 || o.values[0].seq < o.events[0].seq) {
		t := o.values[0]
		o.values = o.values[1:]
		if h := o.held[t.topic]; h != nil && h.queued {
			h.queued = false
			return parcel{seq: t.seq, topic: t.topic, payload: h.payload, retain: true}, true
		}
	}
	if len(o.events) == 0 {
		return parcel{}, false
	}
	p := o.events[0]
	o.events = o.events[1:]
	o.bytes -= len(p.payload)
	return p, true
}

// done notes that a parcel arrived: a removed value needs no record any more.
func (o *outbox) done(p parcel) {
	if h := o.held[p.topic]; p.retain && h != nil && h.cleared && !h.queued {
		delete(o.held, p.topic)
	}
}

// back returns a parcel that was not sent, to the front.
func (o *outbox) back(p parcel) {
	if !p.retain {
		o.events = append([]parcel{p}, o.events...)
		o.bytes += len(p.payload)
		return
	}
	if h := o.held[p.topic]; h != nil && !h.queued {
		h.queued = true
		o.values = append([]ticket{{seq: p.seq, topic: p.topic}}, o.values...)
	}
}

// sooner queues a retained topic before all others.
func (o *outbox) sooner(topic string) {
	if h := o.held[topic]; h != nil {
		h.queued, h.again = true, false
		o.values = append([]ticket{{topic: topic}}, o.values...)
	}
}

// restart begins to send every value again that is not queued anyway, those
// that match first before the others.
func (o *outbox) restart(first string) {
	var rest []string
	o.again = nil
	for _, topic := range o.order {
		h := o.held[topic]
		if h == nil || h.queued || h.cleared {
			continue
		}
		h.again = true
		if first != "" && mqtt.Match(first, topic) {
			o.again = append(o.again, topic)
		} else {
			rest = append(rest, topic)
		}
	}
	o.first = len(o.again)
	o.again = append(o.again, rest...)
}

// nextAgain takes the next value to send again. pause: it is the last one
// before the pause.
func (o *outbox) nextAgain() (p parcel, pause, ok bool) {
	for len(o.again) > 0 {
		topic := o.again[0]
		o.again = o.again[1:]
		o.first--
		if h := o.held[topic]; h != nil && h.again {
			h.again = false
			return parcel{topic: topic, payload: h.payload, retain: true}, o.first == 0 && len(o.again) > 0, true
		}
	}
	return parcel{}, false, false
}
