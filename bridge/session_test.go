package bridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/printer"
)

func TestSession_ValuesGoOutBeforeTheirEventsAreStored(t *testing.T) {
	store := newStore()
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		a := s.puppets["A"]
		a.show(idle())
		synctest.Wait()
		s.sink.take()
		gate := make(chan struct{})
		store.set(func(m *memoryStore) { m.gate = gate })
		open := idle()
		open.Door = printer.Some(true)
		taken := make(chan struct{})
		a.orders <- func(emit func(printer.Update)) error {
			emit(printer.Update{State: open})
			close(taken)
			return nil
		}
		synctest.Wait()
		changes := s.sink.take()
		if len(changes) != 1 || changes[0].Prev.State.Door != printer.Some(false) || changes[0].Next.State.Door != printer.Some(true) {
			t.Errorf("while the commit waits the sink has %+v, want the door's change", changes)
		}
		select {
		case <-taken:
			t.Error("the driver went on before its event was stored")
		default:
		}
		s.told("before the commit", "printer_online")
		store.set(func(m *memoryStore) { m.gate = nil })
		close(gate)
		<-taken
		s.told("after the commit", "printer_online", "door_opened")
		if r := store.record(1); r.State.Door != printer.Some(true) {
			t.Errorf("the event's record has the door %v", r.State.Door)
		}
		e := store.entries[1]
		if e.PrinterID != 1 || e.Serial != "A" || e.Printer != "N A" || e.Time.IsZero() || e.Time.Location() != time.UTC {
			t.Errorf("entry is %+v", e)
		}
	})
}

func TestSession_FirstSightTellsOnlyThatThePrinterIsThere(t *testing.T) {
	for _, unreachable := range []bool{false, true} {
		t.Run(fmt.Sprint("unreachable at first: ", unreachable), func(t *testing.T) {
			play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
				if unreachable {
					s.puppets["A"].show(printer.State{Problem: printer.Problem{Code: printer.ProblemUnreachable, Text: "…"}})
				}
				found := printing("J1", 80)
				found.Job.Attached = true
				found.Faults = []printer.Fault{{Code: "X", Severity: printer.Fatal}}
				found.FirmwareAvailable = "2"
				s.puppets["A"].show(found)
				s.told("at first sight", "printer_online")
				found.Job.Result, found.Activity, found.Faults = printer.Success, printer.Finished, nil
				s.puppets["A"].show(found)
				s.told("afterwards", "printer_online", "print_complete", "printer_error_cleared")
				if start := s.puppets["A"].started()[0]; !start.Fresh {
					t.Error("the driver was not told that it starts afresh")
				}
			})
		})
	}
}

func TestSession_FirstSightIsTheFirstReportNotTheFirstRecord(t *testing.T) {
	store := newStore()
	play(t, store, bridge.Options{}, []string{"A"}, func(_ *testing.T, s *stage) {
		pinned := printer.Memory{Version: 1, Data: []byte("pin")}
		s.puppets["A"].emit(printer.Update{State: printer.State{}, Memory: pinned, Keep: true})
	})
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		if start := s.puppets["A"].started()[0]; start.Fresh || string(start.Memory.Data) != "pin" {
			t.Errorf("the driver starts from %+v, want what it remembered", start)
		}
		found := idle()
		found.Faults = []printer.Fault{{Code: "X", Severity: printer.Fatal}}
		s.puppets["A"].show(found)
		s.told("at first sight", "printer_online")
	})
}

func TestSession_TimeIsThatOfTheLastReport(t *testing.T) {
	store := newStore()
	var heard time.Time
	play(t, store, bridge.Options{}, []string{"A"}, func(_ *testing.T, s *stage) {
		s.puppets["A"].show(printing("J1", 30))
		heard = time.Now()
	})
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		s.pass(time.Hour)
		gone := printing("J1", 30)
		gone.Online, gone.Problem = false, printer.Problem{Code: printer.ProblemUnreachable, Text: "…"}
		s.puppets["A"].show(gone)
		if at := s.snapshot(1).At; !at.Equal(heard) {
			t.Errorf("after a restart without a report the picture is of %v, want %v", at, heard)
		}
	})
}

