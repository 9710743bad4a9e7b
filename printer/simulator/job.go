package simulator

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// recordedPrepare is how long a recorded printer took from the accepted file to the first layer.
const recordedPrepare = 325 * time.Second

// retract is how long the machine pulls its filament back after the last layer.
const retract = 32 * time.Second

// Job is one thing to print.
type Job struct {
	// Name is what the printer calls the job.
	Name string
	// Plate is the plate of the file, from 1.
	Plate int
	// Layers and Duration are those of the whole print, with its preparation.
	Layers   int
	Duration time.Duration
	// Prepare is the time until the first layer; 0 means as recorded, at most a quarter of Duration.
	Prepare time.Duration
	// Nozzle, Bed and Chamber are temperatures in °C; Chamber 0 leaves it alone.
	Nozzle, Bed, Chamber float64
	// Slots are the wire numbers of the trays, in the order of the job's filaments; none means the external spool.
	Slots []int
	// Grams and Metres are what the sliced file says, one of each per filament.
	Grams, Metres []float64
	// Objects are the names of what is on the plate; none is one of the job's name.
	Objects []string
	// Cloud makes it a job that did not come over the local network.
	Cloud bool
}

// DemoJobs are the prints of a demonstration on that model.
func DemoJobs(model string) []Job {
	switch model {
	case "A1", "A1 mini":
		return []Job{
			{Name: "Cable clip for desk edge", Plate: 1, Layers: 84, Duration: 38 * time.Minute, Nozzle: 220, Bed: 65, Slots: []int{0, 2}, Grams: []float64{11, 4.2}, Metres: []float64{3.7, 1.4},
				Objects: []string{"Clip", "Clip, wide", "Cover"}},
			{Name: "Plant label set", Plate: 1, Layers: 18, Duration: 24 * time.Minute, Nozzle: 220, Bed: 65, Slots: []int{1, 3}, Grams: []float64{8.4, 1.3}, Metres: []float64{2.8, 0.43}},
			{Name: "Würfelbecher", Plate: 2, Layers: 310, Duration: 95 * time.Minute, Nozzle: 225, Bed: 65, Slots: []int{3}, Grams: []float64{61.7}, Metres: []float64{20.6}},
		}
	case "H2D":
		return []Job{
			{Name: "Gearbox housing", Plate: 1, Layers: 210, Duration: 140 * time.Minute, Nozzle: 255, Bed: 80, Chamber: 45, Slots: []int{2, 6}, Grams: []float64{142.6, 8.9}, Metres: []float64{46.7, 2.9}},
			{Name: "Two-colour sign", Plate: 1, Layers: 26, Duration: 55 * time.Minute, Nozzle: 220, Bed: 60, Slots: []int{0, 5}, Grams: []float64{38.1, 6.2}, Metres: []float64{12.7, 2.1}},
		}
	default:
		return []Job{
			{Name: "Wall bracket", Plate: 1, Layers: 240, Duration: 72 * time.Minute, Nozzle: 220, Bed: 60, Slots: []int{1}, Grams: []float64{48.3}, Metres: []float64{16.1}},
			{Name: "Drawer organiser", Plate: 3, Layers: 160, Duration: 110 * time.Minute, Nozzle: 250, Bed: 75, Slots: []int{2}, Grams: []float64{96.5}, Metres: []float64{31.6}, Cloud: true},
			{Name: "Keyring", Plate: 1, Layers: 15, Duration: 18 * time.Minute, Nozzle: 220, Bed: 60, Slots: []int{0, 3}, Grams: []float64{4.1, 0.9}, Metres: []float64{1.4, 0.3}},
		}
	}
}

// run is a print under way. Its clock stands still while the print is paused.
type run struct {
	job     Job
	clock   time.Duration
	prepare time.Duration // first layer
	end     time.Duration
	scale   float64 // of the recorded preparation
	steps   []event
	paused  bool
	tray    int // place in job.Slots
}

// due tells whether a step's time has come.
func (r *run) due() bool { return len(r.steps) > 0 && !r.paused && r.steps[0].at <= r.clock }

func (r *run) take() event {
	e := r.steps[0]
	r.steps = r.steps[1:]
	return e
}

// insert adds a step to the plan.
func (r *run) insert(e event) {
	i := slices.IndexFunc(r.steps, func(o event) bool { return o.at > e.at })
	if i < 0 {
		i = len(r.steps)
	}
	r.steps = slices.Insert(r.steps, i, e)
}

// next is how long the machine's clock may go on before a step is due.
func (r *run) next(pace float64) (time.Duration, bool) {
	if r.paused || len(r.steps) == 0 {
		return 0, false
	}
	return time.Duration(math.Ceil(float64(r.steps[0].at-r.clock)/pace)) + 1, true
}

