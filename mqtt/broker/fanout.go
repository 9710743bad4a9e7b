package broker

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/mqtt"
)

// The library would look a message's subscribers up in a tree that costs a
// kilobyte for each filter, and copy the message some thirty times for each of
// them. It also bounds what waits for a client by number alone. So messages go
// out here: each client's filters are asked, and the message is written once
// into the client's outbox.

// delivery is a message on its way to clients.
type delivery struct {
	topic   string
	payload []byte
	retain  bool
	from    string              // the client that published it, "" for none
	props   *packets.Properties // what MQTT 5 passes on, nil for nothing
}

// match is what a client's subscriptions come to for one topic.
type match struct {
	ids                  []int // the subscriptions' identifiers
	noLocal, asPublished bool
}

// filters are what a client subscribed to, as far as the library does not hold it.
type filters struct {
	mu   sync.RWMutex
	wild []filter // those with a wildcard
	// coming are those without of a SUBSCRIBE under way. The library has them
	// already, but they match nothing yet.
	coming map[string]struct{}
}

// filter is one with a wildcard.
type filter struct {
	text string
	// literal is the part of text that a topic must begin with.
	literal              string
	id                   int
	noLocal, asPublished bool
}

// literal is the part of filter that a topic must begin with: "a/#" matches "a".
func literal(filter string) string {
	if i := strings.IndexAny(filter, "+#"); i >= 0 {
		return strings.TrimSuffix(filter[:i], "/")
	}
	return filter
}

// announce tells of a SUBSCRIBE, nil when it is over: what it adds matches when
// begin says so.
func (w *filters) announce(cl *mochi.Client, subs []packets.Subscription) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.coming = nil
	for _, sub := range subs {
		if _, had := cl.State.Subscriptions.Get(sub.Filter); !had {
			if w.coming == nil {
				w.coming = make(map[string]struct{}, len(subs))
			}
			w.coming[sub.Filter] = struct{}{}
		}
	}
}

// begin lets sub match from now on.
func (w *filters) begin(sub packets.Subscription) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.coming, sub.Filter)
	if !strings.ContainsAny(sub.Filter, "+#") {
		return
	}
	f := filter{sub.Filter, literal(sub.Filter), sub.Identifier, sub.NoLocal, sub.RetainAsPublished}
	if i := slices.IndexFunc(w.wild, func(o filter) bool { return o.text == f.text }); i >= 0 {
		w.wild[i] = f
		return
	}
	w.wild = append(w.wild, f)
}

func (w *filters) remove(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wild = slices.DeleteFunc(w.wild, func(f filter) bool { return f.text == text })
}

// matches tells whether the client subscribed to topic, and how. ids is where
// identifiers are put.
func (c *conn) matches(topic string, ids []int) (m match, ok bool) {
	m.ids = ids
	w := &c.filters
	w.mu.RLock()
	defer w.mu.RUnlock()
	if s, exact := c.client.State.Subscriptions.Get(topic); exact {
		if _, coming := w.coming[topic]; !coming {
			ok = true
			m.add(filter{id: s.Identifier, noLocal: s.NoLocal, asPublished: s.RetainAsPublished})
		}
	}
	for i := range w.wild {
		if f := &w.wild[i]; strings.HasPrefix(topic, f.literal) && mqtt.Match(f.text, topic) {
			ok = true
			m.add(*f)
		}
	}
	return m, ok
}

func (m *match) add(f filter) {
	if f.id > 0 {
		m.ids = append(m.ids, f.id)
	}
	m.noLocal, m.asPublished = m.noLocal || f.noLocal, m.asPublished || f.asPublished
}

// fanOut gives a message to the clients that subscribed to it. It is on its way
// with the next flush.
func (b *Broker) fanOut(d *delivery) {
	members := b.members.Load()
	if members == nil || strings.HasPrefix(d.topic, "$") {
		return
	}
	var ids [4]int
	for _, c := range *members {
		m, ok := c.matches(d.topic, ids[:0])
		if !ok || m.noLocal && d.from == c.client.ID || !c.grant.Read(d.topic) {
			continue
		}
		c.put(d, m)
	}
}

