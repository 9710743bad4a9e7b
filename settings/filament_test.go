package settings_test

import (
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/settings"
)

func TestFilament_PerKg(t *testing.T) {
	s, err := settings.Parse([]byte(`
filament:
  currency: eur
  price_per_kg: 30
  prices:
    - { material: PLA, price_per_kg: 22.5 }
    - { filament_id: GFA00, price_per_kg: 24.9 }
    - { material: PETG, price_per_kg: 1e1 }
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Filament.Currency != "EUR" {
		t.Errorf("the currency is %q", s.Filament.Currency)
	}
	for _, c := range []struct {
		id, material string
		want         float64
	}{
		{"GFA00", "PLA", 24.9}, {"gfa00", "", 24.9}, {"GFA01", "pla", 22.5}, {"", "PETG", 10}, {"GFB00", "ABS", 30}, {"", "", 30},
	} {
		if got := s.Filament.PerKg(c.id, c.material); got != printer.Some(c.want) {
			t.Errorf("%s %s costs %v, want %v", c.id, c.material, got, c.want)
		}
	}
	if got := settings.Default().Filament.PerKg("GFA00", "PLA"); got.Known {
		t.Errorf("nothing is set, but PLA costs %v", got)
	}
}

func TestFilament_Environment(t *testing.T) {
	s, err := settings.Load(settings.Environment([]string{
		"PRINTWIRE_FILAMENT_CURRENCY=SEK", "PRINTWIRE_FILAMENT_PRICE_PER_KG=200", "PRINTWIRE_FILAMENT_PRICES_0_MATERIAL=PLA", "PRINTWIRE_FILAMENT_PRICES_0_PRICE_PER_KG=199.5",
	}, nil))
	if err != nil || s.Filament.PerKg("", "PLA") != printer.Some(199.5) || s.Filament.PerKg("", "ABS") != printer.Some(200.0) {
		t.Errorf("%+v (%v)", s.Filament, err)
	}
}

func TestFilament_ProblemsNameTheField(t *testing.T) {
	for given, want := range map[string]string{
		`{currency: euro}`:                                     "filament.currency: must be a currency's three letters",
		`{price_per_kg: 20}`:                                   "filament.currency: must be set when there are prices",
		`{currency: EUR, price_per_kg: -1}`:                    "filament.price_per_kg: must be more than 0",
		`{currency: EUR, price_per_kg: cheap}`:                 "filament.price_per_kg: must be a number such as 22.5",
		`{currency: EUR, price_per_kg: "22,50"}`:               "filament.price_per_kg: must be a number such as 22.5",
		`{currency: EUR, price_per_kg: .nan}`:                  "filament.price_per_kg: must be a number such as 22.5",
		`{currency: EUR, price_per_kg: 0x10}`:                  "filament.price_per_kg: must be a number such as 22.5",
		`{currency: EUR, prices: [{material: PLA}]}`:           "filament.prices[0].price_per_kg: must be more than 0",
		`{currency: EUR, prices: [{price_per_kg: 3}]}`:         "filament.prices[0].material: must be set, or filament_id",
		`{currency: EUR, prices: {material: PLA}}`:             "filament.prices: must be a list",
		`{currency: EUR, prices: [{kind: PLA}]}`:               "filament.prices[0].kind",
		`{currency: EUR, prices: [{filament_id: "G FA"}]}`:     "filament.prices[0].filament_id: must have 1 to 32",
		`{currency: EUR, prices: [{material: "a\u0007b"}]}`:    "filament.prices[0].material: must not have control characters",
		`{prices: [{material: A, filament_id: B}]}`:            "filament.prices[0].material: must be left out where filament_id is set",
		`{prices: [{material: PLA}, {material: pla}]}`:         "filament.prices[1].material: is that of filament.prices[0] too",
		`{prices: [{filament_id: B}, {filament_id: b}]}`:       "filament.prices[1].filament_id: is that of filament.prices[0] too",
		`{currency: EUR, price_per_kg: 5000000, prices: null}`: "filament.price_per_kg: must be more than 0 and at most 1000000",
	} {
		if _, err := settings.Parse([]byte("filament: " + given)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
}
