package broker

import (
	"slices"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// A client that subscribes gets the SUBACK, then the retained messages as they
// were when its subscription began, then everything since, in order. For that
// the library's write loop for the client is held up while its SUBSCRIBE is
// processed. The messages are written on the client's own goroutine: none is lost
// to a full queue, and nobody else waits for a slow reader.

// replay is one filter of a SUBSCRIBE and what is retained for it.
type replay struct {
	at   int // which filter
	sub  packets.Subscription
	held []held
}

// holdWrites keeps the write loop from sending messages until resumeWrites; both
// are called on the client's goroutine.
func (c *conn) holdWrites() {
	if !c.holding {
		c.holding = true
		c.hold.Lock()
	}
}

func (c *conn) resumeWrites() {
	if c.holding {
		c.holding = false
		c.hold.Unlock()
	}
}

// awaitTurn is called by the write loop before each message.
func (c *conn) awaitTurn() {
	c.hold.Lock()
	defer c.hold.Unlock() // only the wait matters
}

// snapshot reads what is retained for the filters of c, or what became of it
// since the last time. It runs before and after the subscription begins: what is
// published in between may have reached nobody, or may come twice.
func (b *Broker) snapshot(c *conn) {
	for i := range c.replays {
		r := &c.replays[i]
		r.held = slices.DeleteFunc(b.retained.matching(r.held[:0], r.sub.Filter), func(h held) bool {
			return !c.grant.Read(h.topic) || r.sub.NoLocal && h.by != nil && h.by.client == c.client.ID
		})
	}
}

// replay sends what the snapshots hold.
func (b *Broker) replay(c *conn) {
	defer c.resumeWrites()
	for _, r := range c.replays {
		if len(r.held) > 1 {
			c.setCork(true)
		}
		for _, h := range r.held {
			if err := c.client.WritePacket(h.packet(r.sub, b.opt.Now())); err != nil && c.client.Closed() {
				break
			}
		}
		if len(r.held) > 1 {
			c.setCork(false)
		}
	}
	c.replays = nil
}

func (h held) packet(sub packets.Subscription, now time.Time) packets.Packet {
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: true},
		TopicName:   h.topic, Payload: h.payload,
		SessionPresent: true, // means nothing in a PUBLISH: tells OnPacketEncode that it is ours
	}
	if h.by != nil && h.by.props != nil {
		pk.Properties = *h.by.props
	}
	if h.by != nil && h.by.expiry > 0 { // the library tells what is left by its own clock
		pk.Expiry = time.Now().Unix() + max(h.by.expiry-now.Unix(), 1)
	}
	if sub.Identifier > 0 {
		pk.Properties.SubscriptionIdentifier = []int{sub.Identifier}
	}
	return pk
}

// setCork starts or ends the collecting of small writes into large ones.
func (c *conn) setCork(on bool) {
	c.client.Lock()
	defer c.client.Unlock()
	c.corked = on
	if !on {
		_ = c.flush() // after an error the connection is closed
		c.cork = nil
	}
}
