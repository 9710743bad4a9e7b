package simulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
)

// part is a job of ten minutes with a preparation as recorded.
func part(name string, slots ...int) simulator.Job {
	return simulator.Job{Name: name, Plate: 1, Layers: 30, Duration: 20 * time.Minute, Prepare: 325 * time.Second, Nozzle: 220, Bed: 60, Slots: slots, Grams: []float64{15.2, 2}, Metres: []float64{5.1, 0.7}}
}

// when is the place of the first report that fits, -1 if none does.
func when(reports []object, fits func(object) bool) int {
	return slices.IndexFunc(reports, fits)
}

// has tells whether a report has these fields with these values.
func has(pairs ...any) func(object) bool {
	return func(o object) bool {
		for i := 0; i < len(pairs); i += 2 {
			v, ok := o[pairs[i].(string)]
			want := pairs[i+1]
			if n, isInt := want.(int); isInt {
				want = float64(n)
			}
			if !ok || v != want {
				return false
			}
		}
		return true
	}
}

// ordered fails unless each condition is met by a report, in this order.
func ordered(t *testing.T, reports []object, conditions ...func(object) bool) []int {
	t.Helper()
	var places []int
	from := 0
	for i, fits := range conditions {
		at := when(reports[from:], fits)
		if at < 0 {
			t.Fatalf("condition %d is not met after report %d of %d", i, from, len(reports))
		}
		places = append(places, from+at)
		from += at
	}
	return places
}

func TestPrinter_lifeOfOlderDialect(t *testing.T) {
	b := start(t, simulator.Options{Model: "A1", Seed: 7})
	b.full()
	b.Print(part("First", 0))
	first := b.step(22 * time.Minute)
	next := part("Second", 1)
	next.Layers = 24
	b.Print(next)
	second := b.step(22 * time.Minute)
	t.Run("the old job's 100 % stay until RUNNING", func(t *testing.T) {
		ordered(t, first, has("gcode_state", "RUNNING"), has("mc_percent", 100), has("gcode_state", "FINISH"))
		at := ordered(t, second, has("gcode_state", "IDLE", "subtask_name", "Second", "print_type", "local"), has("gcode_state", "PREPARE"), has("gcode_state", "RUNNING", "mc_percent", 0))
		if i := when(second, func(o object) bool { return o["mc_percent"] != nil }); i != at[2] {
			t.Fatalf("mc_percent told at report %d, RUNNING at %d", i, at[2])
		}
	})
	t.Run("totals come with RUNNING, percent climbs before layer 1", func(t *testing.T) {
		ordered(t, second, has("gcode_state", "RUNNING", "total_layer_num", 24, "mc_print_stage", "2", "stg_cur", 2),
			has("stg_cur", 13), has("stg_cur", 4), has("stg_cur", 3), has("stg_cur", 14), has("mc_percent", 6), has("stg_cur", 1), has("stg_cur", 0, "layer_num", 1))
	})
	t.Run("the unit loads and unloads in the recorded steps", func(t *testing.T) {
		ordered(t, second, has("ams_status", 258), has("ams_status", 261), has("ams_status", 262), has("ams_status", 263), has("ams_status", 768),
			has("ams_status", 258), has("ams_status", 259), has("ams_status", 260), has("ams_status", 0))
		i := when(second, func(o object) bool { a, _ := o["ams"].(object); return a["tray_now"] == "1" })
		if i < 0 {
			t.Fatal("tray_now never says 1")
		}
		if _, trays := second[i]["ams"].(object)["ams"]; trays {
			t.Error("a change of tray_now repeats the trays")
		}
	})
	t.Run("the filament goes back before FINISH, which clears the file", func(t *testing.T) {
		ordered(t, second, has("stg_cur", 255, "bed_target_temper", 0), has("mc_percent", 100, "spd_lvl", 253),
			has("gcode_state", "FINISH", "gcode_file", "", "print_type", "idle", "spd_lvl", 2, "mc_print_stage", "1"))
	})
	t.Run("deltas are small and numbered one by one", func(t *testing.T) {
		var sizes []int
		for i, r := range second {
			raw, _ := json.Marshal(object{"print": r})
			sizes = append(sizes, len(raw))
			if r["msg"] != float64(1) {
				t.Fatalf("report %d has msg %v", i, r["msg"])
			}
		}
		slices.Sort(sizes)
		if median := sizes[len(sizes)/2]; median < 80 || median > 220 {
			t.Errorf("median of %d bytes", median)
		}
		if per := (22 * time.Minute).Seconds() / float64(len(second)); per < 1.8 || per > 3.5 {
			t.Errorf("a delta every %.1f s", per)
		}
	})
}

