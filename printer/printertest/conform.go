package printertest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Subject is a driver under test, with the printer that it talks to.
type Subject struct {
	// New makes a driver for the printer. Each Run gets a new one, as after a
	// restart of the program.
	New func(t *testing.T) printer.Driver
	// Change makes the printer report something new, so that an update follows.
	// It is called only while the printer is online.
	Change func(t *testing.T)
	// Command is one that the printer accepts; nil when it knows none.
	Command *printer.Command
	// Patience bounds each wait; 0 is 10 s.
	Patience time.Duration
}

// Conform runs the suite that every family's driver has to pass.
func Conform(t *testing.T, s Subject) {
	if s.Patience == 0 {
		s.Patience = 10 * time.Second
	}
	t.Run("every state is complete and says which printer it is", s.states)
	t.Run("an update means that something changed", s.changes)
	t.Run("Run ends with its context, emits nothing more and leaves no goroutine", s.ends)
	t.Run("commands meet their errors", s.commands)
	t.Run("memory stays within its bounds", s.memory)
	t.Run("a restart tells no event", s.restart)
}

// Watch is one Run of a driver with the updates that it emitted.
type Watch struct {
	Driver  printer.Driver
	mu      sync.Mutex
	updates []printer.Update
	arrived chan struct{}
	ended   bool
	late    int
	cancel  context.CancelFunc
	done    chan error
	timeout time.Duration
}

// Observe starts d and collects what it emits, until Stop.
func Observe(t *testing.T, d printer.Driver, start printer.Start, patience time.Duration) *Watch {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watch{Driver: d, arrived: make(chan struct{}, 1), cancel: cancel, done: make(chan error, 1), timeout: patience}
	go func() { w.done <- d.Run(ctx, start, w.take) }() // owner: Watch.Stop cancels it and waits for done
	t.Cleanup(func() { w.Stop(t) })
	return w
}

func (w *Watch) take(u printer.Update) {
	w.mu.Lock()
	if w.ended {
		w.late++
	}
	w.updates = append(w.updates, u)
	w.mu.Unlock()
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

// Updates are what was emitted so far.
func (w *Watch) Updates() []printer.Update {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.updates)
}

// Until waits for an update that has what ok asks for, and gives it.
func (w *Watch) Until(t *testing.T, what string, ok func(printer.Update) bool) printer.Update {
	t.Helper()
	limit := time.NewTimer(w.timeout)
	defer limit.Stop()
	seen := 0
	for {
		updates := w.Updates()
		for _, u := range updates[seen:] {
			if ok(u) {
				return u
			}
		}
		seen = len(updates)
		select {
		case <-w.arrived:
		case <-limit.C:
			last := "nothing"
			if seen > 0 {
				u := updates[seen-1].State
				last = fmt.Sprintf("online %v, activity %q, problem %q", u.Online, u.Activity, u.Problem.Code)
			}
			t.Fatalf("no update with %s within %s; the last of %d was %s", what, w.timeout, seen, last)
		}
	}
}

// Online waits until the printer is online.
func (w *Watch) Online(t *testing.T) printer.Update {
	t.Helper()
	return w.Until(t, "the printer online", func(u printer.Update) bool { return u.State.Online })
}

// Stop ends Run and checks that it ended as it has to.
func (w *Watch) Stop(t *testing.T) {
	t.Helper()
	w.cancel()
	select {
	case err, ok := <-w.done:
		if !ok {
			return
		}
		close(w.done)
		if err != nil {
			t.Errorf("Run returned %v, want nil after its context ended", err)
		}
	case <-time.After(w.timeout):
		t.Fatalf("Run did not return within %s after its context ended", w.timeout)
	}
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
}

func (s Subject) observe(t *testing.T, start printer.Start) *Watch {
	t.Helper()
	return Observe(t, s.New(t), start, s.Patience)
}

// changed are the updates of a Run that saw the printer online and one change more.
func (s Subject) changed(t *testing.T) []printer.Update {
	t.Helper()
	w := s.observe(t, fresh())
	w.Online(t)
	before := len(w.Updates())
	s.Change(t)
	w.Until(t, "a change", func(u printer.Update) bool { return u.State.Online && len(w.Updates()) > before })
	w.Stop(t)
	return w.Updates()
}

func fresh() printer.Start { return printer.Start{Fresh: true} }

func (s Subject) states(t *testing.T) {
	for i, u := range s.changed(t) {
		for _, wrong := range Incomplete(u.State) {
			t.Errorf("update %d: %s", i, wrong)
		}
	}
}

