package bambu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

// spool is a tray with a known spool.
func spool(id int, more string) string {
	return fmt.Sprintf(`{"id":"%d","tray_type":"PLA","tray_color":"0a0b0cff","tray_info_idx":"GFA00","remain":60,"tag_uid":"00A1B20000000100","tray_uuid":"5EED"%s}`, id, more)
}

// changers is an ams with words of bits and units.
func changers(exist, trays, more string, units ...string) string {
	return fmt.Sprintf(`"ams":{"ams_exist_bits":"%s","tray_exist_bits":"%s","power_on_flag":false%s,"ams":[%s]}`, exist, trays, more, strings.Join(units, ","))
}

func changer(id int, more string, trays ...string) string {
	return fmt.Sprintf(`{"id":"%d"%s,"tray":[%s]}`, id, more, strings.Join(trays, ","))
}

// trays shows the trays of all changers: material, "-" for empty, "." for a
// spool without data, "?" while unknown.
func trays(s printer.State) string {
	var list []string
	for _, u := range s.Units {
		line := fmt.Sprintf("%d:", u.ID)
		for _, t := range u.Trays {
			switch {
			case t.Material != "":
				line += " " + t.Material
			case !t.Empty.Known:
				line += " ?"
			case t.Empty.Value:
				line += " -"
			default:
				line += " ."
			}
		}
		list = append(list, line)
	}
	return strings.Join(list, "; ")
}

