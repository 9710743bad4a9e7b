package simulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
)

// order is a command and what it must lead to.
type order struct {
	model, key, body string
	result           string // of the acknowledgement, "" for none
	effect           func(object) bool
}

func orders() map[string]order {
	extruder := func(i int) func(object) object {
		return func(o object) object {
			return o["device"].(object)["extruder"].(object)["info"].([]any)[i].(object)
		}
	}
	target := func(o object, i int) int { return int(extruder(i)(o)["temp"].(float64)) >> 16 }
	light := func(o object, node string) any {
		for _, l := range o["lights_report"].([]any) {
			if l.(object)["node"] == node {
				return l.(object)["mode"]
			}
		}
		return nil
	}
	unit := func(o object, i int) object { return o["ams"].(object)["ams"].([]any)[i].(object) }
	return map[string]order{
		"speed takes text":          {"A1", "print", `"command":"print_speed","param":"3"`, "success", has("spd_lvl", 3, "spd_mag", 124)},
		"speed 7 is refused":        {"A1", "print", `"command":"print_speed","param":"7"`, "fail", has("spd_lvl", 2)},
		"the light goes off":        {"P1S", "system", `"command":"ledctrl","led_node":"chamber_light","led_mode":"off","led_on_time":500,"led_off_time":500,"loop_times":0,"interval_time":0`, "success", func(o object) bool { return light(o, "chamber_light") == "off" }},
		"the second light goes off": {"H2D", "system", `"command":"ledctrl","led_node":"chamber_light2","led_mode":"off"`, "success", func(o object) bool { return light(o, "chamber_light2") == "off" }},
		"the bed's light is silent": {"H2D", "system", `"command":"ledctrl","led_node":"heatbed_light","led_mode":"on"`, "success", func(o object) bool { return light(o, "heatbed_light") == nil }},
		"G-code heats and blows":    {"A1", "print", `"command":"gcode_line","param":"M140 S55\nM104 S180\nM106 P1 S255\n"`, "success", has("bed_target_temper", 55, "nozzle_target_temper", 180, "cooling_fan_speed", "15")},
		"G-code fans two and three": {"X1C", "print", `"command":"gcode_line","param":"M106 P2 S128\nM106 P3 S77 ; exhaust\n"`, "SUCCESS", has("big_fan1_speed", "8", "big_fan2_speed", "5")},
		"G-code that is no number":  {"X1C", "print", `"command":"gcode_line","param":"M104 SNaN\nM140 Sinf\n\nX"`, "SUCCESS", has("nozzle_target_temper", 0, "bed_target_temper", 0)},
		"a bed temperature":         {"H2D", "print", `"command":"set_bed_temp","temp":"70"`, "SUCCESS", has("bed_target_temper", 70)},
		"a bed too hot is refused":  {"H2D", "print", `"command":"set_bed_temp","temp":300`, "fail", has("bed_target_temper", 0)},
		"the left nozzle":           {"H2D", "print", `"command":"set_nozzle_temp","extruder_index":1,"target_temp":200`, "SUCCESS", func(o object) bool { return target(o, 1) == 200 && target(o, 0) == 0 }},
		"a third nozzle is refused": {"H2D", "print", `"command":"set_nozzle_temp","extruder_index":2,"target_temp":200`, "fail", nil},
		"the chamber's heater":      {"H2D", "print", `"command":"set_ctt","ctt_val":50,"temper_check":true`, "SUCCESS", func(o object) bool { return int(o["info"].(object)["temp"].(float64))>>16 == 50 }},
		"a chamber without heater":  {"X1C", "print", `"command":"set_ctt","ctt_val":50`, "fail", nil},
		"the air duct":              {"H2D", "print", `"command":"set_airduct","modeId":1,"submode":-1`, "SUCCESS", func(o object) bool { return o["device"].(object)["airduct"].(object)["modeCur"] == float64(1) }},
		"the other nozzle":          {"H2D", "print", `"command":"select_extruder","extruder_index":1`, "SUCCESS", func(o object) bool { return o["device"].(object)["extruder"].(object)["state"] == float64(274) }},
		"a slot is loaded":          {"A1", "print", `"command":"ams_change_filament","ams_id":0,"slot_id":2,"target":2,"curr_temp":220,"tar_temp":220`, "success", func(o object) bool { return o["ams"].(object)["tray_now"] == "2" && o["hw_switch_state"] == float64(1) }},
		"a slot of unit 1": {"X1C", "print", `"command":"ams_change_filament","ams_id":1,"slot_id":1,"target":5`, "SUCCESS", func(o object) bool {
			return o["ams"].(object)["tray_now"] == "5" && extruder(0)(o)["snow"] == float64(257)
		}},
		"the high-temperature unit": {"H2D", "print", `"command":"ams_change_filament","ams_id":128,"slot_id":0,"target":128`, "SUCCESS", func(o object) bool { return extruder(0)(o)["snow"] == float64(0x8000) }},
		"a slot that is not there":  {"A1", "print", `"command":"ams_change_filament","ams_id":3,"slot_id":1,"target":13`, "fail", nil},
		"a unit dries": {"H2D", "print", `"command":"ams_filament_drying","ams_id":0,"temp":55,"cooling_temp":45,"duration":8,"humidity":0,"mode":1,"rotate_tray":false,"filament":"PLA","close_power_conflict":false`, "SUCCESS", func(o object) bool {
			u := unit(o, 0)
			return u["dry_time"].(float64) > 470 && u["dry_setting"].(object)["dry_duration"] == float64(8) && u["info"] == "441123"
		}},
		"a lite unit does not dry": {"A1", "print", `"command":"ams_filament_drying","ams_id":0,"temp":55,"duration":8,"mode":1`, "fail", nil},
		"a tray is described": {"A1", "print", `"command":"ams_filament_setting","ams_id":0,"slot_id":1,"tray_id":1,"tray_info_idx":"GFG99","setting_id":"","tray_color":"00FF00FF","nozzle_temp_min":220,"nozzle_temp_max":260,"tray_type":"PETG"`, "success", func(o object) bool {
			tray := unit(o, 0)["tray"].([]any)[1].(object)
			return tray["tray_type"] == "PETG" && tray["tray_color"] == "00FF00FF" && tray["nozzle_temp_max"] == "260" && tray["remain"] == float64(-1)
		}},
		"an option sets its bit":      {"A1", "print", `"command":"print_option","sound_enable":true`, "success", func(o object) bool { return int64(o["home_flag"].(float64))>>17&1 == 1 }},
		"an unknown option":           {"A1", "print", `"command":"print_option","dance":true`, "fail", nil},
		"nothing to pause":            {"A1", "print", `"command":"pause","param":""`, "fail", has("gcode_state", "IDLE")},
		"homing sets its bits":        {"X1C", "print", `"command":"gcode_line","param":"G28\n"`, "SUCCESS", func(o object) bool { return int64(o["home_flag"].(float64))&7 == 7 && o["home_flag"].(float64) < 0 }},
		"an unknown command is quiet": {"A1", "print", `"command":"dance"`, "", nil},
		"a newer command, older box":  {"A1", "print", `"command":"set_bed_temp","temp":50`, "", has("bed_target_temper", 0)},
	}
}

