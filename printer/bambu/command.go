package bambu

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// frame is one message to the printer.
type frame struct {
	top, command, sequence string
	payload                []byte
}

// body is what stands below the top key, besides command and sequence_id. Each
// command makes its own from fresh values.
type body map[string]any

// part is a frame before it has a sequence id.
type part struct {
	top, command string
	body         body
}

// desired is what a command is encoded from.
type desired struct {
	printer.Command
	state printer.State
	facts facts
}

// commandRow is how this family encodes one command, and how its effect shows.
type commandRow struct {
	name   printer.CommandName
	encode func(d desired) ([]part, error)
	// effect tells whether the state shows the command's effect; nil: it never does.
	effect func(c printer.Command, s printer.State, f facts) bool
}

// commandRows is the table of all commands that go over the link.
func commandRows() []commandRow {
	return []commandRow{
		{printer.CmdPause, plain("pause"), func(_ printer.Command, s printer.State, _ facts) bool { return s.Activity == printer.Paused }},
		{printer.CmdResume, plain("resume"), func(_ printer.Command, s printer.State, _ facts) bool { return s.Activity == printer.Printing }},
		{printer.CmdStop, plain("stop"), func(_ printer.Command, s printer.State, _ facts) bool { return !s.Activity.Active() }},
		{printer.CmdSpeed, encodeSpeed, func(c printer.Command, s printer.State, _ facts) bool { return s.Speed == c.Word }},
		{printer.CmdLight, encodeLight, effectLight},
		{printer.CmdNozzle, encodeNozzle, func(c printer.Command, s printer.State, _ facts) bool {
			return near(s.Nozzles[c.Nozzle&1].Target, c.Value)
		}},
		{printer.CmdBed, encodeBed, func(c printer.Command, s printer.State, _ facts) bool { return near(s.Bed.Target, c.Value) }},
		{printer.CmdChamber, encodeChamber, func(c printer.Command, s printer.State, _ facts) bool { return near(s.Chamber.Target, c.Value) }},
		{printer.CmdFan, encodeFan, effectFan},
		{printer.CmdClearError, encodeClearError, func(_ printer.Command, _ printer.State, f facts) bool { return f.PrintError == 0 }},
		{printer.CmdRefresh, encodeRefresh, nil},
		{printer.CmdLoad, encodeLoad, nil},
		{printer.CmdUnload, encodeUnload, nil},
		{printer.CmdDry, encodeDry, effectDrying(true)},
		{printer.CmdStopDrying, encodeStopDrying, effectDrying(false)},
		{printer.CmdAirDuct, encodeAirDuct, func(c printer.Command, s printer.State, _ facts) bool { return s.AirDuct == c.Word }},
		{printer.CmdSound, encodeSound, func(c printer.Command, s printer.State, _ facts) bool {
			return s.PromptSound == printer.Some(c.On)
		}},
		{printer.CmdSkip, encodeSkip, effectSkip},
	}
}

func commandRowOf(name printer.CommandName) (commandRow, error) {
	for _, r := range commandRows() {
		if r.name == name {
			return r, nil
		}
	}
	return commandRow{}, fault.New(fault.Unsupported, "this printer has no command %.32q", string(name))
}

// seal gives a part its sequence id and makes it a message.
func (p part) seal(sequence uint32) (frame, error) {
	id := strconv.FormatUint(uint64(sequence), 10)
	inner := map[string]any{"sequence_id": id, "command": p.command}
	for k, v := range p.body {
		inner[k] = v
	}
	payload, err := json.Marshal(map[string]any{p.top: inner})
	if err != nil {
		return frame{}, fmt.Errorf("encoding %s: %w", p.command, err)
	}
	return frame{top: p.top, command: p.command, sequence: id, payload: payload}, nil
}

func plain(command string) func(desired) ([]part, error) {
	return func(desired) ([]part, error) {
		return []part{{"print", command, body{"param": ""}}}, nil
	}
}

// gcode is a message with lines of G-code. The last one must end, too.
func gcode(lines ...string) part {
	return part{"print", "gcode_line", body{"param": strings.Join(lines, "\n") + "\n"}}
}

// newSeries: the models of the second generation, which have commands of their
// own for what the others take as G-code.
func newSeries(s printer.State) bool {
	return strings.HasPrefix(s.Model, "H2") || strings.HasPrefix(s.Model, "X2") || s.Caps.Nozzles > 1
}

func whole(v float64) int { return int(math.Round(v)) }

func encodeSpeed(d desired) ([]part, error) {
	for i, word := range printer.Speeds() {
		if word == d.Word {
			return []part{{"print", "print_speed", body{"param": strconv.Itoa(i + 1)}}}, nil
		}
	}
	return nil, fault.New(fault.Invalid, "must be one of %v", printer.Speeds()).At("value")
}

