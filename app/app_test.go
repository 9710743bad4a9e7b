package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// running is a program that runs for a test.
type running struct {
	t     *testing.T
	app   *app.App
	ready app.Ready
	stop  func() error
}

// local are settings that listen on free ports of this machine.
func local() settings.Settings {
	s := settings.Default()
	s.HTTP.Listen, s.MQTT.Listen = "127.0.0.1:0", "127.0.0.1:0"
	return s
}

// options are those of a quiet program in a folder.
func options(s settings.Settings, data string) app.Options {
	return app.Options{Settings: s, Data: data, Version: "test", Log: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar)}
}

// begin runs a program until stop or the end of the test.
func begin(t *testing.T, o app.Options) *running {
	t.Helper()
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, done := make(chan app.Ready, 1), make(chan error, 1)
	go func() { done <- a.Run(ctx, func(r app.Ready) { ready <- r }) }() // owner: stop waits on done
	r := &running{t: t, app: a}
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil && !errors.Is(err, app.ErrRestart) {
			t.Errorf("the program ended with %v", err)
		}
	})
	select {
	case r.ready = <-ready:
	case err := <-done:
		t.Fatalf("the program did not start: %v", err)
	}
	return r
}

// simulated runs a simulated printer and gives its settings.
func simulated(t *testing.T, model string) settings.Printer {
	t.Helper()
	p, err := simulator.New(simulator.Options{Model: model, Speed: 60, Seed: 1, StartPrinting: true, Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }() // owner: the clean-up waits on done
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the simulated printer ended with %v", err)
		}
	})
	host, port, _ := net.SplitHostPort(p.Addr().String())
	number, _ := strconv.Atoi(port)
	return settings.Printer{
		Name: "Bench", Family: "bambu", Host: host, Port: number, Serial: p.Serial(), AccessCode: p.AccessCode(), Certificate: "pin",
	}
}

// values follows topics of a program's broker.
type values struct {
	mu      sync.Mutex
	seen    map[string]string
	changed chan struct{}
	link    *client.Link
}

func (r *running) watch(filters ...string) *values {
	r.t.Helper()
	login, err := r.app.MQTTLogin()
	if err != nil {
		r.t.Fatal(err)
	}
	v := &values{seen: map[string]string{}, changed: make(chan struct{}, 1)}
	v.link, err = client.Dial(r.t.Context(), client.LinkOptions{
		Address: r.ready.MQTT, User: login.Name, Password: secret.Text(login.Password), ClientID: "watch", Subscribe: filters,
		OnMessage: func(topic string, payload []byte) {
			v.mu.Lock()
			v.seen[topic] = string(payload)
			v.mu.Unlock()
			select {
			case v.changed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(v.link.Close)
	return v
}

// until waits until a topic has a value.
func (v *values) until(t *testing.T, topic string, want func(string) bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		v.mu.Lock()
		got, ok := v.seen[topic]
		v.mu.Unlock()
		if ok && want(got) {
			return
		}
		select {
		case <-v.changed:
		case <-deadline:
			t.Fatalf("%s is %q", topic, got)
		}
	}
}

func is(want string) func(string) bool { return func(got string) bool { return got == want } }

func TestApp_FromAPrinterToASubscriberAndBack(t *testing.T) {
	s := local()
	s.Printers = []settings.Printer{simulated(t, "X1C")}
	r := begin(t, options(s, t.TempDir()))
	base := "printwire/" + s.Printers[0].Serial + "/"
	v := r.watch("printwire/#", "homeassistant/#")
	v.until(t, base+"activity", is("printing"))
	v.until(t, "homeassistant/device/printwire_"+s.Printers[0].Serial+"/config", func(text string) bool {
		var payload struct{ Components map[string]any }
		return json.Unmarshal([]byte(text), &payload) == nil && len(payload.Components) > 40
	})
	if err := v.link.Publish(t.Context(), base+"pause/set", []byte("PRESS"), 0); err != nil {
		t.Fatal(err)
	}
	v.until(t, base+"activity", is("paused"))
	v.until(t, base+"event", func(text string) bool { return strings.Contains(text, `"print_paused"`) })
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	v.until(t, "printwire/status", is("offline"))
}

func TestApp_ASecondProcessIsToldClearly(t *testing.T) {
	data := t.TempDir()
	begin(t, options(local(), data))
	_, err := app.New(t.Context(), options(local(), data))
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), filepath.Join(data, "printwire.db")) {
		t.Errorf("New: %v, want a conflict that names the file", err)
	}
}

func TestApp_LoginAndIDsSurviveARestart(t *testing.T) {
	s := local()
	s.Printers = []settings.Printer{simulated(t, "A1")}
	data := t.TempDir()
	first := begin(t, options(s, data))
	login, err := first.app.MQTTLogin()
	if err != nil {
		t.Fatal(err)
	}
	rows := first.app.Printers()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := begin(t, options(s, data))
	again, err := second.app.MQTTLogin()
	if err != nil || again != login {
		t.Errorf("the login for Home Assistant is another after a restart (%v)", err)
	}
	if got := second.app.Printers(); len(got) != 1 || got[0].ID != rows[0].ID {
		t.Errorf("printers after a restart: %+v, want the id %d", got, rows[0].ID)
	}
}

func TestApp_ATakenHTTPPortStopsNothingElse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s := local()
	s.HTTP.Listen = taken.Addr().String()
	r := begin(t, options(s, t.TempDir()))
	if r.ready.HTTP != "" {
		t.Errorf("HTTP listens on %s, which is taken", r.ready.HTTP)
	}
	r.watch("printwire/#").until(t, "printwire/status", is("online"))
}

