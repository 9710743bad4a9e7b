package e2e_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
)

// crashPlan is handed to the child process in its environment: where its data
// is, what is played, and at which moment it kills itself.
type crashPlan struct {
	Folder string
	Seed   uint64
	Jobs   int
	// Kind is the beginning of the names of the points that count; at the
	// Nth of them the process dies. "time" dies after N microseconds, wherever
	// it is then. "" lives to the end.
	Kind string
	N    int64
}

const crashEnv = "PRINTWIRE_CRASH_PLAN"

// crasher kills the process at the planned point, as kill -9 does.
type crasher struct {
	kind string
	left atomic.Int64
}

func (c *crasher) point(name string) {
	if c.kind != "" && strings.HasPrefix(name, c.kind) && c.left.Add(-1) == 0 {
		die()
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// actor is a driver that plays a script. Where the play is, is the printer's
// own affair: it goes on when the bridge dies.
type actor struct {
	scenes   []scene
	crash    *crasher
	position *os.File
	done     chan struct{}
}

// actorMemory is what the actor must not forget over a crash.
type actorMemory struct {
	Cancelled bool
	Deadline  time.Time
}

func (a *actor) at() int {
	var b [8]byte
	_, _ = a.position.ReadAt(b[:], 0)
	return int(binary.BigEndian.Uint64(b[:]))
}

func (a *actor) enter(n int) error {
	_, err := a.position.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(n)), 0)
	return err
}

// Run plays from where the printer is.
func (a *actor) Run(ctx context.Context, start printer.Start, emit func(printer.Update)) error {
	state := start.State
	var memory actorMemory
	if len(start.Memory.Data) > 0 {
		if err := json.Unmarshal(start.Memory.Data, &memory); err != nil {
			return err
		}
	}
	send := func(keep bool) {
		data, _ := json.Marshal(memory)
		a.crash.point("emit")
		emit(printer.Update{State: state, Memory: printer.Memory{Version: 1, Data: data}, At: time.Now(), Keep: keep})
	}
	for n := a.at(); n < len(a.scenes) && ctx.Err() == nil; n++ {
		if err := a.enter(n); err != nil {
			return err
		}
		a.crash.point("enter")
		s := a.scenes[n]
		state = a.show(state, s)
		if memory.Cancelled = memory.Cancelled || s.cancelled; s.cancelled {
			send(true)
			continue
		}
		if !s.failed || state.Job.Over() {
			send(false)
			continue
		}
		if memory.Deadline.IsZero() {
			memory.Deadline = time.Now().Add(3 * time.Millisecond)
		}
		send(true)
		a.crash.point("grace")
		if !restFor(ctx, time.Until(memory.Deadline)) {
			return nil
		}
		a.crash.point("grace")
		state.Activity, state.Job.Result, state.Job.EndedAt = printer.Failed, printer.Failure, time.Now()
		if memory.Cancelled {
			state.Activity, state.Job.Result = printer.Stopped, printer.Interrupted
		}
		memory = actorMemory{}
		send(false)
	}
	close(a.done)
	<-ctx.Done()
	return nil
}

func restFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// show is the state that a scene makes of the last one. The job keeps the id
// that it got when it began; that is what has to survive.
func (a *actor) show(state printer.State, s scene) printer.State {
	state.Online, state.Door = true, printer.Some(s.open)
	state.Bed.Temperature = printer.Some(s.bed)
	if s.job == 0 {
		state.Activity = s.activity
		return state
	}
	if number := fmt.Sprint(s.job); state.Job.PrinterJob != number {
		state.Job = printer.Job{ID: fmt.Sprintf("%06d-%016x", s.job, rand.Uint64()), PrinterJob: number, Name: "job " + number, StartedAt: time.Now()}
	}
	state.Job.Progress, state.Job.Layer = printer.Some(s.progress), printer.Some(s.layer)
	if s.activity != "" && !state.Job.Over() {
		state.Activity = s.activity
	}
	if s.done && !state.Job.Over() {
		state.Job.Result, state.Job.EndedAt = printer.Success, time.Now()
	}
	return state
}

