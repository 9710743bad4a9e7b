package client_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

// runBus runs a Bus until the test ends, or until the returned stop.
func runBus(t *testing.T, o client.BusOptions) (b *client.Bus, stop func()) {
	t.Helper()
	if o.ClientID == "" {
		o.ClientID = "bridge"
	}
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	b, err := client.NewBus(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }() // owner: stop, which waits
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return b, stop
}

func connectedBus(t *testing.T, o client.BusOptions) *client.Bus {
	t.Helper()
	b, _ := runBus(t, o)
	eventually(t, "the bus connects", b.Connected)
	return b
}

// other is another client of the broker, as the suite wants it: a Publish
// returns when the broker has the message.
type other struct {
	t    *testing.T
	bus  *client.Bus
	link *client.Link
}

func (o other) Publish(topic string, payload []byte, retain bool) error {
	if retain {
		if err := o.bus.Publish(topic, payload, true); err != nil {
			return err
		}
		eventually(o.t, "the retained value is sent", func() bool { return o.bus.Stats().Waiting == 0 })
		return nil
	}
	return o.link.Publish(o.t.Context(), topic, payload, 1)
}

func (o other) Subscribe(filter string, fn func(mqtt.Message)) (stop func(), err error) {
	return o.bus.Subscribe(filter, fn)
}

