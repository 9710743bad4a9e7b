package discovery

import (
	"encoding/json"
	"hash/fnv"
	"time"

	"github.com/printwire/printwire/printer"
)

// Document is the whole state of one printer as one JSON object, for
// consumers other than Home Assistant. All keys are always there; unknown is
// null. Fields are added, never renamed or removed.
type Document struct {
	Serial   string  `json:"serial"`
	Name     string  `json:"name"`
	Family   maybe   `json:"family"`
	Model    maybe   `json:"model"`
	Firmware maybe   `json:"firmware"`
	Newer    maybe   `json:"firmware_available"`
	Online   bool    `json:"online"`
	Activity string  `json:"activity"`
	Stage    maybe   `json:"stage"`
	ReadOnly bool    `json:"read_only"`
	At       instant `json:"updated_at"`

	Job          DocumentJob      `json:"job"`
	Nozzles      []DocumentNozzle `json:"nozzles"`
	ActiveNozzle opt[int]         `json:"active_nozzle"`
	Bed          DocumentHeater   `json:"bed"`
	Chamber      DocumentHeater   `json:"chamber"`
	Fans         DocumentFans     `json:"fans"`
	AirDuct      maybe            `json:"air_duct"`
	Speed        maybe            `json:"speed"`
	SpeedPercent opt[int]         `json:"speed_percent"`
	Lights       DocumentLights   `json:"lights"`
	DoorOpen     opt[bool]        `json:"door_open"`
	WiFi         opt[int]         `json:"wifi_dbm"`
	IPAddress    maybe            `json:"ip_address"`
	Storage      maybe            `json:"storage"`
	Recording    opt[bool]        `json:"recording"`
	Timelapse    opt[bool]        `json:"timelapse"`
	Sound        opt[bool]        `json:"prompt_sound"`
	Filament     opt[bool]        `json:"filament_present"`
	Developer    opt[bool]        `json:"developer_mode"`
	Tool         maybe            `json:"tool"`

	Units      []DocumentUnit  `json:"ams"`
	External   []DocumentTray  `json:"external_spools"`
	ActiveTray maybe           `json:"active_tray"`
	Problem    DocumentProblem `json:"problem"`
	Faults     []DocumentFault `json:"faults"`
}

// DocumentJob is the present job or, when none is under way, the last one.
type DocumentJob struct {
	ID               maybe    `json:"id"`
	Name             maybe    `json:"name"`
	File             maybe    `json:"file"`
	Source           maybe    `json:"source"`
	Progress         opt[int] `json:"progress"`
	RemainingSeconds opt[int] `json:"remaining_seconds"`
	StartedAt        instant  `json:"started_at"`
	FinishAt         instant  `json:"finish_at"`
	EndedAt          instant  `json:"ended_at"`
	Layer            opt[int] `json:"layer"`
	TotalLayers      opt[int] `json:"total_layers"`
	Plate            opt[int] `json:"plate"`
	Result           maybe    `json:"result"`
	Reason           maybe    `json:"reason"`
	Code             maybe    `json:"code"`
	PauseReason      maybe    `json:"pause_reason"`
	PauseCode        maybe    `json:"pause_code"`
	SkippedObjects   []int    `json:"skipped_objects"`
}

// DocumentHeater is a heated part, in °C.
type DocumentHeater struct {
	Temperature opt[float64] `json:"temperature"`
	Target      opt[float64] `json:"target"`
}

// DocumentNozzle is a nozzle; the right or only one is first.
type DocumentNozzle struct {
	DocumentHeater
	Diameter opt[float64] `json:"diameter_mm"`
	Type     maybe        `json:"type"`
	Flow     maybe        `json:"flow"`
}

// DocumentFans are the fans' speeds in percent.
type DocumentFans struct {
	Part      opt[int] `json:"part"`
	Aux       opt[int] `json:"aux"`
	SecondAux opt[int] `json:"second_aux"`
	Chamber   opt[int] `json:"chamber"`
	Heatbreak opt[int] `json:"heatbreak"`
}

