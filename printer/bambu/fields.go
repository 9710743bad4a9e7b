package bambu

import "slices"

// fields are the fields of a report that somebody reads, with the type that
// they must have, shorter names first. No form stands for any scalar.
func fields() []member {
	scalars := []string{
		// The job and its state.
		"gcode_state", "mc_percent", "percent", "mc_remaining_time", "remain_time", "layer_num",
		"total_layer_num", "gcode_file", "subtask_name", "print_type", "job_id", "task_id", "subtask_id",
		"gcode_file_prepare_percent", "prepare_per", "plate_idx", "stg_cur", "print_error", "fail_reason", "err", "ap_err", "spd_lvl", "spd_mag",
		// Temperatures, tools and fans.
		"nozzle_temper", "nozzle_target_temper", "bed_temper", "bed_target_temper", "chamber_temper",
		"ctt", "mc_target_cham", "nozzle_diameter", "nozzle_type", "cooling_fan_speed", "big_fan1_speed",
		"big_fan2_speed", "heatbreak_fan_speed", "hw_switch_state",
		// Flags and the network.
		"home_flag", "stat", "fun", "sdcard", "wifi_signal",
	}
	objects := []string{"3D", "ams", "device", "info", "ipcam", "net", "upgrade_state", "vt_tray"}
	arrays := []string{"hms", "lights_report", "mapping", "s_obj", "vir_slot"}
	var members []member
	for _, name := range scalars {
		members = append(members, member{name: name})
	}
	for _, name := range objects {
		members = append(members, member{name: name, form: formObject})
	}
	for _, name := range arrays {
		members = append(members, member{name: name, form: formArray})
	}
	slices.SortFunc(members, func(a, b member) int { return len(a.name) - len(b.name) })
	return fitted(members)
}
