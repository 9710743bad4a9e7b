package jobfile

import (
	"io"
	"math"
	"strings"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/sliced"
)

// maxName is the longest name of an object that is kept, in bytes.
const maxName = 64

// Sliced is the usual Parse: 3MF archives and G-code of the usual slicers.
func Sliced(r io.ReaderAt, size int64, _ string, plate int) (printer.Plan, Pictures, error) {
	f, images, err := sliced.Read(r, size, plate)
	if err != nil {
		return printer.Plan{}, nil, err
	}
	p := printer.Plan{
		Grams: amount(f.Grams), Metres: amount(f.Metres), BedType: f.BedType, LayerHeight: amount(f.LayerHeight), Model: model(f.PrinterModel),
		Unlabelled: f.Unlabelled,
	}
	if f.Time > 0 {
		p.Seconds = printer.Some(int(math.Ceil(f.Time.Seconds())))
	}
	if len(f.Nozzles) > 0 {
		p.NozzleDiameter = amount(f.Nozzles[0])
	}
	if f.SupportKnown {
		p.Support = printer.Some(f.Support)
	}
	for _, m := range f.Filaments[:min(len(f.Filaments), maxFilaments)] {
		p.Filaments = append(p.Filaments, printer.PlanFilament{
			Slot: m.Slot, Material: m.Type, FilamentID: m.MakerID, Color: m.Colour,
			Grams: amount(m.Grams), Metres: amount(m.Metres), PricePerKg: amount(m.PricePerKg),
		})
	}
	for _, o := range f.Objects {
		if o.Skipped || len(p.Objects) == printer.MaxObjects {
			continue // left out in the slicer: it is not printed, and cannot be skipped
		}
		p.Objects = append(p.Objects, printer.Object{ID: o.ID, Name: short(o.Name)})
	}
	pictures := Pictures{}
	for kind, b := range images {
		pictures[kind.String()] = b
	}
	return p, pictures, nil
}

// model is the short name of a printer, as people use it.
func model(name string) string {
	name = strings.TrimPrefix(name, "Bambu Lab ")
	if name == "X1 Carbon" {
		return "X1C"
	}
	return short(name)
}

// amount is a number that a file without it gives as 0.
func amount(v float64) printer.Opt[float64] {
	if v <= 0 {
		return printer.Opt[float64]{}
	}
	return printer.Some(math.Round(v*1000) / 1000)
}

// short cuts a name at a whole character.
func short(s string) string {
	if len(s) <= maxName {
		return s
	}
	end := 0
	for i := range s {
		if i > maxName {
			break
		}
		end = i
	}
	return s[:end]
}

// ByKind fills in the trays of filaments that nobody told: that of the one
// tray with the same filament and colour, where there is exactly one.
func ByKind(p printer.Plan, s printer.State) printer.Plan {
	filaments := append([]printer.PlanFilament(nil), p.Filaments...)
	for i := range filaments {
		if !filaments[i].Tray.Known {
			filaments[i].Tray = alike(filaments[i], s)
		}
	}
	p.Filaments = filaments
	return p
}

func alike(f printer.PlanFilament, s printer.State) printer.Opt[printer.TrayRef] {
	var found printer.Opt[printer.TrayRef]
	see := func(ref printer.TrayRef, t printer.Tray) bool {
		if f.FilamentID == "" || t.FilamentID != f.FilamentID || !sameColor(t.Color, f.Color) {
			return true
		}
		if found.Known {
			found = printer.Opt[printer.TrayRef]{}
			return false
		}
		found = printer.Some(ref)
		return true
	}
	for _, u := range s.Units {
		for _, t := range u.Trays {
			if !see(printer.TrayRef{Unit: u.ID, Slot: t.Slot}, t) {
				return found
			}
		}
	}
	for _, t := range s.External {
		if !see(printer.TrayRef{Unit: printer.ExternalUnit, Slot: t.Slot}, t) {
			return found
		}
	}
	return found
}

// sameColor compares without the transparency, which slicers do not know.
func sameColor(a, b string) bool { return len(a) >= 6 && len(b) >= 6 && a[:6] == b[:6] }
