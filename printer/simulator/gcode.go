package simulator

import (
	"math"
	"strconv"
	"strings"
)

// word is one letter and number of a line of G-code.
type word struct {
	letter byte
	value  float64
}

// words takes a line apart. A comment ends it; what is no word is skipped.
func words(line string) []word {
	line, _, _ = strings.Cut(line, ";")
	var list []word
	for _, field := range strings.Fields(strings.ToUpper(line)) {
		value, err := strconv.ParseFloat(field[1:], 64)
		if err == nil && !math.IsNaN(value) && !math.IsInf(value, 0) && field[0] >= 'A' && field[0] <= 'Z' {
			list = append(list, word{field[0], value})
		}
	}
	return list
}

func (m *machine) obeyGcode(body document) error {
	for line := range strings.Lines(text(body["param"])) {
		list := words(line)
		if len(list) == 0 {
			continue
		}
		arg := map[byte]float64{}
		for _, w := range list[1:] {
			arg[w.letter] = w.value
		}
		m.gcode(string(list[0].letter)+strconv.Itoa(int(list[0].value)), arg)
	}
	return nil
}

// gcode does what a line does to the fields that are reported; motion does nothing.
func (m *machine) gcode(name string, arg map[byte]float64) {
	switch name {
	case "G28":
		m.homed = true
	case "M104", "M109":
		i := m.active
		if t, ok := arg['T']; ok && int(t) >= 0 && int(t) < len(m.nozzles) {
			i = int(t)
		}
		m.nozzles[i].heat.target = min(max(0, arg['S']), 350)
	case "M140", "M190":
		m.bed.target = min(max(0, arg['S']), 120)
	case "M141":
		if m.model.heatedChamber {
			m.chamber.target = min(max(0, arg['S']), 65)
		}
	case "M145":
		if m.model.airduct {
			m.airMode = int(arg['P']) & 1
		}
	case "M106", "M107":
		percent := 0
		if name == "M106" {
			percent = int(min(max(0, arg['S']), 255)*100/255 + 0.5)
		}
		m.fan(int(arg['P']), percent)
	}
}

func (m *machine) fan(number, percent int) {
	switch number {
	case 0, 1:
		m.part = percent
	case 2:
		m.aux = percent
	case 3:
		m.exhaust = percent
	}
}
