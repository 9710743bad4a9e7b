package e2e_test

import (
	"slices"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
)

// onRecord is the record of prints as the file has it.
type onRecord struct {
	records []archive.Record // by number
	samples map[int][]archive.Sample
}

// readRecords reads the record of prints from a file that the program left,
// and wants nothing of it to be less than it was in the life before.
func (h *theatre) readRecords(store *storage.Store) {
	h.t.Helper()
	a := store.Archive()
	list, err := a.Jobs(h.t.Context(), 0)
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(list)
	now := onRecord{records: list, samples: map[int][]archive.Sample{}}
	for _, r := range list {
		if now.samples[r.ID], err = a.Samples(h.t.Context(), r.ID); err != nil {
			h.t.Fatal(err)
		}
	}
	if len(list) < len(h.recorded.records) {
		h.t.Fatalf("there were %d records and there are %d", len(h.recorded.records), len(list))
	}
	for i, was := range h.recorded.records {
		is := list[i]
		if is.ID != was.ID || is.Job != was.Job || is.Start.IsZero() != was.Start.IsZero() || is.Pauses < was.Pauses || !was.Running() && is.Running() {
			h.t.Fatalf("record %d was %+v and is %+v", was.ID, was, is)
		}
		if lower(is.Max.Nozzle, was.Max.Nozzle) || lower(is.Max.Bed, was.Max.Bed) {
			h.t.Fatalf("record %d had the highest temperatures %+v and has %+v", was.ID, was.Max, is.Max)
		}
		before, after := h.recorded.samples[was.ID], now.samples[was.ID]
		if len(after) < len(before) || !slices.Equal(after[:len(before)], before) {
			h.t.Fatalf("record %d had the samples %+v and has %+v", was.ID, before, after)
		}
	}
	h.recorded = now
}

func lower(now, before printer.Opt[float64]) bool {
	return before.Known && (!now.Known || now.Value < before.Value)
}

// catchUp applies what the last life had no time for, as the next one would.
func (h *theatre) catchUp(store *storage.Store) {
	h.t.Helper()
	r := archive.New(store.Archive())
	seq, err := r.Cursor(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	entries, lost, err := store.After(h.t.Context(), seq, 100_000)
	if err != nil || lost != 0 {
		h.t.Fatalf("%d events lost, %v", lost, err)
	}
	if err := r.Apply(h.t.Context(), entries, lost); err != nil {
		h.t.Fatal(err)
	}
}

// wantedRecord is what the journal's events make of one job, written here by
// hand, not by the archive's rules.
type wantedRecord struct {
	serial, name          string
	start, end            time.Time
	result                printer.Result
	pauses, pausedSeconds int
}

func wantedRecords(entries []journal.Entry) map[string]wantedRecord {
	results := map[string]printer.Result{
		"print_complete": printer.Success, "print_failed": printer.Failure, "print_stopped": printer.Interrupted,
	}
	wanted, paused := map[string]wantedRecord{}, map[string]time.Time{}
	for _, e := range entries {
		name, _, _ := nameIn(e)
		if e.Job == "" || name == "" {
			continue
		}
		w := wanted[e.Job]
		w.serial, w.name = e.Serial, name
		switch e.Name {
		case "print_started":
			w.start = e.Time
		case "print_paused":
			w.pauses++
			paused[e.Job] = e.Time
		case "print_resumed":
			w.pausedSeconds += int(e.Time.Sub(paused[e.Job]).Seconds())
		}
		if result := results[e.Name]; result != "" {
			w.result, w.end = result, e.Time
		}
		wanted[e.Job] = w
	}
	return wanted
}

// verifyRecords wants one record of each job that was played, with what the
// journal told of it.
func (h *theatre) verifyRecords() {
	h.t.Helper()
	wanted := wantedRecords(h.entries)
	acts := 0
	for _, s := range h.stage {
		acts += len(s.acts)
	}
	if len(wanted) != acts || len(h.recorded.records) != acts {
		h.t.Errorf("%d jobs were played, %d are in the journal, %d on record", acts, len(wanted), len(h.recorded.records))
	}
	hot, sampled := 0, 0
	for i, r := range h.recorded.records {
		w, ok := wanted[r.Job]
		delete(wanted, r.Job)
		switch {
		case r.ID != i+1 || !ok:
			h.t.Errorf("record %d has the number %d and the job %s, which is wanted: %t", i+1, r.ID, r.Job, ok)
		case r.Serial != w.serial || r.Name != w.name || !r.Start.Equal(w.start) || !r.End.Equal(w.end) || r.Result != w.result:
			h.t.Errorf("record %d is %s, %s, %s from %s to %s, want %+v", r.ID, r.Serial, r.Name, r.Result, r.Start, r.End, w)
		case r.Pauses != w.pauses || r.PausedSeconds != w.pausedSeconds || !r.PausedAt.IsZero():
			h.t.Errorf("record %d has %d pauses of %d s, now since %s, want %+v", r.ID, r.Pauses, r.PausedSeconds, r.PausedAt, w)
		case r.Max.Nozzle.Or(0) > 225 || r.Max.Bed.Or(0) > 65:
			h.t.Errorf("record %d is hotter than its printer was: %+v", r.ID, r.Max)
		}
		if r.Max.Nozzle.Or(0) > 215 {
			hot++
		}
		list := h.recorded.samples[r.ID]
		sampled += len(list)
		for n := 1; n < len(list); n++ {
			if gap := list[n].At.Sub(list[n-1].At); gap < archive.SampleEvery/2 {
				h.t.Errorf("record %d: two samples within %s", r.ID, gap)
			}
		}
	}
	for job, w := range wanted {
		h.t.Errorf("job %s is not on record: %+v", job, w)
	}
	h.t.Logf("%d records, %d of them with the temperature of printing, %d samples", len(h.recorded.records), hot, sampled)
}
