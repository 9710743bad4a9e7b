package bambu

import "strings"

// Model is one row of the table of models. The table hides what a printer
// sends but does not have, and sets limits; what a printer can show is decided
// by what it sends.
type Model struct {
	// Name is the short name ("X1C", "A1 mini").
	Name string
	// Products are the names that printers give themselves, without "Bambu Lab".
	Products []string
	// Codes are the codes of the network discovery and of project_name.
	Codes []string
	// Board is module and hw_ver of the main board, where they name the model.
	Board string
	// Prefix begins the serial, "" when unknown.
	Prefix string
	// Push is "full" or "delta", "" when unknown.
	Push string
	// Series is the part of the maker's wiki.
	Series string
	// Camera is "jpeg" or "rtsp".
	Camera string
	// Door is the field that tells of an open door ("home_flag", "stat"), from
	// firmware DoorFirmware on.
	Door, DoorFirmware string
	// Nozzles is 1 or 2.
	Nozzles int
	// NozzleMax, BedMax and ChamberMax are in °C. Without a chamber heater ChamberMax is 0.
	NozzleMax, BedMax, ChamberMax int
	// ChamberSensor, Lidar, AuxFan, ChamberFan, SecondAuxFan, PromptSound and
	// Tool tell what there is.
	ChamberSensor, Lidar, AuxFan, ChamberFan, SecondAuxFan, PromptSound, Tool bool
	// MainsLimit: the bed reaches 10 °C less on 220 V.
	MainsLimit bool
}

// Models lists all models that this family knows.
func Models() []Model {
	return []Model{
		{Name: "X1C", Products: []string{"X1-Carbon", "X1 Carbon", "X1C"}, Codes: []string{"BL-P001", "3DPrinter-X1-Carbon"},
			Board: "rv1126/AP05", Prefix: "00M", Push: "full", Series: "x1", Camera: "rtsp", Door: "home_flag",
			DoorFirmware: "01.07.00.00", Nozzles: 1, NozzleMax: 300, BedMax: 120, MainsLimit: true,
			ChamberSensor: true, Lidar: true, AuxFan: true, ChamberFan: true},
		{Name: "X1", Products: []string{"X1"}, Codes: []string{"BL-P002", "3DPrinter-X1"},
			Prefix: "00W", Push: "full", Series: "x1", Camera: "rtsp", Door: "home_flag",
			DoorFirmware: "01.07.00.00", Nozzles: 1, NozzleMax: 300, BedMax: 120, MainsLimit: true,
			ChamberSensor: true, Lidar: true, AuxFan: true, ChamberFan: true},
		{Name: "X1E", Products: []string{"X1E"}, Codes: []string{"C13"},
			Board: "ap/AP02", Prefix: "03W", Push: "full", Series: "x1e", Camera: "rtsp", Door: "home_flag",
			DoorFirmware: "01.01.02.00", Nozzles: 1, NozzleMax: 300, BedMax: 120, MainsLimit: true, ChamberMax: 60,
			ChamberSensor: true, Lidar: true, AuxFan: true, ChamberFan: true},
		{Name: "P1P", Products: []string{"P1P"}, Codes: []string{"C11"}, Prefix: "01S", Push: "delta", Series: "p1",
			Camera: "jpeg", Nozzles: 1, NozzleMax: 300, BedMax: 100, AuxFan: true, ChamberFan: true},
		{Name: "P1S", Products: []string{"P1S"}, Codes: []string{"C12"}, Prefix: "01P", Push: "delta", Series: "p1",
			Camera: "jpeg", Nozzles: 1, NozzleMax: 300, BedMax: 100, AuxFan: true, ChamberFan: true},
		{Name: "P2S", Products: []string{"P2S"}, Codes: []string{"N7"}, Prefix: "22E", Push: "full", Series: "p2s",
			Camera: "rtsp", Door: "stat", Nozzles: 1, NozzleMax: 300, BedMax: 110,
			ChamberSensor: true, AuxFan: true, ChamberFan: true, SecondAuxFan: true},
		{Name: "A1", Products: []string{"A1"}, Codes: []string{"N2S"}, Prefix: "039", Push: "delta", Series: "a1",
			Camera: "jpeg", Nozzles: 1, NozzleMax: 300, BedMax: 100, PromptSound: true},
		{Name: "A1 mini", Products: []string{"A1 mini"}, Codes: []string{"N1"}, Prefix: "030", Push: "delta", Series: "a1-mini",
			Camera: "jpeg", Nozzles: 1, NozzleMax: 300, BedMax: 80, PromptSound: true},
		{Name: "A2L", Products: []string{"A2L"}, Codes: []string{"N9"}, Series: "a2l",
			Camera: "jpeg", Nozzles: 1, NozzleMax: 300, BedMax: 100, PromptSound: true, Tool: true},
		{Name: "H2D", Products: []string{"H2D"}, Codes: []string{"O1D"}, Prefix: "094", Push: "full", Series: "h2",
			Camera: "rtsp", Door: "stat", Nozzles: 2, NozzleMax: 350, BedMax: 120, ChamberMax: 65,
			ChamberSensor: true, AuxFan: true, ChamberFan: true, Tool: true},
		{Name: "H2D Pro", Products: []string{"H2D Pro"}, Codes: []string{"O1E", "O2D"}, Push: "full", Series: "h2",
			Camera: "rtsp", Door: "stat", Nozzles: 2, NozzleMax: 350, BedMax: 120, ChamberMax: 65,
			ChamberSensor: true, AuxFan: true, ChamberFan: true, Tool: true},
		{Name: "H2S", Products: []string{"H2S"}, Codes: []string{"O1S"}, Prefix: "093", Push: "full", Series: "h2",
			Camera: "rtsp", Door: "stat", Nozzles: 1, NozzleMax: 350, BedMax: 120, ChamberMax: 65,
			ChamberSensor: true, AuxFan: true, ChamberFan: true, Tool: true},
		{Name: "H2C", Products: []string{"H2C"}, Codes: []string{"O1C", "O1C2"}, Prefix: "31B", Push: "full", Series: "h2",
			Camera: "rtsp", Door: "stat", Nozzles: 2, NozzleMax: 350, BedMax: 120, ChamberMax: 65,
			ChamberSensor: true, AuxFan: true, ChamberFan: true, Tool: true},
		{Name: "X2D", Products: []string{"X2D"}, Codes: []string{"N6"}, Prefix: "20P", Push: "full", Series: "x2d",
			Camera: "rtsp", Door: "stat", Nozzles: 2, NozzleMax: 300, BedMax: 120, ChamberMax: 65,
			ChamberSensor: true, AuxFan: true, ChamberFan: true, SecondAuxFan: true, Tool: true},
	}
}

