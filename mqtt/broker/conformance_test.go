package broker

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	m "github.com/printwire/printwire/mqtt/mqtttest"
)

// bed is what a conformance test works with: a broker as shipped, over one transport.
type bed struct {
	*rig
	t   *testing.T
	via int
}

func (b bed) dial() *m.Peer { return b.dialOver(b.via) }

func (b bed) join(l m.Login) *m.Peer {
	b.t.Helper()
	p := b.dial()
	p.Login(l)
	p.ExpectNothing()
	return p
}

func raw(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBroker_speaks_MQTT(t *testing.T) {
	cases := []struct {
		name string
		test func(*testing.T, bed)
	}{
		{"connect answers each version in its own form", connects},
		{"refused logins have the code that clients expect", refusals},
		{"malformed first packets end the connection", badFirst},
		{"malformed later packets end the connection", badLater},
		{"a session is present only if it was kept", sessions},
		{"a client id is assigned when none was given", assigned},
		{"a second CONNECT is a violation", secondConnect},
		{"keepalive closes a silent client after one and a half times", keepalive},
		{"a will goes out on loss and not after DISCONNECT", wills},
		{"a will waits for its delay unless the client returns", willDelay},
		{"retain handling is obeyed", retainHandling},
		{"retain as published is obeyed", retainAsPublished},
		{"an empty retained payload removes the value", retainClear},
		{"publishes are acknowledged at every quality of service", qualities},
		{"overlapping subscriptions deliver once", overlapping},
		{"no local keeps a client's own messages away", noLocal},
		{"subscription identifiers come back", identifiers},
		{"wildcards match as the text says", wildcards},
		{"bad and system filters are refused, others in the packet granted", badFilters},
		{"unsubscribe ends delivery", unsubscribes},
		{"a packet above the client's maximum is not sent", clientMaximum},
		{"a packet above our maximum ends the connection", ourMaximum},
		{"the receive maximum is enforced", receiveMaximum},
		{"properties of a publish reach the subscriber", publishProperties},
		{"a message expires", messageExpiry},
		{"a v3 client hears a v5 one and the other way round", mixed},
		{"an ACK has no properties of the publish", bareAcks},
	}
	for i, network := range []string{"tcp", "tls", "ws", "wss"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.test(t, bed{start(t, nil), t, i}) })
			}
		})
	}
}

func connects(t *testing.T, b bed) {
	for version, want := range map[byte]string{3: "0000", 4: "0000"} {
		l := login(fmt.Sprint("c", version))
		l.Version = version
		if ack := b.dial().Connect(l); hex.EncodeToString(ack.Body) != want {
			t.Errorf("version %d: got %v, want %s", version, ack, want)
		}
	}
	ack := b.dial().Connect(login5("c5"))
	for _, prop := range []string{"21 0040", "2a 00", "27 00040800"} { // receive maximum, no shared subscriptions, packet size
		if ack.Body[1] != 0 || !bytes.Contains(ack.Body[3:], raw(t, prop)) {
			t.Errorf("got %v, want the property %s", ack, prop)
		}
	}
}

func refusals(t *testing.T, b bed) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name   string
		login  m.Login
		v4, v5 byte
	}{
		{"wrong password", m.Login{Client: "a", User: "anna", Password: "no"}, 5, 0x86},
		{"no user", m.Login{Client: "a"}, 5, 0x86},
		{"gate not ready", m.Login{Client: "a", User: "broken", Password: "x"}, 3, 0x88},
		{"long id", m.Login{Client: long, User: "anna", Password: "pw-anna"}, 2, 0x85},
	} {
		for version, code := range map[byte]byte{4: c.v4, 5: c.v5} {
			c.login.Version = version
			p := b.dial()
			if ack := p.Connect(c.login); ack.Body[0] != 0 || ack.Body[1] != code {
				t.Errorf("%s, version %d: got %v, want code %d", c.name, version, ack, code)
			}
			p.ExpectClosed()
		}
	}
	l := login("") // an id is needed to keep a session
	l.Persist = true
	if ack := b.dial().Connect(l); ack.Body[1] != 2 {
		t.Errorf("empty id with a session: got %v, want code 2", ack)
	}
}

