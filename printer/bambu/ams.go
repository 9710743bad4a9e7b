package bambu

import (
	"slices"
	"strings"

	"github.com/printwire/printwire/printer"
)

// Wire ids of changers.
const (
	firstDryer = 128 // AMS HT: 128 to 135
	lastDryer  = 135
	liteOfA2L  = 16
	unitSlots  = 4
)

// dark tells whether an ams says what a printer sends while it is being
// switched off: no power, and not one changer or spool. power_on_flag alone
// is false in ordinary reports too. before has what now leaves out.
func dark(before, now *node) bool {
	get := func(key string) *node {
		if n := now.at(key); n != nil {
			return n
		}
		return before.at(key)
	}
	units, ok := get("ams_exist_bits").hex()
	trays, also := get("tray_exist_bits").hex()
	power := get("power_on_flag").boolean()
	return ok && also && units == 0 && trays == 0 && power.Known && !power.Value
}

// bitmaps are the words of ams that have a bit per changer or tray.
type bitmaps struct {
	units, trays, reading uint64
	// unitsKnown and traysKnown: the words were sent and can be believed.
	unitsKnown, traysKnown bool
}

func (d *document) bitmaps(ams *node) bitmaps {
	var b bitmaps
	b.units, b.unitsKnown = ams.at("ams_exist_bits").hex()
	b.trays, b.traysKnown = ams.at("tray_exist_bits").hex()
	b.reading, _ = ams.at("tray_reading_bits").hex()
	if power := ams.at("power_on_flag").boolean(); !d.zeros.stable && power.Known && !power.Value && b.trays == 0 {
		b.traysKnown = false
		b.unitsKnown = b.unitsKnown && b.units != 0
	}
	return b
}

// bitOf is a changer's bit and the bit of its first tray; -1 when there is none.
func bitOf(unit int) (unitBit, trayBit int) {
	switch {
	case unit >= 0 && unit < unitSlots:
		return unit, unit * unitSlots
	case unit >= firstDryer && unit <= lastDryer:
		return unitSlots + unit - firstDryer, 16 + unit - firstDryer
	default:
		return -1, -1
	}
}

// units are the changers, ascending by id, with what they were made from.
type units struct {
	key  unitsKey
	list []printer.Unit
	made []madeUnit
}

type unitsKey struct {
	made     bool
	list     *branch
	bits     bitmaps
	changes  int
	estimate bool
	nozzles  int
	model    string
}

// rest is the key without what a madeUnit says itself.
func (k unitsKey) rest() unitsKey {
	k.list, k.bits = nil, bitmaps{}
	return k
}

// madeUnit are the values that the changer at the same place of the list was
// made from.
type madeUnit struct {
	from *branch
	bits uint64
}

// filament fills changers, external spools and the tray in use.
func (d *document) filament(s, base *printer.State) {
	ams := d.field("ams")
	list := ams.at("ams")
	key := unitsKey{
		made: true, list: list.branch(), bits: d.bitmaps(ams), changes: d.versions.changes,
		estimate: d.homeBit(homeEstimate) == printer.Some(true),
		nozzles:  max(d.extruders(), base.Caps.Nozzles), model: s.Model,
	}
	if list != nil {
		if c := &d.mapped.units; c.key != key {
			d.remakeUnits(key, list.items(), base.Units)
		}
		s.Units = d.mapped.units.list
	}
	if list := d.mapped.external.of(d.field("vir_slot"), d.field("vt_tray")); list != nil {
		s.External = list
	}
	if d.activeKnown() {
		s.ActiveTray = d.activeTray(s)
	}
}

// remakeUnits makes anew what has changed.
func (d *document) remakeUnits(key unitsKey, list []node, before []printer.Unit) {
	c := &d.mapped.units
	bits, known := key.bits, c.key.rest() == key.rest()
	made, shown := make([]madeUnit, 0, len(list)), make([]printer.Unit, 0, len(list))
	for i := range list {
		n := &list[i]
		id := n.at("id").integer(0, 254)
		unitBit, trayBit := bitOf(id.Value)
		if !id.Known || bits.unitsKnown && unitBit >= 0 && bits.units>>unitBit&1 == 0 {
			continue
		}
		from := madeUnit{from: n.branch(), bits: bits.of(trayBit)}
		at := len(shown)
		for at > 0 && shown[at-1].ID > id.Value {
			at--
		}
		var u printer.Unit
		if was := slices.Index(c.made, from); known && was >= 0 {
			u = c.list[was]
		} else {
			u = d.unit(n, id.Value, from.bits, key)
			d.nameUnit(&u, before)
		}
		made, shown = slices.Insert(made, at, from), slices.Insert(shown, at, u)
	}
	c.key, c.made, c.list = key, made, shown
}

// Bits that unit takes: four trays' existence, four trays' reading, and
// whether existence is known.
const (
	readingShift = 4
	existKnown   = 1 << 8
)