func TestPrinter_commands(t *testing.T) {
	for name, o := range orders() {
		t.Run(name, func(t *testing.T) {
			b := start(t, simulator.Options{Model: o.model, Seed: 5})
			b.full()
			b.ask(`{"` + o.key + `":{"sequence_id":"4711",` + o.body + `}}`)
			if o.result == "" {
				if r := b.settle(); len(r) != 0 {
					t.Fatalf("heard %v", r)
				}
			} else if ack := b.until(o.key, func(a object) bool { return a["sequence_id"] == "4711" }); ack["result"] != o.result {
				t.Fatalf("acknowledged with %v", ack)
			}
			b.step(70 * time.Second)
			if o.effect != nil && !o.effect(b.full()) {
				t.Fatalf("no effect in %v", b.full())
			}
		})
	}
}

func TestPrinter_acknowledgements(t *testing.T) {
	t.Run("an A1 mini leaves out the command of gcode_line", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "A1 mini"})
		b.ask(`{"print":{"sequence_id":"9","command":"gcode_line","param":"G28\n"}}`)
		ack := b.until("print", func(o object) bool { return o["sequence_id"] == "9" })
		if _, told := ack["command"]; told || ack["param"] != "G28\n" || ack["result"] != "success" {
			t.Fatalf("acknowledged with %v", ack)
		}
	})
	t.Run("the request's own fields come back, to everybody", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "H2D"})
		other, err := dial(b.Printer, "other", "12345678")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Disconnect(0)
		other.Publish("device/"+b.Serial()+"/request", 1, false, `{"print":{"sequence_id":"31","command":"print_speed","param":"2","mine":"yes"}}`).Wait()
		ack := b.until("print", func(o object) bool { return o["sequence_id"] == "31" })
		if ack["mine"] != "yes" || ack["err_code"] != float64(0) || ack["reason"] != "SUCCESS" {
			t.Fatalf("acknowledged with %v", ack)
		}
	})
	t.Run("requests are remembered", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "A1"})
		b.ask(`{"print":{"sequence_id":"12","command":"pause","param":""}}`)
		b.ask(`not json`)
		b.settle()
		got := b.Requests()
		if len(got) != 3 || got[0].Key != "print" || got[0].Command != "pause" || got[0].Sequence != "12" || got[1].Key != "" || string(got[1].Payload) != "not json" || got[2].Client != "test-1" {
			t.Fatalf("requests %+v", got)
		}
	})
}

