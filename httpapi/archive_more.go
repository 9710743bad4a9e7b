package httpapi

import (
	"context"
	"math"
	"time"

	"github.com/printwire/printwire/archive"
)

// noReprint says why a print is not printed again.
const noReprint = "Printwire does not start prints yet. Start it again at the printer or in the slicer."

// Repriced says how many prints cost something else since.
type Repriced struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Updated int    `json:"updated"`
}

type repricedAnswer struct{ Body Repriced }

func repriced(n int) *repricedAnswer {
	return &repricedAnswer{Body: Repriced{Status: "recalculated", Message: "Recalculated costs for " + decimal(n) + " archives", Updated: n}}
}

// reprice reckons the costs of the prints that the caller may know of.
func (a *api) reprice(ctx context.Context, _ *nothing) (*repricedAnswer, error) {
	if caller(ctx).Test {
		return repriced(0), nil
	}
	n, err := a.Archives.Reprice(ctx, a.allowed(ctx))
	if err != nil {
		return nil, err
	}
	return repriced(n), nil
}

// thumbnail is a picture of a print's plate.
func (a *api) thumbnail(ctx context.Context, in *thumbnailCall) (*coverAnswer, error) {
	r, err := a.print(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.picture(r.Picture, in.View, "The file of the print has not been read, or has no picture.")
}

type thumbnailCall struct {
	ArchivePath
	PictureView
}

// SlimArchive is a print in the few fields that charts are made from.
type SlimArchive struct {
	ID                int      `json:"id"`
	PrinterID         int      `json:"printer_id"`
	PrintName         string   `json:"print_name"`
	PrintTimeSeconds  *int     `json:"print_time_seconds"`
	ActualTimeSeconds *int     `json:"actual_time_seconds"`
	FilamentUsedGrams *float64 `json:"filament_used_grams"`
	FilamentType      *string  `json:"filament_type"`
	FilamentColor     *string  `json:"filament_color"`
	Status            string   `json:"status"`
	StartedAt         *Time    `json:"started_at"`
	CompletedAt       *Time    `json:"completed_at"`
	Cost              *float64 `json:"cost"`
	Currency          *string  `json:"currency" doc:"That of cost."`
	EnergyKWh         *float64 `json:"energy_kwh"`
	EnergyCost        *float64 `json:"energy_cost"`
	Quantity          int      `json:"quantity"`
	CreatedAt         *Time    `json:"created_at"`
}

func (a Archive) slim() SlimArchive {
	return SlimArchive{
		ID: a.ID, PrinterID: a.PrinterID, PrintName: a.PrintName, PrintTimeSeconds: a.PrintTimeSeconds, ActualTimeSeconds: a.ActualTimeSeconds,
		FilamentUsedGrams: a.FilamentUsedGrams, FilamentType: a.FilamentType, FilamentColor: a.FilamentColor, Status: a.Status,
		StartedAt: a.StartedAt, CompletedAt: a.CompletedAt, Cost: a.Cost, Currency: a.Currency, EnergyKWh: a.EnergyKWh, EnergyCost: a.EnergyCost,
		Quantity: a.Quantity, CreatedAt: a.CreatedAt,
	}
}

type slimCall struct {
	ArchiveFilter
	Limit  int `query:"limit" minimum:"1" maximum:"10000" default:"10000"`
	Offset int `query:"offset" minimum:"0" maximum:"10000000"`
}

type slimAnswer struct {
	Total string        `header:"X-Total-Count"`
	Body  []SlimArchive `nullable:"false"`
}

// slim collects pages until it has what was asked for.
func (a *api) slim(ctx context.Context, in *slimCall) (*slimAnswer, error) {
	f, err := a.filter(ctx, in.ArchiveFilter)
	if err != nil {
		return nil, err
	}
	out := &slimAnswer{Body: []SlimArchive{}}
	q := archive.Query{Filter: f, Offset: in.Offset}
	for left := in.Limit; left > 0; left = in.Limit - len(out.Body) {
		q.Limit = min(left, archive.MaxLimit)
		page, err := a.Archives.Page(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			out.Body = append(out.Body, describeArchive(r).slim())
		}
		out.Total, q.Offset, q.Cursor = decimal(page.Total), 0, page.Next
		if page.Next == "" || len(page.Records) == 0 {
			break
		}
	}
	return out, nil
}

// ArchiveRun is one run of a print.
type ArchiveRun struct {
	SlimArchive
	PrinterName     string  `json:"printer_name"`
	DurationSeconds *int    `json:"duration_seconds"`
	FailureReason   *string `json:"failure_reason"`
}

// ArchiveRuns are the runs of a print.
type ArchiveRuns struct {
	Items []ArchiveRun `json:"items" nullable:"false"`
	Total int          `json:"total"`
}

func (a Archive) runs() ArchiveRuns {
	return ArchiveRuns{Items: []ArchiveRun{{SlimArchive: a.slim(), PrinterName: a.PrinterName, DurationSeconds: a.Duration, FailureReason: a.FailureReason}}, Total: 1}
}

type runsAnswer struct{ Body ArchiveRuns }

func (a *api) runs(ctx context.Context, in *ArchivePath) (*runsAnswer, error) {
	r, err := a.print(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &runsAnswer{Body: describeArchive(r).runs()}, nil
}

// ArchiveSample is what a printer's values were at one moment of a print.
type ArchiveSample struct {
	At         Time     `json:"at"`
	Progress   *int     `json:"progress"`
	Layer      *int     `json:"layer"`
	Remaining  *int     `json:"remaining_seconds"`
	Nozzle     *float64 `json:"nozzle_temperature"`
	NozzleLeft *float64 `json:"nozzle_left_temperature"`
	Bed        *float64 `json:"bed_temperature"`
	Chamber    *float64 `json:"chamber_temperature"`
	PartFan    *int     `json:"part_fan" doc:"In percent."`
}

// ArchiveSamples are the samples of a print, oldest first.
type ArchiveSamples struct {
	ArchiveID int             `json:"archive_id"`
	Samples   []ArchiveSample `json:"samples" nullable:"false"`
}

func describeSamples(id int, list []archive.Sample) ArchiveSamples {
	out := ArchiveSamples{ArchiveID: id, Samples: []ArchiveSample{}}
	for _, s := range list {
		out.Samples = append(out.Samples, ArchiveSample{
			At: Time(s.At), Progress: known(s.Progress), Layer: known(s.Layer), Remaining: known(s.RemainingSeconds),
			Nozzle: tenths(s.Nozzle), NozzleLeft: tenths(s.NozzleLeft), Bed: tenths(s.Bed), Chamber: tenths(s.Chamber), PartFan: known(s.PartFan),
		})
	}
	return out
}

type samplesAnswer struct{ Body ArchiveSamples }

func (a *api) samples(ctx context.Context, in *ArchivePath) (*samplesAnswer, error) {
	if _, err := a.print(ctx, in.ID); err != nil {
		return nil, err
	}
	list, err := a.Archives.Samples(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &samplesAnswer{Body: describeSamples(in.ID, list)}, nil
}

// FailureReport says what failed prints have in common.
type FailureReport struct {
	PeriodDays  int             `json:"period_days"`
	TotalPrints int             `json:"total_prints"`
	Failed      int             `json:"failed_prints"`
	Rate        float64         `json:"failure_rate" doc:"Failed of all, in percent."`
	ByReason    map[string]int  `json:"failures_by_reason" nullable:"false" doc:"Of the newest 2000."`
	ByFilament  map[string]int  `json:"failures_by_filament" nullable:"false"`
	ByPrinter   map[string]int  `json:"failures_by_printer" nullable:"false" doc:"By the printer's name."`
	ByHour      map[string]int  `json:"failures_by_hour" nullable:"false" doc:"By the hour of the start, in UTC, of the newest 2000."`
	Recent      []RecentFailure `json:"recent_failures" nullable:"false"`
	Trend       []FailureWeek   `json:"trend" nullable:"false" doc:"Weeks, the oldest first."`
}

// RecentFailure is one of the newest failed prints.
type RecentFailure struct {
	ID            int     `json:"id"`
	PrintName     string  `json:"print_name"`
	FailureReason *string `json:"failure_reason"`
	FilamentType  *string `json:"filament_type"`
	PrinterID     int     `json:"printer_id"`
	CreatedAt     *Time   `json:"created_at"`
}

// FailureWeek is one week of the trend.
type FailureWeek struct {
	Start  string  `json:"week_start" format:"date"`
	Prints int     `json:"total_prints"`
	Failed int     `json:"failed_prints"`
	Rate   float64 `json:"failure_rate"`
}

type failuresCall struct {
	ArchiveFilter
	Days int `query:"days" minimum:"1" maximum:"3650" default:"30" doc:"How far back, unless a date is given."`
}

type failuresAnswer struct{ Body FailureReport }

func (a *api) failures(ctx context.Context, in *failuresCall) (*failuresAnswer, error) {
	f, err := a.filter(ctx, in.ArchiveFilter)
	if err != nil {
		return nil, err
	}
	const day = 24 * time.Hour
	days, to := in.Days, f.To
	if to.IsZero() {
		to = a.Now()
	}
	switch {
	case !f.From.IsZero():
		days = max(int(to.Sub(f.From)/day), 1)
	case f.To.IsZero():
		f.From = to.Add(-time.Duration(days) * day)
	default: // Only an end is given: the year before it.
		days = 365
		f.From = to.Add(-time.Duration(days) * day)
	}
	found, err := a.Archives.Failures(ctx, f, nil)
	if err != nil {
		return nil, err
	}
	return &failuresAnswer{Body: describeFailures(found, days)}, nil
}

func describeFailures(f archive.Failures, days int) FailureReport {
	r := FailureReport{
		PeriodDays: days, TotalPrints: f.Prints, Failed: f.Failed, Rate: rate(f.Failed, f.Prints),
		ByReason: named(f.ByReason), ByFilament: named(f.ByMaterial), ByPrinter: named(f.ByPrinter), ByHour: map[string]int{},
		Recent: []RecentFailure{}, Trend: []FailureWeek{},
	}
	for hour, n := range f.ByHour {
		r.ByHour[decimal(hour)] = n
	}
	for _, rec := range f.Recent {
		a := describeArchive(rec)
		r.Recent = append(r.Recent, RecentFailure{a.ID, a.PrintName, a.FailureReason, a.FilamentType, a.PrinterID, a.CreatedAt})
	}
	for _, w := range f.Weeks {
		r.Trend = append(r.Trend, FailureWeek{w.Start.UTC().Format(time.DateOnly), w.Prints, w.Failed, rate(w.Failed, w.Prints)})
	}
	return r
}

func named(list []archive.NamedCount) map[string]int {
	out := map[string]int{}
	for _, c := range list {
		name := c.Name
		if name == "" {
			name = "Unknown"
		}
		out[name] += c.Count
	}
	return out
}

// rate is a part of a whole in percent, to one decimal; 0 of nothing.
func rate(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return math.Round(float64(part)/float64(whole)*1000) / 10
}
