package bambu

import (
	"math"
	"strings"

	"github.com/printwire/printwire/printer"
)

// Temperatures outside these are a sensor's or a transmission's fault.
const (
	coldest = -50
	hottest = 500
)

// celsius is a plain temperature.
func (n *node) celsius() printer.Opt[float64] {
	t := n.float(coldest, hottest)
	t.Value = math.Round(t.Value*1000) / 1000
	return t
}

// heater reads a packed pair: the current temperature in the low 16 bits, the
// target in the high ones.
func (n *node) heater() printer.Heater {
	w, ok := n.bits()
	if !ok {
		return printer.Heater{}
	}
	half := func(v uint32) printer.Opt[float64] {
		t := float64(int16(v))
		if v == 0xFFFF || t < coldest || t > hottest {
			return printer.Opt[float64]{}
		}
		return printer.Some(t)
	}
	return printer.Heater{Temperature: half(w & 0xFFFF), Target: half(w >> 16)}
}

// setHeater writes what is known.
func setHeater(to *printer.Heater, h printer.Heater) {
	set(&to.Temperature, h.Temperature)
	set(&to.Target, h.Target)
}

// heat fills bed and chamber. The device tree counts where it is sent.
func (d *document) heat(s *printer.State, m *Model) {
	device := d.field("device")
	bed := device.path("bed", "info", "temp")
	if bed == nil {
		bed = device.at("bed_temp")
	}
	legacy := printer.Heater{
		Temperature: d.field("bed_temper").celsius(),
		Target:      d.field("bed_target_temper").celsius(),
	}
	setHeater(&s.Bed, legacy)
	setHeater(&s.Bed, bed.heater())
	chamber := d.chamber()
	if !m.ChamberSensor && !d.foreign(m) {
		chamber.Temperature = printer.Opt[float64]{}
	}
	if m.ChamberMax == 0 && !d.foreign(m) {
		chamber.Target = printer.Opt[float64]{}
	}
	setHeater(&s.Chamber, chamber)
}

// chamber looks in every place that some firmware uses.
func (d *document) chamber() printer.Heater {
	device := d.field("device")
	ctc := device.at("ctc")
	var h printer.Heater
	for _, n := range []*node{ctc.path("info", "temp"), d.field("info").at("temp"), device.at("cham_temp")} {
		if h = n.heater(); h.Temperature.Known {
			break
		}
	}
	if !h.Temperature.Known {
		h = d.legacyChamber()
	}
	explicit := ctc.path("info", "target").celsius()
	if !ctc.path("info", "temp").heater().Target.Known {
		explicit = first(explicit, d.field("ctt").celsius(), d.field("mc_target_cham").celsius())
	}
	set(&h.Target, explicit)
	return h
}

// noSensor is what printers without a chamber sensor send for ever.
const noSensor = 5

// legacyChamber is chamber_temper, which some firmware packs as well.
func (d *document) legacyChamber() printer.Heater {
	n := d.field("chamber_temper")
	if v := n.float(hottest, math.MaxUint32); v.Known && v.Value > hottest {
		return n.heater()
	}
	t := n.celsius()
	if t.Known && t.Value == noSensor && d.field("device") == nil {
		return printer.Heater{}
	}
	return printer.Heater{Temperature: t}
}

// tools fills nozzles and what is seen at the extruder.
func (d *document) tools(s *printer.State) {
	extruder := d.field("device").at("extruder")
	infos := extruder.at("info").items()
	s.Nozzles[0].Heater = d.rightHeater(s.Nozzles[0].Heater, infos)
	for _, e := range infos {
		if i := e.at("id").integer(0, 1); i.Known {
			setHeater(&s.Nozzles[i.Value].Heater, e.at("temp").heater())
		}
	}
	d.nozzles(s, infos)
	set(&s.ActiveNozzle, d.activeExtruder())
	active := element(infos, "id", digit(s.ActiveNozzle.Or(0)))
	if w, ok := active.at("info").bits(); ok {
		s.FilamentPresent = printer.Some(w>>1&1 == 1)
	} else if n := d.field("hw_switch_state").integer(0, 1<<31); n.Known {
		s.FilamentPresent = printer.Some(n.Value != 0)
	}
	if ext := d.field("device").at("ext_tool"); ext != nil {
		s.Tool = toolSlug(ext)
	}
}