// start begins a job, as if its file had been accepted just now.
func (m *machine) start(j Job) {
	if j.Duration <= 0 {
		j.Duration = time.Hour
	}
	prepare := j.Prepare
	if prepare <= 0 {
		prepare = min(recordedPrepare, j.Duration/4)
	}
	prepare = min(prepare, j.Duration)
	m.run = &run{job: j, prepare: prepare, end: j.Duration, scale: min(1, float64(prepare)/float64(recordedPrepare))}
	m.taskID++
	m.skipped = nil
	m.keep(j)
	m.run.steps = m.script(m.run)
}

// attach makes a print that has been going on for a part of its time, as a
// client finds it that connects late.
func (m *machine) attach(part float64) {
	if len(m.jobs) == 0 {
		return
	}
	heard := m.heard
	m.heard = func() bool { return false }
	m.start(m.nextJob())
	for m.run.clock < m.run.prepare {
		m.advance(m.run.prepare-m.run.clock+time.Second, false)
	}
	m.run.clock += time.Duration(part * float64(m.run.end-m.run.prepare))
	m.progress()
	m.advance(time.Second, false)
	m.heard, m.sent = heard, nil
}

// maxSent is how many files the storage holds.
const maxSent = 50

// keep notes that the file of a job lies on the storage from now on.
func (m *machine) keep(j Job) {
	m.sentJobs = append(slices.DeleteFunc(m.sentJobs, func(o sentJob) bool { return o.Name == j.Name }), sentJob{j, m.now()})
	if len(m.sentJobs) > maxSent {
		m.sentJobs = m.sentJobs[1:]
	}
}

func (m *machine) nextJob() Job {
	j := m.jobs[m.played%len(m.jobs)]
	m.played++
	return j
}

// script is the plan of a print: what was recorded, scaled to its preparation.
func (m *machine) script(r *run) []event {
	at := func(s float64) time.Duration { return time.Duration(s * r.scale * float64(time.Second)) }
	steps := []event{{at(2.1), (*machine).prepareJob}, {at(3.9), (*machine).beginRunning}}
	if !m.model.tree {
		steps = []event{{at(3.3), (*machine).announce}, {at(6.4), (*machine).prepareJob}, {at(10.5), (*machine).beginRunning}}
	}
	first := 2
	if m.model.heatedChamber {
		first = 29
	}
	steps = append(steps,
		event{at(13), func(m *machine) { m.stage = first }},
		event{at(19), func(m *machine) { m.stage, m.subStage, m.homed = 13, 1, true }},
		event{at(41), (*machine).firstFilament},
		event{at(134), func(m *machine) { m.percent = 1; m.remain() }},
		event{at(140), func(m *machine) { m.stage, m.subStage = 3, 0; m.heat(170) }},
		event{at(177), func(m *machine) { m.stage, m.subStage, m.part = 14, 2, 93 }},
		event{at(210), func(m *machine) { m.percent = 6; m.remain() }},
		event{at(230), func(m *machine) { m.stage, m.subStage = 1, 1; m.heat(140) }},
		event{at(300), func(m *machine) { m.heat(m.run.job.Nozzle); m.part = 0 }},
		event{r.prepare, func(m *machine) { m.stage, m.subStage, m.layer, m.percent = 0, 1, min(1, m.layers), 7 }})
	changes := max(0, len(r.job.Slots)-1)
	last := r.end - time.Duration(float64(retract)*r.scale)
	for i := range changes {
		steps = append(steps, event{r.prepare + (last-r.prepare)*time.Duration(i+1)/time.Duration(changes+1), (*machine).nextFilament})
	}
	return append(steps,
		event{last, (*machine).pullBack},
		event{r.end - at(2), func(m *machine) { m.percent, m.remaining, m.toldLevel = 100, 0, 253 }},
		event{r.end, (*machine).finish})
}

// announce is the first thing older boards say of a new job: its name, while
// the state and the 100 % are still those of the old one.
func (m *machine) announce() {
	j := m.run.job
	m.state, m.task, m.printType = stateIdle, j.Name, "local"
	if j.Cloud {
		m.printType = "cloud"
	}
	m.file = j.fileName()
	if m.model.tree {
		m.file = "/data/" + j.gcode()
	}
}

func (m *machine) prepareJob() {
	m.announce()
	m.state, m.tellState = statePrepare, 2
	m.stages = []int{2, 13, 4, 3, 14, 1}
	if m.model.heatedChamber {
		m.stages = []int{29, 13, 4, 14, 1, 3}
	}
	m.mapping = nil
	for _, slot := range m.run.job.Slots {
		m.mapping = append(m.mapping, m.snow(0, slot))
	}
	m.printError = 0
}

