package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

func (a *api) pause(ctx context.Context, in *ControlCall) (*controlAnswer, error) {
	return a.command(ctx, *in, printer.Command{Name: printer.CmdPause}, "Print paused", "")
}

func (a *api) resume(ctx context.Context, in *ControlCall) (*controlAnswer, error) {
	return a.command(ctx, *in, printer.Command{Name: printer.CmdResume}, "Print resumed", "")
}

func (a *api) stop(ctx context.Context, in *ControlCall) (*controlAnswer, error) {
	return a.command(ctx, *in, printer.Command{Name: printer.CmdStop}, "Print stopped", "")
}

func (a *api) clearErrors(ctx context.Context, in *ControlCall) (*controlAnswer, error) {
	return a.command(ctx, *in, printer.Command{Name: printer.CmdClearError}, "HMS errors cleared", "")
}

func (a *api) unload(ctx context.Context, in *ControlCall) (*controlAnswer, error) {
	return a.command(ctx, *in, printer.Command{Name: printer.CmdUnload}, "Unloading filament", "")
}

// word1of4 is a speed as its number or its word.
type word1of4 string

// Schema takes a number or a word.
func (word1of4) Schema(huma.Registry) *huma.Schema {
	least, most := 1.0, 4.0
	words := make([]any, 0, len(printer.Speeds()))
	for _, w := range printer.Speeds() {
		words = append(words, w)
	}
	return &huma.Schema{
		Description: "1 silent, 2 standard, 3 sport, 4 ludicrous; or the word.",
		OneOf:       []*huma.Schema{{Type: huma.TypeInteger, Minimum: &least, Maximum: &most}, {Type: huma.TypeString, Enum: words}},
	}
}

// UnmarshalJSON takes a number or a word.
func (w *word1of4) UnmarshalJSON(b []byte) error {
	*w = word1of4(strings.Trim(string(b), `"`))
	return nil
}

type speedBody struct {
	Mode  *word1of4 `json:"mode,omitempty" required:"false"`
	Speed *word1of4 `json:"speed,omitempty" required:"false"`
}

type speedCall struct {
	ControlCall
	Mode string     `query:"mode" enum:"1,2,3,4,silent,standard,sport,ludicrous" doc:"1 silent, 2 standard, 3 sport, 4 ludicrous; or the word."`
	Body *speedBody `required:"false"`
}

func (a *api) speed(ctx context.Context, in *speedCall) (*controlAnswer, error) {
	mode := in.Mode
	if b := in.Body; b != nil && b.Mode != nil {
		mode = string(*b.Mode)
	} else if b != nil && b.Speed != nil {
		mode = string(*b.Speed)
	}
	if n, err := strconv.Atoi(mode); err == nil && n >= 1 && n <= len(printer.Speeds()) {
		mode = printer.Speeds()[n-1]
	}
	if mode == "" {
		return nil, missing("mode", "1 to 4, or silent, standard, sport, ludicrous")
	}
	return a.command(ctx, in.ControlCall, printer.Command{Name: printer.CmdSpeed, Word: mode}, "Print speed set to "+mode, "mode")
}

type lightBody struct {
	On    *bool  `json:"on" required:"false"`
	Light string `json:"light,omitempty" enum:"chamber,second"`
}

type lightCall struct {
	ControlCall
	On    option[bool] `query:"on" doc:"true or false."`
	Light string       `query:"light" enum:"chamber,second" doc:"Which light; the chamber's without."`
	Body  *lightBody   `required:"false"`
}

func (a *api) light(ctx context.Context, in *lightCall) (*controlAnswer, error) {
	on, light := in.On, in.Light
	if b := in.Body; b != nil {
		if b.On != nil {
			on = option[bool]{Value: *b.On, Set: true}
		}
		if b.Light != "" {
			light = b.Light
		}
	}
	if !on.Set {
		return nil, missing("on", "true or false")
	}
	message := "Chamber light off"
	if on.Value {
		message = "Chamber light on"
	}
	return a.command(ctx, in.ControlCall, printer.Command{Name: printer.CmdLight, Target: light, On: on.Value}, message, "on")
}

