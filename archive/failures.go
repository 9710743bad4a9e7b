package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/printer"
)

// Failures are the prints that failed, by what may have to do with it.
type Failures struct {
	// Prints are all prints of the time, Failed those that failed.
	Prints, Failed int
	// ByReason, ByMaterial and ByPrinter are by count, the highest first. "" is
	// not known. ByReason is of the newest maxFailures.
	ByReason, ByMaterial, ByPrinter []NamedCount
	// ByHour is by the hour of the start, in the query's zone, of the newest maxFailures.
	ByHour [24]int
	// Recent are the newest failures.
	Recent []Record
	// Weeks are the seven days before the end, and so on back, oldest first.
	Weeks []WeekFailures
}

// NamedCount is how many prints have a name in common.
type NamedCount struct {
	Name  string
	Count int
}

// WeekFailures is one week.
type WeekFailures struct {
	Start          time.Time
	Prints, Failed int
}

const (
	// recentFailures is how many failures are given as a whole.
	recentFailures = 10
	// maxFailures is how many failed prints are read as a whole, the newest.
	maxFailures = 2000
	// maxWeeks bounds the weeks.
	maxWeeks = 520
)

// Failures looks for what failed prints have in common, among those that a
// filter chooses. Hours are those of zone; nil is UTC. A filter without From
// has no weeks; without To it ends now. fault.Invalid: the filter's errors.
func (r *Recorder) Failures(ctx context.Context, f Filter, zone *time.Location) (Failures, error) {
	if err := f.Check(); err != nil {
		return Failures{}, err
	}
	if zone == nil {
		zone = time.UTC
	}
	if f.To.IsZero() {
		f.To = r.now()
	}
	entries, err := r.entries(ctx)
	if err != nil {
		return Failures{}, err
	}
	var out Failures
	if !f.From.IsZero() {
		weeks := min(max(int(f.To.Sub(f.From)/(7*24*time.Hour)), 1), maxWeeks)
		for n := weeks; n > 0; n-- {
			out.Weeks = append(out.Weeks, WeekFailures{Start: f.To.AddDate(0, 0, -7*n)})
		}
	}
	failed := out.count(entries, f)
	return out, r.common(ctx, failed, zone, &out)
}

// count counts all that is chosen, and gives the numbers of the failed records
// that there still are, newest first.
func (o *Failures) count(entries []*Summary, f Filter) (failed []int) {
	m := f.matcher()
	materials, printers, names := map[string]int{}, map[int]int{}, map[int]string{}
	for i := len(entries) - 1; i >= 0; i-- {
		s := entries[i]
		if s.Status == "archived" || !m.match(s) {
			continue
		}
		row, _ := statusOf(s.Status)
		bad := row.Result == printer.Failure
		o.week(s, bad)
		if o.Prints++; !bad {
			continue
		}
		if o.Failed++; s.Deleted {
			continue
		}
		failed = append(failed, s.ID)
		materials[s.Materials]++
		printers[s.PrinterID]++
		if names[s.PrinterID] == "" {
			names[s.PrinterID] = s.Printer // the newest is the first
		}
	}
	byName := map[string]int{}
	for id, n := range printers {
		byName[names[id]] += n
	}
	o.ByMaterial, o.ByPrinter = ranked(materials), ranked(byName)
	return failed
}

// week counts a print in its week.
func (o *Failures) week(s *Summary, bad bool) {
	n := len(o.Weeks)
	if n == 0 {
		return
	}
	at := s.Created.Sub(o.Weeks[0].Start)
	if at < 0 {
		return
	}
	w := &o.Weeks[min(int(at/(7*24*time.Hour)), n-1)]
	if w.Prints++; bad {
		w.Failed++
	}
}

// common reads the newest failed records and counts what they have in common.
func (r *Recorder) common(ctx context.Context, failed []int, zone *time.Location, out *Failures) error {
	reasons := map[string]int{}
	for ids := range slices.Chunk(failed[:min(len(failed), maxFailures)], exportAtOnce) {
		records, err := r.store.Records(ctx, ids)
		if err != nil {
			return fmt.Errorf("reading the failed prints: %w", err)
		}
		for _, rec := range records {
			reasons[rec.Reason]++
			if !rec.Start.IsZero() {
				out.ByHour[rec.Start.In(zone).Hour()]++
			}
			if len(out.Recent) < recentFailures {
				out.Recent = append(out.Recent, rec)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	out.ByReason = ranked(reasons)
	return nil
}

// ranked is a count by name, the highest first.
func ranked(counts map[string]int) []NamedCount {
	var list []NamedCount
	for name, n := range counts {
		list = append(list, NamedCount{name, n})
	}
	slices.SortFunc(list, func(a, b NamedCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}
