package archive

import (
	"encoding/csv"
	"io"
	"strings"

	"github.com/printwire/printwire/printer"
)

// ExportStatistics writes statistics as a table: one row for all, then one for
// each currency, each printer, each kind of filament, and each day. Costs in
// several currencies are in the rows of the currencies alone.
func ExportStatistics(w io.Writer, s Statistics) error {
	out := csv.NewWriter(w)
	rows := [][]any{totalsRow("all", "", s.Totals)}
	for _, c := range s.ByCurrency {
		row := []any{"currency", text(c.Currency), c.Prints, nil, nil, nil, nil, nil, nil, nil, nil, nil}
		rows = append(rows, append(row, costsOf(c.Costs)...))
	}
	for _, p := range s.ByPrinter {
		rows = append(rows, totalsRow("printer", p.Name, p.Totals))
	}
	for _, m := range s.ByMaterial {
		rows = append(rows, []any{"filament_type", text(m.Material), m.Prints, nil, nil, nil, nil, nil, nil, opt(m.Grams)})
	}
	for _, d := range s.ByDay {
		rows = append(rows, totalsRow("day", d.Date, d.Totals))
	}
	heading := strings.Fields("group key prints successful failed stopped running success_rate print_seconds filament_grams filament_metres energy_kwh energy_cost filament_cost cost currency")
	if err := out.Write(heading); err != nil {
		return err
	}
	cells := make([]string, len(heading))
	for _, row := range rows {
		clear(cells)
		for i, v := range row {
			cells[i] = cell(v)
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func totalsRow(group, key string, t Totals) []any {
	row := []any{group, text(key), t.Prints, t.Successful, t.Failed, t.Stopped, t.Running}
	for _, v := range []printer.Opt[float64]{
		t.SuccessRate(), printer.Some(float64(t.Seconds)), t.Grams, t.Metres, t.EnergyKWh,
	} {
		row = append(row, opt(v))
	}
	return append(row, costsOf(t.Costs)...)
}

func costsOf(c Costs) []any {
	return []any{opt(c.EnergyCost), opt(c.FilamentCost), opt(c.Cost()), text(c.Currency)}
}
