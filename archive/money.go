package archive

import (
	"math"

	"github.com/printwire/printwire/printer"
)

// Costs are what some prints cost together, in one currency. They are unknown
// where prints cost in several: money of different currencies is never added.
type Costs struct {
	FilamentCost, EnergyCost printer.Opt[float64]
	// Currency is that of both; "" when nobody said, or when there are several.
	Currency string
	// some: a cost was added; mixed: one in another currency too.
	some, mixed bool
}

// Cost is filament and energy together, unknown when both are.
func (c Costs) Cost() printer.Opt[float64] {
	sum := c.FilamentCost
	pay(&sum, c.EnergyCost)
	return sum
}

func (c *Costs) add(s *Summary) {
	for _, m := range []struct {
		to       *printer.Opt[float64]
		cost     printer.Opt[float64]
		currency string
	}{{&c.FilamentCost, s.FilamentCost, s.FilamentCurrency}, {&c.EnergyCost, s.EnergyCost, s.EnergyCurrency}} {
		switch {
		case !m.cost.Known || c.mixed:
		case c.some && c.Currency != m.currency:
			*c = Costs{mixed: true}
		default:
			c.some, c.Currency = true, m.currency
			pay(m.to, m.cost)
		}
	}
}

// CurrencyTotals are what prints cost in one currency.
type CurrencyTotals struct {
	// Prints are those that cost something in it.
	Prints int
	Costs
}

// addMoney counts a print in each currency in which it cost something.
func (c *counter) addMoney(s *Summary) {
	parts := []*Summary{s}
	if s.FilamentCost.Known && s.EnergyCost.Known && s.FilamentCurrency != s.EnergyCurrency {
		parts = []*Summary{
			{FilamentCost: s.FilamentCost, FilamentCurrency: s.FilamentCurrency}, {EnergyCost: s.EnergyCost, EnergyCurrency: s.EnergyCurrency},
		}
	}
	for _, part := range parts {
		currency := part.FilamentCurrency
		switch {
		case part.FilamentCost.Known:
		case part.EnergyCost.Known:
			currency = part.EnergyCurrency
		default:
			continue
		}
		t := c.money[currency]
		if t == nil {
			t = &CurrencyTotals{}
			c.money[currency] = t
		}
		t.Prints++
		t.Costs.add(part)
	}
}

// pay adds an amount of money, without the noise of many additions.
func pay(to *printer.Opt[float64], v printer.Opt[float64]) {
	plus(to, v)
	to.Value = fine(to.Value)
}

// fine is an amount of money to a hundredth of a cent: sums of many small
// prints are right, and without the noise of floating point. Whoever shows it
// rounds it to the coins of its currency.
func fine(amount float64) float64 { return math.Round(amount*1e4) / 1e4 }
