package broker

import (
	"math"
	"slices"
	"strings"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/mqtt"
)

const (
	// refusedTopic stands in for a topic that nobody may write to, where the
	// library would forget to acknowledge. No client can name it: a NUL is
	// malformed in MQTT. Nothing that starts with '$' goes to anybody.
	refusedTopic = "$\x00refused"
	// maxKeepalive is the largest whose half more still fits 16 bits.
	maxKeepalive = 43690
	// maxLevels bounds the depth of a client's topics and filters.
	maxLevels = 128
	// maxWildcards is how many filters of one SUBSCRIBE may have a wildcard: for
	// each, all that is retained may have to be replayed.
	maxWildcards = 256
	// receiveMaximum3 is how many QoS 2 publishes a 3.1.1 client may have open.
	receiveMaximum3 = 1024
)

// hook is all that the library asks us. It is the only hook: the library takes
// the yes of any.
type hook struct {
	mochi.HookBase
	b *Broker
}

// ID names the hook.
func (h *hook) ID() string { return "printwire" }

// Provides tells the library what to call.
func (h *hook) Provides(method byte) bool {
	switch method {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnSessionEstablish, mochi.OnSessionEstablished,
		mochi.OnPacketRead, mochi.OnPacketEncode, mochi.OnPacketProcessed, mochi.OnSubscribe, mochi.OnSubscribed, mochi.OnUnsubscribe, mochi.OnPublish,
		mochi.OnWill, mochi.OnWillSent, mochi.OnClientExpired:
		return true
	}
	return false
}

// OnPacketRead puts right what the library would get wrong, and takes nothing
// more from a client that was sent a DISCONNECT.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	if c == nil {
		return pk, nil
	}
	if c.draining.Load() {
		return pk, packets.ErrRejectPacket
	}
	switch pk.FixedHeader.Type {
	case packets.Publish:
		if h.b.guards.dollar && strings.HasPrefix(pk.TopicName, "$") {
			pk.TopicName = refusedTopic
		}
	case packets.Disconnect: // may ask for longer than a CONNECT
		if h.b.guards.expiry {
			pk.Properties.SessionExpiryInterval = min(pk.Properties.SessionExpiryInterval, sessionExpiry)
		}
	case packets.Connect: // an empty will is legal, a retained one too, but refused by the library
		if pk.Connect.WillFlag && len(pk.Connect.WillPayload) == 0 {
			c.emptyWill = true
			pk.Connect.WillPayload = []byte{0}
		}
		if pk.Connect.WillFlag && pk.Connect.WillRetain {
			c.retainWill, pk.Connect.WillRetain = true, false
		}
	}
	return pk, nil
}

// OnConnect decides about the login. It is done here and not in
// OnConnectAuthenticate because there only one answer is possible.
func (h *hook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	c := connOf(cl)
	c.client = cl
	if h.b.guards.keepalive && cl.State.Keepalive > maxKeepalive {
		cl.State.Keepalive = maxKeepalive
		cl.State.ServerKeepalive = cl.Properties.ProtocolVersion == 5
	}
	if h.b.guards.alias {
		cl.Properties.Props.TopicAliasMaximum = 0 // and none from us
	}
	if cl.Properties.ProtocolVersion < 5 { // which know no receive maximum
		cl.State.Inflight.ResetReceiveQuota(receiveMaximum3)
	}
	if c.emptyWill {
		cl.Properties.Will.Payload = nil
	}
	cl.Properties.Will.Retain = c.retainWill
	if pr := cl.Properties.Props; cl.Properties.ProtocolVersion == 5 && pr.SessionExpiryInterval == 0 {
		cl.Properties.Will.WillDelayInterval = 0 // the session ends first
	}
	cl.Properties.Will.WillDelayInterval = min(cl.Properties.Will.WillDelayInterval, sessionExpiry)
	return h.b.login(c, pk)
}

// OnConnectAuthenticate says yes to whom OnConnect let pass.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, _ packets.Packet) bool {
	c := connOf(cl)
	return c != nil && c.grant.Read != nil && c.grant.Write != nil
}

