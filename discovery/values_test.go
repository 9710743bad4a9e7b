package discovery_test

import (
	"strings"
	"testing"

	"github.com/printwire/printwire/discovery"
)

// TestApply_Values has one row for each value that the two-nozzle printer
// shows, its first unit and the bridge included. An entity without a row here
// fails it: a new row of the tables needs a new row of this one.
func TestApply_Values(t *testing.T) {
	b := newBed(t, func(o *discovery.Options) { fixed(o); o.Pictures = pictures{"abc": "the picture"} }, h2d())
	got := map[string]string{}
	for _, m := range b.bus.Published() {
		rest, ours := strings.CutPrefix(m.Topic, "printwire/")
		if rest = strings.TrimPrefix(rest, "09400A000000005/"); !ours || strings.HasSuffix(rest, "/attributes") || rest == "state" {
			continue
		}
		if rest = strings.Replace(rest, "ams_1_", "unit: ", 1); !strings.HasPrefix(rest, "ams_") {
			got[rest] = string(m.Payload)
		}
	}
	want := values()
	for topic, value := range got {
		if want[topic] != value {
			t.Errorf("%s is %q, the table has %q", topic, value, want[topic])
		}
	}
	for topic := range want {
		if _, ok := got[topic]; !ok {
			t.Errorf("%s is not published", topic)
		}
	}
}

func values() map[string]string {
	return map[string]string{
		"estimated_end":             "2026-03-01T12:30:00Z",
		"unit: tray_4_use":          "None",
		"estimated_time":            "90",
		"unit: tray_3_use":          "11",
		"print_length":              "5.05",
		"external_spool_use":        "4.2",
		"print_weight":              "15.2",
		"filament_cost":             "0.3",
		"file_problem":              "none",
		"unit: tray_2_use":          "None",
		"cover":                     "the picture",
		"objects":                   "2",
		"unit: tray_1_use":          "None",
		"active_nozzle":             "left",
		"active_tray":               "external_left",
		"activity":                  "printing",
		"air_duct":                  "heating",
		"aux_fan":                   "OFF",
		"aux_fan/percentage":        "0",
		"availability":              "online",
		"bed_target":                "65",
		"bed_temperature":           "65.1",
		"bridge/clients":            "2",
		"bridge/log_level":          "info",
		"bridge/printers_connected": "1",
		"bridge/problem":            "OFF",
		"bridge/problem_text":       "none",
		"bridge/version":            "1.2.3",
		"chamber_fan":               "ON",
		"chamber_fan/percentage":    "60",
		"chamber_light":             "ON",
		"chamber_target":            "45",
		"chamber_temperature":       "41.5",
		"current_layer":             "57",
		"developer_mode":            "ON",
		"door":                      "OFF",
		"external_spool":            "empty",
		"external_spool_left":       "TPU",
		"fault":                     "none",
		"faults":                    "0",
		"filament_present":          "ON",
		"file_name":                 "Bracket.3mf",
		"finish_at":                 "2026-03-01T13:30:00Z",
		"firmware":                  "01.08.02.00",
		"firmware/latest":           "01.08.02.00",
		"heatbreak_fan":             "100",
		"ip_address":                "192.0.2.20",
		"job_name":                  "Bracket",
		"last_duration":             "None",
		"last_reason":               "None",
		"last_result":               "None",
		"left_nozzle_diameter":      "0.6",
		"left_nozzle_flow":          "high",
		"left_nozzle_target":        "250",
		"left_nozzle_temperature":   "250.4",
		"left_nozzle_type":          "hardened_steel",
		"nozzle_diameter":           "0.6",
		"nozzle_flow":               "high",
		"nozzle_target":             "250",
		"nozzle_temperature":        "250.4",
		"nozzle_type":               "hardened_steel",
		"online":                    "ON",
		"part_fan":                  "ON",
		"part_fan/percentage":       "100",
		"pause_reason":              "None",
		"pauses":                    "0",
		"plate":                     "1",
		"print_type":                "local",
		"problem":                   "OFF",
		"problem_text":              "none",
		"progress":                  "42",
		"remaining_time":            "90",
		"right_nozzle_diameter":     "0.4",
		"right_nozzle_flow":         "standard",
		"right_nozzle_target":       "0",
		"right_nozzle_temperature":  "30",
		"right_nozzle_type":         "hardened_steel",
		"second_light":              "OFF",
		"serial":                    "09400A000000005",
		"skipped_objects":           "0",
		"speed":                     "standard",
		"speed_percent":             "100",
		"stage":                     "printing",
		"started_at":                "2026-03-01T11:00:00Z",
		"status":                    "online",
		"storage":                   "normal",
		"timelapse":                 "OFF",
		"tool":                      "extruder",
		"total_layers":              "130",
		"unit: active":              "OFF",
		"unit: dry_hours":           "8",
		"unit: dry_temperature":     "55",
		"unit: drying":              "ON",
		"unit: drying_duration":     "8",
		"unit: drying_filament":     "PLA",
		"unit: drying_remaining":    "120",
		"unit: drying_stage":        "drying",
		"unit: drying_target":       "55",
		"unit: humidity":            "41",
		"unit: humidity_index":      "4",
		"unit: temperature":         "31",
		"unit: tray_1":              "PLA Basic",
		"unit: tray_1_remaining":    "83",
		"unit: tray_2":              "PETG",
		"unit: tray_3":              "empty",
		"unit: tray_4":              "None",
		"wifi_signal":               "-51",
		"work_light":                "ON",
	}
}
