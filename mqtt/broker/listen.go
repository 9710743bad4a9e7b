package broker

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/fault"
)

// maxWaiting is how many connections may be without login in all.
const maxWaiting = 200

// Listen binds all addresses and brings stored retained messages back. Nobody is
// accepted before Run: until then retained values can be published, and a client
// that connects already waits. fault.Conflict: a port is taken.
func (b *Broker) Listen() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners != nil || b.running {
		return fault.New(fault.Conflict, "the broker is listening already")
	}
	for _, l := range b.opt.Listeners {
		ln, err := net.Listen("tcp", l.Address)
		if err != nil {
			for _, open := range b.listeners {
				_ = open.Close()
			}
			b.listeners = nil
			return listenError(l, err)
		}
		b.listeners = append(b.listeners, ln)
	}
	bad, err := b.retained.load()
	if err != nil {
		b.log.Error("stored retained messages cannot be read; starting without", "error", err)
	}
	if bad > 0 {
		b.log.Warn("stored retained messages could not be understood and are left out", "count", bad)
	}
	return nil
}

func listenError(l Listener, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.New(fault.Conflict, "port taken: another program listens on %s: %w", l.Address, err).
			WithHint("stop it, choose another address, or use it as the broker instead of ours")
	}
	if errors.Is(err, syscall.EACCES) {
		return fault.New(fault.Denied, "not allowed to listen on %s: %w", l.Address, err).WithHint("choose a port above 1023")
	}
	return fault.New(fault.Invalid, "listen on %s %s: %w", l.Network, l.Address, err)
}

// Addr is the address of the i-th listener after Listen, else nil.
func (b *Broker) Addr(i int) net.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i < 0 || i >= len(b.listeners) {
		return nil
	}
	return b.listeners[i].Addr()
}

// Run accepts clients until ctx ends. It then sends out what is queued, tells
// MQTT 5 clients, closes all connections and returns within the stop limit.
// It calls Listen if that was not done. It can be called once.
func (b *Broker) Run(ctx context.Context) error {
	b.mu.Lock()
	bound := b.listeners != nil
	b.mu.Unlock()
	if !bound {
		if err := b.Listen(); err != nil {
			return err
		}
	}
	b.mu.Lock()
	if b.running {
		b.mu.Unlock()
		return fault.New(fault.Conflict, "the broker runs already")
	}
	b.running = true
	b.mu.Unlock()

	if err := b.server.Serve(); err != nil {
		return fault.New(fault.Internal, "start the broker: %w", err)
	}
	for i, ln := range b.listeners {
		b.wg.Add(1)
		go b.accept(ctx, ln, b.opt.Listeners[i]) // owner: Run; ends when stop closes ln
	}
	saved := make(chan struct{})
	go func() { // owner: Run; waits for it below
		defer close(saved)
		b.saveLoop(ctx)
	}()
	<-ctx.Done()
	b.stop()
	<-saved
	if b.opt.Retained != nil {
		b.save(false)
	}
	return nil
}

// saveLoop stores clients' retained messages once a second. On an error it goes
// on in memory; the first of a row is logged.
func (b *Broker) saveLoop(ctx context.Context) {
	if b.opt.Retained == nil {
		return
	}
	failing := false
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		failing = b.save(failing)
	}
}

func (b *Broker) save(failing bool) bool {
	err := b.retained.save()
	switch {
	case err != nil && !failing:
		b.log.Error("retained messages cannot be stored; going on in memory", "error", err)
	case err == nil && failing:
		b.log.Info("retained messages are stored again")
	}
	return err != nil
}

func (b *Broker) accept(ctx context.Context, ln net.Listener, l Listener) {
	defer b.wg.Done()
	name := l.Network + " " + ln.Addr().String()
	for {
		raw, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			b.log.Warn("a connection could not be accepted", "listener", name, "error", err)
			select { // out of descriptors, for example
			case <-time.After(100 * time.Millisecond):
			case <-b.stopping:
				return
			}
			continue
		}
		release := b.admit(raw)
		if release == nil {
			_ = raw.Close()
			continue
		}
		b.wg.Add(1)
		go func() { // owner: Run; stop closes the connection and waits
			defer b.wg.Done()
			b.serve(raw, l, name, release)
		}()
	}
}

// admit gives a place before login, and what gives it back; nil: there is none left.
func (b *Broker) admit(raw net.Conn) (release func()) {
	host, _, err := net.SplitHostPort(raw.RemoteAddr().String())
	if err != nil {
		host = raw.RemoteAddr().String()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting[host] >= b.opt.PerAddress || b.waitingN >= max(maxWaiting, b.opt.PerAddress) {
		b.refused.Add(1)
		if more, ok := b.refusals.allow(b.opt.Now()); ok {
			b.log.Warn("connection refused: too many without login", "remote", host, "not_logged", more)
		}
		return nil
	}
	b.waiting[host]++
	b.waitingN++
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.waitingN--
		if b.waiting[host]--; b.waiting[host] == 0 {
			delete(b.waiting, host)
		}
	})
}

