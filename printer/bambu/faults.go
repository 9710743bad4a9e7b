package bambu

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/printer"
)

const (
	// hmsClear is how long an entry of hms has to be gone before its episode is
	// over: flicker of 20–30 s on and 25–64 s off was seen for one fault.
	hmsClear = 90 * time.Second
	// errorClear is the same for print_error, which does not flicker.
	errorClear = 10 * time.Second
	// maxFaults bounds what a printer can make us remember.
	maxFaults = 64
)

// episode is one fault from its appearance until it has been gone for a while.
type episode struct {
	Fault printer.Fault `json:"fault"`
	// Error: it came as print_error, not in hms.
	Error bool `json:"error,omitempty"`
	// Gone is since when it is not reported, zero while it is.
	Gone time.Time `json:"gone,omitzero"`
}

// over is when the episode ends, zero while the fault is reported.
func (e episode) over() time.Time {
	switch {
	case e.Gone.IsZero():
		return time.Time{}
	case e.Error:
		return e.Gone.Add(errorClear)
	default:
		return e.Gone.Add(hmsClear)
	}
}

// isRefusal is the entry of hms by which a printer refuses an unsigned command.
func isRefusal(e hmsEntry) bool { return e == hmsEntry{Attr: 0x05000500, Code: 0x00010007} }

// standing are the faults that a report names. Phases, cancels, a person's
// pause and refused commands are none. A prompt is one, but never a grave one:
// some ask about what has gone wrong.
func (r lifecycle) standing(f facts) []episode {
	var out []episode
	for _, e := range f.HMS {
		if e == (hmsEntry{}) || cancelEcho(e) || isRefusal(e) {
			continue
		}
		out = append(out, episode{Fault: r.hmsFault(e)})
	}
	if e := f.PrintError; e != 0 && !isCancel(e) && !isPhase(e) && e != userPause {
		out = append(out, episode{Fault: r.errorFault(e), Error: true})
	}
	return out
}

// follow goes on with the episodes by what a report names. It makes a new list.
func follow(list, named []episode, now time.Time) []episode {
	var out []episode
	for _, e := range list {
		i := slices.IndexFunc(named, func(n episode) bool { return n.Fault.Code == e.Fault.Code })
		switch {
		case i >= 0:
			e = named[i]
		case e.Gone.IsZero():
			e.Gone = now
		}
		out = append(out, e)
	}
	for _, n := range named {
		has := slices.ContainsFunc(out, func(e episode) bool { return e.Fault.Code == n.Fault.Code })
		if !has && len(out) < maxFaults {
			out = append(out, n)
		}
	}
	return expire(out, now)
}

// episodesOf are the episodes that a stored State shows, where their memory is
// lost: what is not told again ends as any other.
func episodesOf(faults []printer.Fault) []episode {
	var out []episode
	for _, f := range faults[:min(len(faults), maxFaults)] {
		out = append(out, episode{Fault: f, Error: !strings.HasPrefix(f.Code, "HMS_")})
	}
	return out
}

// expire drops the episodes that are over.
func expire(list []episode, now time.Time) []episode {
	return slices.DeleteFunc(list, func(e episode) bool {
		at := e.over()
		return !at.IsZero() && !now.Before(at)
	})
}

// shown are the faults of the episodes: most severe first, then by code.
func shown(list []episode) []printer.Fault {
	var out []printer.Fault
	for _, e := range list {
		out = append(out, e.Fault)
	}
	slices.SortFunc(out, func(a, b printer.Fault) int {
		return cmp.Or(cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)), cmp.Compare(a.Code, b.Code))
	})
	return out
}

func severityRank(s printer.Severity) int {
	switch s {
	case printer.Fatal:
		return 0
	case printer.Serious:
		return 1
	case printer.Common:
		return 2
	default:
		return 3
	}
}

// codeText is a 32-bit code in the maker's notation.
func codeText(code uint32) string { return fmt.Sprintf("%04X_%04X", code>>16, code&0xFFFF) }