func TestAMS_merge(t *testing.T) {
	four := changers("1", "f", "", changer(0, "", spool(0, ""), spool(1, ""), spool(2, ""), spool(3, "")))
	full := report("0", four+`,`+complete)
	tests := []struct {
		name, next, want string
	}{
		{"a delta of scalars keeps the trays", report("1", `"ams":{"tray_tar":"0","version":7}`), "0: PLA PLA PLA PLA"},
		{"a tray is merged by its id", report("1", `"ams":{"ams":[{"id":"0","tray":[{"id":"2","tray_type":"ABS"}]}]}`), "0: PLA PLA ABS PLA"},
		{"an id may be a number", report("1", `"ams":{"ams":[{"id":0,"tray":[{"id":2,"tray_type":"ABS"}]}]}`), "0: PLA PLA ABS PLA"},
		{"of a tray that comes twice the last counts", report("1", `"ams":{"ams":[{"id":"0","tray":[{"id":"2","tray_type":"ABS"},{"id":"2","tray_type":"PC"}]}]}`), "0: PLA PLA PC PLA"},
		{"a bare tray in a delta is empty", report("1", `"ams":{"tray_exist_bits":"b","ams":[{"id":"0","tray":[{"id":"2","state":0}]}]}`), "0: PLA PLA - PLA"},
		{"bits alone empty a tray", report("1", `"ams":{"tray_exist_bits":"b"}`), "0: PLA PLA - PLA"},
		{"a changer in a delta comes on top", report("1", `"ams":{"ams_exist_bits":"3","tray_exist_bits":"1f","ams":[{"id":"1","tray":[`+spool(0, "")+`]}]}`), "0: PLA PLA PLA PLA; 1: PLA"},
		{"a full report takes a changer away", report("0", changers("0", "0", `,"power_on_flag":true`)+","+complete), ""},
		{"without msg the bits take it away", report("", `"ams":{"ams_exist_bits":"2","tray_exist_bits":"f0","ams":[{"id":"1","tray":[`+spool(0, "")+`]}]}`), "1: PLA"},
		{"the zeros of power-off keep it", report("1", `"ams":{"ams_exist_bits":"0","tray_exist_bits":"0","power_on_flag":false}`), "0: PLA PLA PLA PLA"},
		{"the zeros of power-off in a full report keep it", report("0", changers("0", "0", "", changer(0, "", `{"id":"0"}`, `{"id":"1"}`))+","+complete), "0: PLA PLA PLA PLA"},
		{"zeros for the trays alone, without power, keep them", report("1", `"ams":{"tray_exist_bits":"0"}`), "0: PLA PLA PLA PLA"},
		{"zeros with power are true", report("1", `"ams":{"tray_exist_bits":"0","power_on_flag":true}`), "0: - - - -"},
		{"null is a mistake", report("1", `"ams":null`), "0: PLA PLA PLA PLA"},
		{"a number is a mistake, in a full report too", report("0", `"ams":0,`+complete), "0: PLA PLA PLA PLA"},
		{"a list of nulls", report("1", `"ams":{"ams":[null,null]}`), "0: PLA PLA PLA PLA"},
		{"trays that are no list", report("1", `"ams":{"ams":[{"id":"0","tray":"none"}]}`), "0: PLA PLA PLA PLA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mapState(t, "", full, tt.next)
			if got := trays(s); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAMS_zerosAreBelievedInTheEnd(t *testing.T) {
	d := newDocument()
	feed(t, d, report("0", changers("1", "1", "", changer(0, "", spool(0, "")))+","+complete))
	feed(t, d, report("1", `"ams":{"ams_exist_bits":"0","tray_exist_bits":"0"}`))
	for range darkReports - 1 {
		feed(t, d, report("1", `"mc_percent":1`))
	}
	if got := trays(d.state(printer.State{})); got != "0: PLA" {
		t.Fatalf("too early: %q", got)
	}
	m := feed(t, d, report("1", `"mc_percent":1`))
	if got := trays(d.state(printer.State{})); got != "" || !m.Changed {
		t.Errorf("a changer that was taken off still shows: %q, changed %v", got, m.Changed)
	}
}

func TestAMS_trays(t *testing.T) {
	show := func(s printer.State) any { return trays(s) }
	one := func(exist string, tray string) string { return changers("1", exist, "", changer(0, "", tray)) }
	noBits := func(tray string) string { return `"ams":{"ams":[` + changer(0, "", tray) + `]}` }
	reading := func(s printer.State) any { return fmt.Sprint(trays(s), s.Units[0].Trays[0].Reading) }
	detail := func(s printer.State) any {
		x := s.Units[0].Trays[0]
		return strings.Join([]string{x.Color, x.Colors, opt(x.Remaining), opt(x.Weight), opt(x.NozzleMin), opt(x.DryTemperature), opt(x.Diameter),
			opt(x.PressureAdvance), x.Tag, x.Spool}, "|")
	}
	checkRows(t, []row{
		{"a state of 9 with the bit is a spool without data", "", one("1", `{"id":"0","state":9}`), show, "0: ."},
		{"a state of 9 without the bit is empty", "", one("2", `{"id":"0","state":9}`), show, "0: -"},
		{"a state of 10 with the bit", "", one("1", `{"id":"0","state":10}`), show, "0: ."},
		{"old data without the bit is not shown", "", one("2", spool(0, "")), show, "0: -"},
		{"no bits, with data", "", noBits(spool(0, "")), show, "0: PLA"},
		{"no bits, bare", "", noBits(`{"id":"0"}`), show, "0: -"},
		{"no bits, loaded by the state", "", noBits(`{"id":"0","state":11}`), show, "0: ."},
		{"no bits, empty by the state", "", noBits(`{"id":"0","state":8}`), show, "0: -"},
		{"being read, by the state", "", one("0", `{"id":"0","state":17}`), reading, "0: ?true"},
		{"being read, by the bits", "", changers("1", "1", `,"tray_reading_bits":"1"`, changer(0, "", spool(0, ""))), reading, "0: PLAtrue"},
		{"a slot that no changer has", "", one("f", `{"id":"7"}`), show, "0:"},
		{"the rest is known only with the estimate on and a tag", "", `"home_flag":128,` + one("1", spool(0, "")), detail, "0A0B0CFF||60|?|?|?|?|?|00A1B20000000100|5EED"},
		{"estimate off", "", `"home_flag":256,` + one("1", spool(0, "")), detail, "0A0B0CFF||?|?|?|?|?|?|00A1B20000000100|5EED"},
		{"no tag", "", `"home_flag":128,` + one("1", spool(0, `,"tag_uid":"0000000000000000","tray_uuid":"00000000000000000000000000000000"`)), detail, "0A0B0CFF||?|?|?|?|?|?||"},
		{"numbers as text, zeros unknown", "", one("1", spool(0, `,"tray_weight":"1000","nozzle_temp_min":"190","drying_temp":"0","tray_temp":"55","tray_diameter":"1.75","k":0.019999999552965164`)),
			detail, "0A0B0CFF||?|1000|190|55|1.75|0.02|00A1B20000000100|5EED"},
		{"all zeros", "", one("1", spool(0, `,"tray_weight":"0","nozzle_temp_min":"0","drying_temp":0,"tray_diameter":"0.00","k":0`)),
			detail, "0A0B0CFF||?|?|?|?|?|?|00A1B20000000100|5EED"},
		{"several colors", "", one("1", spool(0, `,"cols":["ff0000ff","00FF00FF","x"]`)), detail, "0A0B0CFF|FF0000FF,00FF00FF|?|?|?|?|?|?|00A1B20000000100|5EED"},
		{"a color that is none", "", one("1", spool(0, `,"tray_color":"red"`)), detail, "||?|?|?|?|?|?|00A1B20000000100|5EED"},
	})
}

func TestAMS_units(t *testing.T) {
	unit := func(s printer.State) any {
		u := s.Units[0]
		return fmt.Sprint(u.Kind, "|", opt(u.Humidity), "|", opt(u.HumidityIndex), "|", opt(u.Temperature), "|", u.MaxDryTemperature, "|", opt(u.Nozzle))
	}
	drying := func(s printer.State) any {
		u := s.Units[0]
		return fmt.Sprint(u.Drying, "|", opt(u.DryingRemaining), "|", opt(u.DryingTarget), "|", opt(u.DryingHours), "|", u.DryingFilament)
	}
	of := func(id int, more string) string { return `"ams":{"ams":[` + changer(id, ","+more) + `]}` }
	two := `"device":{"extruder":{"state":2}},`
	ids := func(s printer.State) any { return trays(s) }
	checkRows(t, []row{
		{"AMS", x1cSerial, of(0, `"info":"1001","humidity":"4","humidity_raw":"24","temp":"26.4"`), unit, "AMS|24|2|26.4|0|0"},
		{"AMS Lite has no sensors", a1Serial, of(0, `"info":"1002","humidity":"5","humidity_raw":"0","temp":"0.0"`), unit, "AMS Lite|?|?|?|0|0"},
		{"AMS 2 Pro", h2dSerial, two + of(0, `"info":"2103","humidity":"1","humidity_raw":"101","temp":27`), unit, "AMS 2 Pro|?|5|27|65|1"},
		{"AMS HT", h2dSerial, two + of(128, `"info":"2004","humidity":"0","humidity_raw":"6","temp":"-60"`), unit, "AMS HT|6|?|?|85|0"},
		{"AMS Lite of the A2L", "", of(16, `"info":"5"`), unit, "AMS Lite|?|?|?|0|0"},
		{"not assigned to a nozzle", h2dSerial, two + of(0, `"info":"E03"`), unit, "AMS 2 Pro|?|?|?|65|?"},
		{"without info on an A1", a1Serial, of(0, `"humidity":"5","temp":"0.0"`), unit, "AMS Lite|?|?|?|0|0"},
		{"without info on an X1", x1cSerial, of(0, `"humidity":"3","temp":"26.4"`), unit, "AMS|?|3|26.4|0|0"},
		{"without info by its id", x1cSerial, of(128, `"humidity":"3"`), unit, "AMS HT|?|3|?|85|0"},
		{"an unknown kind", x1cSerial, of(0, `"info":"100F","humidity":"9"`), unit, "AMS|?|?|?|0|0"},
		{"drying", x1cSerial, of(2, `"info":"802023","dry_time":583,"dry_setting":{"dry_temperature":65,"dry_duration":12,"dry_filament":"ABS"}`), drying, "drying|34980|65|12|ABS"},
		{"heating up", x1cSerial, of(2, `"info":"402023","dry_time":"60"`), drying, "heating|3600|?|?|"},
		{"not drying", x1cSerial, of(2, `"info":"2003","dry_time":0,"dry_setting":{"dry_temperature":-1,"dry_duration":-1,"dry_filament":""}`), drying, "off|0|?|?|"},
		{"cooling, stopping, error", x1cSerial, of(2, `"info":"2033"`), drying, "cooling|?|?|?|"},
		{"no word on drying", x1cSerial, of(128, `"dry_time":5`), drying, "drying|300|?|?|"},
		{"a changer that cannot dry", x1cSerial, of(0, `"info":"1001","dry_time":0`), drying, "|?|?|?|"},
		{"in the order of ids", x1cSerial, changers("17", "10eff", "", changer(128, "", spool(0, "")), changer(2, "", spool(1, ""), spool(0, "")), changer(0, "", spool(0, ""))),
			ids, "0: PLA; 2: - PLA; 128: PLA"},
		{"only one slot in an AMS HT", x1cSerial, changers("10", "10000", "", changer(128, "", spool(0, ""), spool(1, ""))), ids, "128: PLA"},
		{"the second AMS HT has its own bits", x1cSerial, changers("30", "10000", "", changer(129, "", spool(0, "")), changer(128, "", spool(0, ""))), ids, "128: PLA; 129: -"},
		{"a changer without the bit", x1cSerial, changers("1", "f0f", "", changer(0, "", spool(0, "")), changer(2, "", spool(0, ""))), ids, "0: PLA"},
	})
}

func TestAMS_versions(t *testing.T) {
	d := newDocument()
	feed(t, d, report("0", changers("3", "0f", "", changer(0, ""), changer(1, ""))),
		`{"info":{"command":"get_version","module":[{"name":"ota","sw_ver":"01.08.00.00"},{"name":"ams/0","sn":"00600A1","sw_ver":"00.00.06.49"},{"name":"n3f/1","sn":"19C00A1","sw_ver":"02.00.00.00"}]}}`)
	m := feed(t, d, `{"info":{"command":"get_version","module":[null,{"sw_ver":"1"},{"name":"ota","sw_ver":"01.08.00.00"},{"name":"ams/0","sn":"N/A","sw_ver":"00.00.06.49"},{"name":"n3f/1","sn":"","sw_ver":"02.00.00.01"}]}}`)
	s := d.state(printer.State{})
	got := fmt.Sprint(s.Units[0].Kind, s.Units[0].Serial, s.Units[1].Kind, s.Units[1].Serial, s.Units[1].Firmware, m.Changed)
	if want := "AMS00600A1AMS 2 Pro19C00A102.00.00.01true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if m := feed(t, d, `{"info":{"command":"get_version","module":7}}`); m.Changed || m.Kind != kindVersion {
		t.Errorf("a list that is none: %+v", m)
	}
}

func TestAMS_active(t *testing.T) {
	active := func(s printer.State) any {
		if !s.ActiveTray.Known {
			return "?"
		}
		return s.ActiveTray.Value
	}
	units := func(now string) string {
		return changers("13", "100ff", `,"tray_now":"`+now+`"`,
			changer(0, "", spool(0, ""), spool(3, "")), changer(1, "", spool(3, "")), changer(128, "", spool(0, "")))
	}
	snow := func(state, right, left int) string {
		return fmt.Sprintf(`"device":{"extruder":{"state":%d,"info":[{"id":0,"snow":%d},{"id":1,"snow":%d}]}},`, state, right, left) + units("3")
	}
	single := func(slot int) string {
		return fmt.Sprintf(`"device":{"extruder":{"state":1,"info":[{"id":0,"snow":%d}]}},`, slot) + units("3")
	}
	checkRows(t, []row{
		{"flat", p1sSerial, units("7"), active, "ams_1_tray_4"},
		{"flat, dryer", p1sSerial, units("128"), active, "ams_128_tray_1"},
		{"flat, external", p1sSerial, units("254"), active, "external"},
		{"flat, none", p1sSerial, units("255"), active, "?"},
		{"flat, a tray that is not there", p1sSerial, units("9"), active, "?"},
		{"flat, 80 is no dryer", p1sSerial, units("80"), active, "?"},
		{"right, by its own word", h2dSerial, snow(2, 259, 0), active, "ams_1_tray_4"},
		{"left, by its own word", h2dSerial, snow(274, 259, 3), active, "ams_0_tray_4"},
		{"right, dryer", h2dSerial, snow(2, 0x8000, 0xFEFF), active, "ams_128_tray_1"},
		{"right, external", h2dSerial, snow(2, 0xFF00, 0xFEFF), active, "external"},
		{"left, external", h2dSerial, snow(274, 0xFFFF, 0xFE00), active, "external_left"},
		{"right, none", h2dSerial, snow(2, 0xFFFF, 3), active, "?"},
		{"left, none", h2dSerial, snow(274, 3, 0xFEFF), active, "?"},
		{"one nozzle, new dialect", x1cSerial, single(257 + 2), active, "ams_1_tray_4"},
		{"one nozzle, none", x1cSerial, single(255), active, "?"},
		{"two nozzles and only the old word", h2dSerial, `"device":{"extruder":{"state":2}},` + units("3"), active, "?"},
	})
}

func TestAMS_external(t *testing.T) {
	show := func(s printer.State) any {
		var list []string
		for _, t := range s.External {
			list = append(list, fmt.Sprintf("%d %s %s", t.Slot, t.Material, opt(t.Empty)))
		}
		return strings.Join(list, "; ")
	}
	checkRows(t, []row{
		{"old", p1sSerial, `"vt_tray":{"id":"254","tray_type":"PLA"}`, show, "0 PLA false"},
		{"new, one", p2sSerial, `"vir_slot":[{"id":"255","tray_type":"PETG"}]`, show, "0 PETG false"},
		{"new, two, right first", h2dSerial, `"vir_slot":[{"id":"254","tray_type":""},{"id":"255","tray_type":"PA"}]`, show, "0 PA false; 1  true"},
		{"both: the new one counts", h2dSerial, `"vt_tray":{"id":"255","tray_type":"ABS"},"vir_slot":[{"id":"254","tray_type":"PLA"},{"id":255,"tray_type":"PA"}]`, show, "0 PA false; 1 PLA false"},
		{"none", p1sSerial, `"vt_tray":null,"vir_slot":"x"`, show, ""},
	})
}
