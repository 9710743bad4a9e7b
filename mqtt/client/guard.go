package client

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
)

// The packet types that matter here, MQTT 3.1.1 §2.2.1.
const (
	packetConnack     = 2
	packetPublish     = 3
	packetPuback      = 4
	packetSubscribe   = 8
	packetSuback      = 9
	packetUnsubscribe = 10
	packetUnsuback    = 11
	packetPingresp    = 13
	packetGoodbye     = 14
)

// readBuffer is what one read of the socket takes: a small report with its
// header in one go. Larger bodies bypass the buffer.
const readBuffer = 2048

// guard is a connection whose incoming frames are checked before the library
// sees them, and whose writes have a deadline that nobody can extend.
type guard struct {
	net.Conn
	in *bufio.Reader

	maxPacket int
	filters   int  // the most return codes a SUBACK may carry
	skip      bool // leave out messages that are too large instead of ending the link
	write     time.Duration
	failed    func(error) // told of the first failure that is not our own Close

	// Of the frame that is being read; the library reads from one goroutine at a time.
	head    []byte // header bytes not yet handed over
	rest    int    // body bytes not yet handed over
	greeted bool
	err     error

	// asked is which acknowledgement each packet id waits for.
	mu    sync.Mutex
	asked map[uint16]byte

	once   sync.Once
	closed chan struct{}
}

func newGuard(conn net.Conn, o linkOptions, failed func(error)) *guard {
	return &guard{
		Conn: conn, in: bufio.NewReaderSize(conn, readBuffer),
		maxPacket: o.MaxPacket, filters: max(1, len(o.Subscribe)), skip: o.skipLarge,
		write: o.WriteTimeout, failed: failed, closed: make(chan struct{}),
		asked: make(map[uint16]byte),
	}
}

// Read hands over the header and the body of frames that were found good.
func (g *guard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for g.err == nil && len(g.head) == 0 && g.rest == 0 {
		g.err = g.nextFrame()
	}
	if len(g.head) > 0 {
		n := copy(p, g.head)
		g.head = g.head[n:]
		return n, nil
	}
	if g.err != nil {
		return 0, g.fail(g.err)
	}
	n, err := g.in.Read(p[:min(len(p), g.rest)])
	g.rest -= n
	if err != nil {
		g.err = err
		return n, g.fail(err)
	}
	return n, nil
}

// nextFrame reads and judges one fixed header. For packets whose first bytes
// matter too it looks ahead without consuming them.
func (g *guard) nextFrame() error {
	first, err := g.in.ReadByte()
	if err != nil {
		return err
	}
	g.head = append(g.head[:0], first)
	length, shift := 0, 0
	for {
		b, err := g.in.ReadByte()
		if err != nil {
			g.head = nil
			return err
		}
		g.head = append(g.head, b)
		length |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		if shift += 7; shift > 21 {
			g.head = nil
			return fault.New(fault.Invalid, "packet has a malformed length")
		}
	}
	if g.skip && g.greeted && first>>4 == packetPublish && len(g.head)+length > g.maxPacket {
		g.head = nil
		return g.discard(length)
	}
	if err := g.judge(first, length); err != nil {
		g.head = nil
		return err
	}
	if kind := first >> 4; kind == packetPuback || kind == packetSuback || kind == packetUnsuback {
		wanted, err := g.wanted(kind)
		if err != nil || !wanted {
			g.head = nil
			return errors.Join(err, g.discard(length))
		}
	}
	g.rest = length
	return nil
}

func (g *guard) discard(length int) error {
	_, err := g.in.Discard(length)
	return err
}

// wanted tells whether the acknowledgement that follows answers a packet that
// was written whole and not answered yet. The library must not see others: one
// that arrives while its packet fails to be written completes it twice at
// once, which ends the process. They are left out.
func (g *guard) wanted(kind byte) (bool, error) {
	b, err := g.in.Peek(2)
	if err != nil {
		return false, err
	}
	id := binary.BigEndian.Uint16(b)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked[id] != kind {
		return false, nil
	}
	delete(g.asked, id)
	return true, nil
}

// asks tells which acknowledgement a packet waits for, or 0. The library
// writes each packet in one piece.
func asks(p []byte) (kind byte, id uint16) {
	_, n := binary.Uvarint(p[1:])
	body := p[1+max(n, 0):]
	switch p[0] >> 4 {
	case packetSubscribe:
		kind = packetSuback
	case packetUnsubscribe:
		kind = packetUnsuback
	case packetPublish:
		if p[0]&0x06 == 0 || len(body) < 2 {
			return 0, 0
		}
		kind, body = packetPuback, body[min(2+int(binary.BigEndian.Uint16(body)), len(body)):]
	}
	if kind == 0 || len(body) < 2 {
		return 0, 0
	}
	return kind, binary.BigEndian.Uint16(body)
}

// judge refuses what the library would mishandle: bodies that do not fit their
// type, more return codes than filters, deliveries at a QoS nobody asked for
// (the library keeps those until somebody completes them).
func (g *guard) judge(first byte, length int) error {
	kind := first >> 4
	if len(g.head)+length > g.maxPacket {
		return fault.New(fault.Invalid, "packet of %d bytes, at most %d are accepted", len(g.head)+length, g.maxPacket)
	}
	if g.greeted == (kind == packetConnack) {
		return fault.New(fault.Invalid, "packet of type %d out of place", kind)
	}
	fits := false
	switch kind {
	case packetConnack:
		g.greeted, fits = true, length == 2 && g.knownCode()
	case packetPublish:
		fits = first&0x06 == 0 && length >= 3
	case packetPuback, packetUnsuback:
		fits = length == 2
	case packetSuback:
		fits = length >= 3 && length <= 2+g.filters
	case packetPingresp:
		fits = length == 0
	}
	if kind == packetGoodbye {
		return fault.New(fault.Offline, "the peer ended the session")
	}
	if !fits {
		return fault.New(fault.Invalid, "malformed packet of type %d with %d bytes", kind, length)
	}
	return nil
}

// knownCode tells whether the return code of the CONNACK that follows is one
// of the standard's; the library takes others for success.
func (g *guard) knownCode() bool {
	b, err := g.in.Peek(2)
	return err == nil && b[1] <= 5
}

// Write writes a packet. While one that is to be acknowledged is written, its
// acknowledgement waits.
func (g *guard) Write(p []byte) (int, error) {
	if len(p) < 2 {
		return g.writeInTime(p)
	}
	kind, id := asks(p)
	if kind == 0 {
		return g.writeInTime(p)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n, err := g.writeInTime(p)
	if err == nil {
		g.asked[id] = kind
	}
	return n, err
}

// writeInTime writes within the deadline or closes the connection: half a
// packet cannot be mended.
func (g *guard) writeInTime(p []byte) (int, error) {
	if err := g.Conn.SetWriteDeadline(time.Now().Add(g.write)); err != nil {
		return 0, g.fail(err)
	}
	n, err := g.Conn.Write(p)
	if err != nil {
		return n, g.fail(err)
	}
	return n, nil
}

// SetDeadline sets the deadline of reads: that of writes is ours.
func (g *guard) SetDeadline(t time.Time) error { return g.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing: each write has its own deadline.
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

// Close closes the connection; failures after it are expected and not told.
func (g *guard) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Conn.Close()
}

// fail closes the connection and tells why, unless it was closed on purpose.
func (g *guard) fail(err error) error {
	select {
	case <-g.closed:
	default:
		if g.failed != nil {
			g.failed(err)
		}
		_ = g.Close()
	}
	return err
}
