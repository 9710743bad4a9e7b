package simulator

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/secret"
)

const (
	handshakeTime = 10 * time.Second
	writeTime     = 10 * time.Second
	// outbox is how many packets wait for one client before it is cut off.
	outbox = 256
)

// server is the MQTT server of one printer: TLS 1.2, one account, one topic
// each way. It keeps nothing between sessions and publishes at QoS 0.
type server struct {
	serial string
	limit  int  // clients at once
	strict bool // a subscription to the request topic costs the connection
	qos    byte // highest level granted; 0 acknowledges no publication either
	log    *slog.Logger
	tls    *tls.Config

	request   func(client string, payload []byte) // a client published to the request topic
	subscribe func(client string)                 // a client subscribed to the report topic

	listener net.Listener
	work     sync.WaitGroup

	mu       sync.Mutex
	code     secret.Text
	refusing bool
	stopped  bool
	sessions map[*session]struct{}
}

// session is one client's connection.
type session struct {
	conn    net.Conn
	raw     net.Conn // under conn: closing it never waits for a client
	out     chan []byte
	gone    chan struct{}
	once    sync.Once
	client  string
	filters []string
	frozen  bool // half-open
	dead    bool // taken over
}

func (s *server) listen(address string, certificate tls.Certificate) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for clients of printer %s: %w", s.serial, err)
	}
	s.listener = listener
	s.tls = &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		MaxVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}, // the one that was seen
	}
	return nil
}

// run accepts clients until ctx ends, then closes all of them and waits.
func (s *server) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { // owner: run, which waits for accept to fail
		_ = s.listener.Close()
	})
	defer stop()
	var failed error
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				failed = fmt.Errorf("accept clients of printer %s: %w", s.serial, err)
			}
			break
		}
		s.work.Add(1)
		go s.serve(conn) // owner: run closes every session and waits
	}
	_ = s.listener.Close()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.drop()
	s.work.Wait()
	return failed
}

// drop cuts every connection.
func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		c.close()
	}
}

// freeze makes every present session half-open: it stays connected, but
// nothing is read from it any more and nothing is answered.
func (s *server) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		c.frozen = true
	}
}

// refuse makes the server hang up on new connections, or take them again.
func (s *server) refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = on
}

// accessCode is the code that is valid now.
func (s *server) accessCode() secret.Text {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code
}

func (s *server) setCode(code secret.Text) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = code
}

// clients counts the sessions that were let in and are not frozen.
func (s *server) clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count()
}

func (s *server) count() int {
	n := 0
	for c := range s.sessions {
		if c.client != "" && !c.frozen && !c.dead {
			n++
		}
	}
	return n
}

// heard tells whether anybody has subscribed to anything.
func (s *server) heard() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		if len(c.filters) > 0 && !c.frozen {
			return true
		}
	}
	return false
}

// publish sends a report to every subscriber. One that does not read is cut off.
func (s *server) publish(payload []byte) {
	topic := "device/" + s.serial + "/report"
	var frame []byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		if c.frozen || !slices.ContainsFunc(c.filters, func(f string) bool { return mqtt.Match(f, topic) }) {
			continue
		}
		if frame == nil {
			frame = appendPublish(make([]byte, 0, len(topic)+len(payload)+7), topic, payload)
		}
		c.send(frame)
	}
}

func (c *session) send(frame []byte) {
	select {
	case c.out <- frame:
	default:
		c.close()
	}
}

func (c *session) close() {
	c.once.Do(func() {
		close(c.gone)
		_ = c.raw.Close()
	})
}

// register adds a fresh connection, unless the printer does not take any now.
func (s *server) register(c *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusing || s.stopped {
		return false
	}
	s.sessions[c] = struct{}{}
	return true
}

func (s *server) serve(raw net.Conn) {
	defer s.work.Done()
	conn := tls.Server(raw, s.tls)
	c := &session{conn: conn, raw: raw, out: make(chan []byte, outbox), gone: make(chan struct{})}
	defer c.close()
	if !s.register(c) {
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.sessions, c)
		s.mu.Unlock()
	}()
	_ = conn.SetDeadline(time.Now().Add(handshakeTime))
	if err := conn.Handshake(); err != nil {
		s.log.Debug("client gave up the handshake", "serial", s.serial, "error", err)
		return
	}
	r := bufio.NewReader(conn)
	keepAlive, err := s.admit(c, r)
	if err != nil {
		s.log.Debug("client not admitted", "serial", s.serial, "error", err)
		return
	}
	s.work.Add(1)
	go s.write(c) // owner: serve closes c, run waits
	for {
		var deadline time.Time
		if keepAlive > 0 {
			deadline = time.Now().Add(keepAlive * 3 / 2)
		}
		_ = conn.SetReadDeadline(deadline)
		p, err := readPacket(r)
		if err != nil || !s.handle(c, p) {
			return
		}
	}
}

