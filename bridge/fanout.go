package bridge

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/printwire/printwire/printer"
)

// pump is one sink's queue and the loop that empties it.
type pump struct {
	name string
	sink Sink
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	pending map[int]printer.Change
	busy    bool
	// idle, if set, is closed when nothing is pending or being applied.
	idle chan struct{}
}

func newPump(name string, sink Sink, log *slog.Logger) *pump {
	return &pump{
		name: name, sink: sink, log: log.With("sink", name),
		wake: make(chan struct{}, 1), pending: map[int]printer.Change{},
	}
}

// push never waits. A change of a printer that is still pending is merged.
func (p *pump) push(c printer.Change) {
	id := c.Next.Config.ID
	p.mu.Lock()
	if before, ok := p.pending[id]; ok {
		c = printer.Merge(before, c)
	}
	p.pending[id] = c
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// seed queues the present picture of a printer. It is read under the lock, so
// that it is no older than anything that was pushed before.
func (p *pump) seed(s *session) {
	p.mu.Lock()
	now := *s.current.Load()
	p.pending[now.Config.ID] = printer.Change{Prev: printer.Snapshot{Config: now.Config}, Next: now}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// take is all that is pending.
func (p *pump) take() []printer.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = len(p.pending) > 0
	if !p.busy {
		if p.idle != nil {
			close(p.idle)
			p.idle = nil
		}
		return nil
	}
	changes := make([]printer.Change, 0, len(p.pending))
	for _, c := range p.pending {
		changes = append(changes, c)
	}
	clear(p.pending)
	return changes
}

// run applies what is pending until ctx ends.
func (p *pump) run(ctx context.Context) {
	for {
		for changes := p.take(); changes != nil; changes = p.take() {
			p.apply(ctx, changes)
			if ctx.Err() != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
	}
}

// apply keeps a sink's panic away from everybody else.
func (p *pump) apply(ctx context.Context, changes []printer.Change) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("sink panicked, its changes are lost", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	p.sink.Apply(ctx, changes)
}

// drain waits until the queue is empty, or ctx ends.
func (p *pump) drain(ctx context.Context) {
	p.mu.Lock()
	if len(p.pending) == 0 && !p.busy {
		p.mu.Unlock()
		return
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
		p.log.Warn("sink did not finish in time")
	}
}
