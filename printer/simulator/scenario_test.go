package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/simulator"
)

// hms tells whether a report lists that entry, as attr and code.
func hms(attr, code uint32, there bool) func(object) bool {
	return func(o object) bool {
		list, ok := o["hms"].([]any)
		if !ok {
			return false
		}
		for _, e := range list {
			if e.(object)["attr"] == float64(attr) && e.(object)["code"] == float64(code) {
				return there
			}
		}
		return !there
	}
}

func all(list ...func(object) bool) func(object) bool {
	return func(o object) bool {
		for _, fits := range list {
			if !fits(o) {
				return false
			}
		}
		return true
	}
}

// cancelled is the code of a print that a person ended.
const cancelled = 0x0300400C

// course is what a scenario must look like on the wire.
type course struct {
	model   string
	minutes int
	check   func(*testing.T, []object)
}

func printCourses() map[string]course {
	return map[string]course{
		"print": {"P1S", 12, func(t *testing.T, r []object) {
			ordered(t, r, has("gcode_state", "PREPARE"), has("gcode_state", "RUNNING"), has("layer_num", 20), has("gcode_state", "FINISH"))
		}},
		"pause_user": {"H2D", 2, func(t *testing.T, r []object) {
			ordered(t, r, has("gcode_state", "RUNNING"), has("gcode_state", "PAUSE", "print_error", 0x03008001, "stg_cur", 16, "state", 5, "err", "3603008001"), has("gcode_state", "RUNNING", "print_error", 0))
		}},
		"pause_fault": {"H2D", 2, func(t *testing.T, r []object) {
			ordered(t, r, all(hms(0x0C000100, 0x00020017, true), has("state", 5, "gcode_state", "RUNNING", "print_error", 0)),
				has("gcode_state", "PAUSE", "print_error", 0x0500808F, "fail_reason", "0"), has("gcode_state", "PAUSE", "fail_reason", "83918991"),
				all(hms(0x0C000100, 0x00020017, false), has("gcode_state", "RUNNING")))
		}},
		"runout": {"A1", 3, func(t *testing.T, r []object) {
			at := ordered(t, r, has("gcode_state", "PAUSE", "stg_cur", 6, "hw_switch_state", 0), has("gcode_state", "RUNNING", "hw_switch_state", 1))
			if bits := r[at[0]]["ams"].(object)["tray_exist_bits"]; bits != "e" {
				t.Errorf("tray_exist_bits %v", bits)
			}
		}},
		"cancel_code_before": {"H2D", 2, func(t *testing.T, r []object) {
			ordered(t, r, has("gcode_state", "RUNNING", "print_error", cancelled), has("gcode_state", "FAILED", "print_error", cancelled, "state", 7, "mc_percent", 0, "layer_num", 0))
		}},
		"cancel_code_with": {"A1", 2, func(t *testing.T, r []object) {
			ordered(t, r, has("gcode_state", "FAILED", "print_error", cancelled))
		}},
		"cancel_code_after": {"X1C", 2, func(t *testing.T, r []object) {
			ordered(t, r, has("gcode_state", "FAILED", "print_error", 0), has("gcode_state", "FAILED", "print_error", cancelled, "mc_print_error_code", "16396"))
		}},
		"fail_in_print": {"A1", 2, func(t *testing.T, r []object) {
			ordered(t, r, hms(0x03001A00, 0x00020002, true), has("gcode_state", "FAILED", "print_error", 0x03004006))
		}},
		"fail_in_prepare": {"X1C", 1, func(t *testing.T, r []object) {
			ordered(t, r, has("gcode_state", "PREPARE"), has("gcode_state", "FAILED", "print_error", 0x05004003))
			if when(r, has("gcode_state", "RUNNING")) >= 0 {
				t.Error("it ran")
			}
		}},
		"fault_flicker": {"A1", 4, func(t *testing.T, r []object) {
			on, off := hms(0x05000300, 0x00020001, true), hms(0x05000300, 0x00020001, false)
			ordered(t, r, on, off, on, off, on, off)
		}},
		"dismiss_dialog": {"H2D", 2, func(t *testing.T, r []object) {
			ordered(t, r, has("gcode_state", "FAILED", "print_error", cancelled, "mc_err", 16396), has("mc_err", 0, "print_error", cancelled), has("gcode_state", "FAILED", "print_error", 0, "fail_reason", "50348044"))
		}},
	}
}

