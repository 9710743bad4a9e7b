package bridge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/printer"
)

func TestFanout_SlowSinkIsCoalescedAndBlocksNobody(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A", "B"}, func(t *testing.T, s *stage) {
		slow := &catcher{gate: make(chan struct{})}
		s.AddSink("slow", slow)
		synctest.Wait()
		for i := 1; i <= 1000; i++ {
			state := printing("J", i%100)
			state.Bed.Temperature = printer.Some(float64(i))
			s.puppets["A"].show(state)
		}
		s.puppets["B"].show(idle())
		if last := s.snapshot(1).State.Bed.Temperature; last != printer.Some(1000.0) {
			t.Errorf("the session stands at %v", last)
		}
		close(slow.gate)
		synctest.Wait()
		changes := slow.take()
		of := map[int][]printer.Change{}
		for _, c := range changes {
			of[c.Next.Config.ID] = append(of[c.Next.Config.ID], c)
		}
		if len(of[1]) != 2 || len(of[2]) != 2 {
			t.Fatalf("the slow sink got %d and %d changes, want the first sight and one more each", len(of[1]), len(of[2]))
		}
		first, merged := of[1][0], of[1][1]
		if !merged.Prev.State.Equal(first.Next.State) {
			t.Error("the merged change does not begin where the last one ended")
		}
		if merged.Next.State.Bed.Temperature != printer.Some(1000.0) || merged.Next.Version != s.snapshot(1).Version {
			t.Errorf("the merged change ends in %+v, want the newest", merged.Next)
		}
	})
}

func TestFanout_PanickingSinkHarmsNobody(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		bad := &catcher{panics: true}
		s.AddSink("bad", bad)
		synctest.Wait()
		s.sink.take()
		s.puppets["A"].show(idle())
		synctest.Wait()
		s.puppets["A"].show(printing("J", 1))
		synctest.Wait()
		if n := len(s.sink.take()); n != 2 {
			t.Errorf("the good sink got %d changes, want 2", n)
		}
		if bad.calls != 3 {
			t.Errorf("the bad sink was called %d times, want 3", bad.calls)
		}
		if !strings.Contains(s.log.String(), "sink=bad") {
			t.Error("the panic is not logged with the sink's name")
		}
	})
}

func TestFanout_SameStateIsNotTold(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		at := time.Now()
		s.puppets["A"].emit(printer.Update{State: idle(), At: at})
		synctest.Wait()
		s.sink.take()
		version := s.snapshot(1).Version
		s.puppets["A"].emit(printer.Update{State: idle(), At: at.Add(time.Second)})
		synctest.Wait()
		if c := s.sink.take(); len(c) != 0 {
			t.Errorf("the sink was told %+v", c)
		}
		if now := s.snapshot(1); !now.At.Equal(at.Add(time.Second)) || now.Version != version {
			t.Errorf("the snapshot is of %v, version %d", now.At, now.Version)
		}
	})
}

func TestFanout_TheLastChangeArrivesAtTheEnd(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		s.puppets["A"].show(printing("J", 99))
		s.end()
		changes := s.sink.take()
		if len(changes) == 0 || changes[len(changes)-1].Next.State.Job.Progress != printer.Some(99) {
			t.Errorf("after the end the sink has %+v", changes)
		}
	})
}

func TestFanout_HangingSinkDelaysTheEndOnlyForItsTime(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		s.AddSink("hanging", &catcher{gate: make(chan struct{})})
		synctest.Wait()
		s.puppets["A"].show(idle())
		began := time.Now()
		s.end()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

func TestFanout_SinkMayUseTheBridgeUntilTheEnd(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		gate := make(chan struct{})
		s.AddSink("user", sinkFunc(func([]printer.Change) {
			<-gate
			_ = s.Remove(context.Background(), 99)
			_, _ = s.Add(context.Background(), printer.Config{Serial: "LATE"})
		}))
		synctest.Wait()
		s.stop()
		time.AfterFunc(time.Second, func() { close(gate) }) // owner: the end below waits for the sink that waits for it
		s.end()
	})
}

// walker is a driver that shows a rising temperature as fast as it can.
type walker struct{ steps int }

