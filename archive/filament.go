package archive

import (
	"fmt"

	"github.com/printwire/printwire/printer"
)

// trayRef reads the name of a tray; see printer.TrayRef.
func trayRef(name string) (printer.TrayRef, bool) {
	var ref printer.TrayRef
	switch name {
	case "external":
		ref = printer.TrayRef{Unit: printer.ExternalUnit}
	case "external_left":
		ref = printer.TrayRef{Unit: printer.ExternalUnit, Slot: 1}
	default:
		if _, err := fmt.Sscanf(name, "ams_%d_tray_%d", &ref.Unit, &ref.Slot); err != nil {
			return ref, false
		}
		ref.Slot--
	}
	return ref, ref.String() == name
}

// feed notes that a tray fed the job. What is unknown now stays as it was known.
func (r *Record) feed(ref printer.TrayRef, t printer.Tray) {
	f := r.filament(ref.String())
	f.Unit, f.Slot = ref.Unit, ref.Slot
	for _, p := range []struct {
		to   *string
		from string
	}{{&f.Material, t.Material}, {&f.Brand, t.Brand}, {&f.FilamentID, t.FilamentID}, {&f.Color, t.Color}} {
		if p.from != "" {
			*p.to = p.from
		}
	}
	if t.Remaining.Known {
		f.RemainingEnd = t.Remaining
		if !f.RemainingStart.Known {
			f.RemainingStart = t.Remaining
		}
	}
}
