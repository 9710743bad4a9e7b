package broker

import (
	"bytes"
	"strings"
	"testing"
	"time"

	m "github.com/printwire/printwire/mqtt/mqtttest"
)

// suback reads a SUBACK and returns its codes.
func suback(t *testing.T, version byte, p *m.Peer) []byte {
	t.Helper()
	k := p.Next()
	if k.Type() != m.SUBACK {
		t.Fatalf("got %v, want a SUBACK", k)
	}
	if version == 5 {
		return k.Body[3+k.Body[2]:]
	}
	return k.Body[2:]
}

func retainHandling(t *testing.T, b bed) {
	_ = b.Publish("r/x", []byte("1"), true)
	p := b.join(login5("p"))
	for i, step := range []struct {
		options byte
		comes   bool
	}{{0x20, false}, {0x10, false}, {0x00, true}, {0x00, true}, {0x10, false}} {
		p.Send(m.Subscribe(5, uint16(i+1), nil, m.Filter{Topic: "r/#", Options: step.options}))
		suback(t, 5, p)
		if step.comes {
			if d := p.ExpectMessage("r/x", "1"); !d.Retain {
				t.Error("not marked retained")
			}
		}
		p.ExpectNothing()
	}
	q := b.join(login5("q")) // new subscription with handling 1
	q.Send(m.Subscribe(5, 1, nil, m.Filter{Topic: "r/+", Options: 0x10}))
	suback(t, 5, q)
	q.ExpectMessage("r/x", "1")
	for _, filter := range []string{"r/x", "r/x/#", "r/+", "#", "+/x", "+/+"} {
		three := b.join(login(""))
		three.Subscribe(filter)
		three.ExpectMessage("r/x", "1")
		three.Subscribe(filter) // 3.1.1 sends them again
		three.ExpectMessage("r/x", "1")
	}
}

func retainAsPublished(t *testing.T, b bed) {
	p := b.join(login5("p"))
	p.Send(m.Subscribe(5, 1, nil, m.Filter{Topic: "as/#", Options: 0x08}, m.Filter{Topic: "not/#"}))
	suback(t, 5, p)
	_ = b.Publish("as/x", []byte("1"), true)
	_ = b.Publish("not/x", []byte("1"), true)
	if d := p.ExpectMessage("as/x", "1"); !d.Retain {
		t.Error("the retain flag was taken off")
	}
	if d := p.ExpectMessage("not/x", "1"); d.Retain {
		t.Error("a live message is marked retained")
	}
}

func retainClear(t *testing.T, b bed) {
	p, watch := b.join(login("p")), b.join(login("watch"))
	watch.Subscribe("r/#")
	p.Publish("r/x", "1", true)
	watch.ExpectMessage("r/x", "1")
	p.Publish("r/x", "", true)
	watch.ExpectMessage("r/x", "")
	late := b.join(login("late"))
	late.Subscribe("r/#")
	late.ExpectNothing()
	if n := b.Stats().Retained; n != 0 {
		t.Errorf("%d retained, want none", n)
	}
}

func qualities(t *testing.T, b bed) {
	for _, version := range []byte{3, 4, 5} {
		l := login("p")
		l.Version = version
		p := b.join(l)
		p.Send(m.Subscribe(version, 1, nil, m.Filter{Topic: "q/#", Options: 2}, m.Filter{Topic: "z", Options: 1}))
		if codes := suback(t, version, p); !bytes.Equal(codes, []byte{0, 0}) {
			t.Errorf("granted %v, want QoS 0", codes)
		}
		p.Send(m.Publish(version, 0, 0, "q/0", "zero"))
		p.ExpectMessage("q/0", "zero")
		p.Send(m.Publish(version, 2, 10, "q/1", "one"))
		p.Expect(m.Ack(m.PUBACK, 10))
		p.ExpectMessage("q/1", "one")
		p.Send(m.Publish(version, 4, 11, "q/2", "two"))
		p.Expect(m.Ack(m.PUBREC, 11))
		p.ExpectMessage("q/2", "two")
		p.Send(m.Publish(version, 4|8, 11, "q/2", "two")) // again: not delivered twice
		p.Expect(m.Ack(m.PUBREC, 11))
		p.Send(m.Ack(m.PUBREL, 11))
		p.Expect(m.Ack(m.PUBCOMP, 11))
		p.Send(m.Ack(m.PUBREL, 99)) // unknown
		if k := p.Next(); k.Type() != m.PUBCOMP {
			t.Errorf("got %v, want a PUBCOMP", k)
		}
		p.ExpectNothing()
	}
}

func overlapping(t *testing.T, b bed) {
	p := b.join(login("p"))
	p.Subscribe("o/#", "o/+", "o/x")
	_ = b.Publish("o/x", []byte("1"), false)
	p.ExpectMessage("o/x", "1")
	p.ExpectNothing()
}

