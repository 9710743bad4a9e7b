package archive

import (
	"strings"
	"time"

	"github.com/printwire/printwire/printer"
)

// Summary is what lists are searched and statistics are made from: the few
// columns of a record that fit in memory for all of them.
type Summary struct {
	ID        int
	PrinterID int
	Created   time.Time
	Serial    string
	Printer   string
	// Status is a row of Statuses.
	Status string
	// Seconds is the job's duration, PausedSeconds the part of it that it stood still.
	Seconds       printer.Opt[int]
	PausedSeconds int
	// Materials are joined by ", ", in the order of first use; MaterialGrams are
	// the grams of each, empty when they are not known of each.
	Materials     string
	MaterialGrams []float64
	Grams, Metres printer.Opt[float64]
	// FilamentCost is in FilamentCurrency, EnergyCost in EnergyCurrency.
	FilamentCost, EnergyCost         printer.Opt[float64]
	FilamentCurrency, EnergyCurrency string
	EnergyKWh                        printer.Opt[float64]
	Accuracy                         printer.Opt[float64]
	// Text is what a search looks in: title, name, file and tags in lower case.
	Text string
	// Deleted: the record is gone, but it still counts.
	Deleted bool
}

// Summary is the record's summary.
func (r Record) Summary() Summary {
	s := Summary{
		ID: r.ID, PrinterID: r.PrinterID, Created: r.Created, Serial: r.Serial, Printer: r.Printer, Status: r.Status(),
		Seconds: r.DurationSeconds, PausedSeconds: r.PausedSeconds, Grams: r.Grams(), Metres: r.Metres(),
		FilamentCost: r.FilamentCost(), EnergyCost: r.Usage.EnergyCost, EnergyKWh: r.Usage.EnergyKWh, Accuracy: r.Accuracy(),
	}
	s.FilamentCurrency, s.EnergyCurrency = r.FilamentCurrency(), r.EnergyCurrency()
	materials := r.Materials()
	s.Materials = strings.Join(materials, ", ")
	s.MaterialGrams = r.materialGrams(materials)
	s.Text = searchText(r)
	return s
}

// materialGrams are the grams of each material, or nothing when a tray's are not known.
func (r Record) materialGrams(materials []string) []float64 {
	sums := make([]float64, len(materials))
	for _, f := range r.Filament {
		used := r.Used(f)
		if f.Material == "" || !used.Known && !r.Usage.PlannedGrams.Known {
			return nil
		}
		for i, m := range materials {
			if m == f.Material {
				sums[i] += used.Value // nothing of a tray that the plan does not name
			}
		}
	}
	return sums
}

func searchText(r Record) string {
	var parts []string
	for _, p := range append([]string{r.Title(), r.Name, r.File}, r.Edits.Tags...) {
		p = strings.ToLower(p)
		known := p == ""
		for _, q := range parts {
			known = known || strings.Contains(q, p)
		}
		if !known {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "\n")
}
