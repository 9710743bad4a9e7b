package simulator

import (
	"fmt"
	"strconv"
	"strings"
)

// amsDocument is print.ams.
func (m *machine) amsDocument() document {
	var exist, trays, branded uint64
	units := make([]document, 0, len(m.units))
	for i := range m.units {
		u := &m.units[i]
		if u.id >= 128 {
			exist |= 1 << (4 + u.id - 128)
		} else {
			exist |= 1 << u.id
		}
		for slot := range u.trays {
			if u.trays[slot].filled {
				trays |= 1 << u.bit(slot)
				if u.trays[slot].rfid || !m.model.tree {
					branded |= 1 << u.bit(slot)
				}
			}
		}
		units = append(units, m.unitDocument(u))
	}
	if m.powerOff {
		exist, trays, branded = 0, 0, 0
	}
	now, target, previous := m.trayNow, m.trayTar, m.trayPre
	if len(m.nozzles) == 2 && now < 16 {
		now, target, previous = now&3, target&3, previous&3
	}
	doc := document{
		"ams": units, "ams_exist_bits": hex(exist), "tray_exist_bits": hex(trays), "tray_is_bbl_bits": hex(branded),
		"tray_read_done_bits": hex(trays), "tray_reading_bits": "0", "tray_now": strconv.Itoa(now), "tray_tar": strconv.Itoa(target),
		"tray_pre": strconv.Itoa(previous), "version": 7, "insert_flag": !m.powerOff, "power_on_flag": false,
	}
	if m.model.tree {
		doc["ams_exist_bits_raw"], doc["cali_id"], doc["cali_stat"], doc["unbind_ams_stat"] = hex(exist), 255, 0, 0
		doc["tray_hall_out_bits"] = "0"
	}
	return doc
}

func hex(bits uint64) string { return strconv.FormatUint(bits, 16) }

func (m *machine) unitDocument(u *unit) document {
	doc := document{"id": strconv.Itoa(u.id), "humidity": strconv.Itoa(u.index()), "temp": "0.0", "tray": []document{}}
	if u.kind.sensors {
		doc["temp"] = fmt.Sprintf("%.1f", u.box.now)
	} else {
		doc["humidity"] = "5"
	}
	if m.model.tree && !m.model.flat || u.kind.bits != 1 {
		doc["humidity_raw"], doc["info"] = "0", u.info()
		if u.kind.sensors {
			doc["humidity_raw"] = strconv.Itoa(int(u.humidity))
		}
	}
	if m.model.tree && !m.model.flat || u.kind.dries {
		doc["dry_time"] = int(u.drying.Minutes() + 0.5)
	}
	if m.model.tree {
		if u.kind.dries {
			doc["dry_setting"] = document{"dry_duration": u.dryHours, "dry_filament": u.dryKind, "dry_temperature": u.dryTemp}
			doc["dry_sf_reason"] = []int{}
		}
	} else if u.kind.bits == 2 {
		doc["chip_id"], doc["check"] = strings.Repeat("0", 24), 0
	}
	trays := make([]document, 0, len(u.trays))
	for slot := range u.trays {
		trays = append(trays, m.trayDocument(slot, &u.trays[slot]))
	}
	doc["tray"] = trays
	return doc
}

// trayDocument is one slot. An empty one has its id alone, or a state beside it.
func (m *machine) trayDocument(slot int, t *tray) document {
	doc := document{"id": strconv.Itoa(slot)}
	if !t.filled {
		if m.model.tree {
			doc["state"] = 0
		}
		return doc
	}
	doc["remain"], doc["cali_idx"], doc["tag_uid"], doc["tray_uuid"] = t.remain, -1, t.tag, t.uuid
	doc["tray_info_idx"], doc["tray_type"], doc["tray_color"] = t.id, t.kind, t.colour
	doc["tray_sub_brands"], doc["tray_id_name"], doc["tray_weight"], doc["tray_diameter"] = "", "", "0", "0.00"
	if t.rfid {
		doc["tray_sub_brands"], doc["tray_id_name"], doc["tray_weight"], doc["tray_diameter"] = t.brand, t.short+"-"+t.ink, "1000", "1.75"
	}
	doc["nozzle_temp_min"], doc["nozzle_temp_max"] = strconv.Itoa(t.low), strconv.Itoa(t.high)
	doc["bed_temp"], doc["bed_temp_type"], doc["xcam_info"] = "0", "0", strings.Repeat("0", 24)
	doc["ctype"], doc["cols"] = 0, []string{t.colour}
	if m.model.tree {
		doc["drying_temp"], doc["drying_time"] = strconv.Itoa(t.dryTemp), strconv.Itoa(t.dryHours)
		doc["state"], doc["total_len"] = 11, 330000
		return doc
	}
	doc["tray_temp"], doc["tray_time"], doc["k"], doc["n"], doc["state"] = "0", "0", 0.019999999552965164, 1, 3
	return doc
}

// externalTray is the spool beside the printer. A newer one tells an empty holder.
func (m *machine) externalTray(id int) document {
	zeros := strings.Repeat("0", 24)
	doc := document{"id": strconv.Itoa(id), "tag_uid": zeros[:16], "tray_id_name": "", "tray_info_idx": "GFL99", "tray_type": "PLA",
		"tray_sub_brands": "", "tray_color": "E8E8E8FF", "tray_weight": "0", "tray_diameter": "0.00", "tray_temp": "0", "tray_time": "0",
		"bed_temp_type": "0", "bed_temp": "0", "nozzle_temp_max": "240", "nozzle_temp_min": "190", "xcam_info": zeros,
		"tray_uuid": strings.Repeat("0", 32), "remain": 0, "k": 0.019999999552965164, "n": 1, "cali_idx": -1}
	if !m.model.tree {
		return doc
	}
	for _, key := range []string{"tray_temp", "tray_time", "k", "n"} {
		delete(doc, key)
	}
	doc["tray_info_idx"], doc["tray_type"], doc["tray_color"], doc["cols"], doc["ctype"] = "", "", "00000000", []string{"00000000"}, 0
	doc["nozzle_temp_max"], doc["nozzle_temp_min"], doc["drying_temp"], doc["drying_time"] = "0", "0", "0", "0"
	doc["tray_diameter"], doc["total_len"] = "1.75", 330000
	return doc
}
