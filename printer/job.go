package printer

import (
	"slices"
	"time"
)

// Result is how a job ended; empty while it is under way.
type Result string

// The results.
const (
	Success     Result = "success"
	Failure     Result = "failed"
	Interrupted Result = "stopped"
)

// Job is one attempt to print.
type Job struct {
	// ID is ours (a ULID), because a printer's own ids may all be zero; "" when no job is known.
	ID string
	// PrinterJob is the printer's own id of the job, or "".
	PrinterJob string
	// Name is what the printer calls the job, File what it says that it reads;
	// see FileName.
	Name, File string
	// Source is where it was started: "local", "cloud", "system", or "".
	Source string
	// Attached: it was already running when the bridge first saw it.
	Attached bool
	// StartedAt and EndedAt are zero when unknown or not yet.
	StartedAt, EndedAt time.Time
	Result             Result
	// Reason and Code tell why it failed or was stopped; Code is the maker's notation.
	Reason, Code string
	// PauseReason and PauseCode tell why it stands still now.
	PauseReason, PauseCode string
	// PauseKind is "user", "runout", "fault", "gcode", or "" while it does not stand still.
	PauseKind string
	Pauses    int

	Progress         Opt[int]
	RemainingSeconds Opt[int]
	Layer            Opt[int]
	TotalLayers      Opt[int]
	// Plate is the number of the plate, counted from 1.
	Plate Opt[int]
	// SkippedObjects are the ids of objects that are left out.
	SkippedObjects []int
	// Plan is what the job's file says.
	Plan Plan

	// PeakProgress, PeakLayer and LeastMinutes are the high-water marks of this
	// job: a milestone at or below them has been told. Carry keeps them.
	PeakProgress, PeakLayer int
	LeastMinutes            Opt[int]
	// Tray is the tray that last fed this job; kept by Carry.
	Tray Opt[TrayRef]
	// BedHot: the bed was at 40 °C or more in this job. BedCooled: it fell
	// below that after the job. Both kept by Carry.
	BedHot, BedCooled bool
}

// Equal tells whether two jobs are the same in every field.
func (j Job) Equal(o Job) bool {
	return j.ID == o.ID && j.PrinterJob == o.PrinterJob && j.Name == o.Name && j.File == o.File &&
		j.Source == o.Source && j.Attached == o.Attached && j.StartedAt.Equal(o.StartedAt) &&
		j.EndedAt.Equal(o.EndedAt) && j.Result == o.Result && j.Reason == o.Reason && j.Code == o.Code &&
		j.PauseReason == o.PauseReason && j.PauseCode == o.PauseCode && j.PauseKind == o.PauseKind && j.Pauses == o.Pauses &&
		j.Progress == o.Progress && j.RemainingSeconds == o.RemainingSeconds && j.Layer == o.Layer &&
		j.TotalLayers == o.TotalLayers && j.Plate == o.Plate &&
		slices.Equal(j.SkippedObjects, o.SkippedObjects) && j.Plan.Equal(o.Plan) && j.PeakProgress == o.PeakProgress &&
		j.PeakLayer == o.PeakLayer && j.LeastMinutes == o.LeastMinutes &&
		j.Tray == o.Tray && j.BedHot == o.BedHot && j.BedCooled == o.BedCooled
}

// Over tells whether the job has ended.
func (j Job) Over() bool { return j.Result != "" }

// Duration is from start to end, 0 when either is unknown.
func (j Job) Duration() time.Duration {
	if j.StartedAt.IsZero() || j.EndedAt.IsZero() {
		return 0
	}
	return j.EndedAt.Sub(j.StartedAt)
}

// CoolBed is the bed's temperature below which parts come off, in °C.
const CoolBed = 40

// Carry completes next with what only the sequence of states knows: the
// high-water marks of the job, its last tray, whether its bed has cooled. The
// session calls it before Diff.
func Carry(prev, next State) State {
	next.Carry(&prev)
	return next
}

// Carry is the function of that name without copies.
func (s *State) Carry(prev *State) {
	j := &s.Job
	if j.ID == "" {
		return
	}
	if j.ID == prev.Job.ID {
		j.PeakProgress = max(j.PeakProgress, prev.Job.PeakProgress)
		j.PeakLayer = max(j.PeakLayer, prev.Job.PeakLayer)
		j.LeastMinutes, j.Tray = prev.Job.LeastMinutes, prev.Job.Tray
		j.BedHot, j.BedCooled = prev.Job.BedHot, prev.Job.BedCooled
	}
	j.PeakProgress = max(j.PeakProgress, j.Progress.Or(0))
	j.PeakLayer = max(j.PeakLayer, j.Layer.Or(0))
	if j.RemainingSeconds.Known && s.Activity == Printing {
		m := (j.RemainingSeconds.Value + 59) / 60
		j.LeastMinutes = Some(min(m, j.LeastMinutes.Or(m)))
	}
	if s.ActiveTray.Known && s.Activity.Active() {
		j.Tray = s.ActiveTray
	}
	if bed := s.Bed.Temperature; bed.Known {
		j.BedHot = j.BedHot || bed.Value >= CoolBed
		j.BedCooled = j.BedCooled || j.Over() && j.BedHot && bed.Value < CoolBed
	}
}
