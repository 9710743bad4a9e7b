package client

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

// What one read takes: small messages with their headers in one go. Larger
// bodies bypass the buffer. TLS and WebSockets have a buffer of their own, so
// that reading from them is cheap.
const (
	readBuffer  = 512
	plainBuffer = 4 << 10
)

func bufferFor(conn net.Conn) int {
	if _, plain := conn.(*net.TCPConn); plain {
		return plainBuffer
	}
	return readBuffer
}

// mostSkipped is the largest message that is read only to be left out.
const mostSkipped = 16 << 20

// frame is the fixed header of one packet.
type frame struct {
	kind   byte // packets.Connack and so on
	flags  byte
	length int // of the body
	size   int // of the whole packet
}

func readFrame(in *bufio.Reader) (frame, error) {
	first, err := in.ReadByte()
	if err != nil {
		return frame{}, err
	}
	f := frame{kind: first >> 4, flags: first & 0x0f}
	for shift := 0; shift <= 21; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return f, cutOff(err)
		}
		f.length |= int(b&0x7f) << shift
		if b < 0x80 {
			f.size = 2 + shift/7 + f.length
			return f, nil
		}
	}
	return f, fault.New(fault.Invalid, "packet has a malformed length")
}

// cutOff is the error of an end in the middle of a packet.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// reader is what the reading goroutine of a link knows.
type reader struct {
	*Link
	in      *bufio.Reader
	greeted bool   // the CONNACK has come
	filters int    // the most return codes a SUBACK may carry
	topic   string // of the last message: most messages of a printer have the same
}

// read takes packets until the link ends. The peer is not trusted: each packet
// is judged by its header, before anything is allocated for it.
func (l *Link) read() {
	defer close(l.done)
	r := reader{Link: l, in: bufio.NewReaderSize(l.conn, bufferFor(l.conn)), filters: max(1, len(l.o.Subscribe))}
	for {
		f, err := readFrame(r.in)
		if err == nil {
			err = r.take(f)
		}
		if err != nil {
			l.fail(err)
			return
		}
	}
}

// take reads the body of a packet and does what it asks for.
func (r *reader) take(f frame) error {
	switch {
	case r.greeted == (f.kind == packets.Connack):
		return fault.New(fault.Invalid, "packet of type %d out of place", f.kind)
	case f.size > r.o.MaxPacket:
		return r.skip(f)
	case f.kind == packets.Disconnect:
		return fault.New(fault.Offline, "the peer ended the session")
	case !r.fits(f):
		return malformed(f)
	}
	body := make([]byte, f.length)
	if _, err := io.ReadFull(r.in, body); err != nil {
		return cutOff(err)
	}
	switch f.kind {
	case packets.Publish:
		return r.message(f, body)
	case packets.Pingresp:
		r.pong()
		return nil
	}
	return r.answered(f, body)
}

func malformed(f frame) error {
	return fault.New(fault.Invalid, "malformed packet of type %d with %d bytes", f.kind, f.length)
}

// fits tells whether a body of that length can belong to the type of packet.
// Deliveries at QoS 2 are none that we asked for.
func (r *reader) fits(f frame) bool {
	switch f.kind {
	case packets.Connack, packets.Puback, packets.Unsuback:
		return f.length == 2
	case packets.Publish:
		return f.flags>>1&3 <= 1 && f.length >= 3
	case packets.Suback:
		return f.length >= 3 && f.length <= 2+r.filters
	case packets.Pingresp:
		return f.length == 0
	}
	return false
}

// skip leaves out a message that is too large, where somebody wants to be told
// of it; otherwise it ends the link.
func (r *reader) skip(f frame) error {
	if f.kind != packets.Publish || r.o.OnLarge == nil || f.size > mostSkipped {
		return fault.New(fault.Invalid, "packet of %d bytes, at most %d are accepted", f.size, r.o.MaxPacket)
	}
	r.o.OnLarge(f.size)
	_, err := r.in.Discard(f.length)
	return cutOff(err)
}

// message hands over a PUBLISH. Its payload is the rest of the body, which is
// nobody else's.
func (r *reader) message(f frame, body []byte) error {
	topic, rest, ok := field(body)
	if !ok || len(topic) == 0 {
		return malformed(f)
	}
	var id uint16
	if qos := f.flags >> 1 & 3; qos > 0 {
		if len(rest) < 2 || binary.BigEndian.Uint16(rest) == 0 {
			return malformed(f)
		}
		id, rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	if string(topic) != r.topic {
		r.topic = string(topic)
	}
	if r.o.onMessage != nil {
		r.o.onMessage(mqtt.Message{Topic: r.topic, Payload: rest, Retain: f.flags&1 != 0})
	}
	if id == 0 {
		return nil
	}
	return r.acknowledge(id)
}

// field splits off a field that begins with its length.
func field(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b)-2 < n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// answered hands the answer to who asked. One that nobody waits for is left out.
func (r *reader) answered(f frame, body []byte) error {
	p, err := packets.NewControlPacketWithHeader(packets.FixedHeader{MessageType: f.kind, RemainingLength: f.length})
	if err == nil {
		err = p.Unpack(bytes.NewReader(body))
	}
	if err != nil {
		return malformed(f)
	}
	var codes []byte
	switch p := p.(type) {
	case *packets.ConnackPacket:
		if p.ReturnCode > packets.ErrRefusedNotAuthorised {
			return malformed(f)
		}
		codes, r.greeted = []byte{p.ReturnCode}, true
	case *packets.SubackPacket:
		codes = p.ReturnCodes
	}
	id := p.Details().MessageID
	r.mu.Lock()
	defer r.mu.Unlock()
	if q := r.asked[id]; q != nil && q.kind == f.kind {
		q.codes = codes
		delete(r.asked, id)
		close(q.done)
	}
	return nil
}
