package discovery_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/mqtt/mqtttest"
	"github.com/printwire/printwire/printer"
)

var update = flag.Bool("update", false, "write the golden files and the documentation anew")

// epoch is when the fixtures' last report arrived.
func epoch() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// store is a Store in memory.
type store struct {
	mu     sync.Mutex
	values map[string][]byte
	puts   int
	fails  bool
}

func (s *store) Value(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.values[key]; ok {
		return v, nil
	}
	return nil, fault.New(fault.NotFound, "no value %q", key)
}

func (s *store) Values(prefix string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails {
		return nil, errors.New("the disk is gone")
	}
	out := maps.Clone(s.values)
	maps.DeleteFunc(out, func(k string, _ []byte) bool { return !strings.HasPrefix(k, prefix) })
	return out, nil
}

func (s *store) Put(pairs map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	for k, v := range pairs {
		if v == nil {
			delete(s.values, k)
			continue
		}
		s.values[k] = v
	}
	return nil
}

// printers is a Printers whose commands are recorded.
type printers struct {
	mu    sync.Mutex
	snaps []printer.Snapshot
	done  []printer.Command
	// do answers a command; nil accepts it.
	do func(ctx context.Context, id int, cmd printer.Command) error
}

func (p *printers) Snapshots() []printer.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]printer.Snapshot(nil), p.snaps...)
}

func (p *printers) Do(ctx context.Context, id int, cmd printer.Command) (printer.Outcome, error) {
	p.mu.Lock()
	p.done = append(p.done, cmd)
	do := p.do
	p.mu.Unlock()
	if do != nil {
		if err := do(ctx, id, cmd); err != nil {
			return printer.Outcome{}, err
		}
	}
	return printer.Outcome{Acknowledged: true}, nil
}

func (p *printers) commands() []printer.Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]printer.Command(nil), p.done...)
}

// bed is a Discovery on a Bus in memory, with another client of it.
type bed struct {
	*discovery.Discovery
	bus      *mqtttest.Fake
	ha       *mqtttest.Fake
	store    *store
	printers *printers
	opts     discovery.Options
	restarts int
	level    string
	places   places
}

// newBed makes a bed, prepared with the given printers. Change opts by with.
func newBed(t testing.TB, with func(*discovery.Options), snaps ...printer.Snapshot) *bed {
	t.Helper()
	b := &bed{bus: &mqtttest.Fake{}, store: &store{}, printers: &printers{snaps: snaps}, level: "info"}
	b.ha = b.bus.Other("ha")
	b.opts = discovery.Options{
		Bus: b.bus, Printers: b.printers, Store: b.store, InstallID: "7f3a", Version: "1.2.3", URL: "http://192.0.2.10:8000",
		Stages: []string{"printing", "bed_leveling", "homing", "unknown"},
		Bridge: discovery.Bridge{Clients: func() int { return 2 }, Problem: func() string { return "" }, LogLevel: func() string { return b.level },
			SetLogLevel: func(l string) error { b.level = l; return nil }, Restart: func() { b.restarts++ }},
	}
	if with != nil {
		with(&b.opts)
	}
	if b.opts.Store == nil {
		b.opts.Store = b.store
	}
	b.Discovery = discovery.New(b.opts)
	if err := b.Prepare(t.Context()); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return b
}

// places are Cursors in memory.
type places struct {
	mu  sync.Mutex
	seq map[string]uint64
}

func (p *places) Cursor(_ context.Context, name string) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seq[name], nil
}

func (p *places) Advance(_ context.Context, name string, seq uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seq == nil {
		p.seq = map[string]uint64{}
	}
	p.seq[name] = max(p.seq[name], seq)
	return nil
}

// follower is the follower of the bed's events; its cursor outlives it.
func (b *bed) follower() journal.Follower { return b.Follower(&b.places) }

// again is the next process: the same store, printers and bus.
func (b *bed) again(t testing.TB) *bed {
	t.Helper()
	n := &bed{bus: b.bus, ha: b.ha, store: b.store, printers: b.printers, opts: b.opts}
	n.Discovery = discovery.New(b.opts)
	if err := n.Prepare(t.Context()); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return n
}

// run runs the Discovery until the test ends.
func (b *bed) run(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }() // owner: the test, by stop
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// apply changes one printer's snapshot.
func (b *bed) apply(snap printer.Snapshot, change func(*printer.Snapshot)) printer.Snapshot {
	prev := snap
	change(&snap)
	snap.Version++
	b.Apply(context.Background(), []printer.Change{{Prev: prev, Next: snap}})
	return snap
}

