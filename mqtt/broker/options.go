package broker

import (
	"crypto/tls"
	"log/slog"
	"math"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// Listener is one address that clients connect to.
type Listener struct {
	// Network is "tcp", "tls", "ws" or "wss".
	Network string
	// Address is host:port; port 0 takes a free one.
	Address string
	// TLS is needed for "tls" and "wss".
	TLS *tls.Config
}

// Login is what a client shows when it connects.
type Login struct {
	User     string
	Password secret.Text
	// Client is the client id, Remote its address, Listener "tcp 127.0.0.1:1883".
	Client, Remote, Listener string
}

// Grant is what a login may do. It is immutable and kept on the connection:
// to revoke a right, answer differently at the next login and Kick the client.
type Grant struct {
	// Name is who it is, for logs, limits and the binding of client ids.
	Name string
	// Read is asked with the filter when a client subscribes and with the topic
	// at each delivery. It must not block and should not allocate.
	Read func(topic string) bool
	// Write is asked for each publish and for the will.
	Write func(topic string) bool
}

// Gate decides about logins.
type Gate interface {
	// Login answers with the rights. fault.Denied: wrong credentials, which a
	// client takes as final. Any other kind: come again later.
	Login(Login) (Grant, error)
}

// RetainedStore keeps the retained messages of clients over a restart.
type RetainedStore interface {
	// Value is one record; fault.NotFound if there is none.
	Value(key string) ([]byte, error)
	// Values are all records whose key starts with prefix.
	Values(prefix string) (map[string][]byte, error)
	// Put writes all pairs in one transaction; a nil value deletes.
	Put(pairs map[string][]byte) error
}

// defaultPacket is a payload of 256 KiB with some room for its topic.
const defaultPacket = 256<<10 + 2<<10

// Options are the settings of a Broker. The zero value of a field takes its default.
type Options struct {
	Listeners []Listener
	// Gate decides about logins; without one every login is refused.
	Gate Gate
	// Log is where the broker reports; nil reports nothing.
	Log *slog.Logger
	// Now is the time; nil is time.Now.
	Now func() time.Time

	// MaxPacket is the largest packet taken from a client (256 KiB and some
	// room for its topic). A CONNECT never has more than that default: whoever
	// sends it is not known yet.
	MaxPacket int
	// MaxClients is how many may be connected (256).
	MaxClients int
	// PerAddress is how many connections of one address may be without login (16).
	PerAddress int
	// MaxQoS, if set, is the highest quality of service of publishes. At 0 a
	// publish at QoS 1 is never acknowledged, which is how some devices behave.
	// Subscribers are always granted QoS 0.
	MaxQoS *byte
	// Backlog is how many bytes may wait for one client (16 MiB, and at least two
	// packets of the largest size). A client with more loses messages, or is cut off.
	Backlog int

	// ConnectTimeout bounds the time from accept to a complete CONNECT (8 s).
	ConnectTimeout time.Duration
	// WriteTimeout bounds each write; a client that does not read is closed (5 s).
	WriteTimeout time.Duration
	// RefuseDelay is how long a wrong login waits for its answer (500 ms; negative: none).
	RefuseDelay time.Duration
	// StopTimeout bounds the end of Run (3 s).
	StopTimeout time.Duration
	// parting bounds the farewell to a client that we end (100 ms), grace when a
	// new connection waits for that (20 ms). Tests that want to see it are patient.
	parting, grace time.Duration

	// NoRetain tells topics where a retained publish is acknowledged and
	// dropped, such as commands. Nil: none.
	NoRetain func(topic string) bool
	// Retained keeps the retained messages of clients; nil keeps them in memory
	// only. Those of Publish are never stored.
	Retained RetainedStore
	// RetainedTopics and RetainedBytes limit what one user may have retained
	// (2,000 topics, 8 MiB). Publish is exempt.
	RetainedTopics, RetainedBytes int

	// OnSession is told of logins (true) and losses (false), in order for each
	// client id. It must not block.
	OnSession func(Session, bool)
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("component", "mqtt/broker")
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		field *int
		value int
	}{
		{&o.MaxPacket, defaultPacket}, {&o.MaxClients, 256}, {&o.PerAddress, 16}, {&o.Backlog, 16 << 20},
		{&o.RetainedTopics, 2000}, {&o.RetainedBytes, 8 << 20},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.ConnectTimeout, 8 * time.Second}, {&o.WriteTimeout, 5 * time.Second},
		{&o.RefuseDelay, 500 * time.Millisecond}, {&o.StopTimeout, 3 * time.Second},
		{&o.parting, 100 * time.Millisecond}, {&o.grace, 20 * time.Millisecond},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return o
}

// check tells the first option that does not fit.
func (o Options) check() error {
	for i, l := range o.Listeners {
		switch l.Network {
		case "tcp", "ws":
		case "tls", "wss":
			if l.TLS == nil {
				return fault.New(fault.Invalid, "listener %d: network %s needs a certificate", i, l.Network).At("Listeners")
			}
		default:
			return fault.New(fault.Invalid, "listener %d: network is %q, expected tcp, tls, ws or wss", i, l.Network).At("Listeners")
		}
	}
	for _, f := range []struct {
		name       string
		value, max int
	}{
		{"MaxPacket", o.MaxPacket, 256 << 20}, {"MaxClients", o.MaxClients, math.MaxInt32}, {"PerAddress", o.PerAddress, math.MaxInt32},
		{"Backlog", o.Backlog, 1 << 30}, {"RetainedTopics", o.RetainedTopics, math.MaxInt32}, {"RetainedBytes", o.RetainedBytes, math.MaxInt32},
	} {
		if f.value < 1 || f.value > f.max {
			return fault.New(fault.Invalid, "is %d, expected 1 to %d", f.value, f.max).At(f.name)
		}
	}
	if o.MaxQoS != nil && *o.MaxQoS > 2 {
		return fault.New(fault.Invalid, "is %d, expected 0, 1 or 2", *o.MaxQoS).At("MaxQoS")
	}
	return nil
}
