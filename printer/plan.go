package printer

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"path"
	"slices"
	"strings"
)

// MaxObjects is how many objects of a plate are kept.
const MaxObjects = 256

// Plan is what the sliced file of a job says: the slicer's estimate for the
// whole job, not what was used. The zero Plan is one that nobody has read.
type Plan struct {
	// File is where the file that was read lies on the printer, or "", Bytes
	// its length; see Job.FileName.
	File  string
	Bytes Opt[int]
	// Missing says in words why nothing is known although there is a job, or "".
	Missing string
	// Grams and Metres are of all filaments together.
	Grams, Metres Opt[float64]
	// Seconds is how long the slicer thinks the job takes.
	Seconds   Opt[int]
	Filaments []PlanFilament
	// Objects are what the plate holds, at most MaxObjects.
	Objects []Object
	// Unlabelled: the file does not say what belongs to which object, so that
	// none can be left out.
	Unlabelled bool
	// BedType is the slicer's name of the plate ("textured_plate"), or "".
	BedType string
	// NozzleDiameter and LayerHeight are in mm.
	NozzleDiameter, LayerHeight Opt[float64]
	Support                     Opt[bool]
	// Model is the printer that it was sliced for, as the slicer names it, or "".
	Model string
	// Picture names the picture of the plate among the kept pictures, or "";
	// see PictureView. It changes when the picture does.
	Picture string
}

// PlanFilament is one filament of a sliced file.
type PlanFilament struct {
	// Slot is the filament's number in the project, from 1.
	Slot int
	// Material is "PLA", "PETG" …; FilamentID is the maker's id ("GFA00").
	Material, FilamentID string
	// Color is RRGGBBAA in upper case, or "".
	Color         string
	Grams, Metres Opt[float64]
	// PricePerKg is the slicer's own, without a currency.
	PricePerKg Opt[float64]
	// Tray is the tray that feeds it, when that is known.
	Tray Opt[TrayRef]
}

// Object is one thing on the plate. Its ID is what a command to skip it names.
type Object struct {
	ID   int
	Name string
}

// Equal tells whether two plans are the same in every field.
func (p Plan) Equal(o Plan) bool {
	return p.File == o.File && p.Bytes == o.Bytes && p.Model == o.Model && p.Missing == o.Missing && p.Grams == o.Grams && p.Metres == o.Metres &&
		p.Seconds == o.Seconds && slices.Equal(p.Filaments, o.Filaments) && slices.Equal(p.Objects, o.Objects) && p.Unlabelled == o.Unlabelled &&
		p.BedType == o.BedType && p.NozzleDiameter == o.NozzleDiameter && p.LayerHeight == o.LayerHeight &&
		p.Support == o.Support && p.Picture == o.Picture
}

// Views are the views of a plate that there may be pictures of: as it will
// look, the same in small, from above, and from above with each object in the
// colour of its id.
func Views() []string { return []string{"plate", "small", "top", "pick"} }

// PictureView names the picture of one of Views beside that of the plate; it
// may not be kept. No picture of the plate is none of any view.
func PictureView(picture, view string) string {
	if picture == "" || view == "plate" {
		return picture
	}
	return picture + "." + view
}

// Known tells whether a file was read.
func (p Plan) Known() bool { return p.File != "" }

// FileName is what the file of the job is called: that of the file that was
// read, since some printers name only the G-code that they took out of it.
// Until it was read, the job's name stands for it there.
func (j Job) FileName() string {
	if j.Plan.Known() {
		return path.Base(j.Plan.File)
	}
	if j.Name != "" && unpacked(j.File) {
		return j.Name
	}
	return j.File
}

// unpacked tells whether a file is G-code that a printer took out of the file
// that was sent: "/data/Metadata/plate_1.gcode".
func unpacked(file string) bool {
	plate, is := strings.CutPrefix(path.Base(file), "plate_")
	number, gcode := strings.CutSuffix(plate, ".gcode")
	return is && gcode && number != "" && strings.Trim(number, "0123456789") == ""
}