// digit is the text of an extruder's id.
func digit(i int) string {
	if i == 1 {
		return "1"
	}
	return "0"
}

// rightHeater is the right or only nozzle's heater in the flat dialect.
func (d *document) rightHeater(h printer.Heater, infos []node) printer.Heater {
	if len(infos) == 0 {
		set(&h.Temperature, d.field("nozzle_temper").celsius())
		set(&h.Target, d.field("nozzle_target_temper").celsius())
	}
	return h
}

// activeExtruder is the current extruder's id: bits 4–7 of its state, as the
// maker's own slicer reads it (bit 8, as others do, is the target's).
func (d *document) activeExtruder() printer.Opt[int] {
	extruder := d.field("device").at("extruder")
	if w, ok := extruder.at("state").bits(); ok {
		if id := int(w >> 4 & 0xF); id <= 1 {
			return printer.Some(id)
		}
		return printer.Opt[int]{}
	}
	if len(extruder.at("info").items()) > 1 || d.field("nozzle_temper") == nil && extruder == nil {
		return printer.Opt[int]{}
	}
	return printer.Some(0)
}

// extruders is how many there are, 0 for unknown.
func (d *document) extruders() int {
	extruder := d.field("device").at("extruder")
	if w, ok := extruder.at("state").bits(); ok && w&0xF >= 1 && w&0xF <= 2 {
		return int(w & 0xF)
	}
	return min(2, len(extruder.at("info").items()))
}

// nozzles fills diameter, material and flow.
func (d *document) nozzles(s *printer.State, infos []node) {
	list := d.field("device").path("nozzle", "info").items()
	if len(list) == 0 {
		set(&s.Nozzles[0].Diameter, diameter(d.field("nozzle_diameter")))
		if n := d.field("nozzle_type"); n != nil {
			s.Nozzles[0].Type, s.Nozzles[0].Flow = nozzleType(n.string())
		}
		return
	}
	for i := range s.Nozzles {
		id := digit(i)
		if now := element(infos, "id", id).at("hnow").string(); now != "" && element(list, "id", now) != nil {
			id = now
		}
		n := element(list, "id", id)
		if n == nil {
			continue
		}
		set(&s.Nozzles[i].Diameter, diameter(n.at("diameter")))
		s.Nozzles[i].Type, s.Nozzles[i].Flow = nozzleType(n.at("type").string())
	}
}

// diameter is in mm; single precision leaves traces of its own.
func diameter(n *node) printer.Opt[float64] {
	d := n.float(0.01, 10)
	d.Value = math.Round(d.Value*1000) / 1000
	return d
}

// nozzleType reads "hardened_steel" and codes such as "HX01": the second
// letter is the flow, the last two digits are the material.
func nozzleType(s string) (material, flow string) {
	switch s {
	case "stainless_steel", "hardened_steel", "tungsten_carbide", "brass":
		return s, ""
	}
	if len(s) != 4 {
		return "", ""
	}
	switch s[1] {
	case 'S', 'A', 'X':
		flow = "standard"
	case 'H', 'E':
		flow = "high"
	case 'U':
		flow = "tpu_high"
	}
	switch s[2:] {
	case "00":
		material = "stainless_steel"
	case "01":
		material = "hardened_steel"
	case "05":
		material = "tungsten_carbide"
	}
	return material, flow
}

// toolSlug is what is mounted instead of, or beside, the extruder.
func toolSlug(tool *node) string {
	kind := tool.at("type").string()
	switch {
	case kind == "":
		return "extruder"
	case kind == "LB01":
		return "laser40"
	case strings.HasPrefix(kind, "L"):
		return "laser10"
	case strings.HasPrefix(kind, "CP"):
		return "cutter"
	default:
		return ""
	}
}
