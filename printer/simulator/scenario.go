package simulator

import (
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// Row names a scenario and says what it does.
type Row struct {
	Name, Doc string
}

// scenario is one row of the table: play runs with the printer locked and its clock at the present.
type scenario struct {
	name, doc string
	play      func(p *Printer, m *machine)
	when      func(m model) bool // nil: every model
}

// Scenarios are the names of what Play can play, in the order of their table.
func Scenarios() []Row {
	var rows []Row
	for _, s := range scenarios() {
		rows = append(rows, Row{s.name, s.doc})
	}
	return rows
}

func findScenario(name string) (scenario, error) {
	all := scenarios()
	if i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name }); i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	return scenario{}, fault.New(fault.NotFound, "there is no scenario %.40q; expected one of %s", name, strings.Join(names, ", ")).At("scenario")
}

// play starts a scenario that exists; the printer is locked.
func (p *Printer) play(name string) {
	if s, err := findScenario(name); err == nil && (s.when == nil || s.when(p.machine.model)) {
		s.play(p, p.machine)
		p.machine.report()
	}
}

func scenarios() []scenario {
	silence := func(d time.Duration) func(*Printer, *machine) {
		return func(_ *Printer, m *machine) { m.quiet = m.clock + d }
	}
	cancel := func(how Cancel) func(*Printer, *machine) {
		return func(_ *Printer, m *machine) { m.whilePrinting(func(m *machine) { m.cancel(how) }) }
	}
	refuse := func(how Refusal) func(*Printer, *machine) {
		return func(_ *Printer, m *machine) { m.refuse = how }
	}
	return []scenario{
		{name: "print", doc: "a whole print of ten minutes", play: func(_ *Printer, m *machine) { m.accept(m.testJob()) }},
		{name: "pause_user", doc: "a person pauses the print and resumes it 30 s later", play: playPauseUser},
		{name: "pause_fault", doc: "a fault pauses the print: HMS first, then PAUSE with its code, then fail_reason", play: playPauseFault},
		{name: "runout", doc: "the slot in use runs out; 60 s later it is filled and the print goes on", play: playRunout},
		{name: "cancel_code_before", doc: "a cancelled print: the code arrives before FAILED", play: cancel(CodeBeforeState)},
		{name: "cancel_code_with", doc: "a cancelled print: code and FAILED in one report", play: cancel(CodeWithState)},
		{name: "cancel_code_after", doc: "a cancelled print: the code arrives after FAILED", play: cancel(CodeAfterState)},
		{name: "cancel_ack_only", doc: "a cancelled print: no code, only the acknowledgement of another client's stop", play: playCancelAck},
		{name: "fail_in_print", doc: "the print fails in the middle, with HMS and code", play: playFailInPrint},
		{name: "fail_in_prepare", doc: "the print fails before it begins", play: playFailInPrepare},
		{name: "fault_flicker", doc: "one fault comes and goes three times", play: playFlicker},
		{name: "dismiss_dialog", doc: "a failed print's dialog is dismissed after 30 s", play: playDismiss},
		{name: "reboot", doc: "the printer restarts and is away for 30 s", play: func(p *Printer, _ *machine) { p.reboot(30 * time.Second) }},
		{name: "silence_25", doc: "25 s without a report; requests are answered", play: silence(25 * time.Second)},
		{name: "silence_40", doc: "40 s without a report; requests are answered", play: silence(40 * time.Second)},
		{name: "silence_90", doc: "90 s without a report or an answer, connection open", play: func(_ *Printer, m *machine) { m.deaf = m.clock + 90*time.Second }},
		{name: "half_open", doc: "present connections go dead without being closed; new ones work", play: func(p *Printer, _ *machine) { p.server.freeze() }},
		{name: "wrong_code", doc: "the access code is changed and every client cut off", play: playWrongCode},
		{name: "refuse_ack", doc: "from now on print commands are refused by a failed acknowledgement", play: refuse(RefuseAck)},
		{name: "refuse_hms", doc: "from now on print commands are refused by an HMS entry", play: refuse(RefuseHMS)},
		{name: "refuse_silent", doc: "from now on print commands are ignored", play: refuse(RefuseSilent)},
		{name: "ams_swap", doc: "the last AMS unit is taken off; 60 s later another takes its place", play: playSwap, when: func(m model) bool { return len(m.ams) > 0 }},
		{name: "tray_emptied", doc: "the first slot is emptied; 60 s later it holds another spool", play: playEmptied, when: func(m model) bool { return len(m.ams) > 0 }},
		{name: "power_off_zeros", doc: "on the way down the printer sends zeros for AMS and slots, and is away for 60 s", play: playPowerOff},
		{name: "drying", doc: "a unit dries for ten minutes", play: playDrying},
		{name: "nozzle_switch", doc: "both nozzles are loaded and take turns", play: playNozzles, when: func(m model) bool { return m.nozzles == 2 }},
		{name: "foreign_acks", doc: "answers to other clients and to the printer's own G-code", play: playForeign},
		{name: "garbage", doc: "messages that no decoder should stumble over, then a full report", play: playGarbage},
		{name: "unknown_stage", doc: "a stage that nobody knows, for 20 s", play: playStage},
		{name: "gap_job_change", doc: "one job ends and the next begins while nobody can connect", play: playGap},
		{name: "door", doc: "the door is opened for 20 s", play: playDoor, when: func(m model) bool { return m.tree }},
		{name: "firmware", doc: "a newer firmware is offered", play: func(_ *Printer, m *machine) { m.offered = "99.00.00.00" }},
	}
}

