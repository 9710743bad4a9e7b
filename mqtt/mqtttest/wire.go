package mqtttest

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The packet types of MQTT, as the upper half of the first byte.
const (
	CONNECT     = 1
	CONNACK     = 2
	PUBLISH     = 3
	PUBACK      = 4
	PUBREC      = 5
	PUBREL      = 6
	PUBCOMP     = 7
	SUBSCRIBE   = 8
	SUBACK      = 9
	UNSUBSCRIBE = 10
	UNSUBACK    = 11
	PINGREQ     = 12
	PINGRESP    = 13
	DISCONNECT  = 14
)

// Packet is one packet of MQTT: its first byte and what follows the length.
type Packet struct {
	Head byte
	Body []byte
}

// Type is the packet's type.
func (p Packet) Type() byte { return p.Head >> 4 }

// String is the packet in hexadecimal, with spaces around the head.
func (p Packet) String() string {
	b := p.Body
	if len(b) > 48 {
		return fmt.Sprintf("%02x %x… (%d)", p.Head, b[:48], len(b))
	}
	return fmt.Sprintf("%02x %x", p.Head, b)
}

// Bytes is the packet as it is sent.
func (p Packet) Bytes() []byte {
	b := []byte{p.Head}
	n := len(p.Body)
	for {
		c := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			b = append(b, c|0x80)
			continue
		}
		return append(append(b, c), p.Body...)
	}
}

// ReadPacket reads one packet.
func ReadPacket(r io.Reader) (Packet, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Packet{}, err
	}
	p := Packet{Head: b[0]}
	n, shift := 0, 0
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return p, err
		}
		n |= int(b[0]&0x7f) << shift
		if b[0]&0x80 == 0 {
			break
		}
		if shift += 7; shift > 21 {
			return p, fmt.Errorf("remaining length of packet %02x has more than four bytes", p.Head)
		}
	}
	p.Body = make([]byte, n)
	_, err := io.ReadFull(r, p.Body)
	return p, err
}

// Text is a length-prefixed string or byte field.
func Text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// Properties are the properties of MQTT 5 with their length in front.
func Properties(props ...byte) []byte {
	n, b := len(props), []byte(nil)
	for n > 0x7f {
		b = append(b, byte(n&0x7f)|0x80)
		n >>= 7
	}
	return append(append(b, byte(n)), props...)
}

// Login is what goes into a CONNECT.
type Login struct {
	Version        byte // 4 unless set; 3 is sent as MQIsdp
	Client         string
	User, Password string // not sent when empty
	Persist        bool   // clean session or clean start off
	Keepalive      uint16
	Will           *Will
	Properties     []byte // of MQTT 5, without length
}

// Will is the message that a client leaves behind.
type Will struct {
	Topic, Payload string
	QoS            byte
	Retain         bool
	Properties     []byte
}

// Connect is the packet of a login.
func Connect(l Login) Packet {
	name := "MQTT"
	if l.Version == 0 {
		l.Version = 4
	}
	if l.Version == 3 {
		name = "MQIsdp"
	}
	var flags byte
	if !l.Persist {
		flags |= 2
	}
	if w := l.Will; w != nil {
		flags |= 4 | w.QoS<<3
		if w.Retain {
			flags |= 0x20
		}
	}
	if l.User != "" {
		flags |= 0x80
	}
	if l.Password != "" {
		flags |= 0x40
	}
	b := append(Text(name), l.Version, flags)
	b = binary.BigEndian.AppendUint16(b, l.Keepalive)
	if l.Version == 5 {
		b = append(b, Properties(l.Properties...)...)
	}
	b = append(b, Text(l.Client)...)
	if w := l.Will; w != nil {
		if l.Version == 5 {
			b = append(b, Properties(w.Properties...)...)
		}
		b = append(append(b, Text(w.Topic)...), Text(w.Payload)...)
	}
	if l.User != "" {
		b = append(b, Text(l.User)...)
	}
	if l.Password != "" {
		b = append(b, Text(l.Password)...)
	}
	return Packet{CONNECT << 4, b}
}

// Publish is a PUBLISH; flags are its DUP, QoS and RETAIN bits, id is left out at
// QoS 0. A version 5 client adds properties without length.
func Publish(version, flags byte, id uint16, topic, payload string, props ...byte) Packet {
	b := Text(topic)
	if flags&6 != 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	if version == 5 {
		b = append(b, Properties(props...)...)
	}
	return Packet{PUBLISH<<4 | flags, append(b, payload...)}
}

// Filter is one line of a SUBSCRIBE; its options are the QoS and, in MQTT 5, the
// bits of no local, retain as published and retain handling.
type Filter struct {
	Topic   string
	Options byte
}

// Subscribe is a SUBSCRIBE. Props are of MQTT 5, without length.
func Subscribe(version byte, id uint16, props []byte, filters ...Filter) Packet {
	b := binary.BigEndian.AppendUint16(nil, id)
	if version == 5 {
		b = append(b, Properties(props...)...)
	}
	for _, f := range filters {
		b = append(append(b, Text(f.Topic)...), f.Options)
	}
	return Packet{SUBSCRIBE<<4 | 2, b}
}

// Unsubscribe is an UNSUBSCRIBE.
func Unsubscribe(version byte, id uint16, filters ...string) Packet {
	b := binary.BigEndian.AppendUint16(nil, id)
	if version == 5 {
		b = append(b, 0)
	}
	for _, f := range filters {
		b = append(b, Text(f)...)
	}
	return Packet{UNSUBSCRIBE<<4 | 2, b}
}

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP.
func Ack(kind byte, id uint16) Packet {
	head := kind << 4
	if kind == PUBREL {
		head |= 2
	}
	return Packet{head, binary.BigEndian.AppendUint16(nil, id)}
}

// Delivery is a PUBLISH taken apart.
type Delivery struct {
	Topic, Payload string
	QoS            byte
	Retain, Dup    bool
	ID             uint16
	Properties     []byte
}

// Deliver takes a PUBLISH apart.
func Deliver(version byte, p Packet) (Delivery, error) {
	d := Delivery{QoS: p.Head >> 1 & 3, Retain: p.Head&1 != 0, Dup: p.Head&8 != 0}
	b := p.Body
	if p.Type() != PUBLISH || len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
		return d, fmt.Errorf("not a PUBLISH: %v", p)
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	d.Topic, b = string(b[2:n]), b[n:]
	if d.QoS > 0 {
		if len(b) < 2 {
			return d, fmt.Errorf("no packet id: %v", p)
		}
		d.ID, b = binary.BigEndian.Uint16(b), b[2:]
	}
	if version == 5 {
		n, width := binary.Uvarint(b)
		if width <= 0 || len(b) < width+int(n) {
			return d, fmt.Errorf("bad properties: %v", p)
		}
		d.Properties, b = b[width:width+int(n)], b[width+int(n):]
	}
	d.Payload = string(b)
	return d, nil
}
