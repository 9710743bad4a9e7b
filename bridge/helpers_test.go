package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// memoryStore is a store in memory that can be made to fail or to wait.
type memoryStore struct {
	mu       sync.Mutex
	ids      map[string]int
	printers map[int]printer.Config
	records  map[int]printer.Record
	entries  []journal.Entry
	commits  int
	saves    int
	fail     error
	gate     chan struct{}
}

func newStore() *memoryStore {
	return &memoryStore{ids: map[string]int{}, printers: map[int]printer.Config{}, records: map[int]printer.Record{}}
}

func (m *memoryStore) Identify(_ context.Context, serial string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids[serial] == 0 {
		m.ids[serial] = len(m.ids) + 1
	}
	return m.ids[serial], nil
}

func (m *memoryStore) Printers(context.Context) ([]printer.Config, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.printers), func(a, b printer.Config) int { return a.ID - b.ID }), m.fail
}

func (m *memoryStore) PutPrinter(_ context.Context, c printer.Config) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.printers[c.ID] = c
	}
	return m.fail
}

func (m *memoryStore) DeletePrinter(_ context.Context, id int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		delete(m.printers, id)
		delete(m.records, id)
	}
	return m.fail
}

func (m *memoryStore) Load(context.Context) ([]printer.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.records)), m.fail
}

func (m *memoryStore) Commit(_ context.Context, r printer.Record, entries []journal.Entry) error {
	if gate := m.waits(); gate != nil {
		<-gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits++
	if m.fail == nil {
		m.records[r.ID] = r
		m.entries = append(m.entries, entries...)
	}
	return m.fail
}

func (m *memoryStore) Save(_ context.Context, records []printer.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves++
	for _, r := range records {
		if m.fail == nil && m.records[r.ID].Version <= r.Version {
			m.records[r.ID] = r
		}
	}
	return m.fail
}

func (m *memoryStore) waits() chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gate
}

func (m *memoryStore) set(change func(*memoryStore)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// names are the names of what is in the journal.
func (m *memoryStore) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := []string{}
	for _, e := range m.entries {
		names = append(names, e.Name)
	}
	return names
}

func (m *memoryStore) count() (commits, saves int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits, m.saves
}

func (m *memoryStore) record(id int) printer.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[id]
}

// puppet is a driver that does what the test says.
type puppet struct {
	config printer.Config
	orders chan func(emit func(printer.Update)) error
	// starts has what each Run was given.
	mu      sync.Mutex
	starts  []printer.Start
	command func(context.Context, printer.Command) (printer.Outcome, error)
}

func (p *puppet) Run(ctx context.Context, start printer.Start, emit func(printer.Update)) error {
	p.mu.Lock()
	p.starts = append(p.starts, start)
	p.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case order := <-p.orders:
			if err := order(emit); err != nil {
				return err
			}
		}
	}
}

func (p *puppet) Do(ctx context.Context, cmd printer.Command) (printer.Outcome, error) {
	return p.command(ctx, cmd)
}

// emit shows a state and waits until the session has taken it. One that says
// online comes from a report, now unless it says when.
func (p *puppet) emit(u printer.Update) {
	if u.State.Online && u.At.IsZero() {
		u.At = time.Now()
	}
	taken := make(chan struct{})
	p.orders <- func(emit func(printer.Update)) error { defer close(taken); emit(u); return nil }
	<-taken
}

func (p *puppet) show(s printer.State) { p.emit(printer.Update{State: s}) }

func (p *puppet) breakWith(what any) {
	p.orders <- func(func(printer.Update)) error {
		if err, ok := what.(error); ok {
			return err
		}
		panic(what)
	}
}

func (p *puppet) started() []printer.Start {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.starts)
}

// catcher is a sink that keeps what it gets.
type catcher struct {
	mu      sync.Mutex
	changes []printer.Change
	calls   int
	gate    chan struct{}
	panics  bool
}

func (c *catcher) Apply(ctx context.Context, changes []printer.Change) {
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.changes = append(c.changes, changes...)
	if c.panics {
		panic("sink")
	}
}

func (c *catcher) take() []printer.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := c.changes
	c.changes = nil
	return changes
}

// stage is a running bridge with puppets, inside a bubble of fake time.
type stage struct {
	*bridge.Bridge
	t       *testing.T
	store   *memoryStore
	sink    *catcher
	puppets map[string]*puppet
	log     *bytes.Buffer
	openErr error
	opens   int
	stop    context.CancelFunc
	ended   chan error
}

// play runs a test on a stage. The bridge has the printers of the serials.
func play(t *testing.T, store *memoryStore, o bridge.Options, serials []string, test func(*testing.T, *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, store: store, sink: &catcher{}, puppets: map[string]*puppet{}, log: &bytes.Buffer{}, ended: make(chan error, 1)}
		o.Store, o.Open = store, s.open
		o.Log = slog.New(slog.NewTextHandler(&lockedWriter{w: s.log}, nil))
		s.Bridge = bridge.New(o)
		s.AddSink("catcher", s.sink)
		for _, serial := range serials {
			if _, err := s.Add(t.Context(), printer.Config{Name: "N " + serial, Family: "puppet", Serial: serial}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		s.stop = stop
		go func() { s.ended <- s.Run(ctx) }() // owner: end, which waits for ended
		defer s.end()
		synctest.Wait()
		test(t, s)
	})
}

func (s *stage) end() {
	if s.stop == nil {
		return
	}
	s.stop()
	s.stop = nil
	if err := <-s.ended; err != nil {
		s.t.Errorf("Run: %v", err)
	}
}

func (s *stage) open(c printer.Config) (printer.Driver, error) {
	s.opens++
	if s.openErr != nil {
		return nil, s.openErr
	}
	p, ok := s.puppets[c.Serial]
	if !ok {
		p = &puppet{orders: make(chan func(func(printer.Update)) error)}
		p.command = func(context.Context, printer.Command) (printer.Outcome, error) {
			return printer.Outcome{}, errors.New("no command expected")
		}
		s.puppets[c.Serial] = p
	}
	p.config = c
	return p, nil
}

// pass lets fake time go by.
func (s *stage) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// told fails unless the journal has exactly these names.
func (s *stage) told(what string, want ...string) {
	s.t.Helper()
	synctest.Wait()
	if got := s.store.names(); !slices.Equal(got, want) {
		s.t.Errorf("%s: the journal has %v, want %v", what, got, want)
	}
}

func (s *stage) snapshot(id int) printer.Snapshot {
	s.t.Helper()
	snapshot, err := s.Snapshot(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return snapshot
}

type lockedWriter struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// idle is a printer that stands still.
func idle() printer.State {
	return printer.State{Online: true, Activity: printer.Idle, Door: printer.Some(false)}
}

// printing is a printer at work on a job.
func printing(job string, progress int) printer.State {
	s := idle()
	s.Activity = printer.Printing
	s.Job = printer.Job{ID: job, Name: "cube", Progress: printer.Some(progress)}
	return s
}