func machineCourses() map[string]course {
	return map[string]course{
		"unknown_stage": {"X1C", 2, func(t *testing.T, r []object) { ordered(t, r, has("stg_cur", 199), has("stg_cur", 0)) }},
		"door": {"H2D", 1, func(t *testing.T, r []object) {
			ordered(t, r, has("stat", "640A58000"), has("stat", "640258000"))
		}},
		"firmware": {"A1", 1, func(t *testing.T, r []object) {
			list := merged(r...)["upgrade_state"].(object)["new_ver_list"].([]any)
			if list[0].(object)["new_ver"] != "99.00.00.00" {
				t.Errorf("offered %v", list)
			}
		}},
		"ams_swap": {"X1C", 2, func(t *testing.T, r []object) {
			bits := func(want string, units int) func(object) bool {
				return func(o object) bool {
					a := o["ams"].(object)
					return a["ams_exist_bits"] == want && len(a["ams"].([]any)) == units
				}
			}
			ordered(t, r, bits("1", 1), bits("3", 2))
		}},
		"tray_emptied": {"X1C", 2, func(t *testing.T, r []object) {
			tray := func(o object) object {
				return o["ams"].(object)["ams"].([]any)[0].(object)["tray"].([]any)[0].(object)
			}
			ordered(t, r, func(o object) bool { return len(tray(o)) == 2 && tray(o)["state"] == float64(0) }, func(o object) bool { return tray(o)["tray_color"] == "F2B705FF" })
		}},
		"drying": {"H2D", 15, func(t *testing.T, r []object) {
			left := func(o object) float64 { return o["ams"].(object)["ams"].([]any)[0].(object)["dry_time"].(float64) }
			ordered(t, r, func(o object) bool { return left(o) == 10 }, func(o object) bool { return left(o) == 3 }, func(o object) bool { return left(o) == 0 })
		}},
		"nozzle_switch": {"H2D", 2, func(t *testing.T, r []object) {
			state := func(want float64) func(object) bool {
				return func(o object) bool { return o["device"].(object)["extruder"].(object)["state"] == want }
			}
			ordered(t, r, state(274), state(2), state(274), state(2))
		}},
	}
}

func TestPrinter_scenarios(t *testing.T) {
	courses := printCourses()
	maps.Copy(courses, machineCourses())
	for name, test := range courses {
		t.Run(name, func(t *testing.T) {
			b := start(t, simulator.Options{Model: test.model, Seed: 11})
			b.full()
			if err := b.Play(name); err != nil {
				t.Fatal(err)
			}
			test.check(t, append(b.settle(), b.step(time.Duration(test.minutes)*time.Minute)...))
		})
	}
}

func TestPrinter_cancelByAcknowledgement(t *testing.T) {
	b := start(t, simulator.Options{Model: "P1S"})
	b.full()
	if err := b.Play("cancel_ack_only"); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		b.Step(5 * time.Second)
	}
	ack := b.until("print", has("command", "stop"))
	if ack["result"] != "success" || ack["sequence_id"] != "20011" {
		t.Fatalf("acknowledged with %v", ack)
	}
	if failed := b.until("print", has("gcode_state", "FAILED")); failed["print_error"] != nil {
		t.Errorf("a code was told: %v", failed)
	}
}

func TestPrinter_foreignAnswers(t *testing.T) {
	b := start(t, simulator.Options{Model: "A1"})
	if err := b.Play("foreign_acks"); err != nil {
		t.Fatal(err)
	}
	b.until("print", has("return_code", "388"))
	b.until("print", has("source", 3072))
	if bare := b.until("print", has("param", "G28")); bare["command"] != nil {
		t.Errorf("%v has a command", bare)
	}
	b.until("system", has("command", "ledctrl"))
	b.until("info", has("result", "success", "sequence_id", "20010"))
	b.until("mc_print", has("command", "push_info"))
	if got := b.full(); got["spd_lvl"] != float64(2) {
		t.Errorf("an answer to others changed the speed to %v", got["spd_lvl"])
	}
}

func TestPrinter_garbage(t *testing.T) {
	b := start(t, simulator.Options{Model: "X1C"})
	if err := b.Play("garbage"); err != nil {
		t.Fatal(err)
	}
	want := simulator.Garbage()
	b.Step(time.Duration(len(want)+1) * time.Second)
	next, depth := 0, 0
	deadline := time.After(30 * time.Second)
	for next < len(want) {
		select {
		case payload := <-b.heard:
			if bytes.Equal(payload, want[next]) {
				next++
				depth = max(depth, bytes.Count(payload, []byte("[")))
			}
		case <-deadline:
			t.Fatalf("only %d of %d pieces arrived", next, len(want))
		}
	}
	if depth < 20_000 {
		t.Errorf("greatest depth %d", depth)
	}
	b.until("print", func(o object) bool { return len(o) > 90 && o["gcode_state"] == "IDLE" })
}