// testJob is a short print from the first slot there is.
func (m *machine) testJob() Job {
	j := Job{Name: "Test part", Plate: 1, Layers: 40, Duration: 10 * time.Minute, Prepare: 30 * time.Second, Nozzle: 220, Bed: 60, Grams: []float64{15.2}, Metres: []float64{5.1}}
	if len(m.units) > 0 {
		j.Slots = []int{m.units[0].wire(0)}
	}
	return j
}

// whilePrinting does something five seconds into a first layer or later, and
// starts a print for it if there is none.
func (m *machine) whilePrinting(do func(*machine)) {
	if m.state == statePause {
		m.resume()
	}
	if m.run == nil {
		m.accept(m.testJob())
	}
	m.run.insert(event{max(m.run.clock, m.run.prepare) + 5*time.Second, do})
}

func playPauseUser(_ *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		m.pauseWith(errorPaused, 16)
		m.after(30*time.Second, (*machine).resume)
	})
}

func playPauseFault(_ *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		m.tellState = 5
		m.raise(0x0C000100, 0x00020017)
		m.after(1700*time.Millisecond, func(m *machine) { m.pauseWith(errorCamera, m.stage) })
		m.after(3300*time.Millisecond, func(m *machine) { m.failCode = m.printError })
		m.after(45*time.Second, (*machine).resume)
	})
}

func playRunout(_ *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		m.raise(0x07007000, 0x00020007)
		m.pauseWith(errorRunout, 6)
		u, slot := m.find(m.trayNow)
		if u != nil {
			u.trays[slot].filled = false
		}
		m.atExtruder = false
		m.after(time.Minute, func(m *machine) {
			if u, slot := m.find(m.trayNow); u != nil {
				u.trays[slot].filled = true
			}
			m.atExtruder = true
			m.resume()
		})
	})
}

func playCancelAck(_ *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		m.emit("print", document{"command": "stop", "param": "", "sequence_id": "20011", "result": "success", "reason": "success"})
		m.after(1500*time.Millisecond, func(m *machine) { m.cancel(NoCode) })
	})
}

func playFailInPrint(_ *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		m.raise(0x03001A00, 0x00020002)
		m.after(3*time.Second, func(m *machine) { m.fail(errorClogged) })
	})
}

func playFailInPrepare(_ *Printer, m *machine) {
	j := m.testJob()
	j.Duration, j.Prepare = 20*time.Minute, recordedPrepare
	m.accept(j)
	at := 3 * time.Second
	if !m.model.tree {
		at = 8 * time.Second
	}
	m.run.insert(event{at, func(m *machine) { m.fail(errorFile) }})
}

func playFlicker(_ *Printer, m *machine) {
	const attr, code = 0x05000300, 0x00020001
	for i := range 3 {
		begin := time.Duration(i) * 65 * time.Second
		m.after(begin, func(m *machine) { m.raise(attr, code) })
		m.after(begin+25*time.Second, func(m *machine) { m.clear(attr, code) })
	}
}

func playDismiss(_ *Printer, m *machine) {
	m.whilePrinting(func(m *machine) {
		m.cancel(CodeWithState)
		m.after(30*time.Second, (*machine).dismiss)
	})
}

func playWrongCode(p *Printer, _ *machine) {
	p.server.setCode("00000000")
	p.server.drop()
}

func playSwap(_ *Printer, m *machine) {
	if len(m.units) == 0 {
		return
	}
	last := m.units[len(m.units)-1]
	m.removeUnit(last.id)
	m.after(time.Minute, func(m *machine) { _ = m.addUnit(last.kind.name) })
}

func (m *machine) removeUnit(id int) {
	m.units = slices.DeleteFunc(slices.Clone(m.units), func(u unit) bool { return u.id == id })
}

func (m *machine) addUnit(kind string) error {
	u, err := m.makeUnit(m.units, kind)
	if err == nil {
		m.units = append(slices.Clone(m.units), u)
	}
	return err
}

func playEmptied(_ *Printer, m *machine) {
	if len(m.units) == 0 {
		return
	}
	id := m.units[0].id
	m.fill(id, 0, false)
	m.after(time.Minute, func(m *machine) {
		if u := m.unit(id); u != nil {
			u.trays[0].filament, u.trays[0].filled = spools()[5], true
		}
	})
}

// fill puts the spool of a slot in or takes it out.
func (m *machine) fill(id, slot int, filled bool) {
	if u := m.unit(id); u != nil && slot >= 0 && slot < len(u.trays) {
		u.trays[slot].filled = filled
	}
}
