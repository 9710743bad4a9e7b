package httpapi

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"reflect"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/printer"
)

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }

// Schema is an array of prints, or the object that is given on request.
func (ArchiveList) Schema(r huma.Registry) *huma.Schema {
	list := &huma.Schema{Type: huma.TypeArray, Items: r.Schema(reflect.TypeFor[Archive](), true, "")}
	return &huma.Schema{OneOf: []*huma.Schema{list, {Type: huma.TypeObject, Properties: map[string]*huma.Schema{"total": {Type: huma.TypeInteger}, "archives": list}}}}
}

// MarshalJSON is the array, or the object that was asked for.
func (l ArchiveList) MarshalJSON() ([]byte, error) {
	if !l.Envelope {
		return json.Marshal(l.Archives)
	}
	// The documented words: here a status is how the print ended.
	rows := make([]map[string]any, 0, len(l.Archives))
	for _, a := range l.Archives {
		text, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		row := map[string]any{}
		if err := json.Unmarshal(text, &row); err != nil {
			return nil, err
		}
		if a.Result != nil {
			row["status"] = *a.Result
		}
		rows = append(rows, row)
	}
	return json.Marshal(map[string]any{"total": l.Total, "archives": rows, "next_cursor": text(l.Next)})
}

// Archive is the record of a print, with every name that Bambuddy clients know.
type Archive struct {
	ID           int     `json:"id"`
	JobID        string  `json:"job_id"`
	PrinterID    int     `json:"printer_id"`
	PrinterName  string  `json:"printer_name"`
	SerialNumber string  `json:"serial_number"`
	Model        *string `json:"model"`
	Name         string  `json:"name"`
	PrintName    string  `json:"print_name" doc:"The same as name."`
	Filename     *string `json:"filename"`
	Source       *string `json:"source"`
	PlateID      *int    `json:"plate_id"`
	FileSize     *int    `json:"file_size" doc:"The sliced file's length in bytes."`
	SlicedFor    *string `json:"sliced_for_model" doc:"The printer that the file was sliced for."`
	Objects      *int    `json:"object_count" doc:"How many objects the plate held."`
	ThumbnailURL *string `json:"thumbnail_url" doc:"Where the picture of the plate is; it may have been dropped since."`
	ProjectID    *int    `json:"project_id" doc:"There are no projects."`
	CreatedByID  *int    `json:"created_by_id" doc:"Nobody is known to have made it."`

	Status        string  `json:"status" doc:"completed, failed, aborted, stopped, cancelled, skipped, printing or archived."`
	Result        *string `json:"result" doc:"success, failed or stopped; null while it goes on."`
	FailureReason *string `json:"failure_reason"`
	FailureCode   *string `json:"failure_code"`
	Progress      *int    `json:"progress"`

	CreatedAt         *Time    `json:"created_at"`
	StartedAt         *Time    `json:"started_at"`
	CompletedAt       *Time    `json:"completed_at"`
	Duration          *int     `json:"duration" doc:"In seconds."`
	ActualTimeSeconds *int     `json:"actual_time_seconds" doc:"The same as duration."`
	PrintTimeSeconds  *int     `json:"print_time_seconds" doc:"What was expected at the start."`
	TimeAccuracy      *float64 `json:"time_accuracy" doc:"In percent; more than 100 is faster."`
	Pauses            int      `json:"pauses"`
	PausedSeconds     int      `json:"paused_seconds"`

	Layer             *int     `json:"layer"`
	TotalLayers       *int     `json:"total_layers"`
	LayerHeight       *float64 `json:"layer_height" doc:"In mm."`
	BedType           *string  `json:"bed_type" doc:"The slicer's name of the plate."`
	NozzleDiameter    *float64 `json:"nozzle_diameter" doc:"In mm."`
	NozzleTemperature *float64 `json:"nozzle_temperature"`
	BedTemperature    *float64 `json:"bed_temperature"`
	MaxNozzle         *float64 `json:"max_nozzle_temperature"`
	MaxBed            *float64 `json:"max_bed_temperature"`
	MaxChamber        *float64 `json:"max_chamber_temperature"`

	FilamentUsed      *float64          `json:"filament_used" doc:"In grams."`
	FilamentUsedGrams *float64          `json:"filament_used_grams" doc:"The same as filament_used."`
	FilamentDetails   *string           `json:"filament_details" doc:"The same by material."`
	PlannedGrams      *float64          `json:"planned_grams" doc:"What the sliced file says for the whole print."`
	FilamentCost      *float64          `json:"filament_cost" doc:"At the price per kilogram that is set for it, else at the one that the sliced file names."`
	FilamentCurrency  *string           `json:"filament_currency" doc:"That of filament_cost; null while none is set."`
	FilamentMetres    *float64          `json:"filament_used_m"`
	FilamentType      *string           `json:"filament_type"`
	FilamentColor     *string           `json:"filament_color"`
	Filaments         []ArchiveFilament `json:"filaments" nullable:"false"`

	Cost           *float64 `json:"cost" doc:"Filament and energy, null where they are in different currencies."`
	Currency       *string  `json:"currency" doc:"That of cost."`
	EnergyKWh      *float64 `json:"energy_kwh"`
	EnergyWh       *float64 `json:"energy_wh"`
	EnergyCost     *float64 `json:"energy_cost"`
	EnergyCurrency *string  `json:"energy_currency" doc:"That of energy_cost."`
	PeakW          *float64 `json:"peak_w"`
	AvgW           *float64 `json:"avg_w"`

	RunCount       int      `json:"run_count" doc:"Each run has a print of its own here, so it is 1."`
	LastRunAt      *Time    `json:"last_run_at"`
	SuccessfulRuns int      `json:"successful_run_count"`
	FailedRuns     int      `json:"failed_run_count"`
	ActualGrams    *float64 `json:"total_filament_actual_grams" doc:"The same as filament_used."`

	Quantity   int      `json:"quantity"`
	IsFavorite bool     `json:"is_favorite"`
	Tags       []string `json:"tags" nullable:"false"`
	Notes      *string  `json:"notes"`
	Revision   int      `json:"revision" doc:"Counts the changes by people."`
}

