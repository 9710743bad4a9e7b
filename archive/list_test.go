package archive_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// filled is a recorder with random records, some of them deleted.
func filled(t testing.TB, s archive.Store, n int, random *rand.Rand) *archive.Recorder {
	t.Helper()
	results := []printer.Result{printer.Success, printer.Success, printer.Failure, printer.Interrupted, ""}
	materials := []string{"PLA", "PETG", "ABS"}
	for first := 0; first < n; first += 500 {
		var changes []archive.Change
		for i := first; i < min(first+500, n); i++ {
			rec := archive.Record{
				PrinterID: 1 + random.IntN(4), Created: start.Add(time.Duration(i/2) * time.Hour), Result: results[random.IntN(5)],
				Name: fmt.Sprintf("Cube %d", random.IntN(50)), File: fmt.Sprintf("part_%d.3mf", random.IntN(50)),
				DurationSeconds: printer.Some(random.IntN(10_000)), Filament: []archive.Filament{{Tray: "external", Material: materials[random.IntN(3)]}},
			}
			if random.IntN(5) == 0 {
				rec.Reason = "unknown"
			}
			rec.Usage.Grams = printer.Some(float64(random.IntN(100)))
			rec.Serial = fmt.Sprintf("S%d", rec.PrinterID)
			changes = append(changes, archive.Change{Job: fmt.Sprintf("J%07d", i), Create: true, Do: func(r archive.Record) (archive.Record, error) {
				rec.ID, rec.Job = r.ID, r.Job
				return rec, nil
			}})
		}
		if _, err := s.Update(context.Background(), changes); err != nil {
			t.Fatal(err)
		}
	}
	return archive.New(s)
}

// naive is the filter written as plainly as possible.
func naive(r archive.Record, f archive.Filter) bool {
	status := f.Status == "" || f.Status == string(r.Outcome()) || f.Status == r.Status()
	if f.Status == "failed" || f.Status == "stopped" {
		status = f.Status == string(r.Outcome())
	}
	text := strings.ToLower(r.Title() + "\n" + r.File + "\n" + strings.Join(r.Edits.Tags, "\n"))
	for _, w := range strings.Fields(strings.ToLower(f.Search)) {
		status = status && strings.Contains(text, w)
	}
	return status && (len(f.Printers) == 0 || slices.Contains(f.Printers, r.PrinterID)) &&
		(f.From.IsZero() || !r.Created.Before(f.From)) && (f.To.IsZero() || r.Created.Before(f.To)) &&
		(f.Material == "" || strings.EqualFold(r.Filament[0].Material, f.Material))
}

func TestRecorder_PageIsWhatANaiveScanFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := newShelf()
	r := filled(t, s, 400, random)
	for id := 10; id < 400; id += 37 {
		if err := r.Delete(t.Context(), id, id%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	for range 300 {
		f := archive.Filter{
			Status: pick("", "", "success", "failed", "stopped", "completed", "aborted", "printing"),
			Search: pick("", "", "cube 1", "PART_2", "3mf 4", "zzz"), Material: pick("", "", "pla", "ABS"),
		}
		if random.IntN(2) == 0 {
			f.Printers = []int{1 + random.IntN(5), 1 + random.IntN(5)}
		}
		if random.IntN(2) == 0 {
			f.From = start.Add(time.Duration(random.IntN(200)) * time.Hour)
			f.To = f.From.Add(time.Duration(random.IntN(100)) * time.Hour)
		}
		var want []int
		for id := 400; id >= 1; id-- { // In this order Created falls too.
			if rec, ok := s.records[id]; ok && naive(rec, f) {
				want = append(want, id)
			}
		}
		if got := walk(t, r, archive.Query{Filter: f, Limit: 1 + random.IntN(60)}, len(want)); !slices.Equal(got, want) {
			t.Fatalf("%+v gave %v, want %v", f, got, want)
		}
		offset := random.IntN(20)
		page, err := r.Page(t.Context(), archive.Query{Filter: f, Limit: 5, Offset: offset})
		if rest := want[min(offset, len(want)):]; err != nil || len(page.Records) != min(5, len(rest)) || len(rest) > 0 && page.Records[0].ID != rest[0] {
			t.Fatalf("%+v from %d gave %d records (%v)", f, offset, len(page.Records), err)
		}
	}
}

// walk reads all pages by cursor.
func walk(t *testing.T, r *archive.Recorder, q archive.Query, total int) []int {
	t.Helper()
	var ids []int
	for {
		page, err := r.Page(t.Context(), q)
		if err != nil || page.Total != total {
			t.Fatalf("%+v: total %d, want %d (%v)", q, page.Total, total, err)
		}
		for _, rec := range page.Records {
			ids = append(ids, rec.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return ids
		}
	}
}

func TestRecorder_PageRefuses(t *testing.T) {
	r := archive.New(newShelf())
	for _, q := range []archive.Query{
		{Limit: -1}, {Limit: archive.MaxLimit + 1}, {Offset: -1}, {Cursor: "x"}, {Cursor: "1.2", Offset: 1},
		{Filter: archive.Filter{Status: "fine"}}, {Filter: archive.Filter{From: start, To: start.Add(-1)}},
		{Filter: archive.Filter{Search: strings.Repeat("x", 201)}},
	} {
		if _, err := r.Page(t.Context(), q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v gave %v, want invalid", q, err)
		}
	}
}

func TestRecorder_StatisticsAreTheSumsOfTheRecords(t *testing.T) {
	s := newShelf()
	r := filled(t, s, 300, rand.New(rand.NewPCG(3, 4)))
	check := func() {
		t.Helper()
		got, err := r.Statistics(t.Context(), archive.Filter{Printers: []int{2, 3}}, time.FixedZone("", 3600))
		if err != nil {
			t.Fatal(err)
		}
		prints, won, seconds, grams := 0, 0, int64(0), 0.0
		for _, sum := range s.sums {
			if sum.PrinterID != 2 && sum.PrinterID != 3 {
				continue
			}
			prints, seconds, grams = prints+1, seconds+int64(sum.Seconds.Value), grams+sum.Grams.Value
			if sum.Status == "completed" {
				won++
			}
		}
		if got.Prints != prints || got.Successful != won || got.Seconds != seconds || got.Grams.Value != grams || len(got.ByPrinter) != 2 {
			t.Errorf("statistics are %+v, want %d prints, %d won, %d s, %v g", got.Totals, prints, won, seconds, grams)
		}
		days := 0
		for _, d := range got.ByDay {
			days += d.Prints
		}
		if days != prints || got.Prints != got.Successful+got.Failed+got.Stopped+got.Running {
			t.Errorf("days have %d prints of %d; parts %+v", days, prints, got.Totals)
		}
	}
	check()
	if err := r.Delete(t.Context(), 5, false); err != nil {
		t.Fatal(err)
	}
	check()
	for id := 6; id < 40; id++ {
		if err := r.Delete(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
	}
	check()
}
