package bridge_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

func TestBridge_Add(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		for _, c := range []struct {
			name   string
			config printer.Config
			open   error
			kind   fault.Kind
			word   string
		}{
			{"a serial that is there", printer.Config{Serial: " a "}, nil, fault.Conflict, "its id is 1"},
			{"no serial", printer.Config{}, nil, fault.Invalid, "serial"},
			{"a bad serial", printer.Config{Serial: "a/b"}, nil, fault.Invalid, "serial"},
			{"a long serial", printer.Config{Serial: strings.Repeat("A", 51)}, nil, fault.Invalid, "serial"},
			{"bad settings", printer.Config{Serial: "Q"}, fault.New(fault.Invalid, "no host").At("host"), fault.Invalid, "host"},
		} {
			s.openErr = c.open
			_, err := s.Add(t.Context(), c.config)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
				t.Errorf("%s gave %v, want %v with %q", c.name, err, c.kind, c.word)
			}
		}
		s.openErr = nil
		id, err := s.Add(t.Context(), printer.Config{Serial: "b2", Name: "Second"})
		if err != nil || id < 2 {
			t.Fatalf("Add gave %d, %v", id, err)
		}
		synctest.Wait()
		if got := s.snapshot(id); got.Config.Serial != "B2" || got.State.Serial != "B2" || got.State.Online {
			t.Errorf("the new printer is %+v", got)
		}
		changes := s.sink.take()
		if last := changes[len(changes)-1]; last.Next.Config.ID != id || last.Removed {
			t.Errorf("the sink was told %+v", changes)
		}
		s.puppets["B2"].show(idle())
		s.told("a printer added while running", "printer_online")
		if len(s.Snapshots()) != 2 || s.Snapshots()[0].Config.ID != 1 {
			t.Errorf("snapshots are %+v", s.Snapshots())
		}
	})
}

