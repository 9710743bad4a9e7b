package simulator

import (
	"time"

	"github.com/printwire/printwire/printer/simulator/ftpserver"
)

// model is what distinguishes one model from another on the wire.
type model struct {
	name, product, prefix, code string
	firmware                    string
	tree                        bool // a newer board: print.device, packed temperatures, unless flat
	full                        bool // every periodic report is full
	omitMsg                     bool
	fixedSequence               string // "" counts
	namedFrom                   string // first firmware that tells its product name in get_version
	treeFrom                    string // first firmware of the newer dialect, "" if all of them
	flat                        bool   // a newer board that still speaks the older dialect
	bareGcode                   bool   // gcode_line is acknowledged without its command
	strict                      bool   // a subscription to the request topic costs the connection
	qos                         byte
	clients                     int
	printing, idle              time.Duration // between two reports
	nozzles                     int
	nozzleType, nozzleCode      string
	chamber, heatedChamber      bool
	auxFan                      bool
	airduct                     bool
	homeFlag                    int64
	// inner: it prints from memory of its own, and leaves files on the external
	// storage only when it is told to.
	inner bool
	// late: the file of a job appears on the storage only when the job runs.
	late bool
	// files are the oddities of its file server.
	files   ftpserver.Quirks
	fun     uint64 // with bit 29 clear; 0 where the firmware has none
	stat    uint64
	ams     []string
	modules []module
}

// module is one row of get_version, beside the row of the firmware itself.
type module struct {
	name, product, hardware, loader, software string
	visible                                   bool
}

// models is the table of simulated printers. A new one is a row.
func models() []model {
	return []model{
		{
			name: "A1", product: "Bambu Lab A1", prefix: "039", code: "N2S", firmware: "01.07.00.00",
			namedFrom: "01.06.00.00", clients: 4, printing: 2500 * time.Millisecond, idle: 3400 * time.Millisecond,
			strict: true, nozzles: 1, nozzleType: "stainless_steel", homeFlag: 0x337d0190, ams: []string{"AMS Lite"},
			files:   ftpserver.Quirks{Terse: true, Zone: chinaTime(), Skew: -150 * 24 * time.Hour},
			modules: boardsOfESP("AP05", "MC02", "TH01"),
		},
		{
			name: "A1 mini", product: "Bambu Lab A1 mini", prefix: "030", code: "N1", firmware: "01.07.02.00",
			namedFrom: "01.06.00.00", bareGcode: true, clients: 4, printing: 2500 * time.Millisecond, idle: 3400 * time.Millisecond,
			strict: true, nozzles: 1, nozzleType: "stainless_steel", homeFlag: 0x337d0198, ams: []string{"AMS Lite"},
			files:   ftpserver.Quirks{Terse: true, HangOnProtected: true, Zone: chinaTime()},
			modules: boardsOfESP("AP05", "MC02", "TH03"),
		},
		{
			name: "P1S", product: "Bambu Lab P1S", prefix: "01P", code: "C12", firmware: "01.08.02.00",
			namedFrom: "01.08.00.00", clients: 4, printing: 2500 * time.Millisecond, idle: 3400 * time.Millisecond,
			strict: true, nozzles: 1, nozzleType: "stainless_steel", auxFan: true, homeFlag: 0x0d610188, ams: []string{"AMS"},
			files:   ftpserver.Quirks{Zone: chinaTime(), EndsWith426: true, Skew: -150 * 24 * time.Hour},
			modules: boardsOfESP("AP04", "MC07", "TH09"),
		},
		{
			name: "X1C", product: "Bambu Lab X1-Carbon", prefix: "00M", code: "BL-P001", firmware: "01.09.00.01",
			tree: true, full: true, namedFrom: "01.05.00.00", treeFrom: "01.09.00.00", qos: 1, clients: 4, printing: time.Second, idle: time.Second,
			nozzles: 1, nozzleType: "hardened_steel", nozzleCode: "HX01", chamber: true, auxFan: true,
			homeFlag: -0x40000000 + 0x00258188, fun: 0x1183_0F9CFB, stat: 0x7A58000, ams: []string{"AMS", "AMS"},
			late: true, files: ftpserver.Quirks{PathsInNames: true}, modules: boardsOfLinux("MC07", "TH09"),
		},
		{
			name: "P2S", product: "Bambu Lab P2S", prefix: "22E", code: "N7", firmware: "01.01.00.00",
			tree: true, full: true, qos: 1, clients: 4, printing: time.Second, idle: time.Second,
			nozzles: 1, nozzleType: "hardened_steel", nozzleCode: "HS01", chamber: true, auxFan: true, airduct: true,
			homeFlag: -0x40000000 + 0x00258188, fun: 0x4_0187_9FFF_9CFF, stat: 0x46258008, ams: []string{"AMS 2 Pro"},
			inner: true, files: ftpserver.Quirks{TLS13: true}, modules: boardsOfLinux("MC13", "TH12"),
		},
		{
			name: "H2S", product: "Bambu Lab H2S", prefix: "093", code: "O1S", firmware: "01.01.00.00",
			tree: true, full: true, qos: 1, clients: 4, printing: time.Second, idle: time.Second,
			nozzles: 1, nozzleType: "hardened_steel", nozzleCode: "HS01", chamber: true, heatedChamber: true, auxFan: true,
			airduct: true, homeFlag: -0x40000000 + 0x00258188, fun: 0x4_0187_9FFF_9CFF, stat: 0x46258008,
			inner: true, ams: []string{"AMS 2 Pro"}, modules: boardsOfLinux("MC11", "TH10"),
		},
		{
			name: "H2D", product: "Bambu Lab H2D", prefix: "094", code: "O1D", firmware: "01.03.00.00",
			tree: true, full: true, fixedSequence: "2021", qos: 1, clients: 4,
			printing: 1500 * time.Millisecond, idle: 1500 * time.Millisecond, nozzles: 2, nozzleType: "HH05",
			nozzleCode: "HH05", chamber: true, heatedChamber: true, auxFan: true, airduct: true,
			homeFlag: -0x40000000 + 0x00278988, fun: 0x4027EF18FFF9CB7, stat: 0x640258000, inner: true,
			ams: []string{"AMS 2 Pro", "AMS 2 Pro", "AMS HT"}, modules: boardsOfLinux("MC09", "TH08"),
		},
	}
}

