package archive

import (
	"math"
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// Record is what is kept of one job. Its JSON is how it is stored.
type Record struct {
	// ID is the record's number: it rises and is never given twice.
	ID int `json:"id"`
	// Job is the job's id, a ULID.
	Job       string `json:"job"`
	PrinterID int    `json:"printer_id"`
	Serial    string `json:"serial"`
	// Printer is the printer's name when the job was last heard of.
	Printer string `json:"printer"`
	// Model is the printer's short model name, "" when unknown.
	Model string `json:"model,omitempty"`
	Name  string `json:"name,omitempty"`
	File  string `json:"file,omitempty"`
	// Source is where it was started: "local", "cloud", "system", or "".
	Source string `json:"source,omitempty"`
	// Plate is the number of the plate, counted from 1.
	Plate printer.Opt[int] `json:"plate,omitzero"`
	// Attached: it was already running when the bridge first saw it.
	Attached bool `json:"attached,omitempty"`

	// Created is when the job was first heard of; lists are in its order.
	Created time.Time `json:"created,omitzero"`
	// Updated is when an event or a value of the job was last heard.
	Updated time.Time `json:"updated,omitzero"`
	// Start and End are zero when they were not seen, or not yet.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// DurationSeconds is from start to end, as the printer or the clock told.
	DurationSeconds printer.Opt[int] `json:"duration_seconds,omitzero"`
	// EstimateSeconds is what the printer expected when the job began.
	EstimateSeconds printer.Opt[int] `json:"estimate_seconds,omitzero"`

	// Result is "" while the job is under way. It is what the printer did; see
	// Outcome for what people made of it.
	Result printer.Result `json:"result,omitempty"`
	Reason string         `json:"reason,omitempty"`
	Code   string         `json:"code,omitempty"`
	// Progress is in %, as last told: at the end, that of the end.
	Progress    printer.Opt[int] `json:"progress,omitzero"`
	Layer       printer.Opt[int] `json:"layer,omitzero"`
	TotalLayers printer.Opt[int] `json:"total_layers,omitzero"`

	// Pauses is how often it stood still, PausedSeconds for how long together,
	// PausedAt since when, zero while it does not.
	Pauses        int       `json:"pauses,omitempty"`
	PausedSeconds int       `json:"paused_seconds,omitempty"`
	PausedAt      time.Time `json:"paused_at,omitzero"`

	// Max are the highest temperatures that were measured, Target the highest that were asked for.
	Max    Temperatures `json:"max,omitzero"`
	Target Temperatures `json:"target,omitzero"`
	// NozzleDiameter and LayerHeight are in mm.
	NozzleDiameter printer.Opt[float64] `json:"nozzle_diameter,omitzero"`
	LayerHeight    printer.Opt[float64] `json:"layer_height,omitzero"`
	// BedType is the slicer's name of the plate, SlicedFor that of the printer, or "".
	BedType   string `json:"bed_type,omitempty"`
	SlicedFor string `json:"sliced_for,omitempty"`
	// FileBytes is the length of the sliced file, Objects what its plate holds.
	FileBytes printer.Opt[int] `json:"file_bytes,omitzero"`
	Objects   printer.Opt[int] `json:"objects,omitzero"`
	// Filament is by tray, in the order of first use.
	Filament []Filament `json:"filament,omitempty"`
	// Picture names the picture of the plate; see printer.Plan.
	Picture string `json:"picture,omitempty"`

	// Usage is what meters and files tell; unknown until Fill.
	Usage Usage `json:"usage,omitzero"`
	// Edits is what people wrote; Revision counts their changes, History has
	// what stood before the last of them, newest first.
	Edits    Edits      `json:"edits,omitzero"`
	Revision int        `json:"revision,omitempty"`
	History  []Revision `json:"history,omitempty"`
}

// Temperatures are of a printer's heated parts, in °C. Nozzle is the right or only one.
type Temperatures struct {
	Nozzle     printer.Opt[float64] `json:"nozzle,omitzero"`
	NozzleLeft printer.Opt[float64] `json:"nozzle_left,omitzero"`
	Bed        printer.Opt[float64] `json:"bed,omitzero"`
	Chamber    printer.Opt[float64] `json:"chamber,omitzero"`
}

// Filament is one tray that fed a job, as it was when it last did.
type Filament struct {
	// Tray is the tray's name ("ams_0_tray_1", "external"); Unit and Slot are
	// its wire id and its slot from 0.
	Tray string `json:"tray"`
	Unit int    `json:"unit"`
	Slot int    `json:"slot"`
	// Material is "PLA", "PETG" …; Brand the product ("PLA Basic"); FilamentID the maker's id.
	Material   string `json:"material,omitempty"`
	Brand      string `json:"brand,omitempty"`
	FilamentID string `json:"filament_id,omitempty"`
	// Color is RRGGBBAA in upper case, or "".
	Color string `json:"color,omitempty"`
	// RemainingStart and RemainingEnd are what the spool had left, in %.
	RemainingStart printer.Opt[int] `json:"remaining_start,omitzero"`
	RemainingEnd   printer.Opt[int] `json:"remaining_end,omitzero"`
	// Grams and Metres are what the job took from it; unknown until Fill.
	Grams  printer.Opt[float64] `json:"grams,omitzero"`
	Metres printer.Opt[float64] `json:"metres,omitzero"`
	// PlannedGrams and PlannedMetres are for the whole job, as sliced.
	PlannedGrams  printer.Opt[float64] `json:"planned_grams,omitzero"`
	PlannedMetres printer.Opt[float64] `json:"planned_metres,omitzero"`
	// PricePerKg is what it cost at the time of the job, in Usage's
	// FilamentCurrency; SlicedPricePerKg what the sliced file says.
	PricePerKg       printer.Opt[float64] `json:"price_per_kg,omitzero"`
	SlicedPricePerKg printer.Opt[float64] `json:"sliced_price_per_kg,omitzero"`
}

// Usage is what a job took. Each field is unknown until a meter, a file or a
// price tells it.
type Usage struct {
	// Grams and Metres of filament, as measured.
	Grams  printer.Opt[float64] `json:"grams,omitzero"`
	Metres printer.Opt[float64] `json:"metres,omitzero"`
	// PlannedGrams and PlannedMetres are for the whole job, as sliced.
	PlannedGrams  printer.Opt[float64] `json:"planned_grams,omitzero"`
	PlannedMetres printer.Opt[float64] `json:"planned_metres,omitzero"`
	// FilamentCost is in FilamentCurrency, EnergyCost in Currency; "" is that
	// nobody said. FilamentCost is told by a meter; see Record.FilamentCost.
	FilamentCost     printer.Opt[float64] `json:"filament_cost,omitzero"`
	FilamentCurrency string               `json:"filament_currency,omitempty"`
	EnergyCost       printer.Opt[float64] `json:"energy_cost,omitzero"`
	Currency         string               `json:"currency,omitempty"`
	EnergyKWh        printer.Opt[float64] `json:"energy_kwh,omitzero"`
	PeakWatts        printer.Opt[float64] `json:"peak_watts,omitzero"`
	AverageWatts     printer.Opt[float64] `json:"average_watts,omitzero"`
	// EnergyEstimated: the energy comes from a model, not from a meter.
	EnergyEstimated bool `json:"energy_estimated,omitempty"`
}

// Edits is what people wrote on a record. Unknown fields were never written.
type Edits struct {
	Name  printer.Opt[string] `json:"name,omitzero"`
	Notes printer.Opt[string] `json:"notes,omitzero"`
	// Tags are as written, each once.
	Tags []string `json:"tags,omitempty"`
	// Status is a row of Statuses that ends a job.
	Status   printer.Opt[string]  `json:"status,omitzero"`
	Grams    printer.Opt[float64] `json:"grams,omitzero"`
	Quantity printer.Opt[int]     `json:"quantity,omitzero"`
	Favorite bool                 `json:"favorite,omitempty"`
}

// Revision is what stood before a change by a person.
type Revision struct {
	At time.Time `json:"at"`
	// By says who changed it, as the audit names them.
	By    string `json:"by,omitempty"`
	Edits Edits  `json:"edits,omitzero"`
}

// Running tells whether the job is under way, as far as is known.
func (r Record) Running() bool { return r.Result == "" }

// Title is what people call the job: the name they gave it, the printer's, or the file's.
func (r Record) Title() string {
	switch {
	case r.Edits.Name.Or("") != "":
		return r.Edits.Name.Value
	case r.Name != "":
		return r.Name
	default:
		return r.File
	}
}

// Grams is the filament that the job took: what a person wrote, what was
// measured, or the plan scaled by how far the job came, to one decimal.
func (r Record) Grams() printer.Opt[float64] {
	switch {
	case r.Edits.Grams.Known:
		return r.Edits.Grams
	case r.Usage.Grams.Known:
		return r.Usage.Grams
	case r.Usage.PlannedGrams.Known:
		return printer.Some(math.Round(r.Usage.PlannedGrams.Value*r.scale()*10) / 10)
	default:
		return printer.Opt[float64]{}
	}
}

// Metres is the length of filament that the job took: measured, or planned and scaled.
func (r Record) Metres() printer.Opt[float64] {
	if r.Usage.Metres.Known || !r.Usage.PlannedMetres.Known {
		return r.Usage.Metres
	}
	return printer.Some(math.Round(r.Usage.PlannedMetres.Value*r.scale()*100) / 100)
}

// scale is how much of the plan was carried out, 0 to 1.
func (r Record) scale() float64 {
	if r.Outcome() == printer.Success {
		return 1
	}
	return min(max(float64(r.Progress.Or(0))/100, 0), 1)
}

// Accuracy is the estimate in % of the true duration: over 100 it was faster
// than expected. It is known for jobs that ended well.
func (r Record) Accuracy() printer.Opt[float64] {
	if r.Result != printer.Success || !r.EstimateSeconds.Known || r.DurationSeconds.Or(0) <= 0 {
		return printer.Opt[float64]{}
	}
	return printer.Some(math.Round(float64(r.EstimateSeconds.Value)/float64(r.DurationSeconds.Value)*1000) / 10)
}

// Materials are the kinds of filament that were used, each once, in the order of first use.
func (r Record) Materials() []string {
	var list []string
	for _, f := range r.Filament {
		if f.Material != "" && !slices.Contains(list, f.Material) {
			list = append(list, f.Material)
		}
	}
	return list
}

// filament finds a tray's entry, and makes it when there is none. The slice is new.
func (r *Record) filament(tray string) *Filament {
	r.Filament = slices.Clone(r.Filament)
	i := slices.IndexFunc(r.Filament, func(f Filament) bool { return f.Tray == tray })
	if i < 0 {
		i = len(r.Filament)
		r.Filament = append(r.Filament, Filament{Tray: tray})
	}
	return &r.Filament[i]
}