func badFirst(t *testing.T, b bed) {
	connect := m.Connect(login("x"))
	change := func(at int, v byte) []byte {
		p := m.Packet{Head: connect.Head, Body: bytes.Clone(connect.Body)}
		p.Body[at] = v
		return p.Bytes()
	}
	for name, c := range map[string]struct {
		packet []byte
		answer string
	}{
		"a PINGREQ":           {raw(t, "c000"), ""},
		"a PUBLISH":           {m.Publish(4, 0, 0, "a", "b").Bytes(), ""},
		"reserved type":       {raw(t, "0000"), ""},
		"head flags":          {append([]byte{0x11}, connect.Bytes()[1:]...), ""},
		"protocol name":       {change(3, 'X'), ""},
		"version 6":           {change(6, 6), "0084"},
		"version 2":           {change(6, 2), "0001"},
		"reserved flag":       {change(7, connect.Body[7]|1), ""},
		"will QoS, no will":   {change(7, connect.Body[7]|0x20), ""},
		"five length bytes":   {raw(t, "10 ffffffff01"), ""},
		"cut off":             {append(raw(t, "10 04"), 0, 9, 'M', 'Q'), ""},
		"256 MB":              {raw(t, "10 ffffff7f 0004 4d515454 04"), ""},
		"256 MB, version 5":   {raw(t, "10 ffffff7f 0004 4d515454 05"), "009500"},
		"300 kB, version 5":   {raw(t, "10 e0a712 0004 4d515454 05 02"), "009500"},
		"an id that is UTF-8": {bytes.Replace(connect.Bytes(), []byte("x"), []byte{0xff}, 1), ""},
	} {
		p := b.dial()
		p.SendBytes(c.packet)
		if c.answer != "" {
			if ack := p.Next(); ack.Type() != m.CONNACK || hex.EncodeToString(ack.Body) != c.answer {
				t.Errorf("%s: got %v, want %s", name, ack, c.answer)
			}
		}
		p.ExpectClosed()
	}
	b.join(login("fine"))
}

func badLater(t *testing.T, b bed) {
	for name, packet := range map[string][]byte{
		"QoS 3":                    raw(t, "36 05 0001 61 0001"),
		"DUP at QoS 0":             raw(t, "38 03 0001 61"),
		"packet id 0":              raw(t, "32 05 0001 61 0000"),
		"wildcard in a topic":      m.Publish(4, 0, 0, "a/+", "x").Bytes(),
		"empty topic":              m.Publish(4, 0, 0, "", "x").Bytes(),
		"topic with NUL":           m.Publish(4, 0, 0, "a\x00", "x").Bytes(),
		"topic not UTF-8":          m.Publish(4, 0, 0, "a\xff", "x").Bytes(),
		"SUBSCRIBE without filter": raw(t, "82 02 0001"),
		"SUBSCRIBE flags":          raw(t, "80 06 0001 0001 61 00"),
		"SUBSCRIBE QoS 3":          raw(t, "82 06 0001 0001 61 03"),
		"UNSUBSCRIBE empty":        raw(t, "a2 02 0001"),
		"a CONNACK":                raw(t, "20 02 0000"),
		"a SUBACK":                 raw(t, "90 03 0001 00"),
		"reserved type":            raw(t, "00 00"),
	} {
		t.Log(name) // the last one shown is the one that failed
		p := b.join(login("bad"))
		p.SendBytes(packet)
		p.ExpectClosed() // its keepalive of a minute would end it much later
	}
	if b.Stats().Panics != 0 {
		t.Error("a packet made the broker panic")
	}
}

func sessions(t *testing.T, b bed) {
	keep, clean := login("s"), login("s")
	keep.Persist = true
	for i, step := range []struct {
		login   m.Login
		present bool
	}{{keep, false}, {keep, true}, {clean, false}, {keep, false}, {keep, true}} {
		p := b.dial()
		if got := p.Login(step.login); got != step.present {
			t.Errorf("step %d: session present is %v", i, got)
		}
		if i == 3 {
			p.Subscribe("kept/#")
		}
		if i == 4 { // still subscribed
			p.ExpectNothing()
			_ = b.Publish("kept/x", []byte("1"), false)
			p.ExpectMessage("kept/x", "1")
		}
		p.ExpectNothing()
		p.Send(m.Packet{Head: m.DISCONNECT << 4})
		p.ExpectClosed()
	}
	five := login5("f")
	five.Properties = raw(t, "11 00000e10")
	b.join(five)
	five.Persist = true
	if !b.dial().Login(five) { // taken over while it lives
		t.Error("no session after a take-over")
	}
}

