package simulator

import (
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Words of gcode_state.
const (
	stateIdle    = "IDLE"
	statePrepare = "PREPARE"
	stateRunning = "RUNNING"
	statePause   = "PAUSE"
	stateFinish  = "FINISH"
	stateFailed  = "FAILED"
)

// Codes of print_error that the simulation uses.
const (
	errorCancelled = 0x0300400C
	errorPaused    = 0x03008001
	errorRunout    = 0x07008011
	errorCamera    = 0x0500808F
	errorClogged   = 0x03004006
	errorFile      = 0x05004003
)

// hmsEntry is one entry of print.hms.
type hmsEntry struct {
	Attr uint32 `json:"attr"`
	Code uint32 `json:"code"`
}

// event is something that happens to the machine at a time of its clock.
type event struct {
	at time.Duration
	do func(*machine)
}

// nozzle is one hotend.
type nozzle struct {
	heat heater
	slot int // wire tray that is loaded, -1 none
}

// machine is the printer behind the server. It is moved by one caller at a time.
type machine struct {
	model   model
	serial  string
	name    string
	omitMsg bool
	full    bool
	refuse  Refusal
	loop    bool
	jobs    []Job
	send    func([]byte)
	heard   func() bool // somebody is listening
	log     *slog.Logger
	random  *rand.Rand

	clock    time.Duration // since power-on
	epoch    time.Time     // wall time at clock 0
	queue    []event       // ordered by time
	reportAt time.Duration
	quiet    time.Duration // no periodic report before
	deaf     time.Duration // no report and no answer before
	sequence int
	sent     map[string]any // what clients of a delta printer know

	state, printStage     string
	stage, subStage       int
	stages                []int
	percent, remaining    int
	layer, layers         int
	task, file, printType string
	taskID                int
	printError, failCode  uint32
	shownError            uint32 // what mc_err is made of
	tellState             int    // print.state of the newer dialect
	hms                   []hmsEntry
	run                   *run
	played                int
	sentJobs              []sentJob // whose files are on the storage
	mapping               []int
	skipped               []int
	stopWay               Cancel // how the code of a stop is told
	offered               string // newer firmware

	nozzles            []nozzle
	active             int
	bed, chamber       heater
	part, aux, exhaust int // percent
	level, toldLevel   int
	lights             map[string]string
	airMode            int
	door               bool
	units              []unit
	trayNow, trayTar   int
	trayPre, amsStatus int
	atExtruder         bool
	powerOff           bool
	homed              bool
	wifi               int
	options            map[string]bool
}

// newMachine checks the options, fills them in and makes the machine.
func newMachine(o *Options) (*machine, error) {
	row, err := findModel(o.Model)
	if err != nil {
		return nil, err
	}
	if err := o.complete(row); err != nil {
		return nil, err
	}
	row = row.with(o.Firmware)
	m := &machine{
		model: row, serial: o.Serial, name: o.Name, omitMsg: o.OmitMsg || row.omitMsg,
		full: o.Reports == "full" || o.Reports == "" && row.full, refuse: o.Refuse, loop: o.Loop, jobs: o.Jobs,
		send: func([]byte) {}, heard: func() bool { return true }, log: o.Log, random: rand.New(rand.NewPCG(o.Seed, 0x5eed)), epoch: o.Now(),
		sequence: 400, taskID: 3000, options: map[string]bool{},
	}
	kinds := o.AMS
	if kinds == nil {
		kinds = row.ams
	}
	if m.units, err = m.makeUnits(kinds); err != nil {
		return nil, err
	}
	m.lights = map[string]string{"chamber_light": "on"}
	if row.tree {
		m.lights["work_light"] = "flashing"
	}
	if row.nozzles == 2 {
		m.lights["chamber_light2"] = "on"
	}
	for range row.nozzles {
		m.nozzles = append(m.nozzles, nozzle{heat: newHeater(24, 4.5, 70), slot: -1})
	}
	m.bed, m.chamber = newHeater(23, 0.75, 900), newHeater(25, 0.06, 1800)
	m.boot()
	return m, nil
}

// boot sets what is lost when the power goes.
func (m *machine) boot() {
	m.state, m.printStage, m.printType = stateIdle, "1", "idle"
	m.stage, m.subStage, m.stages = 0, 0, nil
	m.percent, m.remaining, m.layer, m.layers = 0, 0, 0, 0
	m.printError, m.failCode, m.shownError, m.hms, m.run = 0, 0, 0, nil, nil
	m.tellState, m.level, m.toldLevel, m.wifi = 1, 2, 2, -60
	m.trayNow, m.trayTar, m.trayPre, m.amsStatus = 255, 255, 255, 0
	m.homed, m.atExtruder, m.powerOff = false, false, false
	m.part, m.aux, m.exhaust = 0, 0, 0
	for i := range m.nozzles {
		m.nozzles[i].heat.target, m.nozzles[i].slot = 0, -1
	}
	m.bed.target, m.chamber.target = 0, 0
	m.queue, m.sent = nil, nil
	m.reportAt = m.clock + m.period()
}

// now is the wall time as the printer's clock has it.
func (m *machine) now() time.Time { return m.epoch.Add(m.clock) }

// printing tells whether a print is under way.
func (m *machine) printing() bool { return m.run != nil }

// after plans something; a report follows it at once.
func (m *machine) after(d time.Duration, do func(*machine)) {
	e := event{at: m.clock + d, do: do}
	i := slices.IndexFunc(m.queue, func(o event) bool { return o.at > e.at })
	if i < 0 {
		i = len(m.queue)
	}
	m.queue = slices.Insert(m.queue, i, e)
}

// period is the time to the next periodic report, with the jitter printers have.
func (m *machine) period() time.Duration {
	p := m.model.idle
	if m.printing() {
		p = m.model.printing
	}
	return time.Duration(float64(p) * (0.9 + 0.2*m.random.Float64()))
}

// next is how long nothing will happen by itself.
func (m *machine) next() time.Duration {
	wait := m.reportAt - m.clock
	if len(m.queue) > 0 {
		wait = min(wait, m.queue[0].at-m.clock)
	}
	if m.run != nil {
		if d, ok := m.run.next(m.pace()); ok {
			wait = min(wait, d)
		}
	}
	return max(wait, 0)
}

// advance moves the clock. Every periodic report of that time is sent if every
// is set; else only the last one, for those who run fast. A report that tells
// of an event is always sent.
func (m *machine) advance(d time.Duration, every bool) {
	end, due := m.clock+d, false
	for {
		m.fire()
		if m.clock >= m.reportAt {
			m.reportAt = m.clock + m.period()
			due = !every
			if every {
				m.report()
			}
		}
		if m.clock >= end {
			break
		}
		m.elapse(min(end-m.clock, max(m.next(), time.Millisecond)))
	}
	if due {
		m.report()
	}
}

// fire does everything that is due, and reports after each of them.
func (m *machine) fire() {
	for len(m.queue) > 0 && m.queue[0].at <= m.clock {
		e := m.queue[0]
		m.queue = m.queue[1:]
		e.do(m)
		m.report()
	}
	for m.run != nil && m.run.due() {
		step := m.run.take()
		step.do(m)
		m.report()
	}
}

// elapse lets time pass without an event.
func (m *machine) elapse(d time.Duration) {
	m.clock += d
	for i := range m.nozzles {
		m.nozzles[i].heat.elapse(d)
	}
	m.bed.elapse(d)
	m.wobble()
	m.chamber.base = 24 + max(0, m.bed.now-30)*0.28
	m.chamber.elapse(d)
	for i := range m.units {
		m.units[i].elapse(d)
	}
	if m.run != nil && !m.run.paused {
		m.run.clock += time.Duration(float64(d) * m.pace())
		m.progress()
	}
}

// wobble lets the sensors of the units waver a little, as far as full reports tell them.
func (m *machine) wobble() {
	if !m.model.tree {
		return
	}
	for i := range m.units {
		m.units[i].box.base = 25.5 + 0.6*math.Sin(m.clock.Minutes()/7+float64(i))
	}
}

// pace is how fast a print goes at the chosen speed level.
func (m *machine) pace() float64 {
	switch m.level {
	case 1:
		return 0.5
	case 3:
		return 1.24
	case 4:
		return 1.66
	default:
		return 1
	}
}