func TestBus_Conform(t *testing.T) {
	program(t, "mosquitto")
	mqtttest.Conform(t, func(t *testing.T) mqtttest.Setup {
		m := newMosquitto(t)
		link, err := client.Dial(t.Context(), client.LinkOptions{Address: m.address(), ClientID: "other link"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(link.Close)
		o := connectedBus(t, client.BusOptions{Addresses: []string{"mqtt://" + m.address()}, ClientID: "other"})
		return mqtttest.Setup{
			Bus:   connectedBus(t, client.BusOptions{Addresses: []string{"mqtt://" + m.address()}}),
			Other: other{t, o, link},
		}
	})
}

// watch collects what a client other than the bus sees.
type watch struct {
	mu   sync.Mutex
	seen []mqtt.Message
}

func watchBroker(t *testing.T, address, filter string) *watch {
	t.Helper()
	w := &watch{}
	b := connectedBus(t, client.BusOptions{Addresses: []string{address}, ClientID: "watch " + filter})
	if _, err := b.Subscribe(filter, func(m mqtt.Message) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, m)
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watch) values(topic string) (values []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.seen {
		if m.Topic == topic {
			values = append(values, string(m.Payload))
		}
	}
	return values
}

func (w *watch) last(topic string) string {
	values := w.values(topic)
	if len(values) == 0 {
		return "nothing"
	}
	return values[len(values)-1]
}

func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBus_Restart(t *testing.T) {
	t.Run("after a restart of the broker values, subscriptions and events are back", func(t *testing.T) {
		m := newMosquitto(t)
		b := connectedBus(t, client.BusOptions{
			Addresses: []string{"tcp://" + m.address()},
			Will:      &client.Will{Topic: "printwire/status", Payload: []byte("offline"), Retain: true},
		})
		must(t, b.Publish("printwire/status", []byte("online"), true))
		must(t, b.Publish("printwire/S/progress", []byte("10"), true))
		must(t, b.Publish("printwire/S/gone", []byte("x"), true))
		got := make(chan mqtt.Message, 16)
		_, err := b.Subscribe("printwire/+/+/set", func(m mqtt.Message) { got <- m })
		must(t, err)

		m.stop()
		eventually(t, "the loss is seen", func() bool { return !b.Connected() })
		for i := range 5 {
			must(t, b.Publish("printwire/S/progress", fmt.Append(nil, 20+i), true))
		}
		must(t, b.Publish("printwire/S/event", []byte("while away"), false))
		must(t, b.Clear("printwire/S/gone"))
		if b.Stats().LastError == "" {
			eventually(t, "the reason is shown", func() bool { return b.Stats().LastError != "" })
		}

		m.start()
		w := watchBroker(t, "tcp://"+m.address(), "printwire/#")
		eventually(t, "status and value are back", func() bool {
			return w.last("printwire/status") == "online" && w.last("printwire/S/progress") == "24"
		})
		eventually(t, "nothing waits", func() bool { return b.Stats().Waiting == 0 })
		if values := w.values("printwire/S/progress"); slices.Contains(values, "21") {
			t.Errorf("an old value was sent: %v", values)
		}
		if v := w.last("printwire/S/gone"); v != "nothing" && v != "" {
			t.Errorf("a cleared value came back as %q", v)
		}
		link, err := client.Dial(t.Context(), client.LinkOptions{Address: m.address(), ClientID: "person"})
		must(t, err)
		defer link.Close()
		must(t, link.Publish(t.Context(), "printwire/S/pause/set", []byte("PRESS"), 1))
		if c := <-got; string(c.Payload) != "PRESS" {
			t.Errorf("command = %q", c.Payload)
		}
	})
}

func TestBus_Events(t *testing.T) {
	t.Run("an event that waited for the broker is delivered once it is there", func(t *testing.T) {
		m := newMosquitto(t)
		w := watchBroker(t, "tcp://"+m.address(), "e/#")
		b, err := client.NewBus(client.BusOptions{Addresses: []string{"tcp://" + m.address()}, ClientID: "late"})
		must(t, err)
		for i := range 3 {
			must(t, b.Publish("e/v", fmt.Append(nil, i), false))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }() // owner: this test, which waits
		eventually(t, "all three arrive", func() bool { return w.count() == 3 })
		cancel()
		must(t, <-done)
		if got := strings.Join(w.values("e/v"), " "); got != "0 1 2" {
			t.Errorf("got %s", got)
		}
	})
}

func TestBus_Will(t *testing.T) {
	m := newMosquitto(t)
	w := watchBroker(t, "tcp://"+m.address(), "printwire/status")
	will := &client.Will{Topic: "printwire/status", Payload: []byte("offline"), Retain: true}

	t.Run("a polite end says offline, after what still waited", func(t *testing.T) {
		b, stop := runBus(t, client.BusOptions{Addresses: []string{"tcp://" + m.address()}, Will: will})
		eventually(t, "connected", b.Connected)
		must(t, b.Publish("printwire/status", []byte("online"), true))
		eventually(t, "online", func() bool { return w.last("printwire/status") == "online" })
		stop()
		eventually(t, "offline", func() bool { return w.last("printwire/status") == "offline" })
	})

	t.Run("the broker says offline when the connection is cut, and we say online again", func(t *testing.T) {
		cut := newCutter(t, m.address())
		b := connectedBus(t, client.BusOptions{Addresses: []string{"tcp://" + cut.address()}, Will: will})
		must(t, b.Publish("printwire/status", []byte("online"), true))
		eventually(t, "online", func() bool { return w.last("printwire/status") == "online" })
		before := len(w.values("printwire/status"))
		cut.cut()
		eventually(t, "offline and online again", func() bool {
			values := w.values("printwire/status")[before:]
			return slices.Contains(values, "offline") && values[len(values)-1] == "online"
		})
	})
}

func TestBus_Login(t *testing.T) {
	dir := t.TempDir()
	passwords := filepath.Join(dir, "passwords")
	if out, err := exec.Command(program(t, "mosquitto_passwd"), "-b", "-c", passwords, "bridge", "right").CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v %s", err, out)
	}
	m := newMosquitto(t, "password_file "+passwords)

	t.Run("a wrong password is said and does not end the bus", func(t *testing.T) {
		b, _ := runBus(t, client.BusOptions{Addresses: []string{"tcp://" + m.address()}, User: "bridge", Password: "wrong"})
		eventually(t, "the refusal is shown", func() bool { return strings.Contains(b.Stats().LastError, "login refused") })
		if b.Connected() {
			t.Error("connected with a wrong password")
		}
	})
	t.Run("the right one connects", func(t *testing.T) {
		connectedBus(t, client.BusOptions{Addresses: []string{"tcp://" + m.address()}, User: "bridge", Password: "right"})
	})
	t.Run("a link is told that it is denied", func(t *testing.T) {
		_, err := client.Dial(t.Context(), client.LinkOptions{Address: m.address(), User: "bridge", Password: "wrong", ClientID: "x"})
		if !fault.Is(err, fault.Denied) {
			t.Errorf("Dial = %v, want denied", err)
		}
		if err != nil && strings.Contains(err.Error(), "wrong") {
			t.Errorf("the password is in the error: %v", err)
		}
	})
}

func TestBus_TLS(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	m := newMosquitto(t, ca.files(dir, "broker.test", "127.0.0.1")...)
	for _, c := range []struct {
		name   string
		config *tls.Config
		want   string // "" connects
	}{
		{"a certificate of the given authority is accepted", &tls.Config{RootCAs: ca.pool()}, ""},
		{"the name may be another than the address", &tls.Config{RootCAs: ca.pool(), ServerName: "broker.test"}, ""},
		{"an unknown authority is refused", nil, "unknown authority"},
		{"a wrong name is refused", &tls.Config{RootCAs: ca.pool(), ServerName: "elsewhere.test"}, "elsewhere.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := runBus(t, client.BusOptions{Addresses: []string{"mqtts://" + m.address()}, TLS: c.config})
			if c.want == "" {
				eventually(t, "connected", b.Connected)
				return
			}
			eventually(t, "the reason is shown", func() bool { return strings.Contains(b.Stats().LastError, c.want) })
		})
	}
}

