package bambu

import (
	"time"

	"github.com/printwire/printwire/printer"
)

const (
	// defaultGrace is how long a FAILED without an explanation waits for one.
	defaultGrace = 8 * time.Second
	// askedTime is how long an acknowledged stop or pause explains what follows.
	askedTime = 30 * time.Second
	// maxName is the longest name that is remembered, in bytes.
	maxName = 512
)

// life is what is remembered about the present or last print. It is a value:
// a step makes a new one, and it is stored, so that a restart at any moment
// goes on from here.
type life struct {
	// Wire is the gcode_state that was acted upon last, "" for none so far.
	Wire     string           `json:"wire,omitempty"`
	Activity printer.Activity `json:"activity,omitempty"`
	// Job is that of the State that is stored with the life, and not stored twice.
	Job printer.Job `json:"-"`
	// Task and Name identify the printer's job: Task when the printer mints
	// such ids, else Name.
	Task string `json:"task,omitempty"`
	Name string `json:"name,omitempty"`
	// Armed: the job has been RUNNING, so that its progress counts.
	Armed bool `json:"armed,omitempty"`
	// OldPercent and OldLayer are values that the job before left behind; they
	// do not count until they change. 0 is none.
	OldPercent int `json:"old_percent,omitempty"`
	OldLayer   int `json:"old_layer,omitempty"`
	// Old are the codes that stood when the job began; they explain nothing.
	Old codes `json:"old"`
	// OldHMS are the entries of hms that stood then.
	OldHMS []hmsEntry `json:"old_hms,omitempty"`
	// Last are the codes of the last report, LastPercent and LastLayer its
	// progress, which the next job may find left behind.
	Last        codes `json:"last"`
	LastPercent int   `json:"last_percent,omitempty"`
	LastLayer   int   `json:"last_layer,omitempty"`
	// Error is the last error of this job that was not a cancel code.
	Error uint32 `json:"error,omitempty"`
	// PauseRank is how sure the reason of the pause is.
	PauseRank int `json:"pause_rank,omitempty"`
	// FailedAt is when FAILED came, Grace until when it may be explained; zero
	// when no end is being held back.
	FailedAt time.Time `json:"failed_at,omitzero"`
	Grace    time.Time `json:"grace,omitzero"`
	// StopAsked and PauseAsked are until when an acknowledged stop or pause,
	// or a cancel code that came early, explains what follows.
	StopAsked  time.Time `json:"stop_asked,omitzero"`
	PauseAsked time.Time `json:"pause_asked,omitzero"`
}

// lifecycle is what a life needs from outside to go on.
type lifecycle struct {
	grace time.Duration
	newID func() string
	// errorFault and hmsFault name codes.
	errorFault func(code uint32) printer.Fault
	hmsFault   func(e hmsEntry) printer.Fault
}

// cue tells under which circumstances facts came.
type cue struct {
	// Start: these are the first facts since the program began.
	Start bool
	// Gap: reports may have been missed since the last step.
	Gap bool
}

// known: something is remembered, so that a difference to it is an event.
func (l life) known() bool { return l.Wire != "" || l.Job.ID != "" }

// ongoing: a job is under way, or its end is being held back.
func (l life) ongoing() bool { return l.Job.ID != "" && !l.Job.Over() }

// held: a FAILED waits for its explanation.
func (l life) held() bool { return !l.Grace.IsZero() }

// activityOf is what a gcode_state means; false for those that mean nothing.
func activityOf(state string) (printer.Activity, bool) {
	switch state {
	case "PREPARE", "SLICING":
		return printer.Preparing, true
	case "RUNNING":
		return printer.Printing, true
	case "PAUSE":
		return printer.Paused, true
	case "FINISH":
		return printer.Finished, true
	case "FAILED":
		return printer.Failed, true
	case "IDLE":
		return printer.Idle, true
	default:
		return printer.Unknown, false
	}
}