// ArchiveFilament is a tray that fed a print.
type ArchiveFilament struct {
	Tray       string   `json:"tray"`
	AMSID      int      `json:"ams_id"`
	Slot       int      `json:"slot"`
	Type       *string  `json:"type"`
	Brand      *string  `json:"brand"`
	FilamentID *string  `json:"filament_id"`
	Color      *string  `json:"color" doc:"RRGGBBAA."`
	Grams      *float64 `json:"grams"`
	Planned    *float64 `json:"planned_grams" doc:"What the sliced file says for the whole print."`
	Metres     *float64 `json:"metres"`
	PricePerKg *float64 `json:"price_per_kg" doc:"In filament_currency."`
}

func describeArchive(r archive.Record) Archive {
	a := Archive{
		ID: r.ID, JobID: r.Job, PrinterID: r.PrinterID, PrinterName: r.Printer, SerialNumber: r.Serial, Model: text(r.Model),
		Name: r.Title(), PrintName: r.Title(), Filename: text(r.File), Source: text(r.Source), PlateID: known(r.Plate),
		Status: r.Status(), Result: text(string(r.Outcome())), FailureReason: text(r.Reason), FailureCode: text(r.Code), Progress: known(r.Progress),
		CreatedAt: moment(r.Created), StartedAt: moment(r.Start), CompletedAt: moment(r.End), Duration: known(r.DurationSeconds), ActualTimeSeconds: known(r.DurationSeconds),
		PrintTimeSeconds: known(r.EstimateSeconds), TimeAccuracy: known(r.Accuracy()), Pauses: r.Pauses, PausedSeconds: r.PausedSeconds,
		Layer: known(r.Layer), TotalLayers: known(r.TotalLayers), NozzleDiameter: known(r.NozzleDiameter),
		NozzleTemperature: tenths(r.Target.Nozzle), BedTemperature: tenths(r.Target.Bed), MaxNozzle: tenths(r.Max.Nozzle), MaxBed: tenths(r.Max.Bed), MaxChamber: tenths(r.Max.Chamber),
		FilamentUsed: tenths(r.Grams()), FilamentUsedGrams: tenths(r.Grams()), FilamentMetres: known(r.Metres()), FilamentType: text(strings.Join(r.Materials(), ", ")), Filaments: []ArchiveFilament{},
		Cost: known(r.Cost()), Currency: text(r.Currency()), EnergyCurrency: text(r.EnergyCurrency()), EnergyKWh: known(r.Usage.EnergyKWh), EnergyCost: known(r.Usage.EnergyCost),
		PeakW: known(r.Usage.PeakWatts), AvgW: known(r.Usage.AverageWatts),
		Quantity: r.Edits.Quantity.Or(1), IsFavorite: r.Edits.Favorite, Tags: append([]string{}, r.Edits.Tags...), Notes: known(r.Edits.Notes), Revision: r.Revision,
	}
	a.FilamentDetails, a.PlannedGrams, a.FilamentCost = text(r.FilamentDetails()), known(r.Usage.PlannedGrams), known(r.FilamentCost())
	a.FilamentCurrency = text(r.FilamentCurrency())
	a.describeFile(r)
	a.describeRuns(r)
	if kwh := r.Usage.EnergyKWh; kwh.Known {
		wh := math.Round(kwh.Value * 1000)
		a.EnergyWh = &wh
	}
	var colors []string
	for _, f := range r.Filament {
		a.Filaments = append(a.Filaments, ArchiveFilament{
			Tray: f.Tray, AMSID: f.Unit, Slot: f.Slot, Type: text(f.Material), Brand: text(f.Brand), FilamentID: text(f.FilamentID),
			Color: text(f.Color), Grams: tenths(r.Used(f)), Planned: known(f.PlannedGrams), Metres: known(f.Metres), PricePerKg: known(f.PricePerKg),
		})
		if f.Color != "" {
			colors = append(colors, "#"+f.Color[:min(6, len(f.Color))])
		}
	}
	a.FilamentColor = text(strings.Join(colors, ","))
	return a
}

