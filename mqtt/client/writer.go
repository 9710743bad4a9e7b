package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

// keptBuffer is how much of the buffer of a large packet a link keeps.
const keptBuffer = 4 << 10

// mostBody is the longest body that MQTT can announce.
const mostBody = 1<<28 - 1

// question is a packet of ours whose acknowledgement is waited for.
type question struct {
	kind  byte   // of the acknowledgement
	codes []byte // its return codes, set before done is closed
	done  chan struct{}
}

func newQuestion(kind byte) *question { return &question{kind: kind, done: make(chan struct{})} }

// ask begins a question under a packet id that is free; forget ends it.
func (l *Link) ask(kind byte) (id uint16, q *question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.nextID++; l.nextID == 0 || l.asked[l.nextID] != nil; {
		l.nextID++
	}
	q = newQuestion(kind)
	l.asked[l.nextID] = q
	return l.nextID, q
}

func (l *Link) forget(id uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.asked, id)
}

// errNoAnswer is an answer that did not come in time.
var errNoAnswer = fault.New(fault.Offline, "no answer in time")

// await waits for the answer, the end of the link, ctx or the limit.
func (l *Link) await(ctx context.Context, q *question, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-q.done:
		return nil
	case <-l.lost:
		select {
		case <-q.done: // the answer came before the end
			return nil
		default:
		}
		return l.ended()
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errNoAnswer
	}
}

// login says who we are and waits for the answer until the deadline.
func (l *Link) login(ctx context.Context, deadline time.Time) error {
	l.hurry(min(l.o.WriteTimeout, max(time.Until(deadline), time.Millisecond)))
	defer l.hurry(l.o.WriteTimeout)
	if err := l.sendPacket(ctx, connect(l.o)); err != nil {
		return unreachable(ctx, err)
	}
	if err := l.await(ctx, l.entry, time.Until(deadline)); err != nil {
		return unreachable(ctx, err)
	}
	switch code := l.entry.codes[0]; code {
	case packets.Accepted:
		return nil
	case packets.ErrRefusedBadUsernameOrPassword, packets.ErrRefusedNotAuthorised:
		return fault.New(fault.Denied, "login refused (code %d): %w", code, packets.ConnErrors[code])
	default:
		return fault.New(fault.Offline, "connection refused (code %d): %w", code, packets.ConnErrors[code])
	}
}

// connect is the packet of the login: MQTT 3.1.1, a clean session.
func connect(o linkOptions) *packets.ConnectPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession = "MQTT", 4, true
	p.Keepalive = uint16(min(math.Ceil(o.Keepalive.Seconds()), math.MaxUint16))
	p.ClientIdentifier = o.ClientID
	if o.User != "" {
		p.UsernameFlag, p.Username = true, o.User
		if password := o.Password.Reveal(); password != "" {
			p.PasswordFlag, p.Password = true, []byte(password)
		}
	}
	if w := o.will; w != nil {
		p.WillFlag, p.WillQos, p.WillRetain = true, 1, w.Retain
		p.WillTopic, p.WillMessage = w.Topic, w.Payload
	}
	return p
}

// subscribe asks for QoS 0: the session does not outlive the connection, and
// within it TCP loses nothing.
func (l *Link) subscribe(ctx context.Context, filters ...string) error {
	if len(filters) == 0 {
		return nil
	}
	id, q := l.ask(packets.Suback)
	defer l.forget(id)
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = id, filters, make([]byte, len(filters))
	err := l.sendPacket(ctx, p)
	if err == nil {
		err = l.await(ctx, q, l.o.WriteTimeout)
	}
	if err != nil {
		return fmt.Errorf("subscribing to %q: %w", filters, err)
	}
	for i, f := range filters {
		if i >= len(q.codes) || q.codes[i] > 2 {
			return fault.New(fault.Denied, "%w: %q", ErrSubscription, f)
		}
	}
	return nil
}

func (l *Link) unsubscribe(ctx context.Context, filter string) error {
	id, q := l.ask(packets.Unsuback)
	defer l.forget(id)
	p := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
	p.MessageID, p.Topics = id, []string{filter}
	if err := l.sendPacket(ctx, p); err != nil {
		return err
	}
	return l.await(ctx, q, l.o.WriteTimeout)
}

