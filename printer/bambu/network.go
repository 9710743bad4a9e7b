package bambu

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/printer"
)

// How patient a session is with its link.
const (
	// offlineAfter is how long a lost link may take to come back unseen.
	offlineAfter = 20 * time.Second
	// wakeAfter, askAfter and silentAfter are the steps against silence.
	wakeAfter   = 30 * time.Second
	askAfter    = 45 * time.Second
	silentAfter = 60 * time.Second
	// fullEvery is the pause between full reports that are asked for without need.
	fullEvery = 5 * time.Minute
	// safetyEvery is after how long a full report is asked for although deltas flow.
	safetyEvery = 10 * time.Minute
	// refreshPause bounds how often a person's refresh asks for a full report.
	refreshPause = 15 * time.Second
	// firstRefill and lastRefill are the pauses between full reports that are
	// asked for because others were dropped. They double as long as reports are
	// dropped, and begin anew when none was for calm.
	firstRefill = time.Second
	lastRefill  = 10 * time.Second
	calm        = time.Minute
	// greetAgain is after how long an unanswered greeting is repeated, greetings how often in all.
	greetAgain = 5 * time.Second
	greetings  = 3
	// settleTime is after how long of reports none is taken for missed any more.
	settleTime = 10 * time.Second
	// deniedPause and certPause are the pauses after a refusal that only a person can mend.
	deniedPause = 5 * time.Minute
	certPause   = time.Minute
	// firstRetry, retryUnit and maxRetry are the pauses between attempts.
	firstRetry = 100 * time.Millisecond
	retryUnit  = time.Second
	maxRetry   = 30 * time.Second
	// cutShort is how many links in a row may end before a report until the
	// serial is suspected.
	cutShort = 3
)

// dialled is how an attempt to connect ended.
type dialled struct {
	link  *link
	err   error
	check *certCheck
}

// network is what a session knows about its link. Times are zero for never.
type network struct {
	link *link
	// dialled is where a running attempt ends, nil while none runs.
	dialled chan dialled
	// retryAt is when the next attempt is due.
	retryAt time.Time
	// attempts and cuts count attempts, and links without a report, in a row.
	attempts, cuts int
	// downSince is since when no report came because there was no link.
	downSince time.Time
	// since is when the link came up, aliveAt when the printer last said
	// anything on it, firstReport when it sent its first report.
	since, aliveAt, firstReport time.Time
	// delivering: this link has brought a report.
	delivering bool
	// whole: this link has brought a complete report; fulls: the printer calls them so.
	// deltas: it has brought other ones.
	whole, fulls, deltas bool
	// fullAt is when a complete report came last, askedAt when one was asked
	// for, refreshedAt when a person did.
	fullAt, askedAt, refreshedAt time.Time
	// overflowAt is when reports were last found to be dropped, refillAt when a
	// full one is to be asked for therefore, refilledAt when that was last done,
	// and refillPause how long it is then not done again.
	overflowAt, refillAt, refilledAt time.Time
	refillPause                      time.Duration
	// greeted counts the greetings, woken the steps against silence.
	greeted, woken int
	// trouble is what keeps the printer offline.
	trouble printer.Problem
	// online: reports flow, or have not been missing for long enough.
	online bool
	// told: an update was emitted in this run.
	told bool
	// announced: the log has a link, and not that it brought reports and was lost.
	announced bool
}

func newNetwork(now time.Time) network { return network{retryAt: now, downSince: now} }

func (n *network) inbox() <-chan []byte {
	if n.link == nil {
		return nil
	}
	return n.link.inbox
}

func (n *network) lost() <-chan struct{} {
	if n.link == nil {
		return nil
	}
	return n.link.conn.Lost()
}

// alive notes a sign of life.
func (n *network) alive(now time.Time) { n.aliveAt, n.woken = now, 0 }

// reported notes a status report.
func (n *network) reported(now time.Time, whole, full bool) {
	if !n.delivering {
		n.firstReport = now
	}
	n.delivering, n.attempts, n.cuts = true, 0, 0
	n.downSince, n.trouble = time.Time{}, printer.Problem{}
	if whole {
		n.whole, n.fullAt, n.refillAt = true, now, time.Time{}
		n.fulls = n.fulls || full
	} else {
		n.deltas = true
	}
}

// overflowed notes that reports were dropped, the answer to the last question
// for a full one perhaps among them.
func (n *network) overflowed(now time.Time) {
	if now.Sub(n.overflowAt) >= calm {
		n.refillPause = 0
	}
	n.overflowAt, n.firstReport = now, now
	n.whole, n.greeted = false, greetings-1 // nor need the answer come: ask once more
	if n.refillAt = now; now.Sub(n.refilledAt) < n.refillPause {
		n.refillAt = n.refilledAt.Add(n.refillPause)
	}
}

// settled: reports have come for long enough to have told everything.
func (n *network) settled(now time.Time) bool {
	return n.delivering && now.Sub(n.firstReport) >= settleTime
}

// retryPause is how long to wait after so many attempts in vain: a link that
// worked is tried again almost at once, then ever more rarely.
func retryPause(attempts int) time.Duration {
	if attempts == 0 {
		return firstRetry + rand.N(200*time.Millisecond)
	}
	p := min(retryUnit<<min(attempts-1, 6), maxRetry)
	return p - p/10 + rand.N(p/5)
}