func (s *server) write(c *session) {
	defer s.work.Done()
	defer c.close()
	for {
		select {
		case <-c.gone:
			return
		case frame := <-c.out:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeTime))
			if _, err := c.conn.Write(frame); err != nil {
				return
			}
		}
	}
}

// admit reads CONNECT and answers it. A second client with the same id takes over.
func (s *server) admit(c *session, r *bufio.Reader) (time.Duration, error) {
	p, err := readPacket(r)
	if err != nil {
		return 0, err
	}
	if p.kind != packetConnect {
		return 0, malformed("the first packet is not connect")
	}
	l, err := parseConnect(p.body)
	if err != nil {
		return 0, err
	}
	code := s.judge(c, l)
	_, err = c.conn.Write(connack(code))
	switch {
	case err != nil:
		return 0, err
	case code != connectAccepted:
		return 0, fault.New(fault.Denied, "client %.40q refused with code %d", l.client, code)
	}
	_ = c.conn.SetDeadline(time.Time{})
	return l.keepAlive, nil
}

func (s *server) judge(c *session, l login) byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.level != 4 && l.level != 3 {
		return connectBadProtocol
	}
	if l.user != "bblp" || subtle.ConstantTimeCompare([]byte(l.password), []byte(s.code.Reveal())) != 1 {
		return connectRefused
	}
	for other := range s.sessions {
		if other != c && !other.dead && other.client == l.client && l.client != "" {
			other.dead = true
			other.close()
		}
	}
	if s.count() >= s.limit {
		return connectUnavailable
	}
	c.client = l.client
	if c.client == "" {
		c.client = "anonymous " + c.conn.RemoteAddr().String()
	}
	return connectAccepted
}

// handle answers one packet; false ends the session.
func (s *server) handle(c *session, p packet) bool {
	s.mu.Lock()
	frozen := c.frozen
	s.mu.Unlock()
	if frozen {
		return true
	}
	switch p.kind {
	case packetPublish:
		return s.handlePublish(c, p)
	case packetSubscribe:
		return s.handleSubscribe(c, p)
	case packetUnsubscribe:
		id, filters, err := parseUnsubscribe(p.body)
		if err != nil {
			return false
		}
		s.mu.Lock()
		c.filters = slices.DeleteFunc(slices.Clone(c.filters), func(f string) bool { return slices.Contains(filters, f) })
		s.mu.Unlock()
		c.send(reply(packetUnsuback, id))
		return true
	case packetPingreq:
		c.send([]byte{packetPingresp << 4, 0})
		return true
	case packetPuback:
		return true
	default: // DISCONNECT, and everything a printer does not know
		return false
	}
}

func (s *server) handlePublish(c *session, p packet) bool {
	m, err := parsePublish(p)
	if err != nil || m.qos > 1 {
		return false
	}
	if m.qos == 1 && s.qos > 0 {
		c.send(reply(packetPuback, m.id))
	}
	if m.topic == "device/"+s.serial+"/request" {
		s.request(c.client, m.payload)
	}
	return true
}

func (s *server) handleSubscribe(c *session, p packet) bool {
	id, subs, err := parseSubscribe(p.body)
	if err != nil {
		return false
	}
	var granted []byte
	reports := false
	s.mu.Lock()
	for _, sub := range subs {
		if s.strict && strings.HasSuffix(sub.filter, "/request") {
			s.mu.Unlock()
			return false
		}
		c.filters = append(slices.Clone(c.filters), sub.filter)
		granted = append(granted, min(sub.qos&3, s.qos))
		reports = reports || mqtt.Match(sub.filter, "device/"+s.serial+"/report")
	}
	s.mu.Unlock()
	c.send(reply(packetSuback, id, granted...))
	if reports && s.subscribe != nil {
		s.subscribe(c.client)
	}
	return true
}
