package bambu

import (
	"slices"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// order takes a command from Do.
func (s *session) order(o *order, now time.Time) {
	refuse := func(err error) { o.done <- result{err: err} }
	if o.command.Name == printer.CmdTrust {
		refuse(s.trust(now))
		return
	}
	if s.net.link == nil {
		refuse(errNotConnected())
		return
	}
	if err := printer.Check(s.state, o.command); err != nil {
		refuse(err)
		return
	}
	row, err := commandRowOf(o.command.Name)
	if err != nil {
		refuse(err)
		return
	}
	if row.name == printer.CmdRefresh {
		if err := s.mayRefresh(now); err != nil {
			refuse(err)
			return
		}
		s.files.lookAgain()
	}
	parts, err := row.encode(desired{Command: o.command, state: s.state, facts: s.facts})
	if err != nil {
		refuse(err)
		return
	}
	p := &pending{order: o, row: row, sent: now, deadline: now.Add(commandTime)}
	var frames []frame
	for _, part := range parts {
		f, err := part.seal(s.tracker.sequence())
		if err != nil {
			refuse(err)
			return
		}
		frames = append(frames, f)
		p.signed = p.signed || part.top == "print"
	}
	p.open = slices.Clone(frames)
	if p.signed {
		s.tracker.signedAt, s.tracker.stood = now, slices.ContainsFunc(s.facts.HMS, isRefusal)
	}
	s.tracker.list = append(s.tracker.list, p)
	s.log.Info("command sent", "command", string(o.command.Name), "origin", o.command.Origin)
	o.ready <- dispatch{link: s.net.link, frames: frames}
}

// mayRefresh bounds how often people ask for a full report. A person who asks
// may have changed the printer's settings, so what was learned about its will
// to obey is forgotten.
func (s *session) mayRefresh(now time.Time) error {
	if wait := refreshPause - now.Sub(s.net.refreshedAt); !s.net.refreshedAt.IsZero() && wait > 0 {
		return fault.New(fault.Conflict, "a full report was asked for just now; try again in %d s", int(wait.Seconds())+1)
	}
	s.net.askedAt, s.net.refreshedAt = now, now
	if s.mem.Control.Allowed == printer.Some(false) {
		s.learn(printer.Opt[bool]{})
		s.show(now)
	}
	return nil
}

// trust accepts the certificate that was refused last.
func (s *session) trust(now time.Time) error {
	if certMode(s.d.config) != certPin {
		return fault.New(fault.Unsupported, "this printer's certificate is not checked against a remembered one")
	}
	if s.mem.Offered == "" {
		return fault.New(fault.Conflict, "the printer has not shown another certificate")
	}
	s.mem.Pin, s.mem.Offered, s.keep = s.mem.Offered, "", true
	s.log.Warn("printer's new certificate is trusted", "sha256", s.mem.Pin)
	s.net.attempts, s.net.retryAt = 0, now
	s.net.trouble = printer.Problem{}
	s.show(now)
	return nil
}

// acknowledged takes an answer, to us or to another client.
func (s *session) acknowledged(a ack, now time.Time) {
	s.sentFile(a)
	if a.Top == "print" && a.succeeded() && (a.Command == "stop" || a.Command == "pause") {
		s.step(func(l life) (life, bool) { return s.cycle.asked(l, a.Command, s.facts, now), false })
		s.show(now)
	}
	p, f, ok := s.tracker.match(a)
	if !ok {
		return
	}
	s.tracker.unanswered = 0
	if p.signed { // an answer to another command says nothing about those
		s.tracker.silent = 0
	}
	switch {
	case a.unsigned():
		s.deny(now)
		return
	case !a.succeeded():
		s.log.Info("command refused", "command", f.command, "result", a.Result, "reason", a.Reason, "code", a.ErrCode)
		s.tracker.finish(p, a.refusal())
		return
	}
	if f.top == "print" && s.mem.Control.Allowed != printer.Some(true) {
		s.learn(printer.Some(true))
		s.show(now)
	}
	p.open = slices.DeleteFunc(p.open, func(o frame) bool { return o.sequence == f.sequence })
	if len(p.open) > 0 {
		return
	}
	p.outcome.Acknowledged = true
	if p.row.effect == nil || p.outcome.Effective {
		s.tracker.finish(p, nil)
		return
	}
	s.tracker.effects(&s.state, &s.facts)
}

// deny notes that the printer wants signed commands, and answers all that need
// a signature. Nothing is tried again.
func (s *session) deny(now time.Time) {
	s.log.Warn("the printer refuses unsigned commands; it can only be read")
	s.learn(printer.Some(false))
	for _, p := range slices.Clone(s.tracker.list) {
		if p.signed {
			s.tracker.finish(p, errUnsigned())
		}
	}
	s.tracker.signedAt = time.Time{}
	s.show(now)
}

// refusedByFault: some printers refuse a command by a fault alone.
func (s *session) refusedByFault(now time.Time) {
	at := s.tracker.signedAt
	if at.IsZero() || now.Sub(at) > commandTime {
		return
	}
	switch {
	case !slices.ContainsFunc(s.facts.HMS, isRefusal):
		s.tracker.stood = false
	case !s.tracker.stood:
		s.deny(now)
	}
}

// unanswered takes the commands whose time is over.
func (s *session) unanswered(now time.Time) {
	for _, p := range slices.Clone(s.tracker.list) {
		switch {
		case due(p.deadline, now):
			s.expired(p, now)
		case !p.probed && len(p.open) > 0 && due(p.sent.Add(probeAfter), now):
			p.probed = true
			s.ask(versionPart())
		}
		if s.net.link == nil {
			return
		}
	}
}

// expired ends a command that was followed for long enough. One that was not
// answered although the printer answers other things was lost the first time,
// and refused silently the second. One that was not answered on a link that
// only brings reports is the link's fault.
func (s *session) expired(p *pending, now time.Time) {
	t := &s.tracker
	if len(p.open) == 0 || p.outcome.Effective {
		t.finish(p, nil)
		return
	}
	t.unanswered++
	if p.proved && p.signed {
		t.silent++
		if t.silent >= zombies {
			s.deny(now)
			return
		}
	}
	t.finish(p, fault.New(fault.Offline, "the printer did not answer within %d s; whether it acted is not known", int(commandTime.Seconds())))
	if t.unanswered >= zombies && !p.proved && now.Sub(s.heard) < commandTime {
		s.drop(errZombie, now)
	}
}

// learn notes for this firmware whether commands are obeyed.
func (s *session) learn(allowed printer.Opt[bool]) {
	s.mem.Control = learned{Firmware: s.state.Firmware, Allowed: allowed}
	s.keep = true
}

// learnFun forgets what was learned when the printer itself says that it wants
// signatures: what is true once it does not any more is to be learned anew.
func (s *session) learnFun() {
	if s.doc.signatureRequired() == printer.Some(true) && s.mem.Control.Allowed.Known {
		s.learn(printer.Opt[bool]{})
	}
}

// control tells whether commands that move the machine are obeyed, as far as
// the printer says so or has shown.
func (s *session) control(next *printer.State) printer.Opt[bool] {
	says := s.doc.signatureRequired()
	switch known := s.mem.Control; {
	case says == printer.Some(true):
		return printer.Some(false)
	case known.Allowed.Known && known.Firmware == next.Firmware:
		return known.Allowed
	case says.Known:
		return printer.Some(true)
	case !s.complete && !known.Allowed.Known && next.Firmware == s.state.Firmware:
		return s.state.Caps.Control // as it was stored, until the printer has told everything
	default:
		return printer.Opt[bool]{}
	}
}
