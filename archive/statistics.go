package archive

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/printer"
)

// Totals are the sums over some records. Sums of what is known of no record
// are unknown, and so are costs that are in several currencies; see
// Statistics.ByCurrency.
type Totals struct {
	// Prints are those that ended, and those under way; Running are the latter.
	Prints  int
	Running int
	// Successful, Failed and Stopped are by outcome.
	Successful, Failed, Stopped int
	// Seconds is the time from starts to ends, PausedSeconds the part of it that they stood still.
	Seconds, PausedSeconds int64
	// LongestSeconds is the longest print.
	LongestSeconds int
	Grams, Metres  printer.Opt[float64]
	EnergyKWh      printer.Opt[float64]
	Costs
	// timed and accurate count the records that have a duration and an accuracy.
	timed, accurate int
	accuracy        float64
}

// SuccessRate is successful prints in % of all prints that are counted, to one
// decimal; unknown without prints.
func (t Totals) SuccessRate() printer.Opt[float64] { return percent(t.Successful, t.Prints) }

// SuccessRateOfEnded leaves out what people stopped and what is under way: the
// rate that tells how well a printer works.
func (t Totals) SuccessRateOfEnded() printer.Opt[float64] {
	return percent(t.Successful, t.Successful+t.Failed)
}

func percent(part, whole int) printer.Opt[float64] {
	if whole == 0 {
		return printer.Opt[float64]{}
	}
	return printer.Some(math.Round(float64(part)/float64(whole)*1000) / 10)
}

// AverageSeconds is the mean duration, unknown without any.
func (t Totals) AverageSeconds() printer.Opt[int] {
	if t.timed == 0 {
		return printer.Opt[int]{}
	}
	return printer.Some(int(math.Round(float64(t.Seconds) / float64(t.timed))))
}

// Accuracy is the mean of Record.Accuracy, in %.
func (t Totals) Accuracy() printer.Opt[float64] {
	if t.accurate == 0 {
		return printer.Opt[float64]{}
	}
	return printer.Some(math.Round(t.accuracy/float64(t.accurate)*10) / 10)
}

// PrinterTotals are those of one printer.
type PrinterTotals struct {
	PrinterID int
	Serial    string
	// Name is what it was called last.
	Name string
	Totals
}

// MaterialTotals are those of one kind of filament. A print with two counts in both.
type MaterialTotals struct {
	// Material is "PLA" …, "" for prints of which it is not known.
	Material string
	Prints   int
	// Grams are of this kind alone, where they are known.
	Grams printer.Opt[float64]
}

// DayTotals are those of one day.
type DayTotals struct {
	// Date is YYYY-MM-DD in the query's zone.
	Date string
	Totals
}

// StatusCount is how many prints have a status.
type StatusCount struct {
	Status string
	Count  int
}

// Statistics are the sums over the records that a filter chooses.
type Statistics struct {
	Totals
	// ByStatus has a row for each row of Statuses, also for none.
	ByStatus []StatusCount
	// ByPrinter is by id, ByMaterial by name, ByDay by date; days without
	// prints have no row.
	ByPrinter  []PrinterTotals
	ByMaterial []MaterialTotals
	ByDay      []DayTotals
	// ByCurrency has what prints cost, by currency; "" is that nobody said.
	ByCurrency []CurrencyTotals
	// First and Last are when the first and the last of the prints were heard of.
	First, Last time.Time
}

// cachedStatistics is valid for one version of the catalogue.
type cachedStatistics struct {
	version uint64
	value   Statistics
}

// maxCached bounds the cache of statistics.
const maxCached = 16

// Statistics are the sums over the records that a filter chooses, deleted ones
// included unless they were purged. Days are those of zone; nil is UTC.
// fault.Invalid: the filter's errors. The answer's slices must not be changed.
func (r *Recorder) Statistics(ctx context.Context, f Filter, zone *time.Location) (Statistics, error) {
	if err := f.Check(); err != nil {
		return Statistics{}, err
	}
	if zone == nil {
		zone = time.UTC
	}
	entries, version, err := r.view(ctx)
	if err != nil {
		return Statistics{}, err
	}
	key := fmt.Sprintf("%#v %s %s %s", f, f.From, f.To, zone) // texts quoted, so that none passes for another's
	if s, ok := r.list.recall(key, version); ok {
		return s, nil
	}
	s := count(entries, f, zone)
	r.list.remember(key, cachedStatistics{version, s})
	return s, nil
}

func (c *catalog) recall(key string, version uint64) (Statistics, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.cached[key]
	return s.value, ok && s.version == version
}

func (c *catalog) remember(key string, s cachedStatistics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cached == nil || len(c.cached) >= maxCached {
		c.cached = map[string]cachedStatistics{}
	}
	c.cached[key] = s
}

