package broker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	m "github.com/printwire/printwire/mqtt/mqtttest"
)

// logBook is a log that tests can read.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func (l *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestNew_names_the_option_that_does_not_fit(t *testing.T) {
	three := byte(3)
	for field, o := range map[string]Options{
		"Listeners":      {Listeners: []Listener{{Network: "udp"}}},
		"MaxPacket":      {MaxPacket: -1},
		"MaxClients":     {MaxClients: -5},
		"Backlog":        {Backlog: 2 << 30},
		"RetainedTopics": {RetainedTopics: -1},
		"MaxQoS":         {MaxQoS: &three},
	} {
		if _, err := New(o); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if _, err := New(Options{Listeners: []Listener{{Network: "tls"}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("tls without a certificate: got %v", err)
	}
}

func TestBroker_Listen_tells_that_a_port_is_taken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	b, err := New(Options{Listeners: []Listener{{Network: "tcp", Address: "127.0.0.1:0"}, {Network: "tcp", Address: ln.Addr().String()}}})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Run(context.Background())
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "port taken") || !strings.Contains(err.Error(), ln.Addr().String()) || fault.HintOf(err) == "" {
		t.Errorf("got %v, want a conflict that names the address", err)
	}
	if b.Addr(0) != nil {
		t.Error("the first listener was left open")
	}
}