// Incomplete lists what is wrong with a State that a driver emitted.
func Incomplete(s printer.State) []string {
	var wrong []string
	check := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	check(s.Family == "", "no family")
	check(s.Serial == "", "no serial")
	check(s.Activity == printer.Offline, "activity is offline, which is never stored")
	check(s.Online && s.Activity == "", "online without an activity")
	check(s.Activity != "" && !slices.Contains(printer.Activities(), s.Activity), "unknown activity %q", s.Activity)
	check(s.Activity.Active() && s.Job.ID == "", "a job is under way but has no id")
	check(s.Activity.Active() && s.Job.Over(), "activity %s, but the job is over", s.Activity)
	check(s.Problem.Code != "" && s.Problem.Text == "", "problem %s without a sentence", s.Problem.Code)
	check(s.Job.Progress.Known && (s.Job.Progress.Value < 0 || s.Job.Progress.Value > 100), "progress %d", s.Job.Progress.Value)
	check(s.Online && (s.Caps.Nozzles < 1 || s.Caps.Nozzles > 2), "%d nozzles", s.Caps.Nozzles)
	check(!slices.IsSortedFunc(s.Units, func(a, b printer.Unit) int { return a.ID - b.ID }), "units are not ascending")
	for _, u := range s.Units {
		check(!slices.IsSortedFunc(u.Trays, func(a, b printer.Tray) int { return a.Slot - b.Slot }), "trays of unit %d are not ascending", u.ID)
	}
	for _, f := range s.Faults {
		check(f.Code == "", "a fault without a code")
	}
	return wrong
}

func (s Subject) changes(t *testing.T) {
	updates := s.changed(t)
	for i := 1; i < len(updates); i++ {
		a, b := updates[i-1], updates[i]
		same := a.Memory.Version == b.Memory.Version && string(a.Memory.Data) == string(b.Memory.Data)
		if a.State.Equal(b.State) && same {
			t.Errorf("updates %d and %d are the same", i-1, i)
		}
	}
}

func (s Subject) ends(t *testing.T) {
	before := runtime.NumGoroutine()
	w := s.observe(t, fresh())
	w.Online(t)
	w.Stop(t)
	s.quiet(t, before)
	emitted := len(w.Updates())
	early := s.observe(t, fresh())
	early.Stop(t)
	s.quiet(t, before)
	if w.late > 0 || len(w.Updates()) != emitted {
		t.Errorf("%d updates came after Run had returned", len(w.Updates())-emitted)
	}
}

// changeUntilHeard makes changes until one comes through: before, the driver
// may not have been connected, which its stored state does not tell.
func (s Subject) changeUntilHeard(t *testing.T, w *Watch) {
	t.Helper()
	limit := time.NewTimer(s.Patience)
	defer limit.Stop()
	heard := func(u printer.Update) bool { return u.State.Online && !u.At.IsZero() }
	for !slices.ContainsFunc(w.Updates(), heard) {
		s.Change(t)
		select {
		case <-w.arrived:
		case <-time.After(50 * time.Millisecond):
		case <-limit.C:
			t.Fatalf("no change came through within %s after a restart", s.Patience)
		}
	}
}

// quiet waits until no more goroutines are there than before: those of the
// other side of a connection need a moment.
func (s Subject) quiet(t *testing.T, before int) {
	t.Helper()
	limit := time.NewTimer(s.Patience)
	defer limit.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-limit.C:
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s Subject) commands(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Patience)
	defer cancel()
	d := s.New(t)
	if _, err := d.Do(ctx, printer.Command{Name: printer.CmdRefresh}); !fault.Is(err, fault.Offline) {
		t.Errorf("a command before Run gives %v, want fault.Offline", err)
	}
	w := Observe(t, d, fresh(), s.Patience)
	w.Online(t)
	if _, err := d.Do(ctx, printer.Command{Name: "dance"}); !fault.Is(err, fault.Unsupported) {
		t.Errorf("an unknown command gives %v, want fault.Unsupported", err)
	}
	gone, stop := context.WithCancel(ctx)
	stop()
	if s.Command != nil {
		if _, err := d.Do(gone, *s.Command); err == nil || fault.Is(err, fault.Internal) {
			t.Errorf("a command whose context has ended gives %v, want a fault that says so", err)
		}
		if out, err := d.Do(ctx, *s.Command); err != nil || !out.Acknowledged && !out.Effective {
			t.Errorf("%s gives %+v, %v", s.Command.Name, out, err)
		}
	}
	w.Stop(t)
	if _, err := d.Do(ctx, printer.Command{Name: printer.CmdRefresh}); !fault.Is(err, fault.Offline) {
		t.Errorf("a command after Run gives %v, want fault.Offline", err)
	}
}

func (s Subject) memory(t *testing.T) {
	huge := make([]byte, 2*printer.MaxMemory)
	for name, m := range map[string]printer.Memory{
		"none": {}, "broken": {Version: 1, Data: []byte("{{{")}, "newer": {Version: 1 << 30, Data: []byte("{}")}, "huge": {Version: 1, Data: huge},
	} {
		t.Run("starting with one that is "+name, func(t *testing.T) {
			w := s.observe(t, printer.Start{Memory: m})
			w.Online(t)
			w.Stop(t)
			for i, u := range w.Updates() {
				if len(u.Memory.Data) > printer.MaxMemory {
					t.Errorf("memory of update %d has %d bytes", i, len(u.Memory.Data))
				}
			}
		})
	}
}

func (s Subject) restart(t *testing.T) {
	updates := s.changed(t)
	last := updates[len(updates)-1]
	prev := printer.Carry(printer.State{}, last.State)
	again := s.observe(t, printer.Start{State: prev, Memory: last.Memory})
	s.changeUntilHeard(t, again)
	again.Stop(t)
	for _, u := range again.Updates() {
		next := printer.Carry(prev, u.State)
		for _, e := range printer.Diff(prev, next, printer.DefaultMarks()) {
			t.Errorf("the restart told %s of job %q", e.Name, e.Job)
		}
		prev = next
	}
}