// with is the model as it is with that firmware.
func (m model) with(firmware string) model {
	m.firmware = firmware
	if m.treeFrom != "" && firmware < m.treeFrom {
		m.flat, m.omitMsg, m.fixedSequence = true, true, "2021"
	}
	return m
}

func boardsOfESP(esp, motion, head string) []module {
	return []module{
		{name: "esp32", hardware: esp, loader: "00.00.00.00", software: "01.16.39.07"},
		{name: "mc", hardware: motion, loader: "00.00.00.32", software: "00.01.30.07"},
		{name: "th", hardware: head, loader: "00.00.00.26", software: "00.00.07.69"},
	}
}

func boardsOfLinux(motion, head string) []module {
	return []module{
		{name: "ahb", product: "AMS Hub", hardware: "AHB02", loader: "00.00.00.21", software: "02.04.09.74", visible: true},
		{name: "mc", hardware: motion, loader: "00.00.00.28", software: "00.00.32.89"},
		{name: "mc-sub", hardware: "N/A", loader: "00.00.00.00", software: "00.00.32.89"},
		{name: "th", hardware: head, loader: "00.00.00.14", software: "00.00.07.12"},
		{name: "ap", hardware: "AP05", loader: "00.00.01.08", software: "00.00.50.76"},
	}
}

// amsKind is one type of AMS unit.
type amsKind struct {
	name, module, prefix, product, hardware, software string
	bits                                              int // low four bits of info
	slots                                             int
	sensors, dries                                    bool
	first                                             int // wire id of the first one
}

func amsKinds() []amsKind {
	return []amsKind{
		{name: "AMS", module: "ams", prefix: "006", product: "AMS", hardware: "AMS08", software: "00.01.06.62", bits: 1, slots: 4, sensors: true},
		{name: "AMS Lite", module: "ams_f1", prefix: "03C", product: "AMS Lite", hardware: "AMS_F102", software: "00.00.08.15", bits: 2, slots: 4},
		{name: "AMS 2 Pro", module: "n3f", prefix: "19C", product: "AMS 2 Pro", hardware: "N3F05", software: "04.00.21.87", bits: 3, slots: 4, sensors: true, dries: true},
		{name: "AMS HT", module: "n3s", prefix: "19F", product: "AMS HT", hardware: "N3S05", software: "04.00.21.86", bits: 4, slots: 1, sensors: true, dries: true, first: 128},
	}
}

// chinaTime is the zone of some printers' clocks, whatever their owner's is.
func chinaTime() *time.Location { return time.FixedZone("", 8*60*60) }
