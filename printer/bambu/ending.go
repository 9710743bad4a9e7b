package bambu

import (
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// The codes that tell a cancelled print.
const (
	cancelCode      = 0x0300400C
	cancelCodeBoard = 0x0500400E
)

// Words for Job.Reason that are no fault's text.
const (
	reasonUnknown = "unknown"
	reasonUser    = "user"
)

// cancelEcho is the entry of hms by which some printers repeat a cancel.
func cancelEcho(e hmsEntry) bool {
	return e == hmsEntry{Attr: 0x0C000100, Code: 0x0002001B} ||
		e.Attr == cancelCode || e.Attr == cancelCodeBoard
}

func isCancel(code uint32) bool { return code == cancelCode || code == cancelCodeBoard }

// isPhase: such a code tells what the printer is about, not that it is wrong.
func isPhase(code uint32) bool { return code&0xFFFF < 0x4000 }

// isPrompt: such a code only asks the person at the printer something.
func isPrompt(code uint32) bool { return code&0xF000 >= 0xC000 }

// codes are the fields in which a code may stand.
type codes struct {
	PrintError uint32 `json:"print_error,omitempty"`
	FailReason uint32 `json:"fail_reason,omitempty"`
	Err        uint32 `json:"err,omitempty"`
	// Echo: hms repeats a cancel.
	Echo bool `json:"echo,omitempty"`
}

func codesOf(f facts) codes {
	return codes{f.PrintError, f.FailReason, f.Err, slices.ContainsFunc(f.HMS, cancelEcho)}
}

// and keeps what is the same in both.
func (c codes) and(o codes) codes {
	if c.PrintError != o.PrintError {
		c.PrintError = 0
	}
	if c.FailReason != o.FailReason {
		c.FailReason = 0
	}
	if c.Err != o.Err {
		c.Err = 0
	}
	c.Echo = c.Echo && o.Echo
	return c
}

// without leaves out what is the same in both.
func (c codes) without(o codes) codes {
	if c.PrintError == o.PrintError {
		c.PrintError = 0
	}
	if c.FailReason == o.FailReason {
		c.FailReason = 0
	}
	if c.Err == o.Err {
		c.Err = 0
	}
	c.Echo = c.Echo && !o.Echo
	return c
}

func (c codes) cancel() bool {
	return isCancel(c.PrintError) || isCancel(c.FailReason) || isCancel(c.Err) || c.Echo
}

// notice remembers what the codes of a report say about the job: an old code
// that has gone may come again as a new one, a cancel code may come before the
// state, and an error may be gone by the time the job has failed.
func (r lifecycle) notice(l life, f facts, now time.Time) life {
	all := codesOf(f)
	l.Old = l.Old.and(all)
	if gone := func(e hmsEntry) bool { return !slices.Contains(f.HMS, e) }; slices.ContainsFunc(l.OldHMS, gone) {
		l.OldHMS = slices.DeleteFunc(slices.Clone(l.OldHMS), gone)
	}
	news := all.without(l.Old)
	if news.cancel() && !l.Last.without(l.Old).cancel() {
		l.StopAsked = now.Add(askedTime)
	}
	if e := news.PrintError; e != 0 && !isCancel(e) && !isPhase(e) && !isPrompt(e) {
		l.Error = e
	}
	return l
}

// cancelled: what the job's end is explained by is a person.
func cancelled(l life, f facts, now time.Time) bool {
	return codesOf(f).without(l.Old).cancel() || !l.StopAsked.IsZero() && !now.After(l.StopAsked)
}

// end closes the job.
func end(l life, result printer.Result, reason, code string, at time.Time, a printer.Activity) life {
	j := &l.Job
	j.Result, j.Reason, j.Code, j.EndedAt = result, reason, code, at
	j.PauseReason, j.PauseCode, j.PauseKind = "", "", ""
	j.RemainingSeconds = printer.Opt[int]{}
	if result == printer.Success {
		j.Progress, j.RemainingSeconds = printer.Some(100), printer.Some(0)
	}
	l.Activity = a
	l.FailedAt, l.Grace, l.StopAsked, l.PauseAsked = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	l.OldHMS, l.Error, l.PauseRank = nil, 0, 0
	return l
}

func stop(l life, f facts, at time.Time) life {
	code := ""
	for _, c := range []uint32{f.PrintError, f.FailReason, f.Err} {
		if isCancel(c) {
			code = codeText(c)
			break
		}
	}
	return end(l, printer.Interrupted, reasonUser, code, at, printer.Stopped)
}

// fail closes the job as failed, by the best reason that is known.
func (r lifecycle) fail(l life, f facts) life {
	news := codesOf(f).without(l.Old)
	var why printer.Fault
	switch e := firstCode(l.Error, news.PrintError, news.FailReason, news.Err); {
	case e != 0:
		why = r.errorFault(e)
	default:
		why = r.newFault(l, f)
	}
	reason := why.Text
	if reason == "" {
		reason = why.Code
	}
	if reason == "" {
		reason = reasonUnknown
	}
	return end(l, printer.Failure, reason, why.Code, l.FailedAt, printer.Failed)
}

// newFault is the worst grave entry of hms that came within this job.
func (r lifecycle) newFault(l life, f facts) printer.Fault {
	var worst printer.Fault
	for _, e := range f.HMS {
		if cancelEcho(e) || isRefusal(e) || slices.Contains(l.OldHMS, e) {
			continue
		}
		switch fault := r.hmsFault(e); {
		case fault.Severity != printer.Fatal && fault.Severity != printer.Serious:
		case worst.Code == "" || severityRank(fault.Severity) < severityRank(worst.Severity):
			worst = fault
		}
	}
	return worst
}

func firstCode(list ...uint32) uint32 {
	for _, c := range list {
		if c != 0 && !isCancel(c) && !isPhase(c) {
			return c
		}
	}
	return 0
}

// rest takes a state without a job under way. A job that nobody saw is shown,
// but is no event: it is attached, and over.
func (r lifecycle) rest(l life, f facts, want printer.Activity) life {
	l.Activity = want
	if want == printer.Idle {
		return l
	}
	same := l.Job.ID != "" && (f.Name == "" || l.Name == clip(f.Name)) && (l.Task == "" || f.TaskID == "" || l.Task == f.TaskID)
	cancel := codesOf(f).cancel()
	if same {
		if want == printer.Failed && (l.Job.Result == printer.Interrupted || l.Job.Result != printer.Failure && cancel) {
			l.Activity = printer.Stopped
		}
		return l
	}
	next := life{Wire: l.Wire, Task: f.TaskID, Name: clip(f.Name)}
	next.Job = printer.Job{ID: r.newID(), Attached: true}
	next = identify(next, f)
	next.Armed = true
	next = values(next, f)
	switch {
	case want == printer.Finished:
		return end(next, printer.Success, "", "", time.Time{}, printer.Finished)
	case cancel:
		return stop(next, f, time.Time{})
	default:
		next.Old = codes{}
		return r.fail(next, f)
	}
}
