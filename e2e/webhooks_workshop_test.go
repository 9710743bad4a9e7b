package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// workshop is one simulated printer with its files, and the whole program. The
// clocks of both are the test's, and move together.
type workshop struct {
	t     *testing.T
	clock *clock
	sim   *simulator.Printer
	in    *inside
	key   string
	beats int
}

// newWorkshop starts both with endpoints of the settings.
func newWorkshop(t *testing.T, model string, hooks ...settings.Webhook) *workshop {
	t.Helper()
	w := &workshop{t: t, clock: &clock{at: time.Now()}}
	var err error
	w.sim, err = simulator.New(simulator.Options{Model: model, Speed: -1, ListenFiles: "127.0.0.1:0", AMS: []string{"AMS"}})
	if err == nil {
		err = w.sim.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = w.sim.Run(ctx) }) // owner: the clean-up ends and waits
	t.Cleanup(func() { cancel(); group.Wait() })
	s := settings.Default()
	p := at("Workshop "+model, w.sim.Serial(), w.sim.Addr(), w.sim.AccessCode())
	p.FilesPort = w.sim.FilesAddr().(*net.TCPAddr).Port
	s.Printers, s.Webhooks, s.WebhookAddresses.Loopback = []settings.Printer{p}, hooks, true
	s.HTTP.Listen, s.MQTT.Listen, s.MQTT.Mode = "127.0.0.1:0", "127.0.0.1:0", "embedded"
	w.in = runApp(t, app.Options{Settings: s, Log: discardLog(), Now: w.clock.Now}, nil)
	key, err := w.in.app.CreateKey(t.Context(), app.KeyRequest{Name: "Workshop", Scopes: []string{"full_access"}, Plan: auth.Plan{Name: auth.PlanUnlimited}})
	if err != nil {
		t.Fatal(err)
	}
	w.key = key.Key
	w.until("the printer is idle", func(s shown) bool { return s.Connected && s.Activity == "idle" })
	return w
}

// shown is what REST says of the printer.
type shown struct {
	Connected bool
	Activity  string
	Progress  *int
	WiFi      *int     `json:"wifi_signal"`
	Layer     *int     `json:"layer_num"`
	Grams     *float64 `json:"filament_used"`
}

// call makes a request of the API and wants a status.
func (w *workshop) call(method, path string, status int, body, answer any) {
	w.t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.in.access.HTTP+path, content)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-API-Key", w.key)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		w.t.Fatalf("%s %s: %d, want %d: %s (%v)", method, path, response.StatusCode, status, text, err)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
}

func (w *workshop) shown() (s shown) {
	w.t.Helper()
	w.call(http.MethodGet, "/api/v1/printers/1/status", http.StatusOK, nil, &s)
	return s
}

// until waits until REST shows the printer as wanted.
func (w *workshop) until(what string, ok func(shown) bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		s := w.shown()
		if ok(s) {
			return
		}
		if time.Now().After(deadline) {
			text, _ := json.Marshal(s)
			w.t.Fatalf("%s: not within %s; the printer is %s", what, patience, text)
		}
	}
}

// beat waits until all that the printer has sent is in: it sends another
// signal, which changes nothing else, until that is shown.
func (w *workshop) beat() {
	w.t.Helper()
	w.beats++
	signal := -11 - w.beats%2
	report := fmt.Appendf(nil, `{"print":{"command":"push_status","msg":1,"wifi_signal":"%ddBm"}}`, signal)
	sent := time.Time{}
	w.until("a report that was sent is in", func(s shown) bool {
		// The answer to a question of the bridge may come in between, with the printer's own signal.
		if time.Since(sent) > 200*time.Millisecond {
			sent = time.Now()
			w.sim.Send(report)
		}
		return s.WiFi != nil && *s.WiFi == signal
	})
}

// pass lets time pass for everybody.
func (w *workshop) pass(d time.Duration) {
	w.t.Helper()
	for ; d > 0; d -= 20 * time.Second {
		step := min(d, 20*time.Second)
		w.clock.move(step)
		w.sim.Step(step)
		w.beat()
	}
}

// print starts a job and tells when it was seen to begin.
func (w *workshop) print(j simulator.Job) (began time.Time) {
	w.t.Helper()
	w.sim.Print(j)
	for w.sim.Status().State != "PREPARE" {
		w.pass(time.Second)
	}
	began = w.clock.Now()
	w.until("the file is read", func(s shown) bool {
		w.pass(time.Second)
		return s.Grams != nil
	})
	return began
}

// printTo prints to a percentage.
func (w *workshop) printTo(percent int) {
	w.t.Helper()
	for w.sim.Status().Percent < percent || w.sim.Status().State != "RUNNING" {
		w.pass(20 * time.Second)
	}
}

// finish prints to the end and tells when that was seen.
func (w *workshop) finish() time.Time {
	w.t.Helper()
	for w.sim.Status().State != "FINISH" {
		w.pass(20 * time.Second)
	}
	return w.clock.Now()
}

// hook is an endpoint of the settings.
func hook(r *receiver, change func(*settings.Webhook)) settings.Webhook {
	h := settings.Webhook{ID: r.name, Name: r.name, URL: secret.Text(r.url)}
	if change != nil {
		change(&h)
	}
	return h
}
