package bambu

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/printwire/printwire/printer"
)

// wholeReport is the size from which a report is taken for a complete one
// where the printer never says so: deltas are far below, full ones far above.
const wholeReport = 2000

// session is one Run of a driver. Everything in it belongs to Run's goroutine.
type session struct {
	d     *Driver
	log   logger
	desk  *desk
	emit  func(printer.Update)
	cycle lifecycle

	doc   *document
	facts facts
	mem   memory
	state printer.State
	// kept is the memory as it was emitted last, and stored what it was encoded
	// from; heard is when a report came last.
	kept   printer.Memory
	stored memory
	heard  time.Time
	// keep: the next update has to be stored at once.
	keep bool
	// started: the life cycle has seen the printer since the program began.
	started bool
	// gap: reports may have been missed, and no complete one came since.
	gap bool
	// complete: a complete report came, or reports for long enough.
	complete bool
	// spoken: the document holds at least one report of this run.
	spoken bool

	net     network
	files   files
	tracker tracker
	closing sync.WaitGroup
}

func newSession(d *Driver, desk *desk, start printer.Start, emit func(printer.Update)) *session {
	s := &session{d: d, desk: desk, emit: emit, doc: newDocument(), state: start.State, gap: true}
	s.log = logger{Logger: d.log, warned: map[string]time.Time{}}
	s.cycle = lifecycle{
		grace: d.grace, newID: d.newID,
		errorFault: func(code uint32) printer.Fault { return faultOfError(code, s.state.Model) },
		hmsFault:   func(e hmsEntry) printer.Fault { return faultOf(e, s.state.Model) },
	}
	now := d.now()
	s.kept = start.Memory
	if s.mem = recall(start.Memory, start.State); len(s.mem.Episodes) == 0 {
		s.mem.Episodes = episodesOf(start.State.Faults)
	}
	if !s.mem.Life.known() && !start.Fresh {
		s.mem.Life = lifeOf(start.State)
	}
	s.mem.Life = s.cycle.revive(s.mem.Life, now)
	s.state.Family, s.state.Maker, s.state.Serial = Family, Maker, d.config.Serial
	s.state.Job = uncarried(s.state.Job)
	s.net = newNetwork(now)
	s.net.online = s.state.Online
	if p := s.state.Problem; !s.net.online && p.Code != printer.ProblemDeveloperMode {
		s.net.trouble = p // until it is known again
	}
	s.files = newFiles(d.files, start.State)
	s.tracker = newTracker()
	return s
}

// lifeOf is the life that a State without a memory tells of.
func lifeOf(s printer.State) life {
	return life{
		Activity: s.Activity, Job: unplanned(uncarried(s.Job)), Task: s.Job.PrinterJob, Name: s.Job.Name,
		Armed: s.Activity == printer.Printing || s.Activity == printer.Paused || s.Job.Over(),
	}
}

// uncarried is a job without what printer.Carry adds, which is not this package's.
func uncarried(j printer.Job) printer.Job {
	j.PeakProgress, j.PeakLayer, j.LeastMinutes = 0, 0, printer.Opt[int]{}
	j.Tray, j.BedHot, j.BedCooled = printer.Opt[printer.TrayRef]{}, false, false
	return j
}

// unplanned is a job without its plan, which is stored with the state.
func unplanned(j printer.Job) printer.Job {
	j.Plan = printer.Plan{}
	return j
}

// run is the loop. Reports, commands, the end of the link and the passing of
// time come together here, so that nothing in a session needs a lock.
func (s *session) run(ctx context.Context) error {
	defer s.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(max(0, s.next().Sub(s.d.now())))
		select {
		case <-ctx.Done():
			return nil
		case o := <-s.desk.orders:
			s.order(o, s.d.now())
		case r := <-s.net.dialled:
			s.connected(r, s.d.now())
		case payload := <-s.net.inbox():
			s.read(payload, s.d.now())
		case <-s.net.lost():
			s.drain()
			s.drop(s.net.link.conn.Err(), s.d.now())
		case r := <-s.files.running:
			s.fileRead(r)
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return nil
		}
		s.tick(ctx, s.d.now())
	}
}

// end closes everything and answers everybody who waits.
func (s *session) end() {
	s.tracker.abandon(errLost())
	s.files.end()
	if s.net.link != nil {
		s.hangUp()
	}
	if s.net.dialled != nil {
		if r := <-s.net.dialled; r.link != nil {
			r.link.close()
		}
	}
	s.closing.Wait()
}

// hangUp closes the link without waiting for it.
func (s *session) hangUp() {
	l := s.net.link
	s.net.link = nil
	s.closing.Go(l.close) // owner: session; the next dialling and end wait for it
}

// drain takes what came before the link ended: it may be the end of a print.
func (s *session) drain() {
	for {
		select {
		case payload := <-s.net.link.inbox:
			s.read(payload, s.d.now())
		default:
			return
		}
	}
}