// DocumentLights tells which lights are on.
type DocumentLights struct {
	Chamber opt[bool] `json:"chamber"`
	Second  opt[bool] `json:"second"`
	Work    opt[bool] `json:"work"`
}

// DocumentUnit is a filament changer.
type DocumentUnit struct {
	ID                      int            `json:"id"`
	Kind                    maybe          `json:"kind"`
	Serial                  maybe          `json:"serial"`
	Firmware                maybe          `json:"firmware"`
	Humidity                opt[int]       `json:"humidity"`
	HumidityIndex           opt[int]       `json:"humidity_index"`
	Temperature             opt[float64]   `json:"temperature"`
	Drying                  maybe          `json:"drying"`
	DryingRemainingSeconds  opt[int]       `json:"drying_remaining_seconds"`
	DryingTargetTemperature opt[int]       `json:"drying_target"`
	Trays                   []DocumentTray `json:"trays"`
}

// DocumentTray is a slot of a changer, counted from 1, or an external spool.
type DocumentTray struct {
	Slot       int       `json:"slot"`
	Empty      opt[bool] `json:"empty"`
	Material   maybe     `json:"material"`
	Product    maybe     `json:"product"`
	FilamentID maybe     `json:"filament_id"`
	Color      maybe     `json:"color"`
	Remaining  opt[int]  `json:"remaining"`
	Weight     opt[int]  `json:"weight_grams"`
	TagID      maybe     `json:"tag_uid"`
	SpoolID    maybe     `json:"tray_uuid"`
}

// DocumentProblem is what a person has to mend, if anything.
type DocumentProblem struct {
	Code maybe `json:"code"`
	Text maybe `json:"text"`
}

// DocumentFault is a fault that stands.
type DocumentFault struct {
	Code     maybe `json:"code"`
	Severity maybe `json:"severity"`
	Module   maybe `json:"module"`
	Text     maybe `json:"text"`
	URL      maybe `json:"url"`
}

type opt[T comparable] = printer.Opt[T]

// maybe is text of which the empty one is null.
type maybe string

// MarshalJSON is the text without control characters, or null.
func (m maybe) MarshalJSON() ([]byte, error) { return quote(nil, string(m)), nil }

// instant is a time of which the zero one is null.
type instant time.Time

// MarshalJSON is the time in UTC to the second, or null.
func (t instant) MarshalJSON() ([]byte, error) {
	b := moment([]byte{'"'}, time.Time(t))
	if len(b) == 1 {
		return []byte("null"), nil
	}
	return append(b, '"'), nil
}

// documentOf is the document of a snapshot.
func documentOf(v *view) Document {
	s := v.s
	doc := Document{
		Serial: v.Config.Serial, Name: clean(v.Config.Name, 64), Family: maybe(s.Family), Model: maybe(s.Model),
		Firmware: maybe(s.Firmware), Newer: maybe(s.FirmwareAvailable), Online: s.Online, Activity: string(s.Shown()),
		Stage: maybe(s.Stage), ReadOnly: s.Caps.ReadOnly(), At: instant(v.At), Job: jobOf(v),
		Nozzles: []DocumentNozzle{}, ActiveNozzle: s.ActiveNozzle, Bed: heaterOf(s.Bed), Chamber: heaterOf(s.Chamber),
		Fans:    DocumentFans{s.Fans.Part, s.Fans.Aux, s.Fans.SecondAux, s.Fans.Chamber, s.Fans.Heatbreak},
		AirDuct: maybe(s.AirDuct), Speed: maybe(s.Speed), SpeedPercent: s.SpeedPercent,
		Lights: DocumentLights{s.ChamberLight, s.SecondLight, s.WorkLight}, DoorOpen: s.Door, WiFi: s.WiFi, IPAddress: maybe(s.IPAddress),
		Storage: maybe(s.Storage), Recording: s.Recording, Timelapse: s.Timelapse, Sound: s.PromptSound,
		Filament: s.FilamentPresent, Developer: s.DeveloperMode, Tool: maybe(s.Tool),
		Units: []DocumentUnit{}, External: traysOf(s.External), ActiveTray: maybe(activeTray(nil, v)),
		Problem: DocumentProblem{maybe(s.Problem.Code), maybe(s.Problem.Text)}, Faults: []DocumentFault{},
	}
	for _, n := range s.Nozzles[:min(max(s.Caps.Nozzles, 1), 2)] {
		doc.Nozzles = append(doc.Nozzles, DocumentNozzle{heaterOf(n.Heater), n.Diameter, maybe(n.Type), maybe(n.Flow)})
	}
	for _, u := range s.Units {
		doc.Units = append(doc.Units, DocumentUnit{u.ID, maybe(u.Kind), maybe(u.Serial), maybe(u.Firmware), u.Humidity, u.HumidityIndex,
			finite(u.Temperature), maybe(u.Drying), u.DryingRemaining, u.DryingTarget, traysOf(u.Trays)})
	}
	for _, f := range s.Faults {
		doc.Faults = append(doc.Faults, DocumentFault{maybe(f.Code), maybe(f.Severity), maybe(f.Module), maybe(f.Text), maybe(f.URL)})
	}
	return doc
}

