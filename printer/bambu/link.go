package bambu

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/secret"
)

// conn is the MQTT connection below a link.
type conn interface {
	Publish(ctx context.Context, topic string, payload []byte, qos byte) error
	Lost() <-chan struct{}
	Err() error
	Close()
}

// target is what a connection is opened to.
type target struct {
	Address, User, ClientID string
	Password                secret.Text
	TLS                     *tls.Config
	Subscribe               string
	OnMessage               func(payload []byte)
	// OnLarge is told of the size of a message that was left out.
	OnLarge func(size int)
}

// dialFunc opens a connection, subscribed. fault.Denied: the login was refused,
// or with client.ErrSubscription in the chain the subscription.
type dialFunc func(ctx context.Context, t target) (conn, error)

// dialMQTT is the real dialFunc.
func dialMQTT(ctx context.Context, t target) (conn, error) {
	l, err := client.Dial(ctx, client.LinkOptions{
		Address: t.Address, TLS: t.TLS, User: t.User, Password: t.Password, ClientID: t.ClientID,
		Subscribe: []string{t.Subscribe}, MaxPacket: maxReport,
		OnMessage: func(_ string, payload []byte) { t.OnMessage(payload) }, OnLarge: t.OnLarge,
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

const (
	// inboxSize is how many payloads may wait: about a minute of a busy printer.
	inboxSize = 64
	// outboxSize is how many of our own questions may wait to be sent.
	outboxSize = 8
	// confirmTime is how long a confirmation takes at most, where one comes.
	confirmTime = 2 * time.Second
	// publishTime bounds the sending of one payload.
	publishTime = 6 * time.Second
)

// link is one connection to the printer with its two queues. It is never used
// again after it was lost: the next one is a new client with a new id, so that
// no old command can be sent again.
type link struct {
	conn    conn
	request string
	// inbox are the payloads; nil stands for one that was too large to be taken.
	inbox chan []byte
	// large is the size of the last one of these, 0 for none since it was looked at.
	large atomic.Int64
	// overflow: payloads were dropped because the inbox was full.
	overflow atomic.Bool
	// mute: the printer does not confirm what is published at QoS 1.
	mute atomic.Bool

	// mu guards what follows: our own questions that wait to be sent, and
	// whether somebody is sending them, who is waited for by sends.
	mu              sync.Mutex
	outbox          [][]byte
	sending, closed bool
	sends           sync.WaitGroup
}

// open connects. It may take as long as ctx allows.
func open(ctx context.Context, dial dialFunc, t target, serial string) (*link, error) {
	l := &link{
		request: "device/" + serial + "/request",
		inbox:   make(chan []byte, inboxSize),
	}
	t.Subscribe = "device/" + serial + "/report"
	t.OnMessage, t.OnLarge = l.receive, l.tooLarge
	c, err := dial(ctx, t)
	if err != nil {
		return nil, err
	}
	l.conn = c
	return l, nil
}

// receive is called by the connection's reader, which must never wait. The
// payload is ours to keep.
func (l *link) receive(payload []byte) {
	select {
	case l.inbox <- payload:
	default:
		l.overflow.Store(true)
	}
}

// tooLarge is receive for a message that was left out: its size is all that is known.
func (l *link) tooLarge(size int) {
	l.large.Store(int64(size))
	l.receive(nil)
}

// send publishes the outbox, so that the driver's loop never waits for a socket.
func (l *link) send() {
	for {
		l.mu.Lock()
		if len(l.outbox) == 0 || l.closed {
			l.outbox, l.sending = nil, false
			l.mu.Unlock()
			return
		}
		payload := l.outbox[0]
		l.outbox = l.outbox[1:]
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), publishTime)
		_ = l.conn.Publish(ctx, l.request, payload, 0) // a lost link says so by itself
		cancel()
	}
}

// publish sends a part of a command, at QoS 1 unless the printer has left that
// unconfirmed before: waiting for it would only hold up the next part.
func (l *link) publish(ctx context.Context, payload []byte) error {
	qos := byte(1)
	if l.mute.Load() {
		qos = 0
	}
	began := time.Now()
	err := l.conn.Publish(ctx, l.request, payload, qos)
	if err == nil && time.Since(began) >= confirmTime {
		l.mute.Store(true)
	}
	return err
}

// ask queues one of the driver's own questions; a full queue drops it, because
// the watchdog asks again.
func (l *link) ask(payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.outbox) >= outboxSize {
		return
	}
	l.outbox = append(l.outbox, payload)
	if !l.sending {
		l.sending = true
		l.sends.Go(l.send) // owner: link; it ends when all is sent, and close waits
	}
}

// close ends the connection and waits for everything that used it.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.conn.Close()
	l.sends.Wait()
}
