package e2e_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// peer is the smallest MQTT 3.1.1 client that can be written: it logs in,
// subscribes at QoS 0 and reads. It adds as little as possible to what is
// measured, and shares no code with what is measured.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

// join logs in on a connection and subscribes to a filter.
func join(conn net.Conn, client, user, password, filter string) (*peer, error) {
	p := &peer{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	hello := append([]byte("\x00\x04MQTT\x04\xc2"), 0, 0) // user, password, clean session, no keep alive
	for _, text := range []string{client, user, password} {
		hello = appendText(hello, text)
	}
	subscribe := append(appendText([]byte{0, 1}, filter), 0)
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	for _, step := range []struct {
		send []byte
		want byte
	}{{frame(0x10, hello), 0x20}, {frame(0x82, subscribe), 0x90}} {
		if _, err := conn.Write(step.send); err != nil {
			return nil, err
		}
		kind, body, err := p.packet()
		if err != nil {
			return nil, fmt.Errorf("waiting for packet %#x: %w", step.want, err)
		}
		if kind != step.want || body[len(body)-1] >= 0x80 || kind == 0x20 && body[1] != 0 {
			return nil, fmt.Errorf("got packet %#x with %x, want an accepting %#x", kind, body[:min(len(body), 16)], step.want)
		}
	}
	return p, conn.SetDeadline(time.Time{})
}

// packet reads the next packet. Its body is good until the next call.
func (p *peer) packet() (kind byte, body []byte, err error) {
	if kind, err = p.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(p.in) // MQTT's length has the same form
	if err != nil {
		return 0, nil, err
	}
	if uint64(cap(p.body)) < n {
		p.body = make([]byte, n)
	}
	body = p.body[:n]
	_, err = io.ReadFull(p.in, body)
	return kind, body, err
}

// message reads on to the next publication at QoS 0.
func (p *peer) message() (topic, payload []byte, err error) {
	for {
		kind, body, err := p.packet()
		if err != nil {
			return nil, nil, err
		}
		if kind&0xf0 != 0x30 {
			continue
		}
		n := 2 + int(binary.BigEndian.Uint16(body))
		return body[2:n], body[n:], nil
	}
}

func appendText(dst []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(text))), text...)
}

func frame(head byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{head}, uint64(len(body))), body...)
}
