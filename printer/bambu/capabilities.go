package bambu

import "github.com/printwire/printwire/printer"

// Limits of a printer of an unknown model.
const (
	usualNozzleMax = 300
	usualBedMax    = 100
	// mainsLoss is what some beds lack on 220 V.
	mainsLoss = 10
)

// capabilities are added up from what s shows; the model only takes away and
// limits. What was true stays true.
func (d *document) capabilities(s *printer.State, m *Model) {
	c := &s.Caps
	c.Nozzles = max(c.Nozzles, d.extruders())
	if c.Nozzles == 0 && d.field("nozzle_temper") != nil {
		c.Nozzles = max(1, m.Nozzles)
	}
	grow(&c.ChamberSensor, s.Chamber.Temperature.Known)
	grow(&c.ChamberHeater, m.ChamberMax > 0 || d.foreign(m) && d.field("device").path("ctc", "info", "target") != nil)
	grow(&c.Door, s.Door.Known)
	grow(&c.Lidar, m.Lidar)
	grow(&c.ChamberLight, s.ChamberLight.Known)
	grow(&c.SecondLight, s.SecondLight.Known)
	grow(&c.PartFan, s.Fans.Part.Known)
	grow(&c.AuxFan, s.Fans.Aux.Known)
	grow(&c.ChamberFan, s.Fans.Chamber.Known)
	grow(&c.HeatbreakFan, s.Fans.Heatbreak.Known)
	grow(&c.SecondAuxFan, s.Fans.SecondAux.Known)
	grow(&c.AirDuct, len(d.field("device").path("airduct", "modeList").items()) > 0)
	grow(&c.Changer, len(s.Units) > 0)
	grow(&c.PromptSound, s.PromptSound.Known)
	grow(&c.Speed, s.Speed != "")
	grow(&c.SkipObjects, d.field("s_obj") != nil)
	if !m.Tool {
		s.Tool = ""
	}
	grow(&c.Tool, s.Tool != "")
	if camera := d.cameraKind(m); camera != "" {
		c.Camera = camera
	}
	d.ranges(c, m)
}

func grow(have *bool, seen bool) { *have = *have || seen }

// cameraKind is how the camera is read, once the printer says that it has one.
func (d *document) cameraKind(m *Model) string {
	cam := d.field("ipcam")
	stream := cam.at("rtsp_url") != nil
	switch present := cam.at("ipcam_dev").boolean() == printer.Some(true); {
	case !stream && !present:
		return ""
	case m.Camera != "":
		return m.Camera
	case stream:
		return "rtsp"
	default:
		return "jpeg"
	}
}

// ranges are what may be set. A nozzle that names its own limit counts.
func (d *document) ranges(c *printer.Capabilities, m *Model) {
	nozzle, bed := usualNozzleMax, usualBedMax
	if m.Name != "" {
		nozzle, bed = m.NozzleMax, m.BedMax
	}
	limit := 0
	for _, n := range d.field("device").path("nozzle", "info").items() {
		own := first(n.at("tm").integer(150, hottest), n.at("max_temp").integer(150, hottest))
		limit = max(limit, own.Or(0))
	}
	if limit > 0 {
		nozzle = limit
	}
	if m.MainsLimit && d.homeBit(homeMains220) != printer.Some(false) {
		bed -= mainsLoss
	}
	c.NozzleRange = printer.Range{Max: float64(nozzle)}
	c.BedRange = printer.Range{Max: float64(bed)}
	if m.ChamberMax > 0 {
		c.ChamberRange = printer.Range{Max: float64(m.ChamberMax)}
	}
}
