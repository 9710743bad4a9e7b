package bridge

import (
	"context"

	"github.com/printwire/printwire/printer"
)

// Connect connects to a printer now: one that was disconnected, or whose next
// attempt would come later. One whose reports flow is left alone.
// fault.NotFound: there is none with this id.
func (b *Bridge) Connect(_ context.Context, id int) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	s, err := b.session(id)
	if err != nil {
		return err
	}
	if s.current.Load().State.Online {
		return nil
	}
	s.stop()
	b.start(s)
	return nil
}

// Disconnect ends a printer's connection until Connect, Update or a restart.
// fault.NotFound: there is none with this id.
func (b *Bridge) Disconnect(_ context.Context, id int) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	s, err := b.session(id)
	if err != nil {
		return err
	}
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.past.base
	next.Online, next.Problem = false, printer.Problem{}
	s.advance(&printer.Update{State: next, Memory: s.past.memory, At: s.past.at})
	return nil
}
