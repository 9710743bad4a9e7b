package simulator

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// command is one row of what the printer obeys.
type command struct {
	do    func(m *machine, body document) error
	later func(m *machine, body document) // after the acknowledgement
	quiet bool                            // answers by itself, or not at all
	tree  bool                            // known to newer models only
}

var (
	errBusy = errors.New("the device is busy")
	errIdle = errors.New("no print is under way")
	errArgs = errors.New("invalid parameter")
)

// commands is the table of commands by top-level key and name.
func commands() map[string]command {
	accept := func(*machine, document) error { return nil }
	return map[string]command{
		"pushing.pushall":            {do: func(m *machine, _ document) error { m.whole(); return nil }, quiet: true},
		"pushing.start":              {do: func(m *machine, _ document) error { m.quiet = 0; m.whole(); return nil }, quiet: true},
		"info.get_version":           {do: (*machine).answerVersion, quiet: true},
		"print.pause":                {do: (*machine).obeyPause},
		"print.resume":               {do: (*machine).obeyResume},
		"print.stop":                 {do: (*machine).obeyStop, later: func(m *machine, _ document) { m.cancel(m.stopWay) }},
		"print.print_speed":          {do: (*machine).obeySpeed},
		"print.gcode_line":           {do: (*machine).obeyGcode},
		"print.set_bed_temp":         {do: (*machine).obeyBed, tree: true},
		"print.set_nozzle_temp":      {do: (*machine).obeyNozzle, tree: true},
		"print.set_ctt":              {do: (*machine).obeyChamber, tree: true},
		"print.set_airduct":          {do: (*machine).obeyDuct, tree: true},
		"print.select_extruder":      {do: (*machine).obeyExtruder, tree: true},
		"print.ams_change_filament":  {do: (*machine).obeyChange},
		"print.unload_filament":      {do: func(m *machine, _ document) error { return m.changeTo(trayNone) }},
		"print.ams_filament_setting": {do: (*machine).obeySetting},
		"print.ams_filament_drying":  {do: (*machine).obeyDrying},
		"print.auto_stop_ams_dry":    {do: (*machine).obeyStopDrying},
		"print.ams_get_rfid":         {do: accept},
		"print.ams_control":          {do: accept},
		"print.ams_user_setting":     {do: (*machine).obeyUserSetting},
		"print.clean_print_error":    {do: func(m *machine, _ document) error { m.dismiss(); return nil }},
		"print.print_option":         {do: (*machine).obeyOption},
		"print.project_file":         {do: (*machine).obeyFile},
		"print.skip_objects":         {do: (*machine).obeySkip},
		"print.buzzer_ctrl":          {do: accept, tree: true},
		"print.calibration":          {do: accept},
		"print.extrusion_cali_get":   {do: (*machine).answerCalibration, quiet: true},
		"system.ledctrl":             {do: (*machine).obeyLight},
		"system.uiop":                {do: func(m *machine, _ document) error { m.dismiss(); return nil }},
		"camera.ipcam_timelapse":     {do: accept},
		"camera.ipcam_record_set":    {do: accept},
		"xcam.xcam_control_set":      {do: accept},
	}
}

func (m *machine) obeyPause(document) error {
	if m.run == nil || m.state == statePause {
		return errIdle
	}
	m.after(time.Second, func(m *machine) { m.pauseWith(errorPaused, 16) })
	return nil
}

func (m *machine) obeyResume(document) error {
	if m.run == nil || m.state != statePause {
		return errIdle
	}
	m.after(time.Second, (*machine).resume)
	return nil
}

func (m *machine) obeyStop(document) error {
	if m.run == nil {
		return errIdle
	}
	return nil
}

func (m *machine) obeySpeed(body document) error {
	level := whole(body["param"], 0)
	if level < 1 || level > 4 {
		return errArgs
	}
	m.level, m.toldLevel = level, level
	return nil
}

