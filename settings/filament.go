package settings

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/printwire/printwire/printer"
)

// Filament is what filament costs. A changed price counts for prints that
// begin after it, and for all when their costs are reckoned again.
type Filament struct {
	Currency   string          `set:"currency" doc:"The currency of what filament costs, such as EUR: of the prices here, and of those that sliced files name."`
	PricePerKg float64         `set:"price_per_kg" doc:"What a kilogram costs of filament that prices does not name; 0 is what the sliced file says, if it does."`
	Prices     []FilamentPrice `set:"prices" doc:"What a kilogram costs, by the maker's id or by material; the id wins."`
}

// FilamentPrice is what a kilogram of one sort of filament costs.
type FilamentPrice struct {
	Material   string  `set:"material" doc:"The material, such as PLA."`
	FilamentID string  `set:"filament_id" doc:"The maker's id of the filament, such as GFA00, in place of a material."`
	PricePerKg float64 `set:"price_per_kg" doc:"What a kilogram costs."`
}

const maxPricePerKg = 1_000_000

var (
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
	filamentPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
)

// PerKg is what a kilogram of a filament costs, by its maker's id and its
// material; unknown when nothing is set for it.
func (f Filament) PerKg(filamentID, material string) printer.Opt[float64] {
	for _, p := range f.Prices {
		if p.FilamentID != "" && strings.EqualFold(p.FilamentID, filamentID) {
			return printer.Some(p.PricePerKg)
		}
	}
	for _, p := range f.Prices {
		if p.Material != "" && strings.EqualFold(p.Material, material) {
			return printer.Some(p.PricePerKg)
		}
	}
	return printer.Opt[float64]{Value: f.PricePerKg, Known: f.PricePerKg > 0}
}

func (c *checker) filament(f Filament) {
	switch {
	case f.Currency != "" && !currencyPattern.MatchString(f.Currency):
		c.add("filament.currency", "must be a currency's three letters, such as EUR")
	case f.Currency == "" && (f.PricePerKg != 0 || len(f.Prices) > 0):
		c.add("filament.currency", "must be set when there are prices")
	}
	if f.PricePerKg != 0 {
		c.perKg("filament.price_per_kg", f.PricePerKg)
	}
	seen := map[string]int{}
	for i, p := range f.Prices {
		at := fmt.Sprintf("filament.prices[%d].", i)
		field, name := "material", strings.ToLower(p.Material)
		switch {
		case p.Material != "" && p.FilamentID != "":
			c.add(at+"material", "must be left out where filament_id is set")
			field = "filament_id"
		case p.FilamentID != "":
			field, name = "filament_id", strings.ToLower(p.FilamentID)
			if !filamentPattern.MatchString(p.FilamentID) {
				c.add(at+field, "must have 1 to 32 letters, digits, _ or -")
			}
		case strings.TrimSpace(p.Material) == "":
			c.add(at+"material", "must be set, or filament_id")
		default:
			c.label(at+field, p.Material, 64)
		}
		key := field + " " + name
		if j, twice := seen[key]; twice {
			c.add(at+field, "is that of filament.prices[%d] too", j)
		}
		seen[key] = i
		c.perKg(at+"price_per_kg", p.PricePerKg)
	}
}

func (c *checker) perKg(field string, price float64) {
	if price <= 0 || price > maxPricePerKg {
		c.add(field, "must be more than 0 and at most %d", maxPricePerKg)
	}
}

// number reads a number as people write it.
func number(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) && !strings.ContainsAny(text, "xX_")
}