func assigned(t *testing.T, b bed) {
	ack := b.dial().Connect(login5(""))
	at := bytes.IndexByte(ack.Body[3:], 0x12)
	if at < 0 || ack.Body[3+at+1] != 0 || ack.Body[3+at+2] == 0 {
		t.Errorf("got %v, want an assigned id", ack)
	}
	b.join(login(""))
	b.join(login(""))
	if n := len(b.Sessions()); n < 2 {
		t.Errorf("%d sessions, want one for each client", n)
	}
}

func secondConnect(t *testing.T, b bed) {
	p := b.join(login("x"))
	p.Send(m.Connect(login("x")))
	p.ExpectClosed()
	p = b.join(login5("x"))
	p.Send(m.Connect(login5("x")))
	if k := p.Next(); k.Type() != m.DISCONNECT || k.Body[0] != 0x82 {
		t.Errorf("got %v, want protocol error", k)
	}
	p.ExpectClosed()
}

func keepalive(t *testing.T, b bed) {
	l := login("k")
	l.Keepalive = 2
	begun, p := time.Now(), b.dial()
	p.Login(l)
	p.ExpectClosed()
	if d := time.Since(begun); d < 2900*time.Millisecond {
		t.Errorf("closed after %v", d)
	}
	l.Keepalive = 0
	b.join(l).ExpectNothing()
}

func wills(t *testing.T, b bed) {
	watch := b.join(login("watch"))
	watch.Subscribe("w/#")
	for _, version := range []byte{4, 5} {
		for _, payload := range []string{"gone", ""} {
			l := login("w")
			l.Version, l.Will = version, &m.Will{Topic: "w/x", Payload: payload, QoS: 1, Retain: true}
			_ = b.join(l).Close()
			watch.ExpectMessage("w/x", payload)
			p := b.join(l)
			p.Send(m.Packet{Head: m.DISCONNECT << 4})
			p.ExpectClosed()
			watch.ExpectNothing()
		}
	}
	l := login5("w") // DISCONNECT with will
	l.Will = &m.Will{Topic: "w/x", Payload: "asked for"}
	b.join(l).Send(m.Packet{Head: m.DISCONNECT << 4, Body: []byte{4, 0}})
	watch.ExpectMessage("w/x", "asked for")
}

func willDelay(t *testing.T, b bed) {
	watch := b.join(login("watch"))
	watch.Subscribe("w/#")
	l := login5("w")
	l.Will = &m.Will{Topic: "w/x", Payload: "no session, no delay", Properties: raw(t, "18 00000010")}
	_ = b.join(l).Close()
	watch.ExpectMessage("w/x", "no session, no delay")

	l = login5("kept")
	l.Properties = raw(t, "11 00000100")
	l.Will = &m.Will{Topic: "w/y", Payload: "late", Properties: raw(t, "18 00000001")}
	p := b.join(l)
	begun := time.Now()
	_ = p.Close()
	watch.ExpectMessage("w/y", "late")
	if d := time.Since(begun); d < 900*time.Millisecond {
		t.Errorf("the will came after %v", d)
	}
	for delay := byte(1); !returns(t, b, delay); delay *= 2 { // on a busy machine a return takes a while
		if delay == 32 {
			t.Fatal("no client came back in time")
		}
	}
}

// returns looks that nothing is heard of a client that comes back before its
// will is due; false: it took too long for that.
func returns(t *testing.T, b bed, delay byte) bool {
	watch := b.join(login("watch returns"))
	watch.Subscribe(fmt.Sprint("v/", delay))
	l := login5(fmt.Sprint("back", delay))
	l.Properties = raw(t, "11 00000100")
	l.Will = &m.Will{Topic: fmt.Sprint("v/", delay), Payload: l.Client, Properties: []byte{0x18, 0, 0, 0, delay}}
	p := b.join(l)
	begun := time.Now()
	_ = p.Close()
	l.Persist = true
	b.join(l)
	if time.Since(begun) > time.Duration(delay)*900*time.Millisecond {
		return false
	}
	l.Client, l.Persist, l.Will.Payload = fmt.Sprint("away", delay), false, "away"
	_ = b.join(l).Close()
	watch.ExpectMessage(l.Will.Topic, "away")
	watch.ExpectNothing()
	return true
}
