package bambu_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu"
	"github.com/printwire/printwire/printer/printertest"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/secret"
)

const patience = time.Minute // on a machine that does much else

// simulated starts a simulated printer for the length of a test.
func simulated(t *testing.T, o simulator.Options) *simulator.Printer {
	t.Helper()
	p, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }() // owner: the test's clean-up waits for done
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

func configOf(p *simulator.Printer) printer.Config {
	addr := p.Addr().(*net.TCPAddr)
	return printer.Config{ID: 1, Family: bambu.Family, Host: addr.IP.String(), Port: addr.Port, Serial: p.Serial(), AccessCode: p.AccessCode()}
}

func driverFor(t *testing.T, c printer.Config) *bambu.Driver {
	t.Helper()
	d, err := bambu.New(bambu.Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDriver_Conforms(t *testing.T) {
	for _, model := range []string{"A1", "X1C", "H2D"} {
		t.Run(model, func(t *testing.T) {
			p := simulated(t, simulator.Options{Model: model})
			var speed atomic.Int64
			printertest.Conform(t, printertest.Subject{
				New: func(t *testing.T) printer.Driver { return driverFor(t, configOf(p)) },
				Change: func(*testing.T) {
					p.Send([]byte(`{"print":{"command":"push_status","msg":1,"wifi_signal":"-` + string('3'+rune(speed.Add(1)%6)) + `1dBm"}}`))
				},
				Command:  &printer.Command{Name: printer.CmdLight, On: true},
				Patience: patience,
			})
		})
	}
}

func TestDriver_Certificates(t *testing.T) {
	p := simulated(t, simulator.Options{Model: "A1"})
	other := simulated(t, simulator.Options{Model: "A1", Serial: p.Serial()})
	withMode := func(mode, roots string) printer.Config {
		c := configOf(p)
		c.Certificate, c.Roots = mode, roots
		return c
	}
	problem := func(t *testing.T, c printer.Config, code printer.ProblemCode) {
		t.Helper()
		w := printertest.Observe(t, driverFor(t, c), printer.Start{Fresh: true}, patience)
		u := w.Until(t, "problem "+string(code), func(u printer.Update) bool { return u.State.Problem.Code == code })
		if u.State.Online || u.State.Problem.Text == "" {
			t.Errorf("online %v, text %q", u.State.Online, u.State.Problem.Text)
		}
	}
	t.Run("verified by the maker's root and the serial", func(t *testing.T) {
		printertest.Observe(t, driverFor(t, withMode("", string(p.CertificatePEM()))), printer.Start{Fresh: true}, patience).Online(t)
	})
	t.Run("not signed by the given root", func(t *testing.T) {
		problem(t, withMode("verify", string(other.CertificatePEM())), printer.ProblemCertificate)
	})
	t.Run("another printer's serial", func(t *testing.T) {
		c := configOf(p)
		c.Serial = "039WRONG0000001"
		problem(t, c, printer.ProblemSerial)
		c.Roots = string(p.CertificatePEM())
		problem(t, c, printer.ProblemSerial)
	})
	t.Run("unchecked when told so", func(t *testing.T) {
		printertest.Observe(t, driverFor(t, withMode("insecure", "")), printer.Start{Fresh: true}, patience).Online(t)
	})
	t.Run("a wrong access code", func(t *testing.T) {
		c := configOf(p)
		c.AccessCode = secret.Text("00000000")
		problem(t, c, printer.ProblemAccessCode)
	})
}

func TestDriver_Pin(t *testing.T) {
	p := simulated(t, simulator.Options{Model: "A1"})
	w := printertest.Observe(t, driverFor(t, configOf(p)), printer.Start{Fresh: true}, patience)
	u := w.Until(t, "the pin stored", func(u printer.Update) bool { return u.Keep && len(u.Memory.Data) > 0 })
	w.Online(t)
	w.Stop(t)

	again := simulated(t, simulator.Options{Model: "A1", Serial: p.Serial()})
	c := configOf(again)
	d := driverFor(t, c)
	w = printertest.Observe(t, d, printer.Start{State: u.State, Memory: u.Memory}, patience)
	w.Until(t, "the new certificate refused", func(u printer.Update) bool { return u.State.Problem.Code == printer.ProblemCertificate })
	if _, err := d.Do(t.Context(), printer.Command{Name: printer.CmdTrust}); err != nil {
		t.Fatal(err)
	}
	w.Until(t, "the printer online with the new certificate", func(u printer.Update) bool { return u.State.Online && u.State.Problem.Code == "" })
	if _, err := d.Do(t.Context(), printer.Command{Name: printer.CmdTrust}); !fault.Is(err, fault.Conflict) {
		t.Errorf("trusting once more gives %v", err)
	}
}

func TestDriver_RefusedCommands(t *testing.T) {
	for name, how := range map[string]simulator.Refusal{"by acknowledgement": simulator.RefuseAck, "by fault": simulator.RefuseHMS} {
		t.Run(name, func(t *testing.T) {
			p := simulated(t, simulator.Options{Model: "A1", Refuse: how})
			d := driverFor(t, configOf(p))
			w := printertest.Observe(t, d, printer.Start{Fresh: true}, patience)
			w.Until(t, "the model", func(u printer.Update) bool { return u.State.Online && u.State.Model == "A1" })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			_, err := d.Do(ctx, printer.Command{Name: printer.CmdBed, Value: 50})
			if !fault.Is(err, fault.Denied) {
				t.Errorf("error %v, want fault.Denied", err)
			}
			w.Until(t, "read-only", func(u printer.Update) bool {
				return u.State.Caps.ReadOnly() && u.State.Problem.Code == printer.ProblemDeveloperMode
			})
			if out, err := d.Do(ctx, printer.Command{Name: printer.CmdLight, On: true}); err != nil || !out.Acknowledged {
				t.Errorf("the light, which needs no signature, gives %+v, %v", out, err)
			}
		})
	}
}

func TestDriver_Commands(t *testing.T) {
	for _, model := range []string{"A1", "X1C", "H2D"} {
		t.Run(model, func(t *testing.T) {
			p := simulated(t, simulator.Options{Model: model, StartPrinting: true, Speed: 20})
			d := driverFor(t, configOf(p))
			w := printertest.Observe(t, d, printer.Start{Fresh: true}, patience)
			w.Until(t, "a print", func(u printer.Update) bool { return u.State.Activity == printer.Printing && u.State.Model != "" })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			for _, cmd := range []printer.Command{
				{Name: printer.CmdSpeed, Word: "sport"}, {Name: printer.CmdLight, On: false}, {Name: printer.CmdBed, Value: 71},
				{Name: printer.CmdNozzle, Value: 231}, {Name: printer.CmdPause}, {Name: printer.CmdResume}, {Name: printer.CmdStop},
			} {
				out, err := d.Do(ctx, cmd)
				if err != nil || !out.Effective || !out.Acknowledged {
					t.Errorf("%s: %+v, %v", cmd.Name, out, err)
				}
			}
			w.Until(t, "the print stopped", func(u printer.Update) bool {
				return u.State.Activity == printer.Stopped && u.State.Job.Result == printer.Interrupted
			})
		})
	}
}

func TestDriver_ComesBackAtOnce(t *testing.T) {
	p := simulated(t, simulator.Options{Model: "A1"})
	w := printertest.Observe(t, driverFor(t, configOf(p)), printer.Start{Fresh: true}, patience)
	w.Online(t)
	p.Drop()
	cut := time.Now()
	p.SetError(0x0500808F) // a report that only the next link can bring
	w.Until(t, "what changed after the cut", func(u printer.Update) bool { return len(u.State.Faults) > 0 })
	if d := time.Since(cut); d > 20*time.Second { // a printer that is waited for comes after up to 30 s
		t.Errorf("values flowed again after %s", d)
	}
	for _, u := range w.Updates()[1:] {
		if !u.State.Online && u.State.Serial != "" && len(u.State.Faults) > 0 {
			t.Error("a short loss was shown as offline")
		}
	}
}

// A thousand links are cut as soon as they bring reports. What one leaves
// behind would show as a rising number of goroutines.
func TestDriver_ReconnectsLeaveNothingBehind(t *testing.T) {
	cuts := 1000
	if testing.Short() {
		cuts = 50
	}
	p := simulated(t, simulator.Options{Model: "A1"})
	first := printertest.Observe(t, driverFor(t, configOf(p)), printer.Start{Fresh: true}, patience)
	first.Online(t) // from here on the printer has all goroutines that it keeps
	first.Stop(t)
	before := runtime.NumGoroutine()
	d := driverFor(t, configOf(p))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	reports := make(chan struct{}, 1)
	links := bambu.Impatient(d)
	go func() { // owner: this test cancels ctx and waits for done
		done <- d.Run(ctx, printer.Start{Fresh: true}, func(printer.Update) {
			select {
			case reports <- struct{}{}:
			default:
			}
		})
	}()
	most := 0
	limit := time.NewTimer(5 * time.Minute)
	defer limit.Stop()
	for i := 0; i < cuts; i++ {
		had := links()
		p.Drop()
		for links() == had {
			select {
			case <-limit.C:
				t.Fatalf("only %d of %d reconnects in time", i, cuts)
			case <-reports:
			case <-time.After(time.Millisecond):
			}
		}
		most = max(most, runtime.NumGoroutine())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if grown := most - before; grown > 300 { // those that end take a moment
		t.Errorf("up to %d goroutines more than before", grown)
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-end.C:
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestNew_RefusesBadSettings(t *testing.T) {
	good := printer.Config{Host: "192.0.2.1", Serial: "039A", AccessCode: "12345678"}
	for field, spoil := range map[string]func(*printer.Config){
		"host":        func(c *printer.Config) { c.Host = " " },
		"port":        func(c *printer.Config) { c.Port = 70000 },
		"serial":      func(c *printer.Config) { c.Serial = "ab#" },
		"access_code": func(c *printer.Config) { c.AccessCode = "" },
		"certificate": func(c *printer.Config) { c.Certificate = "maybe" },
		"roots":       func(c *printer.Config) { c.Certificate = "verify" },
	} {
		c := good
		spoil(&c)
		_, err := bambu.New(bambu.Options{Config: c})
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Invalid || e.Field != field {
			t.Errorf("%s: error is %v", field, err)
		}
	}
	if _, err := bambu.New(bambu.Options{Config: good}); err != nil {
		t.Errorf("good settings give %v", err)
	}
}
