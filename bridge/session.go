package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// session is one printer's: it runs the driver and is the one place where the
// printer's picture changes.
type session struct {
	b   *Bridge
	log *slog.Logger
	// current is what everybody sees.
	current atomic.Pointer[printer.Snapshot]
	// driver takes commands; nil while none runs.
	driver atomic.Pointer[running]
	// spare is a driver that was opened but not used yet.
	spare  printer.Driver
	cancel context.CancelFunc
	done   chan struct{}

	// mu guards past. It is held while a commit is on its way, which holds up
	// this printer only.
	mu   sync.Mutex
	past past
}

// running is a driver behind a pointer.
type running struct{ printer.Driver }

func newSession(b *Bridge, c printer.Config, p past) *session {
	s := &session{b: b, log: b.log.With("printer", c.ID, "serial", c.Serial), past: p}
	shown := p.base
	name(&shown, c)
	shown.Online = false
	s.current.Store(&printer.Snapshot{Config: c, State: shown, At: p.at, Version: 1})
	return s
}

// successor is a session that goes on where a stopped one was.
func (s *session) successor(c printer.Config) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := newSession(s.b, c, s.past)
	snapshot := *next.current.Load()
	snapshot.Version = s.current.Load().Version + 1
	next.current.Store(&snapshot)
	s.b.health.handed(s, next, len(s.past.pending))
	return next
}

func (s *session) config() printer.Config { return s.current.Load().Config }

// name fills in what a driver may not know yet.
func name(state *printer.State, c printer.Config) {
	if state.Serial == "" {
		state.Serial = c.Serial
	}
	if state.Family == "" {
		state.Family = c.Family
	}
}

// start runs a session if the bridge runs. The caller holds admin.
func (b *Bridge) start(s *session) {
	if b.runCtx == nil {
		return
	}
	ctx, cancel := context.WithCancel(b.runCtx)
	s.cancel, s.done = cancel, make(chan struct{})
	go s.run(ctx) // owner: session.stop, and Bridge.Run at its end, wait for done
}

// stop ends the session and waits for it. The caller holds admin.
func (s *session) stop() {
	if s.done == nil {
		return
	}
	s.cancel()
	<-s.done
}

// The pause before a driver that broke is started again doubles from the first
// to the last of these; a driver that ran for steady begins anew.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	steady     = time.Minute
)

// run keeps a driver running until ctx ends.
func (s *session) run(ctx context.Context) {
	defer close(s.done)
	defer s.cancel()
	broken := 0
	pause := firstPause
	for {
		began := time.Now()
		err := s.attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= steady {
			broken, pause = 0, firstPause
		}
		broken++
		s.log.Error("printer's session broke, it starts again", "error", err, "pause", pause.String())
		s.trouble(broken > 1)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		pause = min(2*pause, lastPause)
	}
}

// attempt runs one driver. A panic in it, or in the handling of what it emits,
// ends this attempt and nothing else.
func (s *session) attempt(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.driver.Store(nil)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			s.log.Error("printer's session panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	driver := s.spare
	s.spare = nil
	if driver == nil {
		if driver, err = s.b.open(s.config()); err != nil {
			return err
		}
	}
	s.driver.Store(&running{driver})
	if err := driver.Run(ctx, s.startingPoint(), s.emit); err != nil {
		return err
	}
	return fault.New(fault.Internal, "the driver ended by itself")
}

// startingPoint is where the driver goes on from.
func (s *session) startingPoint() printer.Start {
	s.mu.Lock()
	defer s.mu.Unlock()
	// What a driver remembers of a printer that never reported, such as its
	// certificate, is not fresh.
	fresh := s.past.fresh && len(s.past.memory.Data) == 0
	return printer.Start{State: s.past.base, Memory: s.past.memory, Fresh: fresh}
}

// trouble shows that our own code broke. The printer counts as offline only
// when that is not over with the first new start. What broke may be the
// handling of states, so this may break as well.
func (s *session) trouble(offline bool) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("the trouble cannot be shown", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	problem := printer.Problem{
		Code: printer.ProblemInternal,
		Text: "An error in the program itself interrupted this printer's connection; see the log. It is tried again.",
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !offline {
		shown := *s.current.Load()
		shown.State.Problem, shown.At = problem, s.past.at
		s.publish(&shown)
		return
	}
	next := s.past.base
	next.Online, next.Problem = false, problem
	s.advance(&printer.Update{State: next, Memory: s.past.memory, At: s.past.at})
}

// do gives a command to the driver after printer.Check.
func (s *session) do(ctx context.Context, cmd printer.Command) (outcome printer.Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("command panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "the command failed by an error in the program; see the log")
		}
	}()
	if err := printer.Check(s.current.Load().State, cmd); err != nil {
		return printer.Outcome{}, err
	}
	driver := s.driver.Load()
	if driver == nil {
		return printer.Outcome{}, fault.New(fault.Offline, "the printer is not connected now")
	}
	return driver.Do(ctx, cmd)
}
