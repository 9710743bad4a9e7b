package client_test

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt/mqtttest"
)

// server is a peer that answers as a test says. serve gets each connection.
type server struct {
	net.Listener
	wg sync.WaitGroup
}

func newServer(t testing.TB, serve func(*peer)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(&peer{Conn: conn, r: bufio.NewReader(conn)})
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.wg.Wait()
	})
	return s
}

func (s *server) address() string { return s.Addr().String() }

// peer is the server's side of one connection.
type peer struct {
	net.Conn
	r *bufio.Reader
}

// next reads a packet; its type is 0 at the end of the connection.
func (p *peer) next() mqtttest.Packet {
	_ = p.SetReadDeadline(time.Now().Add(20 * time.Second))
	k, err := mqtttest.ReadPacket(p.r)
	if err != nil {
		return mqtttest.Packet{}
	}
	return k
}

func (p *peer) send(k mqtttest.Packet) { _, _ = p.Write(k.Bytes()) }

func (p *peer) message(topic, payload string) {
	p.send(mqtttest.Publish(4, 0, 0, topic, payload))
}

// welcome accepts the login and answers the first subscription with codes, or
// grants as many as were asked for.
func (p *peer) welcome(codes ...byte) {
	if p.next().Type() != mqtttest.CONNECT {
		return
	}
	p.send(mqtttest.Packet{Head: mqtttest.CONNACK << 4, Body: []byte{0, 0}})
	k := p.next()
	if k.Type() != mqtttest.SUBSCRIBE {
		return
	}
	if codes == nil {
		codes = make([]byte, filtersIn(k.Body))
	}
	p.send(mqtttest.Packet{Head: mqtttest.SUBACK << 4, Body: append([]byte{k.Body[0], k.Body[1]}, codes...)})
}

// filtersIn counts the filters of a SUBSCRIBE.
func filtersIn(body []byte) (n int) {
	for rest := body[2:]; len(rest) > 2; n++ {
		rest = rest[2+int(rest[0])<<8+int(rest[1])+1:]
	}
	return n
}

// rest answers until the client goes away.
func (p *peer) rest() {
	for {
		switch k := p.next(); k.Type() {
		case 0, mqtttest.DISCONNECT:
			return
		case mqtttest.PINGREQ:
			p.send(mqtttest.Packet{Head: mqtttest.PINGRESP << 4})
		case mqtttest.PUBLISH:
			if k.Head>>1&3 == 1 {
				topic := int(k.Body[0])<<8 + int(k.Body[1])
				p.send(mqtttest.Ack(mqtttest.PUBACK, uint16(k.Body[2+topic])<<8+uint16(k.Body[3+topic])))
			}
		}
	}
}