func TestPrinter_lifeOfNewerDialect(t *testing.T) {
	b := start(t, simulator.Options{Model: "H2D", Seed: 7})
	b.Print(part("Two sides", 0, 4))
	reports := b.step(22 * time.Minute)
	side := func(o object) int {
		return int(o["device"].(object)["extruder"].(object)["state"].(float64))
	}
	t.Run("state and job_state follow gcode_state", func(t *testing.T) {
		ordered(t, reports, has("gcode_state", "PREPARE", "state", 2), has("gcode_state", "RUNNING", "state", 4, "stg_cur", 29), has("stg_cur", 13),
			has("layer_num", 1, "stg_cur", 0), has("gcode_state", "FINISH", "state", 6, "stg_cur", -1, "gcode_file", "/data/Metadata/plate_1.gcode"))
	})
	t.Run("every report is full and has the fixed sequence", func(t *testing.T) {
		for i, r := range reports {
			if len(r) < 90 || r["sequence_id"] != "2021" || r["msg"] != float64(0) {
				t.Fatalf("report %d: %d keys, sequence %v, msg %v", i, len(r), r["sequence_id"], r["msg"])
			}
		}
		if per := (22 * time.Minute).Seconds() / float64(len(reports)); per < 1 || per > 2.8 {
			t.Errorf("a report every %.1f s", per)
		}
	})
	t.Run("the left nozzle prints first, then the right one, each with its slot", func(t *testing.T) {
		ordered(t, reports, func(o object) bool { return side(o) == 274 }, func(o object) bool { return side(o) == 2 })
		middle := reports[ordered(t, reports, has("layer_num", 1))[0]]
		info := middle["device"].(object)["extruder"].(object)["info"].([]any)
		if left := info[1].(object); left["snow"] != float64(0) || int(left["temp"].(float64))>>16 != 220 {
			t.Errorf("left nozzle %v", left)
		}
		if right := info[0].(object); right["snow"] != float64(65535) {
			t.Errorf("right nozzle %v", right)
		}
		later := reports[ordered(t, reports, has("layer_num", 25))[0]]
		if right := later["device"].(object)["extruder"].(object)["info"].([]any)[0].(object); right["snow"] != float64(256) || later["ams"].(object)["tray_now"] != "0" {
			t.Errorf("right nozzle %v, tray_now %v", right, later["ams"].(object)["tray_now"])
		}
	})
	t.Run("a holder is null and the mapping packed", func(t *testing.T) {
		holder, there := reports[0]["device"].(object)["holder"]
		if !there || holder != nil {
			t.Errorf("holder %v", holder)
		}
		if m := fmt.Sprint(merged(reports...)["mapping"]); m != "[0 256]" {
			t.Errorf("mapping %s", m)
		}
	})
	t.Run("the file's receipt is heard by everybody", func(t *testing.T) {
		b.Print(part("Again", 2))
		receipt := b.until("print", has("command", "project_file"))
		if receipt["result"] != "SUCCESS" || fmt.Sprint(receipt["ams_mapping"]) != "[2]" || receipt["use_ams"] != true {
			t.Errorf("receipt %v", receipt)
		}
	})
}

func TestPrinter_temperatures(t *testing.T) {
	b := start(t, simulator.Options{Model: "X1C"})
	before := b.full()["nozzle_temper"].(float64)
	b.Print(part("Warm", 0))
	reports := b.step(120 * time.Second)
	last := reports[len(reports)-1]
	if after := last["nozzle_temper"].(float64); before > 30 || after < 200 || after > 222 {
		t.Errorf("nozzle from %v to %v °C in two minutes", before, after)
	}
	for i := 1; i < len(reports); i++ {
		if jump := reports[i]["bed_temper"].(float64) - reports[i-1]["bed_temper"].(float64); jump > 3 || jump < -3 {
			t.Fatalf("bed jumps by %v °C", jump)
		}
	}
	bed := int(last["device"].(object)["bed"].(object)["info"].(object)["temp"].(float64))
	if bed>>16 != 60 || bed&0xffff < 55 || bed&0xffff > 61 {
		t.Errorf("bed packed as %d/%d", bed&0xffff, bed>>16)
	}
}

func TestPrinter_speed(t *testing.T) {
	p := printer(t, simulator.Options{Model: "A1", Speed: 600, Loop: true, StartPrinting: true, Seed: 3})
	eventually(t, func() bool { s := p.Status(); return s.State == "RUNNING" && s.Layer > 1 })
	first := p.Status().Task
	eventually(t, func() bool { return p.Status().State == "FINISH" })
	eventually(t, func() bool { s := p.Status(); return s.State == "RUNNING" && s.Task != first })
}

func TestPrinter_StartPrinting(t *testing.T) {
	b := start(t, simulator.Options{Model: "X1C", StartPrinting: true})
	b.Step(time.Second)
	report := b.full()
	if report["gcode_state"] != "RUNNING" || report["layer_num"].(float64) < 30 || report["mc_percent"].(float64) < 25 || report["ams_status"] != float64(768) {
		t.Fatalf("state %v, layer %v, percent %v, ams_status %v", report["gcode_state"], report["layer_num"], report["mc_percent"], report["ams_status"])
	}
}