// describeFile adds what the sliced file says.
func (a *Archive) describeFile(r archive.Record) {
	a.FileSize, a.SlicedFor, a.Objects = known(r.FileBytes), text(r.SlicedFor), known(r.Objects)
	a.LayerHeight, a.BedType = known(r.LayerHeight), text(r.BedType)
	if r.Picture != "" {
		url := base + "/archives/" + decimal(r.ID) + "/thumbnail"
		a.ThumbnailURL = &url
	}
}

// describeRuns adds the one run that a print is.
func (a *Archive) describeRuns(r archive.Record) {
	a.RunCount, a.LastRunAt, a.ActualGrams = 1, a.StartedAt, a.FilamentUsed
	if a.LastRunAt == nil {
		a.LastRunAt = a.CreatedAt
	}
	switch r.Outcome() {
	case printer.Success:
		a.SuccessfulRuns = 1
	case printer.Failure:
		a.FailedRuns = 1
	}
}

// MoneyReport is what prints cost in one currency.
type MoneyReport struct {
	Currency     *string  `json:"currency" doc:"null where nobody said which."`
	Prints       int      `json:"prints" doc:"How many prints cost something in it."`
	FilamentCost *float64 `json:"filament_cost"`
	EnergyCost   *float64 `json:"energy_cost"`
	Cost         *float64 `json:"cost"`
}

func describeMoney(list []archive.CurrencyTotals) []MoneyReport {
	out := []MoneyReport{}
	for _, c := range list {
		out = append(out, MoneyReport{text(c.Currency), c.Prints, known(c.FilamentCost), known(c.EnergyCost), known(c.Cost())})
	}
	return out
}

// StatisticsReport are sums over prints, as they are documented.
type StatisticsReport struct {
	TotalPrints       int      `json:"total_prints"`
	SuccessfulPrints  int      `json:"successful_prints"`
	FailedPrints      int      `json:"failed_prints"`
	StoppedPrints     int      `json:"stopped_prints"`
	RunningPrints     int      `json:"running_prints"`
	SuccessRate       *float64 `json:"success_rate" doc:"Successful of all, in percent."`
	TotalPrintTime    int64    `json:"total_print_time" doc:"In seconds."`
	AveragePrintTime  *int     `json:"average_print_time" doc:"In seconds."`
	TotalFilamentUsed *float64 `json:"total_filament_used" doc:"In grams."`
	TotalCost         *float64 `json:"total_cost" doc:"null where prints cost in several currencies; see costs."`
	TotalEnergyKWh    *float64 `json:"total_energy_kwh"`
	TotalEnergyCost   *float64 `json:"total_energy_cost"`
	TotalFilamentCost *float64 `json:"total_filament_cost"`
	Currency          *string  `json:"currency" doc:"That of the costs."`
	First             *Time    `json:"first_print_at"`
	Last              *Time    `json:"last_print_at"`

	Costs []MoneyReport `json:"costs" nullable:"false" doc:"By currency."`
}

