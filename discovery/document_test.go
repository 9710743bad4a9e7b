package discovery

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

// documentSchema is what appendDocument makes, as a type: the documentation is made
// from it, and every document must be one.
type documentSchema struct {
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

	Job          documentJob      `json:"job"`
	Nozzles      []documentNozzle `json:"nozzles"`
	ActiveNozzle opt[int]         `json:"active_nozzle"`
	Bed          documentHeater   `json:"bed"`
	Chamber      documentHeater   `json:"chamber"`
	Fans         documentFans     `json:"fans"`
	AirDuct      maybe            `json:"air_duct"`
	Speed        maybe            `json:"speed"`
	SpeedPercent opt[int]         `json:"speed_percent"`
	Lights       documentLights   `json:"lights"`
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

	Units      []documentUnit  `json:"ams"`
	External   []documentTray  `json:"external_spools"`
	ActiveTray maybe           `json:"active_tray"`
	Problem    documentProblem `json:"problem"`
	Faults     []documentFault `json:"faults"`
}

// documentJob is the present job or, when none is under way, the last one.
type documentJob struct {
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

// documentHeater is a heated part, in °C.
type documentHeater struct {
	Temperature opt[float64] `json:"temperature"`
	Target      opt[float64] `json:"target"`
}

// documentNozzle is a nozzle; the right or only one is first.
type documentNozzle struct {
	documentHeater
	Diameter opt[float64] `json:"diameter_mm"`
	Type     maybe        `json:"type"`
	Flow     maybe        `json:"flow"`
}

// documentFans are the fans' speeds in percent.
type documentFans struct {
	Part      opt[int] `json:"part"`
	Aux       opt[int] `json:"aux"`
	SecondAux opt[int] `json:"second_aux"`
	Chamber   opt[int] `json:"chamber"`
	Heatbreak opt[int] `json:"heatbreak"`
}

// documentLights tells which lights are on.
type documentLights struct {
	Chamber opt[bool] `json:"chamber"`
	Second  opt[bool] `json:"second"`
	Work    opt[bool] `json:"work"`
}

// documentUnit is a filament changer.
type documentUnit struct {
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
	Trays                   []documentTray `json:"trays"`
}

// documentTray is a slot of a changer, counted from 1, or an external spool.
type documentTray struct {
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

// documentProblem is what a person has to mend, if anything.
type documentProblem struct {
	Code maybe `json:"code"`
	Text maybe `json:"text"`
}

// documentFault is a fault that stands.
type documentFault struct {
	Code     maybe `json:"code"`
	Severity maybe `json:"severity"`
	Module   maybe `json:"module"`
	Text     maybe `json:"text"`
	URL      maybe `json:"url"`
}

type opt[T comparable] = printer.Opt[T]

// maybe is text of which the empty one is null.
type maybe string

// MarshalJSON is the text, or null.
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

// UnmarshalJSON takes what MarshalJSON makes.
func (t *instant) UnmarshalJSON(b []byte) error { return (*time.Time)(t).UnmarshalJSON(b) }

// fits wants a document to have all keys of the schema, in order, and no other.
func fits(t *testing.T, document []byte) {
	t.Helper()
	var doc documentSchema
	in := json.NewDecoder(bytes.NewReader(document))
	in.DisallowUnknownFields()
	if err := in.Decode(&doc); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	var want bytes.Buffer
	out := json.NewEncoder(&want)
	out.SetEscapeHTML(false)
	if err := out.Encode(doc); err != nil {
		t.Fatal(err)
	}
	if got := append(document, '\n'); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got  %s\nwant %s", got, want.Bytes())
	}
}

func TestDocument_FitsItsSchema(t *testing.T) {
	when := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	number, share, yes := printer.Some(7), printer.Some(0.25), printer.Some(true)
	tray := printer.Tray{Slot: 1, Empty: yes, Material: "PLA", Brand: `"Quoted" \\ <b>&`, Color: "FF00FF80", Remaining: number, Weight: number, Tag: "1", Spool: "2"}
	full := printer.Snapshot{At: when, Config: printer.Config{Serial: "01", Name: "Grüße {{ x }}\u2028"}}
	full.State = printer.State{Family: "bambu", Model: "X", Online: true, Activity: printer.Printing, Speed: "sport", WiFi: number,
		Caps: printer.Capabilities{Nozzles: 2}, Bed: printer.Heater{Temperature: share, Target: printer.Some(1e12)}, Fans: printer.Fans{Part: number},
		ActiveTray: printer.Some(printer.TrayRef{Unit: 1, Slot: 2}), External: []printer.Tray{tray, {}}, Door: yes, ChamberLight: yes,
		Units: []printer.Unit{{ID: 1, Kind: "AMS", Temperature: share, Trays: []printer.Tray{tray, tray}}, {ID: 128}}, Faults: []printer.Fault{{Code: "1"}, {Text: "x"}}}
	full.State.Job = printer.Job{ID: "J", Name: "a\x00b", Progress: number, RemainingSeconds: number, StartedAt: when, SkippedObjects: []int{1, 2}}
	for name, snap := range map[string]printer.Snapshot{"nothing is known": {}, "much is known": full} {
		t.Run(name, func(t *testing.T) {
			fits(t, appendDocument(nil, &view{Snapshot: &snap, s: &snap.State, unit: &printer.Unit{}}))
		})
	}
}

func TestDocument_HardlyAllocates(t *testing.T) {
	snap := printer.Snapshot{Config: printer.Config{Serial: "01", Name: "Workshop"}}
	snap.State = printer.State{Online: true, Units: []printer.Unit{{Trays: make([]printer.Tray, 4)}}}
	v, dst := &view{Snapshot: &snap, s: &snap.State, unit: &printer.Unit{}}, make([]byte, 0, 8<<10)
	if n := testing.AllocsPerRun(100, func() { appendDocument(dst, v) }); n > 3 { // the name is cleaned
		t.Errorf("%v allocations", n)
	}
}
