package bambu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

// Serials whose first three characters name the model.
const (
	a1Serial  = "03900A000000001"
	p1sSerial = "01P00A000000001"
	x1cSerial = "00M00A000000001"
	x1eSerial = "03W00A000000001"
	p2sSerial = "22E00A000000001"
	h2dSerial = "09400A000000001"
)

// complete is the least that makes a document complete.
const complete = `"gcode_state":"RUNNING","home_flag":256,"nozzle_temper":20`

// row is one rule: what is sent by which printer, and how the state shows it.
type row struct {
	name, serial, members string
	show                  func(s printer.State) any
	want                  string
}

func checkRows(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s := mapState(t, r.serial, report("0", r.members))
			checkSane(t, s)
			if got := fmt.Sprint(r.show(s)); got != r.want {
				t.Errorf("got %s, want %s", got, r.want)
			}
		})
	}
}

// opt shows an Opt as its value or "?".
func opt[T comparable](o printer.Opt[T]) string {
	if !o.Known {
		return "?"
	}
	return fmt.Sprint(o.Value)
}

func heater(h printer.Heater) string { return opt(h.Temperature) + "/" + opt(h.Target) }

func TestState_temperatures(t *testing.T) {
	nozzle := func(s printer.State) any { return heater(s.Nozzles[0].Heater) + " " + heater(s.Nozzles[1].Heater) }
	bed := func(s printer.State) any { return heater(s.Bed) }
	chamber := func(s printer.State) any { return heater(s.Chamber) }
	checkRows(t, []row{
		{"flat nozzle", a1Serial, `"nozzle_temper":219.625,"nozzle_target_temper":220`, nozzle, "219.625/220 ?/?"},
		{"flat nozzle as text", a1Serial, `"nozzle_temper":"219.625","nozzle_target_temper":"220"`, nozzle, "219.625/220 ?/?"},
		{"packed right and left, in any order", h2dSerial,
			`"nozzle_temper":1,"device":{"extruder":{"state":2,"info":[{"id":1,"temp":5767327},{"id":0,"temp":14418140}]}}`, nozzle, "220/220 159/88"},
		{"packed as text", h2dSerial, `"device":{"extruder":{"info":[{"id":"0","temp":"14745864"}]}}`, nozzle, "264/225 ?/?"},
		{"a packed value without target", x1cSerial, `"device":{"extruder":{"info":[{"id":0,"temp":43}]}}`, nozzle, "43/0 ?/?"},
		{"a packed negative value", x1cSerial, `"device":{"extruder":{"info":[{"id":0,"temp":65531}]}}`, nozzle, "-5/0 ?/?"},
		{"a packed impossible value", x1cSerial, `"device":{"extruder":{"info":[{"id":0,"temp":4294967295}]}}`, nozzle, "?/? ?/?"},
		{"packed and above all sense", x1cSerial, `"device":{"extruder":{"info":[{"id":0,"temp":39322200}]}}`, nozzle, "?/? ?/?"},
		{"below and above all sense", a1Serial, `"nozzle_temper":-51,"nozzle_target_temper":501`, nozzle, "?/? ?/?"},
		{"empty text", a1Serial, `"nozzle_temper":"","nozzle_target_temper":null`, nozzle, "?/? ?/?"},
		{"not a number", a1Serial, `"nozzle_temper":"NaN","nozzle_target_temper":"0x10"`, nozzle, "?/? ?/?"},
		{"flat bed", a1Serial, `"bed_temper":25.625,"bed_target_temper":"60"`, bed, "25.625/60"},
		{"packed bed before flat bed", p2sSerial, `"bed_temper":70.5,"bed_target_temper":70,"device":{"bed":{"info":{"temp":6553700}}}`, bed, "100/100"},
		{"the other packed bed", p2sSerial, `"device":{"bed":null,"bed_temp":4587590}`, bed, "70/70"},
		{"chamber of the tree", x1cSerial, `"device":{"ctc":{"info":{"temp":38}}}`, chamber, "38/?"},
		{"chamber with target", h2dSerial, `"device":{"ctc":{"info":{"temp":3932208}}}`, chamber, "48/60"},
		{"chamber with an explicit target", h2dSerial, `"device":{"ctc":{"info":{"temp":3932208,"target":55}}}`, chamber, "48/55"},
		{"chamber beside the tree", "09300A1", `"info":{"temp":3932220}`, chamber, "60/60"},
		{"chamber of early firmware", h2dSerial, `"device":{"cham_temp":36},"ctt":45`, chamber, "36/45"},
		{"flat chamber", x1cSerial, `"chamber_temper":37`, chamber, "37/?"},
		{"flat chamber, packed", x1eSerial, `"chamber_temper":3932209`, chamber, "49/60"},
		{"5 is no sensor on P1 and A1", p1sSerial, `"chamber_temper":5`, chamber, "?/?"},
		{"25 is no sensor on P1 either", p1sSerial, `"chamber_temper":25`, chamber, "?/?"},
		{"5 in the flat dialect is no sensor anywhere", "", `"chamber_temper":5`, chamber, "?/?"},
	})
}