// read takes one payload.
func (s *session) read(payload []byte, now time.Time) {
	if s.net.link.overflow.Swap(false) {
		s.log.warnHourly(now, "overflow", "reports came faster than they were read; asking for a full one")
		s.doc = s.doc.anew()
		s.gap, s.complete = true, false
		s.net.overflowed(now)
	}
	s.net.alive(now)
	if size := s.net.link.large.Swap(0); size > 0 {
		s.refuse(errTooLarge, int(size), now)
	}
	if payload == nil {
		return
	}
	m, err := s.doc.apply(payload)
	if err != nil {
		s.refuse(err, len(payload), now)
		return
	}
	switch m.Kind {
	case kindReport:
		s.report(m, m.Full || !s.net.fulls && len(payload) >= wholeReport, now)
	case kindVersion:
		s.tracker.version(now)
		if m.Changed {
			s.show(now)
		}
	case kindAck:
		s.acknowledged(m.Ack, now)
	}
}

// refuse takes a report that cannot be read.
func (s *session) refuse(why error, size int, now time.Time) {
	s.log.warnHourly(now, why.Error(), "report refused", "error", why, "bytes", size)
	if s.net.deltas { // what it said is missing until a full one comes
		s.askAll(now, fullEvery)
	}
}

// report goes on with the life cycle and the faults after a status report.
func (s *session) report(m message, whole bool, now time.Time) {
	first := !s.net.delivering
	s.heard = now
	s.net.reported(now, whole, m.Full)
	s.spoken = true
	if !m.Changed && !first && !s.gap && !s.mem.Life.held() {
		return
	}
	ready := whole || !s.gap || s.net.settled(now)
	if !ready && s.mem.Life.Activity == "" {
		return
	}
	s.facts = s.doc.facts()
	s.net.online = true
	if ready {
		s.advance(now)
	}
	s.refusedByFault(now)
	before := s.state.Units
	s.show(now)
	if !first && s.net.link != nil && joined(before, s.state.Units) {
		// Reports do not say which changer it is, only the list of modules does.
		s.ask(versionPart())
	}
}

// advance goes on with the life cycle and the faults. After a gap that waits
// for a complete report: a part of one would mix the present job with the one
// before the gap.
func (s *session) advance(now time.Time) {
	for more := true; more; {
		c := cue{Start: !s.started, Gap: s.gap}
		more = s.step(func(l life) (life, bool) { return s.cycle.step(l, s.facts, c, now) })
		if _, ok := activityOf(s.facts.State); ok {
			s.started = true
		}
		if more { // an end, before what came after it
			s.show(now)
		}
	}
	s.gap, s.complete = false, true
	if s.mem.Life.Activity == "" {
		s.mem.Life.Activity = printer.Unknown
	}
	s.mem.Episodes = follow(s.mem.Episodes, s.cycle.standing(s.facts), now)
}

// step replaces the life, and sees to it that what a crash must not lose is
// stored at once.
func (s *session) step(move func(life) (life, bool)) bool {
	was := s.mem.Life
	next, more := move(was)
	s.mem.Life = next
	if next.Job.ID != was.Job.ID || !next.Grace.Equal(was.Grace) || !next.StopAsked.Equal(was.StopAsked) {
		s.keep = true
	}
	return more
}

// show emits the picture if it is another one than before.
func (s *session) show(now time.Time) {
	u := printer.Update{State: s.state, At: s.heard}
	next := &u.State
	if s.spoken {
		s.doc.fill(next, &s.state)
	}
	if id := s.doc.stageID(); id >= 0 && next.Stage == stageUnknown {
		s.log.warnOnce(now, "stage "+strconv.Itoa(id), "the printer is in a stage that is not known here", "stage", id)
	}
	next.Family, next.Maker, next.Serial = Family, Maker, s.d.config.Serial
	next.Online = s.net.online
	s.mem.Life.adopt(&next.Job)
	next.Activity, next.Job = s.mem.Life.Activity, s.mem.Life.Job
	next.Job.Plan = s.files.of(next.Job.ID)
	next.Faults = shown(s.mem.Episodes)
	s.learnFun()
	next.Caps.Control, next.Caps.Files = s.control(next), s.files.reader != nil
	next.DeveloperMode = next.Caps.Control
	next.Problem = s.problem(next)
	u.Memory = s.encoded()
	same := next.Same(&s.state) && u.Memory.Version == s.kept.Version && bytes.Equal(u.Memory.Data, s.kept.Data)
	s.state = *next
	defer s.tracker.effects(&s.state, &s.facts)
	if same && s.net.told {
		return
	}
	s.net.told = true
	s.kept, u.Keep = u.Memory, s.keep
	s.emit(u)
	s.keep = false
}

// encoded is the memory for others to keep. It is most often what it was.
func (s *session) encoded() printer.Memory {
	if s.kept.Version == memoryVersion && s.mem.same(&s.stored) {
		return s.kept
	}
	s.stored = s.mem
	return s.mem.store()
}

// adopt takes what the document tells about the job that is under way.
func (l *life) adopt(raw *printer.Job) {
	if !l.ongoing() {
		return
	}
	j := &l.Job
	if raw.Source != "" {
		j.Source = raw.Source
	}
	if raw.PrinterJob != "" {
		j.PrinterJob = raw.PrinterJob
	}
	if raw.Plate.Known {
		j.Plate = raw.Plate
	}
	j.SkippedObjects = raw.SkippedObjects
}
