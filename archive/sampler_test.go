package archive_test

import (
	"context"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/printer"
)

// picture is a printer in a job, some seconds after the start.
func picture(seconds int, job string, change func(*printer.State)) []printer.Change {
	st := printer.State{Online: true, Activity: printer.Printing, Model: "A1"}
	st.Job = printer.Job{ID: job, Name: "cube", StartedAt: start, Progress: printer.Some(seconds / 60), RemainingSeconds: printer.Some(3600 - seconds), Layer: printer.Some(1)}
	st.Nozzles[0].Temperature = printer.Some(220.0)
	st.External = []printer.Tray{{Material: "PLA", Color: "FF0000FF"}}
	st.ActiveTray = printer.Some(printer.TrayRef{Unit: printer.ExternalUnit})
	if change != nil {
		change(&st)
	}
	at := start.Add(time.Duration(seconds) * time.Second)
	return []printer.Change{{Next: printer.Snapshot{Config: printer.Config{ID: 3, Serial: "S", Name: "P"}, State: st, At: at}}}
}

func TestSampler_CompletesARecord(t *testing.T) {
	s := newShelf()
	r := archive.New(s)
	sampler := r.Sampler()
	if err := r.Apply(t.Context(), story(`print_started J1 {"job_name":"cube"}`), 0); err != nil {
		t.Fatal(err)
	}
	for second := range 200 {
		sampler.Apply(t.Context(), picture(second, "J1", func(st *printer.State) {
			if second == 100 {
				st.Nozzles[0].Temperature = printer.Some(255.0)
			}
		}))
	}
	// A restart of the bridge in mid-print, and an end whose event was lost.
	sampler = r.Sampler()
	over := picture(300, "J1", func(st *printer.State) {
		st.Activity, st.Job.Result, st.Job.EndedAt = printer.Finished, printer.Success, start.Add(300*time.Second)
	})
	sampler.Apply(t.Context(), over)
	rec, _ := r.Record(t.Context(), 1)
	if len(s.samples[1]) != 4 || rec.Max.Nozzle.Value != 255 || rec.Model != "A1" || rec.EstimateSeconds.Value != 3600 ||
		len(rec.Filament) != 1 || rec.Filament[0].Material != "PLA" || rec.Result != printer.Success || rec.DurationSeconds.Value != 300 {
		t.Errorf("%d samples, record %+v", len(s.samples[1]), rec)
	}
}

func TestSampler_MakesARecordOnlyOfAJobThatIsStored(t *testing.T) {
	s := newShelf()
	r := archive.New(s)
	sampler := r.Sampler()
	attached := func(st *printer.State) { st.Job.Attached = true }
	for second := range 60 {
		sampler.Apply(t.Context(), picture(second, "J1", attached))
	}
	if len(s.records) != 0 {
		t.Error("a record was made before the job can be stored")
	}
	sampler.Apply(t.Context(), picture(62, "J1", attached))
	if rec, err := r.Job(t.Context(), "J1"); err != nil || !rec.Attached || rec.Status() != "printing" || rec.Start != start {
		t.Errorf("the record is %+v (%v)", rec, err)
	}
	// After a restart the printer has another job: nobody saw the end.
	r.Sampler().Apply(t.Context(), picture(9000, "J2", nil))
	if rec, _ := r.Job(t.Context(), "J1"); rec.Status() != "aborted" || rec.End.IsZero() {
		t.Errorf("the lost job is %+v", rec)
	}
	if err := r.Delete(t.Context(), 1, false); err != nil {
		t.Fatal(err)
	}
	sampler.Apply(t.Context(), picture(200, "J1", attached))
	if len(s.records) != 0 {
		t.Error("a deleted record is back")
	}
}

func TestSampler_KeepsNewsSoonAndAtTheEnd(t *testing.T) {
	s := newShelf()
	r := archive.New(s)
	if err := r.Apply(t.Context(), story(`print_started J1 {"job_name":"cube"}`), 0); err != nil {
		t.Fatal(err)
	}
	hot := func(degrees float64) func(*printer.State) {
		return func(st *printer.State) { st.Nozzles[0].Temperature = printer.Some(degrees) }
	}
	sampler := r.Sampler()
	highest := func() float64 {
		rec, _ := r.Record(t.Context(), 1)
		return rec.Max.Nozzle.Value
	}
	for _, c := range []struct {
		second  int
		degrees float64
		want    float64
	}{
		{0, 200, 0}, {3, 210, 210}, // The record is there by now.
		{5, 260, 210}, {6, 220, 210}, {13, 220, 260}, // A peak is written ten seconds after the last writing.
		{24, 260.4, 260}, {40, 261, 261}, {41, 270, 261},
	} {
		sampler.Apply(t.Context(), picture(c.second, "J1", hot(c.degrees)))
		if got := highest(); got != c.want {
			t.Errorf("after %d s the highest is %v, want %v", c.second, got, c.want)
		}
	}
	if len(s.samples[1]) != 1 {
		t.Errorf("%d samples, want 1: news are no samples", len(s.samples[1]))
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := highest(); got != 270 {
		t.Errorf("after the end the highest is %v, want 270", got)
	}
}

func TestRecorder_ClosesWhatNobodyWillEnd(t *testing.T) {
	r := archive.New(newShelf())
	if err := r.Apply(t.Context(), story(`print_started J1 {}`, `print_started J2 {}`, `print_complete J2 {}`), 0); err != nil {
		t.Fatal(err)
	}
	status := func(job string) string {
		rec, _ := r.Job(t.Context(), job)
		return rec.Status()
	}
	if err := r.CloseOrphans(t.Context(), []int{3}); err != nil || status("J1") != "printing" {
		t.Errorf("the printer is there, and its print is %s (%v)", status("J1"), err)
	}
	if err := r.CloseOrphans(t.Context(), []int{1, 2}); err != nil || status("J1") != "aborted" || status("J2") != "completed" {
		t.Errorf("without their printer the prints are %s and %s (%v)", status("J1"), status("J2"), err)
	}
	// The event that was still to be read corrects all of it.
	late := story(`- - {}`, `- - {}`, `- - {}`, `print_complete J1 {"progress":100}`)[3:]
	if err := r.Apply(t.Context(), late, 0); err != nil {
		t.Fatal(err)
	}
	if rec, _ := r.Job(t.Context(), "J1"); rec.Status() != "completed" || rec.Reason != "" || rec.DurationSeconds.Value != 180 || !rec.End.Equal(start.Add(3*time.Minute)) {
		t.Errorf("the corrected record is %+v", rec)
	}
}