// maker begins the printers' names of themselves.
const maker = "Bambu Lab "

// modelNamed is the row with a short name.
func modelNamed(name string) (Model, bool) {
	return findModel(func(m Model) bool { return m.Name == name })
}

// ModelOfCode is the row with a code of the network discovery ("N2S").
func ModelOfCode(code string) (Model, bool) {
	return findModel(func(m Model) bool { return holdsFold(m.Codes, code) })
}

// ModelOfSerial is the row whose serials begin like this one.
func ModelOfSerial(serial string) (Model, bool) {
	return findModel(func(m Model) bool { return m.Prefix != "" && strings.HasPrefix(serial, m.Prefix) })
}

func findModel(is func(Model) bool) (Model, bool) {
	for _, m := range Models() {
		if is(m) {
			return m, true
		}
	}
	return Model{}, false
}

func holdsFold(list []string, s string) bool {
	for _, e := range list {
		if s != "" && strings.EqualFold(e, s) {
			return true
		}
	}
	return false
}

// model is the printer's model: by its name for itself, else by project, else
// by serial, else by its board, else what was known before. A printer of an
// unknown model keeps its own name for itself.
func (v *versions) model(serial, before string) (name string, row Model) {
	product := strings.TrimPrefix(v.module("ota").product, maker)
	if m, ok := findModel(func(m Model) bool { return holdsFold(m.Products, product) }); ok {
		return m.Name, m
	}
	for _, mod := range v.modules {
		if m, ok := ModelOfCode(mod.project); ok {
			return m.Name, m
		}
	}
	if product == "" {
		if m, ok := ModelOfSerial(serial); ok {
			return m.Name, m
		}
		for _, mod := range v.modules {
			board := mod.name + "/" + mod.hardware
			if m, ok := findModel(func(m Model) bool { return m.Board == board }); ok {
				return m.Name, m
			}
		}
	}
	if product != "" {
		return product, Model{}
	}
	m, _ := modelNamed(before)
	return before, m
}

// older tells whether a version is before another one; both have four parts
// of two digits.
func older(version, than string) bool {
	return version != "" && version < than
}
