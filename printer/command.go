package printer

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/printwire/printwire/fault"
)

// CommandName is a row of the table Commands.
type CommandName string

// The commands.
const (
	CmdPause      CommandName = "pause"
	CmdResume     CommandName = "resume"
	CmdStop       CommandName = "stop"
	CmdSpeed      CommandName = "speed"
	CmdLight      CommandName = "light"
	CmdNozzle     CommandName = "nozzle_temperature"
	CmdBed        CommandName = "bed_temperature"
	CmdChamber    CommandName = "chamber_temperature"
	CmdFan        CommandName = "fan"
	CmdClearError CommandName = "clear_error"
	CmdRefresh    CommandName = "refresh"
	CmdLoad       CommandName = "load"
	CmdUnload     CommandName = "unload"
	CmdDry        CommandName = "dry"
	CmdStopDrying CommandName = "stop_drying"
	CmdAirDuct    CommandName = "air_duct"
	CmdSound      CommandName = "prompt_sound"
	CmdTrust      CommandName = "trust_certificate"
	CmdSkip       CommandName = "skip_objects"
)

// Command asks a printer to do something. Which fields count is said by the
// command's row.
type Command struct {
	Name CommandName
	// Target is the part: a light ("chamber", "second"), a fan ("part",
	// "aux", "chamber", "second_aux"); "" is the first one.
	Target string
	// Nozzle is the index of the nozzle.
	Nozzle int
	// Unit and Slot name a tray as TrayRef does.
	Unit, Slot int
	// Value is a temperature in °C or a fan's speed in %.
	Value float64
	// On switches a light or a sound.
	On bool
	// Word is a speed or an air duct mode.
	Word string
	// Hours is how long to dry; 0 takes the filament's own value or 8.
	Hours int
	// Objects are the ids of objects that are left out from now on.
	Objects []int
	// Origin says on whose behalf, for the log ("homeassistant", "api:<key id>", "cli").
	Origin string
}

// Equal tells whether two commands are the same in every field.
func (c Command) Equal(o Command) bool {
	if !slices.Equal(c.Objects, o.Objects) {
		return false
	}
	c.Objects, o.Objects = nil, nil
	return reflect.DeepEqual(c, o)
}

// CommandRow is what holds for one command. Moves: it is refused by a
// read-only printer. In lists the activities in which it makes sense; nil is all.
type CommandRow struct {
	Name  CommandName
	Label string
	Moves bool
	In    []Activity
	// Check tells what else is wrong; nil checks nothing.
	Check func(State, Command) error
	// NoLink: it makes sense without a connection.
	NoLink bool
}

// Commands is the table of all commands.
func Commands() []CommandRow {
	job := []Activity{Preparing, Printing, Paused}
	still := []Activity{Idle, Paused, Finished, Failed, Stopped, Unknown}
	return []CommandRow{
		{Name: CmdPause, Label: "Pause", Moves: true, In: []Activity{Preparing, Printing}},
		{Name: CmdResume, Label: "Resume", Moves: true, In: []Activity{Paused}},
		{Name: CmdStop, Label: "Stop", Moves: true, In: job},
		{Name: CmdSpeed, Label: "Print speed", Moves: true, In: []Activity{Printing, Paused, Preparing}, Check: checkSpeed},
		{Name: CmdLight, Label: "Light", Check: checkLight},
		{Name: CmdNozzle, Label: "Nozzle temperature", Moves: true, Check: checkNozzle},
		{Name: CmdBed, Label: "Bed temperature", Moves: true, Check: checkBed},
		{Name: CmdChamber, Label: "Chamber temperature", Moves: true, Check: checkChamber},
		{Name: CmdFan, Label: "Fan speed", Moves: true, Check: checkFan},
		{Name: CmdClearError, Label: "Clear error", Moves: true},
		{Name: CmdRefresh, Label: "Refresh"},
		{Name: CmdLoad, Label: "Load filament", Moves: true, In: still, Check: checkTray},
		{Name: CmdUnload, Label: "Unload filament", Moves: true, In: still, Check: checkChanger},
		{Name: CmdDry, Label: "Start drying", Moves: true, Check: checkDry},
		{Name: CmdStopDrying, Label: "Stop drying", Moves: true, Check: checkDryer},
		{Name: CmdAirDuct, Label: "Air duct", Moves: true, Check: checkAirDuct},
		{Name: CmdSound, Label: "Prompt sound", Moves: true, Check: checkSound},
		{Name: CmdSkip, Label: "Skip objects", Moves: true, In: []Activity{Printing, Paused}, Check: checkObjects},
		{Name: CmdTrust, Label: "Trust the new certificate", NoLink: true},
	}
}

// Check tells whether a command fits the printer's capabilities and activity:
// nil, or fault.Offline, Unsupported, Denied, Conflict, Invalid with a
// sentence for the person who asked.
func Check(s State, cmd Command) error {
	rows := Commands()
	i := slices.IndexFunc(rows, func(r CommandRow) bool { return r.Name == cmd.Name })
	if i < 0 {
		return fault.New(fault.Unsupported, "there is no command %.32q", string(cmd.Name))
	}
	row := rows[i]
	switch {
	case row.NoLink:
	case !s.Online:
		return fault.New(fault.Offline, "the printer is offline")
	case row.Moves && s.Caps.ReadOnly():
		return fault.New(fault.Denied, "the printer refuses commands").WithHint("switch on LAN mode and Developer mode on the printer's screen")
	case row.In != nil && !slices.Contains(row.In, s.Shown()):
		return fault.New(fault.Conflict, "%s is not possible while the printer is %s", cmd.Name, s.Shown())
	}
	if row.Check == nil {
		return nil
	}
	return row.Check(s, cmd)
}