func noLocal(t *testing.T, b bed) {
	p := b.join(login5("p"))
	p.Send(m.Subscribe(5, 1, nil, m.Filter{Topic: "n/#", Options: 4}))
	suback(t, 5, p)
	p.Publish("n/x", "mine", true)
	p.ExpectNothing()
	b.join(login("q")).Publish("n/y", "other", false)
	p.ExpectMessage("n/y", "other")
	p.Send(m.Subscribe(5, 2, nil, m.Filter{Topic: "n/#", Options: 4})) // nor what it retained
	suback(t, 5, p)
	p.ExpectNothing()
}

func identifiers(t *testing.T, b bed) {
	_ = b.Publish("i/kept", []byte("1"), true)
	p := b.join(login5("p"))
	p.Send(m.Subscribe(5, 1, []byte{0x0b, 5}, m.Filter{Topic: "i/#"}))
	suback(t, 5, p)
	if d := p.ExpectMessage("i/kept", "1"); !bytes.Equal(d.Properties, []byte{0x0b, 5}) {
		t.Errorf("retained with properties %x, want identifier 5", d.Properties)
	}
	p.Send(m.Subscribe(5, 2, []byte{0x0b, 9}, m.Filter{Topic: "i/x"}))
	suback(t, 5, p)
	_ = b.Publish("i/x", []byte("1"), false)
	if d := p.ExpectMessage("i/x", "1"); !bytes.Equal(d.Properties, []byte{0x0b, 5, 0x0b, 9}) {
		t.Errorf("properties %x, want both identifiers", d.Properties)
	}
}

func wildcards(t *testing.T, b bed) {
	for _, c := range []struct {
		filter, topic string
		match         bool
	}{
		{"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/+", "a", false}, {"a/+", "a/", true}, {"+", "/a", false}, {"/+", "/a", true},
		{"+/+", "/a", true}, {"a/+/c", "a/b/c", true}, {"a/+/c", "a//c", true}, {"#", "a/b", true}, {"a", "A", false}, {"+/#", "a", true},
		{"a/b", "a/b/", false}, {"a b/ü", "a b/ü", true},
	} {
		p := b.join(login("p"))
		p.Subscribe(c.filter)
		_ = b.Publish(c.topic, []byte("x"), false)
		if c.match {
			p.ExpectMessage(c.topic, "x")
		}
		p.ExpectNothing()
	}
}

func badFilters(t *testing.T, b bed) {
	for version, codes := range map[byte][]byte{4: {0x80, 0}, 5: {0x8f, 0}} {
		for _, f := range []string{"", "a/#/b", "a#", "a+", "+a/b", strings.Repeat("x", 2000), strings.Repeat("a/", 300)} {
			l := login("p")
			l.Version = version
			p := b.join(l)
			p.Send(m.Subscribe(version, 1, nil, m.Filter{Topic: f}, m.Filter{Topic: "fine"}))
			if got := suback(t, version, p); !bytes.Equal(got, codes) {
				t.Errorf("version %d, filter %.10q: codes %x, want %x", version, f, got, codes)
			}
			p.ExpectNothing()
		}
	}
	p := b.join(m.Login{Client: "l", User: "limited", Password: "pw-limited"})
	p.Send(m.Subscribe(4, 1, nil, m.Filter{Topic: "secret/#"}, m.Filter{Topic: "$SYS/#"}, m.Filter{Topic: "$share/g/a"}, m.Filter{Topic: "#"}))
	if got := suback(t, 4, p); !bytes.Equal(got, []byte{0x80, 0x80, 0x80, 0}) {
		t.Errorf("codes %x", got)
	}
	_ = b.Publish("secret/x", []byte("1"), true)
	_ = b.Publish("open/x", []byte("1"), true)
	p.ExpectMessage("open/x", "1") // '#' is narrowed at delivery
	p.Subscribe("#")
	p.ExpectMessage("open/x", "1") // and at replay
	p.ExpectNothing()
}

func unsubscribes(t *testing.T, b bed) {
	p := b.join(login("p"))
	p.Subscribe("u/#", "v")
	p.Send(m.Unsubscribe(4, 3, "u/#", "never"))
	p.Expect(m.Packet{Head: m.UNSUBACK << 4, Body: []byte{0, 3}})
	_ = b.Publish("u/x", []byte("1"), false)
	_ = b.Publish("v", []byte("1"), false)
	p.ExpectMessage("v", "1")
	q := b.join(login5("q"))
	q.Subscribe("u")
	q.Send(m.Unsubscribe(5, 3, "u", "never"))
	q.Expect(m.Packet{Head: m.UNSUBACK << 4, Body: []byte{0, 3, 0, 0, 0x11}})
}

