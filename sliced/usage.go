package sliced

import (
	"fmt"
	"math"
	"strings"
)

// Scale is the part of grams that a print has used at a progress in percent,
// to one decimal. It is the rule for prints that failed or were stopped; one
// that ended well has used it all, which is a progress of 100.
func Scale(grams, progress float64) float64 {
	return math.Round(grams*min(max(progress/100, 0), 1)*10) / 10
}

// Details is Scale by material in the order of the filaments,
// "PLA: 30.0g | PETG: 15.2g", or "" without filaments.
func Details(filaments []Filament, progress float64) string {
	var names []string
	sums := map[string]float64{}
	for _, f := range filaments {
		name := f.Type
		if name == "" {
			name = "Unknown"
		}
		if _, ok := sums[name]; !ok {
			names = append(names, name)
		}
		sums[name] += f.Grams
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s: %.1fg", name, Scale(sums[name], progress))
	}
	return strings.Join(names, " | ")
}

// Tray is a place that a filament comes from: a unit and its slot from 0.
// Units from 128 have one slot; 255 is the external spool, 254 that of the
// left nozzle of a printer with two.
type Tray struct{ Unit, Slot int }

// Pair is one place of a print's second mapping (ams_mapping2).
type Pair struct {
	Unit int `json:"ams_id"`
	Slot int `json:"slot_id"`
}

// ByTray is what each tray gives to a print: a filament's place is that at its
// slot − 1 in pairs (ams_mapping2), or where these are none, in mapping
// (ams_mapping). Filaments without a place are left out.
func ByTray(filaments []Filament, mapping []int, pairs []Pair) map[Tray]float64 {
	use := map[Tray]float64{}
	for _, f := range filaments {
		tray, ok := trayOf(f.Slot-1, mapping, pairs)
		if ok {
			use[tray] += f.Grams
		}
	}
	return use
}

func trayOf(i int, mapping []int, pairs []Pair) (Tray, bool) {
	switch {
	case i >= 0 && i < len(pairs):
		p := pairs[i]
		return Tray(p), p.Unit >= 0 && p.Unit <= 255 && p.Slot >= 0 && p.Slot != 255
	case len(pairs) > 0 || i < 0 || i >= len(mapping):
		return Tray{}, false
	}
	switch v := mapping[i]; {
	case v < 0 || v > 255:
		return Tray{}, false
	case v >= 128:
		return Tray{Unit: v}, true
	default:
		return Tray{Unit: v / 4, Slot: v % 4}, true
	}
}