// Do takes no commands.
func (a *actor) Do(context.Context, printer.Command) (printer.Outcome, error) {
	return printer.Outcome{}, fault.New(fault.Unsupported, "an actor takes no commands")
}

// outside is a follower whose effect leaves the process: a line in a file.
type outside struct {
	store *storage.Store
	file  *os.File
	crash *crasher
}

func (o *outside) Name() string { return "outside" }

func (o *outside) Cursor(ctx context.Context) (uint64, error) { return o.store.Cursor(ctx, o.Name()) }

func (o *outside) Apply(ctx context.Context, entries []journal.Entry, _ int) error {
	for _, e := range entries {
		if _, err := fmt.Fprintf(o.file, "%d %s\n", e.Seq, e.Name); err != nil {
			return err
		}
		o.crash.point("told")
	}
	return o.store.Advance(ctx, o.Name(), entries[len(entries)-1].Seq)
}

// TestCrashChild is the process that is killed. It runs only as a child of TestCrash.
func TestCrashChild(t *testing.T) {
	text := os.Getenv(crashEnv)
	if text == "" {
		t.Skip("runs only as a child of TestCrash")
	}
	var plan crashPlan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatal(err)
	}
	crash := &crasher{kind: plan.Kind}
	crash.left.Store(plan.N)
	if plan.Kind == "time" {
		time.AfterFunc(time.Duration(plan.N)*time.Microsecond, die) // owner: the death of the process
	}
	if err := crashLife(plan, crash); err != nil {
		t.Fatal(err)
	}
}

// retain applies the journal's retention all the time.
func retain(ctx context.Context, store *storage.Store) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		_, _ = store.Retain(ctx) // what fails here is what the crash is to break
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// crashLife runs storage, bridge and two followers until both plays are over and
// everybody has been told.
func crashLife(plan crashPlan, crash *crasher) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := storage.Open(ctx, storage.Options{
		Path: filepath.Join(plan.Folder, "printwire.db"), Log: log,
		Step: func(s storage.Step) error { crash.point("step " + string(s)); return nil },
	})
	if err != nil {
		return err
	}
	actors := map[string]*actor{}
	b := bridge.New(bridge.Options{
		Store: store, Log: log, SaveActive: 3 * time.Millisecond, SaveIdle: 6 * time.Millisecond,
		Open: func(c printer.Config) (printer.Driver, error) { return actors[c.Serial], nil },
	})
	for i := range crashPrinters {
		serial := fmt.Sprintf("S%d", i)
		position, err := os.OpenFile(filepath.Join(plan.Folder, serial), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		actors[serial] = &actor{scenes: play(plan.Seed+uint64(i), plan.Jobs), crash: crash, position: position, done: make(chan struct{})}
		if _, err := b.Add(ctx, printer.Config{Name: serial, Serial: serial, Managed: true}); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(filepath.Join(plan.Folder, "told"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { _ = b.Run(running) })                                                    // owner: crashLife stops and waits
	group.Go(func() { retain(running, store) })                                                // owner: crashLife stops and waits
	group.Go(func() { _ = journal.Follow(running, log, store, archive.New(store.Archive())) }) // owner: crashLife stops and waits
	group.Go(func() { _ = journal.Follow(running, log, store, &outside{store, file, crash}) }) // owner: crashLife stops and waits
	defer func() { stop(); group.Wait() }()
	for _, a := range actors {
		select {
		case <-a.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		a, err1 := store.Cursor(ctx, "archive")
		o, err2 := store.Cursor(ctx, "outside")
		if err1 != nil || err2 != nil {
			return fmt.Errorf("reading the cursors: %w, %w", err1, err2)
		}
		if last := store.Last(); a == last && o == last {
			break
		}
		if !restFor(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
	stop()
	group.Wait()
	return store.Close()
}
