package bambu

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/simulator"
)

// moment is one thing that a client of a printer sees, and when.
type moment struct {
	at time.Duration
	// payload is a message; nil is the loss of the connection, or with up its return.
	payload []byte
	up      bool
}

// recorder is a client that writes down what a printer sends.
type recorder struct {
	t       *testing.T
	printer *simulator.Printer
	link    *client.Link
	clock   time.Duration
	marks   int
	asked   time.Duration

	mu      sync.Mutex
	moments []moment
	marked  chan struct{}
	// answered has a word for each answer to ask.
	answered chan struct{}
}

// record plays a scenario on a simulated printer whose clock is moved by hand.
func record(t *testing.T, authority *simulator.Authority, model, scenario string, length time.Duration) []moment {
	t.Helper()
	p, err := simulator.New(simulator.Options{Model: model, Speed: -1, Seed: 7, Authority: authority})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }() // owner: record cancels it and waits for done
	r := &recorder{t: t, printer: p, marked: make(chan struct{}, 1), answered: make(chan struct{}, 1)}
	r.connect(ctx)
	r.step(ctx, 10*time.Second)
	if err := p.Play(scenario); err != nil {
		t.Fatal(err)
	}
	r.step(ctx, length)
	if r.link != nil {
		r.link.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return r.moments
}

func (r *recorder) add(m moment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.at = r.clock
	r.moments = append(r.moments, m)
}

func (r *recorder) connect(ctx context.Context) {
	link, err := client.Dial(ctx, client.LinkOptions{
		Address: r.printer.Addr().String(), TLS: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the other side is this test
		User: "bblp", Password: r.printer.AccessCode(), ClientID: "recorder-" + nonce(),
		Subscribe: []string{"device/" + r.printer.Serial() + "/report"},
		OnMessage: func(_ string, payload []byte) {
			if bytes.Contains(payload, []byte(`"marker"`)) {
				r.marked <- struct{}{}
				return
			}
			r.add(moment{payload: payload})
			if bytes.Contains(payload, []byte(`"get_version"`)) {
				select {
				case r.answered <- struct{}{}:
				default:
				}
			}
		},
	})
	if err != nil {
		return
	}
	r.link = link
	r.add(moment{up: true})
	r.ask(ctx)
}

func (r *recorder) ask(ctx context.Context) {
	r.asked = r.clock
	for _, p := range []part{pushAllPart(), versionPart()} {
		f, err := p.seal(uint32(r.marks + 1))
		if err != nil {
			r.t.Fatal(err)
		}
		_ = r.link.Publish(ctx, "device/"+r.printer.Serial()+"/request", f.payload, 0)
	}
	select {
	case <-r.answered:
	case <-r.link.Lost():
	case <-time.After(time.Second):
		// a printer that is deaf for a while answers nothing
	}
}

// step moves the printer on and waits until all that it sent has arrived.
func (r *recorder) step(ctx context.Context, d time.Duration) {
	for range d / (500 * time.Millisecond) {
		r.mu.Lock()
		r.clock += 500 * time.Millisecond
		r.mu.Unlock()
		r.printer.Step(500 * time.Millisecond)
		if r.link == nil {
			if r.connect(ctx); r.link == nil {
				continue
			}
		}
		if r.clock-r.asked >= 20*time.Second {
			r.ask(ctx)
		}
		r.marks++
		r.printer.Send(fmt.Appendf(nil, `{"marker":%d}`, r.marks))
		limit := time.NewTimer(time.Minute)
		select {
		case <-r.marked:
		case <-r.link.Lost():
			r.link.Close()
			r.link = nil
			r.add(moment{})
		case <-limit.C:
			r.t.Fatal("the printer's messages do not arrive")
		}
		limit.Stop()
	}
}

