package httpapi_test

import (
	"context"
	"sync"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// manager changes a fleet without a bridge.
type manager struct {
	fleet *fleet

	mu    sync.Mutex
	calls []printer.Command
	// outcome and err are what the next commands get.
	outcome printer.Outcome
	err     error
}

func (m *manager) Do(_ context.Context, id int, cmd printer.Command) (printer.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.fleet.Snapshots() {
		if s.Config.ID == id {
			if err := printer.Check(s.State, cmd); err != nil {
				return printer.Outcome{}, err
			}
		}
	}
	m.calls = append(m.calls, cmd)
	return m.outcome, m.err
}

func (m *manager) done() []printer.Command {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]printer.Command(nil), m.calls...)
}

func (m *manager) Add(_ context.Context, c printer.Config) (int, error) {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	for _, s := range m.fleet.list {
		if s.Config.Serial == c.Serial {
			return 0, fault.New(fault.Conflict, "there is a printer with this serial already").At("serial")
		}
	}
	c.ID = len(m.fleet.list) + 1
	m.fleet.list = append(m.fleet.list, printer.Snapshot{Config: c, State: printer.State{Family: c.Family, Serial: c.Serial}, Version: 1})
	return c.ID, nil
}

func (m *manager) Update(_ context.Context, c printer.Config) error {
	var managed bool
	m.fleet.set(c.ID, func(s *printer.Snapshot) {
		managed = s.Config.Managed
		if !managed {
			s.Config = c
		}
	})
	if managed {
		return fault.New(fault.Conflict, "printer %d is managed in the settings file", c.ID)
	}
	return nil
}

func (m *manager) Remove(_ context.Context, id int) error {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	for i, s := range m.fleet.list {
		switch {
		case s.Config.ID != id:
		case s.Config.Managed:
			return fault.New(fault.Conflict, "printer %d is managed in the settings file", id)
		default:
			m.fleet.list = append(append([]printer.Snapshot(nil), m.fleet.list[:i]...), m.fleet.list[i+1:]...)
			return nil
		}
	}
	return fault.New(fault.NotFound, "there is no printer %d", id)
}

func (m *manager) Connect(context.Context, int) error    { return nil }
func (m *manager) Disconnect(context.Context, int) error { return nil }

// ledger is a journal in memory.
type ledger struct {
	mu      sync.Mutex
	entries []journal.Entry
	grown   chan struct{}
}

func newLedger() *ledger { return &ledger{grown: make(chan struct{})} }

func (l *ledger) add(name string, id int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, journal.Entry{Seq: uint64(len(l.entries) + 1), Time: start(), Name: name, PrinterID: id, Data: []byte("{}")})
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *ledger) After(_ context.Context, seq uint64, limit int) ([]journal.Entry, int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := l.entries[min(int(seq), len(l.entries)):]
	return append([]journal.Entry(nil), rest[:min(limit, len(rest))]...), 0, nil
}

func (l *ledger) Wait(ctx context.Context, seq uint64) error {
	for {
		l.mu.Lock()
		grown, last := l.grown, uint64(len(l.entries))
		l.mu.Unlock()
		if last > seq {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

func (l *ledger) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.entries))
}

// plainKey makes a key with the usual limits.
func (f *fixture) plainKey() string {
	text, _, err := f.auth.CreateKey(auth.NewKey{Name: "plain"})
	if err != nil {
		panic(err)
	}
	return text.Reveal()
}
