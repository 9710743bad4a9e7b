package bambu

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// The codes of a command that the printer refuses because nobody signed it.
const (
	unsignedCode = 0x05024007
	envelopeCode = 0x05024009
)

const (
	// probeAfter is after how long an unanswered command the link is tried
	// with a question that is always answered.
	probeAfter = 5 * time.Second
	// zombies is how many commands in a row may stay unanswered.
	zombies = 2
)

// pending is a command that was sent and is being followed.
type pending struct {
	order *order
	row   commandRow
	// open are the frames that are not acknowledged yet.
	open []frame
	// signed: it needs a signature where the printer insists on one.
	signed   bool
	outcome  printer.Outcome
	sent     time.Time
	deadline time.Time
	// probed: the link was tried; proved: the printer answered that.
	probed, proved bool
}

// tracker follows commands to their acknowledgement and effect.
type tracker struct {
	last uint32
	list []*pending
	// unanswered counts commands without an answer in a row, silent those that
	// need a signature during which the printer answered something else.
	unanswered, silent int
	// signedAt is when a command that needs a signature was sent last, stood
	// whether a fault that tells of a refusal stood before.
	signedAt time.Time
	stood    bool
}

// newTracker starts its sequence ids somewhere of its own, away from those of
// other programs, and far enough below 2³¹.
func newTracker() tracker { return tracker{last: 1<<30 + rand.Uint32N(1<<29)} }

// sequence is the next sequence id.
func (t *tracker) sequence() uint32 {
	t.last++
	if t.last >= 1<<31-1 {
		t.last = 1 << 30
	}
	return t.last
}

// next is when the tracker has something to do.
func (t *tracker) next() time.Time {
	var at time.Time
	for _, p := range t.list {
		due := p.deadline
		if !p.probed && len(p.open) > 0 {
			due = p.sent.Add(probeAfter)
		}
		if at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// finish answers a command and forgets it.
func (t *tracker) finish(p *pending, err error) {
	i := slices.Index(t.list, p)
	if i < 0 {
		return // answered already
	}
	t.list = slices.Delete(t.list, i, i+1)
	r := result{outcome: p.outcome, err: err}
	if err != nil {
		r.outcome = printer.Outcome{}
	}
	p.order.done <- r
}

// abandon answers all commands with err: none outlives its link.
func (t *tracker) abandon(err error) {
	for len(t.list) > 0 {
		t.finish(t.list[0], err)
	}
	t.unanswered, t.silent = 0, 0
}

// version notes the answer to a question that every printer answers.
func (t *tracker) version(time.Time) {
	for _, p := range slices.Clone(t.list) {
		p.proved = p.proved || p.probed
		if p.row.name == printer.CmdRefresh {
			p.outcome.Acknowledged = true
			t.finish(p, nil)
		}
	}
}

// effects finishes the commands whose effect the state shows. A command whose
// effect came without an acknowledgement has been obeyed, too.
func (t *tracker) effects(s *printer.State, f *facts) {
	for _, p := range slices.Clone(t.list) {
		if p.row.effect == nil || !p.row.effect(p.order.command, *s, *f) {
			continue
		}
		p.outcome.Effective = true
		if len(p.open) == 0 {
			t.finish(p, nil)
		}
	}
}

// match finds the command that an acknowledgement is about: ours by sequence
// id, under the same key, of the same command where it names one.
func (t *tracker) match(a ack) (*pending, frame, bool) {
	for _, p := range t.list {
		for _, f := range p.open {
			if f.sequence == a.SequenceID && f.top == a.Top && (a.Command == "" || f.command == a.Command) {
				return p, f, true
			}
		}
	}
	return nil, frame{}, false
}

// succeeded tells whether an acknowledgement accepts the command.
func (a ack) succeeded() bool { return a.Result == "" || strings.EqualFold(a.Result, "success") }

// unsigned tells whether it refuses the command because nobody signed it.
func (a ack) unsigned() bool {
	return a.ErrCode == unsignedCode || a.ErrCode == envelopeCode ||
		!a.succeeded() && strings.Contains(strings.ToLower(a.Reason), "verify failed")
}

// refusal is what a command refused by a in words is for the person who asked.
func (a ack) refusal() error {
	reason := a.Reason
	if len(reason) > 200 {
		reason = reason[:200]
	}
	if reason == "" || strings.EqualFold(reason, a.Result) {
		return fault.New(fault.Conflict, "the printer answered that it cannot do this now")
	}
	return fault.New(fault.Conflict, "the printer answered that it cannot do this now: %q", reason)
}

func errUnsigned() error {
	return fault.New(fault.Denied, "the printer refuses commands").WithHint("switch on LAN mode and Developer mode on the printer's screen")
}
