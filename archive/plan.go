package archive

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/printwire/printwire/printer"
)

// Price is what a kilogram of a filament costs, by its maker's id and its
// material; unknown when nobody said.
type Price func(filamentID, material string) printer.Opt[float64]

// unplaced begins the name of a filament that comes from no known tray; its
// number in the project follows.
const unplaced = "filament_"

// plan takes what the job's sliced file says, in place of what was taken of it
// before: its filaments by tray, with what the slicer thinks they weigh.
func (r *Record) plan(p printer.Plan, price Price) {
	if !p.Known() {
		return
	}
	r.Usage.PlannedGrams, r.Usage.PlannedMetres = p.Grams, p.Metres
	if p.Seconds.Known {
		r.EstimateSeconds = p.Seconds
	}
	r.Picture = p.Picture
	r.Filament = slices.DeleteFunc(slices.Clone(r.Filament), func(f Filament) bool { return strings.HasPrefix(f.Tray, unplaced) })
	for i := range r.Filament {
		r.Filament[i].PlannedGrams, r.Filament[i].PlannedMetres = printer.Opt[float64]{}, printer.Opt[float64]{}
	}
	for _, m := range p.Filaments {
		name := fmt.Sprint(unplaced, m.Slot)
		ref := printer.TrayRef{Unit: -1, Slot: m.Slot - 1}
		if m.Tray.Known {
			ref = m.Tray.Value
			name = ref.String()
		}
		f := r.filament(name)
		f.Unit, f.Slot = ref.Unit, ref.Slot
		for _, t := range []struct {
			to   *string
			from string
		}{{&f.Material, m.Material}, {&f.FilamentID, m.FilamentID}, {&f.Color, m.Color}} {
			if *t.to == "" {
				*t.to = t.from
			}
		}
		f.PlannedGrams, f.PlannedMetres = plus2(f.PlannedGrams, m.Grams), plus2(f.PlannedMetres, m.Metres)
		f.PricePerKg = m.PricePerKg
		if price != nil {
			if set := price(f.FilamentID, f.Material); set.Known {
				f.PricePerKg = set
			}
		}
	}
}

func plus2(a, b printer.Opt[float64]) printer.Opt[float64] {
	if !b.Known {
		return a
	}
	return printer.Some(a.Or(0) + b.Value)
}

// Used is what the job took from a tray in grams: as measured, or as planned
// and scaled by how far the job came.
func (r Record) Used(f Filament) printer.Opt[float64] {
	if f.Grams.Known || !f.PlannedGrams.Known {
		return f.Grams
	}
	return printer.Some(math.Round(f.PlannedGrams.Value*r.scale()*10) / 10)
}

// FilamentDetails is what the job took by material, "PLA: 30.0g | PETG: 15.2g",
// or "" when that is not known.
func (r Record) FilamentDetails() string {
	return printer.ByMaterial(func(yield func(string, float64) bool) {
		for _, f := range r.Filament {
			grams := f.Grams
			if !grams.Known && f.PlannedGrams.Known {
				grams = printer.Some(f.PlannedGrams.Value * r.scale())
			}
			if grams.Known && !yield(f.Material, grams.Value) {
				return
			}
		}
	})
}

// FilamentCost is what the filament of the job cost: as told, or what it took
// at the prices known then. It is unknown when the price of a part is.
func (r Record) FilamentCost() printer.Opt[float64] {
	if r.Usage.FilamentCost.Known {
		return r.Usage.FilamentCost
	}
	var sum printer.Opt[float64]
	total := 0.0
	for _, f := range r.Filament {
		grams := f.Grams.Or(f.PlannedGrams.Or(0) * r.scale())
		switch {
		case !f.Grams.Known && !f.PlannedGrams.Known:
		case !f.PricePerKg.Known:
			return printer.Opt[float64]{}
		default:
			sum = printer.Some(sum.Or(0) + grams*f.PricePerKg.Value/1000)
			total += grams
		}
	}
	if sum.Known && r.Edits.Grams.Known && total > 0 { // a person knows better
		sum.Value *= r.Edits.Grams.Value / total
	}
	if sum.Known {
		sum.Value = math.Round(sum.Value*100) / 100
	}
	return sum
}
