package httpapi

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/printer"
)

// status maps a snapshot to its document. It depends on nothing else, so that
// a document can be encoded once per version.
func status(s printer.Snapshot) Status {
	st := s.State
	doc := Status{
		ID: s.Config.ID, Name: s.Config.Name, SerialNumber: s.Config.Serial, Model: st.Model,
		Connected: st.Online, Stale: !st.Online, UpdatedAt: moment(s.At),
		State: word(st), Activity: string(st.Shown()), Status: string(st.Shown()), Problem: problemOf(st),
		FirmwareVersion: text(st.Firmware), FirmwareAvailable: text(st.FirmwareAvailable),
		SupportsChamberHeater: st.Caps.ChamberHeater,
		SupportsDrying:        slices.ContainsFunc(st.Units, func(u printer.Unit) bool { return u.CanDry }),
	}
	doc.Temperatures = temperatures(st)
	doc.Temperature = doc.Temperatures
	doc.HMSErrors, doc.HMSStatus = faults(st.Faults)
	job(&doc, s)
	filament(&doc, st)
	plan(&doc, s)
	machine(&doc, st)
	return doc
}

// word is the activity in Bambuddy's words.
func word(s printer.State) string {
	switch s.Shown() {
	case printer.Offline:
		return "OFFLINE"
	case printer.Idle:
		return "IDLE"
	case printer.Preparing:
		return "PREPARE"
	case printer.Printing:
		return "RUNNING"
	case printer.Paused:
		return "PAUSE"
	case printer.Finished:
		return "FINISH"
	case printer.Failed, printer.Stopped:
		return "FAILED"
	default:
		return "unknown"
	}
}

// maxLeft bounds the time left, in seconds, so that the end stays a time.
const maxLeft = 1e8

// maxSlots is the highest number of a filament that is shown.
const maxSlots = 64

// plan is what the job's file says.
func plan(doc *Status, s printer.Snapshot) {
	j := s.State.Job
	doc.FilamentUsed, doc.FilamentDetails, doc.EstimatedSeconds = known(j.FilamentUsed()), text(j.FilamentDetails()), known(j.Plan.Seconds)
	if !j.Plan.Known() {
		return
	}
	n := len(j.Plan.Objects)
	doc.PrintableObjectsCount = &n
	for _, f := range j.Plan.Filaments {
		if f.Slot < 1 || f.Slot > maxSlots {
			continue
		}
		for len(doc.AMSMapping) < f.Slot {
			doc.AMSMapping = append(doc.AMSMapping, -1)
		}
		if f.Tray.Known {
			doc.AMSMapping[f.Slot-1] = trayNumber(f.Tray.Value)
		}
	}
	if j.Plan.Picture != "" && s.State.Activity.Active() {
		url := base + "/printers/" + strconv.Itoa(s.Config.ID) + "/cover"
		doc.CoverURL = &url
	}
}

func job(doc *Status, s printer.Snapshot) {
	j := s.State.Job
	doc.Progress, doc.LayerNum, doc.TotalLayers = known(j.Progress), known(j.Layer), known(j.TotalLayers)
	doc.CurrentLayer, doc.RemainingSeconds = doc.LayerNum, known(j.RemainingSeconds)
	doc.StartedAt, doc.CurrentPlateID = moment(j.StartedAt), known(j.Plate)
	doc.SubtaskName, doc.GcodeFile = text(j.Name), text(j.File)
	if left := j.RemainingSeconds; left.Known {
		minutes := (left.Value + 59) / 60
		doc.RemainingTime = &minutes
		if s.State.Activity.Active() && !s.At.IsZero() {
			doc.FinishAt = moment(s.At.Add(time.Duration(min(left.Value, maxLeft)) * time.Second))
		}
	}
	if s.State.Activity.Active() {
		doc.CurrentPrint = doc.SubtaskName
		if doc.CurrentPrint == nil {
			doc.CurrentPrint = doc.GcodeFile
		}
	}
}

func temperatures(s printer.State) Temperatures {
	t := Temperatures{}
	t.Nozzle, t.NozzleTarget, t.NozzleHeating = heater(s.Nozzles[0].Heater)
	t.Bed, t.BedTarget, t.BedHeating = heater(s.Bed)
	if s.Caps.Nozzles > 1 {
		t.Nozzle2, t.Nozzle2Target, t.Nozzle2Heating = heater(s.Nozzles[1].Heater)
	}
	if s.Caps.ChamberSensor {
		t.Chamber, t.ChamberTarget, t.ChamberHeating = heater(s.Chamber)
	}
	return t
}