func TestBridge_Remove(t *testing.T) {
	store := newStore()
	play(t, store, bridge.Options{}, []string{"A", "B"}, func(t *testing.T, s *stage) {
		s.puppets["A"].show(idle())
		synctest.Wait()
		s.sink.take()
		store.set(func(m *memoryStore) { m.fail = errors.New("full") })
		if err := s.Remove(t.Context(), 1); err == nil {
			t.Error("a removal that could not be stored succeeded")
		}
		store.set(func(m *memoryStore) { m.fail = nil })
		s.puppets["A"].show(printing("J", 1))
		synctest.Wait()
		s.sink.take()
		if err := s.Remove(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		changes := s.sink.take()
		if len(changes) != 1 || !changes[0].Removed || changes[0].Next.Config.Serial != "A" || changes[0].Next.State.Job.ID != "J" {
			t.Errorf("the sink was told %+v, want the removal with the last picture", changes)
		}
		if _, err := s.Snapshot(1); !fault.Is(err, fault.NotFound) {
			t.Errorf("the removed printer gave %v", err)
		}
		if len(store.printers) != 1 || store.record(1).Version != 0 {
			t.Errorf("the store still has %v and %+v", store.printers, store.record(1))
		}
		if err := s.Remove(t.Context(), 1); !fault.Is(err, fault.NotFound) {
			t.Errorf("removing it again gave %v", err)
		}
		id, err := s.Add(t.Context(), printer.Config{Serial: "A"})
		if err != nil || id != 1 {
			t.Errorf("added again it has the id %d (%v), want 1", id, err)
		}
		synctest.Wait()
		starts := s.puppets["A"].started()
		if last := starts[len(starts)-1]; !last.Fresh || last.State.Job.ID != "" {
			t.Errorf("added again it starts from %+v, want from nothing", last)
		}
		managed, err := s.Add(t.Context(), printer.Config{Serial: "M", Managed: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(t.Context(), managed); !fault.Is(err, fault.Conflict) {
			t.Errorf("removing a managed printer gave %v, want a conflict", err)
		}
		if _, ok := store.printers[managed]; ok {
			t.Error("a managed printer was stored")
		}
	})
}

func TestBridge_Update(t *testing.T) {
	store := newStore()
	play(t, store, bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		a := s.puppets["A"]
		a.emit(printer.Update{State: printing("J", 40), Memory: printer.Memory{Data: []byte("m")}})
		a.emit(printer.Update{State: printing("J", 41), Memory: printer.Memory{Data: []byte("n")}})
		synctest.Wait()
		s.sink.take()
		before := s.snapshot(1)
		if err := s.Update(t.Context(), printer.Config{ID: 1, Name: "New", Serial: "a", Host: "h2"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		changes := s.sink.take()
		if len(changes) != 1 || changes[0].Prev.Config.Name != "N A" || changes[0].Next.Config.Name != "New" {
			t.Errorf("the sink was told %+v", changes)
		}
		if now := s.snapshot(1); now.Version <= before.Version || now.State.Online || now.State.Job.ID != "J" {
			t.Errorf("the picture is %+v", now)
		}
		starts := a.started()
		if len(starts) != 2 || string(starts[1].Memory.Data) != "n" || starts[1].State.Job.PeakProgress != 41 || starts[1].Fresh {
			t.Errorf("the new session starts from %+v", starts[len(starts)-1])
		}
		if store.printers[1].Host != "h2" || a.config.Host != "h2" {
			t.Error("the new settings were not stored or not used")
		}
		a.show(printing("J", 41))
		s.told("over the change", "printer_online")
		if err := s.Update(t.Context(), printer.Config{ID: 1, Serial: "B"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("another serial gave %v, want invalid", err)
		}
		if err := s.Update(t.Context(), printer.Config{ID: 7, Serial: "B"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("no such printer gave %v, want not found", err)
		}
	})
}

func TestBridge_Restore(t *testing.T) {
	store := newStore()
	play(t, store, bridge.Options{}, []string{"A", "B", "C"}, func(*testing.T, *stage) {})
	play(t, store, bridge.Options{}, nil, func(t *testing.T, s *stage) {
		id, err := s.Add(t.Context(), printer.Config{Serial: "B", Name: "from the file", Managed: true})
		if err != nil || id != 2 {
			t.Fatalf("Add: %d, %v", id, err)
		}
		if err := s.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		list := s.Snapshots()
		if len(list) != 3 || list[1].Config.Name != "from the file" || list[0].Config.Name != "N A" {
			t.Errorf("printers are %+v", list)
		}
		if !strings.Contains(s.log.String(), "sleeps") {
			t.Error("the sleeping row is not logged")
		}
	})
	play(t, store, bridge.Options{}, nil, func(t *testing.T, s *stage) {
		s.openErr = errors.New("no such family")
		if err := s.Restore(t.Context()); err != nil {
			t.Errorf("printers that cannot be opened stop the others: %v", err)
		}
		store.set(func(m *memoryStore) { m.fail = errors.New("broken") })
		if err := s.Restore(t.Context()); err == nil {
			t.Error("a broken store gave no error")
		}
		store.set(func(m *memoryStore) { m.fail = nil })
	})
}

func TestBridge_Find(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"01S00C1", "1234567"}, func(t *testing.T, s *stage) {
		for ref, want := range map[string]int{"1": 1, "000002": 2, "01S00C1": 1, "01s00c1": 1, "1234567": 2, "0000001": 0, "9": 0, "": 0, "+1": 0, "1 ": 0, "X": 0} {
			got, err := s.Find(ref)
			if want == 0 && !fault.Is(err, fault.NotFound) || want > 0 && (err != nil || got.Config.ID != want) {
				t.Errorf("Find(%q) = %d, %v; want %d", ref, got.Config.ID, err, want)
			}
		}
	})
}

func TestBridge_Do(t *testing.T) {
	type key struct{}
	permit := func(ctx context.Context, id int, cmd printer.Command) error {
		if ctx.Value(key{}) == nil {
			return fault.New(fault.Denied, "not yours")
		}
		return nil
	}
	play(t, newStore(), bridge.Options{Permit: permit}, []string{"A"}, func(t *testing.T, s *stage) {
		a := s.puppets["A"]
		allowed := context.WithValue(t.Context(), key{}, true)
		var got []printer.Command
		a.command = func(_ context.Context, cmd printer.Command) (printer.Outcome, error) {
			got = append(got, cmd)
			switch cmd.Name {
			case printer.CmdStop:
				panic("in a command")
			case printer.CmdPause:
				return printer.Outcome{Acknowledged: true}, fault.New(fault.Conflict, "the printer said no")
			}
			return printer.Outcome{Acknowledged: true, Effective: true}, nil
		}
		try := func(what string, ctx context.Context, id int, name printer.CommandName, kind fault.Kind) {
			t.Helper()
			if _, err := s.Do(ctx, id, printer.Command{Name: name, Origin: "test"}); !fault.Is(err, kind) {
				t.Errorf("%s gave %v (%v), want %v", what, err, fault.KindOf(err), kind)
			}
		}
		try("an unknown printer", allowed, 9, printer.CmdRefresh, fault.NotFound)
		try("an offline printer", allowed, 1, printer.CmdRefresh, fault.Offline)
		a.show(printing("J", 1))
		try("no permission", t.Context(), 1, printer.CmdRefresh, fault.Denied)
		try("another activity", allowed, 1, printer.CmdResume, fault.Conflict)
		if len(got) != 0 {
			t.Errorf("commands reached the driver: %v", got)
		}
		outcome, err := s.Do(allowed, 1, printer.Command{Name: printer.CmdRefresh, Origin: "api:key_1"})
		if err != nil || !outcome.Effective || len(got) != 1 || got[0].Origin != "api:key_1" {
			t.Errorf("Do gave %+v, %v; the driver got %+v", outcome, err, got)
		}
		try("a command that the printer refuses", allowed, 1, printer.CmdPause, fault.Conflict)
		try("a command that panics", allowed, 1, printer.CmdStop, fault.Internal)
		for _, word := range []string{"origin=api:key_1", "command=refresh", "in a command", "the printer said no"} {
			if !strings.Contains(s.log.String(), word) {
				t.Errorf("the log lacks %q", word)
			}
		}
		a.show(printing("J", 2))
		s.told("the session lives", "printer_online")
	})
}

func TestBridge_RunOnce(t *testing.T) {
	play(t, newStore(), bridge.Options{}, nil, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Run(ctx); err == nil {
			t.Error("a second Run was accepted")
		}
	})
}
