package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// Store keeps what has to survive a restart. Each method is one transaction.
type Store interface {
	// Identify is the id that belongs to a serial for ever.
	Identify(ctx context.Context, serial string) (int, error)
	// Printers are the printers that were added at run time.
	Printers(ctx context.Context) ([]printer.Config, error)
	// PutPrinter stores a printer that was added at run time.
	PutPrinter(ctx context.Context, c printer.Config) error
	// DeletePrinter deletes a printer's settings, state and memory, not its id.
	DeletePrinter(ctx context.Context, id int) error
	// Load is the last record of every printer.
	Load(ctx context.Context) ([]printer.Record, error)
	// Commit stores a record with the events that it caused, all or nothing,
	// and wakes the journal's followers.
	Commit(ctx context.Context, r printer.Record, entries []journal.Entry) error
	// Save stores records; one that is older than what is stored is dropped.
	Save(ctx context.Context, records []printer.Record) error
}

// Sink is told what changed. It gets the changes of one call in no particular
// order, at most one per printer: later ones were merged into earlier ones.
// A slow Apply only makes its own next calls bigger. It returns when ctx ends,
// and leaves the slice, which is filled again, to the bridge.
type Sink interface {
	Apply(ctx context.Context, changes []printer.Change)
}

// Options are what a bridge is made of.
type Options struct {
	Store Store
	// Open makes the driver of a printer's family. fault.Invalid and
	// fault.Unsupported say what is wrong with the settings. It starts nothing.
	Open func(printer.Config) (printer.Driver, error)
	// Marks are the milestones that anyone wants; nil is printer.DefaultMarks.
	Marks func() printer.Marks
	// Permit says whether a command may be given by who is in ctx; nil permits all.
	Permit func(ctx context.Context, id int, cmd printer.Command) error
	Log    *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// SaveActive and SaveIdle are how often changed pictures without events are
	// stored while a job is under way and while none is: 10 s and 10 minutes
	// unless set. What is stored less often wears out no memory card.
	SaveActive, SaveIdle time.Duration
}

// Bridge holds the printers.
type Bridge struct {
	store  Store
	open   func(printer.Config) (printer.Driver, error)
	marks  func() printer.Marks
	permit func(context.Context, int, printer.Command) error
	log    *slog.Logger
	now    func() time.Time

	saveActive, saveIdle time.Duration

	// sessions is replaced as a whole, so that readers need no lock.
	sessions atomic.Pointer[map[int]*session]
	pumps    atomic.Pointer[[]*pump]
	health   health

	// admin orders all changes of the set of printers and sinks, and guards what follows.
	admin sync.Mutex
	// runCtx is Run's, nil before it; pumpCtx lasts until the sinks are drained.
	runCtx, pumpCtx context.Context
	pumping         sync.WaitGroup
	records         map[int]printer.Record
}

// New is a bridge without printers. It starts nothing.
func New(o Options) *Bridge {
	b := &Bridge{
		store: o.Store, open: o.Open, marks: o.Marks, permit: o.Permit, log: o.Log, now: o.Now,
		saveActive: o.SaveActive, saveIdle: o.SaveIdle,
	}
	if b.marks == nil {
		b.marks = printer.DefaultMarks
	}
	if b.permit == nil {
		b.permit = func(context.Context, int, printer.Command) error { return nil }
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.log = b.log.With("component", "bridge")
	if b.now == nil {
		b.now = time.Now
	}
	if b.saveActive == 0 {
		b.saveActive = 10 * time.Second
	}
	if b.saveIdle == 0 {
		b.saveIdle = 10 * time.Minute
	}
	b.sessions.Store(&map[int]*session{})
	b.pumps.Store(&[]*pump{})
	return b
}

// AddSink adds a receiver of values. It is told of the printers that there are.
func (b *Bridge) AddSink(name string, sink Sink) {
	b.admin.Lock()
	defer b.admin.Unlock()
	p := newPump(name, sink, b.log)
	pumps := append(slices.Clone(*b.pumps.Load()), p)
	b.pumps.Store(&pumps)
	for _, s := range *b.sessions.Load() {
		p.seed(s)
	}
	if b.runCtx != nil {
		b.startPump(p)
	}
}

// Snapshots are all printers as they are now, by id.
func (b *Bridge) Snapshots() []printer.Snapshot {
	sessions := *b.sessions.Load()
	list := make([]printer.Snapshot, 0, len(sessions))
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		list = append(list, *sessions[id].current.Load())
	}
	return list
}

// Snapshot is one printer as it is now. fault.NotFound: there is none with this id.
func (b *Bridge) Snapshot(id int) (printer.Snapshot, error) {
	s, err := b.session(id)
	if err != nil {
		return printer.Snapshot{}, err
	}
	return *s.current.Load(), nil
}

// Find is the printer that a path or a command line names: one to six digits
// are an id, anything else is a serial. fault.NotFound: there is none.
func (b *Bridge) Find(ref string) (printer.Snapshot, error) {
	if id, ok := isID(ref); ok {
		return b.Snapshot(id)
	}
	for _, s := range *b.sessions.Load() {
		if snapshot := s.current.Load(); strings.EqualFold(snapshot.Config.Serial, ref) {
			return *snapshot, nil
		}
	}
	return printer.Snapshot{}, fault.New(fault.NotFound, "there is no printer %.50q", ref)
}

func isID(ref string) (int, bool) {
	if len(ref) == 0 || len(ref) > 6 || strings.Trim(ref, "0123456789") != "" {
		return 0, false
	}
	id, err := strconv.Atoi(ref)
	return id, err == nil
}

func (b *Bridge) session(id int) (*session, error) {
	s, ok := (*b.sessions.Load())[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no printer %d", id)
	}
	return s, nil
}

// replace publishes a new set of sessions. The caller holds admin.
func (b *Bridge) replace(change func(map[int]*session)) {
	sessions := maps.Clone(*b.sessions.Load())
	change(sessions)
	b.sessions.Store(&sessions)
}

// tell hands a change to every sink's queue.
func (b *Bridge) tell(c change) {
	for _, p := range *b.pumps.Load() {
		p.push(c)
	}
}

// Do is the one road for commands: permission, then capability and activity,
// then the printer. Its errors are those of Options.Permit, printer.Check and
// printer.Driver.Do. fault.NotFound: there is no such printer.
func (b *Bridge) Do(ctx context.Context, id int, cmd printer.Command) (printer.Outcome, error) {
	s, err := b.session(id)
	if err != nil {
		return printer.Outcome{}, err
	}
	if err := b.permit(ctx, id, cmd); err != nil {
		return printer.Outcome{}, err
	}
	logger := s.log.With("command", cmd.Name, "origin", cmd.Origin)
	outcome, err := s.do(ctx, cmd)
	if err != nil {
		logger.Info("command refused or failed", "kind", fault.KindOf(err).String(), "error", err)
		return outcome, fmt.Errorf("%s: %w", cmd.Name, err)
	}
	logger.Info("command done", "acknowledged", outcome.Acknowledged, "effective", outcome.Effective)
	return outcome, nil
}
