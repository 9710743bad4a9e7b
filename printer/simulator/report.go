package simulator

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// document is a report's inner object. Encoded, its keys are in order, as the
// newer firmware has them too.
type document = map[string]any

// report sends what there is to tell: everything, or what changed.
func (m *machine) report() {
	if m.clock < m.quiet || m.clock < m.deaf || !m.heard() {
		return
	}
	m.jitter()
	doc := m.document()
	if m.full {
		m.sendStatus(doc, 0)
		return
	}
	if m.sent == nil {
		m.sent = doc
		return
	}
	changed := difference(m.sent, doc)
	m.sent = doc
	if len(changed) > 0 {
		m.sendStatus(changed, 1)
	}
}

// whole answers pushall.
func (m *machine) whole() {
	doc := m.document()
	m.sent = doc
	full := make(document, len(doc)+3)
	for k, v := range doc {
		full[k] = v
	}
	m.sendStatus(full, 0)
}

func (m *machine) sendStatus(doc document, msg int) {
	m.sequence++
	doc["command"] = "push_status"
	if !m.omitMsg {
		doc["msg"] = msg
	}
	doc["sequence_id"] = strconv.Itoa(m.sequence)
	if m.model.fixedSequence != "" {
		doc["sequence_id"] = m.model.fixedSequence
	}
	m.emit("print", doc)
}

// emit sends one message under its top-level key.
func (m *machine) emit(key string, doc document) {
	if m.clock < m.deaf {
		return
	}
	payload, err := json.Marshal(document{key: doc})
	if err != nil {
		m.log.Error("report not encoded", "component", "simulator", "serial", m.serial, "error", err)
		return
	}
	m.send(payload)
}

// jitter lets the radio and the fans waver as they do.
func (m *machine) jitter() {
	if m.random.IntN(100) < 55 {
		m.wifi = min(-45, max(-80, m.wifi+m.random.IntN(5)-2))
	}
}

// document is the whole report as the machine stands.
func (m *machine) document() document {
	doc := document{
		"bed_target_temper": m.bed.target, "bed_temper": m.degrees(m.bed, 0.1),
		"nozzle_target_temper": m.nozzles[m.active].heat.target, "nozzle_temper": m.degrees(m.nozzles[m.active].heat, 0.7),
		"mc_print_stage": m.printStage, "mc_print_sub_stage": m.subStage, "mc_percent": m.percent, "mc_remaining_time": m.remaining,
		"heatbreak_fan_speed": m.heatbreak(), "cooling_fan_speed": fanText(m.part),
		"big_fan1_speed": fanText(m.aux), "big_fan2_speed": fanText(m.exhaust),
		"fan_gear":   m.part*255/100 | m.aux*255/100<<8 | m.exhaust*255/100<<16,
		"ams_status": m.amsStatus, "ams_rfid_status": 0, "hw_switch_state": m.switchState(),
		"spd_lvl": m.toldLevel, "spd_mag": m.magnitude(), "print_error": m.printError, "wifi_signal": fmt.Sprintf("%ddBm", m.wifi),
		"gcode_state": m.state, "gcode_file_prepare_percent": m.fetched(), "gcode_file": m.file, "subtask_name": m.task,
		"project_id": "0", "profile_id": "0", "task_id": "0", "subtask_id": "0", "stg": nonNil(m.stages), "stg_cur": m.stage,
		"print_type": m.printType, "home_flag": m.homeFlag(), "sdcard": true, "force_upgrade": false,
		"layer_num": m.layer, "total_layer_num": m.layers, "s_obj": nonNil(m.skipped), "nozzle_diameter": "0.4",
		"nozzle_type": m.model.nozzleType, "cali_version": 0, "hms": nonNil(m.hms),
		"queue_number": 0, "queue_total": 0, "queue_est": 0, "queue_sts": 0,
		"ams": m.amsDocument(), "vt_tray": m.externalTray(trayExternal), "lights_report": m.lightsReport(),
		"net": m.network(), "ipcam": m.camera(), "upgrade_state": m.upgrade(), "xcam": m.vision(),
	}
	switch {
	case m.model.flat:
		m.addFlat(doc)
	case m.model.tree:
		m.addTree(doc)
	default:
		m.addLegacy(doc)
	}
	return doc
}

// addLegacy adds what only the older boards say. They claim a chamber of 5 °C for ever.
func (m *machine) addLegacy(doc document) {
	doc["chamber_temper"] = 5
	if !m.model.auxFan { // the fans it does not have follow the one it has
		doc["big_fan1_speed"], doc["big_fan2_speed"], doc["fan_gear"] = doc["cooling_fan_speed"], doc["cooling_fan_speed"], m.part*255/100
	}
	doc["lifecycle"] = "product"
	doc["mc_print_line_number"] = "0"
	doc["mess_production_state"] = "active"
	doc["filam_bak"] = []int{}
	doc["k"] = "0.0200"
	doc["flag3"] = 31
	doc["online"] = document{"ahb": false, "rfid": false, "version": 1804806695}
	doc["upload"] = document{"status": "idle", "progress": 0, "message": ""}
}

// addFlat adds what a newer board said with its older firmware: a real chamber
// sensor, and a nozzle whose info is a number beside an object keyed "0".
func (m *machine) addFlat(doc document) {
	doc["chamber_temper"] = m.degrees(m.chamber, 0)
	doc["device"] = document{"fan": m.part * 255 / 100, "nozzle": document{"0": document{"info": 136, "temp": m.nozzles[0].heat.packed()}, "info": 17}}
	doc["fail_reason"], doc["mc_print_error_code"] = strconv.FormatUint(uint64(m.failCode), 10), strconv.Itoa(int(m.printError&0xffff))
	doc["aux_part_fan"], doc["ctt"], doc["maintain"], doc["job_id"], doc["xcam_status"] = m.model.auxFan, 0, 3, "0", "0"
	doc["filam_bak"], doc["online"] = []int{}, document{"ahb": true, "ext": false, "version": 4}
	doc["print_gcode_action"], doc["print_real_action"] = max(0, m.stage), 0
}