func TestBroker_Listen_accepts_nobody_before_Run(t *testing.T) {
	b, err := New(Options{Listeners: []Listener{{Network: "tcp", Address: "127.0.0.1:0"}}, Gate: gate{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	p := m.Dial(t, "tcp", b.Addr(0).String())
	p.Send(m.Connect(login("early")))
	if arrives(p, 100*time.Millisecond) {
		t.Error("an answer before Run")
	}
	if err := b.Publish("a", []byte("1"), true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }() // owner: the test; waits below
	if k := p.Next(); k.Type() != m.CONNACK {
		t.Errorf("got %v", k)
	}
	p.Subscribe("a")
	p.ExpectMessage("a", "1")
	if err := b.Run(ctx); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second Run = %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBroker_without_a_gate_is_unavailable(t *testing.T) {
	r := start(t, func(o *Options) { o.Gate = nil })
	for version, code := range map[byte]byte{4: 3, 5: 0x88} {
		l := login("x")
		l.Version = version
		if ack := r.dial().Connect(l); ack.Body[1] != code {
			t.Errorf("version %d: got %v, want %d: others make a client give up", version, ack, code)
		}
	}
}

func TestBroker_wrong_passwords_are_answered_late(t *testing.T) {
	r := start(t, func(o *Options) { o.RefuseDelay = 150 * time.Millisecond })
	begun := time.Now()
	r.dial().Connect(m.Login{Client: "x", User: "anna", Password: "no"})
	if d := time.Since(begun); d < 150*time.Millisecond {
		t.Errorf("refused after %v", d)
	}
	if n := r.Stats().Refused; n != 1 {
		t.Errorf("refused %d, want 1", n)
	}
}

func TestBroker_limits_clients_and_connections(t *testing.T) {
	t.Run("clients", func(t *testing.T) {
		r := start(t, func(o *Options) { o.MaxClients = 2 })
		r.join(login("1"))
		two := r.join(login("2"))
		for version, code := range map[byte]byte{4: 3, 5: 0x89} {
			l := login("3")
			l.Version = version
			if ack := r.dial().Connect(l); ack.Body[1] != code {
				t.Errorf("version %d: got %v, want %d", version, ack, code)
			}
		}
		_ = two.Close()
		eventually(t, "a place is free", func() bool { return r.Stats().Clients == 1 })
		eventually(t, "the third gets in", func() bool { return r.dial().Connect(login("3")).Body[1] == 0 })
	})
	t.Run("connections before login", func(t *testing.T) {
		r := start(t, func(o *Options) { o.PerAddress = 3 })
		var silent []*m.Peer
		for range 3 {
			silent = append(silent, r.dial())
		}
		eventually(t, "the silent ones are counted", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.waitingN == 3
		})
		r.dial().ExpectClosed()
		_ = silent[0].Close()
		eventually(t, "one is gone", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.waitingN == 2
		})
		for i := range 10 { // those that are logged in do not count
			r.join(login(fmt.Sprint(i)))
		}
	})
	t.Run("a flood of silent sockets", func(t *testing.T) {
		r := start(t, func(o *Options) { o.PerAddress = 0 })
		for range 500 {
			r.dial()
		}
		runtime.Gosched()
		r.mu.Lock()
		n := r.waitingN
		r.mu.Unlock()
		if n > 16 {
			t.Errorf("%d places before login are taken, want at most 16", n)
		}
	})
}

func TestBroker_sessions_are_listed_told_and_kicked(t *testing.T) {
	var mu sync.Mutex
	var told []string
	book := &logBook{}
	r := start(t, func(o *Options) {
		patient(o)
		o.Log = book.logger()
		o.OnSession = func(s Session, in bool) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(s.Client, " ", in))
		}
	})
	one := r.join(login5("one"))
	one.Subscribe("a", "b")
	two := r.join(login("two"))
	s := r.Sessions()
	if len(s) != 2 || s[0].Client != "one" || s[0].User != "anna" || s[0].Protocol != 5 || s[0].Subscriptions != 2 || s[0].Keepalive != time.Minute ||
		!strings.HasPrefix(s[0].Listener, "tcp 127") || s[0].Remote != one.LocalAddr().String() || s[0].Since.IsZero() || s[1].Protocol != 4 {
		t.Errorf("got %+v", s)
	}
	for _, id := range []string{"one", "two"} {
		if err := r.Kick(id, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if k := one.Next(); k.Type() != m.DISCONNECT || k.Body[0] != 0x98 {
		t.Errorf("got %v, want administrative action", k)
	}
	one.ExpectClosed()
	two.Discard()
	if err := r.Kick("nobody", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want not found", err)
	}
	eventually(t, "both are gone", func() bool { return len(r.Sessions()) == 0 })
	old := r.join(login("same"))
	r.join(login("same"))
	old.ExpectClosed()
	want := "one true,two true,same true,same false,same true"
	eventually(t, "logins and losses in order", func() bool {
		mu.Lock()
		defer mu.Unlock()
		got := strings.Join(told, ",")
		return strings.HasSuffix(got, "same true,same false,same true") && len(told) == 7 && strings.HasPrefix(got, want[:17])
	})
	if r.Stats().Takeovers != 1 || book.count("pw-anna") != 0 {
		t.Errorf("takeovers %d, password logged %d times", r.Stats().Takeovers, book.count("pw-anna"))
	}
}

func TestBroker_refused_writes_are_logged_once_a_minute(t *testing.T) {
	book, now := &logBook{}, time.Unix(1_800_000_000, 0)
	var mu sync.Mutex
	r := start(t, func(o *Options) {
		o.Log = book.logger()
		o.NoRetain = func(topic string) bool { return strings.HasSuffix(topic, "/set") }
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	got := make(chan mqtt.Message, 10)
	stop, err := r.Subscribe("x/+", func(m mqtt.Message) { got <- m })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	p := r.join(login("p"))
	for range 5 {
		p.Publish("x/set", "now", true)
	}
	if n := book.count("publish refused"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
	mu.Lock()
	now = now.Add(61 * time.Second)
	mu.Unlock()
	p.Publish("x/set", "now", true)
	if n := book.count("publish refused"); n != 2 {
		t.Errorf("logged %d times, want twice", n)
	}
	p.Publish("x/set", "live", false)
	if m := <-got; string(m.Payload) != "live" || m.User != "anna" || m.Client != "p" {
		t.Errorf("got %+v, want only the message that was not retained", m)
	}
	if s := r.Sessions()[0]; s.Denied != 6 || r.Stats().Denied != 6 || r.Stats().Retained != 0 {
		t.Errorf("denied %d, %d; retained %d", s.Denied, r.Stats().Denied, r.Stats().Retained)
	}
}

func TestBroker_Deliver_needs_a_subscriber(t *testing.T) {
	r := start(t, nil)
	p := r.join(login("p"))
	p.Subscribe("a/#")
	for _, c := range []struct {
		client, topic string
		kind          fault.Kind
	}{{"nobody", "a/x", fault.NotFound}, {"p", "b", fault.NotFound}, {"p", "$x", fault.Invalid}, {"p", "a/+", fault.Invalid}} {
		if err := r.Deliver(c.client, c.topic, nil); !fault.Is(err, c.kind) {
			t.Errorf("Deliver(%q, %q) = %v, want %v", c.client, c.topic, err, c.kind)
		}
	}
	if err := r.Deliver("p", "a/x", nil); err != nil {
		t.Fatal(err)
	}
	p.ExpectMessage("a/x", "")
}

func TestBroker_a_client_that_lags_is_cut_off_and_complete_afterwards(t *testing.T) {
	r := start(t, func(o *Options) { o.Backlog = 1 << 20 })
	stall(t, r, login("slow"), 0)
	fast := r.join(login("fast"))
	fast.Subscribe("v/#")
	for i := range 300 { // retained values beyond what may wait
		_ = r.Publish(fmt.Sprint("v/", i%3), []byte(fmt.Sprint(i)), true)
		fast.ExpectMessage(fmt.Sprint("v/", i%3), fmt.Sprint(i))
	}
	lag := r.join(login("lag"))
	lag.Send(m.Subscribe(4, 1, nil, m.Filter{Topic: "w"}))
	lag.Next()
	big := bytes.Repeat([]byte("x"), 200<<10)
	for i := 0; i < 2000 && len(r.Sessions()) > 1; i++ {
		big[0] = byte(i)
		_ = r.Publish("w", bytes.Clone(big), true)
	}
	eventually(t, "it is cut off", func() bool { return r.sessionConn("lag") == nil })
	fast.ExpectNothing()
	again := r.join(login("lag"))
	again.Subscribe("w")
	if k := again.Next(); k.Type() != m.PUBLISH {
		t.Errorf("got %v, want the value", k)
	}
	if r.Stats().Dropped == 0 {
		t.Error("nothing was counted as dropped")
	}
}
