package broker

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	mochi "github.com/mochi-mqtt/server/v2"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/secret"
)

const (
	// takeOverTime bounds the wait for an old client's goroutine.
	takeOverTime = 2 * time.Second
	// maxClientID is the longest client id we accept, in bytes.
	maxClientID = 256
)

// login asks the gate, binds the client id to the user and checks the will. The
// error ends the connection; the answer is sent here.
func (b *Broker) login(c *conn, pk packets.Packet) error {
	cl := c.client
	if len(cl.ID) > maxClientID {
		return b.refuse(c, packets.ErrClientIdentifierNotValid, "the client id is too long")
	}
	grant, code, why := b.ask(c, pk)
	if code != packets.CodeSuccess {
		return b.refuse(c, code, why)
	}
	if b.guards.lock {
		c.unlock = b.ids.lock(cl.ID)
	}
	if b.guards.bind {
		if held, ok := b.server.Clients.Get(cl.ID); ok {
			if old := connOf(held); old == nil || old.grant.Name != grant.Name {
				c.unlock()
				return b.refuse(c, packets.ErrClientIdentifierNotValid, "the client id belongs to another user")
			}
		}
	}
	c.grant = grant
	if w := cl.Properties.Will; b.guards.will && w.Flag == 1 {
		if why := b.refuseWrite(c, w.TopicName, w.Retain); why != "" {
			cl.Properties.Will = mochi.Will{}
			b.deny(c, w.TopicName, "will: "+why)
		}
	}
	return nil
}

// ask is the gate's answer as a reason code.
func (b *Broker) ask(c *conn, pk packets.Packet) (Grant, packets.Code, string) {
	user := string(pk.Connect.Username)
	switch {
	case b.opt.Gate == nil:
		return Grant{}, packets.ErrServerUnavailable, "logins are not possible yet"
	case user == "" && len(pk.Connect.Password) == 0:
		return Grant{}, packets.ErrBadUsernameOrPassword, "no user name and no password"
	}
	grant, err := b.opt.Gate.Login(Login{
		User: user, Password: secret.Text(pk.Connect.Password), Client: c.client.ID, Remote: c.client.Net.Remote, Listener: c.listener,
	})
	switch {
	case fault.Is(err, fault.Denied):
		return Grant{}, packets.ErrBadUsernameOrPassword, "wrong user name or password"
	case err != nil:
		return Grant{}, packets.ErrServerUnavailable, err.Error()
	case grant.Read == nil || grant.Write == nil:
		return Grant{}, packets.ErrServerUnavailable, "the grant has no rules"
	}
	return grant, packets.CodeSuccess, ""
}

// refuse answers a CONNECT with a code; a wrong password only after a moment.
func (b *Broker) refuse(c *conn, code packets.Code, why string) error {
	b.refused.Add(1)
	if more, ok := b.refusals.allow(b.opt.Now()); ok {
		b.log.Warn("login refused", "client", clip(c.client.ID), "user", clip(string(c.client.Properties.Username)),
			"remote", c.client.Net.Remote, "reason", why, "not_logged", more)
	}
	if code == packets.ErrBadUsernameOrPassword && b.opt.RefuseDelay > 0 {
		t := time.NewTimer(b.opt.RefuseDelay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-b.stopping:
		}
	}
	if err := b.server.SendConnack(c.client, code, false, nil); err != nil {
		return err
	}
	return code
}

// takeOver stops the connection that has the id of c. The library would write to
// it first, and wait for as long as it does not read.
func (b *Broker) takeOver(c *conn) {
	held, ok := b.server.Clients.Get(c.client.ID)
	if !ok {
		return
	}
	old := connOf(held)
	if old == nil || old == c {
		return
	}
	if !held.Closed() {
		b.takeovers.Add(1)
		b.log.Info("client is taken over", "client", clip(held.ID), "user", c.grant.Name, "old", held.Net.Remote, "new", c.client.Net.Remote)
	}
	if !b.guards.stop {
		return
	}
	b.end(old, packets.ErrSessionTakenOver, false)
	t := time.NewTimer(takeOverTime)
	defer t.Stop()
	select { // its goroutine would remove the new client from the library's map
	case <-old.done:
	case <-t.C:
	}
}

// end closes a client's connection; one of MQTT 5 is told why. In peace its own
// goroutine does the closing and gives it a moment to read; else it is over
// within a blink, also if somebody is stuck in a write to it.
func (b *Broker) end(c *conn, code packets.Code, peace bool) {
	cl := c.client
	most := b.opt.grace
	if peace {
		most = b.opt.parting
	}
	c.ending.Store(true)
	timer := time.AfterFunc(most, c.abort) // owner: this call; stopped below
	if cl.Properties.ProtocolVersion == 5 {
		_ = b.server.DisconnectClient(cl, code)
	}
	c.out.settle(most)
	if timer.Stop() && peace {
		c.draining.Store(true)
		c.linger.Store(true)
		_ = c.raw.SetReadDeadline(time.Now())
		return
	}
	c.abort()
	cl.Stop(code)
}

