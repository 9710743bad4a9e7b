package client

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/secret"
)

// Will is the message that the broker publishes when it loses us.
type Will struct {
	Topic   string
	Payload []byte
	Retain  bool
}

// BusOptions says which broker a Bus uses. Zero values take the defaults named beside them.
type BusOptions struct {
	// Addresses are URLs, tried in turn: mqtt or tcp, mqtts or tls or ssl, ws, wss.
	// A missing port is 1883, 8883, 80 or 443.
	Addresses []string
	User      string
	Password  secret.Text
	// TLS verifies the broker with its RootCAs; ServerName is the host of the
	// address unless set. nil is the system's roots.
	TLS *tls.Config
	// ClientID must be unique at the broker, and the same after a restart.
	ClientID string
	// Will is also published when Run ends, because a polite goodbye cancels it at the broker.
	Will *Will

	// First is a filter: what matches it goes first when everything is sent
	// again, followed by a pause of Settle (2 s).
	First  string
	Settle time.Duration
	// ResendRate is how many messages a second are sent again (200).
	ResendRate int
	// MaxEvents is how many unretained messages wait while the broker is away
	// (1,000); then the oldest go and are counted.
	MaxEvents int

	// OnConnect is told of each connection and loss; it must return at once.
	OnConnect func(up bool)
	Log       *slog.Logger     // silent
	Now       func() time.Time // time.Now
	Random    func() float64   // in [0, 1)
	// Times is the patience of the connection; LinkOptions has the defaults.
	Times LinkTimes
}

// LinkTimes are the durations of LinkOptions.
type LinkTimes struct {
	Keepalive, PingTimeout, ConnectTimeout, WriteTimeout time.Duration
}

// resendGap is how far apart two Resend must be to count as two.
const resendGap = 10 * time.Second

// Bus is an mqtt.Bus over somebody else's broker. What is published before or
// between connections is kept as far as it must be and sent later.
type Bus struct {
	o       BusOptions
	targets []target
	wake    chan struct{}
	active  sync.WaitGroup // goroutines of subscribers

	mu          sync.Mutex
	out         outbox
	echo        echoes
	subscribers []*subscriber
	filters     map[string]filterState
	waiters     map[string][]chan struct{} // of Subscribe, for the broker's answer
	connected   bool
	connects    uint64
	lastError   string
	resent      time.Time // when everything was last begun to be sent again
	lostBefore  uint64    // deliveries dropped by subscribers that are gone
	oversized   uint64    // messages that were left out
}

// filterState is what the broker knows of a filter.
type filterState uint8

const (
	filterWanted   filterState = iota // to be asked for
	filterAsked                       // being asked for
	filterSettled                     // granted or refused
	filterUnwanted                    // to be given up
	filterLeft                        // being given up
)

var _ mqtt.Bus = (*Bus)(nil)

// NewBus makes a Bus; Run connects it. fault.Invalid: all that is wrong with
// the options, each with its field.
func NewBus(o BusOptions) (*Bus, error) {
	if o.Settle <= 0 {
		o.Settle = 2 * time.Second
	}
	if o.ResendRate <= 0 {
		o.ResendRate = 200
	}
	if o.MaxEvents <= 0 {
		o.MaxEvents = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	o.Log = o.Log.With("component", "mqtt.client")
	b := &Bus{
		o: o, wake: make(chan struct{}, 1), out: newOutbox(o.MaxEvents), echo: newEchoes(),
		filters: make(map[string]filterState), waiters: make(map[string][]chan struct{}),
	}
	var problems []error
	if len(o.Addresses) == 0 {
		problems = append(problems, fault.New(fault.Invalid, "expected an address such as mqtt://192.168.1.2:1883").At("address"))
	}
	for _, address := range o.Addresses {
		t, err := parseTarget(address, o.TLS)
		if err != nil {
			problems = append(problems, fmt.Errorf("address: %w", err))
			continue
		}
		b.targets = append(b.targets, t)
	}
	if o.ClientID == "" || len(o.ClientID) > 64 {
		problems = append(problems, fault.New(fault.Invalid, "expected 1 to 64 bytes").At("client_id"))
	}
	if o.Will != nil {
		if err := publishable(o.Will.Topic, o.Will.Payload); err != nil {
			problems = append(problems, fmt.Errorf("will: %w", err))
		}
	}
	if o.First != "" {
		if err := mqtt.ValidFilter(o.First); err != nil {
			problems = append(problems, fmt.Errorf("first: %w", err))
		}
	}
	return b, errors.Join(problems...)
}

// publishable tells whether we may send this message.
func publishable(topic string, payload []byte) error {
	if err := mqtt.ValidTopic(topic); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(topic, "$"):
		return fault.New(fault.Invalid, "topic %.64q belongs to the broker", topic)
	case len(payload) > mqtt.MaxPayload:
		return fault.New(fault.Invalid, "payload of %d bytes, at most %d are sent", len(payload), mqtt.MaxPayload)
	}
	return nil
}