func (w *walker) Run(ctx context.Context, _ printer.Start, emit func(printer.Update)) error {
	state := idle()
	for i := 1; i <= w.steps && ctx.Err() == nil; i++ {
		state.Bed.Temperature = printer.Some(float64(i))
		emit(printer.Update{State: state})
	}
	<-ctx.Done()
	return nil
}

func (w *walker) Do(context.Context, printer.Command) (printer.Outcome, error) {
	return printer.Outcome{}, nil
}

// awaiter is a sink that counts the printers whose last value has arrived.
type awaiter struct {
	last    float64
	arrived sync.Map
	count   atomic.Int32
	want    int32
	all     chan struct{}
}

func (a *awaiter) Apply(_ context.Context, changes []printer.Change) {
	for _, c := range changes {
		if c.Next.State.Bed.Temperature.Or(0) != a.last {
			continue
		}
		if _, before := a.arrived.LoadOrStore(c.Next.Config.ID, true); !before && a.count.Add(1) == a.want {
			close(a.all)
		}
	}
}

func TestBridge_ManyPrintersAtOnce(t *testing.T) {
	const printers, steps = 200, 50
	sinks := []*awaiter{}
	b := bridge.New(bridge.Options{
		Store: newStore(), SaveActive: time.Millisecond, SaveIdle: time.Millisecond,
		Open: func(printer.Config) (printer.Driver, error) { return &walker{steps: steps}, nil },
	})
	for i := range 3 {
		a := &awaiter{last: steps, want: printers, all: make(chan struct{})}
		sinks = append(sinks, a)
		b.AddSink(fmt.Sprint("sink ", i), a)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }() // owner: this test, which waits for ended
	for i := range printers {
		id, err := b.Add(ctx, printer.Config{Serial: fmt.Sprintf("S%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			_, _ = b.Do(ctx, id, printer.Command{Name: printer.CmdRefresh})
			if err := b.Update(ctx, printer.Config{ID: id, Serial: fmt.Sprintf("S%d", i), Name: "x"}); err != nil {
				t.Error(err)
			}
			_, _ = b.Snapshots(), b.Health()
		}
	}
	for _, a := range sinks {
		select {
		case <-a.all:
		case <-time.After(2 * time.Minute):
			t.Fatalf("the last value of %d of %d printers arrived", a.count.Load(), printers)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if h := b.Health(); h.Printers != printers || h.Online != printers {
		t.Errorf("health is %+v", h)
	}
}

// BenchmarkBridge_HandOff is the time from a driver's emit to the sink's Apply,
// for a full picture of which one value changed.
func BenchmarkBridge_HandOff(b *testing.B) {
	orders := make(chan func(func(printer.Update)) error)
	arrived := make(chan struct{}, 1)
	br := bridge.New(bridge.Options{
		Store: newStore(),
		Open:  func(printer.Config) (printer.Driver, error) { return &puppet{orders: orders}, nil },
	})
	br.AddSink("bench", sinkFunc(func([]printer.Change) { arrived <- struct{}{} }))
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- br.Run(ctx) }() // owner: this benchmark, which waits for ended
	if _, err := br.Add(ctx, printer.Config{Serial: "A"}); err != nil {
		b.Fatal(err)
	}
	<-arrived
	state := printing("J", 1)
	for u := range 4 {
		state.Units = append(state.Units, printer.Unit{ID: u, Trays: make([]printer.Tray, 4)})
	}
	done := make(chan struct{})
	orders <- func(emit func(printer.Update)) error {
		defer close(done)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			state.Bed.Temperature = printer.Some(float64(i))
			emit(printer.Update{State: state, At: time.Now()})
			<-arrived
		}
		return nil
	}
	<-done
	stop()
	<-ended
}

type sinkFunc func([]printer.Change)

func (f sinkFunc) Apply(_ context.Context, changes []printer.Change) { f(changes) }

func BenchmarkBridge_Snapshot(b *testing.B) {
	br := bridge.New(bridge.Options{Store: newStore(), Open: func(printer.Config) (printer.Driver, error) { return &walker{}, nil }})
	if _, err := br.Add(b.Context(), printer.Config{Serial: filepath.Base("A")}); err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := br.Snapshot(1); err != nil {
				b.Error(err)
			}
		}
	})
}
