package bambu

import "github.com/printwire/printwire/printer"

// The parts of an air duct.
const (
	partFan      = "16"
	auxFan       = "32"
	chamberFan   = "48"
	secondAuxFan = "160"
)

// step is a fan's speed in the flat dialect, "0" to "15". One setting swings
// between two steps, so that only the next full 10 % are stable.
func (n *node) step() printer.Opt[int] {
	v := n.integer(0, 15)
	v.Value = (v.Value*10 + 14) / 15 * 10
	return v
}

// fans fills the fans that the model has. The air duct's values count where
// they are sent.
func (d *document) fans(s *printer.State, m *Model) {
	duct := d.field("device").at("airduct")
	parts := duct.at("parts").items()
	foreign := d.foreign(m)
	part := func(id string) printer.Opt[int] { return element(parts, "id", id).at("state").integer(0, 100) }
	set(&s.Fans.Part, first(part(partFan), d.field("cooling_fan_speed").step()))
	if m.AuxFan || foreign {
		set(&s.Fans.Aux, first(part(auxFan), d.field("big_fan1_speed").step()))
	}
	if m.ChamberFan || foreign {
		set(&s.Fans.Chamber, first(part(chamberFan), d.field("big_fan2_speed").step()))
	}
	if m.SecondAuxFan || foreign {
		set(&s.Fans.SecondAux, part(secondAuxFan))
	}
	set(&s.Fans.Heatbreak, d.field("heatbreak_fan_speed").step())
	if n := duct.at("modeCur"); n != nil {
		s.AirDuct = ductMode(n)
	}
}

func ductMode(n *node) string {
	switch n.integer(0, 100).Or(-1) {
	case 0:
		return "cooling"
	case 1:
		return "heating"
	case 2:
		return "laser"
	default:
		return ""
	}
}