func describeStatistics(s archive.Statistics) StatisticsReport {
	return StatisticsReport{
		TotalPrints: s.Prints, SuccessfulPrints: s.Successful, FailedPrints: s.Failed, StoppedPrints: s.Stopped, RunningPrints: s.Running,
		SuccessRate: known(s.SuccessRate()), TotalPrintTime: s.Seconds, AveragePrintTime: known(s.AverageSeconds()), TotalFilamentUsed: tenths(s.Grams),
		TotalCost: known(s.Cost()), TotalEnergyKWh: known(s.EnergyKWh), TotalEnergyCost: known(s.EnergyCost),
		TotalFilamentCost: known(s.FilamentCost), Currency: text(s.Currency), Costs: describeMoney(s.ByCurrency), First: moment(s.First), Last: moment(s.Last),
	}
}

// StatsReport are sums over prints, as Bambuddy's clients know them.
type StatsReport struct {
	TotalPrints           int                `json:"total_prints"`
	SuccessfulPrints      int                `json:"successful_prints"`
	FailedPrints          int                `json:"failed_prints"`
	CancelledPrints       int                `json:"cancelled_prints"`
	TotalPrintTimeHours   float64            `json:"total_print_time_hours"`
	TotalFilamentGrams    *float64           `json:"total_filament_grams"`
	TotalCost             *float64           `json:"total_cost"`
	PrintsByFilamentType  map[string]int     `json:"prints_by_filament_type" nullable:"false"`
	PrintsByPrinter       map[string]int     `json:"prints_by_printer" nullable:"false"`
	PrinterNames          map[string]string  `json:"printer_names" nullable:"false"`
	AverageTimeAccuracy   *float64           `json:"average_time_accuracy"`
	TimeAccuracyByPrinter map[string]float64 `json:"time_accuracy_by_printer" nullable:"false"`
	TotalEnergyKWh        *float64           `json:"total_energy_kwh"`
	TotalEnergyCost       *float64           `json:"total_energy_cost"`
	TotalFilamentCost     *float64           `json:"total_filament_cost"`
	Currency              *string            `json:"currency" doc:"That of the costs."`
	Costs                 []MoneyReport      `json:"costs" nullable:"false" doc:"By currency."`
	EnergyDataWarmingUp   bool               `json:"energy_data_warming_up"`
}

func describeStats(s archive.Statistics) StatsReport {
	r := StatsReport{
		TotalPrints: s.Prints, SuccessfulPrints: s.Successful, FailedPrints: s.Failed, CancelledPrints: s.Stopped,
		TotalPrintTimeHours: math.Round(float64(s.Seconds)/36) / 100, TotalFilamentGrams: tenths(s.Grams), TotalCost: known(s.Cost()),
		PrintsByFilamentType: map[string]int{}, PrintsByPrinter: map[string]int{}, PrinterNames: map[string]string{}, TimeAccuracyByPrinter: map[string]float64{},
		AverageTimeAccuracy: known(s.Accuracy()), TotalEnergyKWh: known(s.EnergyKWh), TotalEnergyCost: known(s.EnergyCost),
		TotalFilamentCost: known(s.FilamentCost), Currency: text(s.Currency), Costs: describeMoney(s.ByCurrency),
	}
	for _, m := range s.ByMaterial {
		name := m.Material
		if name == "" {
			name = "Unknown"
		}
		r.PrintsByFilamentType[name] = m.Prints
	}
	for _, p := range s.ByPrinter {
		id := decimal(p.PrinterID)
		r.PrintsByPrinter[id], r.PrinterNames[id] = p.Prints, p.Name
		if accuracy := p.Accuracy(); accuracy.Known {
			r.TimeAccuracyByPrinter[id] = accuracy.Value
		}
	}
	return r
}