func lightPart(node string, on bool) part {
	mode := "off"
	if on {
		mode = "on"
	}
	return part{"system", "ledctrl", body{
		"led_node": node, "led_mode": mode, "led_on_time": 500, "led_off_time": 500,
		"loop_times": 0, "interval_time": 0,
	}}
}

// encodeLight switches both lights of the second generation's chamber as one,
// unless the second one is meant.
func encodeLight(d desired) ([]part, error) {
	switch {
	case d.Target == "second":
		return []part{lightPart("chamber_light2", d.On)}, nil
	case newSeries(d.state):
		return []part{lightPart("chamber_light", d.On), lightPart("chamber_light2", d.On)}, nil
	default:
		return []part{lightPart("chamber_light", d.On)}, nil
	}
}

func effectLight(c printer.Command, s printer.State, _ facts) bool {
	if c.Target == "second" {
		return s.SecondLight == printer.Some(c.On)
	}
	return s.ChamberLight == printer.Some(c.On)
}

func encodeNozzle(d desired) ([]part, error) {
	if newSeries(d.state) {
		return []part{{"print", "set_nozzle_temp", body{"extruder_index": d.Nozzle, "target_temp": whole(d.Value)}}}, nil
	}
	return []part{gcode(fmt.Sprintf("M104 S%d", whole(d.Value)))}, nil
}

func encodeBed(d desired) ([]part, error) {
	if newSeries(d.state) {
		return []part{{"print", "set_bed_temp", body{"temp": whole(d.Value)}}}, nil
	}
	return []part{gcode(fmt.Sprintf("M140 S%d", whole(d.Value)))}, nil
}

// airDuctOver is the chamber target above which the air duct has to heat, in °C.
const airDuctOver = 40

func encodeChamber(d desired) ([]part, error) {
	if !newSeries(d.state) {
		return []part{gcode(fmt.Sprintf("M141 S%d", whole(d.Value)))}, nil
	}
	parts := []part{{"print", "set_ctt", body{"ctt_val": whole(d.Value), "temper_check": true}}}
	if d.Value > airDuctOver && d.state.Caps.AirDuct && d.state.AirDuct != "heating" {
		parts = append([]part{airDuctPart("heating")}, parts...)
	}
	return parts, nil
}

func encodeFan(d desired) ([]part, error) {
	number, ok := map[string]int{"": 1, "part": 1, "aux": 2, "chamber": 3, "second_aux": 10}[d.Target]
	if !ok {
		return nil, fault.New(fault.Unsupported, "the printer does not have this fan")
	}
	return []part{gcode(fmt.Sprintf("M106 P%d S%d", number, whole(d.Value*255/100)))}, nil
}

// effectFan allows for the step of 10 % in which speeds are reported.
func effectFan(c printer.Command, s printer.State, _ facts) bool {
	speed := map[string]printer.Opt[int]{
		"": s.Fans.Part, "part": s.Fans.Part, "aux": s.Fans.Aux, "chamber": s.Fans.Chamber, "second_aux": s.Fans.SecondAux,
	}[c.Target]
	return speed.Known && math.Abs(float64(speed.Value)-c.Value) <= 10
}

func encodeClearError(d desired) ([]part, error) {
	subtask := d.facts.SubtaskID
	if subtask == "" {
		subtask = "0"
	}
	return []part{{"print", "clean_print_error", body{"subtask_id": subtask, "print_error": d.facts.PrintError}}}, nil
}

// encodeRefresh asks for the modules first: their list is the answer.
func encodeRefresh(desired) ([]part, error) { return []part{versionPart(), pushAllPart()}, nil }

func versionPart() part { return part{"info", "get_version", nil} }

func pushAllPart() part {
	return part{"pushing", "pushall", body{"version": 1, "push_target": 1}}
}

func wakePart() part { return part{"pushing", "start", nil} }

func airDuctPart(mode string) part {
	id := map[string]int{"cooling": 0, "heating": 1}[mode]
	return part{"print", "set_airduct", body{"modeId": id, "submode": -1}}
}

func encodeAirDuct(d desired) ([]part, error) { return []part{airDuctPart(d.Word)}, nil }

func encodeSound(d desired) ([]part, error) {
	return []part{{"print", "print_option", body{"sound_enable": d.On}}}, nil
}

// near tells whether a target is what was asked for, in whole degrees.
func near(target printer.Opt[float64], v float64) bool {
	return target.Known && math.Abs(target.Value-v) < 1
}

func encodeSkip(d desired) ([]part, error) {
	return []part{{"print", "skip_objects", body{"obj_list": d.Objects}}}, nil
}

func effectSkip(c printer.Command, s printer.State, _ facts) bool {
	for _, id := range c.Objects {
		if !slices.Contains(s.Job.SkippedObjects, id) {
			return false
		}
	}
	return true
}
