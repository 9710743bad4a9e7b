package client

import (
	"bytes"

	"github.com/printwire/printwire/mqtt"
)

// The bounds of what waits: while the broker reads, every value is sent; when
// more than mostTickets wait, or while the broker is away, only the newest.
const (
	mostTickets    = 4096
	mostEventBytes = 4 << 20
)

// outbox is what we have said and still have to say to a broker: our retained
// values and the unretained messages, in the order in which they came. It is
// not safe by itself.
type outbox struct {
	held      map[string]*held
	order     []string // topics of held as they were first published
	seq       uint64
	values    []parcel
	events    []parcel
	bytes     int      // of the events' payloads
	again     []string // topics to send again, slowly
	first     int      // how many of again go before the pause
	live      bool     // the broker is there
	maxEvents int
	dropped   uint64
}

// held is our last word on one retained topic.
type held struct {
	payload []byte
	cleared bool   // the value is to be removed, and then this record
	last    uint64 // number of the last word
	sent    uint64 // number of the last word that was taken to be sent
	newest  bool   // of the words that wait only the last is sent
	again   bool   // it is in again
}

func (h *held) waits() bool { return h.sent < h.last }

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
	case h.cleared == cleared && bytes.Equal(h.payload, payload) && (!cleared || h.waits()):
		return
	}
	waited := h.waits()
	o.seq++
	h.payload, h.cleared, h.last, h.again = payload, cleared, o.seq, false
	if waited && (!o.live || len(o.values) >= mostTickets) {
		h.newest = true
		return
	}
	o.values = append(o.values, parcel{seq: o.seq, topic: topic, payload: payload, retain: true})
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
		p := o.values[0]
		o.values = o.values[1:]
		h := o.held[p.topic]
		if h == nil || p.seq <= h.sent {
			continue // a later word was sent in its place
		}
		if h.newest {
			p.seq, p.payload, h.newest = h.last, h.payload, false
		}
		h.sent = p.seq
		return p, true
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
	if h := o.held[p.topic]; p.retain && h != nil && h.cleared && !h.waits() {
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
	o.sooner(p.topic)
}

// drop forgets a retained topic that somebody else has cleared, and what of it
// is still to be sent.
func (o *outbox) drop(topic string) { delete(o.held, topic) }

// sooner queues the last word on a retained topic before all others.
func (o *outbox) sooner(topic string) {
	h := o.held[topic]
	if h == nil {
		return
	}
	h.sent, h.newest, h.again = h.last-1, true, false
	o.values = append([]parcel{{seq: h.last, topic: topic, payload: h.payload, retain: true}}, o.values...)
}

// connect begins a connection: of what waited only the newest is sent.
func (o *outbox) connect() {
	o.live = true
	for _, h := range o.held {
		h.newest = h.waits()
	}
}

// restart begins to send every value again that does not wait anyway, those
// that match first before the others.
func (o *outbox) restart(first string) {
	var rest []string
	for _, topic := range o.again {
		if h := o.held[topic]; h != nil {
			h.again = false
		}
	}
	o.again = nil
	for _, topic := range o.order {
		h := o.held[topic]
		if h == nil || h.waits() || h.cleared || h.again {
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