func TestSession_RestartTellsNothingTwiceAndMissesNothing(t *testing.T) {
	store := newStore()
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		s.puppets["A"].show(idle())
		s.puppets["A"].emit(printer.Update{State: printing("J1", 30), Memory: printer.Memory{Version: 3, Data: []byte("m")}})
	})
	before := []string{"printer_online", "print_started", "print_progress"}
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		snapshot := s.snapshot(1)
		if snapshot.State.Online || snapshot.State.Job.ID != "J1" || snapshot.At.IsZero() {
			t.Errorf("before the first report the picture is %+v, want the last one, offline", snapshot)
		}
		start := s.puppets["A"].started()[0]
		if start.Fresh || string(start.Memory.Data) != "m" || start.Memory.Version != 3 || start.State.Job.PeakProgress != 30 {
			t.Errorf("the driver starts from %+v", start)
		}
		s.sink.take()
		s.puppets["A"].show(printing("J1", 30))
		s.told("the same state", before...)
		if c := s.sink.take(); len(c) != 1 || !c[0].Next.State.Online {
			t.Errorf("sinks are told %+v, want the printer online", c)
		}
	})
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		next := printing("J2", 5)
		s.puppets["A"].show(next)
		s.told("job 1 ended and job 2 began while nobody looked", append(before, "print_failed", "print_started")...)
	})
}

func TestSession_CommitFailure(t *testing.T) {
	store := newStore()
	full := errors.New("no space left on device")
	play(t, store, bridge.Options{}, []string{"A", "B"}, func(t *testing.T, s *stage) {
		a, b := s.puppets["A"], s.puppets["B"]
		a.show(idle())
		b.show(idle())
		store.set(func(m *memoryStore) { m.fail = full })
		flip := func(n int) {
			for i := range n {
				state := idle()
				state.Door = printer.Some(i%2 == 0)
				a.show(state)
			}
		}
		flip(3)
		s.told("while the disk is full", "printer_online", "printer_online")
		if h := s.Health(); h.Waiting != 3 || h.Dropped != 0 || !strings.Contains(h.Storage, "no space") || h.Printers != 2 || h.Online != 2 {
			t.Errorf("health is %+v", h)
		}
		if got := s.snapshot(1).State.Door; got != printer.Some(true) {
			t.Errorf("values stand still: the door is %v", got)
		}
		_, saves := store.count()
		s.pass(25 * time.Second)
		if _, after := store.count(); after != saves {
			t.Error("a state was saved without its waiting events")
		}
		store.set(func(m *memoryStore) { m.fail = nil })
		s.pass(10 * time.Second)
		s.told("when the disk has room, by the timer", "printer_online", "printer_online", "door_opened", "door_closed", "door_opened")
		if h := s.Health(); h.Waiting != 0 || h.Storage != "" {
			t.Errorf("health is %+v", h)
		}
		if n := strings.Count(s.log.String(), "cannot be written"); n != 1 {
			t.Errorf("the trouble is logged %d times, want once", n)
		}
		store.set(func(m *memoryStore) { m.fail = full })
		flip(1201)
		if h := s.Health(); h.Waiting != 1000 || h.Dropped == 0 {
			t.Errorf("after 1,201 events health is %+v, want 1,000 waiting", h)
		}
		dropped := s.Health().Dropped
		store.set(func(m *memoryStore) { m.fail = nil; m.entries = nil })
		closed := idle()
		a.show(closed)
		names := store.names()
		if len(names) != 1001 || names[1000] != "door_closed" {
			t.Errorf("%d events arrived, the last %q", len(names), names[len(names)-1])
		}
		if s.Health().Dropped != dropped {
			t.Error("the count of dropped events was lost")
		}
	})
}

func TestSession_KeepStoresMemoryAtOnce(t *testing.T) {
	store := newStore()
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		a := s.puppets["A"]
		a.show(idle())
		a.emit(printer.Update{State: idle(), Memory: printer.Memory{Data: []byte("later")}})
		if string(store.record(1).Memory.Data) != "" {
			t.Error("a memory was stored that nobody asked to be")
		}
		a.emit(printer.Update{State: idle(), Memory: printer.Memory{Data: []byte("now")}, Keep: true})
		if string(store.record(1).Memory.Data) != "now" {
			t.Error("a memory to be kept was not stored")
		}
		commits, _ := store.count()
		a.emit(printer.Update{State: idle(), Memory: printer.Memory{Data: []byte("now")}, Keep: true})
		if again, _ := store.count(); again != commits {
			t.Error("the same memory was stored again")
		}
		huge := printer.Memory{Data: make([]byte, printer.MaxMemory+1)}
		for range 3 {
			a.emit(printer.Update{State: idle(), Memory: huge, Keep: true})
		}
		if string(store.record(1).Memory.Data) != "now" || strings.Count(s.log.String(), "too large") != 1 {
			t.Errorf("a memory over the limit was stored, or logged not once: %s", s.log)
		}
	})
}