func jobOf(v *view) DocumentJob {
	j := v.s.Job
	finish, err := time.Parse(time.RFC3339, string(finishAt(nil, v)))
	if err != nil {
		finish = time.Time{}
	}
	return DocumentJob{
		ID: maybe(j.ID), Name: maybe(j.Name), File: maybe(j.File), Source: maybe(j.Source), Progress: j.Progress,
		RemainingSeconds: j.RemainingSeconds, StartedAt: instant(j.StartedAt), FinishAt: instant(finish), EndedAt: instant(j.EndedAt),
		Layer: j.Layer, TotalLayers: j.TotalLayers, Plate: j.Plate, Result: maybe(j.Result), Reason: maybe(j.Reason), Code: maybe(j.Code),
		PauseReason: maybe(j.PauseReason), PauseCode: maybe(j.PauseCode), SkippedObjects: append([]int{}, j.SkippedObjects...),
	}
}

func heaterOf(h printer.Heater) DocumentHeater {
	return DocumentHeater{finite(h.Temperature), finite(h.Target)}
}

// finite is o unless JSON cannot express it.
func finite(o opt[float64]) opt[float64] {
	if len(decimal(nil, o, 1)) == 0 {
		return opt[float64]{}
	}
	return o
}

func traysOf(trays []printer.Tray) []DocumentTray {
	out := make([]DocumentTray, 0, len(trays))
	for _, t := range trays {
		out = append(out, DocumentTray{t.Slot + 1, t.Empty, maybe(t.Material), maybe(t.Brand), maybe(t.FilamentID), maybe(hash(t.Color)),
			t.Remaining, t.Weight, maybe(t.Tag), maybe(t.Spool)})
	}
	return out
}

// phase spreads the printers' documents over the time between two of one
// printer, so that they do not all come in the same moment.
func phase(serial string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(serial))
	return time.Duration(h.Sum32()%1000) * documentGap / 1000
}

// dueDocument is the printer's document if it is to be published now, which it is
// at most once a second, and when it is due next.
func (f *family) dueDocument(now time.Time) (doc Document, ok bool, next time.Time) {
	if !f.dirty {
		return doc, false, time.Time{}
	}
	if due := f.documentAt.Add(documentGap); now.Before(due) {
		return doc, false, due
	}
	f.dirty, f.documentAt = false, now
	return documentOf(&f.device.view), true, time.Time{}
}

// document publishes a printer's document. It needs no lock: to encode it is the
// long part where there are many printers, and values must not wait for it.
func (d *Discovery) document(f *family, doc *Document) {
	b, err := json.Marshal(doc)
	if err != nil {
		d.log.Error("document not encoded", "serial", f.serial, "error", err)
		return
	}
	d.publish(f.topic("state"), b, true)
}