// enter makes a client known: it can be listed, reached and kicked.
func (b *Broker) enter(c *conn) {
	c.since = b.opt.Now()
	for _, sub := range c.client.State.Subscriptions.GetAll() { // of a session that is resumed
		b.subscribed(c, sub)
	}
	b.mu.Lock()
	b.sessions[c.client.ID] = c
	b.recount()
	b.mu.Unlock()
	c.established = true
	c.release()
	if b.opt.OnSession != nil {
		b.opt.OnSession(c.session(), true)
	}
	c.unlock()
}

// recount makes the list of those who may be sent messages; mu is held.
func (b *Broker) recount() {
	list := slices.Collect(maps.Values(b.sessions))
	b.members.Store(&list)
}

// leave is the end of a connection: nothing of it stays but a session to be kept.
func (b *Broker) leave(c *conn) {
	cl := c.client
	if cl == nil {
		return
	}
	if c.established {
		b.mu.Lock()
		if b.sessions[cl.ID] == c {
			delete(b.sessions, cl.ID)
			b.recount()
		}
		b.mu.Unlock()
		if b.opt.OnSession != nil {
			b.opt.OnSession(c.session(), false)
		}
	}
	// After a panic or a failed CONNACK the library leaves the client behind.
	v5 := cl.Properties.ProtocolVersion == 5
	over := v5 && cl.Properties.Props.SessionExpiryInterval == 0 || !v5 && cl.Properties.Clean
	if held, ok := b.server.Clients.Get(cl.ID); ok && held == cl && over {
		b.forget(cl)
	}
}

// trimSessions forgets the kept sessions that ended first, when there are more
// than can be of use: a client with a new id each time would fill the memory.
func (b *Broker) trimSessions() {
	over := b.server.Clients.Len() - 2*b.opt.MaxClients
	if over <= 0 {
		return
	}
	var ended []*mochi.Client
	for _, cl := range b.server.Clients.GetAll() {
		c := connOf(cl)
		if c == nil {
			continue
		}
		select {
		case <-c.done:
			ended = append(ended, cl)
		default:
		}
	}
	slices.SortFunc(ended, func(x, y *mochi.Client) int { return cmp.Compare(connOf(x).turn, connOf(y).turn) })
	for _, cl := range ended[:min(over, len(ended))] {
		unlock := b.ids.lock(cl.ID)
		if held, ok := b.server.Clients.Get(cl.ID); ok && held == cl {
			b.forget(cl)
		}
		unlock()
	}
}

// forget removes a session from the library.
func (b *Broker) forget(cl *mochi.Client) {
	cl.ClearInflights()
	b.server.UnsubscribeClient(cl)
	b.server.Clients.Delete(cl.ID)
}

// refuseWrite tells why a client may not publish this, or "".
func (b *Broker) refuseWrite(c *conn, topic string, retain bool) string {
	switch {
	case mqtt.ValidTopic(topic) != nil || strings.HasPrefix(topic, "$"):
		return "not a topic to publish to"
	case strings.Count(topic, "/") >= maxLevels:
		return "too many levels"
	case !c.grant.Write(topic):
		return "no right to write there"
	case retain && b.opt.NoRetain != nil && b.opt.NoRetain(topic):
		return "must not be retained"
	}
	return ""
}

// deny counts a refused write and logs it, once a minute for each client.
func (b *Broker) deny(c *conn, topic, why string) {
	b.denied.Add(1)
	n := c.denied.Add(1)
	now, last := b.opt.Now().Unix(), c.reported.Load()
	if now-last < 60 && last != 0 || !c.reported.CompareAndSwap(last, now) {
		return
	}
	b.log.Warn("publish refused", "client", clip(c.client.ID), "user", c.grant.Name, "topic", clip(topic), "reason", why, "total", n)
}

// limiter lets one event pass in a while and counts the others.
type limiter struct {
	every   time.Duration
	mu      sync.Mutex
	last    time.Time
	skipped int
}

// allow tells whether to go ahead, and how many did not since the last time.
func (l *limiter) allow(now time.Time) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.last); d >= 0 && d < l.every {
		l.skipped++
		return 0, false
	}
	skipped, l.skipped, l.last = l.skipped, 0, now
	return skipped, true
}

// clip keeps what strangers send short in the log.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
