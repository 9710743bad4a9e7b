package simulator

import (
	"fmt"
	"math"
	"strconv"
)

// addTree adds the newer dialect: print.device, duplicates of older keys, words of capabilities.
func (m *machine) addTree(doc document) {
	m.addJob(doc)
	fun, stat := m.model.fun, m.model.stat
	if m.refuse != "" {
		fun |= 1 << 29
	}
	if m.door {
		stat |= 1 << 23
	}
	doc["fun"], doc["stat"] = fmt.Sprintf("%X", fun), fmt.Sprintf("%X", stat)
	doc["cfg"], doc["aux"], doc["aux_part_fan"], doc["ver"], doc["xcam_status"] = "C01847DA99", "2001004", m.model.auxFan, "20000", "0"
	doc["t_utc"] = m.now().UnixMilli()
	doc["care"] = []document{{"id": "ls", "info": "1A00"}, {"id": "ld", "info": "641864"}, {"id": "lr", "info": "1A00"}}
	doc["online"] = document{"ahb": true, "ext": m.model.nozzles == 2, "version": 8}
	doc["upload"] = document{"file_size": 0, "finish_size": 0, "message": "Good", "oss_url": "", "progress": 0, "sequence_id": "0903",
		"speed": 0, "status": "idle", "task_id": "", "time_remaining": 0, "trouble_id": ""}
	doc["vt_tray"] = m.externalTray(255)
	slots := []document{m.externalTray(255)}
	if m.model.nozzles == 2 {
		slots = []document{m.externalTray(254), m.externalTray(255)}
	}
	doc["vir_slot"] = slots
	doc["info"] = document{"temp": m.chamberPacked()}
	doc["device"] = m.device()
	if m.model.airduct {
		doc["fun2"] = "10F7"
	}
}

// addJob adds what the newer dialect says of the job, and its errors five times over.
func (m *machine) addJob(doc document) {
	failed := strconv.FormatUint(uint64(m.failCode), 10)
	doc["fail_reason"], doc["mc_print_error_code"] = failed, strconv.Itoa(int(m.printError&0xffff))
	doc["mc_err"], doc["ap_err"], doc["err"] = m.shownError&0xffff, m.printError, "0"
	if m.printError != 0 {
		doc["err"] = fmt.Sprintf("36%08X", m.printError)
	}
	doc["err2"] = document{"err_code": doc["err"], "img_id": ""}
	doc["state"], doc["percent"], doc["remain_time"], doc["prepare_per"] = m.tellState, m.percent, m.remaining, 100
	doc["3D"] = document{"layer_num": m.layer, "print_cali_option": 62, "total_layer_num": m.layers}
	doc["2D"] = document{"cond": 15, "first_confirm": false, "makeable": false, "pm": 0,
		"bs":        document{"bi": []document{}, "total_time": 0},
		"cur_stage": document{"clock_in_time": 0, "idx": 0, "left_time": 0, "process": 0, "state": 0},
		"material":  document{"cur_id_list": []string{}, "state": 0, "tar_id": "", "tar_name": ""}}
	action := 255
	stage := 1
	if m.run != nil {
		action, stage = max(0, m.stage), 2
	}
	doc["print_gcode_action"], doc["print_real_action"], doc["mc_action"], doc["mc_stage"] = action, 0, action, stage
	doc["file"], doc["mapping"] = m.file, nonNil(m.mapping)
	doc["job_id"], doc["lan_task_id"], doc["design_id"], doc["model_id"] = "0", "0", "", ""
	doc["task_id"], doc["plate_id"], doc["plate_idx"], doc["plate_cnt"] = "0", 1, 1, 1
	if m.task != "" {
		doc["task_id"] = strconv.Itoa(m.taskID)
	}
	doc["job_attr"], doc["batch_id"], doc["canvas_id"], doc["queue"], doc["stg_cd"] = 2, 0, 0, 0, 0
	doc["job"] = document{"cur_stage": document{"idx": 0, "state": m.jobState()}, "job_state": m.jobState(),
		"stage": []document{{"clock_in": false, "color": []string{"", ""}, "diameter": []float64{0.4000000059604645, 0.4000000059604645},
			"est_time": 0, "heigh": 0, "idx": 0, "platform": "", "print_then": false, "proc_list": []string{}, "tool": []string{"HH01", "HH01"}, "type": 2}}}
}