// retry plans the next attempt.
func (n *network) retry(now time.Time, after time.Duration) {
	n.retryAt = now.Add(after)
	n.attempts++
	if n.downSince.IsZero() {
		n.downSince = now
	}
}

// account is the name under which a printer takes its access code.
const account = "bblp"

// check decides about certificates with the pin that is trusted now.
func (d *Driver) check(pin string) *certCheck {
	return &certCheck{mode: certMode(d.config), serial: d.config.Serial, roots: d.roots, pin: pin, now: d.now}
}

// connect starts an attempt. The old link is closed first: a printer serves
// few clients.
func (s *session) connect(ctx context.Context) {
	c := s.d.config
	check := s.d.check(s.mem.Pin)
	t := target{
		Address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), TLS: check.config(),
		User: account, Password: c.AccessCode, ClientID: "printwire-" + nonce(),
	}
	ended := make(chan dialled, 1)
	s.net.dialled = ended
	go func() { // owner: session; its end waits for the result
		s.closing.Wait()
		l, err := open(ctx, s.d.dial, t, c.Serial)
		ended <- dialled{link: l, err: err, check: check}
	}()
}

// connected takes the result of an attempt.
func (s *session) connected(r dialled, now time.Time) {
	s.net.dialled = nil
	if r.err != nil {
		s.refused(r, now)
		return
	}
	s.log.change(!s.net.announced, "connected to the printer")
	s.net.announced = true
	s.net.link = r.link
	s.net.since, s.net.aliveAt = now, now
	s.net.deltas, s.net.refillAt = false, time.Time{}
	s.net.delivering, s.net.whole, s.net.greeted, s.net.woken = false, false, 0, 0
	switch s.net.trouble.Code {
	case printer.ProblemSilent, printer.ProblemSerial: // only a report disproves these
	default:
		s.net.trouble = printer.Problem{}
	}
	s.gap = true
	if r.check.mode == certPin && s.mem.Pin != r.check.seen && r.check.seen != "" {
		s.mem.Pin, s.mem.Offered, s.keep = r.check.seen, "", true
		s.log.Info("printer's certificate is trusted from now on", "sha256", r.check.seen)
	}
	s.greet(now)
	s.show(now)
}

// refused takes a failed attempt: some reasons only a person can mend.
func (s *session) refused(r dialled, now time.Time) {
	p, pause, final := printer.Problem{}, s.d.pause(s.net.attempts), true
	switch {
	case r.check.problem.Code != "":
		p, pause = r.check.problem, certPause
		if p.Code == printer.ProblemCertificate && r.check.mode == certPin && s.mem.Offered != r.check.seen {
			s.mem.Offered, s.keep = r.check.seen, true
		}
	case errors.Is(r.err, client.ErrSubscription):
		pause = deniedPause
		p = printer.Problem{Code: printer.ProblemSerial, Text: "The printer takes the access code but refuses this serial. Compare the serial with the one on the printer's screen."}
	case fault.Is(r.err, fault.Denied):
		pause = deniedPause
		p = printer.Problem{Code: printer.ProblemAccessCode, Text: "The printer refuses the access code. Compare it with the one on the printer's screen; it changes when it is renewed there."}
	default:
		final = false
		p = printer.Problem{Code: printer.ProblemUnreachable, Text: "The printer cannot be reached at " + s.d.config.Host + ". It may be switched off, or have another address."}
	}
	level := slog.LevelDebug
	if p.Code != s.net.trouble.Code {
		level = slog.LevelWarn
	}
	s.log.Log(context.Background(), level, "printer not connected", "problem", string(p.Code), "error", r.err, "retry", pause.String())
	s.net.retry(now, pause)
	s.net.trouble = p
	if final {
		s.offline(now)
	}
	s.show(now)
}

// drop takes the end of the link, or ends it.
func (s *session) drop(why error, now time.Time) {
	s.log.change(s.net.delivering, "connection to the printer ended", "error", why)
	s.net.announced = s.net.announced && !s.net.delivering
	s.hangUp()
	s.tracker.abandon(errLost())
	if !s.net.delivering {
		s.net.cuts++
		s.net.attempts = max(s.net.attempts, 1)
		if s.net.cuts >= cutShort && !s.everReported() {
			s.net.trouble = printer.Problem{Code: printer.ProblemSerial, Text: "The printer takes the access code but ends the connection. Compare the serial with the one on the printer's screen."}
			s.offline(now)
		}
	}
	s.net.retry(now, s.d.pause(s.net.attempts))
	s.net.delivering = false
	s.gap = true
	s.show(now)
}

// everReported: this printer has told something at some time, so the settings are right.
func (s *session) everReported() bool { return s.spoken || s.state.Activity != "" }

// offline says that the printer is.
func (s *session) offline(now time.Time) {
	if s.net.online {
		s.log.Warn("printer is offline", "problem", string(s.net.trouble.Code))
		s.net.announced = false
	}
	s.net.online = false
	s.net.downSince = now
}
