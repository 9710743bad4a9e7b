package slicedtest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// BuildGCode makes the G-code of a plan as Bambu Studio writes it: a header,
// the settings, and movements.
func BuildGCode(p Plan) []byte {
	var b bytes.Buffer
	var grams, metres, used, ids []string
	for _, f := range p.Filaments {
		grams = append(grams, fmt.Sprintf("%.2f", f.Grams))
		metres = append(metres, fmt.Sprintf("%.2f", f.Metres*1000))
		used = append(used, strconv.Itoa(f.Slot))
	}
	for _, o := range p.Objects {
		ids = append(ids, strconv.Itoa(o.ID))
	}
	total := span(p.Seconds)
	b.WriteString("; HEADER_BLOCK_START\n; BambuStudio 02.05.00.66\n")
	fmt.Fprintf(&b, "; model printing time: %s; total estimated time: %s\n", span(max(p.Seconds-300, 0)), total)
	fmt.Fprintf(&b, "; total layer number: %d\n", p.Layers)
	fmt.Fprintf(&b, "; total filament length [mm] : %s\n", strings.Join(metres, ","))
	fmt.Fprintf(&b, "; total filament weight [g] : %s\n", strings.Join(grams, ","))
	fmt.Fprintf(&b, "; model label id: %s\n; max_z_height: %.2f\n", strings.Join(ids, ","), float64(p.Layers)*p.LayerHeight)
	fmt.Fprintf(&b, "; filament: %s\n; HEADER_BLOCK_END\n\n; CONFIG_BLOCK_START\n", strings.Join(used, ","))
	for _, row := range p.config() {
		fmt.Fprintf(&b, "; %s = %s\n", row[0], row[1])
	}
	b.WriteString("; CONFIG_BLOCK_END\n\n; EXECUTABLE_BLOCK_START\nM73 P0 R62\nG28\nG90\nM83\n")
	for i := range p.Moves {
		if i%40 == 0 {
			fmt.Fprintf(&b, "; CHANGE_LAYER\n; Z_HEIGHT: %.2f\n", float64(i/40+1)*p.LayerHeight)
		}
		fmt.Fprintf(&b, "G1 X%.3f Y%.3f E%.5f\n", 20+float64(i*37%2000)/10, 20+float64(i*91%2000)/10, 0.02+float64(i%17)/1000)
	}
	b.WriteString("; EXECUTABLE_BLOCK_END\n")
	return b.Bytes()
}

// config are settings of the plan as G-code has them.
func (p Plan) config() [][2]string {
	lists := p.project()
	support := "0"
	if p.Support {
		support = "1"
	}
	return [][2]string{
		{"enable_support", support},
		{"filament_colour", strings.Join(lists.colours, ";")},
		{"filament_cost", strings.Join(lists.prices, ",")},
		{"filament_ids", strings.Join(lists.makers, ";")},
		{"filament_type", strings.Join(lists.types, ";")},
		{"layer_height", decimal(p.LayerHeight)},
		{"nozzle_diameter", decimals(p.Nozzles)},
		{"printer_model", p.PrinterModel},
	}
}

// span is a length of time as slicers write it.
func span(seconds int) string {
	d := time.Duration(seconds) * time.Second
	h, m, s := int(d.Hours()), int(d.Minutes())%60, seconds%60
	switch {
	case h >= 24:
		return fmt.Sprintf("%dd %dh %dm %ds", h/24, h%24, m, s)
	case h > 0:
		return fmt.Sprintf("%dh %dm %ds", h, m, s)
	default:
		return fmt.Sprintf("%dm %ds", m, s)
	}
}
