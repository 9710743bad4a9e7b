package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

// start is the moment at which all tests begin.
func start() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// fleet is a set of printers without a bridge.
type fleet struct {
	mu   sync.Mutex
	list []printer.Snapshot
}

func (f *fleet) Snapshots() []printer.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]printer.Snapshot(nil), f.list...)
}

func (f *fleet) Find(ref string) (printer.Snapshot, error) {
	for _, s := range f.Snapshots() {
		if strconv.Itoa(s.Config.ID) == ref || s.Config.Serial == ref {
			return s, nil
		}
	}
	return printer.Snapshot{}, fault.New(fault.NotFound, "no printer %s", ref)
}

// set replaces a printer's state, as a report would.
func (f *fleet) set(id int, change func(*printer.Snapshot)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		if f.list[i].Config.ID == id {
			change(&f.list[i])
			f.list[i].Version++
		}
	}
}

// memory is auth's store without a file.
type memory struct {
	mu   sync.Mutex
	data map[string][]byte
}

func (m *memory) Value(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.data[key]; ok {
		return v, nil
	}
	return nil, fault.New(fault.NotFound, "nothing under %s", key)
}

func (m *memory) Values(prefix string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string][]byte{}
	for k, v := range m.data {
		if strings.HasPrefix(k, prefix) {
			found[k] = v
		}
	}
	return found, nil
}

func (m *memory) Put(pairs map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range pairs {
		m.data[k] = v
	}
	return nil
}

// fixture is a running API with three printers and real keys.
type fixture struct {
	t  *testing.T
	tb testing.TB
	// undescribed: answers need not be as the API describes them.
	undescribed bool
	fleet       *fleet
	auth        *auth.Auth
	handler     http.Handler
	api         *httpapi.API
	health      httpapi.Health
	log         *strings.Builder
	now         time.Time
	manager     *manager
	ledger      *ledger
	opts        httpapi.Options
}