// Speeds are the words of CmdSpeed, slowest first.
func Speeds() []string { return []string{"silent", "standard", "sport", "ludicrous"} }

func checkSpeed(s State, c Command) error {
	if !s.Caps.Speed {
		return unsupported("a print speed")
	}
	return oneOf(c.Word, Speeds())
}

func checkLight(s State, c Command) error {
	if c.Target == "second" && s.Caps.SecondLight || c.Target == "" && s.Caps.ChamberLight || c.Target == "chamber" && s.Caps.ChamberLight {
		return nil
	}
	return unsupported("this light")
}

func checkNozzle(s State, c Command) error {
	if c.Nozzle < 0 || c.Nozzle >= max(1, s.Caps.Nozzles) {
		return fault.New(fault.Invalid, "there is no nozzle %d", c.Nozzle).At("nozzle")
	}
	return within(c.Value, s.Caps.NozzleRange, "°C")
}

func checkBed(s State, c Command) error { return within(c.Value, s.Caps.BedRange, "°C") }

func checkChamber(s State, c Command) error {
	if !s.Caps.ChamberHeater {
		return unsupported("a chamber heater")
	}
	return within(c.Value, s.Caps.ChamberRange, "°C")
}

func checkFan(s State, c Command) error {
	has := map[string]bool{
		"": s.Caps.PartFan, "part": s.Caps.PartFan, "aux": s.Caps.AuxFan,
		"chamber": s.Caps.ChamberFan, "second_aux": s.Caps.SecondAuxFan,
	}
	if !has[c.Target] {
		return unsupported("this fan")
	}
	return within(c.Value, Range{0, 100}, "%")
}

func checkChanger(s State, _ Command) error {
	if !s.Caps.Changer && len(s.Units) == 0 {
		return unsupported("a filament changer")
	}
	return nil
}

func checkTray(s State, c Command) error {
	if c.Unit == ExternalUnit {
		return nil
	}
	t, ok := s.Tray(TrayRef{Unit: c.Unit, Slot: c.Slot})
	switch {
	case !ok:
		return fault.New(fault.NotFound, "there is no %s", TrayRef{Unit: c.Unit, Slot: c.Slot})
	case t.Empty.Or(false):
		return fault.New(fault.Conflict, "%s is empty", TrayRef{Unit: c.Unit, Slot: c.Slot})
	}
	return nil
}

func checkDryer(s State, c Command) error {
	for _, u := range s.Units {
		if u.ID == c.Unit {
			if u.CanDry {
				return nil
			}
			return unsupported("drying in this unit")
		}
	}
	return fault.New(fault.NotFound, "there is no AMS unit %d", c.Unit).At("unit")
}

func checkDry(s State, c Command) error {
	if err := checkDryer(s, c); err != nil {
		return err
	}
	for _, u := range s.Units {
		if u.ID != c.Unit {
			continue
		}
		if c.Value != 0 {
			if err := within(c.Value, Range{45, float64(u.MaxDryTemperature)}, "°C"); err != nil {
				return err
			}
		}
	}
	if c.Hours < 0 || c.Hours > 24 {
		return fault.New(fault.Invalid, "hours must be 0 to 24, got %d", c.Hours).At("hours")
	}
	return nil
}

func checkAirDuct(s State, c Command) error {
	if !s.Caps.AirDuct {
		return unsupported("an air duct")
	}
	return oneOf(c.Word, []string{"cooling", "heating"})
}

func checkSound(s State, _ Command) error {
	if !s.Caps.PromptSound {
		return unsupported("a prompt sound")
	}
	return nil
}

// checkObjects wants objects of the plate that are still printed, and that one
// at least remains: without any the print would have to be stopped.
func checkObjects(s State, c Command) error {
	if !s.Caps.SkipObjects {
		return unsupported("a way to leave out objects")
	}
	if s.Job.Plan.Unlabelled {
		return fault.New(fault.Conflict, "the file of this print does not say what belongs to which object, so none can be left out").
			WithHint("switch on \"Exclude objects\" in the slicer, which can label 64 of them")
	}
	if len(c.Objects) == 0 || len(c.Objects) > MaxObjects {
		return fault.New(fault.Invalid, "must name 1 to %d objects", MaxObjects).At("objects")
	}
	gone := map[int]bool{}
	for _, id := range s.Job.SkippedObjects {
		gone[id] = true
	}
	for _, id := range c.Objects {
		known := slices.ContainsFunc(s.Job.Plan.Objects, func(o Object) bool { return o.ID == id })
		switch {
		case s.Job.Plan.Known() && !known || id < 0:
			return fault.New(fault.Invalid, "there is no object %d on this plate", id).At("objects")
		case gone[id]:
			return fault.New(fault.Conflict, "object %d is left out already", id).At("objects")
		}
		gone[id] = true
	}
	if s.Job.Plan.Known() && !slices.ContainsFunc(s.Job.Plan.Objects, func(o Object) bool { return !gone[o.ID] }) {
		return fault.New(fault.Conflict, "at least one object must remain; stop the print instead").At("objects")
	}
	return nil
}

func unsupported(what string) error {
	return fault.New(fault.Unsupported, "the printer does not have %s", what)
}

func within(v float64, r Range, unit string) error {
	if r == (Range{}) {
		return unsupported("this setting")
	}
	if v != v || !r.Holds(v) {
		return fault.New(fault.Invalid, "value must be %s to %s %s", number(r.Min), number(r.Max), unit).At("value")
	}
	return nil
}

func oneOf(word string, words []string) error {
	if slices.Contains(words, word) {
		return nil
	}
	return fault.New(fault.Invalid, "must be one of %v", words).At("value")
}

func number(v float64) string { return fmt.Sprintf("%g", v) }
