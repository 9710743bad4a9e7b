package bridge

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/printwire/printwire/printer"
)

// change is a printer.Change on its way to the sinks. Snapshots are large and
// never change, so that all queues share them.
type change struct {
	prev, next *printer.Snapshot
	removed    bool
}

// merge is the change from c's prev to n's next, where n follows c in a queue.
func (c change) merge(n change) change { return change{prev: c.prev, next: n.next, removed: n.removed} }

// maxBatch is how many changes a sink is told at a time.
const maxBatch = 32

// pump is one sink's queue and the loop that empties it.
type pump struct {
	name string
	sink Sink
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	pending map[int]change
	busy    bool
	// idle, if set, is closed when nothing is pending or being applied.
	idle chan struct{}

	// batch is what the sink is being told. It belongs to run.
	batch []printer.Change
}

func newPump(name string, sink Sink, log *slog.Logger) *pump {
	return &pump{
		name: name, sink: sink, log: log.With("sink", name),
		wake: make(chan struct{}, 1), pending: map[int]change{},
	}
}

// push never waits. A change of a printer that is still pending is merged.
func (p *pump) push(c change) {
	id := c.next.Config.ID
	p.mu.Lock()
	if before, ok := p.pending[id]; ok {
		c = before.merge(c)
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
	now := s.current.Load()
	p.pending[now.Config.ID] = change{prev: &printer.Snapshot{Config: now.Config}, next: now}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// take is what is pending, if that is not too much at a time.
func (p *pump) take() []printer.Change {
	clear(p.batch)
	p.batch = p.batch[:0]
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
	for id, c := range p.pending {
		if len(p.batch) == maxBatch {
			break
		}
		p.batch = append(p.batch, printer.Change{Prev: *c.prev, Next: *c.next, Removed: c.removed})
		delete(p.pending, id)
	}
	return p.batch
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