// step goes on by one report. When more is true, the same facts have to be
// stepped again: an end was told, and what came after it has not been yet.
func (r lifecycle) step(l life, f facts, c cue, now time.Time) (next life, more bool) {
	want, ok := activityOf(f.State)
	if !ok {
		return l, false
	}
	defer func() {
		next.Last = codesOf(f)
		if !more { // else these are the next job's
			next.LastPercent, next.LastLayer = max(f.Percent, 0), max(f.Layer, 0)
		}
	}()
	if l.held() {
		return r.explain(l, f, want, now)
	}
	wire := l.Wire
	l.Wire = f.State
	switch {
	case l.ongoing() && other(l, f, want, c):
		l = r.begin(l, f, want, c, now)
		return r.goOn(l, f, want, c, now), false
	case l.ongoing():
		return r.goOn(l, f, want, c, now), false
	case want.Active():
		l = r.begin(l, f, want, c, now)
		return r.goOn(l, f, want, c, now), false
	case wire != f.State:
		return r.rest(l, f, want), false
	default:
		return l, false
	}
}

// tick goes on without a report, by the facts of the last one: a held end
// whose time is over is a failure.
func (r lifecycle) tick(l life, f facts, now time.Time) life {
	if l.held() && !now.Before(l.Grace) {
		return r.fail(l, f)
	}
	return l
}

// asked goes on after somebody's stop or pause was acknowledged.
func (r lifecycle) asked(l life, command string, f facts, now time.Time) life {
	switch {
	case !l.ongoing():
	case command == "stop" && l.held():
		return stop(l, f, l.FailedAt)
	case command == "stop":
		l.StopAsked = now.Add(askedTime)
	case command == "pause":
		l.PauseAsked = now.Add(askedTime)
	}
	return l
}

// revive goes on with a stored life. An end that was held back when the
// program ended gets the time it needs to see the printer once more.
func (r lifecycle) revive(l life, now time.Time) life {
	if l.held() && l.Grace.Before(now.Add(r.grace)) {
		l.Grace = now.Add(r.grace)
	}
	return l
}

// explain goes on while a FAILED is held back.
func (r lifecycle) explain(l life, f facts, want printer.Activity, now time.Time) (life, bool) {
	l = r.notice(l, f, now)
	switch {
	case cancelled(l, f, now):
		return stop(l, f, l.FailedAt), want.Active()
	case want.Active():
		return r.fail(l, f), true
	case !now.Before(l.Grace):
		return r.fail(l, f), false
	default:
		return l, false
	}
}

// other tells whether the facts are about another job than the ongoing one.
func other(l life, f facts, want printer.Activity, c cue) bool {
	if want == printer.Idle || !want.Active() && !c.Gap {
		return false // the end of this job, whatever the printer shows by then
	}
	if l.Task != "" && f.TaskID != "" {
		return l.Task != f.TaskID && (l.Armed || c.Gap)
	}
	if l.Name != "" && f.Name != "" && l.Name != clip(f.Name) {
		return l.Armed || c.Gap
	}
	return c.Gap && l.Armed && (want == printer.Preparing || want.Active() && fellBack(l, f))
}

// fellBack: the progress is behind what it was, so it is that of another job.
func fellBack(l life, f facts) bool {
	return f.Percent >= 0 && f.Percent+2 < l.Job.Progress.Or(0) ||
		f.Layer > 0 && f.Layer < l.Job.Layer.Or(0)
}

// begin makes the next job. An ongoing one is left unfinished: the difference
// of the two states tells its end.
func (r lifecycle) begin(l life, f facts, want printer.Activity, c cue, now time.Time) life {
	next := life{Wire: l.Wire, Activity: l.Activity, Task: f.TaskID, Name: clip(f.Name), Last: l.Last}
	next.LastPercent, next.LastLayer = l.LastPercent, l.LastLayer
	next.Job.ID = r.newID()
	next.Job.Attached = !l.known() || c.Start && !l.ongoing() && want != printer.Preparing
	next.OldHMS = f.HMS[:min(len(f.HMS), maxFaults)]
	if next.Job.Attached {
		next.Old = codesOf(f)
	} else {
		next.Job.StartedAt = now
		next.Old = codesOf(f).and(l.Last)
	}
	if next.Job.Attached && want.Active() && want != printer.Preparing {
		next.Armed = true
	}
	return next
}

