package printertest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/printertest"
)

func TestDriver_Run(t *testing.T) {
	t.Run("emits what it is told, and ends with its context", func(t *testing.T) {
		d := &printertest.Driver{}
		w := printertest.Observe(t, d, printer.Start{Fresh: true}, time.Second)
		if !d.Emit(t.Context(), printer.Update{State: printer.State{Serial: "A"}}) {
			t.Fatal("nothing was emitted")
		}
		w.Stop(t)
		if u := w.Updates(); len(u) != 1 || u[0].State.Serial != "A" {
			t.Errorf("updates %+v", u)
		}
		if s := d.Starts(); len(s) != 1 || !s[0].Fresh {
			t.Errorf("starts %+v", s)
		}
	})
	t.Run("breaks when told to", func(t *testing.T) {
		d := &printertest.Driver{}
		boom := errors.New("boom")
		done := make(chan error, 1)
		go func() { done <- d.Run(t.Context(), printer.Start{}, func(printer.Update) {}) }() // owner: this test waits for done
		if !d.Break(t.Context(), boom) {
			t.Fatal("it did not break")
		}
		if err := <-done; !errors.Is(err, boom) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestDriver_Do(t *testing.T) {
	d := &printertest.Driver{Respond: func(_ context.Context, c printer.Command) (printer.Outcome, error) {
		if c.Name == printer.CmdStop {
			return printer.Outcome{}, fault.New(fault.Denied, "no")
		}
		return printer.Outcome{Effective: true}, nil
	}}
	if _, err := d.Do(t.Context(), printer.Command{Name: printer.CmdStop}); !fault.Is(err, fault.Offline) {
		t.Errorf("before Run: %v", err)
	}
	w := printertest.Observe(t, d, printer.Start{}, time.Second)
	d.Emit(t.Context(), printer.Update{})
	if _, err := d.Do(t.Context(), printer.Command{Name: printer.CmdStop}); !fault.Is(err, fault.Denied) {
		t.Errorf("stop: %v", err)
	}
	if out, err := d.Do(t.Context(), printer.Command{Name: printer.CmdPause}); err != nil || !out.Effective {
		t.Errorf("pause: %+v %v", out, err)
	}
	if got := d.Commands(); len(got) != 2 || got[0].Name != printer.CmdStop {
		t.Errorf("commands %+v", got)
	}
	w.Stop(t)
}

// honest is the smallest driver that keeps the rules.
type honest struct {
	printertest.Driver
	mu    *sync.Mutex
	value *int
	wake  chan struct{}
}

func (h *honest) Run(ctx context.Context, start printer.Start, emit func(printer.Update)) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.Driver.Run(inner, start, emit) }() // owner: this Run waits for done
	last := -1
	for {
		h.mu.Lock()
		v := *h.value
		h.mu.Unlock()
		if v != last {
			last = v
			s := printer.State{Family: "test", Serial: "S", Online: true, Activity: printer.Idle, Caps: printer.Capabilities{Nozzles: 1}}
			s.WiFi = printer.Some(v)
			h.Emit(ctx, printer.Update{State: s, At: time.Now(), Memory: printer.Memory{Version: 1}})
		}
		select {
		case <-ctx.Done():
			return <-done
		case <-h.wake:
		}
	}
}

func (h *honest) Do(ctx context.Context, c printer.Command) (printer.Outcome, error) {
	out, err := h.Driver.Do(ctx, c)
	switch {
	case err != nil:
		return out, err
	case ctx.Err() != nil:
		return printer.Outcome{}, fault.New(fault.Offline, "gave up: %w", ctx.Err())
	default:
		return out, printer.Check(printer.State{Online: true, Caps: printer.Capabilities{ChamberLight: true}}, c)
	}
}

func TestConform_AcceptsAnHonestDriver(t *testing.T) {
	var mu sync.Mutex
	value, wake := 0, make(chan struct{}, 1)
	printertest.Conform(t, printertest.Subject{
		New: func(*testing.T) printer.Driver { return &honest{mu: &mu, value: &value, wake: wake} },
		Change: func(*testing.T) {
			mu.Lock()
			value++
			mu.Unlock()
			select {
			case wake <- struct{}{}:
			default:
			}
		},
		Command: &printer.Command{Name: printer.CmdLight, On: true},
	})
}

func TestIncomplete_FindsWhatIsWrong(t *testing.T) {
	good := printer.State{Family: "test", Serial: "S", Online: true, Activity: printer.Idle, Caps: printer.Capabilities{Nozzles: 1}}
	if wrong := printertest.Incomplete(good); len(wrong) != 0 {
		t.Errorf("a good state is called %q", wrong)
	}
	for name, spoil := range map[string]func(*printer.State){
		"no serial":      func(s *printer.State) { s.Serial = "" },
		"stored offline": func(s *printer.State) { s.Activity = printer.Offline },
		"job without id": func(s *printer.State) { s.Activity = printer.Printing },
		"mute problem":   func(s *printer.State) { s.Problem.Code = printer.ProblemSilent },
		"wild progress":  func(s *printer.State) { s.Job.Progress = printer.Some(101) },
		"units disorder": func(s *printer.State) { s.Units = []printer.Unit{{ID: 1}, {ID: 0}} },
	} {
		s := good
		spoil(&s)
		if len(printertest.Incomplete(s)) == 0 {
			t.Errorf("%s: nothing was found", name)
		}
	}
}
