package bambu

import (
	"time"

	"github.com/printwire/printwire/printer"
)

// The kinds of a pause, as printer.Job spells them.
const (
	pauseUser   = "user"
	pauseRunout = "runout"
	pauseFault  = "fault"
	pauseGCode  = "gcode"
)

// userPause is the code of a pause that a person asked for.
const userPause = 0x03008001

// halt is why a print stands still, and how sure that is.
type halt struct {
	kind, reason, code string
	rank               int
}

// pause takes the best reason there is. It may come a report later than the
// pause, and a surer one replaces a less sure one.
func (r lifecycle) pause(l life, f facts, now time.Time) life {
	h := r.haltOf(l, f, now)
	if h.kind == "" || h.rank <= l.PauseRank {
		return l
	}
	l.PauseRank = h.rank
	l.Job.PauseKind, l.Job.PauseReason, l.Job.PauseCode = h.kind, h.reason, h.code
	return l
}

func (r lifecycle) haltOf(l life, f facts, now time.Time) halt {
	if e := f.PrintError; e != 0 && !isPhase(e) && !isCancel(e) {
		switch {
		case e == userPause:
			return halt{pauseUser, reasonUser, codeText(e), 4}
		case isRunout(e):
			return halt{pauseRunout, "filament_runout", codeText(e), 4}
		case !isPrompt(e):
			return faultHalt(r.errorFault(e), 4)
		}
	}
	if !l.PauseAsked.IsZero() && !now.After(l.PauseAsked) {
		return halt{pauseUser, reasonUser, "", 3}
	}
	for _, e := range f.HMS {
		if isRunoutHMS(e) {
			return halt{pauseRunout, "filament_runout", r.hmsFault(e).Code, 3}
		}
	}
	if kind := stagePause(f.Stage); kind != "" {
		reason := stageSlug(f.Stage)
		switch kind {
		case pauseUser:
			reason = reasonUser
		case pauseRunout:
			reason = "filament_runout"
		}
		return halt{kind, reason, "", 2}
	}
	if worst := r.newFault(l, f); worst.Code != "" {
		return faultHalt(worst, 1)
	}
	return halt{}
}

func faultHalt(f printer.Fault, rank int) halt {
	reason := f.Text
	if reason == "" {
		reason = f.Code
	}
	return halt{pauseFault, reason, f.Code, rank}
}

// stagePause is the kind of pause that a stage stands for, "" for none.
func stagePause(stage int) string {
	switch stage {
	case 6:
		return pauseRunout
	case 16:
		return pauseUser
	case 5, 30:
		return pauseGCode
	case 17, 20, 21, 23, 26, 27, 28, 32, 33, 34, 35:
		return pauseFault
	default:
		return ""
	}
}

// isChanger: the module is a filament changer.
func isChanger(module uint32) bool { return module == 0x07 || module == 0x12 || module == 0x18 }

// isRunout: the code says that a filament has run out, in any slot or spool.
func isRunout(code uint32) bool {
	return code == 0x03008004 || code == 0x03008015 || isChanger(code>>24) && code&0xFFFF == 0x8011
}

// isRunoutHMS: the same as an entry of hms: the slot's filament has run out and
// the printer waits for a new one.
func isRunoutHMS(e hmsEntry) bool {
	if !isChanger(e.Attr >> 24) {
		return false
	}
	switch e.Attr & 0xF000 {
	case 0x2000:
		return e.Code == 0x00020001 || e.Code == 0x00020005
	case 0x7000:
		return e.Code == 0x00020007
	default:
		return false
	}
}