func (m *machine) obeyBed(body document) error {
	temp, ok := number(body["temp"])
	if !ok || temp < 0 || temp > 120 {
		return errArgs
	}
	m.bed.target = temp
	return nil
}

func (m *machine) obeyNozzle(body document) error {
	temp, ok := number(body["target_temp"])
	i := whole(body["extruder_index"], m.active)
	if !ok || temp < 0 || temp > 350 || i < 0 || i >= len(m.nozzles) {
		return errArgs
	}
	m.nozzles[i].heat.target = temp
	return nil
}

func (m *machine) obeyChamber(body document) error {
	temp, ok := number(body["ctt_val"])
	if !ok || !m.model.heatedChamber || temp < 0 || temp > 65 {
		return errArgs
	}
	m.chamber.target = temp
	return nil
}

func (m *machine) obeyDuct(body document) error {
	mode := whole(body["modeId"], -1)
	if !m.model.airduct || mode < 0 || mode > 2 {
		return errArgs
	}
	m.airMode = mode
	return nil
}

func (m *machine) obeyExtruder(body document) error {
	i := whole(body["extruder_index"], -1)
	if i < 0 || i >= len(m.nozzles) {
		return errArgs
	}
	if m.run != nil {
		return errBusy
	}
	m.after(3*time.Second, func(m *machine) { m.selectNozzle(i) })
	return nil
}

// selectNozzle turns to a nozzle; tray_now becomes the slot of its side.
func (m *machine) selectNozzle(i int) {
	m.active = i
	if m.trayNow = m.nozzles[i].slot; m.trayNow < 0 {
		m.trayNow = trayNone
	}
	m.trayTar = m.trayNow
}

func (m *machine) obeyChange(body document) error {
	ams, slot, target := whole(body["ams_id"], -1), whole(body["slot_id"], -1), whole(body["target"], -1)
	if target == trayNone || slot == trayNone && ams != trayNone {
		return m.changeTo(trayNone)
	}
	if ams == trayNone || ams == trayExternal || target == trayExternal {
		return m.changeTo(trayExternal)
	}
	wire := target
	if u := m.unit(ams); u != nil && slot >= 0 && slot < len(u.trays) {
		wire = u.wire(slot)
	}
	u, i := m.find(wire)
	if u == nil || !u.trays[i].filled {
		return errArgs
	}
	return m.changeTo(wire)
}

// changeTo loads a slot while the printer is idle or paused, with a warm nozzle.
func (m *machine) changeTo(wire int) error {
	if m.run != nil && m.state != statePause {
		return errBusy
	}
	m.heat(max(220, m.nozzles[m.active].heat.target))
	m.load(wire, 1, func(m *machine) {
		m.amsStatus = 0
		if m.run == nil {
			m.heat(0)
		}
	})
	return nil
}

func (m *machine) obeySetting(body document) error {
	u := m.unit(whole(body["ams_id"], -1))
	slot := whole(body["slot_id"], whole(body["tray_id"], -1))
	if u == nil {
		return nil // the external spool: taken, and not told by this simulation
	}
	if slot < 0 || slot >= len(u.trays) {
		return errArgs
	}
	t := &u.trays[slot]
	t.filled, t.rfid, t.remain, t.tag, t.uuid = true, false, -1, strings.Repeat("0", 16), strings.Repeat("0", 32)
	t.id, t.kind, t.colour = text(body["tray_info_idx"]), text(body["tray_type"]), text(body["tray_color"])
	t.low, t.high = whole(body["nozzle_temp_min"], t.low), whole(body["nozzle_temp_max"], t.high)
	return nil
}

func (m *machine) obeyDrying(body document) error {
	u := m.unit(whole(body["ams_id"], -1))
	if u == nil || !u.kind.dries {
		return errArgs
	}
	if whole(body["mode"], 0) == 0 {
		u.stopDrying()
		return nil
	}
	temp, hours := whole(body["temp"], 0), whole(body["duration"], 0)
	if temp < 35 || temp > 85 || hours < 1 || hours > 24 {
		return errArgs
	}
	u.dry(temp, hours, text(body["filament"]))
	return nil
}

