package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// stack runs the long-lived parts: started one after another, stopped in
// reverse, each waited for.
type stack struct {
	log    *slog.Logger
	parts  []*part
	failed chan error
}

// part is one running part.
type part struct {
	name   string
	cancel context.CancelFunc
	done   chan error
}

func newStack(log *slog.Logger) *stack {
	return &stack{log: log, failed: make(chan error, 1)}
}

// start runs fn until the stack is stopped. The parts' contexts do not end
// with the program's: only stop ends them, in order. A part that fails before
// that ends the program.
func (s *stack) start(name string, fn func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &part{name: name, cancel: cancel, done: make(chan error, 1)}
	s.parts = append(s.parts, p)
	go func() { // owner: stack.stop cancels it and waits on done
		err := fn(ctx)
		if err != nil && ctx.Err() == nil {
			select {
			case s.failed <- fmt.Errorf("%s: %w", name, err):
				err = nil // told there, not again by stop
			default:
			}
		}
		p.done <- err
	}()
}

// stop ends the parts in reverse order. A part that does not end within the
// time that is left is named in the error and left behind.
func (s *stack) stop(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	var errs []error
	for i := len(s.parts) - 1; i >= 0; i-- {
		p := s.parts[i]
		p.cancel()
		timer := time.NewTimer(max(time.Until(deadline), 50*time.Millisecond))
		select {
		case err := <-p.done:
			if err != nil && !errors.Is(err, context.Canceled) {
				errs = append(errs, fmt.Errorf("stopping %s: %w", p.name, err))
			}
		case <-timer.C:
			errs = append(errs, fmt.Errorf("stopping %s: not done after %s", p.name, limit))
		}
		timer.Stop()
	}
	s.parts = nil
	return errors.Join(errs...)
}