// want checks retained values.
func (b *bed) want(t testing.TB, values map[string]string) {
	t.Helper()
	got := b.bus.Retained()
	for topic, v := range values {
		if got[topic] != v {
			t.Errorf("%s is %q, want %q", topic, got[topic], v)
		}
	}
}

// since are the messages published after the first n.
func (b *bed) since(n int) map[string][]string {
	out := map[string][]string{}
	for _, m := range b.bus.Published()[n:] {
		out[m.Topic] = append(out[m.Topic], string(m.Payload))
	}
	return out
}

// components are the components of a retained announcement.
func (b *bed) components(t testing.TB, id string) map[string]map[string]any {
	t.Helper()
	text, ok := b.bus.Retained()["homeassistant/device/"+id+"/config"]
	if !ok {
		return nil
	}
	var m struct {
		Components map[string]map[string]any `json:"components"`
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("announcement of %s: %v", id, err)
	}
	return m.Components
}

func some[T comparable](v T) printer.Opt[T] { return printer.Some(v) }

func heat(now, target float64) printer.Heater {
	return printer.Heater{Temperature: some(now), Target: some(target)}
}

func trays(n int) []printer.Tray {
	all := []printer.Tray{
		{Slot: 0, Empty: some(false), Material: "PLA", Brand: "PLA Basic", Name: "A00-W1", FilamentID: "GFA00", Color: "FFFFFFFF",
			Remaining: some(83), Weight: some(1000), NozzleMin: some(190), NozzleMax: some(230), Diameter: some(1.75), Tag: "A1B2C3D4", Spool: "0011223344556677"},
		{Slot: 1, Empty: some(false), Material: "PETG", Color: "0A2CA5FF", NozzleMin: some(220), NozzleMax: some(270)},
		{Slot: 2, Empty: some(true)},
		{Slot: 3, Reading: true},
	}
	return all[:n]
}

func job() printer.Job {
	return printer.Job{ID: "01JNTESTJOB000000000000001", Name: "Bracket", File: "bracket.3mf", Source: "local", StartedAt: epoch().Add(-time.Hour),
		Progress: some(42), RemainingSeconds: some(5400), Layer: some(57), TotalLayers: some(130), Plate: some(1), PeakProgress: 42, PeakLayer: 57}
}

func a1() printer.Snapshot {
	return printer.Snapshot{At: epoch(), Version: 1,
		Config: printer.Config{ID: 1, Name: "Workshop", Family: "bambu", Host: "192.0.2.20", Serial: "03900C000000001", Area: "Garage"},
		State: printer.State{Family: "bambu", Maker: "Bambu Lab", Serial: "03900C000000001", Model: "A1", Firmware: "01.04.00.00", Hardware: "AP05", Online: true,
			Caps: printer.Capabilities{Nozzles: 1, ChamberLight: true, PartFan: true, HeatbreakFan: true, Changer: true, PromptSound: true, Speed: true, Camera: "jpeg",
				NozzleRange: printer.Range{Max: 300}, BedRange: printer.Range{Max: 100}},
			Activity: printer.Printing, Stage: "printing", Job: job(),
			Nozzles: [2]printer.Nozzle{{Heater: heat(219.97, 220), Diameter: some(0.4), Type: "stainless_steel"}},
			Bed:     heat(65.1, 65), Fans: printer.Fans{Part: some(70), Heatbreak: some(100)},
			Speed: "standard", SpeedPercent: some(100), ChamberLight: some(true), WiFi: some(-51), IPAddress: "192.0.2.20", Storage: "normal",
			Timelapse: some(false), PromptSound: some(true), FilamentPresent: some(true),
			Units:      []printer.Unit{{ID: 0, Kind: "AMS Lite", Serial: "03C00A000000001", Firmware: "00.00.07.94", Trays: trays(4)}},
			External:   []printer.Tray{{Slot: 0, Empty: some(true)}},
			ActiveTray: some(printer.TrayRef{Unit: 0, Slot: 0}),
		}}
}

