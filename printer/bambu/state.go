package bambu

import (
	"strings"

	"github.com/printwire/printwire/printer"
)

// mapped are parts of the last State with what they were made from, so that
// they are made again only when that changed. What was handed over is never
// written to again.
type mapped struct {
	identity identity
	units    units
	external external
	skipped  skipped
	hms      entries
	stage    stageMade
	video    video
	ip       address
}

// identity is the model with what it was decided by.
type identity struct {
	made           bool
	changes        int
	serial, before string
	name           string
	model          Model
}

// stageMade is a slug with its id.
type stageMade struct {
	id   int
	slug string
}

// complete tells whether the printer has shown everything that it shows at
// all; until then a missing field says nothing.
func (d *document) complete() bool {
	return d.full || d.field("gcode_state") != nil && d.field("home_flag") != nil &&
		(d.field("nozzle_temper") != nil || d.field("device") != nil)
}

// state maps the document onto base: everything but Online, Problem, Activity,
// Faults, Caps.Control and what the life cycle decides of Job. Job's Progress,
// RemainingSeconds, Layer, TotalLayers, Name, File, Source, Plate, PrinterJob
// and SkippedObjects are raw. As long as the printer has not shown everything,
// fields that it has not sent keep what base has.
func (d *document) state(base printer.State) printer.State {
	s := base
	d.fill(&s, &base)
	return s
}

// fill is state without copies: s is what base is.
func (d *document) fill(s, base *printer.State) {
	if d.complete() {
		blank(s)
	}
	s.Family, s.Maker = Family, Maker
	model := d.identify(s)
	d.firmware(s, base)
	d.job(s)
	d.flags(s, model)
	d.heat(s, model)
	d.tools(s)
	d.fans(s, model)
	d.filament(s, base)
	d.capabilities(s, model)
}

// blank makes everything unknown that a complete report tells.
func blank(s *printer.State) {
	s.FirmwareAvailable, s.FirmwareProgress, s.Stage = "", printer.Opt[int]{}, ""
	s.Nozzles, s.ActiveNozzle = [2]printer.Nozzle{}, printer.Opt[int]{}
	s.Bed, s.Chamber, s.Fans, s.AirDuct = printer.Heater{}, printer.Heater{}, printer.Fans{}, ""
	unknown := printer.Opt[bool]{}
	s.ChamberLight, s.SecondLight, s.WorkLight, s.Door = unknown, unknown, unknown, unknown
	s.Recording, s.Timelapse, s.PromptSound, s.FilamentPresent = unknown, unknown, unknown, unknown
	s.WiFi, s.IPAddress, s.Storage, s.LiveView, s.Tool = printer.Opt[int]{}, "", "", "", ""
	s.Units, s.External, s.ActiveTray = nil, nil, printer.Opt[printer.TrayRef]{}
	j := &s.Job
	j.PrinterJob, j.Name, j.File, j.Source, j.SkippedObjects = "", "", "", "", nil
	none := printer.Opt[int]{}
	j.Progress, j.RemainingSeconds, j.Layer, j.TotalLayers, j.Plate = none, none, none, none, none
}

// identify fills what says which printer it is.
func (d *document) identify(s *printer.State) *Model {
	v, c := &d.versions, &d.mapped.identity
	ota := v.module("ota")
	if s.Serial == "" {
		s.Serial = ota.serial
	}
	if !c.made || c.changes != v.changes || c.serial != s.Serial || c.before != s.Model && c.name != s.Model {
		*c = identity{made: true, changes: v.changes, serial: s.Serial, before: s.Model}
		c.name, c.model = v.model(s.Serial, s.Model)
	}
	s.Model = c.name
	if ota.software != "" {
		s.Firmware = ota.software
	}
	if hw := v.hardware(); hw != "" {
		s.Hardware = hw
	}
	return &c.model
}