func TestBus_WebSocket(t *testing.T) {
	m := newMosquitto(t)
	port := freePort(t)
	m.stop()
	text, err := os.ReadFile(m.config)
	must(t, err)
	must(t, os.WriteFile(m.config, fmt.Appendf(text, "listener %d 127.0.0.1\nprotocol websockets\n", port), 0o600))
	m.start()
	w := watchBroker(t, "tcp://"+m.address(), "w/#")
	b := connectedBus(t, client.BusOptions{Addresses: []string{fmt.Sprintf("ws://127.0.0.1:%d", port)}})
	must(t, b.Publish("w/v", []byte(strings.Repeat("x", 100<<10)), true))
	eventually(t, "the value arrives", func() bool { return len(w.last("w/v")) == 100<<10 })
}

func TestBus_Addresses(t *testing.T) {
	m := newMosquitto(t)
	t.Run("the next address is tried when one does not answer", func(t *testing.T) {
		connectedBus(t, client.BusOptions{Addresses: []string{fmt.Sprintf("tcp://127.0.0.1:%d", freePort(t)), "tcp://" + m.address()}})
	})
	for _, c := range []struct{ name, address, want string }{
		{"no address", "", "expected an address"},
		{"no host", "mqtt://", "expected an address"},
		{"an unknown scheme", "http://broker", "expected mqtt, mqtts, ws or wss"},
		{"a password in the address", "mqtt://a:b@broker", "fields of their own"},
		{"a path without WebSocket", "mqtt://broker/x", "only a ws or wss"},
	} {
		t.Run(c.name+" is invalid", func(t *testing.T) {
			_, err := client.NewBus(client.BusOptions{Addresses: []string{c.address}, ClientID: "x"})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "a:b") {
				t.Errorf("NewBus = %v, want invalid with %q", err, c.want)
			}
		})
	}
	t.Run("everything wrong is said at once", func(t *testing.T) {
		_, err := client.NewBus(client.BusOptions{Will: &client.Will{Topic: "a/#"}, First: "#/x"})
		for _, want := range []string{"address", "client_id", "will", "first"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("NewBus = %v, want %q in it", err, want)
			}
		}
	})
}

func TestBus_Resend(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	later := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	m := newMosquitto(t)
	w := watchBroker(t, "tcp://"+m.address(), "#")
	b := connectedBus(t, client.BusOptions{
		Addresses: []string{"tcp://" + m.address()}, Now: clock, ResendRate: 200, First: "d/#", Settle: 300 * time.Millisecond,
	})
	for i := range 20 {
		must(t, b.Publish(fmt.Sprintf("s/%d", i), []byte("v"), true))
		must(t, b.Publish(fmt.Sprintf("d/%d", i), []byte("c"), true))
	}
	eventually(t, "all is published", func() bool { return w.count() == 40 })

	b.Resend() // within 10 s of the connection
	later(11 * time.Second)
	begun := time.Now()
	for range 3 {
		b.Resend()
	}
	eventually(t, "all is sent again", func() bool { return w.count() >= 80 })
	if took := time.Since(begun); took < 38*5*time.Millisecond+300*time.Millisecond {
		t.Errorf("40 messages took %v: faster than 200 a second with a pause of 300 ms", took)
	}
	w.mu.Lock()
	for i, m := range w.seen[40:60] {
		if !strings.HasPrefix(m.Topic, "d/") {
			t.Errorf("message %d is %s, want those that match First first", i, m.Topic)
		}
	}
	w.mu.Unlock()
	must(t, b.Publish("end", []byte("x"), false))
	eventually(t, "the end", func() bool { return w.last("end") == "x" })
	if n := w.count(); n != 81 {
		t.Errorf("%d messages, want 81: three Resend within 10 s are one", n)
	}
}
