package storage_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/storage"
)

func TestKV_PutAndValues(t *testing.T) {
	s := mustOpen(t, storage.Options{})
	kv := s.KV("keys")
	if _, err := kv.Value("a/1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a value that is not there gave %v, want not found", err)
	}
	if v, err := kv.Values(""); err != nil || len(v) != 0 {
		t.Errorf("values of nothing are %v (%v)", v, err)
	}
	err := kv.Put(map[string][]byte{"a/1": []byte("one"), "a/2": []byte("two"), "b/1": {}})
	if err != nil {
		t.Fatal(err)
	}
	values, err := kv.Values("a/")
	if err != nil || len(values) != 2 || string(values["a/1"]) != "one" || string(values["a/2"]) != "two" {
		t.Errorf("values are %q (%v)", values, err)
	}
	values["a/1"][0] = 'X'
	if v, _ := kv.Value("a/1"); string(v) != "one" {
		t.Errorf("a copy was no copy: %q", v)
	}
	if v, err := kv.Value("b/1"); err != nil || v == nil || len(v) != 0 {
		t.Errorf("an empty value is %v (%v)", v, err)
	}
	if err := kv.Put(map[string][]byte{"a/1": nil, "c": []byte("3")}); err != nil {
		t.Fatal(err)
	}
	all, _ := kv.Values("")
	if len(all) != 3 || all["a/1"] != nil {
		t.Errorf("after deleting, values are %q", all)
	}
	if other, _ := s.KV("other").Values(""); len(other) != 0 {
		t.Errorf("another bucket has %q", other)
	}
	for _, key := range []string{"", string(make([]byte, 40_000))} {
		if err := kv.Put(map[string][]byte{key: []byte("x"), "half": []byte("x")}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a key of %d bytes gave %v, want invalid", len(key), err)
		}
	}
	if _, err := kv.Value("half"); !fault.Is(err, fault.NotFound) {
		t.Error("half of a refused put is stored")
	}
}

func TestStore_Identify(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "printwire.db")
	s, err := storage.Open(ctx, storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	ids := make([]int, 40)
	for i := range ids {
		group.Go(func() { ids[i], _ = s.Identify(ctx, fmt.Sprintf("S%d", i%20)) }) // owner: group
	}
	group.Wait()
	seen := map[int]string{}
	for i, id := range ids {
		serial := fmt.Sprintf("S%d", i%20)
		if id < 1 || id > 20 || seen[id] != "" && seen[id] != serial {
			t.Fatalf("serial %s has id %d, which belongs to %q", serial, id, seen[id])
		}
		seen[id] = serial
	}
	if err := errors.Join(s.DeletePrinter(ctx, ids[0]), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, storage.Options{Path: path})
	if id, _ := s.Identify(ctx, "S0"); id != ids[0] {
		t.Errorf("after deleting and opening again S0 has id %d, want %d", id, ids[0])
	}
	if id, _ := s.Identify(ctx, "NEW"); id != 21 {
		t.Errorf("a new serial has id %d, want 21", id)
	}
	if _, err := s.Identify(ctx, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("no serial gave %v, want invalid", err)
	}
}

