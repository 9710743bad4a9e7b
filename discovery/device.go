package discovery

import (
	"slices"
	"strconv"
	"time"

	"github.com/printwire/printwire/printer"
)

// root is the first level of all our topics.
const root = "printwire"

const statusTopic = root + "/status"

// device is one device in Home Assistant: a printer, one of its filament
// changers, or the bridge.
type device struct {
	// id is the object id and identifier, for ever.
	id string
	// topics, unique and entity are what stands before a key in topics, unique ids and entity ids.
	topics, unique, entity string
	// owner is the printer it belongs to; nil for the bridge.
	owner *family
	// number is the wire id of a filament changer, -1 for none.
	number int
	table  *table
	// seen are the rows that existed once.
	seen []bool
	live []*row
	// head is what the announcement says about the device itself.
	head    head
	view    view
	unit    printer.Unit
	outlets []outlet
	// flushAt is when a held value is due, zero for never.
	flushAt time.Time
	// absentAt is since when the changer is missing while its printer reports.
	absentAt time.Time
	// revision counts the changes of head; parent is that of the printer when
	// the changer was last brought up to date.
	revision, parent int
	announcement
}

// family is a printer's device with those of its filament changers.
type family struct {
	id     int
	serial string
	slug   string
	snap   printer.Snapshot
	device *device
	units  []*device

	available string
	// documentAt is when the document was published; dirty: it is no longer the newest.
	documentAt time.Time
	dirty      bool
}

// topic is a topic of the printer.
func (f *family) topic(name string) string { return root + "/" + f.serial + "/" + name }

// head is the part of an announcement that is about the device. It is comparable.
type head struct {
	name, maker, model, hardware, software, serial, area, via string
	readOnly                                                  bool
	caps                                                      printer.Capabilities
	dryLimit                                                  int
}

// rank is how far a device is below the bridge.
func (dev *device) rank() int {
	switch {
	case dev.owner == nil:
		return 0
	case dev.number < 0:
		return 1
	default:
		return 2
	}
}

// newFamily makes the devices of a printer that is seen for the first time.
func (d *Discovery) newFamily(snap printer.Snapshot) *family {
	f := &family{id: snap.Config.ID, serial: snap.Config.Serial, slug: d.slugOf(snap.Config)}
	id := root + "_" + f.serial
	f.device = &device{id: id, topics: f.topic(""), unique: id + "_", entity: f.slug + "_", owner: f, number: -1, table: d.printerTable}
	f.device.view = view{Snapshot: &f.snap, s: &f.snap.State, unit: &f.device.unit, last: d.last[f.serial], d: d}
	d.adopt(f.device)
	d.printers[f.serial] = f
	return f
}

// newUnit makes the device of a filament changer.
func (d *Discovery) newUnit(f *family, number int) *device {
	n := "ams_" + strconv.Itoa(number) + "_"
	u := &device{id: f.device.unique + "ams_" + strconv.Itoa(number), topics: f.topic(n), unique: f.device.unique + n, entity: f.device.entity + n,
		owner: f, number: number, table: d.unitTable, unit: printer.Unit{ID: number}}
	u.view = view{Snapshot: &f.snap, s: &f.snap.State, unit: &u.unit, d: d}
	d.adopt(u)
	u.gone = u.gone || f.device.gone
	f.units = append(f.units, u)
	slices.SortFunc(f.units, func(a, b *device) int { return a.number - b.number })
	return u
}

// newBridge makes the bridge's own device.
func (d *Discovery) newBridge() {
	id := d.bridgeID()
	d.bridge = &device{id: id, topics: root + "/bridge/", unique: id + "_", entity: root + "_", number: -1, table: newTable(bridgeRows())}
	d.bridge.view = view{Snapshot: &printer.Snapshot{}, s: &printer.State{}, unit: &printer.Unit{}, d: d}
	d.adopt(d.bridge)
}

func (d *Discovery) bridgeID() string { return root + "_" + d.opts.InstallID }

