package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/secret"
)

// ackWait is how long the acknowledgement of a publish is waited for. Some
// printers never send one, so its absence is no error.
const ackWait = 3 * time.Second

// handWait is how long the library waits to hand a packet to its writer. One
// that has just ended takes none; one that is busy has a deadline by the guard.
const handWait = time.Second

// closeWait bounds Close: the library's workers end when the socket does.
const closeWait = 5 * time.Second

// LinkOptions says where a Link goes and how patient it is. Zero durations and
// sizes take the defaults named beside them.
type LinkOptions struct {
	// Address is host:port.
	Address string
	// TLS is used as it is when set; verification is the caller's choice.
	TLS      *tls.Config
	User     string
	Password secret.Text
	// ClientID must be unique among the clients of the peer.
	ClientID string

	Keepalive      time.Duration // 15 s
	PingTimeout    time.Duration // 5 s
	ConnectTimeout time.Duration // 8 s, for TCP, TLS and login together
	WriteTimeout   time.Duration // 5 s
	MaxPacket      int           // mqtt.MaxPayload, for the whole packet

	// Subscribe are filters that are subscribed before Dial returns.
	Subscribe []string
	// OnMessage is called on the reading goroutine, in order, from before Dial
	// returns until Close has returned. It must return at once and must not call
	// the Link; the payload is its own to keep.
	OnMessage func(topic string, payload []byte)
}

// linkOptions is a LinkOptions with what only a Bus needs.
type linkOptions struct {
	LinkOptions
	dial      func(ctx context.Context) (net.Conn, error)
	onMessage func(mqtt.Message)
	will      *Will
	skipLarge bool
}

// Link is one connection to one peer. It ends once, by loss or by Close.
type Link struct {
	client paho.Client
	conn   *guard
	write  time.Duration

	once sync.Once
	lost chan struct{}
	err  error // set before lost is closed

	close sync.Once
}

// ErrSubscription is in the chain of a fault.Denied that is about a
// subscription, not about the login.
var ErrSubscription = errors.New("subscription refused")

// Dial connects, logs in and subscribes. fault.Denied: the login or a
// subscription (ErrSubscription) was refused; fault.Offline: the peer cannot be reached or does
// not speak MQTT (a failed certificate check is in the chain of that error).
func Dial(ctx context.Context, o LinkOptions) (*Link, error) {
	full := linkOptions{LinkOptions: o}
	if o.OnMessage != nil {
		full.onMessage = func(m mqtt.Message) { o.OnMessage(m.Topic, m.Payload) }
	}
	full.dial = func(ctx context.Context) (net.Conn, error) { return dialTCP(ctx, o.Address, o.TLS) }
	l, err := dialLink(ctx, full)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", o.Address, err)
	}
	return l, nil
}

func dialLink(ctx context.Context, o linkOptions) (*Link, error) {
	o.LinkOptions = o.withDefaults()
	deadline := time.Now().Add(o.ConnectTimeout)
	dialCtx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := o.dial(dialCtx)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	l := &Link{lost: make(chan struct{}), write: o.WriteTimeout}
	l.conn = newGuard(conn, o, l.lose)
	l.client = paho.NewClient(pahoOptions(l, o, time.Until(deadline)))

	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() }) // owner: dialLink, which waits for the token below
	defer stop()
	if err := l.login(ctx); err != nil {
		_ = l.conn.Close()
		return nil, err
	}
	if err := l.subscribe(ctx, o.Subscribe...); err != nil {
		l.Close()
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (o LinkOptions) withDefaults() LinkOptions {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Keepalive, 15 * time.Second},
		{&o.PingTimeout, 5 * time.Second},
		{&o.ConnectTimeout, 8 * time.Second},
		{&o.WriteTimeout, 5 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.MaxPacket <= 0 {
		o.MaxPacket = mqtt.MaxPayload
	}
	return o
}

// pahoOptions turns off everything the library would do on its own.
func pahoOptions(l *Link, o linkOptions, connect time.Duration) *paho.ClientOptions {
	p := paho.NewClientOptions().
		AddBroker("tcp://guard.invalid"). // never dialled: the connection below is used
		SetCustomOpenConnectionFn(func(_ *url.URL, _ paho.ClientOptions) (net.Conn, error) { return l.conn, nil }).
		SetClientID(o.ClientID).
		SetUsername(o.User).
		SetPassword(o.Password.Reveal()).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetResumeSubs(false).
		SetOrderMatters(true).
		SetStore(paho.NewMemoryStore()).
		SetKeepAlive(o.Keepalive).
		SetPingTimeout(o.PingTimeout).
		SetConnectTimeout(max(connect, time.Millisecond)).
		SetWriteTimeout(min(o.WriteTimeout, handWait)).
		SetConnectionLostHandler(func(_ paho.Client, err error) { l.lose(err) }).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			if o.onMessage != nil {
				o.onMessage(mqtt.Message{Topic: m.Topic(), Payload: m.Payload(), Retain: m.Retained()})
			}
		})
	if o.will != nil {
		p.SetBinaryWill(o.will.Topic, o.will.Payload, 1, o.will.Retain)
	}
	return p
}