type targetBody struct {
	Target *float64 `json:"target" required:"false" doc:"In °C."`
	Nozzle *int     `json:"nozzle,omitempty" required:"false" doc:"0 is the right or only one, 1 the left one."`
}

type targetCall struct {
	ControlCall
	Target option[float64] `query:"target" doc:"In °C; 0 switches off."`
	Nozzle option[int]     `query:"nozzle" doc:"0 is the right or only one, 1 the left one."`
	Body   *targetBody     `required:"false"`
}

// heat sets a temperature.
func (a *api) heat(ctx context.Context, in *targetCall, name printer.CommandName, message string) (*controlAnswer, error) {
	target, nozzle := in.Target, in.Nozzle.Value
	if b := in.Body; b != nil {
		if b.Target != nil {
			target = option[float64]{Value: *b.Target, Set: true}
		}
		if b.Nozzle != nil {
			nozzle = *b.Nozzle
		}
	}
	if !target.Set {
		return nil, missing("target", "a temperature in °C")
	}
	return a.command(ctx, in.ControlCall, printer.Command{Name: name, Nozzle: nozzle, Value: target.Value}, message, "target")
}

func (a *api) nozzle(ctx context.Context, in *targetCall) (*controlAnswer, error) {
	return a.heat(ctx, in, printer.CmdNozzle, "Nozzle temperature set")
}

func (a *api) bed(ctx context.Context, in *targetCall) (*controlAnswer, error) {
	return a.heat(ctx, in, printer.CmdBed, "Bed temperature set")
}

func (a *api) chamber(ctx context.Context, in *targetCall) (*controlAnswer, error) {
	return a.heat(ctx, in, printer.CmdChamber, "Chamber temperature set")
}

type fanBody struct {
	Fan   string   `json:"fan,omitempty" enum:"part,aux,aux2,chamber"`
	Speed *float64 `json:"speed" required:"false" doc:"In percent."`
}

type fanCall struct {
	ControlCall
	Fan   string          `query:"fan" enum:"part,aux,aux2,chamber" doc:"Which fan; the part fan without."`
	Speed option[float64] `query:"speed" doc:"In percent."`
	Body  *fanBody        `required:"false"`
}

func (a *api) fan(ctx context.Context, in *fanCall) (*controlAnswer, error) {
	fan, speed := in.Fan, in.Speed
	if b := in.Body; b != nil {
		if b.Speed != nil {
			speed = option[float64]{Value: *b.Speed, Set: true}
		}
		if b.Fan != "" {
			fan = b.Fan
		}
	}
	if !speed.Set {
		return nil, missing("speed", "0 to 100")
	}
	if fan == "aux2" {
		fan = "second_aux"
	}
	return a.command(ctx, in.ControlCall, printer.Command{Name: printer.CmdFan, Target: fan, Value: speed.Value}, "Fan speed set", "speed")
}

type ductBody struct {
	Mode string `json:"mode" enum:"cooling,heating"`
}

type ductCall struct {
	ControlCall
	Mode string    `query:"mode" enum:"cooling,heating"`
	Body *ductBody `required:"false"`
}

func (a *api) airDuct(ctx context.Context, in *ductCall) (*controlAnswer, error) {
	mode := in.Mode
	if in.Body != nil {
		mode = in.Body.Mode
	}
	if mode == "" {
		return nil, missing("mode", "cooling or heating")
	}
	return a.command(ctx, in.ControlCall, printer.Command{Name: printer.CmdAirDuct, Word: mode}, "Air duct mode set", "mode")
}

type loadBody struct {
	Unit *int `json:"ams_id,omitempty" required:"false" doc:"The changer; 255 is the external spool."`
	Slot *int `json:"slot,omitempty" required:"false" doc:"The slot, from 0."`
	Tray *int `json:"tray_id,omitempty" required:"false" doc:"The tray counted over all changers; 254 is external."`
}

type loadCall struct {
	ControlCall
	Unit option[int] `query:"ams_id" doc:"The changer; 255 is the external spool."`
	Slot option[int] `query:"slot" doc:"The slot, from 0."`
	Tray option[int] `query:"tray_id" doc:"The tray counted over all changers; 254 is external."`
	Body *loadBody   `required:"false"`
}

