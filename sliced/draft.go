package sliced

import (
	"strings"
	"time"
)

// draft is what the comments of a file of G-code have said so far.
type draft struct {
	size   int64
	layers int
	// table is made once per draft; see rows.
	table map[string]func(*draft, string)

	grams, metres  []float64
	totalGrams     float64
	time           time.Duration
	slots, objects []int
	types, colours []string
	ids, costs     []string
	nozzles        []float64
	bed, printer   string
	support        string
	layerHeight    float64
	totalLayers    int
	thumbnail      thumbnail
}

// rows are the comments that are understood. The header of Bambu Studio and
// OrcaSlicer has "key: value", the settings and the totals at the end of all
// slicers "key = value".
func (d *draft) rows() map[string]func(*draft, string) {
	if d.table == nil {
		d.table = comments()
	}
	return d.table
}

func comments() map[string]func(*draft, string) {
	return map[string]func(*draft, string){
		"model printing time": func(d *draft, v string) {
			_, total, ok := strings.Cut(v, "total estimated time:")
			if ok {
				v = total
			}
			d.time = span(v)
		},
		"total estimated time":                  func(d *draft, v string) { d.time = span(v) },
		"estimated printing time (normal mode)": func(d *draft, v string) { d.time = span(v) },
		"total filament weight [g]":             func(d *draft, v string) { d.grams = measures(v) },
		"filament used [g]":                     func(d *draft, v string) { d.grams = measures(v) },
		"total filament used [g]":               func(d *draft, v string) { d.totalGrams = measure(v) },
		"total filament length [mm]":            func(d *draft, v string) { d.metres = metres(v) },
		"filament used [mm]":                    func(d *draft, v string) { d.metres = metres(v) },
		"filament":                              func(d *draft, v string) { d.slots = wholes(v) },
		"filament_type":                         func(d *draft, v string) { d.types = items(v) },
		"filament_colour":                       func(d *draft, v string) { d.colours = items(v) },
		"filament_ids":                          func(d *draft, v string) { d.ids = items(v) },
		"filament_cost":                         func(d *draft, v string) { d.costs = items(v) },
		"model label id":                        func(d *draft, v string) { d.objects = wholes(v) },
		"total layer number":                    func(d *draft, v string) { d.totalLayers = whole(v) },
		"total layers count":                    func(d *draft, v string) { d.totalLayers = whole(v) },
		"nozzle_diameter":                       func(d *draft, v string) { d.nozzles = measures(v) },
		"layer_height":                          func(d *draft, v string) { d.layerHeight = measure(v) },
		"enable_support":                        func(d *draft, v string) { d.support = v },
		"support_material":                      func(d *draft, v string) { d.support = v },
		"curr_bed_type":                         func(d *draft, v string) { d.bed = clip(v) },
		"printer_model":                         func(d *draft, v string) { d.printer = clip(v) },
	}
}

// metres reads a list in mm. A long print has more mm than any has metres.
func metres(s string) []float64 {
	var list []float64
	for _, f := range fields(s) {
		list = append(list, number(f, maxMeasure*1000)/1000)
	}
	return list
}

// facts are what was said, after the whole of the file or only its head.
func (d *draft) facts(all bool) Facts {
	f := Facts{
		Filaments: d.filaments(), Grams: d.totalGrams, Time: d.time, Nozzles: d.nozzles, BedType: d.bed,
		Support: yes(d.support), SupportKnown: d.support != "", PrinterModel: d.printer,
		LayerHeight: d.layerHeight, TotalLayers: d.totalLayers, Thumbnail: d.thumbnail.decode(),
	}
	if all && f.TotalLayers == 0 {
		f.TotalLayers = d.layers
	}
	for _, id := range d.objects {
		f.Objects = append(f.Objects, Object{ID: id})
	}
	return f
}

// filaments puts the lists together. Quantities go by the filaments that are
// named as used; where none are, by those of the project.
func (d *draft) filaments() []Filament {
	n := max(len(d.grams), len(d.metres))
	var list []Filament
	for i := range n {
		u := Filament{Slot: i + 1}
		if len(d.slots) == n && d.slots[i] > 0 {
			u.Slot = d.slots[i]
		}
		if i < len(d.grams) {
			u.Grams = d.grams[i]
		}
		if i < len(d.metres) {
			u.Metres = d.metres[i]
		}
		if n > 1 && u.Grams == 0 && u.Metres == 0 {
			continue
		}
		u.fill(d.types, d.colours, d.ids, d.costs)
		list = append(list, u)
	}
	return list
}