// adopt gives a new device what is remembered of it.
func (d *Discovery) adopt(dev *device) {
	dev.seen = make([]bool, len(dev.table.rows))
	dev.told = d.told[dev.id].Components
	dev.gone = d.gone[dev.id]
	dev.view.kept = d.kept[dev.id]
	if dev.view.kept == nil {
		dev.view.kept = map[string]float64{}
		d.kept[dev.id] = dev.view.kept
	}
	d.devices[dev.id] = dev
}

// shape brings the device's entities up to date with its view, and tells
// whether its announcement changed.
func (d *Discovery) shape(dev *device) bool {
	h := d.headOf(dev)
	same := dev.outlets != nil && h == dev.head
	for i := range dev.table.rows {
		r := &dev.table.rows[i]
		exists := r.exists(&dev.view)
		switch {
		case r.passing && exists != dev.seen[i], exists && !dev.seen[i]:
			dev.seen[i], same = exists, false
		}
	}
	if same {
		return false
	}
	if h != dev.head {
		dev.head = h
		dev.revision++
	}
	dev.live = dev.live[:0]
	for i, seen := range dev.seen {
		if r := dev.table.at(i, h.readOnly); seen && r != nil {
			dev.live = append(dev.live, r)
		}
	}
	d.connect(dev)
	return true
}

// connect makes the outlets of the device's entities; values already published
// stay known, topics no longer used are swept.
func (d *Discovery) connect(dev *device) {
	old, n := dev.outlets, 0
	for _, r := range dev.live {
		for a := range aspects {
			if r.fill(a) != nil {
				n++
			}
		}
	}
	dev.outlets = make([]outlet, 0, n)
	for _, r := range dev.live {
		for a := range aspects {
			if r.fill(a) == nil {
				continue
			}
			o := outlet{row: r, aspect: a}
			o.muted = a == whole && !dev.gone && dev.told[r.key] != "" && dev.told[r.key] != r.platform
			dev.outlets = append(dev.outlets, o)
		}
	}
	for i := range old {
		o := &old[i]
		at := slices.IndexFunc(dev.outlets, func(n outlet) bool { return n.aspect == o.aspect && n.row.key == o.row.key && n.row.part == o.row.part })
		if at < 0 {
			// A fan of a read-only printer shows its percentage, and has no part.
			d.sweepLater(dev.topic(o))
			continue
		}
		n := &dev.outlets[at]
		n.last, n.sentAt, n.activity = o.last, o.sentAt, o.activity
	}
}

func (d *Discovery) headOf(dev *device) head {
	switch {
	case dev.owner == nil:
		return head{name: "Printwire", maker: "Printwire", model: "Bridge", software: clean(d.opts.Version, 64)}
	case dev.number >= 0:
		return d.unitHead(dev)
	}
	v := &dev.view
	h := head{
		name: clean(v.Config.Name, 64), maker: clean(v.s.Maker, 64), model: clean(v.s.Model, 64), hardware: clean(v.s.Hardware, 64),
		software: clean(v.s.Firmware, 64), serial: dev.owner.serial, area: clean(v.Config.Area, 64),
		readOnly: v.s.Caps.ReadOnly(), caps: v.s.Caps,
	}
	if !d.gone[d.bridgeID()] {
		h.via = d.bridgeID()
	}
	if h.name == "" {
		h.name = h.model
	}
	if h.name == "" {
		h.name = h.serial
	}
	return h
}

func (d *Discovery) unitHead(dev *device) head {
	p, u := d.headOf(dev.owner.device), dev.unit
	kind := clean(u.Kind, 64)
	if kind == "" {
		kind = "AMS"
	}
	return head{
		name: clean(p.name+" "+kind+" "+strconv.Itoa(place(dev.number)), 80), maker: p.maker, model: kind,
		software: clean(u.Firmware, 64), serial: clean(u.Serial, 64), area: p.area, via: dev.owner.device.id,
		readOnly: p.readOnly, dryLimit: u.MaxDryTemperature,
	}
}

// place is a changer's number as people count: from 1, those with one slot too.
func place(number int) int {
	switch {
	case number >= 128:
		return number - 127
	case number == 16:
		return 1
	default:
		return number + 1
	}
}
