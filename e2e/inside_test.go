package e2e_test

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// inside is the whole program in this process, and one subscriber.
type inside struct {
	t      *testing.T
	app    *app.App
	access access
	stop   func()

	mu      sync.Mutex
	values  map[string]string
	count   int
	each    func(topic, payload string)
	changed chan struct{}
}

// at is how a printer is reached.
func at(model, serial string, address net.Addr, code secret.Text) settings.Printer {
	a := address.(*net.TCPAddr)
	return settings.Printer{
		Name: model, Family: "bambu", Host: a.IP.String(), Port: a.Port, Serial: serial, AccessCode: code, Certificate: "pin",
	}
}

// runInside runs the program with printers until stop or the end of the test.
// each sees every message, on the subscriber's goroutine.
func runInside(t *testing.T, log *slog.Logger, each func(topic, payload string), printers ...settings.Printer) *inside {
	t.Helper()
	s := settings.Default()
	s.HTTP.Listen, s.MQTT.Listen, s.MQTT.Mode, s.Printers = "127.0.0.1:0", "127.0.0.1:0", "embedded", printers
	return runApp(t, app.Options{Settings: s, Log: log}, each)
}

// runApp does so with options of one's own.
func runApp(t *testing.T, o app.Options, each func(topic, payload string)) *inside {
	t.Helper()
	o.Data, o.Version, o.Level = t.TempDir(), "test", new(slog.LevelVar)
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan app.Ready, 1), make(chan error, 1)
	go func() { done <- a.Run(ctx, func(r app.Ready) { ready <- r }) }() // owner: stop waits on done
	in := &inside{t: t, app: a, values: map[string]string{}, each: each, changed: make(chan struct{}, 1)}
	var link *client.Link
	in.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the program ended with %v", err)
		}
		if link != nil {
			link.Close()
		}
	})
	t.Cleanup(in.stop)
	var listens app.Ready
	select {
	case listens = <-ready:
	case err := <-done:
		t.Fatalf("the program did not start: %v", err)
	}
	login, err := a.MQTTLogin()
	if err != nil {
		t.Fatal(err)
	}
	in.access = accessOf(t, listens, login)
	link, err = client.Dial(t.Context(), client.LinkOptions{
		Address: listens.MQTT, User: login.Name, Password: secret.Text(login.Password), ClientID: "inside",
		Subscribe: []string{"printwire/#", "homeassistant/#", "e2e/#"}, OnMessage: in.take,
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func accessOf(t *testing.T, r app.Ready, login app.UserRow) access {
	t.Helper()
	host, port, err := net.SplitHostPort(r.MQTT)
	if err != nil {
		t.Fatal(err)
	}
	a := access{HTTP: "http://" + r.HTTP}
	a.MQTT.Host, a.MQTT.Username, a.MQTT.Password = host, login.Name, login.Password
	if a.MQTT.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return a
}

func (in *inside) take(topic string, payload []byte) {
	text := string(payload)
	in.mu.Lock()
	in.values[topic] = text
	in.count++
	in.mu.Unlock()
	if in.each != nil {
		in.each(topic, text)
	}
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

// value is the last payload of a topic.
func (in *inside) value(topic string) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.values[topic]
}

// until waits until a topic has a value.
func (in *inside) until(topic, want string) {
	in.t.Helper()
	in.wait(topic, func(got string) bool { return got == want })
}

// wait waits until a topic has a value that is right.
func (in *inside) wait(topic string, right func(string) bool) {
	in.t.Helper()
	deadline := time.After(patience)
	for {
		got := in.value(topic)
		if right(got) {
			return
		}
		select {
		case <-in.changed:
		case <-deadline:
			in.t.Fatalf("%s is %q", topic, got)
		}
	}
}

// topics are the topics of one printer's values and announcements.
func (in *inside) topics(serial string) map[string]bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := map[string]bool{}
	for topic := range in.values {
		if strings.Contains(topic, serial) && !strings.HasSuffix(topic, "/event") && !strings.HasSuffix(topic, "/trigger") {
			list[topic] = true
		}
	}
	return list
}
