package bambu

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/printwire/printwire/printer"
)

// quietTime is how long a warning of one kind is not repeated as one: what a
// printer sends wrong it often sends with every report.
const quietTime = time.Hour

// maxKinds bounds the kinds of warnings that are told apart.
const maxKinds = 100

// logger is the session's log.
type logger struct {
	*slog.Logger
	// warned is when there was a warning of a kind.
	warned map[string]time.Time
}

// warnHourly warns once per kind and hour, and is at level debug otherwise.
func (l logger) warnHourly(now time.Time, kind, msg string, args ...any) {
	last, known := l.warned[kind]
	l.warn(now, kind, !known || now.Sub(last) >= quietTime, msg, args...)
}

// warnOnce warns once per kind, and is at level debug otherwise.
func (l logger) warnOnce(now time.Time, kind, msg string, args ...any) {
	_, known := l.warned[kind]
	l.warn(now, kind, !known, msg, args...)
}

// warn warns when it is time to, and notes that. A printer cannot make us
// remember kinds without end.
func (l logger) warn(now time.Time, kind string, is bool, msg string, args ...any) {
	level := slog.LevelDebug
	if _, known := l.warned[kind]; is && (known || len(l.warned) < maxKinds) {
		l.warned[kind], level = now, slog.LevelWarn
	}
	l.Log(context.Background(), level, msg, args...) //nolint:sloglint // the callers give constants
}

// change logs at level info what is a change, and else at level debug: a
// printer that cannot be talked to is tried again for days.
func (l logger) change(is bool, msg string, args ...any) {
	level := slog.LevelDebug
	if is {
		level = slog.LevelInfo
	}
	l.Log(context.Background(), level, msg, args...) //nolint:sloglint // the callers give constants
}

// Reasons for which the session itself ends a link.
var (
	errSilent = errors.New("no report for a minute")
	errZombie = errors.New("commands are not answered although reports flow")
)

// next is when tick has something to do.
func (s *session) next() time.Time {
	n := &s.net
	at := s.d.now().Add(time.Hour)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	switch {
	case n.link == nil && n.dialled == nil:
		sooner(n.retryAt)
	case n.link != nil:
		sooner(n.aliveAt.Add([]time.Duration{wakeAfter, askAfter, silentAfter}[min(n.woken, 2)]))
		sooner(n.refillAt)
		if !n.met() {
			sooner(n.askedAt.Add(greetAgain * time.Duration(n.greeted)))
		}
		if n.met() && n.deltas {
			sooner(n.nextFull())
		}
	}
	if n.online && !n.downSince.IsZero() {
		sooner(n.downSince.Add(offlineAfter))
	}
	sooner(s.mem.Life.Grace)
	if n.online {
		for _, e := range s.mem.Episodes {
			sooner(e.over())
		}
	}
	sooner(s.tracker.next())
	return at
}

// met: the printer has told everything, or has been asked often enough.
func (n *network) met() bool { return n.whole || n.greeted >= greetings }

// nextFull is when a full report is due although deltas flow.
func (n *network) nextFull() time.Time {
	at := n.fullAt
	if n.askedAt.After(at) {
		at = n.askedAt
	}
	return at.Add(safetyEvery)
}

// due tells whether t has come.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// tick does what is due.
func (s *session) tick(ctx context.Context, now time.Time) {
	n := &s.net
	if n.link != nil {
		s.watch(now)
	}
	if n.online && !n.downSince.IsZero() && due(n.downSince.Add(offlineAfter), now) {
		if n.trouble.Code == "" {
			n.trouble = printer.Problem{Code: printer.ProblemUnreachable, Text: "The connection to the printer was lost."}
		}
		s.offline(now)
		s.show(now)
	}
	if due(s.mem.Life.Grace, now) {
		s.step(func(l life) (life, bool) {
			if s.gap && n.online { // the explanation may have come while nobody was connected
				return s.cycle.revive(l, now), false
			}
			return s.cycle.tick(l, s.facts, now), false
		})
		s.show(now)
	}
	if n.online && slices.ContainsFunc(s.mem.Episodes, func(e episode) bool { return due(e.over(), now) }) {
		s.mem.Episodes = expire(slices.Clone(s.mem.Episodes), now)
		s.show(now)
	}
	if due(s.tracker.next(), now) {
		s.unanswered(now)
	}
	if n.link == nil && n.dialled == nil && due(n.retryAt, now) {
		s.connect(ctx)
	}
	s.lookAtFile(ctx)
}

// watch looks after a standing link: silence, greetings, the slow safety net.
func (s *session) watch(now time.Time) {
	n := &s.net
	switch silence := now.Sub(n.aliveAt); {
	case silence >= silentAfter:
		s.silent(now)
		return
	case silence >= askAfter && n.woken == 1:
		n.woken = 2
		s.askAll(now, wakeAfter)
	case silence >= wakeAfter && n.woken == 0:
		n.woken = 1
		s.ask(wakePart())
		s.askAll(now, fullEvery)
	}
	switch {
	case due(n.refillAt, now):
		s.refill(now)
	case !n.met() && n.greeted > 0 && due(n.askedAt.Add(greetAgain*time.Duration(n.greeted)), now):
		s.greet(now)
	case n.met() && n.deltas && due(n.nextFull(), now):
		s.askAll(now, fullEvery)
	}
}

// silent ends a link on which the printer has not said anything for too long.
func (s *session) silent(now time.Time) {
	trouble := printer.Problem{Code: printer.ProblemSilent, Text: "The printer is connected but says nothing. Switching it off and on helps, or closing other programs that are connected to it."}
	if !s.everReported() {
		trouble = printer.Problem{Code: printer.ProblemSerial, Text: "The printer takes the access code but says nothing under this serial. Compare the serial with the one on the printer's screen."}
	}
	s.net.attempts = 0
	s.drop(errSilent, now)
	s.net.trouble = trouble
	s.offline(now)
	s.show(now)
}

// greet asks for the modules and a full report.
func (s *session) greet(now time.Time) {
	s.net.greeted++
	s.ask(versionPart())
	s.ask(pushAllPart())
	s.net.askedAt = now
}

// refill asks for a full report because others were dropped.
func (s *session) refill(now time.Time) {
	n := &s.net
	n.refillAt, n.refilledAt = time.Time{}, now
	n.refillPause = min(max(2*n.refillPause, firstRefill), lastRefill)
	s.askAll(now, 0)
}

// askAll asks for a full report unless that was done less than pause ago.
func (s *session) askAll(now time.Time, pause time.Duration) bool {
	if !s.net.askedAt.IsZero() && now.Sub(s.net.askedAt) < pause {
		return false
	}
	s.net.askedAt = now
	s.ask(pushAllPart())
	return true
}

// ask sends one of the session's own questions.
func (s *session) ask(p part) {
	f, err := p.seal(s.tracker.sequence())
	if err != nil {
		s.log.Error("question not encoded", "error", err)
		return
	}
	s.net.link.ask(f.payload)
}

// problem is what a person has to mend.
func (s *session) problem(next *printer.State) printer.Problem {
	switch {
	case !next.Online:
		return s.net.trouble
	case next.Caps.ReadOnly():
		return printer.Problem{Code: printer.ProblemDeveloperMode, Text: "The printer can be read but refuses commands. Switch on LAN mode and Developer mode on its screen, then press refresh."}
	default:
		return printer.Problem{}
	}
}