// heater is temperature, target, and whether it still heats up.
func heater(h printer.Heater) (temperature, target *float64, heating *bool) {
	if h.Temperature.Known && h.Target.Known {
		on := h.Target.Value > 0 && h.Temperature.Value < h.Target.Value-2
		heating = &on
	}
	return tenths(h.Temperature), tenths(h.Target), heating
}

// tenths is a temperature without the noise of the printer's conversion.
func tenths(o printer.Opt[float64]) *float64 {
	if !o.Known {
		return nil
	}
	v := math.Round(o.Value*10) / 10
	return &v
}

// severities are the numbers of the maker's severities.
func severities() map[printer.Severity]int {
	return map[printer.Severity]int{printer.Fatal: 1, printer.Serious: 2, printer.Common: 3, printer.Info: 4}
}

func faults(list []printer.Fault) ([]HMSError, string) {
	errors, summary := []HMSError{}, "ok"
	for _, f := range list {
		e := HMSError{Severity: severities()[f.Severity], FullCode: digits(f.Code), Actions: []string{}, Text: text(f.Text), URL: text(f.URL)}
		half := max(0, len(e.FullCode)-8)
		if half == 0 {
			half = max(0, len(e.FullCode)-4)
		}
		e.Attr, _ = strconv.ParseUint(e.FullCode[:half], 16, 64)
		e.Code = "0x" + strings.ToLower(strings.TrimLeft(e.FullCode[half:], "0"))
		if len(e.FullCode) >= 2 {
			module, _ := strconv.ParseUint(e.FullCode[:2], 16, 8)
			e.Module = int(module)
		}
		if e.Severity == 1 || e.Severity == 2 {
			summary = "error"
		} else if summary == "ok" {
			summary = "warning"
		}
		errors = append(errors, e)
	}
	return errors, summary
}

// digits are a code's hexadecimal digits without what parts them.
func digits(code string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789ABCDEFabcdef", r) {
			return r
		}
		return -1
	}, code)
}

func machine(doc *Status, s printer.State) {
	doc.CoolingFanSpeed, doc.BigFan1Speed, doc.BigFan2Speed = known(s.Fans.Part), known(s.Fans.Aux), known(s.Fans.Chamber)
	doc.HeatbreakFanSpeed, doc.LeftAuxFanSpeed = known(s.Fans.Heatbreak), known(s.Fans.SecondAux)
	doc.ExhaustFanPresent = &s.Caps.ChamberFan
	doc.ChamberLight, doc.DoorOpen, doc.Timelapse = known(s.ChamberLight), known(s.Door), known(s.Timelapse)
	doc.IPCam, doc.WiFiSignal, doc.DeveloperMode = known(s.Recording), known(s.WiFi), known(s.DeveloperMode)
	if s.Storage != "" {
		present := s.Storage != "none"
		doc.SDCard = &present
	}
	if i := slices.Index(printer.Speeds(), s.Speed); i >= 0 {
		level := i + 1
		doc.SpeedLevel = &level
	}
	if i := slices.Index([]string{"cooling", "heating"}, s.AirDuct); i >= 0 {
		doc.AirductMode = &i
	}
	doc.Stg, doc.StgCurName = []int{}, text(s.Stage)
	if s.Stage == "" {
		none := -1
		doc.StgCur = &none
	}
	doc.NozzleRack, doc.Nozzles, doc.ActiveExtruder = []Nozzle{}, []Nozzle{}, known(s.ActiveNozzle)
	for i := range min(max(1, s.Caps.Nozzles), len(s.Nozzles)) {
		n := Nozzle{NozzleType: s.Nozzles[i].Type}
		if d := s.Nozzles[i].Diameter; d.Known {
			n.NozzleDiameter = strconv.FormatFloat(d.Value, 'f', -1, 64)
		}
		doc.Nozzles = append(doc.Nozzles, n)
	}
}

func problemOf(s printer.State) *Problem {
	if s.Problem.Code == "" {
		return nil
	}
	return &Problem{Code: string(s.Problem.Code), Text: s.Problem.Text}
}

func known[T comparable](o printer.Opt[T]) *T {
	if !o.Known {
		return nil
	}
	return &o.Value
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	m := Time(t)
	return &m
}

// MarshalJSON is the moment in UTC with whole seconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Time(t).UTC().Format("2006-01-02T15:04:05Z") + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error {
	return (*time.Time)(t).UnmarshalJSON(b)
}

// time is the moment, zero for none.
func (t *Time) time() time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Time(*t)
}