func (m *machine) beginRunning() {
	j := m.run.job
	m.state, m.tellState, m.printStage, m.stage = stateRunning, 4, "2", 2
	m.percent, m.layer, m.layers, m.failCode = 0, 0, j.Layers, 0
	m.remain()
	if len(m.nozzles) == 2 && len(j.Slots) > 0 {
		if u, _ := m.find(j.Slots[0]); u != nil {
			m.active = u.extruder
		}
	}
	m.heat(140)
	m.bed.target = j.Bed
	if m.model.heatedChamber {
		m.chamber.target = j.Chamber
	}
}

// heat sets the target of the nozzle that is printing.
func (m *machine) heat(target float64) { m.nozzles[m.active].heat.target = target }

func (m *machine) firstFilament() {
	m.stage, m.subStage = 4, 2
	m.heat(m.run.job.Nozzle)
	slots := m.run.job.Slots
	if len(slots) == 0 {
		m.seat(trayExternal)
		m.atExtruder = true
		return
	}
	m.change(slots[0])
}

func (m *machine) change(wire int) {
	m.load(wire, m.run.scale, func(m *machine) { m.amsStatus = 768 })
}

// nextFilament changes to the next slot of the job in the middle of the print.
func (m *machine) nextFilament() {
	r := m.run
	r.tray = (r.tray + 1) % len(r.job.Slots)
	m.stage = 4
	old := m.active
	m.load(r.job.Slots[r.tray], r.scale, func(m *machine) {
		m.amsStatus, m.stage = 768, 0
		if m.active != old {
			m.nozzles[old].heat.target = 0
			m.heat(r.job.Nozzle)
		}
	})
}

// pullBack happens before FINISH: the bed is off, the filament goes back to its slot.
func (m *machine) pullBack() {
	m.bed.target, m.chamber.target, m.part, m.aux, m.exhaust = 0, 0, 0, 0, 0
	m.stage, m.subStage = m.noStage(), 4
	if m.trayNow != trayNone && m.trayNow != trayExternal {
		m.load(trayNone, m.run.scale, func(m *machine) { m.heat(0); m.subStage = 0 })
		return
	}
	m.heat(0)
}

// noStage is what stg_cur says when there is none.
func (m *machine) noStage() int {
	if m.model.tree {
		return -1
	}
	return 255
}

func (m *machine) finish() {
	m.consume(1)
	m.state, m.tellState = stateFinish, 6
	m.percent, m.remaining = 100, 0
	m.wrapUp()
}

// wrapUp is what the end of a print leaves behind, however it ended.
func (m *machine) wrapUp() {
	m.printStage, m.stage, m.subStage, m.toldLevel = "1", m.noStage(), 0, m.level
	m.run = nil
	m.bed.target, m.chamber.target, m.part, m.aux, m.exhaust = 0, 0, 0, 0, 0
	for i := range m.nozzles {
		m.nozzles[i].heat.target = 0
	}
	if !m.model.tree {
		m.file, m.stages, m.printType, m.homed = "", nil, "idle", false
	}
	if m.loop {
		m.after(time.Duration(60+m.random.IntN(60))*time.Second, (*machine).again)
	}
}

// again starts the next job if the printer is free.
func (m *machine) again() {
	if m.run == nil && len(m.jobs) > 0 {
		m.accept(m.nextJob())
	}
}

// accept starts a job and tells everybody, as the acknowledgement of the one who sent it does.
func (m *machine) accept(j Job) {
	m.start(j)
	m.emit("print", m.fileReceipt(j, "20000"))
}

// consume takes the filament of a part of the job from its spools.
func (m *machine) consume(part float64) {
	for i, wire := range m.run.job.Slots {
		u, slot := m.find(wire)
		if u == nil || i >= len(m.run.job.Grams) || u.trays[slot].remain < 0 {
			continue
		}
		used := int(math.Round(m.run.job.Grams[i] * part / 10))
		u.trays[slot].remain = max(1, u.trays[slot].remain-used)
	}
}

// progress derives percent, layer and rest from the print's clock.
func (m *machine) progress() {
	r := m.run
	last := r.end - time.Duration(float64(retract)*r.scale)
	if r.clock < r.prepare || m.state != stateRunning || r.clock > last {
		return
	}
	part := float64(r.clock-r.prepare) / float64(max(1, last-r.prepare))
	m.layer = min(m.layers, 1+int(part*float64(m.layers)))
	m.percent = min(99, 7+int(part*92))
	if r.scale*part > 0.01 && m.layer > 1 {
		m.part = 80
	}
	m.remain()
}

func (m *machine) remain() {
	m.remaining = int(math.Ceil((m.run.end - m.run.clock).Minutes() / m.pace()))
}

func (j Job) fileName() string { return j.Name + ".gcode.3mf" }

func (j Job) gcode() string { return fmt.Sprintf("Metadata/plate_%d.gcode", max(1, j.Plate)) }