func (b bitmaps) of(trayBit int) uint64 {
	if trayBit < 0 {
		return 0
	}
	own := b.trays>>trayBit&0xF | b.reading>>trayBit&0xF<<readingShift
	if b.traysKnown {
		own |= existKnown
	}
	return own
}

// unit maps one changer.
func (d *document) unit(n *node, id int, bits uint64, key unitsKey) printer.Unit {
	info, hasInfo := n.at("info").hex()
	kind := d.unitKind(id, info, key.model)
	u := printer.Unit{ID: id, Kind: kind.name, CanDry: kind.maxDry > 0, MaxDryTemperature: kind.maxDry}
	if kind.sensors {
		u.Humidity = n.at("humidity_raw").integer(1, 100)
		if i := n.at("humidity").integer(1, 5); i.Known {
			u.HumidityIndex = printer.Some(6 - i.Value)
		}
		if t := n.at("temp").celsius(); t.Value != 0 {
			u.Temperature = t
		}
	}
	if u.CanDry {
		drying(&u, n, info, hasInfo)
	}
	switch feeds := info >> 8 & 0xF; {
	case key.nozzles < 2:
		u.Nozzle = printer.Some(0)
	case hasInfo && feeds <= 1:
		u.Nozzle = printer.Some(int(feeds))
	}
	slots := unitSlots
	if id >= firstDryer {
		slots, bits = 1, bits&^0xEE
	}
	for _, t := range n.at("tray").items() {
		if slot := t.at("id").integer(0, slots-1); slot.Known {
			u.Trays = append(u.Trays, changerTray(&t, slot.Value, bits, key.estimate))
		}
	}
	slices.SortStableFunc(u.Trays, func(a, b printer.Tray) int { return a.Slot - b.Slot })
	return u
}

// nameUnit fills serial and firmware; until the printer has told them, those
// that were known before.
func (d *document) nameUnit(u *printer.Unit, before []printer.Unit) {
	id := itoa(u.ID)
	for _, k := range unitKinds() {
		if m := d.versions.module(k.module + id); m.name != "" {
			u.Serial, u.Firmware = m.serial, m.software
			return
		}
	}
	for _, b := range before {
		if b.ID == u.ID && !d.versions.seen {
			u.Serial, u.Firmware = b.Serial, b.Firmware
		}
	}
}

// joined tells whether a changer is there that was not before.
func joined(before, now []printer.Unit) bool {
	return slices.ContainsFunc(now, func(u printer.Unit) bool {
		return !slices.ContainsFunc(before, func(b printer.Unit) bool { return b.ID == u.ID })
	})
}

// unitKind is a row of the table of changers.
type unitKind struct {
	// code is bits 0–3 of info.
	code    uint64
	name    string
	module  string
	sensors bool
	maxDry  int
}

func unitKinds() []unitKind {
	return []unitKind{
		{1, "AMS", "ams/", true, 0},
		{2, "AMS Lite", "ams_f1/", false, 0},
		{3, "AMS 2 Pro", "n3f/", true, 65},
		{4, "AMS HT", "n3s/", true, 85},
		{5, "AMS Lite", "ams_f1/", false, 0},
	}
}

// unitKind goes by info, else by the module's name, else by the id and the model.
func (d *document) unitKind(id int, info uint64, model string) unitKind {
	kinds := unitKinds()
	for _, k := range kinds {
		if k.code == info&0xF {
			return k
		}
	}
	for _, k := range kinds {
		if d.versions.module(k.module+itoa(id)).name != "" {
			return k
		}
	}
	switch {
	case id >= firstDryer:
		return kinds[3]
	case id == liteOfA2L, strings.HasPrefix(model, "A1"):
		return kinds[1]
	default:
		return kinds[0]
	}
}

// drying fills what the unit's heater does.
func drying(u *printer.Unit, n *node, info uint64, hasInfo bool) {
	minutes := n.at("dry_time").integer(0, 1e5)
	if minutes.Known {
		u.DryingRemaining = printer.Some(minutes.Value * 60)
	}
	setting := n.at("dry_setting")
	u.DryingTarget = setting.at("dry_temperature").integer(1, 150)
	u.DryingHours = setting.at("dry_duration").integer(1, 1000)
	u.DryingFilament = setting.at("dry_filament").string()
	switch {
	case hasInfo:
		u.Drying = dryingStep(info>>4&0xF, info>>22&0xF)
	case minutes.Or(0) > 0:
		u.Drying = "drying"
	case minutes.Known:
		u.Drying = "off"
	}
}

// dryingStep is the step with the sub-step that tells heating up from drying.
func dryingStep(step, sub uint64) string {
	switch step {
	case 0:
		return "off"
	case 1, 7:
		return "checking"
	case 2:
		if sub == 1 {
			return "heating"
		}
		return "drying"
	case 3:
		return "cooling"
	case 4:
		return "stopping"
	case 5, 6:
		return "error"
	default:
		return ""
	}
}
