package sliced_test

import (
	"maps"
	"testing"

	"github.com/printwire/printwire/sliced"
)

func TestScale(t *testing.T) {
	for _, c := range []struct{ grams, progress, want float64 }{
		{15.2, 50, 7.6}, {15.2, 100, 15.2}, {15.2, 0, 0}, {15.2, -3, 0}, {15.2, 140, 15.2}, {33.33, 33, 11}, {0.05, 100, 0.1}, {0, 50, 0},
	} {
		if got := sliced.Scale(c.grams, c.progress); got != c.want {
			t.Errorf("%v g at %v %%: %v, want %v", c.grams, c.progress, got, c.want)
		}
	}
}

func TestDetails(t *testing.T) {
	four := []sliced.Filament{{Type: "PLA", Grams: 20}, {Type: "PETG", Grams: 15.2}, {Grams: 1.04}, {Type: "PLA", Grams: 10}}
	for _, c := range []struct {
		filaments []sliced.Filament
		progress  float64
		want      string
	}{
		{four[:2], 100, "PLA: 20.0g | PETG: 15.2g"},
		{four, 100, "PLA: 30.0g | PETG: 15.2g | Unknown: 1.0g"},
		{four, 50, "PLA: 15.0g | PETG: 7.6g | Unknown: 0.5g"},
		{nil, 100, ""},
	} {
		if got := sliced.Details(c.filaments, c.progress); got != c.want {
			t.Errorf("at %v %%: %q, want %q", c.progress, got, c.want)
		}
	}
}

func TestByTray(t *testing.T) {
	filaments := []sliced.Filament{{Slot: 1, Grams: 10}, {Slot: 2, Grams: 5}, {Slot: 3, Grams: 2}, {Slot: 4, Grams: 1}}
	for _, c := range []struct {
		name    string
		mapping []int
		pairs   []sliced.Pair
		want    map[sliced.Tray]float64
	}{
		{"trays of two units", []int{2, 5, -1, 7}, nil, map[sliced.Tray]float64{{0, 2}: 10, {1, 1}: 5, {1, 3}: 1}},
		{"two filaments from one tray", []int{0, 0, 1, 1}, nil, map[sliced.Tray]float64{{0, 0}: 15, {0, 1}: 3}},
		{"units with one slot and external spools", []int{128, 255, 254, 131}, nil, map[sliced.Tray]float64{{128, 0}: 10, {255, 0}: 5, {254, 0}: 2, {131, 0}: 1}},
		{"shorter than the filaments", []int{3}, nil, map[sliced.Tray]float64{{0, 3}: 10}},
		{"pairs go before", []int{0, 0, 0, 0}, []sliced.Pair{{1, 2}, {255, 255}, {255, 0}, {254, 0}}, map[sliced.Tray]float64{{1, 2}: 10, {255, 0}: 2, {254, 0}: 1}},
		{"shorter pairs", []int{0, 0}, []sliced.Pair{{0, 1}}, map[sliced.Tray]float64{{0, 1}: 10}},
		{"odd places", []int{-7, 256, 1 << 40, -1}, []sliced.Pair{}, map[sliced.Tray]float64{}},
		{"odd pairs", nil, []sliced.Pair{{-1, 0}, {300, 0}, {0, -1}, {0, 255}}, map[sliced.Tray]float64{}},
		{"none", nil, nil, map[sliced.Tray]float64{}},
	} {
		if got := sliced.ByTray(filaments, c.mapping, c.pairs); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := sliced.ByTray([]sliced.Filament{{Slot: 0, Grams: 3}, {Slot: -4, Grams: 3}}, []int{1}, nil); len(got) != 0 {
		t.Errorf("filaments without a slot: %v", got)
	}
}
