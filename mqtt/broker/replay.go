package broker

import (
	"slices"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// A client that subscribes gets the SUBACK, then the retained messages as they
// are when its subscription begins, then everything since, in order. A value is
// retained before it is sent to anybody, so one lock is enough to begin at one
// moment: while nothing can be retained, the filters begin to match, the outbox
// begins to keep messages back, and what is retained is read. What other
// subscriptions of the client were sent until then goes before. The client's own
// goroutine fills in what is retained: it alone waits for a slow reader.

// A SUBSCRIBE with many wildcards begins in parts, so that nobody who publishes
// waits for long: their values are looked for among all that are retained.
const wildcardsAtOnce = 16

// replay is one filter of a SUBSCRIBE and what is retained for it.
type replay struct {
	at   int // which filter
	sub  packets.Subscription
	full bool // what is retained is sent
	held []held
}

// begin lets the filters of a SUBSCRIBE match, and reads what is retained for
// those that ask for it.
func (b *Broker) begin(c *conn) {
	for rest := c.replays; len(rest) > 0; {
		part := upToWildcards(rest)
		rest = rest[len(part):]
		b.retained.freeze(func(matching func(filter string) []held) {
			if b.guards.replay {
				c.out.hold()
			}
			for i := range part {
				b.subscribed(c, part[i].sub)
				if part[i].full {
					part[i].held = matching(part[i].sub.Filter)
				}
			}
		})
	}
	for i := range c.replays {
		r := &c.replays[i]
		r.held = slices.DeleteFunc(r.held, func(h held) bool {
			return !c.grant.Read(h.topic) || r.sub.NoLocal && h.by != nil && h.by.client == c.client.ID
		})
	}
	c.filters.announce(c.client, nil)
}

// upToWildcards is the part of a list that has no more of them than are allowed at once.
func upToWildcards(list []replay) []replay {
	found := 0
	for i := range list {
		if !strings.ContainsAny(list[i].sub.Filter, "+#") {
			continue
		}
		if found++; found > wildcardsAtOnce {
			return list[:i]
		}
	}
	return list
}

// replay sends what begin has read.
func (b *Broker) replay(c *conn) {
	defer c.out.resume()
	version := c.client.Properties.ProtocolVersion
	var u unpacker
	for _, r := range c.replays {
		var ids []int
		if r.sub.Identifier > 0 {
			ids = []int{r.sub.Identifier}
		}
		for _, h := range r.held {
			d := h.delivery(b.opt.Now())
			d.payload = u.payload(h.value)
			if !c.out.replay(c.largest(), func(dst []byte) []byte { return appendMessage(dst, version, &d, true, ids) }) {
				break
			}
		}
	}
	c.replays = nil
}

// delivery is the value as a message, but for its payload.
func (h held) delivery(now time.Time) delivery {
	d := delivery{topic: h.topic}
	if h.by == nil {
		return d
	}
	d.props = h.by.props
	if h.by.expiry > 0 { // tells what is left
		props := packets.Properties{}
		if d.props != nil {
			props = *d.props
		}
		props.MessageExpiryInterval = uint32(max(h.by.expiry-now.Unix(), 1))
		d.props = &props
	}
	return d
}
