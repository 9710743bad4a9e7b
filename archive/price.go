package archive

import (
	"context"
	"fmt"
	"slices"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Price is what a kilogram of a filament costs, by its maker's id and its
// material; unknown when nobody said.
type Price func(filamentID, material string) printer.Opt[float64]

// tariff is what filament costs, and in which currency: that of the prices
// which are set, and of those that sliced files name.
type tariff struct {
	price    Price
	currency string
}

// on puts the prices of now on the record's filaments: what was set, else what
// the sliced file says. A cost that was told keeps its currency.
func (t tariff) on(r *Record) {
	if r.Usage.FilamentCost.Known {
		return
	}
	r.Filament = slices.Clone(r.Filament)
	r.Usage.FilamentCurrency = ""
	for i := range r.Filament {
		f := &r.Filament[i]
		f.PricePerKg = f.SlicedPricePerKg
		if t.price != nil {
			if set := t.price(f.FilamentID, f.Material); set.Known {
				f.PricePerKg = set
			}
		}
		if f.PricePerKg.Known {
			r.Usage.FilamentCurrency = t.currency
		}
	}
}

// priced tells whether a filament of the record has a price.
func (r Record) priced() bool {
	return slices.ContainsFunc(r.Filament, func(f Filament) bool { return f.PricePerKg.Known })
}

// FilamentCost is what the filament of the job cost, in FilamentCurrency: as
// told, or what it took at the prices of its time. It is unknown when the
// price of a part is.
func (r Record) FilamentCost() printer.Opt[float64] {
	if r.Usage.FilamentCost.Known {
		return r.Usage.FilamentCost
	}
	var sum printer.Opt[float64]
	total := 0.0
	for _, f := range r.Filament {
		grams := f.Grams.Or(f.PlannedGrams.Or(0) * r.scale())
		switch {
		case !f.Grams.Known && !f.PlannedGrams.Known:
		case !f.PricePerKg.Known:
			return printer.Opt[float64]{}
		default:
			sum = printer.Some(sum.Or(0) + grams*f.PricePerKg.Value/1000)
			total += grams
		}
	}
	all := r.Grams()
	switch {
	case sum.Known && r.Edits.Grams.Known && total > 0: // a person knows better
		sum.Value *= all.Value / total
	case !sum.Known && all.Known && len(r.Filament) == 1 && r.Filament[0].PricePerKg.Known:
		sum = printer.Some(all.Value * r.Filament[0].PricePerKg.Value / 1000)
	}
	if sum.Known {
		sum.Value = fine(sum.Value)
	}
	return sum
}

// Cost is filament and energy together, in Currency. It is unknown when both
// are, and when they are in different currencies.
func (r Record) Cost() printer.Opt[float64] {
	f, e := r.FilamentCost(), r.Usage.EnergyCost
	if !f.Known && !e.Known || f.Known && e.Known && r.Usage.FilamentCurrency != r.Usage.Currency {
		return printer.Opt[float64]{}
	}
	return printer.Some(fine(f.Or(0) + e.Or(0)))
}

// Currency is that of Cost; "" when nobody said, or when there is no cost.
func (r Record) Currency() string {
	switch {
	case !r.Cost().Known:
		return ""
	case r.FilamentCost().Known:
		return r.FilamentCurrency()
	default:
		return r.EnergyCurrency()
	}
}

// FilamentCurrency is that of FilamentCost; "" also when there is no cost.
func (r Record) FilamentCurrency() string {
	if !r.FilamentCost().Known {
		return ""
	}
	return r.Usage.FilamentCurrency
}

// EnergyCurrency is that of the energy's cost; "" also when there is none.
func (r Record) EnergyCurrency() string {
	if !r.Usage.EnergyCost.Known {
		return ""
	}
	return r.Usage.Currency
}

// Reprice puts the prices of now on all records of some printers, nil for all,
// and gives how many cost something else since. fault.Conflict: it is under way already.
func (r *Recorder) Reprice(ctx context.Context, printers []int) (changed int, err error) {
	if !r.repricing.TryLock() {
		return 0, fault.New(fault.Conflict, "the costs are being reckoned again already")
	}
	defer r.repricing.Unlock()
	entries, err := r.entries(ctx)
	if err != nil {
		return 0, err
	}
	ids := make([]int, 0, len(entries))
	for _, e := range entries {
		if !e.Deleted && (printers == nil || slices.Contains(printers, e.PrinterID)) {
			ids = append(ids, e.ID)
		}
	}
	for some := range slices.Chunk(ids, exportAtOnce) {
		n, err := r.reprice(ctx, some)
		if changed += n; err != nil {
			return changed, fmt.Errorf("reckoning costs again: %w", err)
		}
	}
	return changed, nil
}

// reprice is Reprice of some records, in one transaction.
func (r *Recorder) reprice(ctx context.Context, ids []int) (changed int, err error) {
	records, err := r.store.Records(ctx, ids)
	if err != nil {
		return 0, err
	}
	var changes []Change
	for _, was := range records {
		now := was
		r.tariff.on(&now)
		if slices.Equal(now.Filament, was.Filament) && now.Usage == was.Usage {
			continue
		}
		if now.FilamentCost() != was.FilamentCost() || now.Currency() != was.Currency() {
			changed++
		}
		// By its job, which leaves a record alone that was deleted just now.
		changes = append(changes, Change{Job: was.Job, Do: func(rec Record) (Record, error) { r.tariff.on(&rec); return rec, nil }})
	}
	if len(changes) == 0 {
		return 0, ctx.Err()
	}
	return changed, r.write(func() ([]Record, error) { return r.store.Update(ctx, changes) })
}
