package archive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// perKg are prices by the maker's id or the material.
func perKg(prices map[string]float64) archive.Price {
	return func(id, material string) printer.Opt[float64] {
		for _, name := range []string{id, material} {
			if p, ok := prices[name]; ok {
				return printer.Some(p)
			}
		}
		return printer.Opt[float64]{}
	}
}

func TestRecord_CostAtThePricesOfItsTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		prices   map[string]float64
		currency string
		want     string
	}{
		{"those of the sliced file, in no currency", nil, "", "0.359 "},
		{"those of the sliced file, in the currency that was set", nil, "EUR", "0.359 EUR"},
		{"of a material", map[string]float64{"PLA": 100}, "EUR", "1.184 EUR"},
		{"of the maker's id", map[string]float64{"GFA00": 200, "GFG00": 0}, "SEK", "2.2 SEK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := planRecord(t, archive.Options{Price: perKg(c.prices), Currency: c.currency}, printer.Success)
			if got := fmt.Sprint(r.Cost().Value, " ", r.Currency()); got != c.want {
				t.Errorf("the print costs %q, want %q: %+v", got, c.want, r.Filament)
			}
		})
	}
}

func TestRecord_CostOfAPartWithoutAPriceIsUnknown(t *testing.T) {
	r := planRecord(t, archive.Options{Currency: "EUR"}, printer.Success)
	r.Filament[1].PricePerKg = printer.Opt[float64]{}
	if c := r.Cost(); c.Known || r.Currency() != "" {
		t.Errorf("it costs %v %q", c, r.Currency())
	}
}

func TestRecord_CostOfWhatAPersonWeighed(t *testing.T) {
	r := archive.Record{Result: printer.Success, Filament: []archive.Filament{{Tray: "external", Material: "PLA", PricePerKg: printer.Some(20.0)}}}
	if c := r.FilamentCost(); c.Known {
		t.Errorf("nobody knows how much, but it costs %v", c)
	}
	r.Edits.Grams = printer.Some(150.0)
	if c := r.FilamentCost(); c != printer.Some(3.0) {
		t.Errorf("150 g cost %v, want 3", c)
	}
}