// counter adds up summaries in the order of their time.
type counter struct {
	Statistics
	zone      *time.Location
	outcomes  map[string]printer.Result
	statuses  map[string]int
	printers  map[int]*PrinterTotals
	materials map[string]*MaterialTotals
	money     map[string]*CurrencyTotals
	// dayEnd is when the last day of ByDay is over.
	dayEnd time.Time
}

func count(entries []*Summary, f Filter, zone *time.Location) Statistics {
	c := counter{
		zone: zone, outcomes: map[string]printer.Result{}, statuses: map[string]int{},
		printers: map[int]*PrinterTotals{}, materials: map[string]*MaterialTotals{}, money: map[string]*CurrencyTotals{},
	}
	for _, row := range Statuses() {
		c.outcomes[row.Status] = row.Result
	}
	m := f.matcher()
	for _, s := range entries {
		if m.match(s) {
			c.add(s)
		}
	}
	for _, row := range Statuses() {
		c.ByStatus = append(c.ByStatus, StatusCount{row.Status, c.statuses[row.Status]})
	}
	for _, id := range slices.Sorted(maps.Keys(c.printers)) {
		c.ByPrinter = append(c.ByPrinter, *c.printers[id])
	}
	for _, name := range slices.Sorted(maps.Keys(c.materials)) {
		c.ByMaterial = append(c.ByMaterial, *c.materials[name])
	}
	for _, currency := range slices.Sorted(maps.Keys(c.money)) {
		c.ByCurrency = append(c.ByCurrency, *c.money[currency])
	}
	return c.Statistics
}

func (c *counter) add(s *Summary) {
	c.statuses[s.Status]++
	if s.Status == "archived" {
		return // A file that was kept without a print.
	}
	if c.First.IsZero() {
		c.First = s.Created
	}
	c.Last = s.Created
	p := c.printers[s.PrinterID]
	if p == nil {
		p = &PrinterTotals{PrinterID: s.PrinterID}
		c.printers[s.PrinterID] = p
	}
	p.Serial, p.Name = s.Serial, s.Printer
	outcome := c.outcomes[s.Status]
	for _, t := range []*Totals{&c.Totals, &p.Totals, c.day(s.Created)} {
		t.add(s, outcome)
	}
	c.addMaterials(s)
	c.addMoney(s)
}

// day is the row of a time. Times come in order, so it is the last row or a new one.
func (c *counter) day(at time.Time) *Totals {
	if len(c.ByDay) == 0 || !at.Before(c.dayEnd) {
		local := at.In(c.zone)
		y, m, d := local.Date()
		c.dayEnd = time.Date(y, m, d+1, 0, 0, 0, 0, c.zone)
		if !c.dayEnd.After(at) { // A midnight that the zone skips or repeats.
			c.dayEnd = at.Add(time.Minute)
		}
		date := local.Format(time.DateOnly)
		if n := len(c.ByDay); n == 0 || c.ByDay[n-1].Date != date {
			c.ByDay = append(c.ByDay, DayTotals{Date: date})
		}
	}
	return &c.ByDay[len(c.ByDay)-1].Totals
}

func (c *counter) addMaterials(s *Summary) {
	i := 0
	for name := range strings.SplitSeq(s.Materials, ", ") {
		m := c.materials[name]
		if m == nil {
			m = &MaterialTotals{Material: name}
			c.materials[name] = m
		}
		m.Prints++
		switch {
		case i < len(s.MaterialGrams):
			plus(&m.Grams, printer.Some(s.MaterialGrams[i]))
		case !strings.Contains(s.Materials, ", "):
			plus(&m.Grams, s.Grams)
		}
		i++
	}
}

func (t *Totals) add(s *Summary, outcome printer.Result) {
	t.Prints++
	switch outcome {
	case printer.Success:
		t.Successful++
	case printer.Failure:
		t.Failed++
	case printer.Interrupted:
		t.Stopped++
	default:
		t.Running++
	}
	if s.Seconds.Known {
		t.timed++
		t.Seconds += int64(s.Seconds.Value)
		t.LongestSeconds = max(t.LongestSeconds, s.Seconds.Value)
	}
	t.PausedSeconds += int64(s.PausedSeconds)
	plus(&t.Grams, s.Grams)
	plus(&t.Metres, s.Metres)
	t.Costs.add(s)
	plus(&t.EnergyKWh, s.EnergyKWh)
	if s.Accuracy.Known {
		t.accurate++
		t.accuracy += s.Accuracy.Value
	}
}

func plus(to *printer.Opt[float64], v printer.Opt[float64]) {
	if v.Known {
		*to = printer.Some(to.Or(0) + v.Value)
	}
}
