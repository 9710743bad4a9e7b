package printer

import "time"

// Event is one thing that happened to a printer. Names and fields are those of
// the journal's table.
type Event struct {
	Name string
	// Job is the id of the job it is about, or "".
	Job    string
	Detail Detail
}

// Detail is the data of an event. Unknown fields are left out of its JSON.
type Detail struct {
	JobName     string `json:"job_name,omitempty"`
	FileName    string `json:"file_name,omitempty"`
	Progress    *int   `json:"progress,omitempty"`
	Layer       *int   `json:"layer,omitempty"`
	TotalLayers *int   `json:"total_layers,omitempty"`
	// StartedAt is when the job began, to the second as all times of events; RemainingSeconds what the printer thinks
	// is left of it; EstimateSeconds how long the slicer thinks the whole of it takes.
	StartedAt        *time.Time `json:"started_at,omitempty"`
	RemainingSeconds *int       `json:"remaining_seconds,omitempty"`
	EstimateSeconds  *int       `json:"estimate_seconds,omitempty"`
	// FilamentUsed and FilamentDetails are those of Job, as they were then.
	FilamentUsed    *float64 `json:"filament_used,omitempty"`
	FilamentDetails string   `json:"filament_details,omitempty"`
	// FilamentTrays is TrayDetails of Job, as it was then.
	FilamentTrays string `json:"filament_trays,omitempty"`
	// DurationSeconds is from the job's start to its end.
	DurationSeconds *int   `json:"duration_seconds,omitempty"`
	Result          Result `json:"result,omitempty"`
	Reason          string `json:"reason,omitempty"`
	Code            string `json:"code,omitempty"`
	// Milestone is the value that was crossed, MilestoneKind "percent", "layer" or "minutes_left".
	Milestone     *int     `json:"milestone,omitempty"`
	MilestoneKind string   `json:"milestone_kind,omitempty"`
	Severity      Severity `json:"severity,omitempty"`
	URL           string   `json:"url,omitempty"`
	Tray          string   `json:"tray,omitempty"`
	PreviousTray  string   `json:"previous_tray,omitempty"`
	Material      string   `json:"material,omitempty"`
	Color         string   `json:"color,omitempty"`
	Unit          *int     `json:"unit,omitempty"`
	Temperature   *float64 `json:"temperature,omitempty"`
	Version       string   `json:"version,omitempty"`
	Installed     string   `json:"installed,omitempty"`
}

// Marks are the milestones that anyone wants to hear of: percent 1–100, every
// N layers for each N, minutes left. Each is told once per job.
type Marks struct {
	Percent     []int
	EveryLayers []int
	MinutesLeft []int
}

// DefaultMarks are 25, 50 and 75 percent.
func DefaultMarks() Marks { return Marks{Percent: []int{25, 50, 75}} }

func ref[T any](v T) *T { return &v }

func known[T comparable](o Opt[T]) *T {
	if !o.Known {
		return nil
	}
	return &o.Value
}

// about is the detail that every event about a job starts from.
func about(j *Job) Detail {
	d := Detail{
		JobName: j.Name, FileName: j.FileName(), Progress: known(j.Progress),
		Layer: known(j.Layer), TotalLayers: known(j.TotalLayers),
		RemainingSeconds: known(j.RemainingSeconds), EstimateSeconds: known(j.Plan.Seconds),
		FilamentUsed: known(j.FilamentUsed()), FilamentDetails: j.FilamentDetails(), FilamentTrays: j.TrayDetails(),
	}
	if !j.StartedAt.IsZero() {
		d.StartedAt = ref(j.StartedAt.UTC().Truncate(time.Second))
	}
	return d
}

// ending is the detail of a job's end.
func ending(j *Job) Detail {
	d := about(j)
	d.Result, d.Reason, d.Code = j.Result, j.Reason, j.Code
	if t := j.Duration(); t > 0 {
		d.DurationSeconds = ref(int(t.Seconds()))
	}
	return d
}