// Share is the part of its plan that the job has used, 0 to 1: all of it
// when it ended well, else by its progress. Unknown without a progress.
func (j Job) Share() Opt[float64] {
	if j.Result == Success {
		return Some(1.0)
	}
	if !j.Progress.Known {
		return Opt[float64]{}
	}
	return Some(min(max(float64(j.Progress.Value)/100, 0), 1))
}

// FilamentUsed is what the job used in grams, to one decimal: the plan, scaled
// by progress where the job failed or was stopped. While it is under way it is
// the plan for the whole job, as receivers of events know it.
func (j Job) FilamentUsed() Opt[float64] {
	return j.scaled(j.Plan.Grams)
}

// FilamentDetails is FilamentUsed by material in the order of the plan,
// "PLA: 30.0g | PETG: 15.2g", or "" when nothing is known.
func (j Job) FilamentDetails() string {
	return ByMaterial(func(yield func(string, float64) bool) {
		for _, f := range j.Plan.Filaments {
			if g := j.part(f.Grams); g.Known && !yield(f.Material, g.Value) {
				return
			}
		}
	})
}

// TrayDetails is FilamentUsed by tray in the order of the plan, "AMS-A T1 PLA:
// 15.2g | Ext PETG: 3.0g" as Bambuddy writes it, or "" unless every tray is known.
func (j Job) TrayDetails() string {
	var parts []string
	for _, f := range j.Plan.Filaments {
		g := j.part(f.Grams)
		if !g.Known {
			continue
		}
		if !f.Tray.Known {
			return ""
		}
		where := "Ext"
		if r := f.Tray.Value; r.Unit >= 0 && r.Unit < 26 {
			where = fmt.Sprintf("AMS-%c T%d", 'A'+r.Unit, r.Slot+1)
		}
		parts = append(parts, fmt.Sprintf("%s %s: %.1fg", where, cmp.Or(f.Material, "Unknown"), math.Round(g.Value*10)/10))
	}
	return strings.Join(parts, " | ")
}

// ByMaterial says how many grams there are of each material, in the order in
// which they come: "PLA: 30.0g | PETG: 15.2g". A material without a name is
// Unknown. Without any it is "".
func ByMaterial(grams iter.Seq2[string, float64]) string {
	var names []string
	sums := map[string]float64{}
	for name, g := range grams {
		if name == "" {
			name = "Unknown"
		}
		if _, ok := sums[name]; !ok {
			names = append(names, name)
		}
		sums[name] += g
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s: %.1fg", name, math.Round(sums[name]*10)/10)
	}
	return strings.Join(names, " | ")
}

// FilamentCost is what the filament that FilamentUsed means costs, at what a
// kilogram of it costs by the maker's id and the material. The slicer's own
// price is taken where price knows none; the cost is unknown when neither does.
func (j Job) FilamentCost(price func(filamentID, material string) Opt[float64]) Opt[float64] {
	var sum Opt[float64]
	for _, f := range j.Plan.Filaments {
		grams, perKg := j.part(f.Grams), price(f.FilamentID, f.Material)
		if !perKg.Known {
			perKg = f.PricePerKg
		}
		switch {
		case !grams.Known:
		case !perKg.Known:
			return Opt[float64]{}
		default:
			sum = Some(sum.Value + grams.Value*perKg.Value/1000)
		}
	}
	return sum
}

// TrayUse is FilamentUsed of one tray, unknown when the plan names it nowhere.
func (j Job) TrayUse(ref TrayRef) Opt[float64] {
	var sum Opt[float64]
	for _, f := range j.Plan.Filaments {
		if f.Grams.Known && f.Tray == Some(ref) {
			sum = Some(sum.Value + f.Grams.Value)
		}
	}
	return j.scaled(sum)
}

func (j Job) scaled(grams Opt[float64]) Opt[float64] {
	if grams = j.part(grams); grams.Known {
		grams.Value = math.Round(grams.Value*10) / 10
	}
	return grams
}

// part is the part of a planned weight that the job has used, the whole of it
// while the job is under way.
func (j Job) part(grams Opt[float64]) Opt[float64] {
	if !grams.Known || !j.Over() {
		return grams
	}
	share := j.Share()
	if !share.Known {
		return share
	}
	return Some(grams.Value * share.Value)
}
