package archive

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/printwire/printwire/printer"
)

// unplaced begins the name of a filament that comes from no known tray; its
// number in the project follows.
const unplaced = "filament_"

// plan takes what the job's sliced file says, in place of what was taken of it
// before: its filaments by tray, with what the slicer thinks they weigh.
func (r *Record) plan(p printer.Plan) {
	if !p.Known() {
		return
	}
	r.Usage.PlannedGrams, r.Usage.PlannedMetres = p.Grams, p.Metres
	if p.Seconds.Known {
		r.EstimateSeconds = p.Seconds
	}
	r.Picture = p.Picture
	r.FileBytes, r.SlicedFor, r.BedType, r.LayerHeight = p.Bytes, p.Model, p.BedType, p.LayerHeight
	r.Objects = printer.Some(len(p.Objects))
	if !r.NozzleDiameter.Known {
		r.NozzleDiameter = p.NozzleDiameter
	}
	before := r.Filament
	r.Filament = slices.DeleteFunc(slices.Clone(before), func(f Filament) bool { return strings.HasPrefix(f.Tray, unplaced) })
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
		if i := slices.IndexFunc(before, func(f Filament) bool { return f.Tray == name }); i >= 0 {
			f.PricePerKg = before[i].PricePerKg
		}
		for _, t := range []struct {
			to   *string
			from string
		}{{&f.Material, m.Material}, {&f.FilamentID, m.FilamentID}, {&f.Color, m.Color}} {
			if *t.to == "" {
				*t.to = t.from
			}
		}
		plus(&f.PlannedGrams, m.Grams)
		plus(&f.PlannedMetres, m.Metres)
		f.SlicedPricePerKg = m.PricePerKg
	}
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
