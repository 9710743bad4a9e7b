package broker

import (
	"sync"
	"time"
)

const (
	// writeSize is how much is written at a time: each write has a deadline of its own.
	writeSize = 64 << 10
	// replaySize is how much of a replay waits at a time.
	replaySize = 64 << 10
	// spareSize is how large a buffer may be that is kept for later.
	spareSize = 64 << 10
)

// outbox is what waits to be written to one client, as whole packets. Whoever
// adds to it waits for nobody; one goroutine of the connection writes. It is
// bounded by bytes, and empties in the order in which it was filled.
type outbox struct {
	limit int

	mu      sync.Mutex
	changed sync.Cond // something was added, written, or is over
	pending []byte
	later   []byte // messages that came while a replay is under way
	spare   []byte // a buffer that is used again
	writing int    // bytes on their way to the socket
	holding bool   // a replay is under way
	over    bool   // the connection has failed or ended: nothing is taken any more
}

func newOutbox(limit int) *outbox {
	o := &outbox{limit: limit}
	o.changed.L = &o.mu
	return o
}

// add queues packets of the library; false: there is no room, or it is over.
func (o *outbox) add(p []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || o.size()+len(p) > o.limit {
		return false
	}
	o.pending = append(o.pending, p...)
	o.changed.Broadcast()
	return true
}

// message queues a message that fits into most bytes, behind a replay if one is
// under way; fits is false when there is no room. Flush sends it on its way.
func (o *outbox) message(most int, encode func(dst []byte) []byte) (fits bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return true
	}
	queue := &o.pending
	if o.holding {
		queue = &o.later
	}
	before := len(*queue)
	*queue = encode(*queue)
	switch n := len(*queue) - before; {
	case n > most: // larger than the client takes: it does without
	case o.size() > o.limit:
	default:
		return true
	}
	n := len(*queue) - before
	*queue = (*queue)[:before]
	return n > most
}

// size is what waits, in bytes; mu is held.
func (o *outbox) size() int { return len(o.pending) + len(o.later) + o.writing }

// flush wakes the writer.
func (o *outbox) flush() { o.changed.Broadcast() }

// hold keeps messages back until resume; both are called on the client's goroutine.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holding = true
}

func (o *outbox) resume() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.holding {
		return
	}
	o.pending = append(o.pending, o.later...)
	o.later, o.holding = nil, false
	o.changed.Broadcast()
}

// replay queues a retained message once little is waiting; false: it is over.
func (o *outbox) replay(most int, encode func(dst []byte) []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.over && len(o.pending)+o.writing > replaySize {
		o.changed.Wait()
	}
	if o.over {
		return false
	}
	before := len(o.pending)
	if o.pending = encode(o.pending); len(o.pending)-before > most {
		o.pending = o.pending[:before]
	}
	o.changed.Broadcast()
	return true
}

// next waits for something to write; nil: it is over.
func (o *outbox) next() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.over && len(o.pending) == 0 {
		o.changed.Wait()
	}
	if o.over {
		return nil
	}
	p := o.pending
	o.pending, o.spare, o.writing = o.spare, nil, len(p)
	return p
}

// written takes the buffer back that next gave.
func (o *outbox) written(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = 0
	if cap(p) <= spareSize {
		o.spare = p[:0]
	}
	o.changed.Broadcast()
}

// end drops what waits and wakes everybody who waits for it.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over, o.pending, o.later, o.spare = true, nil, nil, nil
	o.changed.Broadcast()
}

// settle waits until all is written or over, but not longer than most.
func (o *outbox) settle(most time.Duration) {
	late := false
	t := time.AfterFunc(most, func() { // owner: this call; stopped below
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.changed.Broadcast()
	})
	defer t.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !late && !o.over && o.size() > 0 {
		o.changed.Wait()
	}
}