// OnACLCheck is asked for each filter at subscribe, each delivery and each
// publish. It takes no lock and allocates nothing. Publishes are decided in
// OnPublish, where a refusal can be acknowledged.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	c, ok := cl.Net.Conn.(*conn)
	if !ok || topic == "" {
		return false
	}
	if write {
		return h.b.guards.ack || c.grant.Write(topic)
	}
	return topic[0] != '$' && c.grant.Read(topic) // we have no system topics and no shared subscriptions
}

// OnSessionEstablish makes way for the new client of an id.
func (h *hook) OnSessionEstablish(cl *mochi.Client, _ packets.Packet) { h.b.takeOver(connOf(cl)) }

// OnSessionEstablished makes the client known.
func (h *hook) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) { h.b.enter(connOf(cl)) }

// OnSubscribe grants QoS 0, refuses malformed filters, and takes the replay of
// retained messages from the library.
func (h *hook) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	if c == nil {
		return pk
	}
	c.replays = nil
	wildcards, seen := 0, make(map[string]bool, len(pk.Filters))
	for i := range pk.Filters {
		f := &pk.Filters[i]
		again, wild := seen[f.Filter], strings.ContainsAny(f.Filter, "+#")
		seen[f.Filter] = true
		if wild && !again {
			wildcards++
		}
		if mqtt.ValidFilter(f.Filter) != nil || strings.Count(f.Filter, "/") >= maxLevels || wild && wildcards > maxWildcards {
			f.Filter = "" // which the library refuses with the right code
			continue
		}
		if h.b.guards.qos0 {
			f.Qos = 0
		}
		_, existed := cl.State.Subscriptions.Get(f.Filter)
		full := h.b.guards.replay && !again && (f.RetainHandling == 0 || f.RetainHandling == 1 && !existed)
		c.replays = append(c.replays, replay{at: i, sub: *f, full: full})
		if h.b.guards.replay {
			f.RetainHandling = 2
		}
	}
	if h.b.guards.fanout {
		c.filters.announce(cl, pk.Filters)
	}
	return pk
}

// OnSubscribed lets the subscriptions begin that were not refused.
func (h *hook) OnSubscribed(cl *mochi.Client, _ packets.Packet, codes []byte) {
	c := connOf(cl)
	if c == nil {
		return
	}
	c.replays = slices.DeleteFunc(c.replays, func(r replay) bool {
		return r.at >= len(codes) || codes[r.at] >= packets.ErrUnspecifiedError.Code
	})
	h.b.begin(c)
}

// subscribed notes a subscription for fanOut, and takes it from the library's tree.
func (b *Broker) subscribed(c *conn, sub packets.Subscription) {
	if b.guards.fanout {
		c.filters.begin(sub)
		b.server.Topics.Unsubscribe(sub.Filter, c.client.ID)
	}
}

// OnUnsubscribe puts the subscriptions back that there are, or the library would
// answer that there are none.
func (h *hook) OnUnsubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	if c == nil || !h.b.guards.fanout {
		return pk
	}
	for _, f := range pk.Filters {
		if sub, ok := cl.State.Subscriptions.Get(f.Filter); ok {
			c.filters.remove(f.Filter)
			h.b.server.Topics.Subscribe(cl.ID, sub)
		}
	}
	return pk
}

// OnPacketProcessed replays retained messages after the SUBACK.
func (h *hook) OnPacketProcessed(cl *mochi.Client, pk packets.Packet, err error) {
	if pk.FixedHeader.Type != packets.Subscribe {
		return
	}
	if c := connOf(cl); c != nil {
		if err != nil {
			c.replays = nil
			c.filters.announce(cl, nil)
		}
		h.b.replay(c)
	}
}

