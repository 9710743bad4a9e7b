package httpapi

import (
	"context"
	"maps"
	"math"
	"net/http"
	"runtime"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/fault"
)

// HealthReport is the body of /health.
type HealthReport struct {
	Status   string `json:"status" enum:"healthy,degraded,unhealthy"`
	Database string `json:"database" enum:"connected,disconnected"`
	MQTT     string `json:"mqtt" enum:"connected,disconnected"`
}

type healthAnswer struct {
	Status int
	Body   HealthReport
}

// health answers 503 only without a database: a broker that is away is no
// reason to restart the bridge.
func (a *api) health(context.Context, *nothing) (*healthAnswer, error) {
	h := a.Health()
	out := healthAnswer{Status: http.StatusOK, Body: HealthReport{Status: "healthy", Database: "connected", MQTT: "connected"}}
	if !h.MQTT {
		out.Body.Status, out.Body.MQTT = "degraded", "disconnected"
	}
	if !h.Database {
		out.Status, out.Body.Status, out.Body.Database = http.StatusServiceUnavailable, "unhealthy", "disconnected"
	}
	return &out, nil
}

// serveHealth is serve with the same answer when something is wrong.
func serveHealth[I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serve(handle)
	return func(a *api, op huma.Operation) {
		inner(a, op)
		op.Responses["503"].Content = op.Responses["200"].Content
	}
}

type descriptionAnswer struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *api) description(context.Context, *nothing) (*descriptionAnswer, error) {
	return &descriptionAnswer{ContentType: jsonType, Body: a.openapi}, nil
}

// System is how the program and its machine do.
type System struct {
	// Size is the database's in bytes.
	Size int64
	// MQTTClients counts the embedded broker's clients, -1 without one.
	MQTTClients int
	// MQTTHost, MQTTPort and MQTTEmbedded say which broker is used.
	MQTTHost     string
	MQTTPort     int
	MQTTEmbedded bool
	// Events waiting to be stored, and given up.
	EventsWaiting int
	EventsDropped uint64
}

// SystemReport is the body of the system's information. No path of the
// machine is part of it.
type SystemReport struct {
	Version  string         `json:"version"`
	Uptime   int            `json:"uptime" doc:"Seconds since the start."`
	Started  Time           `json:"started_at"`
	App      AppReport      `json:"app"`
	Database DatabaseReport `json:"database"`
	Printers PrintersReport `json:"printers"`
	MQTT     MQTTReport     `json:"mqtt"`
	Memory   MemoryReport   `json:"memory"`
	Streams  int            `json:"streams" doc:"Open event streams."`
}

// AppReport is the program.
type AppReport struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system" doc:"The operating system and the processor."`
}

// DatabaseReport is the database.
type DatabaseReport struct {
	Archives      int     `json:"archives"`
	SizeMB        float64 `json:"size_mb"`
	EventsWaiting int     `json:"events_waiting"`
	EventsDropped uint64  `json:"events_dropped"`
	LastEvent     uint64  `json:"last_event"`
}

// PrintersReport counts the printers that the caller may know of.
type PrintersReport struct {
	Total         int      `json:"total"`
	Connected     int      `json:"connected"`
	ConnectedList []string `json:"connected_list" nullable:"false"`
}

// MQTTReport is the way to MQTT.
type MQTTReport struct {
	Enabled     bool    `json:"enabled"`
	Connected   bool    `json:"connected"`
	Broker      *string `json:"broker"`
	Port        *int    `json:"port"`
	TopicPrefix string  `json:"topic_prefix"`
	Embedded    bool    `json:"embedded"`
	Clients     *int    `json:"clients"`
}

// MemoryReport is the program's own memory.
type MemoryReport struct {
	UsedMB     float64 `json:"used_mb"`
	Goroutines int     `json:"goroutines"`
}

type systemAnswer struct{ Body SystemReport }

func (a *api) system(ctx context.Context, _ *nothing) (*systemAnswer, error) {
	return &systemAnswer{Body: a.systemReport(ctx)}, nil
}

