package storage_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
)

// BenchmarkArchive has 100,000 records. What the lists are measured against is
// "every record read": what a search without the summaries in memory would cost.
func BenchmarkArchive(b *testing.B) {
	ctx := b.Context()
	s, err := storage.Open(ctx, storage.Options{Path: filepath.Join(b.TempDir(), "printwire.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	a := s.Archive()
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	make1 := func(i int) archive.Change {
		return archive.Change{Job: fmt.Sprintf("J%025d", i), Create: true, Do: func(r archive.Record) (archive.Record, error) {
			r.PrinterID, r.Serial, r.Created, r.Start = 1+i%10, "01S00C000000001", at.Add(time.Duration(i)*30*time.Minute), at
			r.Name, r.File, r.Result = fmt.Sprintf("Holder %d", i%1000), fmt.Sprintf("holder_%d.3mf", i%1000), printer.Success
			r.DurationSeconds = printer.Some(3600)
			r.Filament = []archive.Filament{{Tray: "ams_0_tray_1", Material: "PLA", Brand: "PLA Basic", Color: "FF0000FF"}}
			if i%10 == 0 {
				r.Result = printer.Failure
			}
			return r, nil
		}}
	}
	for first := 0; first < 100_000; first += 10_000 {
		var changes []archive.Change
		for i := range 10_000 {
			changes = append(changes, make1(first+i))
		}
		if _, err := a.Update(ctx, changes); err != nil {
			b.Fatal(err)
		}
	}
	r := archive.New(a)
	b.Run("first page with loading", func(b *testing.B) {
		for b.Loop() {
			_, _ = archive.New(a).Page(ctx, archive.Query{})
		}
	})
	if _, err := r.Page(ctx, archive.Query{}); err != nil { // It loads the summaries.
		b.Fatal(err)
	}
	for name, q := range map[string]archive.Query{
		"page": {}, "filtered page": {Filter: archive.Filter{Status: "failed", Printers: []int{1}}, Offset: 500},
		"searched page": {Filter: archive.Filter{Search: "holder 999"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if page, err := r.Page(ctx, q); err != nil || len(page.Records) != 50 {
					b.Fatal(len(page.Records), err)
				}
			}
		})
	}
	b.Run("statistics", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := r.Statistics(ctx, archive.Filter{From: at.Add(time.Duration(i))}, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("failures", func(b *testing.B) {
		for b.Loop() {
			f, err := r.Failures(ctx, archive.Filter{From: at.AddDate(5, 0, 0), To: at.AddDate(5, 1, 0)}, nil)
			if err != nil || f.Failed == 0 || len(f.Recent) != 10 {
				b.Fatal(f, err)
			}
		}
	})
	b.Run("every record read", func(b *testing.B) {
		for b.Loop() {
			if list, err := a.Jobs(ctx, 0); err != nil || len(list) != 100_000 {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("append", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := a.Update(ctx, []archive.Change{make1(1_000_000 + i)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