// degrees is a sensor's value with its noise while it is held at a target.
func (m *machine) degrees(h heater, noise float64) float64 {
	v := h.now
	if h.target > 0 && v >= h.target-1 {
		v += noise * (2*m.random.Float64() - 1)
	}
	if m.model.tree {
		return float64(int(v + 0.5))
	}
	return sixteenths(v)
}

// fanText is a fan's speed as the report has it: "0" to "15".
func fanText(percent int) string { return strconv.Itoa((percent*15 + 50) / 100) }

// heatbreak runs while the nozzle is warm, and wavers between two steps.
func (m *machine) heatbreak() string {
	for i := range m.nozzles {
		if m.nozzles[i].heat.now > 50 {
			return strconv.Itoa(8 + m.random.IntN(2))
		}
	}
	return "0"
}

func (m *machine) switchState() int {
	switch {
	case !m.atExtruder:
		return 0
	case m.model.tree && m.model.nozzles == 1 && m.model.airduct:
		return 3
	default:
		return 1
	}
}

func (m *machine) magnitude() int {
	return [...]int{100, 50, 100, 124, 166}[max(0, min(4, m.level))]
}

// fetched is how much of the file has arrived.
func (m *machine) fetched() string {
	if m.run != nil || m.model.tree {
		return "100"
	}
	return "0"
}

// homeFlag is signed, as the firmware prints it.
func (m *machine) homeFlag() int64 {
	flag := m.model.homeFlag
	if m.homed {
		flag |= 7
	}
	if m.door && m.model.qos > 0 && m.model.stat>>23&1 == 1 {
		flag |= 1 << 23
	}
	for name, bit := range map[string]int{"auto_switch_filament": 10, "sound_enable": 17, "filament_tangle_detect": 20, "nozzle_blob_detect": 24, "air_print_detect": 28, "auto_recovery": 4, "remain": 7} {
		if on, set := m.options[name]; set {
			flag &^= 1 << bit
			if on {
				flag |= 1 << bit
			}
		}
	}
	return flag
}

func (m *machine) lightsReport() []document {
	var lights []document
	for _, node := range []string{"chamber_light", "work_light", "chamber_light2"} {
		if mode, ok := m.lights[node]; ok {
			lights = append(lights, document{"node": node, "mode": mode})
		}
	}
	return lights
}

// network tells the address as a little-endian number: 192.0.2.17.
func (m *machine) network() document {
	first := document{"ip": 192 | 2<<16 | 17<<24, "mask": 0xffffff}
	if !m.model.tree {
		return document{"conf": 0, "info": []document{first}}
	}
	return document{"conf": 16, "info": []document{first, {"ip": 0, "mask": 0}}}
}

func (m *machine) camera() document {
	doc := document{"ipcam_dev": "1", "ipcam_record": "enable", "timelapse": "disable", "resolution": "1080p", "tutk_server": "disable", "mode_bits": 3}
	if m.model.tree {
		doc["agora_service"], doc["brtc_service"], doc["bs_state"] = "disable", "enable", 0
		doc["laser_preview_res"], doc["tl_store_hpd_type"], doc["tl_store_path_type"] = 5, 2, 2
		doc["rtsp_url"] = "rtsps://192.0.2.17:322/streaming/live/1"
	}
	return doc
}

func (m *machine) upgrade() document {
	doc := document{"sequence_id": 0, "progress": "", "status": "IDLE", "consistency_request": false, "dis_state": 0, "err_code": 0,
		"force_upgrade": false, "message": "", "module": "", "new_version_state": 2, "idx2": 1203987654}
	if m.model.tree {
		doc["progress"], doc["status"], doc["dis_state"], doc["lower_limit"], doc["idx"], doc["sn"] = "100", "UPGRADE_SUCCESS", 3, "00.00.00.00", 8, m.serial
		doc["ota_new_version_number"], doc["ams_new_version_number"], doc["ahb_new_version_number"], doc["ext_new_version_number"] = "", "", "", ""
		if m.offered != "" {
			doc["new_version_state"], doc["ota_new_version_number"] = 1, m.offered
		}
		return doc
	}
	state := 0
	if m.run != nil {
		state = 1
	}
	doc["cur_state_code"], doc["new_ver_list"] = state, []document{}
	if m.offered != "" {
		doc["new_version_state"], doc["new_ver_list"] = 1, []document{{"name": "ota", "cur_ver": m.model.firmware, "new_ver": m.offered}}
	}
	if m.model.prefix == "039" || m.model.prefix == "030" {
		doc["mc_for_ams_firmware"] = document{"current_run_firmware_id": 0, "current_firmware_id": 0, "status": "IDLE",
			"firmware": []document{{"id": 0, "name": "AMS Lite"}, {"id": 1, "name": "AMS/AMS 2 Pro/AMS HT"}}}
	}
	return doc
}

func (m *machine) vision() document {
	if !m.model.tree {
		return document{"buildplate_marker_detector": true}
	}
	return document{"allow_skip_parts": false, "buildplate_marker_detector": true, "cfg": 374487, "first_layer_inspector": true,
		"halt_print_sensitivity": "medium", "print_halt": true, "printing_monitor": true, "spaghetti_detector": true}
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
