// Package slicedtest owns making sliced files: 3MF archives and G-code as the
// slicers of Bambu Lab and Orca write them, for tests and for the simulated
// printer. It does not slice anything, and shares no code with the reader of
// such files: the names on the wire are written twice on purpose.
package slicedtest

import "github.com/printwire/printwire/fault"

// Plan is what a file is to say. Zero fields are left out of it.
type Plan struct {
	// Plate is the number of the plate, 0 for 1.
	Plate     int
	Filaments []Filament
	Objects   []Object
	// Seconds is how long the print takes.
	Seconds int
	// Layers and LayerHeight, in mm, are how it is sliced.
	Layers      int
	LayerHeight float64
	// Nozzles are the diameters in mm.
	Nozzles []float64
	// BedType is the plate's name ("textured_plate").
	BedType string
	// PrinterModel is the name, PrinterModelID the maker's id.
	PrinterModel, PrinterModelID string
	Support                      bool
	// FilamentMaps are the nozzles by filament, from 1.
	FilamentMaps []int
	// Pictures are those that are drawn: "plate", "small", "top", "pick".
	Pictures []string
	// Moves is how many lines of movement the G-code has.
	Moves int
}

// Filament is one filament of a plan.
type Filament struct {
	// Slot is its number in the project, from 1.
	Slot int
	// Type is "PLA"; MakerID "GFA00"; Colour "#RRGGBB".
	Type, MakerID, Colour string
	Grams, Metres         float64
	PricePerKg            float64
}

// Object is one thing on the plate.
type Object struct {
	ID      int
	Name    string
	Skipped bool
}

// Demo is the plan of a print of 15.2 g with two materials, three objects and
// one picture.
func Demo() Plan {
	return Plan{
		Plate: 1,
		Filaments: []Filament{
			{Slot: 1, Type: "PLA", MakerID: "GFA00", Colour: "#00AE42", Grams: 10.0, Metres: 3.35, PricePerKg: 24.99},
			{Slot: 2, Type: "PETG", MakerID: "GFG00", Colour: "#0056B8", Grams: 5.2, Metres: 1.70, PricePerKg: 19.99},
		},
		Objects: []Object{{ID: 81, Name: "Bracket"}, {ID: 104, Name: "Clip left"}, {ID: 127, Name: "Clip right"}},
		Seconds: 3720, Layers: 120, LayerHeight: 0.2, Nozzles: []float64{0.4}, BedType: "textured_plate",
		PrinterModel: "Bambu Lab P1S", PrinterModelID: "C12", FilamentMaps: []int{1, 1}, Pictures: []string{"plate"}, Moves: 200,
	}
}

func (p Plan) plate() int { return max(p.Plate, 1) }

// grams and metres are of all filaments together.
func (p Plan) grams() (sum float64) {
	for _, f := range p.Filaments {
		sum += f.Grams
	}
	return sum
}

// slots is how many filaments the project has, used or not.
func (p Plan) slots() (n int) {
	for _, f := range p.Filaments {
		n = max(n, f.Slot)
	}
	return n
}

// project are the lists of all filaments of the project, by their numbers.
type project struct{ types, makers, colours, prices []string }

func (p Plan) project() project {
	n := p.slots()
	l := project{make([]string, n), make([]string, n), make([]string, n), make([]string, n)}
	for _, f := range p.Filaments {
		if i := f.Slot - 1; i >= 0 {
			l.types[i], l.makers[i], l.colours[i], l.prices[i] = f.Type, f.MakerID, f.Colour, decimal(f.PricePerKg)
		}
	}
	return l
}

// check refuses a plan that no slicer could have.
func (p Plan) check() error {
	for _, f := range p.Filaments {
		if f.Slot < 1 || f.Slot > 64 {
			return fault.New(fault.Invalid, "a filament at slot %d, expected 1 to 64", f.Slot)
		}
	}
	return nil
}