func x1c() printer.Snapshot {
	s := a1()
	s.Config = printer.Config{ID: 2, Name: "Big One", Family: "bambu", Host: "192.0.2.21", Serial: "00M00A000000002"}
	st := &s.State
	st.Serial, st.Model, st.Firmware, st.FirmwareAvailable = "00M00A000000002", "X1C", "01.08.02.00", "01.09.00.00"
	st.Caps = printer.Capabilities{Nozzles: 1, ChamberSensor: true, Door: true, Lidar: true, ChamberLight: true, PartFan: true, AuxFan: true, ChamberFan: true,
		HeatbreakFan: true, Changer: true, Speed: true, SkipObjects: true, Files: true, Camera: "rtsp", NozzleRange: printer.Range{Max: 300}, BedRange: printer.Range{Max: 120}}
	st.Chamber.Temperature, st.Door, st.PromptSound = some(41.5), some(false), printer.Opt[bool]{}
	st.Fans = printer.Fans{Part: some(100), Aux: some(0), Chamber: some(60), Heatbreak: some(100)}
	st.WorkLight, st.DeveloperMode = some(true), some(true)
	st.Units = []printer.Unit{
		{ID: 0, Kind: "AMS", Serial: "00600A000000003", Firmware: "00.00.06.49", HumidityIndex: some(2), Humidity: some(24), Temperature: some(27.3), Trays: trays(4)},
		{ID: 1, Kind: "AMS 2 Pro", Serial: "19C00A000000004", HumidityIndex: some(4), Humidity: some(41), Temperature: some(31.0), CanDry: true,
			MaxDryTemperature: 65, Drying: "drying", DryingRemaining: some(7200), DryingTarget: some(55), DryingHours: some(8), DryingFilament: "PLA", Trays: trays(4)},
	}
	st.Job.Plan = printer.Plan{
		File: "/cache/Bracket.3mf", Picture: "abc", Grams: some(15.2), Metres: some(5.047), Seconds: some(5400),
		Filaments: []printer.PlanFilament{
			{Slot: 1, Material: "PLA", Color: "00AE42FF", Grams: some(11.0), Tray: some(printer.TrayRef{Unit: 1, Slot: 2})},
			{Slot: 2, Material: "PETG", Grams: some(4.2), Tray: some(printer.TrayRef{Unit: printer.ExternalUnit})},
		},
		Objects: []printer.Object{{ID: 17, Name: "Bracket \"A\""}, {ID: 23, Name: "Clip"}},
	}
	st.Faults = []printer.Fault{{Code: "0300_0100_0001_0001", Severity: printer.Serious, Module: "mainboard", Text: "The bed heats too slowly", URL: "https://example.org/f"}}
	return s
}

func h2d() printer.Snapshot {
	s := x1c()
	s.Config = printer.Config{ID: 3, Name: "Twin", Family: "bambu", Host: "192.0.2.22", Serial: "09400A000000005"}
	st := &s.State
	st.Serial, st.Model, st.FirmwareAvailable = "09400A000000005", "H2D", ""
	st.Caps.Nozzles, st.Caps.ChamberHeater, st.Caps.SecondLight, st.Caps.AirDuct, st.Caps.Tool = 2, true, true, true, true
	st.Caps.Control = some(true)
	st.Caps.NozzleRange, st.Caps.ChamberRange = printer.Range{Max: 350}, printer.Range{Max: 65}
	st.Nozzles = [2]printer.Nozzle{{Heater: heat(30, 0), Diameter: some(0.4), Type: "hardened_steel", Flow: "standard"},
		{Heater: heat(250.4, 250), Diameter: some(0.6), Type: "hardened_steel", Flow: "high"}}
	st.ActiveNozzle, st.Chamber.Target, st.SecondLight = some(1), some(45.0), some(false)
	st.AirDuct, st.Tool = "heating", "extruder"
	st.Units = []printer.Unit{st.Units[1], {ID: 128, Kind: "AMS HT", Serial: "19F00A000000006", CanDry: true, MaxDryTemperature: 85, Drying: "off", Humidity: some(18), Trays: trays(1)}}
	st.External = []printer.Tray{{Slot: 0, Empty: some(true)}, {Slot: 1, Empty: some(false), Material: "TPU", Color: "FF0000FF"}}
	st.ActiveTray, st.Faults = some(printer.TrayRef{Unit: 255, Slot: 1}), nil
	return s
}

// readOnly is a printer that refuses commands.
func readOnly() printer.Snapshot {
	s := h2d()
	s.Config.ID, s.Config.Name, s.Config.Serial = 4, "Locked", "09400A000000009"
	s.State.Serial, s.State.Caps.Control, s.State.DeveloperMode = "09400A000000009", some(false), some(false)
	s.State.Problem = printer.Problem{Code: printer.ProblemDeveloperMode, Text: "Switch on Developer mode on the printer's screen."}
	return s
}

// unknown is a printer of which nothing is known but its settings.
func unknown() printer.Snapshot {
	return printer.Snapshot{Config: printer.Config{ID: 5, Name: "", Family: "bambu", Host: "192.0.2.25", Serial: "01P00A000000010"}}
}

func models() map[string]printer.Snapshot {
	return map[string]printer.Snapshot{"a1": a1(), "x1c": x1c(), "h2d": h2d(), "read_only": readOnly(), "unknown": unknown()}
}

// pass lets time pass in a synctest bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
