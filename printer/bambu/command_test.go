package bambu

import (
	"encoding/json"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// frames encodes a command and gives the objects below the top keys, without
// their sequence ids.
func encoded(t *testing.T, d desired) []string {
	t.Helper()
	row, err := commandRowOf(d.Name)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := row.encode(d)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, p := range parts {
		f, err := p.seal(uint32(1000 + i))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]map[string]any
		if err := json.Unmarshal(f.payload, &m); err != nil {
			t.Fatal(err)
		}
		if m[f.top]["sequence_id"] != f.sequence || m[f.top]["command"] != f.command {
			t.Errorf("frame %s does not say what it is", f.payload)
		}
		delete(m[f.top], "sequence_id")
		b, _ := json.Marshal(m)
		out = append(out, string(b))
	}
	return out
}

func TestCommands_Encoding(t *testing.T) {
	a1 := printer.State{Model: "A1", Caps: printer.Capabilities{Nozzles: 1}}
	x1e := printer.State{Model: "X1E", Caps: printer.Capabilities{Nozzles: 1, ChamberHeater: true}}
	h2d := printer.State{Model: "H2D", AirDuct: "cooling", Caps: printer.Capabilities{Nozzles: 2, ChamberHeater: true, AirDuct: true}}
	ams := a1
	ams.Units = []printer.Unit{
		{ID: 0, Trays: []printer.Tray{{Slot: 0}, {Slot: 2, Material: "PETG", NozzleMax: printer.Some(260)}}},
		{ID: 128, CanDry: true, MaxDryTemperature: 85, Trays: []printer.Tray{{Slot: 0, Material: "PA", DryTemperature: printer.Some(80), DryHours: printer.Some(12)}}},
	}
	loaded := ams
	loaded.ActiveTray = printer.Some(printer.TrayRef{Unit: 0, Slot: 2})
	for _, c := range []struct {
		name  string
		state printer.State
		facts facts
		cmd   printer.Command
		want  []string
	}{
		{"pause", a1, facts{}, printer.Command{Name: printer.CmdPause}, []string{`{"print":{"command":"pause","param":""}}`}},
		{"resume", a1, facts{}, printer.Command{Name: printer.CmdResume}, []string{`{"print":{"command":"resume","param":""}}`}},
		{"stop", a1, facts{}, printer.Command{Name: printer.CmdStop}, []string{`{"print":{"command":"stop","param":""}}`}},
		{"speed is a word in digits", a1, facts{}, printer.Command{Name: printer.CmdSpeed, Word: "sport"}, []string{`{"print":{"command":"print_speed","param":"3"}}`}},
		{"light", a1, facts{}, printer.Command{Name: printer.CmdLight, On: true}, []string{`{"system":{"command":"ledctrl","interval_time":0,"led_mode":"on","led_node":"chamber_light","led_off_time":500,"led_on_time":500,"loop_times":0}}`}},
		{"both lights", h2d, facts{}, printer.Command{Name: printer.CmdLight}, []string{
			`{"system":{"command":"ledctrl","interval_time":0,"led_mode":"off","led_node":"chamber_light","led_off_time":500,"led_on_time":500,"loop_times":0}}`,
			`{"system":{"command":"ledctrl","interval_time":0,"led_mode":"off","led_node":"chamber_light2","led_off_time":500,"led_on_time":500,"loop_times":0}}`,
		}},
		{"nozzle by G-code", a1, facts{}, printer.Command{Name: printer.CmdNozzle, Value: 219.6}, []string{`{"print":{"command":"gcode_line","param":"M104 S220\n"}}`}},
		{"nozzle by name", h2d, facts{}, printer.Command{Name: printer.CmdNozzle, Nozzle: 1, Value: 220}, []string{`{"print":{"command":"set_nozzle_temp","extruder_index":1,"target_temp":220}}`}},
		{"bed by G-code", a1, facts{}, printer.Command{Name: printer.CmdBed, Value: 60}, []string{`{"print":{"command":"gcode_line","param":"M140 S60\n"}}`}},
		{"bed by name", h2d, facts{}, printer.Command{Name: printer.CmdBed, Value: 60}, []string{`{"print":{"command":"set_bed_temp","temp":60}}`}},
		{"chamber by G-code", x1e, facts{}, printer.Command{Name: printer.CmdChamber, Value: 50}, []string{`{"print":{"command":"gcode_line","param":"M141 S50\n"}}`}},
		{"chamber by name, with hot air", h2d, facts{}, printer.Command{Name: printer.CmdChamber, Value: 50}, []string{
			`{"print":{"command":"set_airduct","modeId":1,"submode":-1}}`, `{"print":{"command":"set_ctt","ctt_val":50,"temper_check":true}}`,
		}},
		{"chamber by name, cool enough", h2d, facts{}, printer.Command{Name: printer.CmdChamber, Value: 40}, []string{`{"print":{"command":"set_ctt","ctt_val":40,"temper_check":true}}`}},
		{"part fan", a1, facts{}, printer.Command{Name: printer.CmdFan, Value: 100}, []string{`{"print":{"command":"gcode_line","param":"M106 P1 S255\n"}}`}},
		{"second auxiliary fan", h2d, facts{}, printer.Command{Name: printer.CmdFan, Target: "second_aux", Value: 50}, []string{`{"print":{"command":"gcode_line","param":"M106 P10 S128\n"}}`}},
		{"clear error", a1, facts{PrintError: 0x0500808F}, printer.Command{Name: printer.CmdClearError}, []string{`{"print":{"command":"clean_print_error","print_error":83918991,"subtask_id":"0"}}`}},
		{"refresh", a1, facts{}, printer.Command{Name: printer.CmdRefresh}, []string{`{"info":{"command":"get_version"}}`, `{"pushing":{"command":"pushall","push_target":1,"version":1}}`}},
		{"load a tray", ams, facts{}, printer.Command{Name: printer.CmdLoad, Unit: 0, Slot: 2}, []string{`{"print":{"ams_id":0,"command":"ams_change_filament","curr_temp":260,"slot_id":2,"tar_temp":260,"target":2}}`}},
		{"load from one slot", loaded, facts{}, printer.Command{Name: printer.CmdLoad, Unit: 128, Slot: 0}, []string{`{"print":{"ams_id":128,"command":"ams_change_filament","curr_temp":260,"slot_id":0,"tar_temp":220,"target":128}}`}},
		{"load the external spool", ams, facts{}, printer.Command{Name: printer.CmdLoad, Unit: printer.ExternalUnit}, []string{`{"print":{"ams_id":255,"command":"ams_change_filament","curr_temp":220,"slot_id":0,"tar_temp":220,"target":254}}`}},
		{"unload", loaded, facts{}, printer.Command{Name: printer.CmdUnload}, []string{`{"print":{"ams_id":0,"command":"ams_change_filament","curr_temp":260,"slot_id":255,"tar_temp":260,"target":255}}`}},
		{"dry as the filament says", ams, facts{}, printer.Command{Name: printer.CmdDry, Unit: 128}, []string{`{"print":{"ams_id":128,"close_power_conflict":false,"command":"ams_filament_drying","cooling_temp":45,"duration":12,"filament":"PA","humidity":0,"mode":1,"rotate_tray":false,"temp":80}}`}},
		{"dry as asked", ams, facts{}, printer.Command{Name: printer.CmdDry, Unit: 128, Value: 60, Hours: 4}, []string{`{"print":{"ams_id":128,"close_power_conflict":false,"command":"ams_filament_drying","cooling_temp":45,"duration":4,"filament":"PA","humidity":0,"mode":1,"rotate_tray":false,"temp":60}}`}},
		{"stop drying", ams, facts{}, printer.Command{Name: printer.CmdStopDrying, Unit: 128}, []string{`{"print":{"ams_id":128,"close_power_conflict":false,"command":"ams_filament_drying","cooling_temp":0,"duration":0,"filament":"","humidity":0,"mode":0,"rotate_tray":false,"temp":0}}`}},
		{"air duct", h2d, facts{}, printer.Command{Name: printer.CmdAirDuct, Word: "heating"}, []string{`{"print":{"command":"set_airduct","modeId":1,"submode":-1}}`}},
		{"skip objects", a1, facts{}, printer.Command{Name: printer.CmdSkip, Objects: []int{17, 23}}, []string{`{"print":{"command":"skip_objects","obj_list":[17,23]}}`}},
		{"prompt sound", a1, facts{}, printer.Command{Name: printer.CmdSound, On: true}, []string{`{"print":{"command":"print_option","sound_enable":true}}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := encoded(t, desired{Command: c.cmd, state: c.state, facts: c.facts})
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("got  %s\nwant %s", got[i], c.want[i])
				}
			}
		})
	}
}

func TestCommands_EveryRowOfTheDomainIsKnown(t *testing.T) {
	for _, row := range printer.Commands() {
		_, err := commandRowOf(row.Name)
		if known := err == nil; known == (row.Name == printer.CmdTrust) {
			t.Errorf("%s: known %v; every command but %s goes over the link", row.Name, known, printer.CmdTrust)
		}
	}
	if _, err := commandRowOf("dance"); !fault.Is(err, fault.Unsupported) {
		t.Errorf("an unknown command gives %v", err)
	}
}

func TestTracker_SequenceStaysBelowTheLimit(t *testing.T) {
	tr := newTracker()
	tr.last = 1<<31 - 4
	seen := map[uint32]bool{}
	for range 10 {
		id := tr.sequence()
		if id >= 1<<31 || seen[id] {
			t.Errorf("sequence id %d", id)
		}
		seen[id] = true
	}
}

func TestTracker_Match(t *testing.T) {
	p := &pending{order: &order{done: make(chan result, 1)}, open: []frame{{top: "print", command: "gcode_line", sequence: "77"}}}
	tr := tracker{list: []*pending{p}}
	for _, c := range []struct {
		name string
		ack  ack
		want bool
	}{
		{"ours", ack{Top: "print", Command: "gcode_line", SequenceID: "77"}, true},
		{"ours without the command", ack{Top: "print", SequenceID: "77"}, true},
		{"another client's", ack{Top: "print", Command: "gcode_line", SequenceID: "20011"}, false},
		{"another command", ack{Top: "print", Command: "pause", SequenceID: "77"}, false},
		{"another key", ack{Top: "system", Command: "gcode_line", SequenceID: "77"}, false},
	} {
		if _, _, ok := tr.match(c.ack); ok != c.want {
			t.Errorf("%s: matched %v", c.name, ok)
		}
	}
}

func TestAck_Forms(t *testing.T) {
	for _, c := range []struct {
		name               string
		ack                ack
		succeeded, refused bool
	}{
		{"success", ack{Result: "success"}, true, false},
		{"SUCCESS", ack{Result: "SUCCESS", Reason: "SUCCESS"}, true, false},
		{"no signature by code", ack{Result: "failed", ErrCode: 84033543}, false, true},
		{"bad envelope by code", ack{Result: "failed", ErrCode: 0x05024009}, false, true},
		{"no signature by words", ack{Result: "failed", Reason: "mqtt message verify failed"}, false, true},
		{"another failure", ack{Result: "fail", Reason: "busy"}, false, false},
	} {
		if c.ack.succeeded() != c.succeeded || c.ack.unsigned() != c.refused {
			t.Errorf("%s: succeeded %v, refused %v", c.name, c.ack.succeeded(), c.ack.unsigned())
		}
	}
}