func (m *machine) obeyStopDrying(body document) error {
	u := m.unit(whole(body["ams_id"], -1))
	if u == nil {
		return errArgs
	}
	u.stopDrying()
	return nil
}

func (m *machine) obeyUserSetting(body document) error {
	if on, ok := body["calibrate_remain_flag"].(bool); ok {
		m.options["remain"] = on
	}
	return nil
}

func (m *machine) obeyOption(body document) error {
	known := []string{"auto_recovery", "air_print_detect", "filament_tangle_detect", "nozzle_blob_detect", "sound_enable", "auto_switch_filament"}
	found := false
	for _, name := range known {
		if on, ok := body[name].(bool); ok {
			m.options[name], found = on, true
		}
	}
	if !found {
		return errArgs
	}
	return nil
}

func (m *machine) obeySkip(body document) error {
	list, ok := body["obj_list"].([]any)
	if !ok || m.run == nil {
		return errArgs
	}
	for _, v := range list {
		id := whole(v, -1)
		if id >= 0 && !slices.Contains(m.skipped, id) {
			m.skipped = append(m.skipped, id)
		}
	}
	return nil
}

// obeyLight answers for every light; heatbed_light is obeyed and never reported.
func (m *machine) obeyLight(body document) error {
	node, mode := text(body["led_node"]), text(body["led_mode"])
	if mode != "on" && mode != "off" && mode != "flashing" {
		return errArgs
	}
	if _, ok := m.lights[node]; ok {
		m.lights[node] = mode
	} else if node != "heatbed_light" {
		return errArgs
	}
	return nil
}

func (m *machine) answerCalibration(body document) error {
	m.emit("print", document{"command": "extrusion_cali_get", "filament_id": "", "nozzle_diameter": "0.4", "reason": "", "result": "success",
		"sequence_id": body["sequence_id"], "filaments": []document{{"cali_idx": 0, "extruder_id": 0, "filament_id": "GFA00",
			"k_value": "0.020000", "name": "PLA as measured", "nozzle_diameter": "0.4", "nozzle_id": "HS00-0.4"}}})
	return nil
}

// answerVersion answers get_version. Older boards add a result, as their acknowledgements have.
func (m *machine) answerVersion(body document) error {
	modules := []document{m.module(module{name: "ota", product: m.model.product, hardware: "OTA", loader: "00.00.00.00", software: m.model.firmware, visible: true}, m.serial)}
	for i, row := range m.model.modules {
		modules = append(modules, m.module(row, fmt.Sprintf("%03d00M%09d", 40+i, i+1)))
	}
	for i := range m.units {
		k := m.units[i].kind
		row := module{name: k.module + "/" + strconv.Itoa(m.units[i].id), product: k.product, hardware: k.hardware, loader: "00.00.00.00", software: k.software, visible: true}
		if m.model.tree {
			row.product += fmt.Sprintf(" (%d)", m.units[i].id&0x7f+1)
		}
		modules = append(modules, m.module(row, m.units[i].serial))
	}
	answer := document{"command": "get_version", "sequence_id": body["sequence_id"], "module": modules}
	if !m.model.tree {
		answer["result"], answer["reason"] = "success", ""
	}
	m.emit("info", answer)
	return nil
}

func (m *machine) module(row module, serial string) document {
	doc := document{"name": row.name, "hw_ver": row.hardware, "loader_ver": row.loader, "sw_ver": row.software, "sn": serial,
		"visible": row.visible, "flag": 0, "product_name": row.product}
	if row.name == "ota" {
		doc["flag"] = 3
	}
	if m.model.firmware < m.model.namedFrom {
		delete(doc, "product_name")
		delete(doc, "visible")
		doc["project_name"] = m.model.code
	}
	return doc
}