func TestState_tools(t *testing.T) {
	active := func(s printer.State) any { return opt(s.ActiveNozzle) }
	nozzles := func(s printer.State) any {
		n := s.Nozzles
		return fmt.Sprint(opt(n[0].Diameter), n[0].Type, n[0].Flow, opt(n[1].Diameter), n[1].Type, n[1].Flow)
	}
	filament := func(s printer.State) any { return opt(s.FilamentPresent) }
	tool := func(s printer.State) any { return s.Tool + " " + fmt.Sprint(s.Caps.Tool) }
	two := `"info":[{"id":0,"info":79},{"id":1,"info":24}]`
	checkRows(t, []row{
		{"two, right active", h2dSerial, `"device":{"extruder":{"state":2}}`, active, "0"},
		{"two, left active", h2dSerial, `"device":{"extruder":{"state":274}}`, active, "1"},
		{"none active", h2dSerial, `"device":{"extruder":{"state":242}}`, active, "?"},
		{"one", x1cSerial, `"device":{"extruder":{"state":1}}`, active, "0"},
		{"flat", a1Serial, `"nozzle_temper":20`, active, "0"},
		{"two without a state", h2dSerial, `"device":{"extruder":{` + two + `}}`, active, "?"},
		{"flat nozzle", a1Serial, `"nozzle_diameter":"0.4","nozzle_type":"hardened_steel"`, nozzles, "0.4hardened_steel?"},
		{"flat nozzle with a code", p2sSerial, `"nozzle_diameter":0.6,"nozzle_type":"HH05"`, nozzles, "0.6tungsten_carbidehigh?"},
		{"two nozzles", h2dSerial, `"device":{"nozzle":{"info":[{"id":1,"diameter":"0.6","type":"HX05"},{"id":0,"diameter":0.2000000029,"type":"HU00"}]}}`,
			nozzles, "0.2stainless_steeltpu_high0.6tungsten_carbidestandard"},
		{"a rack's nozzle is the one that the extruder holds", "31B00A1",
			`"device":{"extruder":{"state":2,"info":[{"id":0,"hnow":17}]},"nozzle":{"info":[{"id":0,"diameter":0.4,"type":"HS01"},{"id":17,"diameter":0.8,"type":"HE00"}]}}`,
			nozzles, "0.8stainless_steelhigh?"},
		{"an int where the list belongs", x1cSerial, `"nozzle_diameter":"0.4","device":{"nozzle":{"0":{"info":136},"info":17}}`, nozzles, "0.4?"},
		{"an unknown code", x1cSerial, `"nozzle_type":"ZQ99"`, nozzles, "??"},
		{"filament at the switch", a1Serial, `"hw_switch_state":1`, filament, "true"},
		{"filament at the switch, two bits", p2sSerial, `"hw_switch_state":"3"`, filament, "true"},
		{"no filament at the switch", a1Serial, `"hw_switch_state":0`, filament, "false"},
		{"filament at the active extruder", h2dSerial, `"hw_switch_state":0,"device":{"extruder":{"state":2,` + two + `}}`, filament, "true"},
		{"no filament at the active extruder", h2dSerial, `"hw_switch_state":1,"device":{"extruder":{"state":274,` + two + `}}`, filament, "false"},
		{"laser", h2dSerial, `"device":{"ext_tool":{"type":"LB00"}}`, tool, "laser10 true"},
		{"no tool", h2dSerial, `"device":{"ext_tool":{"type":""}}`, tool, "extruder true"},
		{"a printer whose tool cannot be changed", p2sSerial, `"device":{"ext_tool":{"type":""}}`, tool, " false"},
	})
}

