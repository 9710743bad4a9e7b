package simulator

import (
	"bufio"
	"encoding/binary"
	"io"
	"time"

	"github.com/printwire/printwire/fault"
)

// MQTT 3.1.1 packet types, as in the first four bits of a packet.
const (
	packetConnect     = 1
	packetConnack     = 2
	packetPublish     = 3
	packetPuback      = 4
	packetSubscribe   = 8
	packetSuback      = 9
	packetUnsubscribe = 10
	packetUnsuback    = 11
	packetPingreq     = 12
	packetPingresp    = 13
	packetDisconnect  = 14
)

// Return codes of CONNACK.
const (
	connectAccepted    = 0
	connectBadProtocol = 1
	connectUnavailable = 3
	connectRefused     = 5
)

// maxRequest is the largest packet a printer takes from a client, in bytes.
const maxRequest = 256 << 10

// packet is one control packet: its type, its four flags and what follows the length.
type packet struct {
	kind, flags byte
	body        []byte
}

// login is what matters of a CONNECT packet.
type login struct {
	level                  byte
	client, user, password string
	keepAlive              time.Duration
}

// subscription is one filter of a SUBSCRIBE packet.
type subscription struct {
	filter string
	qos    byte
}

// publication is a PUBLISH packet of a client.
type publication struct {
	topic   string
	qos     byte
	id      uint16
	payload []byte
}

func malformed(what string) error {
	return fault.New(fault.Invalid, "malformed packet: %s", what)
}

// readPacket reads one packet. A length over maxRequest is an error.
func readPacket(r *bufio.Reader) (packet, error) {
	first, err := r.ReadByte()
	if err != nil {
		return packet{}, err
	}
	length, shift := 0, 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return packet{}, err
		}
		length |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
		if shift += 7; shift > 21 {
			return packet{}, malformed("length has more than four bytes")
		}
	}
	if length > maxRequest {
		return packet{}, fault.New(fault.Invalid, "packet has %d bytes, at most %d are taken", length, maxRequest)
	}
	p := packet{kind: first >> 4, flags: first & 0x0f, body: make([]byte, length)}
	_, err = io.ReadFull(r, p.body)
	return p, err
}

// cursor takes the fields of a packet's body apart; the first short read makes it bad.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) bytes(n int) []byte {
	if c.bad || n > len(c.rest) {
		c.bad = true
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) octet() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) word() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) text() string { return string(c.bytes(int(c.word()))) }

// parseConnect reads the body of CONNECT. A will is skipped: printers keep none.
func parseConnect(body []byte) (login, error) {
	c := &cursor{rest: body}
	name, l := c.text(), login{level: c.octet()}
	flags := c.octet()
	l.keepAlive = time.Duration(c.word()) * time.Second
	l.client = c.text()
	if flags&0x04 != 0 {
		c.text()
		c.text()
	}
	if flags&0x80 != 0 {
		l.user = c.text()
	}
	if flags&0x40 != 0 {
		l.password = c.text()
	}
	if c.bad || name != "MQTT" && name != "MQIsdp" {
		return login{}, malformed("connect")
	}
	return l, nil
}

// parseSubscribe reads the body of SUBSCRIBE.
func parseSubscribe(body []byte) (uint16, []subscription, error) {
	c := &cursor{rest: body}
	id := c.word()
	var subs []subscription
	for len(c.rest) > 0 && !c.bad {
		subs = append(subs, subscription{filter: c.text(), qos: c.octet()})
	}
	if c.bad || len(subs) == 0 {
		return 0, nil, malformed("subscribe")
	}
	return id, subs, nil
}

// parseUnsubscribe reads the body of UNSUBSCRIBE.
func parseUnsubscribe(body []byte) (uint16, []string, error) {
	c := &cursor{rest: body}
	id := c.word()
	var filters []string
	for len(c.rest) > 0 && !c.bad {
		filters = append(filters, c.text())
	}
	if c.bad || len(filters) == 0 {
		return 0, nil, malformed("unsubscribe")
	}
	return id, filters, nil
}

// parsePublish reads a PUBLISH packet. The payload is part of the body, not a copy.
func parsePublish(p packet) (publication, error) {
	c := &cursor{rest: p.body}
	m := publication{qos: p.flags >> 1 & 3, topic: c.text()}
	if m.qos > 0 {
		m.id = c.word()
	}
	m.payload = c.rest
	if c.bad || m.qos > 2 {
		return publication{}, malformed("publish")
	}
	return m, nil
}

func appendHeader(dst []byte, kind, flags byte, length int) []byte {
	dst = append(dst, kind<<4|flags)
	for {
		b := byte(length & 0x7f)
		if length >>= 7; length > 0 {
			dst = append(dst, b|0x80)
			continue
		}
		return append(dst, b)
	}
}

// appendPublish appends a PUBLISH packet at QoS 0.
func appendPublish(dst []byte, topic string, payload []byte) []byte {
	dst = appendHeader(dst, packetPublish, 0, 2+len(topic)+len(payload))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(topic)))
	dst = append(dst, topic...)
	return append(dst, payload...)
}

// connack is a CONNACK packet without a session.
func connack(code byte) []byte { return []byte{packetConnack << 4, 2, 0, code} }

// reply is a packet that consists of an id and, for SUBACK, granted levels.
func reply(kind byte, id uint16, granted ...byte) []byte {
	dst := appendHeader(nil, kind, 0, 2+len(granted))
	dst = binary.BigEndian.AppendUint16(dst, id)
	return append(dst, granted...)
}
