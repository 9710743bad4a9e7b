package printer

import "slices"

// Activity is what a printer does, in one word.
type Activity string

// The activities. Offline is never stored: State.Shown makes it from the link.
const (
	Offline   Activity = "offline"
	Idle      Activity = "idle"
	Preparing Activity = "preparing"
	Printing  Activity = "printing"
	Paused    Activity = "paused"
	Finished  Activity = "finished"
	Failed    Activity = "failed"
	Stopped   Activity = "stopped"
	Unknown   Activity = "unknown"
)

// Activities lists all activities, in the order in which people read them.
func Activities() []Activity {
	return []Activity{Offline, Idle, Preparing, Printing, Paused, Finished, Failed, Stopped, Unknown}
}

// Active tells whether a job is under way.
func (a Activity) Active() bool { return a == Preparing || a == Printing || a == Paused }

// State is the complete picture of a printer after a report. It is a value:
// its slices are never changed after it was handed over, and whoever changes
// an element makes a new slice.
//
// Temperatures are in °C, fans and progress in %, lengths of time in seconds,
// weights in grams.
type State struct {
	// Family, Serial, Model, Firmware and Hardware say which printer it is.
	// Model is the short name that people use ("X1C"), "" when unknown.
	Family, Serial, Model, Firmware, Hardware string
	// Maker is the manufacturer's name, for people ("Bambu Lab").
	Maker string
	// FirmwareAvailable is the newer version that the printer reports, or "".
	FirmwareAvailable string
	// FirmwareProgress is known while an update is being installed.
	FirmwareProgress Opt[int]

	// Online tells whether reports flow. All other fields keep their last values while it is false.
	Online bool
	// Problem is what a person has to mend, if anything.
	Problem Problem
	// Caps is what this printer can do, as far as has been seen.
	Caps Capabilities

	// Activity is what the printer last said it does; see Shown.
	Activity Activity
	// Stage is the step within the activity, a slug such as "bed_leveling"; "" when there is none.
	Stage string
	// Job is the present job or, when none is under way, the last one.
	Job Job

	// Nozzles has the right or only nozzle first, then the left one.
	Nozzles [2]Nozzle
	// ActiveNozzle is the index into Nozzles.
	ActiveNozzle Opt[int]
	Bed, Chamber Heater
	Fans         Fans
	// AirDuct is the mode of the air duct ("cooling", "heating", "laser"), or "".
	AirDuct string
	// Speed is "silent", "standard", "sport", "ludicrous", or "" for unknown.
	Speed        string
	SpeedPercent Opt[int]

	ChamberLight, SecondLight, WorkLight Opt[bool]
	// Door is true when it is open.
	Door Opt[bool]
	// WiFi is the signal in dBm.
	WiFi      Opt[int]
	IPAddress string
	// Storage is "none", "normal", "abnormal", "read_only", or "" for unknown.
	Storage string
	// Recording, Timelapse and PromptSound are switches of the printer, as it reports them.
	Recording, Timelapse, PromptSound Opt[bool]
	// LiveView is the address of the printer's video stream without credentials, or "".
	LiveView string
	// FilamentPresent tells whether the extruder's sensor sees filament.
	FilamentPresent Opt[bool]
	// DeveloperMode tells whether the printer accepts unsigned commands; unknown until seen.
	DeveloperMode Opt[bool]
	// Tool is the tool head ("extruder", "laser10", "laser40", "cutter"), or "".
	Tool string

	// Units are the filament changers, ascending by wire id.
	Units []Unit
	// External are the spools that bypass the changers: right or only first, then left.
	External []Tray
	// ActiveTray is the tray that feeds the active extruder.
	ActiveTray Opt[TrayRef]
	// Faults are the faults that stand now, most severe first, then by code.
	Faults []Fault
}

// Shown is the activity that people see: Offline while the link is down.
func (s State) Shown() Activity {
	switch {
	case !s.Online:
		return Offline
	case s.Activity == "":
		return Unknown
	default:
		return s.Activity
	}
}

// Equal tells whether two states are the same in every field.
func (s State) Equal(o State) bool { return s.Same(&o) }

// Same is Equal without a copy.
func (s *State) Same(o *State) bool {
	return s.Family == o.Family && s.Serial == o.Serial && s.Model == o.Model && s.Firmware == o.Firmware && s.Maker == o.Maker &&
		s.Hardware == o.Hardware && s.FirmwareAvailable == o.FirmwareAvailable &&
		s.FirmwareProgress == o.FirmwareProgress && s.Online == o.Online && s.Problem == o.Problem &&
		s.Caps == o.Caps && s.Activity == o.Activity && s.Stage == o.Stage && s.Job.Equal(o.Job) &&
		s.Nozzles == o.Nozzles && s.ActiveNozzle == o.ActiveNozzle && s.Bed == o.Bed && s.Chamber == o.Chamber &&
		s.Fans == o.Fans && s.AirDuct == o.AirDuct && s.Speed == o.Speed && s.SpeedPercent == o.SpeedPercent &&
		s.ChamberLight == o.ChamberLight && s.SecondLight == o.SecondLight && s.WorkLight == o.WorkLight &&
		s.Door == o.Door && s.WiFi == o.WiFi && s.IPAddress == o.IPAddress && s.Storage == o.Storage &&
		s.Recording == o.Recording && s.Timelapse == o.Timelapse && s.PromptSound == o.PromptSound &&
		s.LiveView == o.LiveView && s.FilamentPresent == o.FilamentPresent &&
		s.DeveloperMode == o.DeveloperMode && s.Tool == o.Tool &&
		slices.EqualFunc(s.Units, o.Units, Unit.Equal) && slices.Equal(s.External, o.External) &&
		s.ActiveTray == o.ActiveTray && slices.Equal(s.Faults, o.Faults)
}

// Heater is a heated part.
type Heater struct {
	Temperature, Target Opt[float64]
}

// Nozzle is one hotend. Diameter is in mm; Type is a slug such as "hardened_steel".
type Nozzle struct {
	Heater
	Diameter Opt[float64]
	Type     string
	// Flow is "standard", "high", "tpu_high", or "".
	Flow string
}

// Fans are the fans' speeds in percent.
type Fans struct {
	Part, Aux, Chamber, Heatbreak, SecondAux Opt[int]
}

// ProblemCode says what a person has to mend.
type ProblemCode string

// The problems. The empty code means none.
const (
	ProblemAccessCode    ProblemCode = "access_code"
	ProblemCertificate   ProblemCode = "certificate"
	ProblemDeveloperMode ProblemCode = "developer_mode"
	ProblemSilent        ProblemCode = "silent"
	ProblemUnreachable   ProblemCode = "unreachable"
	ProblemSerial        ProblemCode = "serial"
	ProblemInternal      ProblemCode = "internal"
)

// Problem is a problem with a sentence that says what to do about it.
type Problem struct {
	Code ProblemCode
	Text string
}

// Severity is how bad a fault is, as its printer says.
type Severity string

// The severities.
const (
	Fatal   Severity = "fatal"
	Serious Severity = "serious"
	Common  Severity = "common"
	Info    Severity = "info"
)

// Fault is one fault that stands: its code in the maker's notation, a short
// text of our own or "", and the maker's page about it.
type Fault struct {
	Code     string
	Severity Severity
	Module   string
	Text     string
	URL      string
}

// Sentence is the fault's text with its code, or the code alone.
func (f Fault) Sentence() string {
	if f.Text == "" {
		return f.Code
	}
	return f.Text + " (" + f.Code + ")"
}