// serve is the life of one connection.
func (b *Broker) serve(raw net.Conn, l Listener, name string, release func()) {
	c := &conn{
		Conn: raw, raw: raw, listener: name, timeout: b.opt.WriteTimeout, split: b.guards.split,
		done: make(chan struct{}), pumped: make(chan struct{}), release: release, unlock: func() {},
		out: newOutbox(max(b.opt.Backlog, 2*b.opt.MaxPacket)), direct: !b.guards.fanout, total: &b.dropped, log: b.log,
	}
	if !b.track(c) {
		_ = raw.Close()
		release()
		return
	}
	defer b.untrack(c)
	defer func() {
		b.leave(c)
		c.turn = b.ended.Add(1)
		close(c.done)
		c.unlock()
		c.release()
		c.abort()
		b.trimSessions()
	}()
	defer b.rescue(c)
	if b.guards.deadline {
		_ = raw.SetDeadline(time.Now().Add(b.opt.ConnectTimeout))
	}
	if l.TLS != nil && (l.Network == "tls" || l.Network == "wss") {
		c.Conn, c.replies = tls.Server(raw, l.TLS), true
	}
	if l.Network == "ws" || l.Network == "wss" {
		ws, err := upgrade(c.Conn)
		if err != nil {
			b.log.Debug("websocket refused", "remote", raw.RemoteAddr().String(), "error", err)
			_ = c.Conn.Close()
			return
		}
		c.Conn, c.replies = ws, true
	}
	go c.pump() // owner: serve; abort ends it, waited for below
	defer func() {
		c.abort()
		<-c.pumped
	}()
	c.in = bufio.NewReaderSize(c.Conn, 64) // only to look ahead; larger reads go past it
	if b.guards.size && c.oversized(min(b.opt.MaxPacket, defaultPacket)) {
		_ = c.Close()
		return
	}
	err := b.server.EstablishConnection(name, c)
	b.log.Debug("connection ended", "remote", raw.RemoteAddr().String(), "error", err)
}

// rescue ends one connection instead of the process. The will of its client, if
// any, is sent here because the library does not get to it: as a publish of the
// client, with its rights and limits.
func (b *Broker) rescue(c *conn) {
	if !b.guards.recover {
		return
	}
	r := recover()
	if r == nil {
		return
	}
	b.panics.Add(1)
	b.log.Error("a connection failed and is closed", "remote", c.raw.RemoteAddr().String(), "panic", r, "stack", string(debug.Stack()))
	c.abort()
	if c.client == nil || !c.established || c.client.Properties.Will.Flag != 1 {
		return
	}
	w, _ := (&hook{b: b}).OnWill(c.client, c.client.Properties.Will)
	_ = b.server.InjectPacket(c.client, packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: w.Retain}, TopicName: w.TopicName, Payload: w.Payload,
	})
}

func (b *Broker) track(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.stopping:
		return false
	default:
	}
	b.conns[c] = struct{}{}
	return true
}

func (b *Broker) untrack(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
}

// stop ends everything in at most StopTimeout.
func (b *Broker) stop() {
	limit := time.Now().Add(b.opt.StopTimeout)
	b.mu.Lock()
	close(b.stopping)
	for _, ln := range b.listeners {
		_ = ln.Close()
	}
	var live, others []*conn
	known := map[*conn]bool{}
	for _, c := range b.sessions {
		live, known[c] = append(live, c), true
	}
	for c := range b.conns {
		if !known[c] {
			others = append(others, c)
		}
	}
	b.mu.Unlock()
	for _, c := range others {
		c.abort()
	}
	b.drain(live, time.Until(limit)/3)
	for _, c := range live {
		if time.Until(limit) < b.opt.StopTimeout/2 {
			c.abort()
			continue
		}
		b.end(c, packets.ErrServerShuttingDown, true)
	}
	if !waitUntil(&b.wg, limit) {
		b.log.Warn("some connections did not end in time")
	}
	b.close(limit)
}

// drain waits until what was published before is written to the clients.
func (b *Broker) drain(live []*conn, most time.Duration) {
	limit := time.Now().Add(most)
	for _, c := range live {
		c.out.settle(time.Until(limit))
	}
}

// close ends the library, whose own Close can hang.
func (b *Broker) close(limit time.Time) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { // owner: close; waits for it, or leaves it behind at the limit
		defer wg.Done()
		_ = b.server.Close()
	}()
	if !b.guards.bounded {
		wg.Wait()
		return
	}
	if !waitUntil(&wg, limit) {
		b.log.Warn("the broker did not end in time")
	}
}

// waitUntil waits for wg; false at the limit.
func waitUntil(wg *sync.WaitGroup, limit time.Time) bool {
	done := make(chan struct{})
	go func() { // owner: waitUntil; ends with wg
		wg.Wait()
		close(done)
	}()
	t := time.NewTimer(time.Until(limit))
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