func clientMaximum(t *testing.T, b bed) {
	_ = b.Publish("m/kept", bytes.Repeat([]byte("x"), 500), true)
	l := login5("p")
	l.Properties = raw(t, "27 00000064")
	p := b.join(l)
	p.Subscribe("m/#")
	_ = b.Publish("m/live", bytes.Repeat([]byte("x"), 100), false)
	_ = b.Publish("m/small", []byte("fits"), false)
	for {
		k := p.Next()
		if len(k.Bytes()) > 100 {
			t.Fatalf("got a packet of %d bytes", len(k.Bytes()))
		}
		if k.Type() == m.PUBLISH {
			if d, _ := m.Deliver(5, k); d.Topic != "m/small" {
				t.Errorf("got %q", d.Topic)
			}
			return
		}
	}
}

func ourMaximum(t *testing.T, b bed) {
	watch := b.join(login("watch"))
	watch.Subscribe("big")
	p := b.join(login("p"))
	p.Publish("big", strings.Repeat("x", 256<<10), false)
	watch.ExpectMessage("big", strings.Repeat("x", 256<<10))
	_, _ = p.Write(m.Publish(4, 2, 1, "big", strings.Repeat("x", 300<<10)).Bytes())
	if arrives(p, 30*time.Second) {
		t.Error("a packet above the limit was answered")
	}
	watch.ExpectNothing()
}

func receiveMaximum(t *testing.T, b bed) {
	p := b.join(login5("p"))
	for id := range uint16(64) {
		p.Send(m.Publish(5, 4, id+1, "q", "x"))
		p.Next()
	}
	p.Send(m.Publish(5, 4, 65, "q", "x"))
	if k := p.Next(); k.Type() != m.DISCONNECT || k.Body[0] != 0x93 {
		t.Fatalf("got %v, want receive maximum exceeded", k)
	}
	p.ExpectClosed()
	old := b.join(login("old")) // 3.1.1 has no such limit
	for id := range uint16(200) {
		old.Send(m.Publish(4, 4, id+1, "q", "x"))
		old.Expect(m.Ack(m.PUBREC, id+1))
	}
	old.ExpectNothing()
}

func publishProperties(t *testing.T, b bed) {
	props := raw(t, "01 01 03 0001 74 08 0001 72 09 0002 0102 26 0001 6b 0001 76")
	p, q := b.join(login5("p")), b.join(login5("q"))
	q.Subscribe("p/#")
	p.Send(m.Publish(5, 1, 0, "p/x", "v", props...))
	if d := q.ExpectMessage("p/x", "v"); !bytes.Equal(d.Properties, props) {
		t.Errorf("properties %x, want %x", d.Properties, props)
	}
	q.Subscribe("p/x") // and those of a retained value
	if d := q.ExpectMessage("p/x", "v"); !bytes.Equal(d.Properties, props) {
		t.Errorf("retained with properties %x, want %x", d.Properties, props)
	}
}

func messageExpiry(t *testing.T, b bed) {
	p := b.join(login5("p"))
	p.Send(m.Publish(5, 1, 0, "e/short", "v", raw(t, "02 00000001")...), m.Publish(5, 1, 0, "e/long", "v", raw(t, "02 00000e10")...))
	p.ExpectNothing()
	q := b.join(login5("q"))
	q.Subscribe("e/long")
	if d := q.ExpectMessage("e/long", "v"); !bytes.HasPrefix(d.Properties, []byte{2, 0, 0, 0x0e}) {
		t.Errorf("properties %x, want the time that is left", d.Properties)
	}
	eventually(t, "the short one is gone", func() bool { return b.Stats().Retained == 1 })
}

func mixed(t *testing.T, b bed) {
	three, five := b.join(login("three")), b.join(login5("five"))
	three.Subscribe("x")
	five.Subscribe("x")
	three.Publish("x", "from three", false)
	five.ExpectMessage("x", "from three")
	three.ExpectMessage("x", "from three")
	five.Send(m.Publish(5, 0, 0, "x", "from five", raw(t, "26 0001 6b 0001 76")...))
	five.ExpectMessage("x", "from five")
	three.ExpectMessage("x", "from five")
}

func bareAcks(t *testing.T, b bed) {
	p := b.join(login5("p"))
	p.Send(m.Publish(5, 2, 3, "x", "v", raw(t, "26 0001 6b 0001 76")...))
	if k := p.Next(); k.Type() != m.PUBACK || len(k.Body) > 4 {
		t.Errorf("got %v, want a bare PUBACK", k)
	}
	for range 3 {
		p.Send(m.Publish(5, 4, 4, "x", "v", raw(t, "26 0001 6b 0001 76")...))
		if k := p.Next(); k.Type() != m.PUBREC || len(k.Body) > 4 || len(k.Body) > 2 && k.Body[2] != 0 {
			t.Errorf("got %v, want a bare PUBREC", k)
		}
	}
}