func TestState_fans(t *testing.T) {
	fans := func(s printer.State) any {
		f := s.Fans
		return strings.Join([]string{opt(f.Part), opt(f.Aux), opt(f.Chamber), opt(f.Heatbreak), opt(f.SecondAux)}, " ")
	}
	duct := func(s printer.State) any { return s.AirDuct + " " + fmt.Sprint(s.Caps.AirDuct) }
	checkRows(t, []row{
		{"steps are rounded up to 10 %", p1sSerial, `"cooling_fan_speed":"1","big_fan1_speed":"7","big_fan2_speed":9,"heatbreak_fan_speed":"15"`, fans, "10 50 60 100 ?"},
		{"two steps of one setting give one value", p1sSerial, `"cooling_fan_speed":"11","big_fan1_speed":"12"`, fans, "80 80 ? ? ?"},
		{"what an A1 does not have", a1Serial, `"cooling_fan_speed":"0","big_fan1_speed":"0","big_fan2_speed":"0"`, fans, "0 ? ? ? ?"},
		{"out of range", p1sSerial, `"cooling_fan_speed":"16","big_fan1_speed":"-1","big_fan2_speed":"fast"`, fans, "? ? ? ? ?"},
		{"the air duct counts", p2sSerial, `"cooling_fan_speed":"10","device":{"airduct":{"modeCur":0,"modeList":[{"modeId":0}],"parts":[{"id":16,"state":90},{"id":160,"state":"30"},{"id":32,"state":101}]}}`,
			fans, "90 ? ? ? 30"},
		{"mode of the air duct", p2sSerial, `"device":{"airduct":{"modeCur":1,"modeList":[{"modeId":1}]}}`, duct, "heating true"},
		{"an unknown mode", p2sSerial, `"device":{"airduct":{"modeCur":9,"modeList":[{"modeId":1}]}}`, duct, " true"},
		{"no air duct", p1sSerial, `"device":{"airduct":null}`, duct, " false"},
	})
}

func TestState_flags(t *testing.T) {
	door := func(s printer.State) any { return opt(s.Door) }
	storage := func(s printer.State) any { return s.Storage }
	wifi := func(s printer.State) any { return opt(s.WiFi) }
	ip := func(s printer.State) any { return s.IPAddress }
	lights := func(s printer.State) any {
		return strings.Join([]string{opt(s.ChamberLight), opt(s.SecondLight), opt(s.WorkLight)}, " ")
	}
	developer := func(s printer.State) any { return opt(s.DeveloperMode) }
	speed := func(s printer.State) any { return s.Speed + " " + opt(s.SpeedPercent) }
	cam := func(s printer.State) any {
		return fmt.Sprint(s.Caps.Camera, " ", s.LiveView, " ", opt(s.Recording), " ", opt(s.Timelapse))
	}
	sound := func(s printer.State) any { return opt(s.PromptSound) + fmt.Sprint(s.Caps.PromptSound) }
	checkRows(t, []row{
		{"an X1's door, closed", x1cSerial, `"home_flag":-1066934785,"stat":"46A58008"`, door, "false"},
		{"an X1's door, open", x1cSerial, `"home_flag":-1058546177,"stat":"46258008"`, door, "true"},
		{"an H2's door, closed", h2dSerial, `"home_flag":-1058546177,"stat":"46258008"`, door, "false"},
		{"an H2's door, open", h2dSerial, `"home_flag":-1066934785,"stat":"46A58008"`, door, "true"},
		{"a P1 has none", p1sSerial, `"home_flag":-1058546177,"stat":"46A58008"`, door, "?"},
		{"no storage", a1Serial, `"home_flag":0`, storage, "none"},
		{"storage", a1Serial, `"home_flag":"256"`, storage, "normal"},
		{"bad storage", a1Serial, `"home_flag":512,"sdcard":true`, storage, "abnormal"},
		{"write-protected storage", a1Serial, `"home_flag":768`, storage, "read_only"},
		{"storage without home_flag", a1Serial, `"sdcard":"true"`, storage, "normal"},
		{"signal", a1Serial, `"wifi_signal":"-60dBm"`, wifi, "-60"},
		{"a number as signal", a1Serial, `"wifi_signal":-48`, wifi, "-48"},
		{"a wire", x1eSerial, `"wifi_signal":"-90dBm"`, wifi, "?"},
		{"no signal", a1Serial, `"wifi_signal":"<hidden>"`, wifi, "?"},
		{"address", x1cSerial, `"net":{"conf":16,"info":[{"ip":0},{"ip":3211765952,"mask":16777215}]}`, ip, "192.168.111.191"},
		{"no address", x1cSerial, `"net":{"info":[{"ip":0}]}`, ip, ""},
		{"lights by node", h2dSerial, `"lights_report":[{"node":"work_light","mode":"flashing"},{"node":"chamber_light2","mode":"off"},{"node":"chamber_light","mode":"on"}]`, lights, "true false true"},
		{"an unknown mode of a light", a1Serial, `"lights_report":[{"node":"chamber_light","mode":"disco"}]`, lights, "? ? ?"},
		{"signature required", h2dSerial, `"fun":"3EC1AFFF9CFF"`, developer, "false"},
		{"signature not required", h2dSerial, `"fun":"3EC18FFF9CFF"`, developer, "true"},
		{"a word of 64 bits", p2sSerial, `"fun":"60029FD1A3FF9CB7"`, developer, "false"},
		{"no word at all", a1Serial, `"mc_percent":1`, developer, "?"},
		{"a word that is none", h2dSerial, `"fun":"yes"`, developer, "?"},
		{"speed", a1Serial, `"spd_lvl":4,"spd_mag":"166"`, speed, "ludicrous 166"},
		{"speed at a job's end", a1Serial, `"spd_lvl":253,"spd_mag":100`, speed, " ?"},
		{"camera by pictures", a1Serial, `"ipcam":{"ipcam_dev":"1","ipcam_record":"enable","timelapse":"disable"}`, cam, "jpeg  true false"},
		{"camera switched off in the menu", h2dSerial, `"ipcam":{"ipcam_dev":"1","rtsp_url":"disable"}`, cam, "rtsp  ? ?"},
		{"credentials never come through", h2dSerial, `"ipcam":{"rtsp_url":"rtsps://bblp:12345678@10.0.0.9:322/streaming/live/1"},"net":{"info":[{"ip":3211765952}]}`,
			cam, "rtsp rtsps://192.168.111.191:322/streaming/live/1 ? ?"},
		{"prompt sound", a1Serial, `"home_flag":393472`, sound, "truetrue"},
		{"prompt sound off", a1Serial, `"home_flag":262400`, sound, "falsetrue"},
		{"the same bits of a printer without it", x1cSerial, `"home_flag":393472`, sound, "?false"},
	})
}