func TestApp_ATakenMQTTPortIsAClearError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s := local()
	s.MQTT.Listen = taken.Addr().String()
	a, err := app.New(t.Context(), options(s, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	err = a.Run(t.Context(), func(app.Ready) { t.Error("ready without a broker") })
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("Run: %v, want an error that names the address", err)
	}
}

func TestApp_RestartFromHomeAssistant(t *testing.T) {
	r := begin(t, options(local(), t.TempDir()))
	v := r.watch("printwire/#")
	v.until(t, "printwire/status", is("online"))
	if err := v.link.Publish(t.Context(), "printwire/bridge/restart/set", []byte("PRESS"), 0); err != nil {
		t.Fatal(err)
	}
	v.until(t, "printwire/status", is("offline"))
	if err := r.stop(); !errors.Is(err, app.ErrRestart) {
		t.Errorf("Run: %v, want ErrRestart", err)
	}
}

// supervisor plays Home Assistant's Supervisor as far as an app asks it.
type supervisor struct {
	mu      sync.Mutex
	service map[string]any
	offered chan map[string]any
}

// ServeHTTP answers like the Supervisor.
func (s *supervisor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	answer := func(data any) { _ = json.NewEncoder(w).Encode(map[string]any{"result": "ok", "data": data}) }
	switch r.Method + " " + r.URL.Path {
	case "GET /addons/self/info":
		answer(map[string]any{"slug": "local_printwire", "hostname": "local-printwire"})
	case "GET /services/mqtt":
		if s.service == nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"result":"error","message":"Service not enabled"}`)
			return
		}
		answer(s.service)
	case "POST /services/mqtt":
		body["addon"] = "local_printwire"
		s.service = body
		answer(map[string]any{})
	case "POST /discovery":
		s.offered <- body
		answer(map[string]any{"uuid": "7c1d"})
	default:
		http.NotFound(w, r)
	}
}

func TestApp_AutoOffersItsBrokerToHomeAssistant(t *testing.T) {
	s := &supervisor{offered: make(chan map[string]any, 1)}
	server := httptest.NewServer(s)
	defer server.Close()
	o := options(local(), t.TempDir())
	o.Settings.MQTT.Mode, o.Token, o.SupervisorURL = "auto", "token", server.URL
	r := begin(t, o)
	login, err := r.app.MQTTLogin()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case offer := <-s.offered:
		config, _ := offer["config"].(map[string]any)
		if config["host"] != "local-printwire" || config["username"] != login.Name || config["password"] != login.Password {
			t.Errorf("offered %v", offer)
		}
	case <-time.After(time.Minute):
		t.Fatal("no offer within a minute")
	}
}

func TestApp_ABackupOfHomeAssistantHoldsTheSnapshot(t *testing.T) {
	server := httptest.NewServer(&supervisor{offered: make(chan map[string]any, 2)})
	defer server.Close()
	o := options(local(), t.TempDir())
	o.Token, o.SupervisorURL = "token", server.URL
	first := begin(t, o)
	login, err := first.app.MQTTLogin()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	snapshot, err := os.ReadFile(filepath.Join(o.Data, "printwire.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	o.Data = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.Data, "printwire.snapshot"), snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	restored, err := begin(t, o).app.MQTTLogin()
	if err != nil || restored != login {
		t.Errorf("after a restore the login is another (%v)", err)
	}
}

func TestApp_AutoUsesTheBrokerThatHomeAssistantHas(t *testing.T) {
	there := local()
	there.MQTT.Users = []settings.User{{Name: "addons", Password: "a password of 20 ch.", Topics: []string{"#"}}}
	other := begin(t, options(there, t.TempDir()))
	host, port, _ := net.SplitHostPort(other.ready.MQTT)
	number, _ := strconv.Atoi(port)
	server := httptest.NewServer(&supervisor{service: map[string]any{
		"addon": "core_mosquitto", "host": host, "port": number, "ssl": false,
		"username": "addons", "password": "a password of 20 ch.", "protocol": "3.1.1",
	}})
	defer server.Close()
	v := other.watch("printwire/#")
	o := options(local(), t.TempDir())
	o.Settings.MQTT.Mode, o.Token, o.SupervisorURL = "auto", "token", server.URL
	o.Settings.Printers = []settings.Printer{simulated(t, "A1")}
	r := begin(t, o)
	if r.ready.MQTT != "" {
		t.Errorf("an own broker listens on %s", r.ready.MQTT)
	}
	v.until(t, "printwire/"+o.Settings.Printers[0].Serial+"/activity", is("printing"))
}