// replay gives moments to a driver in fake time and tells the events that a
// session would tell, with the states in between.
func replay(t *testing.T, serial string, moments []moment) (events []string, updates []printer.Update) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.driver.config.Serial = serial
		r.answer, r.anySerial = silence, true
		r.refuse = fault.New(fault.Offline, "not there")
		began := time.Now()
		r.start(fresh())
		for _, m := range moments {
			if d := m.at - time.Since(began); d > 0 {
				r.wait(d)
			}
			switch {
			case m.up:
				r.refusing(nil)
				if r.links() == 0 {
					r.wait(2 * time.Second)
				}
			case m.payload == nil:
				r.refusing(fault.New(fault.Offline, "gone"))
				r.conn().cut()
				synctest.Wait()
			case r.links() > 0:
				r.conn().target.OnMessage(m.payload)
				synctest.Wait()
			}
		}
		r.wait(time.Second)
		r.stop()
		events, updates = r.events(printer.State{}), r.updates
	})
	return events, updates
}

func TestSimulator_Scenarios(t *testing.T) {
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		scenario string
		length   time.Duration
		want     []string
	}{
		{"print", 14 * time.Minute, []string{"print_started", "first_layer_complete", "print_progress", "print_progress", "print_progress", "print_complete"}},
		{"pause_user", 3 * time.Minute, []string{"print_started", "print_paused user", "print_resumed"}},
		{"pause_fault", 3 * time.Minute, []string{"print_started", "print_paused FAULT", "print_resumed"}},
		{"runout", 3 * time.Minute, []string{"print_started", "filament_runout", "print_paused filament_runout", "print_resumed"}},
		{"cancel_code_before", 2 * time.Minute, []string{"print_started", "print_stopped user"}},
		{"cancel_code_with", 2 * time.Minute, []string{"print_started", "print_stopped user"}},
		{"cancel_code_after", 2 * time.Minute, []string{"print_started", "print_stopped user"}},
		{"cancel_ack_only", 2 * time.Minute, []string{"print_started", "print_stopped user"}},
		{"fail_in_print", 2 * time.Minute, []string{"print_started", "print_failed FAULT"}},
		{"fail_in_prepare", 2 * time.Minute, []string{"print_started", "print_failed FAULT"}},
		{"dismiss_dialog", 2 * time.Minute, []string{"print_started", "print_stopped user"}},
		{"fault_flicker", 5 * time.Minute, nil},
		{"gap_job_change", 4 * time.Minute, []string{"print_started", "print_failed unknown", "print_started"}},
		{"reboot", 2 * time.Minute, nil},
		{"silence_25", 2 * time.Minute, nil},
		{"silence_40", 2 * time.Minute, nil},
		{"foreign_acks", time.Minute, nil},
		{"garbage", time.Minute, nil},
		{"power_off_zeros", 3 * time.Minute, nil},
	} {
		for _, model := range []string{"A1", "X1C", "H2D"} {
			t.Run(c.scenario+" on "+model, func(t *testing.T) {
				moments := record(t, authority, model, c.scenario, c.length)
				events, updates := replay(t, "SIMULATED", moments)
				if len(updates) == 0 {
					t.Fatalf("nothing was emitted for %d moments", len(moments))
				}
				if got := aboutPrints(events, c.scenario == "print"); !slices.Equal(got, c.want) {
					t.Errorf("events\n got %q\nwant %q\nof %q", got, c.want, events)
				}
				faults := map[string]int{}
				for _, e := range events {
					faults[e]++
				}
				if c.scenario == "fault_flicker" && faults["printer_error"] != 1 {
					t.Errorf("%d printer_error, want 1", faults["printer_error"])
				}
			})
		}
	}
}

// aboutPrints are the events about prints, with the reason of a fault called
// FAULT, and with the steps of progress only when they are wanted.
func aboutPrints(events []string, steps bool) []string {
	words := []string{"print_started", "print_complete", "print_paused", "print_resumed", "print_failed", "print_stopped", "filament_runout"}
	if steps {
		words = append(words, "first_layer_complete", "print_progress")
	}
	var out []string
	for _, e := range events {
		for _, word := range words {
			if e != word && !bytes.HasPrefix([]byte(e), []byte(word+" ")) {
				continue
			}
			reason := e[len(word):]
			switch reason {
			case "", " user", " unknown", " filament_runout":
			default:
				reason = " FAULT"
			}
			out = append(out, word+reason)
		}
	}
	return out
}