func TestState_job(t *testing.T) {
	job := func(s printer.State) any {
		j := s.Job
		return fmt.Sprint(opt(j.Progress), " ", opt(j.RemainingSeconds), " ", opt(j.Layer), "/", opt(j.TotalLayers))
	}
	about := func(s printer.State) any {
		j := s.Job
		return strings.Join([]string{j.PrinterJob, j.Name, j.Source, opt(j.Plate), fmt.Sprint(j.SkippedObjects)}, "|")
	}
	stage := func(s printer.State) any { return s.Stage }
	checkRows(t, []row{
		{"flat", a1Serial, `"mc_percent":12,"mc_remaining_time":86,"layer_num":3,"total_layer_num":88`, job, "12 5160 3/88"},
		{"new names", x1cSerial, `"percent":"12","remain_time":2,"3D":{"layer_num":1,"total_layer_num":"200"}`, job, "12 120 1/200"},
		{"above all sense", a1Serial, `"mc_percent":140,"mc_remaining_time":99999999,"layer_num":-3,"total_layer_num":1e300`, job, "100 ? ?/?"},
		{"below all sense", a1Serial, `"mc_percent":-1,"mc_remaining_time":-1`, job, "? ? ?/?"},
		{"zeros are no ids", a1Serial, `"job_id":"0","task_id":0,"subtask_id":"","print_type":"idle"`, about, "|||?|[]"},
		{"a task's id", h2dSerial, `"job_id":"0","task_id":"9012","print_type":"cloud","subtask_name":"Box"`, about, "9012|Box|cloud|?|[]"},
		{"a plate by its path", x1cSerial, `"gcode_file":"/data/Metadata/plate_12.gcode","plate_idx":1`, about, "|||12|[]"},
		{"a plate by its number", x1cSerial, `"gcode_file":"Box.gcode.3mf","plate_idx":"3"`, about, "|||3|[]"},
		{"a plate that is none", x1cSerial, `"gcode_file":"/data/Metadata/plate_x.gcode"`, about, "|||?|[]"},
		{"skipped objects", x1cSerial, `"s_obj":[118,"204",-1,null,1e99]`, about, "|||?|[118 204]"},
		{"a stage", a1Serial, `"gcode_state":"RUNNING","stg_cur":13`, stage, "homing"},
		{"a stage outside of a job", a1Serial, `"gcode_state":"IDLE","stg_cur":3`, stage, "vibration_compensation"},
		{"0 in a job", a1Serial, `"gcode_state":"RUNNING","stg_cur":0`, stage, "printing"},
		{"0 after the start", a1Serial, `"gcode_state":"IDLE","stg_cur":0`, stage, ""},
		{"none on X1", x1cSerial, `"gcode_state":"IDLE","stg_cur":-1`, stage, ""},
		{"none on A1", a1Serial, `"gcode_state":"IDLE","stg_cur":"255"`, stage, ""},
		{"an unknown stage", a1Serial, `"gcode_state":"RUNNING","stg_cur":300`, stage, "unknown"},
	})
}

