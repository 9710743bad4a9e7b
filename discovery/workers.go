package discovery

import (
	"context"
	"sync"

	"github.com/printwire/printwire/fault"
)

// maxWaiting is how many commands of one printer may wait.
const maxWaiting = 8

// workers run commands: one queue and one goroutine for each printer, so that
// a slow printer keeps nobody waiting but its own.
type workers struct {
	d *Discovery

	mu     sync.Mutex
	ctx    context.Context
	queues map[string]*worker
	wg     sync.WaitGroup
}

type worker struct {
	orders chan order
	stop   context.CancelFunc
}

func newWorkers(d *Discovery) *workers { return &workers{d: d, queues: map[string]*worker{}} }

// start lets commands in until ctx ends.
func (w *workers) start(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx = ctx
}

// put queues a command. fault.Conflict: too many wait already. fault.Offline: not running.
func (w *workers) put(o order) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx == nil || w.ctx.Err() != nil {
		return fault.New(fault.Offline, "the bridge is stopping")
	}
	q := w.queues[o.queue]
	if q == nil {
		ctx, stop := context.WithCancel(w.ctx)
		q = &worker{orders: make(chan order, maxWaiting), stop: stop}
		w.queues[o.queue] = q
		w.wg.Add(1)
		go w.work(ctx, q.orders) // owner: Run, whose context ends it, and which waits in stop
	}
	select {
	case q.orders <- o:
		return nil
	default:
		return fault.New(fault.Conflict, "too many commands are waiting for this printer")
	}
}

// drop ends the worker of a printer that is gone.
func (w *workers) drop(queue string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q := w.queues[queue]; q != nil {
		q.stop()
		delete(w.queues, queue)
	}
}

// stop waits for the workers, whose context must have ended.
func (w *workers) stop() {
	w.mu.Lock()
	w.ctx = nil
	for _, q := range w.queues {
		q.stop()
	}
	clear(w.queues)
	w.mu.Unlock()
	w.wg.Wait()
}

func (w *workers) work(ctx context.Context, orders <-chan order) {
	defer w.wg.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-orders:
			w.run(ctx, o)
		}
	}
}

func (w *workers) run(ctx context.Context, o order) {
	ctx, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	w.d.answer(o, o.run(ctx))
}
