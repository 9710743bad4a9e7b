package broker

import (
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

// Session is one connected client.
type Session struct {
	Client, User, Remote, Listener string
	// Protocol is 3 (MQTT 3.1), 4 (3.1.1) or 5.
	Protocol      byte
	Since         time.Time
	Keepalive     time.Duration
	Subscriptions int
	// Dropped counts messages lost because the client was too slow, Denied the
	// writes that were refused.
	Dropped, Denied uint64
}

// Stats are counts since start, but for Clients and Retained, which are of now.
type Stats struct {
	Clients, Retained int
	// Dropped counts messages that a slow subscriber lost.
	Dropped uint64
	// Takeovers counts logins that pushed another connection with their id out.
	Takeovers uint64
	// Refused counts logins and connections that were turned away.
	Refused uint64
	// Denied counts publishes and wills that were acknowledged and dropped.
	Denied uint64
	// Panics counts connections that were ended by a failure of ours.
	Panics uint64
}

// sessionExpiry is how long a session that does not return is kept, in seconds.
const sessionExpiry = 3600

// stripes is how many topics can be published to at the same time.
const stripes = 64

// Broker is an MQTT broker inside this process. It is a mqtt.Bus.
type Broker struct {
	opt    Options
	guards guards
	log    *slog.Logger
	server *mochi.Server
	ids    idLocks
	seed   maphash.Seed
	topics [stripes]sync.Mutex // Publish: compare and replace is one step per topic

	retained retained
	subs     atomic.Pointer[[]*subscription]
	members  atomic.Pointer[[]*conn] // of sessions
	subsMu   sync.Mutex

	mu        sync.Mutex
	listeners []net.Listener
	waiting   map[string]int // connections before login, by address
	waitingN  int
	conns     map[*conn]struct{}
	sessions  map[string]*conn
	running   bool

	stopping chan struct{}
	wg       sync.WaitGroup // accept loops and connections
	refusals limiter

	dropped, takeovers, refused, denied, panics atomic.Uint64
	ended                                       atomic.Uint64 // connections so far
}

var _ mqtt.Bus = (*Broker)(nil)

// New makes a broker; it opens and starts nothing. fault.Invalid: an option.
func New(o Options) (*Broker, error) { return newBroker(o, allGuards()) }

func newBroker(o Options, g guards) (*Broker, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	b := &Broker{
		opt: o, guards: g, log: o.Log, seed: maphash.MakeSeed(),
		waiting: map[string]int{}, conns: map[*conn]struct{}{}, sessions: map[string]*conn{},
		stopping: make(chan struct{}), refusals: limiter{every: time.Second},
	}
	b.server = mochi.New(settings(o, g))
	b.server.Clients.Delete(mochi.InlineClientId) // else a client of that name would take it over
	b.retained.init(o)
	if err := b.server.AddHook(&hook{b: b}, nil); err != nil {
		return nil, fault.New(fault.Internal, "add the broker's hook: %w", err)
	}
	if g.fanout {
		if err := b.server.Subscribe("#", 1, b.fromLibrary); err != nil {
			return nil, fault.New(fault.Internal, "listen to the library: %w", err)
		}
	}
	return b, nil
}

// settings is the library as we want it; doc.go tells why.
func settings(o Options, g guards) *mochi.Options {
	c := mochi.NewDefaultServerCapabilities()
	c.MaximumClients = int64(o.MaxClients)
	if g.fanout {
		c.MaximumClientWritesPending = 1 // the library queues nothing
	}
	c.MaximumInflight = 1024
	c.ReceiveMaximum = 64
	c.SharedSubAvailable = 0
	c.Compatibilities.ObscureNotAuthorized = true
	c.Compatibilities.PassiveClientDisconnect = true
	c.Compatibilities.NoInheritedPropertiesOnAck = true
	if o.MaxQoS != nil {
		c.MaximumQos = *o.MaxQoS
	}
	if g.keep {
		c.MaximumMessageExpiryInterval = 0
	} else {
		c.MaximumMessageExpiryInterval = 2
	}
	if g.expiry {
		c.MaximumSessionExpiryInterval = sessionExpiry
	}
	if g.size {
		c.MaximumPacketSize = uint32(o.MaxPacket)
	}
	if g.alias {
		c.TopicAliasMaximum = 0
	}
	if g.replay {
		c.RetainAvailable = 0 // here: the library keeps none; OnPacketRead lets wills pass
	}
	interval := int64(1)
	if g.quiet {
		interval = 1 << 31 // seconds: never
	}
	options := &mochi.Options{Capabilities: c, Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: interval, InlineClient: true}
	if g.fanout {
		// It would keep an answer back until a message before it is written, which
		// is never where OnPacketEncode leaves that out.
		options.ClientNetWriteBufferSize = 1
	}
	return options
}

// Publish sends to all subscribers at QoS 0 and, if retain, replaces the
// retained value; an unchanged one is not sent again. It waits for nobody.
func (b *Broker) Publish(topic string, payload []byte, retain bool) error {
	err := b.publish(topic, payload, retain)
	b.flush()
	return err
}

// PublishAll publishes messages in order, so that each client gets them in one
// piece. It does what it can and joins the errors.
func (b *Broker) PublishAll(messages []mqtt.Message) error {
	var errs []error
	for i := range messages {
		if err := b.publish(messages[i].Topic, messages[i].Payload, messages[i].Retain); err != nil {
			errs = append(errs, err)
		}
	}
	b.flush()
	return errors.Join(errs...)
}

func (b *Broker) publish(topic string, payload []byte, retain bool) error {
	if err := checkPublish(topic, payload); err != nil {
		return err
	}
	if !retain {
		return b.route(topic, payload, false)
	}
	mu := &b.topics[maphash.String(b.seed, topic)%stripes]
	mu.Lock()
	defer mu.Unlock()
	if !b.retained.own(topic, payload) {
		return nil
	}
	return b.route(topic, payload, true)
}

// route sends to subscribers. A client that comes now is a member before it
// subscribes, and then finds the value that was retained before.
func (b *Broker) route(topic string, payload []byte, retain bool) error {
	if !b.guards.fanout {
		return b.inject(topic, payload, retain)
	}
	b.fanOut(&delivery{topic: topic, payload: payload, retain: retain})
	return nil
}

func checkPublish(topic string, payload []byte) error {
	if err := mqtt.ValidTopic(topic); err != nil {
		return err
	}
	if strings.HasPrefix(topic, "$") {
		return fault.New(fault.Invalid, "topic %.64q starts with '$', which only brokers may use", topic)
	}
	if len(payload) > mqtt.MaxPayload {
		return fault.New(fault.Invalid, "payload of %.64q has %d bytes, at most %d are allowed", topic, len(payload), mqtt.MaxPayload)
	}
	return nil
}

func (b *Broker) inject(topic string, payload []byte, retain bool) error {
	if err := b.server.Publish(topic, payload, retain, 0); err != nil {
		return fault.New(fault.Internal, "publish to %.64q: %w", topic, err)
	}
	return nil
}

// Clear removes retained values and tells subscribers by an empty payload.
// A topic that has none is left alone.
func (b *Broker) Clear(topics ...string) error {
	for _, t := range topics {
		if err := b.Publish(t, nil, true); err != nil {
			return err
		}
	}
	return nil
}

// Resend does nothing: every retained value is held here.
func (b *Broker) Resend() {}

// Subscribe calls fn for messages of clients that match filter, those that they
// have retained first. Messages of Publish are not among them.
func (b *Broker) Subscribe(filter string, fn func(mqtt.Message)) (stop func(), err error) {
	if err := mqtt.ValidFilter(filter); err != nil {
		return nil, err
	}
	s := &subscription{filter: filter, fn: fn, dropped: &b.dropped}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.changeSubscriptions(func(list []*subscription) []*subscription { return append(list, s) })
	s.pushLocked(b.retained.ofClients(filter)...)
	return sync.OnceFunc(func() {
		b.changeSubscriptions(func(list []*subscription) []*subscription {
			return slices.DeleteFunc(list, func(o *subscription) bool { return o == s })
		})
		s.stop()
	}), nil
}

func (b *Broker) changeSubscriptions(change func([]*subscription) []*subscription) {
	b.subsMu.Lock()
	defer b.subsMu.Unlock()
	var list []*subscription
	if old := b.subs.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = change(list)
	b.subs.Store(&list)
}

// dispatch hands a client's message to the subscribers in this process.
func (b *Broker) dispatch(c *conn, pk packets.Packet) {
	list := b.subs.Load()
	if list == nil {
		return
	}
	m := mqtt.Message{Topic: pk.TopicName, Payload: pk.Payload, Client: pk.Origin}
	if c != nil {
		m.User, m.Client = c.grant.Name, c.client.ID
	}
	for _, s := range *list {
		if mqtt.Match(s.filter, pk.TopicName) {
			s.push(m)
		}
	}
}

// Deliver sends to one client only, in order with what it is sent otherwise.
// fault.NotFound: it is not connected, or did not subscribe to the topic.
func (b *Broker) Deliver(client, topic string, payload []byte) error {
	if err := checkPublish(topic, payload); err != nil {
		return err
	}
	c := b.sessionConn(client)
	if c == nil {
		return fault.New(fault.NotFound, "client %.64q is not connected", client)
	}
	m, ok := c.matches(topic, nil)
	if !ok {
		return fault.New(fault.NotFound, "client %.64q did not subscribe to %.64q", client, topic)
	}
	c.put(&delivery{topic: topic, payload: payload}, m)
	c.out.flush()
	return nil
}

// Sessions are the clients that are connected now, by client id.
func (b *Broker) Sessions() []Session {
	b.mu.Lock()
	conns := make([]*conn, 0, len(b.sessions))
	for _, c := range b.sessions {
		conns = append(conns, c)
	}
	b.mu.Unlock()
	list := make([]Session, len(conns))
	for i, c := range conns {
		list[i] = c.session()
	}
	slices.SortFunc(list, func(x, y Session) int { return strings.Compare(x.Client, y.Client) })
	return list
}

func (b *Broker) sessionConn(client string) *conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions[client]
}

// Kick ends a session; an MQTT 5 client is told so. fault.NotFound: no such client.
func (b *Broker) Kick(client, reason string) error {
	c := b.sessionConn(client)
	if c == nil {
		return fault.New(fault.NotFound, "client %.64q is not connected", client)
	}
	b.log.Info("client is disconnected", "client", client, "user", c.grant.Name, "reason", reason)
	b.end(c, packets.ErrAdministrativeAction, true)
	return nil
}

// Stats are the counters.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	clients := len(b.sessions)
	b.mu.Unlock()
	return Stats{
		Clients: clients, Retained: b.retained.len(), Dropped: b.dropped.Load(), Takeovers: b.takeovers.Load(),
		Refused: b.refused.Load(), Denied: b.denied.Load(), Panics: b.panics.Load(),
	}
}
