package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/storage"
)

// recorded is the folder of real reports outside the repository. They belong
// to others, so they are read where they are and never copied.
func recorded(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("PRINTWIRE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	dir := filepath.Join(shared, "recordings", "bambu")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recordings of real printers here:", err)
	}
	return dir
}

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

// Now is what it shows.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// track records the activities that a driver gives, one after another, and
// wakes who waits for a state.
type track struct {
	mu      sync.Mutex
	clock   *clock
	steps   []shownAt
	last    printer.State
	signals map[int]printer.State // the last state with each strength of the signal
	changed chan struct{}
}

// shownAt is an activity and when it came.
type shownAt struct {
	activity printer.Activity
	at       time.Time
}

func newTrack(c *clock) *track {
	return &track{clock: c, signals: map[int]printer.State{}, changed: make(chan struct{}, 1)}
}

func (k *track) see(s printer.State) {
	k.mu.Lock()
	if a := s.Shown(); len(k.steps) == 0 || k.steps[len(k.steps)-1].activity != a {
		k.steps = append(k.steps, shownAt{a, k.clock.Now()})
	}
	k.last = s
	if s.WiFi.Known {
		k.signals[s.WiFi.Value] = s
	}
	k.mu.Unlock()
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// until waits for what find finds; what does not come in time is a defect.
func (k *track) until(t *testing.T, what string, find func() (printer.State, bool)) printer.State {
	t.Helper()
	var limit <-chan time.Time
	for {
		k.mu.Lock()
		s, ok := find()
		last := k.last
		k.mu.Unlock()
		if ok {
			return s
		}
		if limit == nil {
			limit = time.After(patience)
		}
		select {
		case <-k.changed:
		case <-limit:
			t.Fatalf("%s: did not come; the last state is %s, Wi-Fi %v, problem %q", what, last.Shown(), last.WiFi, last.Problem.Text)
		}
	}
}

// online waits for the printer.
func (k *track) online(t *testing.T) {
	t.Helper()
	k.until(t, "the printer", func() (printer.State, bool) { return k.last, k.last.Online })
}

// observed is a driver whose updates a track sees when the bridge has taken them.
type observed struct {
	printer.Driver
	track *track
}

// Run runs the driver.
func (o observed) Run(ctx context.Context, start printer.Start, emit func(printer.Update)) error {
	return o.Driver.Run(ctx, start, func(u printer.Update) {
		emit(u)
		o.track.see(u.State)
	})
}

// route is the way of a report without Home Assistant: a simulated printer's
// real TLS socket, the driver, the bridge, and the journal in the database.
type route struct {
	t     *testing.T
	clock *clock
	sim   *simulator.Printer
	track *track
	store *storage.Store
	stop  func()
	beats int
}

// newRoute starts everything for one simulated printer, whose clock stands still.
func newRoute(t *testing.T, o simulator.Options) *route {
	t.Helper()
	r := &route{t: t, clock: &clock{at: time.Now()}}
	r.track = newTrack(r.clock)
	o.Speed = -1
	var err error
	if r.sim, err = simulator.New(o); err == nil {
		err = r.sim.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.store, err = storage.Open(t.Context(), storage.Options{Path: filepath.Join(t.TempDir(), "printwire.db"), Now: r.clock.Now}); err != nil {
		t.Fatal(err)
	}
	b := bridge.New(bridge.Options{Store: r.store, Now: r.clock.Now, Log: discardLog(), Open: func(c printer.Config) (printer.Driver, error) {
		d, err := bambu.New(bambu.Options{Config: c, Now: r.clock.Now, Log: discardLog()})
		return observed{d, r.track}, err
	}})
	at := r.sim.Addr().(*net.TCPAddr)
	if _, err := b.Add(t.Context(), printer.Config{Name: "Replay", Host: at.IP.String(), Port: at.Port, Serial: r.sim.Serial(), AccessCode: r.sim.AccessCode()}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = r.sim.Run(ctx) }) // owner: route.stop ends and waits
	group.Go(func() { _ = b.Run(ctx) })     // owner: route.stop ends and waits
	r.stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
	})
	t.Cleanup(func() {
		r.stop()
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// beat sends a report that only tells another signal, one that no recording
// has, and waits until it has come through: then all that was sent before has
// too. Printers send such reports all the time, so it changes nothing else.
func (r *route) beat() printer.State {
	r.t.Helper()
	r.beats++
	signal := -11 - r.beats%2
	r.track.mu.Lock()
	delete(r.track.signals, signal)
	r.track.mu.Unlock()
	r.sim.Send([]byte(`{"print":{"command":"push_status","msg":1,"wifi_signal":"` + jsonInt(signal) + `dBm"}}`))
	return r.track.until(r.t, "a report that was sent", func() (printer.State, bool) {
		s, ok := r.track.signals[signal]
		return s, ok
	})
}

// pass lets time pass in steps, as a clock does that nobody is in a hurry with.
func (r *route) pass(d time.Duration) {
	r.clock.move(d)
	r.sim.Step(d)
	r.beat()
}

// journalled is all that the journal has.
func (r *route) journalled() []journal.Entry {
	r.t.Helper()
	entries, lost, err := r.store.After(context.Background(), 0, 100_000)
	if err != nil || lost != 0 {
		r.t.Fatalf("journal: %d lost, %v", lost, err)
	}
	return entries
}

func jsonInt(n int) string {
	text, _ := json.Marshal(n)
	return string(text)
}

// about writes an event as the tables of tests do: name and what tells it
// from others of its name.
func about(e journal.Entry) string {
	var d printer.Detail
	_ = json.Unmarshal(e.Data, &d)
	text := e.Name
	if d.Milestone != nil {
		text += " " + jsonInt(*d.Milestone)
	}
	for _, more := range []string{d.Tray, d.Code} {
		if more != "" {
			text += " " + more
		}
	}
	return text
}

// logbook keeps the warnings and errors of a log.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

// Write takes a line.
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(bytes.TrimSpace(p)))
	return len(p), nil
}

func (l *logbook) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