// foreign tells whether the printer is of a model that the table lacks. As
// long as it has not said what it is, it is not: what is shown by mistake
// would have to be shown for ever.
func (d *document) foreign(m *Model) bool { return m.Name == "" && d.versions.seen }

// job fills what the report says of the job; the life cycle decides what of
// it is true.
func (d *document) job(s *printer.State) {
	j := &s.Job
	set(&j.Progress, d.percent())
	minutes := first(d.field("mc_remaining_time").integer(0, 1e6), d.field("remain_time").integer(0, 1e6))
	if minutes.Known {
		j.RemainingSeconds = printer.Some(minutes.Value * 60)
	}
	set(&j.Layer, d.layer("layer_num"))
	set(&j.TotalLayers, d.layer("total_layer_num"))
	text := func(to *string, key string) {
		if n := d.field(key); n != nil {
			*to = strings.TrimSpace(n.string())
		}
	}
	text(&j.Name, "subtask_name")
	text(&j.File, "gcode_file")
	if n := d.field("print_type"); n != nil {
		j.Source = source(n.string())
	}
	if id := d.printerJob(); id != "" {
		j.PrinterJob = id
	}
	set(&j.Plate, first(plateOf(j.File), d.field("plate_idx").integer(1, 1000)))
	if n := d.field("s_obj"); n != nil {
		j.SkippedObjects = d.mapped.skipped.of(n)
	}
	if n := d.field("stg_cur"); n != nil {
		s.Stage = d.stageNow()
	}
}

func (d *document) percent() printer.Opt[int] {
	p := first(d.field("mc_percent").integer(0, 1e6), d.field("percent").integer(0, 1e6))
	p.Value = min(p.Value, 100)
	return p
}

func (d *document) layer(key string) printer.Opt[int] {
	return first(d.field(key).integer(0, 1e6), d.field("3D").at(key).integer(0, 1e6))
}

// source is where a job was started.
func source(printType string) string {
	switch printType {
	case "local", "cloud", "system":
		return printType
	default:
		return ""
	}
}

// id is a printer's id; "0" stands for none.
func (d *document) id(key string) string {
	if s := d.field(key).string(); s != "0" {
		return s
	}
	return ""
}

func (d *document) printerJob() string {
	for _, key := range []string{"task_id", "job_id", "subtask_id"} {
		if id := d.id(key); id != "" {
			return id
		}
	}
	return ""
}

// plateOf takes the plate from ".../plate_3.gcode"; P1 and A1 do not say it.
func plateOf(file string) printer.Opt[int] {
	_, rest, ok := strings.Cut(file, "/plate_")
	digits, isCode := strings.CutSuffix(rest, ".gcode")
	if !ok || !isCode {
		return printer.Opt[int]{}
	}
	f, ok := parseNumber(digits)
	return (&node{isNumber: ok, num: f}).integer(1, 1000)
}

// stageNow is the stage's slug. 0 means printing only in a job: a printer
// that has just started says 0 too.
func (d *document) stageNow() string {
	id := d.stageID()
	if id == 0 && !d.busy() {
		return ""
	}
	c := &d.mapped.stage
	if c.id != id || c.slug == "" {
		*c = stageMade{id, stageSlug(id)}
	}
	return c.slug
}

// stageID is stg_cur, -2 for unknown.
func (d *document) stageID() int { return d.field("stg_cur").integer(-1, 1e6).Or(-2) }

func (d *document) busy() bool {
	switch strings.ToUpper(d.field("gcode_state").string()) {
	case "RUNNING", "PAUSE", "PREPARE", "SLICING":
		return true
	default:
		return false
	}
}

// skipped are the ids of the objects left out.
type skipped struct {
	from *branch
	ids  []int
}

func (c *skipped) of(n *node) []int {
	if c.from == n.branch() {
		return c.ids
	}
	*c = skipped{from: n.branch()}
	for _, e := range n.items() {
		if id := e.integer(0, 1<<31); id.Known {
			c.ids = append(c.ids, id.Value)
		}
	}
	return c.ids
}
