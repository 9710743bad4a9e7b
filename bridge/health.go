package bridge

import (
	"sync"
)

// Health is how the bridge itself does.
type Health struct {
	// Printers and Online count the printers and those whose reports flow.
	Printers, Online int
	// Storage says why events cannot be stored now, "" when they can.
	Storage string
	// Waiting counts events that wait in memory to be stored.
	Waiting int
	// Dropped counts events that were given up because too many waited.
	Dropped uint64
}

// health gathers the trouble of all sessions with the store.
type health struct {
	mu      sync.Mutex
	waiting map[*session]int
	text    string
	dropped uint64
}

// failed notes a failed commit. It is true when this is news.
func (h *health) failed(s *session, waiting, dropped int, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == nil {
		h.waiting = map[*session]int{}
	}
	news := h.text == ""
	h.waiting[s] = waiting
	h.text = err.Error()
	h.dropped += uint64(dropped)
	return news
}

// stored notes that nothing of a session waits any more. It is true when the
// store's trouble is over.
func (h *health) stored(s *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.waiting[s]; !ok {
		return false
	}
	delete(h.waiting, s)
	if len(h.waiting) > 0 {
		return false
	}
	h.text = ""
	return true
}

// removed forgets a session that is no more.
func (h *health) removed(s *session) { h.stored(s) }

// handed moves what waits from a session to the one that goes on for it.
func (h *health) handed(from, to *session, waiting int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.waiting[from]; ok {
		delete(h.waiting, from)
		h.waiting[to] = waiting
	}
}

// Health is how the bridge does now.
func (b *Bridge) Health() Health {
	var out Health
	for _, s := range *b.sessions.Load() {
		out.Printers++
		if s.current.Load().State.Online {
			out.Online++
		}
	}
	b.health.mu.Lock()
	defer b.health.mu.Unlock()
	out.Storage, out.Dropped = b.health.text, b.health.dropped
	for _, n := range b.health.waiting {
		out.Waiting += n
	}
	return out
}