// flush sends what fanOut gave to clients on its way.
func (b *Broker) flush() {
	if members := b.members.Load(); members != nil {
		for _, c := range *members {
			c.out.flush()
		}
	}
}

// put queues a message for the client. One that is too slow loses it; if that was
// a retained value it is cut off: it gets them all when it returns, and would
// show a stale one otherwise.
func (c *conn) put(d *delivery, m match) {
	version := c.client.Properties.ProtocolVersion
	retain := d.retain && version == 5 && m.asPublished
	if c.out.message(c.largest(), func(dst []byte) []byte { return appendMessage(dst, version, d, retain, m.ids) }) {
		return
	}
	c.total.Add(1)
	if c.dropped.Add(1) == 1 {
		c.log.Warn("client is too slow and loses messages", "client", clip(c.client.ID), "user", c.grant.Name, "cut_off", d.retain)
	}
	if d.retain {
		c.abort()
	}
}

// largest is the largest packet that the client takes.
func (c *conn) largest() int {
	if n := c.client.Properties.Props.MaximumPacketSize; n > 0 {
		return int(min(n, math.MaxInt32))
	}
	return math.MaxInt32
}

// fromLibrary gives what clients publish, and their wills, to the subscribers.
func (b *Broker) fromLibrary(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
	b.fanOut(&delivery{topic: pk.TopicName, payload: pk.Payload, retain: pk.FixedHeader.Retain, from: pk.Origin, props: passedOn(&pk.Properties, true)})
	b.flush()
}

// passedOn is the part of a publish's properties that goes to its subscribers,
// nil for none.
func passedOn(p *packets.Properties, expiry bool) *packets.Properties {
	out := packets.Properties{
		PayloadFormat: p.PayloadFormat, PayloadFormatFlag: p.PayloadFormatFlag, ContentType: p.ContentType,
		ResponseTopic: p.ResponseTopic, CorrelationData: p.CorrelationData, User: p.User,
	}
	if expiry {
		out.MessageExpiryInterval = p.MessageExpiryInterval
	}
	if !out.PayloadFormatFlag && out.ContentType == "" && out.ResponseTopic == "" && len(out.CorrelationData) == 0 &&
		len(out.User) == 0 && out.MessageExpiryInterval == 0 {
		return nil
	}
	return &out
}

// appendMessage appends a PUBLISH at QoS 0 as a client of a version takes it.
func appendMessage(dst []byte, version byte, d *delivery, retain bool, ids []int) []byte {
	if version == 5 && d.props != nil {
		return appendPacket(dst, d, retain, ids)
	}
	head, length, extra := byte(packets.Publish<<4), 2+len(d.topic)+len(d.payload), 0
	if retain {
		head |= 1
	}
	if version == 5 {
		slices.Sort(ids)
		for _, id := range ids {
			extra += 1 + varintSize(id)
		}
		length += varintSize(extra) + extra
	}
	dst = slices.Grow(dst, 5+length)
	dst = appendVarint(append(dst, head), length)
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(d.topic))), d.topic...)
	if version == 5 {
		dst = appendVarint(dst, extra)
		for _, id := range ids {
			dst = appendVarint(append(dst, packets.PropSubscriptionIdentifier), id)
		}
	}
	return append(dst, d.payload...)
}

// appendPacket is appendMessage with properties, by the library.
func appendPacket(dst []byte, d *delivery, retain bool, ids []int) []byte {
	slices.Sort(ids)
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: retain}, ProtocolVersion: 5,
		TopicName: d.topic, Payload: d.payload, Properties: *d.props, Mods: packets.Mods{AllowResponseInfo: true},
	}
	pk.Properties.SubscriptionIdentifier = slices.Clone(ids)
	var buf bytes.Buffer
	if pk.PublishEncode(&buf) != nil { // only without a packet id at QoS 1
		return dst
	}
	return append(dst, buf.Bytes()...)
}

// appendVarint appends a variable byte integer.
func appendVarint(dst []byte, n int) []byte {
	for n > 0x7f {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

func varintSize(n int) int {
	size := 1
	for ; n > 0x7f; n >>= 7 {
		size++
	}
	return size
}
