package broker

import (
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"
)

// The library does not let "a/+/#" match "a/b". A client with such a filter
// therefore also holds a shadow: a subscription to "a/+" that it knows nothing of.

// shadowed is the filter of the shadow that filter needs, or "".
func shadowed(filter string) string {
	parent, ok := strings.CutSuffix(filter, "/#")
	if !ok || parent != "+" && !strings.HasSuffix(parent, "/+") {
		return ""
	}
	return parent
}

// castShadow adds the shadow of an accepted subscription. The client's own
// subscription to the same filter replaces it.
func (b *Broker) castShadow(c *conn, sub packets.Subscription) {
	delete(c.shadows, sub.Filter)
	parent := shadowed(sub.Filter)
	if parent == "" {
		return
	}
	if _, own := c.client.State.Subscriptions.Get(parent); own {
		return
	}
	if c.shadows == nil {
		c.shadows = map[string]struct{}{}
	}
	c.shadows[parent] = struct{}{}
	sub.Filter = parent
	b.server.Topics.Subscribe(c.client.ID, sub)
}

// liftShadow follows an UNSUBSCRIBE.
func (b *Broker) liftShadow(c *conn, filter string) {
	if parent := shadowed(filter); parent != "" {
		if _, cast := c.shadows[parent]; cast {
			delete(c.shadows, parent)
			b.server.Topics.Unsubscribe(parent, c.client.ID)
		}
	}
	if sub, ok := c.client.State.Subscriptions.Get(filter + "/#"); ok {
		b.castShadow(c, sub)
	}
}

// castShadows is for a session that was resumed, dropShadows for one that ends.
func (b *Broker) castShadows(c *conn) {
	for _, sub := range c.client.State.Subscriptions.GetAll() {
		b.castShadow(c, sub)
	}
}

func (b *Broker) dropShadows(c *conn) {
	for parent := range c.shadows {
		b.server.Topics.Unsubscribe(parent, c.client.ID)
	}
	c.shadows = nil
}
