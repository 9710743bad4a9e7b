package client

import (
	"crypto/tls"
	"log/slog"
	"time"

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
	Log       *slog.Logger
	Now       func() time.Time // time.Now
	Random    func() float64   // math/rand/v2
	Link      LinkTimes
}

// LinkTimes are the patience of the connection; see LinkOptions for the defaults.
type LinkTimes struct {
	Keepalive, PingTimeout, ConnectTimeout, WriteTimeout time.Duration
}

var _ = mqtt.MaxPayload
