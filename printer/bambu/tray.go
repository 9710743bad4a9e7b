package bambu

import (
	"math"
	"strconv"
	"strings"

	"github.com/printwire/printwire/printer"
)

func itoa(i int) string { return strconv.Itoa(i) }

// changerTray maps a slot of a changer. Whether a spool is there is told by
// the changer's bits; the tray's own state is read differently by each
// firmware, and only decides where there are no bits.
func changerTray(n *node, slot int, bits uint64, estimate bool) printer.Tray {
	state := n.at("state").integer(0, 0xFF)
	reading := bits>>readingShift>>slot&1 == 1 || state.Or(0)&0x10 != 0
	t := printer.Tray{Slot: slot}
	switch exists := bits>>slot&1 == 1; {
	case bits&existKnown != 0 && !exists && !reading:
		t.Empty = printer.Some(true)
		return t
	case bits&existKnown != 0 && exists:
		t.Empty = printer.Some(false)
	case reading:
	case n.at("tray_type").string() != "" || state.Or(0)&1 == 1:
		t.Empty = printer.Some(false)
	default:
		t.Empty = printer.Some(true)
		return t
	}
	t.Reading = reading
	fillTray(&t, n, estimate)
	return t
}

// fillTray fills what is known of the spool.
func fillTray(t *printer.Tray, n *node, estimate bool) {
	t.Material = n.at("tray_type").string()
	t.Brand = n.at("tray_sub_brands").string()
	t.Name = n.at("tray_id_name").string()
	t.FilamentID = n.at("tray_info_idx").string()
	t.Tag, t.Spool = tag(n.at("tag_uid")), tag(n.at("tray_uuid"))
	if t.Material != "" {
		t.Color = color(n.at("tray_color").string())
		t.Colors = colors(n.at("cols").items())
	}
	if estimate && t.Tag != "" {
		t.Remaining = n.at("remain").integer(0, 100)
	}
	t.Weight = n.at("tray_weight").integer(1, 1e5)
	t.NozzleMin = n.at("nozzle_temp_min").integer(1, hottest)
	t.NozzleMax = n.at("nozzle_temp_max").integer(1, hottest)
	t.BedTemperature = n.at("bed_temp").integer(1, hottest)
	t.DryTemperature = first(n.at("drying_temp").integer(1, hottest), n.at("tray_temp").integer(1, hottest))
	t.DryHours = first(n.at("drying_time").integer(1, 1000), n.at("tray_time").integer(1, 1000))
	t.Diameter = diameter(n.at("tray_diameter"))
	if k := n.at("k").float(0, 10); k.Known && k.Value > 0 {
		t.PressureAdvance = printer.Some(math.Round(k.Value*1e5) / 1e5)
	}
}

// tag is an id of a spool's chip; without a chip it is all zeros.
func tag(n *node) string {
	s := n.string()
	if strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}

// color is RRGGBBAA in upper case, or "".
func color(s string) string {
	if len(s) == 6 {
		s += "FF"
	}
	if len(s) != 8 {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	return strings.ToUpper(s)
}

// maxColors bounds the colors of one spool.
const maxColors = 16

// colors are those of a spool with more than one, joined by commas.
func colors(items []node) string {
	var list []string
	for _, n := range items {
		if c := color(n.string()); c != "" && len(list) < maxColors {
			list = append(list, c)
		}
	}
	if len(list) < 2 {
		return ""
	}
	return strings.Join(list, ",")
}

// external are the spools beside the changers with what they were made from.
type external struct {
	slots, tray *branch
	list        []printer.Tray
}

// Wire ids of the external spools where there are two.
const (
	externalLeft  = 254
	externalRight = 255
)

// of prefers vir_slot; some firmware sends vt_tray beside it, with one of the
// two spools. nil means that neither was sent.
func (c *external) of(slots, tray *node) []printer.Tray {
	if slots.branch() == c.slots && tray.branch() == c.tray {
		return c.list
	}
	*c = external{slots: slots.branch(), tray: tray.branch()}
	list := slots.items()
	if len(list) == 0 && tray != nil {
		list = []node{*tray}
	}
	var left, right *printer.Tray
	for _, n := range list {
		t := &printer.Tray{Empty: printer.Some(n.at("tray_type").string() == "")}
		fillTray(t, &n, false)
		if id := n.at("id").integer(0, 255); len(list) > 1 && id == printer.Some(externalLeft) {
			t.Slot = 1
			left = t
		} else if n.form == formObject {
			right = t
		}
	}
	for _, t := range []*printer.Tray{right, left} {
		if t != nil {
			c.list = append(c.list, *t)
		}
	}
	return c.list
}

// activeKnown tells whether the report says which tray is in use.
func (d *document) activeKnown() bool {
	return d.activeSlot() != nil || d.extruders() < 2 && d.field("ams").at("tray_now") != nil
}

// activeSlot is snow of the active extruder, or nil.
func (d *document) activeSlot() *node {
	active := d.activeExtruder()
	if !active.Known {
		return nil
	}
	infos := d.field("device").path("extruder", "info").items()
	return element(infos, "id", digit(active.Value)).at("snow")
}

// activeTray is the tray that feeds the active extruder. tray_now is of no use
// with two: there it counts within the active side only.
func (d *document) activeTray(s *printer.State) printer.Opt[printer.TrayRef] {
	var ref printer.Opt[printer.TrayRef]
	if n := d.activeSlot(); n != nil {
		ref = slotRef(n)
	} else if d.extruders() < 2 {
		ref = trayNow(d.field("ams").at("tray_now"))
	}
	if !ref.Known || ref.Value.Unit == printer.ExternalUnit {
		return ref
	}
	if _, ok := s.Tray(ref.Value); !ok {
		return printer.Opt[printer.TrayRef]{}
	}
	return ref
}

// slotRef reads a word with the changer in its high byte and the slot in its low one.
func slotRef(n *node) printer.Opt[printer.TrayRef] {
	w, ok := n.bits()
	if !ok || w > 0xFFFF {
		return printer.Opt[printer.TrayRef]{}
	}
	unit, slot := int(w>>8), int(w&0xFF)
	switch {
	case slot == 0xFF, slot >= unitSlots:
		return printer.Opt[printer.TrayRef]{}
	case unit == externalRight:
		return printer.Some(printer.TrayRef{Unit: printer.ExternalUnit})
	case unit == externalLeft:
		return printer.Some(printer.TrayRef{Unit: printer.ExternalUnit, Slot: 1})
	}
	return printer.Some(printer.TrayRef{Unit: unit, Slot: slot})
}

// trayNow reads the flat dialect: four slots per changer, one per dryer, 254
// for the external spool, 255 for none.
func trayNow(n *node) printer.Opt[printer.TrayRef] {
	v := n.integer(0, 254)
	switch {
	case !v.Known:
		return printer.Opt[printer.TrayRef]{}
	case v.Value == externalLeft:
		return printer.Some(printer.TrayRef{Unit: printer.ExternalUnit})
	case v.Value >= firstDryer:
		return printer.Some(printer.TrayRef{Unit: v.Value})
	}
	return printer.Some(printer.TrayRef{Unit: v.Value / unitSlots, Slot: v.Value % unitSlots})
}
