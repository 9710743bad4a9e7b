package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// Places that are no slot of a unit, as wire trays.
const (
	trayNone     = 255
	trayExternal = 254
)

// filament is a kind of material as the slots tell it.
type filament struct {
	id, kind, brand    string
	low, high          int // nozzle, °C
	dryTemp, dryHours  int
	short, colour, ink string // "A00", RRGGBBAA, last part of the colour name
}

// spools are what the slots of a new printer hold, in turn.
func spools() []filament {
	return []filament{
		{"GFA00", "PLA", "PLA Basic", 190, 230, 55, 8, "A00", "F4F4F0FF", "W1"},
		{"GFA00", "PLA", "PLA Basic", 190, 230, 55, 8, "A00", "1A1A1AFF", "K0"},
		{"GFG02", "PETG", "PETG HF", 230, 260, 65, 8, "G02", "D62828FF", "R0"},
		{"GFA01", "PLA", "PLA Matte", 190, 230, 55, 8, "A01", "2A6FBBFF", "B4"},
		{"GFB00", "ABS", "ABS", 240, 270, 80, 8, "B00", "5C6670FF", "D1"},
		{"GFA00", "PLA", "PLA Basic", 190, 230, 55, 8, "A00", "F2B705FF", "Y0"},
		{"GFU01", "TPU", "TPU 95A", 200, 250, 70, 12, "U01", "3FA34DFF", "G6"},
		{"GFG01", "PETG", "PETG Translucent", 230, 260, 65, 8, "G01", "B5D8E880", "G0"},
		{"GFN04", "PA-CF", "PAHT-CF", 260, 290, 80, 12, "N04", "101010FF", "K0"},
	}
}

// tray is one slot.
type tray struct {
	filled bool
	filament
	rfid      bool
	remain    int // percent, -1 unknown
	tag, uuid string
}

// unit is one AMS.
type unit struct {
	id       int
	kind     amsKind
	serial   string
	humidity float64 // percent
	box      heater
	drying   time.Duration // left
	dryTemp  int
	dryHours int
	dryKind  string
	extruder int
	trays    []tray
}

func (u *unit) elapse(d time.Duration) {
	u.box.elapse(d)
	if u.drying <= 0 {
		return
	}
	u.humidity = max(6, u.humidity-d.Hours()*4)
	if u.drying -= d; u.drying <= 0 {
		u.stopDrying()
	}
}

func (u *unit) dry(temp, hours int, kind string) {
	u.drying, u.dryTemp, u.dryHours, u.dryKind = time.Duration(hours)*time.Hour, temp, hours, kind
	u.box.target = float64(temp)
}

func (u *unit) stopDrying() {
	u.drying, u.dryTemp, u.dryHours, u.dryKind, u.box.target = 0, -1, -1, "", 0
}

// index is the humidity from 1 (wet) to 5 (dry).
func (u *unit) index() int { return 5 - min(4, int(u.humidity)/12) }

// info packs type, drying phase and extruder in hexadecimal.
func (u *unit) info() string {
	bits := 1<<12 | u.extruder<<8 | u.kind.bits
	if u.drying > 0 {
		phase, part := 2, 2
		if u.box.now < u.box.target {
			part = 1
		}
		bits |= phase<<4 | 1<<18 | part<<22
	}
	return strconv.FormatInt(int64(bits), 16)
}

// wire is the number by which tray_now names a slot.
func (u *unit) wire(slot int) int {
	if u.id >= 128 {
		return u.id + slot
	}
	return 4*u.id + slot
}

// bit is the slot's place in tray_exist_bits.
func (u *unit) bit(slot int) int {
	if u.id >= 128 {
		return 16 + u.id - 128
	}
	return 4*u.id + slot
}

func (m *machine) makeUnits(kinds []string) ([]unit, error) {
	var units []unit
	for _, name := range kinds {
		if name == "none" {
			continue
		}
		u, err := m.makeUnit(units, name)
		if err != nil {
			return nil, err
		}
		units = append(units, u)
	}
	return units, nil
}

