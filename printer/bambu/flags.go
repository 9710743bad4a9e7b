package bambu

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/printwire/printwire/printer"
)

// Bits of home_flag.
const (
	homeMains220    = 3
	homeEstimate    = 7
	homeStorage     = 8 // two bits
	homeSoundOn     = 17
	homeSoundExists = 18
	homeDoor        = 23
)

// statDoor is the door's bit of stat; fun's bit 29 asks for signatures.
const (
	statDoor     = 23
	funSignature = 29
)

// home is home_flag.
func (d *document) home() (uint32, bool) { return d.field("home_flag").bits() }

// homeBit is one bit of home_flag.
func (d *document) homeBit(bit int) printer.Opt[bool] {
	w, ok := d.home()
	if !ok {
		return printer.Opt[bool]{}
	}
	return printer.Some(w>>bit&1 == 1)
}

// storageReports is for how many reports "no storage" must stand: some
// heartbeats say it with a card inserted.
const storageReports = 5

// darkReports is for how many reports a printer must go on talking after it
// sent the zeros of being switched off, for them to be believed.
const darkReports = 30

// settle feeds the values that are held back, after each report.
func (d *document) settle() bool {
	changed := false
	if w, ok := d.home(); ok {
		bits, wait := w>>homeStorage&3, 0
		if bits == 0 {
			wait = storageReports
		}
		changed = d.storage.see(bits, wait)
	}
	if ams := d.field("ams"); ams != nil {
		zero, wait := dark(nil, ams), 0
		if zero {
			wait = darkReports
		}
		changed = d.zeros.see(zero, wait) || changed
	}
	return changed
}

// flags fills the lights, the door, the network and the camera.
func (d *document) flags(s *printer.State, m *Model) {
	d.lights(s)
	set(&s.Door, d.door(s.Firmware, m))
	if d.storage.known {
		s.Storage = storageSlug(d.storage.stable)
	} else if card := d.field("sdcard").boolean(); card.Known {
		s.Storage = map[bool]string{true: "normal", false: "none"}[card.Value]
	}
	if d.homeBit(homeSoundExists) == printer.Some(true) && (m.PromptSound || d.foreign(m)) {
		s.PromptSound = d.homeBit(homeSoundOn)
	}
	set(&s.WiFi, signal(d.field("wifi_signal")))
	if ip := d.mapped.ip.of(d.field("net")); ip != "" {
		s.IPAddress = ip
	}
	d.camera(s)
	if signed := d.signatureRequired(); signed.Known {
		s.DeveloperMode = printer.Some(!signed.Value)
	}
	d.speed(s)
}

// lights are read by node, because their order and number differ.
func (d *document) lights(s *printer.State) {
	for _, l := range d.field("lights_report").items() {
		var to *printer.Opt[bool]
		switch l.at("node").string() {
		case "chamber_light":
			to = &s.ChamberLight
		case "chamber_light2":
			to = &s.SecondLight
		case "work_light":
			to = &s.WorkLight
		default:
			continue
		}
		switch l.at("mode").string() {
		case "on", "flashing":
			*to = printer.Some(true)
		case "off":
			*to = printer.Some(false)
		}
	}
}

// door goes by the model: the X1 series sends stat too, with a bit that does
// not fit its door.
func (d *document) door(firmware string, m *Model) printer.Opt[bool] {
	switch {
	case older(firmware, m.DoorFirmware):
		return printer.Opt[bool]{}
	case m.Door == "home_flag":
		return d.homeBit(homeDoor)
	case m.Door == "stat":
		if w, ok := d.field("stat").hex(); ok {
			return printer.Some(w>>statDoor&1 == 1)
		}
	}
	return printer.Opt[bool]{}
}

func storageSlug(bits uint32) string {
	return [4]string{"none", "normal", "abnormal", "read_only"}[bits&3]
}

// wired is what printers send whose Wi-Fi is off.
const wired = -90

// signal reads "-60dBm".
func signal(n *node) printer.Opt[int] {
	text := n.string()
	if text == "" {
		return printer.Opt[int]{}
	}
	v, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(text, "dBm")))
	if err != nil || v < -120 || v >= 0 || v == wired {
		return printer.Opt[int]{}
	}
	return printer.Some(v)
}

// address is that of the printer with what it was made from.
type address struct {
	from *branch
	text string
}

// of is the first interface with an address, a little-endian word.
func (c *address) of(n *node) string {
	if n.branch() == c.from {
		return c.text
	}
	*c = address{from: n.branch()}
	for _, e := range n.at("info").items() {
		w, ok := e.at("ip").bits()
		if ok && w != 0 {
			c.text = netip.AddrFrom4([4]byte{byte(w), byte(w >> 8), byte(w >> 16), byte(w >> 24)}).String()
			break
		}
	}
	return c.text
}

// camera fills the switches of the camera and the address of its stream.
func (d *document) camera(s *printer.State) {
	cam := d.field("ipcam")
	set(&s.Recording, cam.at("ipcam_record").boolean())
	set(&s.Timelapse, cam.at("timelapse").boolean())
	if n := cam.at("rtsp_url"); n != nil {
		s.LiveView = d.mapped.video.of(n, s.IPAddress)
	}
}

// video is the address of the stream with what it was made from.
type video struct {
	from, ip, url string
}

// of drops credentials, and puts in the printer's own address, because the
// one in the url is wrong at times.
func (c *video) of(n *node, ip string) string {
	from := n.string()
	if c.from == from && c.ip == ip {
		return c.url
	}
	*c = video{from: from, ip: ip}
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "rtsps" && u.Scheme != "rtsp" || u.Hostname() == "" {
		return ""
	}
	u.User = nil
	if ip != "" {
		u.Host = strings.Replace(u.Host, u.Hostname(), ip, 1)
	}
	c.url = u.String()
	return c.url
}

// speed ignores values that are no profile: one message at a job's end has 253.
func (d *document) speed(s *printer.State) {
	level := d.field("spd_lvl").integer(1, 4)
	if !level.Known {
		return
	}
	s.Speed = [...]string{"silent", "standard", "sport", "ludicrous"}[level.Value-1]
	set(&s.SpeedPercent, d.field("spd_mag").integer(1, 1000))
}
