package bambu

// vocabulary are the names of all members below the fields of a report that
// somebody reads, by their length. Nothing else is kept of a report.
func vocabulary(length int) string {
	switch length {
	case 1:
		return "k"
	case 2:
		return "id" + "ip" + "sn" + "tm"
	case 3:
		return "ams" + "bed" + "ctc"
	case 4:
		return "attr" + "code" + "cols" + "hnow" + "info" + "mode" + "name" + "node" + "snow" + "temp" + "tray" + "type"
	case 5:
		return "parts" + "state"
	case 6:
		return "hw_ver" + "nozzle" + "remain" + "status" + "sw_ver" + "target"
	case 7:
		return "airduct" + "modeCur" + "new_ver" + "tag_uid"
	case 8:
		return "bed_temp" + "diameter" + "dry_time" + "ext_tool" + "extruder" + "humidity" + "max_temp" + "modeList" + "progress" + "rtsp_url" + "tray_now"
	case 9:
		return "cham_temp" + "ipcam_dev" + "layer_num" + "timelapse" + "tray_temp" + "tray_time" + "tray_type" + "tray_uuid"
	case 10:
		return "tray_color"
	case 11:
		return "dry_setting" + "drying_temp" + "drying_time" + "tray_weight"
	case 12:
		return "dry_duration" + "dry_filament" + "humidity_raw" + "ipcam_record" + "new_ver_list" + "product_name" + "project_name" + "tray_id_name"
	case 13:
		return "power_on_flag" + "tray_diameter" + "tray_info_idx"
	case 14:
		return "ams_exist_bits"
	case 15:
		return "dry_temperature" + "nozzle_temp_max" + "nozzle_temp_min" + "total_layer_num" + "tray_exist_bits" + "tray_sub_brands"
	case 17:
		return "new_version_state" + "tray_reading_bits"
	case 22:
		return "ota_new_version_number"
	default:
		return ""
	}
}

// word is a name as it stands in vocabulary, where it costs no memory, or "" for
// one that nobody reads.
func word(name []byte) string {
	n := len(name)
	for table := vocabulary(n); len(table) > 0; table = table[n:] {
		if table[:n] == string(name) {
			return table[:n]
		}
	}
	return ""
}