func TestState_keepsTheBaseUntilComplete(t *testing.T) {
	base := printer.State{Serial: a1Serial, Model: "A1", Firmware: "01.05.00.00", FirmwareAvailable: "01.07.00.00",
		Units: []printer.Unit{{ID: 0, Serial: "03C1"}}, Storage: "normal", Door: printer.Some(true), Speed: "sport"}
	base.Caps.Door = true
	d := newDocument()
	feed(t, d, report("1", `"nozzle_temper":20`))
	s := d.state(base)
	if len(s.Units) != 1 || s.Storage != "normal" || s.FirmwareAvailable == "" || s.Firmware == "" || !s.Door.Known {
		t.Errorf("a delta alone took away what was known: %+v", s)
	}
	feed(t, d, report("0", `"ams":{"ams":[{"id":"0"}]},`+complete))
	s = d.state(s)
	if s.Storage != "normal" || s.Door.Known || s.Firmware == "" || s.FirmwareAvailable != "" || s.Speed != "sport" {
		t.Errorf("a full report was not believed: %+v", s)
	}
	if !s.Caps.Door {
		t.Error("a capability has vanished")
	}
	if s.Units[0].Serial != "03C1" {
		t.Error("the changer's serial was forgotten before the printer told it")
	}
}

func TestState_storageIsDebounced(t *testing.T) {
	d := newDocument()
	feed(t, d, report("0", complete))
	for i := range storageReports {
		m := feed(t, d, report("1", `"home_flag":0`))
		if s := d.state(printer.State{}); s.Storage != "normal" || i > 0 && m.Changed {
			t.Fatalf("after %d reports storage is %q", i+1, s.Storage)
		}
	}
	if m := feed(t, d, report("1", `"layer_num":1`)); !m.Changed || d.state(printer.State{}).Storage != "none" {
		t.Error("a card that was taken out still shows")
	}
	if feed(t, d, report("1", `"home_flag":256`)); d.state(printer.State{}).Storage != "normal" {
		t.Error("a card that was put in does not show at once")
	}
}