// Publish queues a message. A retained value is sent at QoS 0, because it is
// sent again after each loss; everything else at QoS 1 until it is acknowledged.
func (b *Bus) Publish(topic string, payload []byte, retain bool) error {
	if err := publishable(topic, payload); err != nil {
		return err
	}
	b.mu.Lock()
	if retain {
		b.out.put(topic, payload)
	} else {
		b.out.event(topic, payload)
	}
	b.mu.Unlock()
	b.signal()
	return nil
}

// Clear queues the removal of retained values, ours or others'.
func (b *Bus) Clear(topics ...string) error {
	for _, topic := range topics {
		if err := publishable(topic, nil); err != nil {
			return err
		}
	}
	b.mu.Lock()
	for _, topic := range topics {
		b.out.put(topic, nil)
	}
	b.mu.Unlock()
	b.signal()
	return nil
}

// subscribeWait is how long Subscribe waits for the broker's answer.
const subscribeWait = 5 * time.Second

// Subscribe asks the broker for filter, now and after each reconnect, when its
// retained messages come again. While there is a connection it waits for the
// answer, so that nothing published afterwards is missed; it must not be called
// from OnConnect. Our own messages are left out, as echoes knows them.
func (b *Bus) Subscribe(filter string, fn func(mqtt.Message)) (stop func(), err error) {
	if err := mqtt.ValidFilter(filter); err != nil {
		return nil, err
	}
	s := &subscriber{filter: filter, fn: fn, active: &b.active}
	b.mu.Lock()
	b.subscribers = append(slices.Clone(b.subscribers), s)
	b.filters[filter] = filterWanted
	answered := make(chan struct{})
	if b.connected {
		b.waiters[filter] = append(b.waiters[filter], answered)
	} else {
		close(answered)
	}
	b.mu.Unlock()
	b.signal()
	timer := time.NewTimer(subscribeWait)
	defer timer.Stop()
	select {
	case <-answered:
	case <-timer.C:
	}
	return sync.OnceFunc(func() { b.unsubscribe(s) }), nil
}

func (b *Bus) unsubscribe(s *subscriber) {
	s.stop()
	b.mu.Lock()
	b.subscribers = slices.DeleteFunc(slices.Clone(b.subscribers), func(o *subscriber) bool { return o == s })
	b.lostBefore += s.lost()
	if !slices.ContainsFunc(b.subscribers, func(o *subscriber) bool { return o.filter == s.filter }) {
		b.filters[s.filter] = filterUnwanted
	}
	b.mu.Unlock()
	b.signal()
}

// Resend sends every retained value again, at ResendRate, those that match
// First before the others. Within 10 s of the last time it does nothing.
func (b *Bus) Resend() {
	b.mu.Lock()
	now := b.o.Now()
	due := b.connected && now.Sub(b.resent) >= resendGap
	if due {
		b.resent = now
		b.out.restart(b.o.First)
	}
	b.mu.Unlock()
	if due {
		b.signal()
	}
}

// signal wakes Run.
func (b *Bus) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// deliver hands a message of the broker to the subscribers; it never waits. A
// value of ours that somebody else removed stays removed: sending it again
// later would bring back what a person deleted.
func (b *Bus) deliver(m mqtt.Message) {
	b.mu.Lock()
	subscribers := b.subscribers
	ours := b.echo.ours(m.Topic, m.Payload, b.o.Now())
	if h := b.out.held[m.Topic]; m.Retain && h != nil && !h.cleared && bytes.Equal(h.payload, m.Payload) {
		ours = true
	}
	b.mu.Unlock()
	if ours {
		return
	}
	if len(m.Payload) == 0 {
		b.mu.Lock()
		b.out.drop(m.Topic)
		b.mu.Unlock()
	}
	for _, s := range subscribers {
		if mqtt.Match(s.filter, m.Topic) {
			s.push(m)
		}
	}
}

// Connected tells whether the broker has us.
func (b *Bus) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connected
}

// BusStats are figures for people.
type BusStats struct {
	Connected bool
	// Connects counts connections that were made.
	Connects uint64
	// LastError is why there is no connection, "" while there is one.
	LastError string
	// Retained are the values we hold, Waiting what is not sent yet.
	Retained, Waiting int
	// EventsDropped never reached the broker, DeliveriesDropped not their subscriber.
	EventsDropped, DeliveriesDropped uint64
	// Oversized are messages of others that were too large to be taken.
	Oversized uint64
}

// Stats are the figures now.
func (b *Bus) Stats() BusStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := BusStats{
		Connected: b.connected, Connects: b.connects, LastError: b.lastError,
		Retained: len(b.out.held), Waiting: len(b.out.values) + len(b.out.events),
		EventsDropped: b.out.dropped, DeliveriesDropped: b.lostBefore,
		Oversized: b.oversized,
	}
	for _, o := range b.subscribers {
		s.DeliveriesDropped += o.lost()
	}
	return s
}