func TestSession_PeriodicSave(t *testing.T) {
	store := newStore()
	bed := func(s printer.State, v float64) printer.State { s.Bed.Temperature = printer.Some(v); return s }
	play(t, store, bridge.Options{}, []string{"A", "B"}, func(t *testing.T, s *stage) {
		a, b := s.puppets["A"], s.puppets["B"]
		a.show(idle())
		b.show(idle())
		b.show(printing("J", 1))
		stored := func(id int) float64 { return store.record(id).State.Bed.Temperature.Or(0) }
		for i := 1; i <= 9; i++ {
			a.show(bed(idle(), float64(i)))
			b.show(bed(printing("J", 1), float64(i)))
			s.pass(time.Second)
		}
		if stored(1) != 0 || stored(2) != 0 {
			t.Error("values were stored sooner than every 10 s")
		}
		s.pass(2 * time.Second)
		s.pass(10 * time.Second)
		if stored(1) != 0 || stored(2) != 9 {
			t.Errorf("after 20 s the idle one has %v, the active one %v; want 0 and 9", stored(1), stored(2))
		}
		s.pass(10 * time.Minute)
		if stored(1) != 9 {
			t.Errorf("after ten minutes the idle one has %v, want 9", stored(1))
		}
		_, saves := store.count()
		s.pass(time.Hour)
		if _, after := store.count(); after != saves {
			t.Errorf("%d writes in an hour without a change", after-saves)
		}
		a.show(bed(idle(), 21))
		b.show(bed(printing("J", 1), 22))
		s.end()
		if stored(1) != 21 || stored(2) != 22 {
			t.Errorf("after the end there are %v and %v, want 21 and 22", stored(1), stored(2))
		}
		if _, after := store.count(); after != saves+1 {
			t.Errorf("the end took %d writes, want one for all printers", after-saves)
		}
	})
}

func TestSession_PanicTakesDownOnePrinterOnly(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A", "B"}, func(t *testing.T, s *stage) {
		a, b := s.puppets["A"], s.puppets["B"]
		a.show(idle())
		b.show(idle())
		a.breakWith("at the disco")
		synctest.Wait()
		if got := s.snapshot(1).State; got.Problem.Code != printer.ProblemInternal || got.Problem.Text == "" || !got.Online {
			t.Errorf("after one panic the picture is %+v", got)
		}
		if text := s.log.String(); !strings.Contains(text, "at the disco") || !strings.Contains(text, "helpers_test.go") {
			t.Errorf("the log lacks the panic or its stack: %s", text)
		}
		b.show(printing("J", 1))
		s.told("the other printer goes on", "printer_online", "printer_online", "print_started")
		if _, err := s.Do(t.Context(), 1, printer.Command{Name: printer.CmdRefresh}); err == nil {
			t.Error("a printer without a driver took a command")
		}
		s.pass(time.Second)
		a.show(idle())
		synctest.Wait()
		if got := s.snapshot(1).State; got.Problem.Code != "" {
			t.Errorf("after the new start the problem is %+v", got.Problem)
		}
		a.breakWith(errors.New("a defect"))
		synctest.Wait()
		s.pass(2 * time.Second)
		s.told("two breaks in a row", "printer_online", "printer_online", "print_started", "printer_offline")
		if n := len(a.started()); n != 3 {
			t.Errorf("the driver was started %d times, want 3", n)
		}
		a.show(idle())
		s.pass(2 * time.Minute)
		a.breakWith(nil)
		synctest.Wait()
		if !s.snapshot(1).State.Online {
			t.Error("a break after a steady time counts as the second in a row")
		}
		s.pass(time.Second)
		if n := len(a.started()); n != 4 {
			t.Errorf("the driver was started %d times, want 4", n)
		}
	})
}

func TestSession_PanicWhileHandlingAnUpdate(t *testing.T) {
	broken := true
	marks := func() printer.Marks {
		if broken {
			panic("marks")
		}
		return printer.DefaultMarks()
	}
	play(t, newStore(), bridge.Options{Marks: marks}, []string{"A"}, func(t *testing.T, s *stage) {
		s.puppets["A"].orders <- func(emit func(printer.Update)) error {
			emit(printer.Update{State: idle()})
			return nil
		}
		synctest.Wait()
		s.pass(time.Second)
		// Broken twice in a row it counts as offline, which is an update, too.
		s.puppets["A"].orders <- func(func(printer.Update)) error { panic("again") }
		synctest.Wait()
		broken = false
		s.pass(2 * time.Second)
		s.puppets["A"].show(idle())
		s.told("after the new start", "printer_online")
	})
}
