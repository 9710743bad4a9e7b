package storage_test

import (
	"fmt"
	"testing"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/storage"
)

func TestArchive_Apply(t *testing.T) {
	ctx := t.Context()
	a := mustOpen(t, storage.Options{}).Archive()
	if _, err := a.Job(ctx, "J1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a job that is not there gave %v, want not found", err)
	}
	if list, err := a.Jobs(ctx, 0); err != nil || len(list) != 0 {
		t.Errorf("jobs of nothing are %v (%v)", list, err)
	}
	apply := func(upTo uint64, records ...archive.Record) {
		t.Helper()
		if err := a.Apply(ctx, upTo, records); err != nil {
			t.Fatal(err)
		}
	}
	apply(4, archive.Record{Job: "J1", Name: "one"}, archive.Record{Job: "J2", Name: "two"})
	apply(4, archive.Record{Job: "J1", Name: "again"})
	apply(3, archive.Record{Job: "J1", Name: "earlier"}, archive.Record{Job: "J0"})
	if r, err := a.Job(ctx, "J1"); err != nil || r.Name != "one" {
		t.Errorf("the job is %+v (%v): an effect was repeated", r, err)
	}
	apply(9, archive.Record{Job: "J1", Name: "later"}, archive.Record{Job: "J3"})
	list, err := a.Jobs(ctx, 2)
	if err != nil || len(list) != 2 || list[0].Job != "J3" || list[1].Job != "J2" {
		t.Errorf("the two newest are %+v (%v)", list, err)
	}
	if seq, _ := a.Cursor(ctx); seq != 9 {
		t.Errorf("the cursor is %d, want 9", seq)
	}
	for i := range 3 {
		apply(uint64(10+i), archive.Record{Job: fmt.Sprint("K", i)})
	}
	if list, _ := a.Jobs(ctx, 0); len(list) != 6 {
		t.Errorf("there are %d jobs, want 6", len(list))
	}
	if r, _ := a.Job(ctx, "J1"); r.Name != "later" {
		t.Errorf("the job is %+v", r)
	}
}