func TestPrinter_refusal(t *testing.T) {
	const speed = `{"print":{"sequence_id":"5","command":"print_speed","param":"4"}}`
	light := `{"system":{"sequence_id":"6","command":"ledctrl","led_node":"chamber_light","led_mode":"off"}}`
	for how, check := range map[simulator.Refusal]func(*testing.T, *bench){
		simulator.RefuseAck: func(t *testing.T, b *bench) {
			ack := b.answer("print", "print_speed", "5", speed)
			if ack["result"] != "failed" || ack["err_code"] != float64(84033543) || ack["reason"] != "mqtt message verify failed" {
				t.Fatalf("acknowledged with %v", ack)
			}
		},
		simulator.RefuseHMS: func(t *testing.T, b *bench) {
			b.ask(speed)
			b.settle()
			reports := b.step(5 * time.Second)
			hms := fmt.Sprint(merged(reports...)["hms"])
			if hms != "[map[attr:8.388736e+07 code:65543]]" {
				t.Fatalf("hms %s", hms)
			}
		},
		simulator.RefuseSilent: func(t *testing.T, b *bench) {
			b.ask(speed)
			if r := b.settle(); len(r) != 0 {
				t.Fatalf("heard %v", r)
			}
		},
	} {
		t.Run(string(how), func(t *testing.T) {
			b := start(t, simulator.Options{Model: "X1C", Refuse: how})
			if fun := b.full()["fun"]; fmt.Sprint(fun)[3:4] == "8" {
				t.Errorf("fun %v has bit 29 clear", fun)
			}
			check(t, b)
			if ack := b.answer("system", "ledctrl", "6", light); ack["result"] != "success" {
				t.Errorf("the light needs no signature, got %v", ack)
			}
			if b.full()["spd_lvl"] != float64(2) {
				t.Error("a refused command was obeyed")
			}
		})
	}
}

func TestPrinter_controlOfAPrint(t *testing.T) {
	b := start(t, simulator.Options{Model: "P1S", Seed: 2})
	b.full()
	file := `{"print":{"sequence_id":"20000","command":"project_file","param":"Metadata/plate_2.gcode","url":"ftp://Hook.gcode.3mf","file":"Hook.gcode.3mf","md5":"","use_ams":true,"ams_mapping":[-1,2],"subtask_name":"Hook","bed_type":"auto"}}`
	if ack := b.answer("print", "project_file", "20000", file); ack["result"] != "success" || ack["subtask_name"] != "Hook" {
		t.Fatalf("acknowledged with %v", ack)
	}
	ordered(t, b.step(15*time.Minute), has("subtask_name", "Hook", "print_type", "local"), has("gcode_state", "PREPARE"), has("gcode_state", "RUNNING"), has("layer_num", 2))
	if ack := b.answer("print", "project_file", "20001", `{"print":{"sequence_id":"20001","command":"project_file","param":"Metadata/plate_1.gcode","url":"ftp://x.3mf"}}`); ack["result"] != "fail" {
		t.Fatalf("a busy printer took a file: %v", ack)
	}
	b.answer("print", "pause", "1", `{"print":{"sequence_id":"1","command":"pause","param":""}}`)
	ordered(t, b.step(5*time.Second), has("gcode_state", "PAUSE", "print_error", 0x03008001, "mc_print_stage", "3", "stg_cur", 16))
	if r := merged(b.step(10 * time.Minute)...); r["layer_num"] != nil || r["mc_percent"] != nil {
		t.Errorf("a paused print goes on: %v", r)
	}
	b.answer("print", "resume", "2", `{"print":{"sequence_id":"2","command":"resume","param":""}}`)
	ordered(t, b.step(5*time.Second), has("gcode_state", "RUNNING", "print_error", 0))
	b.answer("print", "skip_objects", "3", `{"print":{"sequence_id":"3","command":"skip_objects","obj_list":[17,"23"]}}`)
	if got := fmt.Sprint(b.full()["s_obj"]); got != "[17 23]" {
		t.Errorf("s_obj %s", got)
	}
	b.answer("print", "stop", "4", `{"print":{"sequence_id":"4","command":"stop","param":""}}`)
	b.Step(time.Second)
	failed := b.full()
	if !has("gcode_state", "FAILED", "print_error", 0x0300400C, "subtask_name", "Hook", "gcode_file", "")(failed) {
		t.Fatalf("after a stop: %v %v", failed["gcode_state"], failed["print_error"])
	}
	b.answer("print", "clean_print_error", "5", `{"print":{"sequence_id":"5","command":"clean_print_error","subtask_id":"0","print_error":50348044}}`)
	ordered(t, b.step(5*time.Second), has("print_error", 0))
	if b.full()["gcode_state"] != "FAILED" {
		t.Error("clearing the error changed the state")
	}
}