func (l *Link) publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	if err := mqtt.ValidTopic(topic); err != nil {
		return err
	}
	if len(payload) > mostBody-len(topic)-4 {
		return fault.New(fault.Invalid, "payload of %d bytes is more than a message can have", len(payload))
	}
	var id uint16
	var q *question
	if qos > 0 {
		id, q = l.ask(packets.Puback)
		defer l.forget(id)
	}
	err := l.send(ctx, func(b []byte) []byte { return appendPublish(b, topic, payload, qos, retain, id) })
	if err != nil || qos == 0 {
		return err
	}
	return l.await(ctx, q, ackWait)
}

// appendPublish appends a PUBLISH in one go: it is the packet that is sent most.
func appendPublish(b []byte, topic string, payload []byte, qos byte, retain bool, id uint16) []byte {
	head, length := packets.Publish<<4|qos<<1, 2+len(topic)+len(payload)
	if retain {
		head |= 1
	}
	if qos > 0 {
		length += 2
	}
	b = slices.Grow(b, 5+length)
	b = binary.AppendUvarint(append(b, head), uint64(length))
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(topic))), topic...)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	return append(b, payload...)
}

// sendPacket sends a packet of the library.
func (l *Link) sendPacket(ctx context.Context, p packets.ControlPacket) error {
	return l.send(ctx, func(b []byte) []byte {
		w := bytes.NewBuffer(b)
		_ = p.Write(w) // a Buffer takes everything
		return w.Bytes()
	})
}

// send writes the packet that build appends, in one piece. While it waits for
// its turn ctx may end; a write that has begun ends within its deadline.
func (l *Link) send(ctx context.Context, build func(b []byte) []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.writing <- struct{}{}:
	case <-l.lost:
		return l.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.writing }()
	if err := l.ended(); err != nil {
		return err
	}
	l.out = build(l.out[:0])
	if err := l.flush(); err != nil {
		l.fail(err) // half a packet cannot be mended
		return l.ended()
	}
	return nil
}

// flush writes out within the deadline; writing is held.
func (l *Link) flush() error {
	l.mu.Lock()
	err := l.conn.SetWriteDeadline(time.Now().Add(l.patience))
	l.mu.Unlock()
	if err == nil {
		_, err = l.conn.Write(l.out)
	}
	if cap(l.out) > keptBuffer {
		l.out = nil
	}
	return err
}

// hurry bounds the write that is going on, and those that follow.
func (l *Link) hurry(patience time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.patience = patience
	_ = l.conn.SetWriteDeadline(time.Now().Add(patience))
}

// errSilent is why a link ends whose peer does not answer.
var errSilent = fault.New(fault.Offline, "the peer is silent: no pingresp in time")

// keepAlive begins to ping: once in each Keepalive, whatever else is sent, so
// that a peer that has gone is noticed within Keepalive and PingTimeout. It is
// a timer and no deadline of reads, because a WebSocket does not survive those.
func (l *Link) keepAlive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.timer = time.AfterFunc(l.o.Keepalive, l.tick) // owner: lose, which stops it; Close waits for what runs
	}
}

// tick pings, or ends the link when the last ping was not answered.
func (l *Link) tick() {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.pings.Add(1)
	defer l.pings.Done()
	silent := l.pinged
	l.pinged = true
	if !silent {
		l.timer.Reset(l.o.PingTimeout)
	}
	l.mu.Unlock()
	if silent {
		l.fail(errSilent)
		return
	}
	_ = l.send(context.Background(), func(b []byte) []byte { return append(b, packets.Pingreq<<4, 0) }) // a failure has ended the link
}

// pong takes the answer to a ping.
func (l *Link) pong() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pinged && l.err == nil {
		l.pinged = false
		l.timer.Reset(l.o.Keepalive)
	}
}

// acknowledge confirms a message at QoS 1.
func (l *Link) acknowledge(id uint16) error {
	p := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	p.MessageID = id
	return l.sendPacket(context.Background(), p)
}
