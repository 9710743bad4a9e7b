package webhook

import (
	"context"
	"sync"
	"time"
)

// How many attempts begin at once, and when one gives its place to the next.
const (
	together = 4
	patience = 250 * time.Millisecond
)

// slots bound how many attempts are at work at once. Endpoints that failed
// last time have places of their own, and an attempt that hangs gives its
// place back before it is done: no endpoint waits for another's timeout. An
// endpoint has one attempt at a time in any case.
type slots struct{ sound, suspect chan struct{} }

func newSlots() slots {
	return slots{make(chan struct{}, together), make(chan struct{}, together)}
}

// take waits for a place; false when ctx ends first.
func (s slots) take(ctx context.Context, suspect bool) (release func(), ok bool) {
	places := s.sound
	if suspect {
		places = s.suspect
	}
	select {
	case places <- struct{}{}:
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