// OnPublish decides about a client's message. A refused one is acknowledged and
// goes nowhere: any other answer makes some client send it again for ever, or
// makes the library send it on.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	if c == nil {
		return pk, nil
	}
	why := h.b.refuseWrite(c, pk.TopicName, pk.FixedHeader.Retain)
	if why == "" && pk.FixedHeader.Retain && !h.b.retained.keepPacket(c.grant.Name, cl.ID, pk) {
		why = "too much is retained by this user"
	}
	if why != "" {
		h.b.deny(c, pk.TopicName, why)
		return pk, packets.CodeSuccessIgnore
	}
	h.b.dispatch(c, pk)
	return pk, nil
}

// OnWill retains a will, or takes the flag from it if its user has no room left.
// It sends one nowhere whose right was withdrawn since the login.
func (h *hook) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	c := connOf(cl)
	if c != nil && h.b.guards.will && !c.grant.Write(will.TopicName) {
		h.b.deny(c, will.TopicName, "will: no right to write there")
		will.TopicName, will.Retain = refusedTopic, false
	}
	if c != nil && will.Retain && will.WillDelayInterval == 0 {
		will.Retain = h.b.retained.keepPacket(c.grant.Name, cl.ID, packets.Packet{
			TopicName: will.TopicName, Payload: will.Payload, Properties: packets.Properties{User: will.User},
		})
	}
	return will, nil
}

// OnWillSent tells the subscribers in this process, and retains a will that was delayed.
func (h *hook) OnWillSent(cl *mochi.Client, pk packets.Packet) {
	c := connOf(cl)
	if c != nil && pk.FixedHeader.Retain && pk.Connect.WillProperties.WillDelayInterval > 0 {
		_ = h.b.retained.keepPacket(c.grant.Name, cl.ID, pk) // without room it was only sent
	}
	h.b.dispatch(c, pk)
}

// OnClientExpired removes the subscriptions of a session that did not return,
// which the library leaves behind.
func (h *hook) OnClientExpired(cl *mochi.Client) { h.b.server.UnsubscribeClient(cl) }

// OnPacketEncode is called for each packet before it is written, also on the
// library's own goroutines: it must not fail.
func (h *hook) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	if c == nil {
		return pk
	}
	switch pk.FixedHeader.Type {
	case packets.Publish: // between the library's notice of a subscription and ours
		if h.b.guards.fanout {
			pk.FixedHeader.Type = packets.Reserved // is not written
		}
	case packets.Connack:
		return h.connack(cl, c, pk)
	case packets.Pubrec: // a publish that is sent again is not an error
		if pk.ReasonCode == packets.ErrPacketIdentifierInUse.Code {
			pk.ReasonCode, pk.Properties.ReasonString = 0, ""
		}
	case packets.Disconnect:
		if cl.Properties.ProtocolVersion < 5 { // which know none from a broker
			cl.Stop(packets.ErrProtocolViolation)
			return pk
		}
		c.linger.Store(true)
		if h.b.guards.stop && !c.ending.Load() { // then this is the client's own goroutine
			c.draining.Store(true)
		}
	}
	return pk
}

// connack announces our limits and turns reason codes into such as the client's
// version knows.
func (h *hook) connack(cl *mochi.Client, c *conn, pk packets.Packet) packets.Packet {
	if pk.ReasonCode != 0 {
		c.linger.Store(true)
	}
	switch v := cl.Properties.ProtocolVersion; {
	case v == 5:
		pk.Properties.MaximumPacketSize = uint32(min(h.b.opt.MaxPacket, math.MaxUint32))
		pk.Properties.SharedSubAvailableFlag, pk.Properties.SharedSubAvailable = true, 0
	case v > 5:
		pk.ReasonCode = packets.ErrUnsupportedProtocolVersion.Code
	case v < 3:
		pk.ReasonCode = packets.Err3UnsupportedProtocolVersion.Code
	case pk.ReasonCode == packets.ErrUnspecifiedError.Code: // an empty id with a session to keep
		pk.ReasonCode = packets.Err3ClientIdentifierNotValid.Code
	case pk.ReasonCode > packets.Err3NotAuthorized.Code: // malformed: closed without an answer
		pk.FixedHeader.Type = packets.Reserved
	}
	return pk
}
