package bridge

import (
	"context"
	"encoding/json"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// maxWaiting is how many events of one printer wait in memory while the store fails.
const maxWaiting = 1000

// past is what a session knows of what was before: the state that the next
// difference is taken to, and what is not stored yet.
type past struct {
	base   printer.State
	memory printer.Memory
	at     time.Time
	// version is of the record.
	version uint64
	// fresh: no report was ever seen, so that nothing may be told of the past.
	fresh bool
	// pending are events that could not be stored yet. While there are any, no
	// record is stored without them: after a crash they are derived again.
	pending []journal.Entry
	// dirty: base or memory is newer than what is stored.
	dirty bool
	// stored is when the record was last written.
	stored time.Time
	// scolded: a memory that was too large has been logged.
	scolded bool
}

func memoryOf(r printer.Record) past {
	return past{base: r.State, memory: r.Memory, at: r.At, version: r.Version, fresh: r.At.IsZero()}
}

// emit takes a driver's update, on the driver's goroutine.
func (s *session) emit(u printer.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(&u)
}

// advance makes an update the present picture: values go out at once, events
// wait for the transaction with the state that caused them. The caller holds mu.
func (s *session) advance(u *printer.Update) {
	p := &s.past
	now := new(printer.Snapshot)
	next := &now.State
	*next = u.State
	name(next, s.config())
	next.Carry(&p.base)
	base := &p.base
	if p.fresh {
		// What stands at first sight is no event, but that the printer is there.
		first := *next
		first.Online = false
		base, p.fresh = &first, !next.Online
	}
	events := printer.Differences(base, next, s.b.marks())
	if len(u.Memory.Data) > printer.MaxMemory {
		s.scold(len(u.Memory.Data))
		u.Memory = p.memory
	}
	remembers := u.Memory.Version == p.memory.Version && string(u.Memory.Data) == string(p.memory.Data)
	if now.At = u.At; now.At.IsZero() {
		now.At = p.at // It is about the link: no report has come since.
	}
	p.dirty = p.dirty || !remembers || len(events) > 0 || !next.Same(&p.base)
	p.base, p.memory, p.at = *next, u.Memory, now.At
	p.version++
	s.publish(now)
	p.pending = append(p.pending, s.entries(events)...)
	if len(p.pending) > 0 || u.Keep && p.dirty {
		s.commit()
	}
}

func (s *session) scold(size int) {
	if s.past.scolded {
		return
	}
	s.past.scolded = true
	s.log.Error("driver's memory is too large and is not kept", "bytes", size, "limit", printer.MaxMemory)
}

// publish shows a state, and tells the sinks if it is another one.
func (s *session) publish(now *printer.Snapshot) {
	prev := s.current.Load()
	now.Config, now.Version = prev.Config, prev.Version
	same := now.State.Same(&prev.State)
	if !same {
		now.Version++
	}
	s.current.Store(now)
	if !same {
		s.b.tell(change{prev: prev, next: now})
	}
}

// entries are events as the journal records them.
func (s *session) entries(events []printer.Event) []journal.Entry {
	if len(events) == 0 {
		return nil
	}
	c := s.config()
	now := s.b.now().UTC()
	entries := make([]journal.Entry, len(events))
	for i, e := range events {
		data, err := json.Marshal(e.Detail)
		if err != nil {
			s.log.Error("event's data cannot be recorded, the event is", "event", e.Name, "error", err)
			data = []byte("{}")
		}
		entries[i] = journal.Entry{
			Time: now, Name: e.Name, PrinterID: c.ID, Serial: c.Serial, Printer: c.Name, Job: e.Job, Data: data,
		}
	}
	return entries
}

func (s *session) record() printer.Record {
	p := &s.past
	return printer.Record{ID: s.config().ID, State: p.base, Memory: p.memory, At: p.at, Version: p.version}
}

// commit stores the record with all events that wait. The transaction is not
// interrupted by the end of the session: what was seen is kept. The caller holds mu.
func (s *session) commit() {
	p := &s.past
	err := s.b.store.Commit(context.Background(), s.record(), p.pending)
	if err == nil {
		p.pending, p.dirty, p.stored = nil, false, s.b.now()
		s.b.stored(s)
		return
	}
	over := max(0, len(p.pending)-maxWaiting)
	p.pending = p.pending[over:]
	s.b.failed(s, len(p.pending), over, err)
}

// due is the record that has to be written now without an event, if any.
// Events that wait are tried again first. The caller holds mu.
func (s *session) due(now time.Time, all bool) (printer.Record, bool) {
	p := &s.past
	if len(p.pending) > 0 {
		s.commit()
		return printer.Record{}, false
	}
	every := s.b.saveIdle
	if p.base.Activity.Active() {
		every = s.b.saveActive
	}
	// A printer that was never seen has nothing worth keeping.
	if !p.dirty || p.fresh || !all && now.Sub(p.stored) < every {
		return printer.Record{}, false
	}
	p.stored = now
	return s.record(), true
}

// clean notes that a record was written.
func (s *session) clean(r printer.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past.version == r.Version {
		s.past.dirty = false
	}
}

// retry makes a record that could not be written due at once.
func (s *session) retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.stored = time.Time{}
}

// save writes what has changed without an event: what is due, or all. The
// caller holds admin, so that nothing is written of a printer being removed.
func (b *Bridge) save(ctx context.Context, all bool) {
	now := b.now()
	var records []printer.Record
	var owners []*session
	for _, s := range *b.sessions.Load() {
		if all {
			s.mu.Lock()
		} else if !s.mu.TryLock() {
			continue // It is in a commit, which writes more than this would.
		}
		if r, ok := s.due(now, all); ok {
			records, owners = append(records, r), append(owners, s)
		}
		s.mu.Unlock()
	}
	if len(records) == 0 {
		return
	}
	err := b.store.Save(ctx, records)
	for i, s := range owners {
		if err != nil {
			s.retry()
			b.failed(s, 0, 0, err)
			continue
		}
		s.clean(records[i])
		b.stored(s)
	}
}

func (b *Bridge) failed(s *session, waiting, dropped int, err error) {
	if b.health.failed(s, waiting, dropped, err) {
		b.log.Error("the database cannot be written; events wait in memory", "error", err)
	}
}

func (b *Bridge) stored(s *session) {
	if b.health.stored(s) {
		b.log.Info("the database can be written again")
	}
}
