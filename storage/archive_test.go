package storage_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
)

func named(job, name string) archive.Change {
	return archive.Change{Job: job, Create: true, Do: func(r archive.Record) (archive.Record, error) {
		r.Name = name
		return r, nil
	}}
}

func TestArchive_Apply(t *testing.T) {
	ctx := t.Context()
	a := mustOpen(t, storage.Options{}).Archive()
	if _, err := a.Job(ctx, "J1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a job that is not there gave %v, want not found", err)
	}
	apply := func(upTo uint64, changes ...archive.Change) {
		t.Helper()
		if _, err := a.Apply(ctx, upTo, changes); err != nil {
			t.Fatal(err)
		}
	}
	apply(4, named("J1", "one"), named("J2", "two"))
	apply(4, named("J1", "again"))
	apply(3, named("J1", "earlier"), named("J0", "never"))
	if r, err := a.Job(ctx, "J1"); err != nil || r.Name != "one" || r.ID != 1 {
		t.Errorf("the job is %+v (%v): an effect was repeated", r, err)
	}
	apply(9, named("J1", "later"), named("J3", "three"))
	list, err := a.Jobs(ctx, 2)
	if err != nil || len(list) != 2 || list[0].Job != "J3" || list[1].Job != "J2" {
		t.Errorf("the two newest are %+v (%v)", list, err)
	}
	if seq, _ := a.Cursor(ctx); seq != 9 {
		t.Errorf("the cursor is %d, want 9", seq)
	}
	if r, _ := a.Job(ctx, "J1"); r.Name != "later" {
		t.Errorf("the job is %+v", r)
	}
}

func TestArchive_DeleteLeavesNoWayBack(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "printwire.db")
	s, err := storage.Open(ctx, storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	a := s.Archive()
	_, _ = a.Apply(ctx, 1, []archive.Change{named("J1", "one"), named("J2", "two")})
	if err := a.Delete(ctx, []int{2}, time.Unix(1000, 0), false); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	a = mustOpen(t, storage.Options{Path: path}).Archive()
	stored, err := a.Apply(ctx, 2, []archive.Change{named("J2", "back"), named("J3", "three")})
	if err != nil || len(stored) != 1 || stored[0].ID != 3 {
		t.Errorf("stored %+v (%v), want J3 alone with the number 3", stored, err)
	}
	sums, err := a.Summaries(ctx)
	if err != nil || len(sums) != 3 || !sums[1].Deleted || sums[0].Deleted {
		t.Errorf("summaries are %+v (%v)", sums, err)
	}
	if err := a.Delete(ctx, []int{2}, time.Unix(1000, 0), true); err != nil {
		t.Fatal(err)
	}
	if sums, _ := a.Summaries(ctx); len(sums) != 2 {
		t.Errorf("after a purge %d summaries are left", len(sums))
	}
	if err := a.Forget(ctx, time.Unix(2000, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Update(ctx, []archive.Change{{ID: 2}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("changing a deleted record gave %v", err)
	}
}

func TestArchive_Samples(t *testing.T) {
	ctx := t.Context()
	a := mustOpen(t, storage.Options{}).Archive()
	at := time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC)
	sample := func(i int) *archive.Sample {
		s := &archive.Sample{At: at.Add(time.Duration(i) * time.Minute), Progress: printer.Some(i % 101), Nozzle: printer.Some(200.5 - float64(i))}
		if i%3 == 0 {
			s.Layer = printer.Some(i)
		}
		return s
	}
	for i := range 100 {
		c := named("J1", "one")
		c.Sample = sample(i)
		if _, err := a.Update(ctx, []archive.Change{c, {Job: "J1", Sample: sample(i / 2)}}); err != nil {
			t.Fatal(err)
		}
	}
	// A program that starts again and again takes a sample each time.
	soon := &archive.Sample{At: at.Add(99*time.Minute + archive.SampleEvery/2 - time.Millisecond)}
	if _, err := a.Update(ctx, []archive.Change{{Job: "J1", Sample: soon}}); err != nil {
		t.Fatal(err)
	}
	got, err := a.Samples(ctx, 1)
	if err != nil || len(got) != 100 {
		t.Fatalf("%d samples (%v), want 100: an older one is no new one", len(got), err)
	}
	for i, s := range got {
		if s != *sample(i) {
			t.Errorf("sample %d is %+v, want %+v", i, s, *sample(i))
		}
	}
	if ids, err := a.Sampled(ctx); err != nil || fmt.Sprint(ids) != "[1]" {
		t.Errorf("sampled are %v (%v)", ids, err)
	}
	if err := a.DeleteSamples(ctx, []int{1}); err != nil {
		t.Fatal(err)
	}
	if got, _ := a.Samples(ctx, 1); len(got) != 0 {
		t.Errorf("%d samples are left", len(got))
	}
}

func TestOpen_NumbersOldJobRecords(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "printwire.db")
	if err := mustClose(storage.Open(ctx, storage.Options{Path: path})); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, "jobs", "J2", append([]byte{1}, `{"job":"J2","serial":"S","printer_id":3,"name":"two","start":"2026-05-06T07:00:00Z","progress":4}`...))
	rewrite(t, path, "jobs", "J1", append([]byte{1}, `{"job":"J1","serial":"S","start":"2026-05-06T06:00:00Z","end":"2026-05-06T06:30:00Z","result":"success"}`...))
	rewrite(t, path, "meta", "format", append([]byte{1}, `{"format":1}`...))
	for range 2 {
		s, err := storage.Open(ctx, storage.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		one, err1 := s.Archive().Record(ctx, 1)
		two, err2 := s.Archive().Job(ctx, "J2")
		list, _ := s.Archive().Jobs(ctx, 0)
		if err1 != nil || err2 != nil || one.Job != "J1" || one.DurationSeconds.Value != 1800 || two.ID != 2 || two.Progress.Value != 4 || len(list) != 2 {
			t.Errorf("records are %+v (%v) and %+v (%v) of %d", one, err1, two, err2, len(list))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
