package discovery

import (
	"github.com/printwire/printwire/printer"
)

// platform is Home Assistant's name of an entity's kind.
type platform string

const (
	sensor       platform = "sensor"
	binarySensor platform = "binary_sensor"
	button       platform = "button"
	onOffSwitch  platform = "switch"
	light        platform = "light"
	fan          platform = "fan"
	number       platform = "number"
	choice       platform = "select"
	update       platform = "update"
	event        platform = "event"
	trigger      platform = "device_automation"
	picture      platform = "image"
)

// shows tells whether Home Assistant takes "None" for unknown on the platform's state topic.
func (p platform) shows() bool { return p != update && p != picture }

// category is where Home Assistant puts an entity on its device's page.
type category string

const (
	diagnostic category = "diagnostic"
	config     category = "config"
)

// pace is how often a value may be published.
type pace uint8

const (
	// atOnce publishes every change.
	atOnce pace = iota
	// degrees publishes a change of 0.5 at once, a smaller one 10 s after the last.
	degrees
	// rarely publishes at most once a minute.
	rarely
	// moments publishes when the time moved by more than 2 minutes, or the activity changed.
	moments
)

// view is what a row sees: one printer and, for a unit's row, the unit.
type view struct {
	*printer.Snapshot
	// s is the Snapshot's State.
	s *printer.State
	// unit is the filament changer; its zero value while it is absent.
	unit *printer.Unit
	// kept are the numbers that people set and the bridge keeps.
	kept map[string]float64
	// last is how the last print ended.
	last lastJob
	d    *Discovery
}

// fill appends a value to dst; appending nothing means unknown.
type fill func(dst []byte, v *view) []byte

// bounds are the limits of a number.
type bounds struct{ min, max, step float64 }

// row is one entity.
type row struct {
	key      string
	platform platform
	name     string
	// class is the device class; state the state class.
	class, state, unit, icon string
	category                 category
	// money: the unit is the currency that is set.
	money bool
	// hidden: disabled until a person enables it.
	hidden bool
	// always: it depends on the bridge's availability alone.
	always bool
	pace   pace
	// options are the words of an enum or a select.
	options func(v *view) []string
	bounds  func(v *view) bounds
	// when tells whether the entity exists; nil is always. Once true it stays
	// true for this device, unless passing.
	when    func(v *view) bool
	passing bool
	value   fill
	// content is what goes out instead of a value, which then only names it. It
	// is called without the lock, and may take its time.
	content func(d *Discovery, value []byte) []byte
	// attributes is a JSON object without values that change often; "" means {}.
	attributes fill
	// part is a second topic <key>/<part>, for the platforms that need one.
	part      string
	partValue fill
	// command makes the command of an accepted payload.
	command func(v *view, in input) printer.Command
	// moves: the printer refuses it while it is read-only; then the entity is
	// shown without its control, or left out.
	moves bool
	// keeps: the number is not sent but kept by the bridge.
	keeps bool
	// act is what a row of the bridge's own device does.
	act func(d *Discovery, in input) error
	// types are an event entity's types.
	types []string
	// about is a sentence for the documentation.
	about string
}

// input is a payload that the row's parser accepted.
type input struct {
	// part is "" or the row's part.
	part   string
	on     bool
	number float64
	word   string
}

// taken tells whether the row has a command topic.
func (r *row) taken() bool { return r.command != nil || r.act != nil || r.keeps }

// shown is the row of a read-only printer: the same value without a control.
// ok is false when nothing is left to show.
func (r row) shown() (row, bool) {
	r.command, r.moves = nil, false
	switch r.platform {
	case number:
		r.platform, r.state, r.category = sensor, "measurement", ""
		r.bounds = nil
	case choice:
		r.platform, r.class, r.category = sensor, "enum", ""
	case fan:
		r.platform, r.state, r.unit, r.category = sensor, "measurement", "%", ""
		r.value, r.part, r.partValue = r.partValue, "", nil
	case onOffSwitch:
		r.platform, r.category = binarySensor, diagnostic
	default:
		return r, false
	}
	return r, !r.keeps
}

// exists tells whether the row applies now.
func (r *row) exists(v *view) bool { return r.when == nil || r.when(v) }

// table is a set of rows, shared by all devices of a kind.
type table struct {
	rows []row
	// shown are the rows of a read-only printer, nil where nothing is left.
	shown []*row
}

func newTable(rows []row) *table {
	t := &table{rows: rows, shown: make([]*row, len(rows))}
	for i := range rows {
		r := &rows[i]
		if r.moves {
			if s, ok := r.shown(); ok {
				t.shown[i] = &s
			}
			continue
		}
		t.shown[i] = r
	}
	return t
}

// at is row i as a printer shows it, nil for not at all.
func (t *table) at(i int, readOnly bool) *row {
	if readOnly {
		return t.shown[i]
	}
	return &t.rows[i]
}
