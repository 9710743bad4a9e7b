package bambu

// stageUnknown is the slug of a stage that the table lacks.
const stageUnknown = "unknown"

// stageIdle are the ids of no stage at all; -2 is ours for unknown.
func stageIdle(id int) bool { return id == -1 || id == 255 || id == -2 }

// stageSlug is the stage's slug; "" when idle (-1, 255, and -2 for unknown to
// us), "unknown" for an id that the table lacks.
func stageSlug(id int) string {
	if stageIdle(id) {
		return ""
	}
	table := stageTable()
	if id < 0 || id >= len(table) {
		return stageUnknown
	}
	return table[id]
}

// Stages lists the slugs that State.Stage can have, each once.
func Stages() []string {
	seen := make(map[string]bool)
	var slugs []string
	for _, s := range append(stageTable(), stageUnknown) {
		if !seen[s] {
			seen[s] = true
			slugs = append(slugs, s)
		}
	}
	return slugs
}

// stageTable has the slug of each stage at the place of its id.
func stageTable() []string {
	return []string{
		0:  "printing",
		1:  "bed_leveling",
		2:  "heating_bed",
		3:  "vibration_compensation",
		4:  "changing_filament",
		5:  "paused_gcode_m400",
		6:  "paused_filament_runout",
		7:  "heating_nozzle",
		8:  "calibrating_extrusion",
		9:  "scanning_bed",
		10: "inspecting_first_layer",
		11: "identifying_plate",
		12: "calibrating_lidar",
		13: "homing",
		14: "cleaning_nozzle",
		15: "checking_nozzle_temperature",
		16: "paused_by_user",
		17: "paused_front_cover",
		18: "calibrating_lidar",
		19: "calibrating_flow",
		20: "paused_nozzle_temperature",
		21: "paused_bed_temperature",
		22: "unloading_filament",
		23: "paused_step_loss",
		24: "loading_filament",
		25: "calibrating_motor_noise",
		26: "paused_ams_lost",
		27: "paused_heatbreak_fan",
		28: "paused_chamber_temperature",
		29: "cooling_chamber",
		30: "paused_by_gcode",
		31: "motor_noise_demo",
		32: "paused_nozzle_covered",
		33: "paused_cutter",
		34: "paused_first_layer",
		35: "paused_nozzle_clog",
		36: "checking_motion_accuracy",
		37: "calibrating_motion_accuracy",
		38: "verifying_motion_accuracy",
		39: "calibrating_nozzle_offset",
		40: "bed_leveling_hot",
		41: "checking_quick_release",
		42: "checking_door_and_cover",
		43: "calibrating_laser",
		44: "checking_platform",
		45: "checking_overhead_camera",
		46: "calibrating_overhead_camera",
		47: "bed_leveling_phase_1",
		48: "bed_leveling_phase_2",
		49: "heating_chamber",
		50: "cooling_bed",
		51: "printing_calibration_lines",
		52: "checking_material",
		53: "calibrating_live_view_camera",
		54: "waiting_for_bed_temperature",
		55: "checking_material_position",
		56: "calibrating_cutter_offset",
		57: "measuring_surface",
		58: "thermal_preconditioning",
		59: "homing_blade_holder",
		60: "calibrating_camera_offset",
		61: "calibrating_blade_holder",
		62: "testing_hotend_pickup",
		63: "waiting_for_chamber_temperature",
		64: "preparing_hotend",
		65: "calibrating_clump_detection",
		66: "purifying_chamber_air",
		67: "measuring_rotary_attachment",
		68: "moving_above_purge_chute",
		69: "cooling_nozzle",
		70: "moving_to_bed_center",
		71: "arc_fitting",
		72: "detecting_hotend_type",
		73: "checking_plate_alignment",
		74: "checking_plate_surface",
		75: "checking_below_plate",
		76: "pre_extruding",
		77: "preparing_ams",
	}
}