func newFixture(tb testing.TB, change ...func(*httpapi.Options)) *fixture {
	tb.Helper()
	f := &fixture{tb: tb, fleet: newFleet(), now: start(), health: httpapi.Health{Database: true, MQTT: true}, log: &strings.Builder{}}
	f.t, _ = tb.(*testing.T)
	f.manager, f.ledger = &manager{fleet: f.fleet, outcome: printer.Outcome{Acknowledged: true, Effective: true}}, newLedger()
	ids := 0
	f.auth = auth.New(auth.Options{
		Store: &memory{data: map[string][]byte{}}, Now: func() time.Time { return f.now },
		NewID: func() string { ids++; return "KEY" + strconv.Itoa(ids) },
	})
	if err := f.auth.Load(); err != nil {
		tb.Fatalf("load auth: %v", err)
	}
	f.opts = httpapi.Options{
		Printers: f.fleet, Manager: f.manager, Journal: f.ledger, Archives: newShelf(), Keys: f.auth,
		Pictures: pictures{"abc": []byte("\x89PNG picture")}, Jobs: newShift(),
		Test: func(_ context.Context, c printer.Config) (printer.State, error) {
			return printer.State{Serial: c.Serial, Online: true}, nil
		},
		Settings: func() map[string]any { return map[string]any{"http": map[string]any{"listen": ":8000"}} },
		System:   func() httpapi.System { return httpapi.System{MQTTEmbedded: true, MQTTPort: 1883} },
		Health:   func() httpapi.Health { return f.health },
		Log:      slog.New(slog.NewTextHandler(&lockedWriter{w: f.log}, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Now:      func() time.Time { return f.now }, Version: "1.2.3",
	}
	for _, c := range change {
		c(&f.opts)
	}
	h, err := httpapi.New(f.opts)
	if err != nil {
		tb.Fatalf("make the API: %v", err)
	}
	f.handler, f.api = h, h
	return f
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// key makes a key that holds scopes, on all printers or some.
func (f *fixture) key(scopes []string, printers ...int) string {
	text, _, err := f.auth.CreateKey(auth.NewKey{Name: "test", Terms: scopes, Printers: printers, Plan: auth.Plan{Name: auth.PlanUnlimited}})
	if err != nil {
		panic(err)
	}
	return text.Reveal()
}

func (f *fixture) reader() string { return f.key([]string{"read"}) }

// answer is what came back.
type answer struct {
	code   int
	header http.Header
	body   string
}

// object is the body as a JSON object.
func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Errorf("the body is no JSON object: %v\n%s", err, a.body)
	}
	return v
}

// request is one call; header lists names and values in turn.
func (f *fixture) request(method, target, body string, header ...string) answer {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "printwire:8000", "192.168.1.20:50000"
	for i := 0; i+1 < len(header); i += 2 {
		switch header[i] {
		case "Host":
			r.Host = header[i+1]
		case "Remote":
			r.RemoteAddr = header[i+1]
		default:
			r.Header.Add(header[i], header[i+1])
		}
	}
	w := f.serve(r)
	return answer{code: w.Code, header: w.Header(), body: w.Body.String()}
}

// get is a GET with a key in the usual header; "" sends none.
func (f *fixture) get(target, key string, header ...string) answer {
	if key != "" {
		header = append(header, "X-API-Key", key)
	}
	return f.request(http.MethodGet, target, "", header...)
}

// newFleet is a printing printer with two nozzles, one that is offline, and
// one that was never connected.
func newFleet() *fleet {
	printing := printer.State{
		Family: "bambu", Serial: "09400A000000001", Model: "H2D", Firmware: "01.02.00.00", Online: true,
		Activity: printer.Printing, Stage: "heatbed_preheating", Speed: "sport", SpeedPercent: printer.Some(124),
		Caps: printer.Capabilities{Nozzles: 2, ChamberSensor: true, ChamberHeater: true, ChamberLight: true, ChamberFan: true},
		Job: printer.Job{
			ID: "J1", Name: "Benchy", File: "benchy.gcode.3mf", StartedAt: start().Add(-time.Hour), Plate: printer.Some(2),
			Progress: printer.Some(45), RemainingSeconds: printer.Some(3599), Layer: printer.Some(12), TotalLayers: printer.Some(240),
		},
		Bed:          printer.Heater{Temperature: printer.Some(64.531), Target: printer.Some(65.0)},
		Chamber:      printer.Heater{Temperature: printer.Some(40.0), Target: printer.Some(55.0)},
		ActiveNozzle: printer.Some(1), Fans: printer.Fans{Part: printer.Some(80), Aux: printer.Some(0)},
		AirDuct: "heating", ChamberLight: printer.Some(true), Door: printer.Some(false), WiFi: printer.Some(-61),
		Storage: "normal", DeveloperMode: printer.Some(true), Timelapse: printer.Some(false),
		Units: []printer.Unit{
			{
				ID: 0, Kind: "AMS 2 Pro", Serial: "19C06A", Humidity: printer.Some(24), HumidityIndex: printer.Some(2), Temperature: printer.Some(41.2),
				CanDry: true, Drying: "heating", DryingRemaining: printer.Some(7130), DryingTarget: printer.Some(55), Nozzle: printer.Some(0),
				Trays: []printer.Tray{
					{Slot: 0, Empty: printer.Some(true)},
					{Slot: 1, Empty: printer.Some(false), Material: "PETG", Color: "112233FF", Remaining: printer.Some(80), Diameter: printer.Some(1.75)},
				},
			},
			{ID: 128, Kind: "AMS HT", HumidityIndex: printer.Some(4), Nozzle: printer.Some(1), Trays: []printer.Tray{{Slot: 0, Empty: printer.Some(false), Material: "PA-CF"}}},
		},
		External:   []printer.Tray{{Slot: 0, Material: "PLA"}, {Slot: 1}},
		ActiveTray: printer.Some(printer.TrayRef{Unit: 0, Slot: 1}),
		Faults: []printer.Fault{
			{Code: "0300_0D00_0001_0003", Severity: printer.Serious, Text: "The bed is not level", URL: "https://example.net/1"},
			{Code: "0300_8001", Severity: printer.Common},
		},
	}
	printing.Nozzles[0] = printer.Nozzle{Heater: printer.Heater{Temperature: printer.Some(31.0), Target: printer.Some(0.0)}, Diameter: printer.Some(0.4), Type: "hardened_steel", Flow: "high"}
	printing.Nozzles[1] = printer.Nozzle{Heater: printer.Heater{Temperature: printer.Some(180.0), Target: printer.Some(250.0)}, Diameter: printer.Some(0.6)}
	offline := printer.State{Family: "bambu", Serial: "01P00A000000002", Model: "P1S", Activity: printer.Paused, Caps: printer.Capabilities{Nozzles: 1}}
	offline.Job = printer.Job{ID: "J2", Name: "Vase", Progress: printer.Some(70)}
	offline.Problem = printer.Problem{Code: printer.ProblemUnreachable, Text: "The printer does not answer."}
	return &fleet{list: []printer.Snapshot{
		{Config: printer.Config{ID: 1, Name: "Workshop", Family: "bambu", Host: "192.168.1.50", Serial: printing.Serial, Area: "Garage", AccessCode: secret.Text("CANARY77")}, State: printing, At: start(), Version: 1},
		{Config: printer.Config{ID: 2, Name: "Cellar", Family: "bambu", Host: "192.168.1.51", Serial: offline.Serial, AccessCode: secret.Text("CANARY78")}, State: offline, At: start().Add(-time.Hour), Version: 1},
		{Config: printer.Config{ID: 3, Name: "New", Family: "bambu", Host: "192.168.1.52", Serial: "03900A000000003", Managed: true}, State: printer.State{Family: "bambu", Serial: "03900A000000003"}, Version: 1},
	}}
}
