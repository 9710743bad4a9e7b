package broker

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	m "github.com/printwire/printwire/mqtt/mqtttest"
)

func TestBroker_Deliver_reaches_no_wildcard_of_others(t *testing.T) {
	r := start(t, nil)
	one, all, plus := r.join(login("one")), r.join(login("all")), r.join(login("plus"))
	one.Subscribe("device/x")
	all.Subscribe("#")
	plus.Subscribe("+")
	if err := r.Deliver("one", "device/x", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	one.ExpectMessage("device/x", "secret")
	all.ExpectNothing()
	plus.ExpectNothing()
}

func TestBroker_a_DISCONNECT_does_not_keep_a_session_for_longer(t *testing.T) {
	r := start(t, nil)
	l := login5("s")
	l.Properties = []byte{0x11, 0, 0, 0, 60}
	p := r.join(l)
	p.Send(m.Packet{Head: m.DISCONNECT << 4, Body: []byte{0, 5, 0x11, 0xff, 0xff, 0xff, 0xfe}})
	p.ExpectClosed()
	eventually(t, "the session ended", func() bool { return len(r.Sessions()) == 0 })
	cl, ok := r.server.Clients.Get("s")
	if !ok || cl.Properties.Props.SessionExpiryInterval != sessionExpiry {
		t.Errorf("the session is kept: %v, for %d s; want %d", ok, cl.Properties.Props.SessionExpiryInterval, sessionExpiry)
	}
}

func TestBroker_kept_sessions_are_limited(t *testing.T) {
	r := start(t, func(o *Options) { o.MaxClients = 3 })
	l := login("")
	l.Persist = true
	for i := range 10 {
		l.Client = fmt.Sprint("c", i)
		p := r.join(l)
		p.Subscribe("kept/#")
		p.Send(m.Packet{Head: m.DISCONNECT << 4})
		p.ExpectClosed()
	}
	eventually(t, "the oldest sessions were forgotten", func() bool { return r.server.Clients.Len() == 6 })
	if !r.dial().Login(l) {
		t.Error("the newest session was forgotten")
	}
}

func TestBroker_one_SUBSCRIBE_cannot_ask_for_everything_again_and_again(t *testing.T) {
	r := start(t, nil)
	for i := range 10 {
		_ = r.Publish(fmt.Sprint("t/", i), []byte("x"), true)
	}
	p := r.join(login("greedy"))
	var filters []m.Filter
	for range 1000 {
		filters = append(filters, m.Filter{Topic: "#"})
	}
	for i := range maxWildcards {
		filters = append(filters, m.Filter{Topic: fmt.Sprint("u/", i, "/#")})
	}
	filters = append(filters, m.Filter{Topic: "plain"})
	p.Send(m.Subscribe(4, 7, nil, filters...))
	codes := p.Next().Body[2:]
	want := bytes.Repeat([]byte{0}, len(filters))
	want[len(want)-2] = 0x80 // one wildcard too many
	if !bytes.Equal(codes, want) {
		t.Errorf("%d filters were refused, want the last with a wildcard alone", bytes.Count(codes, []byte{0x80}))
	}
	seen := map[string]int{}
	for range 10 {
		d, err := m.Deliver(4, p.Next())
		if err != nil {
			t.Fatal(err)
		}
		seen[d.Topic]++
	}
	p.ExpectNothing()
	if len(seen) != 10 {
		t.Errorf("%d topics were replayed, want each once", len(seen))
	}
}

func TestBroker_a_CONNECT_stays_small_where_packets_may_be_large(t *testing.T) {
	r := start(t, func(o *Options) { o.MaxPacket = 64 << 20 })
	p := r.dial()
	p.SendBytes([]byte{0x10, 0x80, 0x80, 0x80, 0x08, 0, 4, 'M', 'Q', 'T', 'T', 5}) // 16 MiB
	if ack := p.Next(); ack.Type() != m.CONNACK || ack.Body[1] != 0x95 {
		t.Errorf("got %v, want packet too large", ack)
	}
	q := r.join(login("known"))
	q.Subscribe("big")
	if err := m.NewRemote(func() *m.Peer { return r.join(login("sender")) }).Publish("big", bytes.Repeat([]byte("x"), 1<<20), false); err != nil {
		t.Fatal(err)
	}
	if d, err := m.Deliver(4, q.Next()); err != nil || len(d.Payload) != 1<<20 {
		t.Errorf("got %d bytes, %v; want 1 MiB", len(d.Payload), err)
	}
}

// keyGate takes any password without a user, and can take the right to write away.
type keyGate struct{ revoked atomic.Bool }

func (g *keyGate) Login(l Login) (Grant, error) {
	return Grant{Name: "key " + l.Password.Reveal(), Read: func(string) bool { return true }, Write: func(string) bool { return !g.revoked.Load() }}, nil
}

func TestBroker_a_password_alone_is_for_the_gate_to_judge(t *testing.T) {
	r := start(t, func(o *Options) { o.Gate = &keyGate{} })
	r.join(m.Login{Version: 5, Client: "c", Password: "pw_key", Keepalive: 60})
	if s := r.Sessions(); len(s) != 1 || s[0].User != "key pw_key" {
		t.Errorf("got %v, want the key's session", s)
	}
	if ack := r.dial().Connect(m.Login{Version: 5, Client: "d", Keepalive: 60}); ack.Body[1] != 0x86 {
		t.Errorf("got %v for nobody, want bad user name or password", ack)
	}
}

func TestBroker_a_will_needs_the_right_when_it_goes_out(t *testing.T) {
	g := &keyGate{}
	r := start(t, func(o *Options) { o.Gate = g })
	watch := r.join(login("watch"))
	watch.Subscribe("#")
	l := login("leaver")
	l.Will = &m.Will{Topic: "printer/stop/set", Payload: "PRESS", Retain: true}
	p := r.join(l)
	g.revoked.Store(true)
	if err := r.Kick("leaver", "revoked"); err != nil {
		t.Fatal(err)
	}
	p.Discard()
	eventually(t, "the session ended", func() bool { return len(r.Sessions()) == 1 })
	watch.ExpectNothing()
	if r.Stats().Denied != 1 || r.Stats().Retained != 0 {
		t.Errorf("got %+v, want the will denied", r.Stats())
	}
}

func TestBroker_the_will_of_a_client_that_crashed_is_still_its_own(t *testing.T) {
	r := start(t, func(o *Options) { o.RetainedTopics = 1 })
	watch := r.join(login("watch"))
	watch.Subscribe("wills/#")
	for i := range 3 {
		topic := fmt.Sprint("wills/", i)
		l := login5("crash")
		l.Will = &m.Will{Topic: topic, Payload: "gone", Retain: true}
		p := r.join(l)
		p.SendBytes(crash)
		p.ExpectClosed()
		watch.ExpectMessage(topic, "gone")
	}
	if n := r.Stats().Retained; n != 1 || r.retained.users["anna"].topics != 1 {
		t.Errorf("%d are retained, %+v; want one, of its user", n, r.retained.users)
	}
}