// goOn takes the facts into the ongoing job.
func (r lifecycle) goOn(l life, f facts, want printer.Activity, c cue, now time.Time) life {
	l = r.notice(l, f, now)
	l.Armed = l.Armed || c.Gap && !want.Active() && want != printer.Idle
	switch want {
	case printer.Finished:
		return end(values(l, f), printer.Success, "", "", now, printer.Finished)
	case printer.Failed:
		l = values(l, f)
		if cancelled(l, f, now) {
			return stop(l, f, now)
		}
		if l.Activity == "" || !l.Activity.Active() {
			l.Activity = printer.Printing
		}
		l.FailedAt, l.Grace = now, now.Add(r.grace)
		return l
	case printer.Idle:
		if c.Gap && !cancelled(l, f, now) {
			return end(l, printer.Failure, reasonUnknown, "", now, printer.Idle)
		}
		return stop(l, f, now)
	}
	return r.advance(l, f, want, c, now)
}

// advance goes on within an active job.
func (r lifecycle) advance(l life, f facts, want printer.Activity, c cue, now time.Time) life {
	l = identify(l, f)
	paused := l.Activity == printer.Paused
	if want == printer.Printing && !l.Armed {
		l.Armed = true
		layer := 1
		if c.Gap { // any number may have been printed in it
			layer = f.Layer
		}
		l.OldPercent, l.OldLayer = leftBehind(f.Percent, l.LastPercent, 99), leftBehind(f.Layer, l.LastLayer, layer)
	}
	l = values(l, f)
	l.Activity = want
	switch {
	case want != printer.Paused:
		l.Job.PauseReason, l.Job.PauseCode, l.Job.PauseKind, l.PauseRank = "", "", "", 0
		if paused {
			l.Error, l.PauseAsked = 0, time.Time{}
		}
	case !paused:
		l.Job.Pauses++
		fallthrough
	default:
		l = r.pause(l, f, now)
	}
	return l
}

// identify fills in what the printer tells about its job only after a while.
func identify(l life, f facts) life {
	if f.TaskID != "" && (l.Task == "" || !l.Armed) {
		l.Task = f.TaskID
	}
	if f.Name != "" && (l.Name == "" || !l.Armed) {
		l.Name = clip(f.Name)
	}
	if f.Name != "" {
		l.Job.Name = clip(f.Name)
	}
	if f.File != "" {
		l.Job.File = clip(f.File)
	}
	return l
}

// leftBehind is v where it is not the new job's value, as far as can be told:
// it is over the limit, or has not changed since the job was not running.
func leftBehind(v, last, limit int) int {
	if v > limit || v == last {
		return max(v, 0)
	}
	return 0
}

// values takes progress, layers and the time left. The last non-zero values
// stay: printers reset them when a job is stopped, before they say so.
func values(l life, f facts) life {
	j := &l.Job
	if !l.Armed {
		j.Progress = printer.Some(0)
		return l
	}
	if f.Percent != l.OldPercent {
		l.OldPercent = 0
	}
	if f.Layer != l.OldLayer {
		l.OldLayer = 0
	}
	switch {
	case f.Percent > 0 && l.OldPercent == 0:
		j.Progress = printer.Some(min(f.Percent, 100))
	case f.Percent >= 0 && !j.Progress.Known:
		j.Progress = printer.Some(0)
	}
	switch {
	case f.Layer > 0 && l.OldLayer == 0:
		j.Layer = printer.Some(f.Layer)
	case f.Layer >= 0 && !j.Layer.Known:
		j.Layer = printer.Some(0)
	}
	if f.TotalLayers > 0 {
		j.TotalLayers = printer.Some(f.TotalLayers)
	}
	switch {
	case f.RemainingMinutes > 0 || f.RemainingMinutes == 0 && j.Progress.Or(0) >= 98:
		j.RemainingSeconds = printer.Some(f.RemainingMinutes * 60)
	case f.RemainingMinutes == 0:
		j.RemainingSeconds = printer.Opt[int]{} // not estimated yet, or reset by a stop
	}
	return l
}

func clip(s string) string {
	if len(s) > maxName {
		return s[:maxName]
	}
	return s
}