func TestRecorder_CostsOfManySmallPrintsAddUp(t *testing.T) {
	s := newShelf()
	for i := range 200 {
		job := fmt.Sprint("J", i)
		if _, err := s.Update(t.Context(), []archive.Change{{Job: job, Create: true, Do: func(r archive.Record) (archive.Record, error) {
			r.Job, r.Result, r.PrinterID, r.Created = job, printer.Success, 1, start
			r.Filament = []archive.Filament{{Tray: "external", Material: "PLA", Grams: printer.Some(0.2), PricePerKg: printer.Some(20.0)}}
			r.Usage.FilamentCurrency = "EUR"
			return r, nil
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := archive.New(s).Statistics(t.Context(), archive.Filter{}, nil)
	if err != nil || got.FilamentCost != printer.Some(0.8) {
		t.Errorf("200 prints of 0.4 cents cost %v together (%v), want 0.8", got.FilamentCost, err)
	}
}

func TestRecorder_RepriceLeavesACostThatWasTold(t *testing.T) {
	s := newShelf()
	r := archive.NewWith(s, archive.Options{Price: perKg(map[string]float64{"PLA": 20}), Currency: "EUR"})
	if err := r.Apply(t.Context(), story(`print_started J1 {}`), 0); err != nil {
		t.Fatal(err)
	}
	told := archive.Fill{Usage: archive.Usage{FilamentCost: printer.Some(7.0), FilamentCurrency: "SEK"}, Filament: []archive.TrayUse{{Tray: "external", Material: "PLA", Grams: printer.Some(100.0)}}}
	if err := r.Fill(t.Context(), "J1", told); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Reprice(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("%d changed (%v)", n, err)
	}
	if rec, err := r.Job(t.Context(), "J1"); err != nil || rec.Cost() != printer.Some(7.0) || rec.Currency() != "SEK" {
		t.Errorf("it costs %v %q (%v), want 7 SEK", rec.Cost(), rec.Currency(), err)
	}
}

func TestRecord_MoneyOfSeveralCurrenciesIsNotAdded(t *testing.T) {
	r := planRecord(t, archive.Options{Currency: "EUR"}, printer.Success)
	r.Usage.EnergyCost, r.Usage.Currency = printer.Some(0.24), "EUR"
	if c := r.Cost(); c != printer.Some(0.599) || r.Currency() != "EUR" {
		t.Errorf("together %v %q", c, r.Currency())
	}
	r.Usage.Currency = "SEK"
	if c := r.Cost(); c.Known || r.Currency() != "" || r.FilamentCost() != printer.Some(0.359) {
		t.Errorf("together %v %q, filament %v", c, r.Currency(), r.FilamentCost())
	}
}

func TestSampler_AChangedPriceIsNoneOfAnOldRecord(t *testing.T) {
	s := newShelf()
	over := func(price float64, currency string) {
		r := archive.NewWith(s, archive.Options{Price: perKg(map[string]float64{"GFA00": price, "GFG00": price}), Currency: currency})
		if err := r.Apply(t.Context(), story(`print_started J1 {"job_name":"cube"}`), 0); err != nil {
			t.Fatal(err)
		}
		r.Sampler().Apply(t.Context(), picture(3000, "J1", func(st *printer.State) {
			st.Job.Plan, st.Job.Result, st.Job.EndedAt = sliced(), printer.Success, start.Add(50*time.Minute)
		}))
	}
	over(100, "EUR")
	over(900, "SEK") // the next process sees the job that is over again
	rec, err := s.Job(t.Context(), "J1")
	if err != nil || rec.Cost() != printer.Some(1.52) || rec.Currency() != "EUR" {
		t.Fatalf("it costs %v %q (%v)", rec.Cost(), rec.Currency(), err)
	}
	r := archive.NewWith(s, archive.Options{Price: perKg(map[string]float64{"PETG": 100}), Currency: "SEK"})
	if n, err := r.Reprice(t.Context(), []int{4}); n != 0 || err != nil {
		t.Errorf("%d records of another printer changed (%v)", n, err)
	}
	for _, want := range []int{1, 0} {
		if n, err := r.Reprice(t.Context(), []int{3, 4}); n != want || err != nil {
			t.Errorf("%d changed (%v), want %d", n, err, want)
		}
	}
	// 11 g at 25, as the file says, and 4.2 g at 100.
	if rec, err = r.Job(t.Context(), "J1"); err != nil || rec.Cost() != printer.Some(0.695) || rec.Currency() != "SEK" {
		t.Errorf("it costs %v %q (%v)", rec.Cost(), rec.Currency(), err)
	}
	s.fail = fault.New(fault.Internal, "the disk is full")
	if _, err := archive.New(s).Reprice(t.Context(), nil); !fault.Is(err, fault.Internal) {
		t.Errorf("a store that fails: %v", err)
	}
}

func TestRecorder_StatisticsKeepCurrenciesApart(t *testing.T) {
	s := newShelf()
	r := archive.New(s)
	for i, usage := range []archive.Usage{
		{FilamentCost: printer.Some(0.1), FilamentCurrency: "EUR", EnergyCost: printer.Some(0.2), Currency: "EUR"},
		{FilamentCost: printer.Some(0.2), FilamentCurrency: "EUR"},
		{FilamentCost: printer.Some(7.0), FilamentCurrency: "SEK", EnergyCost: printer.Some(1.0), Currency: "EUR"},
		{EnergyKWh: printer.Some(1.0), Currency: "NOK"}, // no cost, so no currency
	} {
		job := fmt.Sprint("J", i)
		if err := r.Apply(t.Context(), story(fmt.Sprintf("print_started X%d {}", i)), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(t.Context(), []archive.Change{{Job: job, Create: true, Do: func(rec archive.Record) (archive.Record, error) {
			rec.Usage, rec.Result, rec.PrinterID, rec.Created = usage, printer.Success, 1+i/2, start
			return rec, nil
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := archive.New(s).Statistics(t.Context(), archive.Filter{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Cost().Known || got.FilamentCost.Known || got.EnergyCost.Known || got.Currency != "" {
		t.Errorf("costs of two currencies are added up to %v", got.Costs)
	}
	var text []string
	for _, c := range got.ByCurrency {
		text = append(text, fmt.Sprint(c.Currency, " ", c.Prints, " ", c.FilamentCost.Value, " ", c.EnergyCost.Value, " ", c.Cost().Value))
	}
	if want := "EUR 3 0.3 1.2 1.5; SEK 1 7 0 7"; strings.Join(text, "; ") != want {
		t.Errorf("by currency: %q, want %q", text, want)
	}
	for _, p := range got.ByPrinter {
		switch {
		case p.PrinterID == 1 && (p.Cost() != printer.Some(0.5) || p.Currency != "EUR"), p.PrinterID == 2 && p.Cost().Known:
			t.Errorf("printer %d: %+v", p.PrinterID, p.Costs)
		}
	}
	var table strings.Builder
	if err := archive.ExportStatistics(&table, got); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"energy_cost,filament_cost,cost,currency\n", "\ncurrency,EUR,3,,,,,,,,,,1.2,0.3,1.5,EUR\n", "\ncurrency,SEK,1,,,,,,,,,,,7,7,SEK\n", ",0.2,0.3,0.5,EUR\n",
	} {
		if !strings.Contains(table.String(), row) {
			t.Errorf("no %q in\n%s", row, table.String())
		}
	}
}

func TestRecorder_NumberIsThatOfARecordUnderWay(t *testing.T) {
	s := newShelf()
	r := archive.New(s)
	number := func(want int) {
		t.Helper()
		if got, ok := r.Number("J1"); got != want || ok != (want != 0) {
			t.Errorf("the number is %d, %v; want %d", got, ok, want)
		}
	}
	number(0)
	if err := r.Apply(t.Context(), story(`print_started J1 {}`), 0); err != nil {
		t.Fatal(err)
	}
	number(1)
	if err := r.Delete(t.Context(), 1, false); err != nil {
		t.Fatal(err)
	}
	number(0)
	s = newShelf()
	r = archive.New(s)
	if err := r.Apply(t.Context(), story(`print_started J1 {}`, `print_progress J1 {}`), 0); err != nil {
		t.Fatal(err)
	}
	number(1)
	entries := story(`print_started J1 {}`, `print_progress J1 {}`, `print_complete J1 {}`)
	if err := r.Apply(t.Context(), entries[2:], 0); err != nil {
		t.Fatal(err)
	}
	number(0)
}