func TestStore_Printers(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, storage.Options{})
	want := printer.Config{ID: 3, Name: "Workshop", Family: "bambu", Host: "h", Port: 8883, Serial: "S", AccessCode: secret.Text("12345678"), Certificate: "pin", Roots: "r", Area: "a"}
	if err := s.PutPrinter(ctx, want); err != nil {
		t.Fatal(err)
	}
	list, err := s.Printers(ctx)
	if err != nil || len(list) != 1 || list[0] != want {
		t.Fatalf("printers are %+v (%v), want %+v", list, err, want)
	}
	if list[0].AccessCode.Reveal() != "12345678" {
		t.Error("the access code is not what was stored")
	}
	if err := s.PutPrinter(ctx, printer.Config{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a printer without id gave %v, want invalid", err)
	}
	if err := s.Save(ctx, []printer.Record{{ID: 3, Version: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePrinter(ctx, 3); err != nil {
		t.Fatal(err)
	}
	list, _ = s.Printers(ctx)
	records, _ := s.Load(ctx)
	if len(list)+len(records) != 0 {
		t.Errorf("after deleting there are %v and %v", list, records)
	}
}

func TestStore_Commit(t *testing.T) {
	ctx := context.Background()
	full := errors.New("no space left on device")
	failing := false
	s := mustOpen(t, storage.Options{Step: func(step storage.Step) error {
		if failing && step == storage.StepCommit {
			return full
		}
		return nil
	}})
	record := printer.Record{ID: 1, Version: 5, At: time.Unix(9, 0).UTC(), Memory: printer.Memory{Version: 2, Data: []byte{0, 255}}}
	record.State.Serial, record.State.Online = "S", true
	record.State.Bed.Temperature = printer.Some(60.5)
	record.State.Nozzles[1].Target = printer.Some(0.0)
	record.State.Units = []printer.Unit{{ID: 128, Trays: []printer.Tray{{Slot: 1, Empty: printer.Some(true)}}}}
	record.State.Job.Tray = printer.Some(printer.TrayRef{Unit: 0, Slot: 3})
	record.State.Job.StartedAt = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	if err := s.Commit(ctx, record, []journal.Entry{{Name: "test"}, {Name: "door_opened"}}); err != nil {
		t.Fatal(err)
	}
	failing = true
	worse := record
	worse.Version, worse.State.Serial = 6, "WORSE"
	if err := s.Commit(ctx, worse, []journal.Entry{{Name: "door_closed"}}); !errors.Is(err, full) {
		t.Errorf("a full disk gave %v", err)
	}
	failing = false
	check := func(what, serial string, events ...string) {
		t.Helper()
		records, err := s.Load(ctx)
		if err != nil || len(records) != 1 || records[0].State.Serial != serial {
			t.Errorf("%s: records are %+v (%v)", what, records, err)
		}
		entries, _, err := s.After(ctx, 0, 100)
		if err != nil || len(entries) != len(events) || s.Last() != uint64(len(events)) {
			t.Fatalf("%s: entries are %+v (%v), last is %d", what, entries, err, s.Last())
		}
		for i, e := range entries {
			if e.Name != events[i] || e.Seq != uint64(i+1) || string(e.Data) != "{}" {
				t.Errorf("%s: entry %d is %+v, want %s", what, i, e, events[i])
			}
		}
	}
	check("after a failed commit", "S", "test", "door_opened")
	records, _ := s.Load(ctx)
	if got := records[0]; !got.State.Equal(record.State) || got.Version != 5 || !got.At.Equal(record.At) || string(got.Memory.Data) != string(record.Memory.Data) || got.Memory.Version != 2 {
		t.Errorf("record is %+v, want %+v", got, record)
	}
	older := worse
	older.Version = 4
	if err := s.Save(ctx, []printer.Record{older}); err != nil {
		t.Fatal(err)
	}
	check("after saving an older record", "S", "test", "door_opened")
	if err := s.Commit(ctx, worse, []journal.Entry{{Name: "door_closed"}}); err != nil {
		t.Fatal(err)
	}
	check("after the disk is mended", "WORSE", "test", "door_opened", "door_closed")
}

func TestStore_GroupsWritesOfManyCallers(t *testing.T) {
	ctx := context.Background()
	var mu sync.Mutex
	steps := map[storage.Step]int{}
	hold := make(chan struct{})
	first := make(chan struct{})
	var once sync.Once
	s := mustOpen(t, storage.Options{Step: func(step storage.Step) error {
		mu.Lock()
		steps[step]++
		mu.Unlock()
		if step == storage.StepCommit {
			once.Do(func() { close(first); <-hold })
		}
		return nil
	}})
	const callers = 200
	var group sync.WaitGroup
	commit := func(id int) {
		r := printer.Record{ID: id, Version: 1}
		if err := s.Commit(ctx, r, []journal.Entry{{Name: "test", PrinterID: id}}); err != nil {
			t.Errorf("Commit: %v", err)
		}
		if got, err := s.KV("x").Values(""); err != nil || len(got) > 1 {
			t.Errorf("reading between: %v %v", got, err)
		}
	}
	group.Go(func() { commit(1) }) // owner: group
	<-first
	queued := make(chan struct{}, callers)
	for id := 2; id <= callers; id++ {
		group.Go(func() { queued <- struct{}{}; commit(id) }) // owner: group
	}
	for range callers - 1 {
		<-queued
	}
	close(hold)
	group.Wait()
	entries, lost, err := s.After(ctx, 0, 1000)
	if err != nil || lost != 0 || len(entries) != callers {
		t.Fatalf("%d entries, %d lost (%v)", len(entries), lost, err)
	}
	ids := map[int]bool{}
	for i, e := range entries {
		ids[e.PrinterID] = true
		if e.Seq != uint64(i+1) {
			t.Fatalf("entry %d has number %d", i, e.Seq)
		}
	}
	if len(ids) != callers {
		t.Errorf("%d printers have an entry, want %d", len(ids), callers)
	}
	if steps[storage.StepCommit] > callers/2 {
		t.Errorf("%d callers took %d transactions, want them grouped", callers, steps[storage.StepCommit])
	}
}

func TestStore_OneFailingChangeDoesNotSpoilTheOthers(t *testing.T) {
	ctx := context.Background()
	hold, first := make(chan struct{}), make(chan struct{})
	var once sync.Once
	path := filepath.Join(t.TempDir(), "printwire.db")
	if err := mustClose(storage.Open(ctx, storage.Options{Path: path})); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, "records", "\x00\x00\x00\x00\x00\x00\x00\x07", []byte{9, '{', '}'})
	s := mustOpen(t, storage.Options{Path: path, Step: func(step storage.Step) error {
		if step == storage.StepCommit {
			once.Do(func() { close(first); <-hold })
		}
		return nil
	}})
	var group sync.WaitGroup
	errs := make([]error, 20)
	group.Go(func() { errs[0] = s.Append(ctx, []journal.Entry{{Name: "test"}}) }) // owner: group
	<-first
	for i := 1; i < len(errs); i++ {
		group.Go(func() { // owner: group
			errs[i] = s.Commit(ctx, printer.Record{ID: i, Version: 1}, []journal.Entry{{Name: "test"}})
		})
	}
	close(hold)
	group.Wait()
	for i, err := range errs {
		if (err != nil) != (i == 7) {
			t.Errorf("change %d gave %v", i, err)
		}
	}
	if s.Last() != uint64(len(errs)-1) {
		t.Errorf("last is %d, want %d: the failed one uses no number", s.Last(), len(errs)-1)
	}
}

func TestStore_ClosedRefusesWrites(t *testing.T) {
	s, err := storage.Open(context.Background(), storage.Options{Path: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.KV("a").Put(map[string][]byte{"k": []byte("v")}); err == nil {
		t.Error("a closed store took a value")
	}
	if _, err := s.KV("a").Value("k"); err == nil {
		t.Error("a closed store gave a value")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := storage.Open(ended, storage.Options{Path: filepath.Join(t.TempDir(), "y.db")}); !errors.Is(err, context.Canceled) {
		t.Errorf("opening with an ended context gave %v", err)
	}
}

// FuzzKV compares a bucket with a map.
func FuzzKV(f *testing.F) {
	f.Add("a", []byte("1"), "ab", []byte(nil), "a")
	f.Add("key", []byte{}, "key", []byte{1, 2}, "")
	f.Fuzz(func(t *testing.T, k1 string, v1 []byte, k2 string, v2 []byte, prefix string) {
		s, err := storage.Open(context.Background(), storage.Options{Path: filepath.Join(t.TempDir(), "x.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		want := map[string]string{}
		for _, p := range []map[string][]byte{{k1: v1}, {k2: v2}} {
			if err := s.KV("b").Put(p); err != nil {
				if !fault.Is(err, fault.Invalid) {
					t.Fatal(err)
				}
				continue
			}
			for k, v := range p {
				if delete(want, k); v != nil {
					want[k] = string(v)
				}
			}
		}
		got := map[string]string{}
		values, err := s.KV("b").Values(prefix)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range values {
			got[k] = string(v)
		}
		maps.DeleteFunc(want, func(k, _ string) bool { return len(k) < len(prefix) || k[:len(prefix)] != prefix })
		if !maps.Equal(got, want) {
			t.Errorf("values are %q, want %q", got, want)
		}
	})
}