func (m *machine) jobState() int {
	switch m.state {
	case statePrepare:
		return 2
	case stateRunning:
		return 4
	case statePause:
		return 5
	case stateFailed:
		return 9
	default:
		return 0
	}
}

// device is print.device: temperatures packed as target and value.
func (m *machine) device() document {
	doc := document{
		"bed": document{"info": document{"temp": m.bed.packed()}, "state": onOff(m.bed.target > 0)}, "bed_temp": m.bed.packed(),
		"cam":      document{"laser": document{"cond": 253, "state": 0}},
		"ctc":      document{"info": document{"temp": m.chamberPacked()}, "state": onOff(m.chamber.target > 0)},
		"ext_tool": document{"calib": 2, "low_prec": true, "mount": 0, "th_temp": 0, "type": ""},
		"extruder": document{"info": m.extruders(), "state": len(m.nozzles) | m.active<<4 | m.active<<8},
		"fan":      m.part * 255 / 100, "laser": document{"power": 0},
		"nozzle": document{"exist": 1<<len(m.nozzles) - 1, "info": m.nozzleInfo(), "state": 0},
		"plate":  document{"base": 4, "cali2d_id": "", "cur_id": "", "mat": 1, "tar_id": ""},
		"type":   1,
	}
	if m.model.airduct {
		doc["airduct"] = m.duct()
		doc["holder"] = nil // the firmware's null, where an object would be expected
		doc["fire_ext"] = document{"bot_err": 0, "cd": 0, "cd_init": 15, "connect_flag": 0, "state": 0}
	}
	return doc
}

func (m *machine) chamberPacked() int {
	return int(math.Round(m.chamber.target))<<16 | m.chamber.whole()
}

func onOff(on bool) int {
	if on {
		return 2
	}
	return 0
}

func (m *machine) extruders() []document {
	var list []document
	for i := range m.nozzles {
		n, bits := &m.nozzles[i], 8
		slot := m.snow(i, n.slot)
		if n.slot >= 0 {
			bits |= 6
		}
		target := slot
		if i == m.active && m.trayTar != trayNone {
			target = m.snow(i, m.trayTar)
		}
		list = append(list, document{"filam_bak": []int{}, "hnow": i, "hpre": i, "htar": i, "id": i, "info": bits, "snow": slot,
			"spre": slot, "star": target, "stat": m.amsStatus * onOff(i == m.active) / 2, "temp": n.heat.packed()})
	}
	return list
}

func (m *machine) nozzleInfo() []document {
	var list []document
	for i := range m.nozzles {
		list = append(list, document{"color_m": "00000000", "diameter": 0.4, "fila_id": "", "id": i, "sn": "N/A", "stat": 5, "tm": m.nozzleLimit(), "type": m.model.nozzleCode, "wear": 0})
	}
	return list
}

func (m *machine) nozzleLimit() int {
	if m.model.heatedChamber {
		return 350
	}
	return 0
}

// duct is the air duct of the newer models; its parts are told in percent.
func (m *machine) duct() document {
	parts := []document{}
	for i, state := range []int{m.part, m.aux, m.exhaust, 0} {
		parts = append(parts, document{"func": i, "id": []int{16, 32, 48, 96}[i], "range": 100 << 16, "state": state, "tar_state": state})
	}
	return document{"modeCur": m.airMode, "modeFunc": 0, "modeVisable": 7, "parts": parts, "subFunc": 0, "subMode": 0, "subVisable": 7, "version": 1,
		"modeList": []document{{"ctrl": []int{16, 32, 48}, "modeId": 0, "off": []int{96}}, {"ctrl": []int{16}, "modeId": 1, "off": []int{32, 48}}, {"ctrl": []int{48}, "modeId": 2, "off": []int{}}}}
}
