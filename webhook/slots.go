package webhook

import (
	"context"
	"sync"
	"time"
)

// How many attempts begin at once, how long one waits for its place, and when
// it gives it to the next.
const (
	together = 4
	courtesy = 10 * time.Millisecond
	patience = 250 * time.Millisecond
)

// slots spread attempts that would begin at once, so that an event for many
// endpoints is no burst of handshakes. No endpoint waits for another: one that
// failed last time has places of its own, a place is given back while its
// attempt hangs, and who has waited a moment goes without. An endpoint has one
// attempt at a time in any case, which bounds all of them together.
type slots struct{ sound, suspect chan struct{} }

func newSlots() slots {
	return slots{make(chan struct{}, together), make(chan struct{}, together)}
}

// take waits a moment for a place; false when ctx ends first.
func (s slots) take(ctx context.Context, suspect bool) (release func(), ok bool) {
	places := s.sound
	if suspect {
		places = s.suspect
	}
	wait := time.NewTimer(courtesy)
	defer wait.Stop()
	select {
	case places <- struct{}{}:
	case <-wait.C:
		return func() {}, true
	case <-ctx.Done():
		return nil, false
	}
	give := sync.OnceFunc(func() { <-places })
	t := time.AfterFunc(patience, give) // owner: release stops it; what it calls never waits
	return func() {
		t.Stop()
		give()
	}, true
}
