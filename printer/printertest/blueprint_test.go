package printertest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/printertest"
)

// The blueprint is a whole printer family to copy: a driver of a made-up
// printer that is asked for its state over HTTP. ARCHITECTURE.md says what to
// do with the copy.

// stages are the words that State.Stage can have; this printer has none.
func stages() []string { return nil }

// pretend keeps one made-up printer in view.
type pretend struct {
	config printer.Config
	every  time.Duration
	now    func() time.Time
	online atomic.Bool
}

// newPretend checks the settings; it starts nothing.
func newPretend(c printer.Config, every time.Duration, now func() time.Time) (*pretend, error) {
	if c.Host == "" {
		return nil, fault.New(fault.Invalid, "must be set").At("host")
	}
	return &pretend{config: c, every: every, now: now}, nil
}

// pretendReport is the wire: what the printer answers.
type pretendReport struct {
	Busy   bool    `json:"busy"`
	Nozzle float64 `json:"nozzle"`
	Light  bool    `json:"light"`
}

// Run asks the printer until ctx ends. What it emits is always complete: it
// starts from what was stored and changes what the report says.
func (d *pretend) Run(ctx context.Context, start printer.Start, emit func(printer.Update)) error {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	defer d.online.Store(false)
	shown := start.State
	for first := true; ; first = false {
		next := d.state(ctx, shown)
		if ctx.Err() != nil {
			return nil
		}
		d.online.Store(next.Online)
		if first || !next.Equal(shown) {
			emit(printer.Update{State: next, At: d.now()})
			shown = next
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// state maps one report to the domain.
func (d *pretend) state(ctx context.Context, s printer.State) printer.State {
	s.Family, s.Maker, s.Serial, s.Model = "pretend", "Nobody", d.config.Serial, "One"
	var r pretendReport
	if err := d.ask(ctx, http.MethodGet, "/state", &r); err != nil {
		s.Online, s.Problem = false, printer.Problem{Code: printer.ProblemUnreachable, Text: "The printer does not answer."}
		return s
	}
	s.Online, s.Problem = true, printer.Problem{}
	s.Activity = printer.Idle
	if r.Busy {
		s.Activity = printer.Printing
	}
	s.Caps.Nozzles, s.Caps.ChamberLight = 1, true
	s.Nozzles[0].Temperature, s.ChamberLight = printer.Some(r.Nozzle), printer.Some(r.Light)
	return s
}

// Do sends a command. This printer answers when the effect is there.
func (d *pretend) Do(ctx context.Context, cmd printer.Command) (printer.Outcome, error) {
	if !d.online.Load() {
		return printer.Outcome{}, fault.New(fault.Offline, "the printer is offline")
	}
	if cmd.Name != printer.CmdLight {
		return printer.Outcome{}, fault.New(fault.Unsupported, "the printer does not know %s", cmd.Name)
	}
	path := "/light/off"
	if cmd.On {
		path = "/light/on"
	}
	if err := d.ask(ctx, http.MethodPost, path, nil); err != nil {
		return printer.Outcome{}, fault.New(fault.Offline, "sending the command: %w", err)
	}
	return printer.Outcome{Acknowledged: true, Effective: true}, nil
}

func (d *pretend) ask(ctx context.Context, method, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+d.config.Host+path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if into == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(into)
}

func TestBlueprint_Conforms(t *testing.T) {
	var nozzle atomic.Int64
	var light atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(pretendReport{Nozzle: float64(nozzle.Load()), Light: light.Load()})
	})
	mux.HandleFunc("POST /light/{word}", func(_ http.ResponseWriter, r *http.Request) { light.Store(r.PathValue("word") == "on") })
	server := httptest.NewServer(mux)
	defer server.Close()
	if len(stages()) != 0 {
		t.Error("the blueprint's printer has no stages")
	}
	printertest.Conform(t, printertest.Subject{
		New: func(t *testing.T) printer.Driver {
			c := printer.Config{ID: 1, Name: "Made up", Family: "pretend", Host: server.Listener.Addr().String(), Serial: "PRETEND_1"}
			d, err := newPretend(c, 10*time.Millisecond, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			return d
		},
		Change:  func(*testing.T) { nozzle.Add(1) },
		Command: &printer.Command{Name: printer.CmdLight, On: true},
	})
}