func (a *api) load(ctx context.Context, in *loadCall) (*controlAnswer, error) {
	unit, slot, tray := in.Unit, in.Slot, in.Tray
	if b := in.Body; b != nil {
		unit, slot, tray = unit.or(b.Unit), slot.or(b.Slot), tray.or(b.Tray)
	}
	cmd := printer.Command{Name: printer.CmdLoad, Unit: unit.Value, Slot: slot.Value}
	switch {
	case tray.Set:
		cmd.Unit, cmd.Slot = trayOf(tray.Value)
	case !unit.Set && !slot.Set:
		return nil, missing("tray_id", "a tray, or ams_id and slot")
	}
	return a.command(ctx, in.ControlCall, cmd, "Loading filament", "tray_id")
}

// trayOf is the changer and the slot of a tray that is counted over all changers.
func trayOf(number int) (unit, slot int) {
	switch {
	case number >= trayExternal:
		return printer.ExternalUnit, number - trayExternal
	case number >= firstHT:
		return number, 0
	default:
		return number / 4, number % 4
	}
}

type dryBody struct {
	Unit     *int     `json:"ams_id" required:"false"`
	Temp     *float64 `json:"temp,omitempty" required:"false" doc:"In °C; the filament's own value without."`
	Hours    *int     `json:"duration_hours,omitempty" required:"false" doc:"The filament's own value without."`
	Filament string   `json:"filament,omitempty" maxLength:"64" doc:"Taken for compatibility; the printer knows its filament."`
	Rotate   *bool    `json:"rotate_tray,omitempty" required:"false" doc:"Taken for compatibility."`
}

type dryCall struct {
	ControlCall
	Unit  option[int]     `query:"ams_id" doc:"The AMS unit; the only one that can dry without."`
	Temp  option[float64] `query:"temp" doc:"In °C; the filament's own value without."`
	Hours option[int]     `query:"duration_hours" doc:"The filament's own value without."`
	Body  *dryBody        `required:"false"`
}

func (a *api) dry(ctx context.Context, in *dryCall) (*controlAnswer, error) {
	unit, temp, hours := in.Unit, in.Temp, in.Hours
	if b := in.Body; b != nil {
		unit, temp, hours = unit.or(b.Unit), temp.or(b.Temp), hours.or(b.Hours)
	}
	id, err := a.dryer(ctx, in.ID, unit)
	if err != nil {
		return nil, err
	}
	cmd := printer.Command{Name: printer.CmdDry, Unit: id, Value: temp.Value, Hours: hours.Value}
	return a.command(ctx, in.ControlCall, cmd, "Drying started", "")
}

func (a *api) stopDrying(ctx context.Context, in *dryCall) (*controlAnswer, error) {
	unit := in.Unit
	if in.Body != nil {
		unit = unit.or(in.Body.Unit)
	}
	id, err := a.dryer(ctx, in.ID, unit)
	if err != nil {
		return nil, err
	}
	return a.command(ctx, in.ControlCall, printer.Command{Name: printer.CmdStopDrying, Unit: id}, "Drying stopped", "")
}

// dryer is the unit that was named, or the only one that can dry.
func (a *api) dryer(ctx context.Context, ref string, unit option[int]) (int, error) {
	if unit.Set {
		return unit.Value, nil
	}
	s, err := a.find(ctx, ref)
	if err != nil {
		return 0, err
	}
	units := slices.DeleteFunc(slices.Clone(s.State.Units), func(u printer.Unit) bool { return !u.CanDry })
	if len(units) == 1 {
		return units[0].ID, nil
	}
	return 0, missing("ams_id", "the id of an AMS unit that can dry")
}

// missing is the error for a parameter that has to be there.
func missing(field, expected string) error {
	return fault.New(fault.Invalid, "%s is missing; expected %s", field, expected).At(field)
}

// fingerprint tells one command from another.
func fingerprint(id int, cmd printer.Command) string {
	cmd.Origin = ""
	// A command is made of text and numbers; NaN is refused before.
	text, _ := json.Marshal(cmd)
	return strconv.Itoa(id) + string(text)
}