func (a *api) systemReport(ctx context.Context) SystemReport {
	s := a.System()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	r := SystemReport{
		Version: a.Version, Uptime: int(a.Now().Sub(a.began).Seconds()), Started: Time(a.began),
		App:      AppReport{Name: "Printwire", Version: a.Version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH},
		Database: DatabaseReport{Archives: a.prints(ctx), SizeMB: megabytes(uint64(max(s.Size, 0))), EventsWaiting: s.EventsWaiting, EventsDropped: s.EventsDropped, LastEvent: a.Journal.Last()},
		Printers: PrintersReport{ConnectedList: []string{}},
		MQTT:     a.mqttReport(s),
		Memory:   MemoryReport{UsedMB: megabytes(memory.Sys - memory.HeapReleased), Goroutines: runtime.NumGoroutine()},
		Streams:  a.streams.count(),
	}
	for _, p := range a.visible(ctx) {
		r.Printers.Total++
		if p.State.Online {
			r.Printers.Connected++
			r.Printers.ConnectedList = append(r.Printers.ConnectedList, p.Config.Name)
		}
	}
	return r
}

// prints counts the records of prints that the caller may know of. That they
// cannot be counted must not keep back what else is to be told.
func (a *api) prints(ctx context.Context) int {
	page, err := a.Archives.Page(ctx, archive.Query{Filter: archive.Filter{Printers: a.allowed(ctx)}, Limit: 1})
	if err != nil {
		a.Log.Error("cannot count the records of prints", "error", err)
	}
	return page.Total
}

func megabytes(n uint64) float64 { return math.Round(float64(n)/(1<<20)*100) / 100 }

func (a *api) mqttReport(s System) MQTTReport {
	r := MQTTReport{Enabled: true, Connected: a.Health().MQTT, TopicPrefix: "printwire", Embedded: s.MQTTEmbedded, Broker: text(s.MQTTHost)}
	if s.MQTTPort != 0 {
		r.Port = &s.MQTTPort
	}
	if s.MQTTClients >= 0 && s.MQTTEmbedded {
		r.Clients = &s.MQTTClients
	}
	return r
}

type mqttAnswer struct{ Body MQTTReport }

func (a *api) mqttStatus(context.Context, *nothing) (*mqttAnswer, error) {
	return &mqttAnswer{Body: a.mqttReport(a.System())}, nil
}

type settingsAnswer struct{ Body map[string]any }

func (a *api) settings(ctx context.Context, _ *nothing) (*settingsAnswer, error) {
	return &settingsAnswer{Body: a.shownSettings(ctx)}, nil
}

// shownSettings are the settings, with no printer that the caller may not know of.
func (a *api) shownSettings(ctx context.Context) map[string]any {
	all := maps.Clone(a.Settings())
	who := caller(ctx)
	if who.Printers() == nil && !who.Test {
		return all
	}
	list, _ := all["printers"].([]map[string]any)
	all["printers"] = slices.DeleteFunc(slices.Clone(list), func(p map[string]any) bool {
		serial, _ := p["serial"].(string)
		s, err := a.Printers.Find(serial)
		return err != nil || !a.mayKnow(who, s)
	})
	return all
}

type settingsCall struct{ Body map[string]any }

// editSettings: what the settings file says cannot be changed from outside.
func (a *api) editSettings(context.Context, *settingsCall) (*settingsAnswer, error) {
	return nil, fault.New(fault.Conflict, "The settings come from the settings file").WithHint("change them there; prices go to POST %s/settings/electricity-price", base)
}

func exampleSystem() SystemReport {
	one, port := 1, 1883
	host := "192.168.1.2"
	return SystemReport{
		Version: "1.0.0", Uptime: 3600, Started: Time(example().At), App: AppReport{"Printwire", "1.0.0", "go1.26", "linux/arm64"},
		Database: DatabaseReport{Archives: 120, SizeMB: 4.5, LastEvent: 812}, Printers: PrintersReport{1, 1, []string{"Workshop"}},
		MQTT: MQTTReport{true, true, &host, &port, "printwire", true, &one}, Memory: MemoryReport{21.5, 40}, Streams: 2,
	}
}