func (m *machine) makeUnit(present []unit, name string) (unit, error) {
	all := amsKinds()
	i := slices.IndexFunc(all, func(k amsKind) bool { return strings.EqualFold(k.name, name) })
	if i < 0 {
		return unit{}, fault.New(fault.Invalid, "there is no AMS unit %.40q; expected AMS, AMS Lite, AMS 2 Pro, AMS HT or none", name).At("ams")
	}
	kind, id := all[i], all[i].first
	for slices.ContainsFunc(present, func(u unit) bool { return u.id == id }) {
		id++
	}
	if kind.slots == 4 && id > 3 || kind.slots == 1 && id > 135 {
		return unit{}, fault.New(fault.Invalid, "too many units of type %s; at most 4 with four slots and 8 with one are possible", kind.name).At("ams")
	}
	u := unit{id: id, kind: kind, serial: fmt.Sprintf("%s00A%09d", kind.prefix, m.random.IntN(1_000_000_000)), humidity: 18 + 8*m.random.Float64(), box: newHeater(25+2*m.random.Float64(), 0.02, 1200)}
	u.stopDrying()
	if m.model.nozzles == 2 && id == 0 {
		u.extruder = 1
	}
	stock := spools()
	for slot := range kind.slots {
		f := stock[(len(present)*4+slot)%len(stock)]
		if kind.slots == 1 {
			f = stock[len(stock)-1]
		}
		t := tray{filled: true, filament: f, rfid: kind.bits != 2 || slot%2 == 0, remain: -1, tag: strings.Repeat("0", 16), uuid: strings.Repeat("0", 32)}
		if t.rfid {
			t.remain = 40 + m.random.IntN(60)
			t.tag = fmt.Sprintf("%08X00000100", m.random.Uint32())
			t.uuid = fmt.Sprintf("%016X%016X", m.random.Uint64(), m.random.Uint64())
		}
		u.trays = append(u.trays, t)
	}
	return u, nil
}

// find is the unit and slot behind a wire tray, or nil.
func (m *machine) find(wire int) (*unit, int) {
	for i := range m.units {
		for slot := range m.units[i].trays {
			if m.units[i].wire(slot) == wire {
				return &m.units[i], slot
			}
		}
	}
	return nil, 0
}

func (m *machine) unit(id int) *unit {
	for i := range m.units {
		if m.units[i].id == id {
			return &m.units[i]
		}
	}
	return nil
}

// snow is how print.device names what is loaded: unit above, slot below.
func (m *machine) snow(side, wire int) int {
	u, slot := m.find(wire)
	switch {
	case u != nil && u.id >= 128:
		return u.id << 8
	case u != nil:
		return u.id<<8 | slot
	case wire == trayExternal && side == 1:
		return 0xFE00
	case wire == trayExternal:
		return 0xFF00
	case side == 1:
		return 0xFEFF
	default:
		return 0xFFFF
	}
}

// load plays the steps of a filament change: cut and pull the old one, feed the
// new one. scale shortens its times; then is called when it is done. A change
// that belongs to a print ends with it.
func (m *machine) load(wire int, scale float64, then func(*machine)) {
	at := func(s float64) time.Duration { return time.Duration(s * scale * float64(time.Second)) }
	steps := []event{{at(0), func(m *machine) { m.amsStatus, m.trayTar = 258, wire }}}
	start := 0.0
	if m.trayNow != trayNone {
		steps = append(steps,
			event{at(4), func(m *machine) { m.amsStatus = 259 }},
			event{at(12), func(m *machine) { m.amsStatus = 260 }},
			event{at(16), func(m *machine) { m.atExtruder = false }},
			event{at(18), func(m *machine) { m.seat(trayNone) }})
		start = 18
	}
	if wire == trayNone {
		steps = append(steps, event{at(start + 1), func(m *machine) { m.amsStatus, m.trayPre = 0, trayNone; then(m) }})
	} else {
		steps = append(steps,
			event{at(start + 12), func(m *machine) { m.amsStatus = 261 }},
			event{at(start + 30), func(m *machine) { m.amsStatus, m.atExtruder = 262, true }},
			event{at(start + 37), func(m *machine) { m.amsStatus = 263; m.seat(wire) }},
			event{at(start + 52), func(m *machine) { m.trayPre = wire; then(m) }})
	}
	owner := m.run
	for _, e := range steps {
		m.after(e.at, func(m *machine) {
			if m.run == owner {
				e.do(m)
			}
		})
	}
}

// seat says what is at the nozzle now.
func (m *machine) seat(wire int) {
	m.trayNow = wire
	side := m.active
	if u, _ := m.find(wire); u != nil && len(m.nozzles) == 2 {
		side = u.extruder
		m.active = side
	}
	m.nozzles[side].slot = wire
	if wire == trayNone {
		m.nozzles[side].slot = -1
	}
}