func TestState_firmware(t *testing.T) {
	ota := `{"info":{"command":"get_version","module":[{"name":"ota","sw_ver":"01.07.00.00","new_ver":"%s"}]}}`
	tests := []struct{ name, newer, upgrade, want string }{
		{"none", "", `{"new_version_state":2,"ota_new_version_number":"01.08.00.00"}`, " ?"},
		{"X1", "", `{"new_version_state":1,"ota_new_version_number":"01.08.00.00","status":"UPGRADE_SUCCESS","progress":"100"}`, "01.08.00.00 ?"},
		{"A1", "", `{"new_version_state":"1","new_ver_list":[{"name":"ams/0","new_ver":"9"},{"name":"ota","new_ver":"01.08.00.00"}]}`, "01.08.00.00 ?"},
		{"in the modules", "01.09.00.00", `{"new_version_state":1}`, "01.09.00.00 ?"},
		{"only a changer's", "", `{"new_version_state":1,"ams_new_version_number":"9"}`, " ?"},
		{"the installed one", "", `{"new_version_state":1,"ota_new_version_number":"01.07.00.00"}`, " ?"},
		{"left-over progress", "", `{"status":"IDLE","progress":"100","message":"0%, 0B/s"}`, " ?"},
		{"under way", "", `{"status":"DOWNLOADING","progress":"37"}`, " 37"},
		{"under way without a number", "", `{"status":"FLASHING","progress":""}`, " ?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mapState(t, "", fmt.Sprintf(ota, tt.newer), report("0", `"upgrade_state":`+tt.upgrade))
			if got := s.FirmwareAvailable + " " + opt(s.FirmwareProgress); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestState_firmwareUntilTheModulesAreSeen(t *testing.T) {
	base := printer.State{Serial: a1Serial, Model: "A1", Firmware: "01.07.00.00", FirmwareAvailable: "01.09.00.00"}
	for _, tt := range []struct{ name, upgrade, module, before, after string }{
		{"only the modules name it", `{"new_version_state":1}`, `"sw_ver":"01.07.00.00","new_ver":"01.09.00.00"`, "01.09.00.00", "01.09.00.00"},
		{"nobody names it any more", `{"new_version_state":1}`, `"sw_ver":"01.07.00.00"`, "01.09.00.00", ""},
		{"it has been installed", `{"new_version_state":1}`, `"sw_ver":"01.09.00.00","new_ver":"01.09.00.00"`, "01.09.00.00", ""},
		{"there is none", `{"new_version_state":2}`, `"sw_ver":"01.07.00.00","new_ver":"01.09.00.00"`, "", ""},
		{"the report names another", `{"new_version_state":1,"ota_new_version_number":"01.10.00.00"}`, `"sw_ver":"01.07.00.00"`, "01.10.00.00", "01.10.00.00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDocument()
			feed(t, d, report("0", `"upgrade_state":`+tt.upgrade+","+complete))
			s := d.state(base)
			if s.FirmwareAvailable != tt.before {
				t.Errorf("got %q before the modules, want %q", s.FirmwareAvailable, tt.before)
			}
			feed(t, d, `{"info":{"command":"get_version","module":[{"name":"ota",`+tt.module+`}]}}`)
			if s = d.state(s); s.FirmwareAvailable != tt.after {
				t.Errorf("got %q after the modules, want %q", s.FirmwareAvailable, tt.after)
			}
		})
	}
}

func TestState_limits(t *testing.T) {
	limits := func(s printer.State) any {
		return fmt.Sprint(s.Caps.NozzleRange.Max, s.Caps.BedRange.Max, s.Caps.ChamberRange.Max, s.Caps.ChamberHeater)
	}
	checkRows(t, []row{
		{"A1", a1Serial, complete, limits, "300 100 0 false"},
		{"X1C at 110 V", x1cSerial, `"home_flag":256`, limits, "300 120 0 false"},
		{"X1C at 220 V", x1cSerial, `"home_flag":264`, limits, "300 110 0 false"},
		{"X1C before it says", x1cSerial, `"mc_percent":1`, limits, "300 110 0 false"},
		{"X1E", x1eSerial, `"home_flag":256`, limits, "300 120 60 true"},
		{"H2D", h2dSerial, complete, limits, "350 120 65 true"},
		{"a nozzle's own limit", h2dSerial, `"device":{"nozzle":{"info":[{"id":0,"tm":320},{"id":1,"max_temp":"0"}]}}`, limits, "320 120 65 true"},
		{"unknown", "", complete, limits, "300 100 0 false"},
	})
}

func TestDocument_facts(t *testing.T) {
	d := newDocument()
	if f := d.facts(); f.State != "" || f.Percent != -1 || f.RemainingMinutes != -1 || f.Layer != -1 || f.TotalLayers != -1 || f.Stage != -2 {
		t.Errorf("an empty document says %+v", f)
	}
	feed(t, d, report("0", `"gcode_state":"failed","mc_percent":7,"stg_cur":255,"print_error":50348044,"fail_reason":"83902478",
		"err":"3A0500808F","task_id":"0","subtask_id":"12","subtask_name":" Box ","print_type":"local","gcode_file":"a.3mf",
		"hms":[{"attr":83887360,"code":65543,"new":1},{"attr":"83953664","code":"196610"},{"attr":0,"code":0},null]`))
	f := d.facts()
	want := "{FAILED 7 -1 -1 -1 255 Box a.3mf  12 50348044 83902478 83918991 [{83887360 65543} {83953664 196610}]}"
	if got := fmt.Sprint(f); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	feed(t, d, report("1", `"err":"0","ap_err":"134250511","print_error":-1,"hms":[]`))
	if f := d.facts(); f.Err != 134250511 || f.PrintError != 0xFFFFFFFF || len(f.HMS) != 0 {
		t.Errorf("got %+v", f)
	}
}
