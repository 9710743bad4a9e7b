package broker

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	// lingerTime and lingerBytes bound what is read after our last packet, so
	// that the peer can read it instead of a reset.
	lingerTime  = 300 * time.Millisecond
	lingerBytes = 64 << 10
)

// conn is a client's connection as the library sees it. What the library writes
// goes to the outbox, which waits for nobody; pump writes it, bounds each write and
// closes on the first failed one. It also keeps what we know of the client.
type conn struct {
	net.Conn          // plain, TLS or WebSocket
	raw      net.Conn // the socket below
	in       *bufio.Reader
	replies  bool // TLS and WebSocket also write while they read
	listener string
	timeout  time.Duration
	split    bool // guard of T13: deadlines of the two directions are apart

	ending   atomic.Bool // end was called
	draining atomic.Bool // our DISCONNECT is queued: nothing more is read
	linger   atomic.Bool
	closing  sync.Once
	done     chan struct{} // closed when the library has let go of the client
	turn     uint64        // in which order that happened; written before done is closed
	pumped   chan struct{} // closed when pump has ended
	log      *slog.Logger

	out     *outbox
	direct  bool // the library's own queue is used instead: only without the guard
	filters filters

	// The login; written on the client's goroutine before it is known to others.
	client      *mochi.Client
	grant       Grant
	since       time.Time
	established bool
	release     func() // gives the place before login back; may be called twice
	unlock      func() // frees the client id; may be called twice
	emptyWill   bool
	retainWill  bool
	replays     []replay // between a SUBSCRIBE and its end

	total           *atomic.Uint64 // the broker's count of dropped messages
	dropped, denied atomic.Uint64
	reported        atomic.Int64 // when a refused write was last logged, unix seconds
}

// Read takes bytes from the peer, none after our DISCONNECT.
func (c *conn) Read(p []byte) (int, error) {
	if c.draining.Load() {
		return 0, io.EOF
	}
	return c.in.Read(p)
}

// oversized looks at the head of the first packet before the library makes room
// for its body. A client of MQTT 5 is told that it is too large; the answer is
// whether to go on.
func (c *conn) oversized(limit int) bool {
	b, err := c.in.Peek(1)
	if err != nil || b[0] != packets.Connect<<4 {
		return false
	}
	length, at := 0, 1
	for ; at < 5; at++ {
		if b, err = c.in.Peek(at + 1); err != nil {
			return false
		}
		length |= int(b[at]&0x7f) << (7 * (at - 1))
		if b[at]&0x80 == 0 {
			break
		}
	}
	if at == 5 || length <= limit { // five bytes are malformed: the library's answer
		return false
	}
	_ = c.raw.SetReadDeadline(time.Now().Add(lingerTime))
	const name = 7 // length, "MQTT" and the version
	if b, err = c.in.Peek(at + 1 + name); err == nil && b[at+name] == 5 {
		c.linger.Store(true)
		_, _ = c.Write([]byte{packets.Connack << 4, 3, 0, packets.ErrPacketTooLarge.Code, 0})
	}
	return true
}

// Write queues whole packets of the library. A client with too much waiting is
// closed: it must not hold up its own mutex.
func (c *conn) Write(p []byte) (int, error) {
	if c.direct {
		return c.send(p)
	}
	if !c.out.add(p) {
		c.abort()
		return 0, net.ErrClosed
	}
	return len(p), nil
}

// pump writes what is queued until the connection is over. It closes on the first
// error: a client that was sent half a packet is lost.
func (c *conn) pump() {
	defer close(c.pumped)
	for {
		p := c.out.next()
		if p == nil {
			return
		}
		for part := range slices.Chunk(p, writeSize) {
			if _, err := c.send(part); err != nil {
				c.abort()
				return
			}
		}
		c.out.written(p)
	}
}

// send writes within the time limit, else closes.
func (c *conn) send(p []byte) (int, error) {
	if !c.split {
		return c.Conn.Write(p)
	}
	_ = c.raw.SetWriteDeadline(time.Now().Add(c.timeout))
	n, err := c.Conn.Write(p)
	if err != nil {
		c.abort()
		return n, err
	}
	if c.replies {
		_ = c.raw.SetWriteDeadline(time.Time{})
	}
	return n, nil
}

// SetDeadline is how the library renews the keepalive before each packet. Only
// reading is meant: a client that talks but does not listen must still be cut.
func (c *conn) SetDeadline(t time.Time) error {
	if !c.split {
		return c.Conn.SetDeadline(t)
	}
	return c.raw.SetReadDeadline(t)
}

// Close ends the connection; after a last packet it gives the peer a moment to read it.
func (c *conn) Close() error {
	var err error
	c.closing.Do(func() {
		c.out.settle(lingerTime)
		if c.linger.Load() {
			c.lingerOn()
		}
		_ = c.raw.SetWriteDeadline(time.Now().Add(lingerTime))
		err = c.Conn.Close()
		_ = c.raw.Close()
	})
	return err
}

func (c *conn) lingerOn() {
	_ = c.raw.SetDeadline(time.Now().Add(lingerTime))
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c.raw, lingerBytes))
}

// abort closes the socket at once, whatever else is going on.
func (c *conn) abort() {
	c.linger.Store(false)
	_ = c.raw.Close()
	c.out.end()
}

// session is the connection in plain values.
func (c *conn) session() Session {
	return Session{
		Client: c.client.ID, User: c.grant.Name, Remote: c.client.Net.Remote, Listener: c.listener,
		Protocol: c.client.Properties.ProtocolVersion, Since: c.since,
		Keepalive:     time.Duration(c.client.State.Keepalive) * time.Second,
		Subscriptions: c.client.State.Subscriptions.Len(),
		Dropped:       c.dropped.Load(), Denied: c.denied.Load(),
	}
}

// connOf is our connection of a client of the library; nil for our own inline one.
func connOf(cl *mochi.Client) *conn {
	c, _ := cl.Net.Conn.(*conn)
	return c
}