// login waits for the answer to CONNECT; the connection's deadline bounds it.
func (l *Link) login(ctx context.Context) error {
	t := l.client.Connect().(*paho.ConnectToken)
	<-t.Done()
	if t.Error() == nil {
		return nil
	}
	switch code := t.ReturnCode(); code {
	case 4, 5:
		return fault.New(fault.Denied, "login refused (code %d): %w", code, t.Error())
	case 1, 2, 3:
		return fault.New(fault.Offline, "connection refused (code %d): %w", code, t.Error())
	}
	select {
	case <-l.lost:
		return unreachable(ctx, l.err)
	default:
		return unreachable(ctx, t.Error())
	}
}

// subscribe asks for QoS 0: the session does not outlive the connection, and
// within it TCP loses nothing.
func (l *Link) subscribe(ctx context.Context, filters ...string) error {
	if len(filters) == 0 {
		return nil
	}
	if err := l.ended(); err != nil {
		return fmt.Errorf("subscribing to %q: %w", filters, err)
	}
	wanted := make(map[string]byte, len(filters))
	for _, f := range filters {
		wanted[f] = 0
	}
	t := l.client.SubscribeMultiple(wanted, nil).(*paho.SubscribeToken)
	if err := l.wait(ctx, t, l.write); err != nil {
		return fmt.Errorf("subscribing to %q: %w", filters, err)
	}
	granted := t.Result()
	for _, f := range filters {
		if code, ok := granted[f]; !ok || code > 2 {
			return fault.New(fault.Denied, "%w: %q", ErrSubscription, f)
		}
	}
	return nil
}

// errNoAnswer is an answer that did not come in time.
var errNoAnswer = fault.New(fault.Offline, "no answer in time")

// wait waits for a token, the end of the link, ctx or the limit.
func (l *Link) wait(ctx context.Context, t paho.Token, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.Done():
		return answer(ctx, t)
	case <-l.lost:
		select {
		case <-t.Done(): // the answer came before the end
			return answer(ctx, t)
		default:
		}
		return l.ended()
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errNoAnswer
	}
}

// ended is why nothing can be sent any more, or nil.
func (l *Link) ended() error {
	if err := l.Err(); err != nil {
		return fault.New(fault.Offline, "connection lost: %w", err)
	}
	return nil
}

// answer is the result of a token that is done.
func answer(ctx context.Context, t paho.Token) error {
	if err := t.Error(); err != nil {
		return unreachable(ctx, err)
	}
	return nil
}

// Publish sends a message at QoS 0 or 1, unretained. At QoS 1 it waits up to
// 3 s for the acknowledgement; none in that time is no error. fault.Offline:
// the link is lost, and whether the peer has the message is unknown.
func (l *Link) Publish(ctx context.Context, topic string, payload []byte, qos byte) error {
	if err := l.publish(ctx, topic, payload, min(qos, 1), false); err != nil && !errors.Is(err, errNoAnswer) {
		return fmt.Errorf("publishing to %s: %w", topic, err)
	}
	return nil
}

func (l *Link) publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	if err := mqtt.ValidTopic(topic); err != nil {
		return err
	}
	if err := l.ended(); err != nil {
		return err
	}
	limit := ackWait
	if qos == 0 {
		limit = l.write
	}
	return l.wait(ctx, l.client.Publish(topic, qos, retain, payload), limit)
}

// Lost is closed when the link has ended.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Err is why the link ended, or nil while it stands.
func (l *Link) Err() error {
	select {
	case <-l.lost:
		return l.err
	default:
		return nil
	}
}

// ErrClosed is why a link ended that its owner closed.
var ErrClosed = errors.New("link closed")

// lose ends the link. What the guard saw comes first; that the library found
// the connection closed is only an echo of it.
func (l *Link) lose(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.lost)
	})
}

// Close says goodbye, closes the connection and waits for the goroutines of
// the link. It may be called more than once, but not from OnMessage.
func (l *Link) Close() {
	l.close.Do(func() {
		l.lose(ErrClosed)
		_ = l.conn.Conn.SetReadDeadline(time.Now().Add(l.write))
		l.client.Disconnect(uint(closeWait / time.Millisecond))
		_ = l.conn.Close()
	})
}
