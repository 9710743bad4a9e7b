package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/secret"
)

// ackWait is how long the acknowledgement of a publish is waited for. Some
// printers never send one, so its absence is no error.
const ackWait = 3 * time.Second

// closeWait bounds what is still written while a link is closed.
const closeWait = time.Second

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
	// OnLarge is told, like OnMessage, of the size of a message that is larger
	// than MaxPacket and was therefore left out. Without it such a message ends
	// the link, and with it one larger than 16 MB.
	OnLarge func(size int)
}

// linkOptions is a LinkOptions with what only a Bus needs.
type linkOptions struct {
	LinkOptions
	dial      func(ctx context.Context) (net.Conn, error)
	onMessage func(mqtt.Message)
	will      *Will
}

// Link is one connection to one peer. It ends once, by loss or by Close. It
// has one goroutine, which reads; who publishes writes, and a timer pings.
type Link struct {
	o    linkOptions
	conn net.Conn

	entry *question     // the login
	lost  chan struct{} // closed when err is set
	done  chan struct{} // closed when the reading goroutine has ended
	pings sync.WaitGroup
	close sync.Once

	// writing is held by who writes; it is a lock that can be waited for beside
	// other things.
	writing chan struct{}
	out     []byte // the packet that is written

	mu       sync.Mutex
	err      error
	patience time.Duration // of a write
	timer    *time.Timer   // of the next ping, or of its answer
	pinged   bool          // an answer to a ping is due
	nextID   uint16
	asked    map[uint16]*question // by packet id; entry has 0
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
	l := newLink(conn, o)
	go l.read() // owner: Close, which waits

	stop := context.AfterFunc(ctx, func() { l.fail(ctx.Err()) }) // owner: dialLink, which stops it or closes the link
	defer stop()
	if err := l.login(ctx, deadline); err != nil {
		l.fail(err)
		l.Close()
		return nil, err
	}
	l.keepAlive()
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

func newLink(conn net.Conn, o linkOptions) *Link {
	entry := newQuestion(packets.Connack)
	return &Link{
		o: o, conn: conn, patience: o.WriteTimeout, entry: entry,
		lost: make(chan struct{}), done: make(chan struct{}), writing: make(chan struct{}, 1),
		asked: map[uint16]*question{0: entry},
	}
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

// Publish sends a message at QoS 0 or 1, unretained. At QoS 1 it waits up to
// 3 s for the acknowledgement; none in that time is no error. fault.Offline:
// the link is lost, and whether the peer has the message is unknown.
func (l *Link) Publish(ctx context.Context, topic string, payload []byte, qos byte) error {
	if err := l.publish(ctx, topic, payload, min(qos, 1), false); err != nil && !errors.Is(err, errNoAnswer) {
		return fmt.Errorf("publishing to %s: %w", topic, err)
	}
	return nil
}

// Lost is closed when the link has ended.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Err is why the link ended, or nil while it stands.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// ErrClosed is why a link ended that its owner closed.
var ErrClosed = errors.New("link closed")

// ended is why nothing can be sent any more, or nil.
func (l *Link) ended() error {
	if err := l.Err(); err != nil {
		return fault.New(fault.Offline, "connection lost: %w", err)
	}
	return nil
}

// lose ends the link, for the first reason that is given; first tells whether
// this was it.
func (l *Link) lose(err error) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false
	}
	l.err = err
	if l.timer != nil {
		l.timer.Stop()
	}
	close(l.lost)
	return true
}

// fail ends the link and its connection without a goodbye.
func (l *Link) fail(err error) {
	l.lose(err)
	l.cut()
}

// cut closes the connection at once: the farewell of TLS would wait for a peer
// that does not read.
func (l *Link) cut() {
	conn := l.conn
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	_ = conn.Close()
}

// Close says goodbye, closes the connection and waits for the goroutines of
// the link. It may be called more than once, but not from OnMessage.
func (l *Link) Close() {
	l.close.Do(func() {
		if l.lose(ErrClosed) {
			l.hurry(closeWait)
			l.writing <- struct{}{} // who holds it is in a hurry
			l.out = append(l.out[:0], packets.Disconnect<<4, 0)
			_ = l.flush()
			<-l.writing
			_ = l.conn.Close()
		}
		l.cut()
		<-l.done
		l.pings.Wait()
	})
}