func TestPrinter_linkScenarios(t *testing.T) {
	t.Run("a silent printer still answers", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "A1"})
		b.full()
		_ = b.Play("silence_40")
		if r := b.step(39 * time.Second); len(r) != 0 {
			t.Fatalf("heard %d reports", len(r))
		}
		b.full()
		if r := b.step(30 * time.Second); len(r) == 0 {
			t.Fatal("nothing heard after the silence")
		}
	})
	t.Run("a dead printer answers nothing for 90 s", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "H2D"})
		_ = b.Play("silence_90")
		b.Step(89 * time.Second)
		b.ask(`{"pushing":{"sequence_id":"1","command":"pushall"}}`)
		eventually(t, func() bool { return len(b.Requests()) == 1 })
		if len(b.heard) != 0 {
			t.Fatalf("heard %d messages", len(b.heard))
		}
		b.Step(5 * time.Second)
		b.full()
	})
}

func TestPrinter_linkCut(t *testing.T) {
	t.Run("half-open connections are dead, new ones live", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "A1", Clients: 1})
		_ = b.Play("half_open")
		b.ask(`{"pushing":{"sequence_id":"1","command":"pushall"}}`)
		again, err := dial(b.Printer, "second", "12345678")
		if err != nil {
			t.Fatal(err)
		}
		defer again.Disconnect(0)
		if !b.client.IsConnectionOpen() || len(b.heard) != 0 || len(b.Requests()) != 0 {
			t.Fatalf("open %t, %d messages, %d requests", b.client.IsConnectionOpen(), len(b.heard), len(b.Requests()))
		}
	})
	t.Run("a changed code keeps everybody out", func(t *testing.T) {
		b := start(t, simulator.Options{Model: "A1"})
		_ = b.Play("wrong_code")
		eventually(t, func() bool { return !b.client.IsConnected() })
		if _, err := dial(b.Printer, "x", "12345678"); err == nil {
			t.Fatal("the old code was taken")
		}
		b.SetAccessCode("99999999")
		again, err := dial(b.Printer, "x", "99999999")
		if err != nil {
			t.Fatal(err)
		}
		again.Disconnect(0)
	})
	for _, name := range []string{"reboot", "power_off_zeros", "gap_job_change"} {
		t.Run(name+" cuts everybody off for a while", func(t *testing.T) {
			b := start(t, simulator.Options{Model: "A1", StartPrinting: true})
			b.full()
			_ = b.Play(name)
			b.Step(8 * time.Second)
			eventually(t, func() bool { return !b.client.IsConnected() })
			if _, err := dial(b.Printer, "x", "12345678"); err == nil {
				t.Fatal("a client was let in")
			}
			b.Step(90 * time.Second)
			again, err := dial(b.Printer, "x", "12345678")
			if err != nil {
				t.Fatal(err)
			}
			again.Disconnect(0)
			want := map[string]string{"reboot": "IDLE", "power_off_zeros": "IDLE", "gap_job_change": "RUNNING"}[name]
			if s := b.Status(); s.State != want || name == "gap_job_change" && s.Task != "Next part" {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestPrinter_powerOffZeros(t *testing.T) {
	b := start(t, simulator.Options{Model: "X1C"})
	_ = b.Play("power_off_zeros")
	a := b.until("print", func(o object) bool { _, ok := o["ams"]; return ok })["ams"].(object)
	if fmt.Sprintln(a["ams_exist_bits"], a["tray_exist_bits"], a["power_on_flag"]) != "0 0 false\n" || len(a["ams"].([]any)) != 2 {
		raw, _ := json.Marshal(a)
		t.Fatalf("ams %s", raw)
	}
}

func TestPrinter_Play(t *testing.T) {
	p := printer(t, simulator.Options{Model: "A1"})
	if err := p.Play("dance"); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	if err := p.Play("nozzle_switch"); !fault.Is(err, fault.Unsupported) {
		t.Errorf("got %v", err)
	}
	seen := map[string]bool{}
	for _, row := range simulator.Scenarios() {
		if seen[row.Name] || row.Doc == "" {
			t.Errorf("scenario %q twice or without a text", row.Name)
		}
		seen[row.Name] = true
	}
}

// Every scenario runs on every model that has it, and the printer still answers.
func TestPrinter_everyScenarioEverywhere(t *testing.T) {
	for _, model := range simulator.Models() {
		for _, row := range simulator.Scenarios() {
			p := printer(t, simulator.Options{Model: model, Scenario: row.Name, Seed: 1})
			p.Step(5 * time.Minute)
			if p.Status().State == "" {
				t.Errorf("%s on %s leaves no state", row.Name, model)
			}
		}
	}
}
