package e2e_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/settings"
)

// The two bodies that receivers of such events are documented to get.
const (
	documentedComplete = `{
  "event": "print_complete",
  "timestamp": "2024-01-15T14:30:00Z",
  "data": {
    "printer": "Workshop X1C",
    "filename": "benchy.3mf",
    "duration": 8100,
    "filament_used": 45.2,
    "filament_details": "PLA: 30.0g | PETG: 15.2g",
    "status": "success"
  }
}`
	documentedFailed = `{
  "event": "print_failed",
  "timestamp": "2024-01-15T15:15:00Z",
  "data": {
    "printer": "Workshop X1C",
    "filename": "benchy.3mf",
    "duration": 2700,
    "filament_used": 7.6,
    "filament_details": "PLA: 7.6g",
    "progress": 50,
    "reason": "Filament runout",
    "status": "failed"
  }
}`
)

// TestWebhooks_AWholePrint lets a printer print, fail, be stopped, be paused,
// show a fault and go away, and wants each of five endpoints to get exactly what
// it asked for, in order, with the right numbers.
func TestWebhooks_AWholePrint(t *testing.T) {
	usual, flat, own, pauses := newReceiver(t, "usual"), newReceiver(t, "flat"), newReceiver(t, "own"), newReceiver(t, "pauses")
	w := newWorkshop(t, "A1", hook(usual, nil),
		hook(flat, func(h *settings.Webhook) { h.Format = "bambuddy" }),
		hook(own, func(h *settings.Webhook) {
			h.Events = []string{"print_progress"}
			h.Milestones = settings.WebhookMilestones{Percent: []int{10, 33, 90}, EveryLayers: 20, MinutesLeft: []int{40, 10}}
		}),
		hook(pauses, func(h *settings.Webhook) {
			h.Events = []string{"print_paused", "print_resumed", "first_layer_complete", "print_complete"}
		}))
	benchy := simulator.Job{Name: "benchy", Layers: 60, Duration: 45 * time.Minute, Nozzle: 220, Bed: 60, Slots: []int{0, 2}, Grams: []float64{30, 15.2}, Metres: []float64{10, 5}}
	began := w.print(benchy)
	w.printTo(30)
	w.sim.Pause(0x03008001, 16)
	w.pass(10 * time.Minute)
	w.sim.Resume()
	w.printTo(60)
	late := newReceiver(t, "late")
	w.call("POST", "/api/v1/webhooks", 201, map[string]any{"name": "Late", "url": late.url}, nil)
	took := w.finish().Sub(began)
	w.complete(usual.until(t, "the print's events", patience, atLeast(5)), took)

	bracket := simulator.Job{Name: "bracket", Layers: 40, Duration: time.Hour, Nozzle: 220, Bed: 60, Slots: []int{0}, Grams: []float64{15.2}, Metres: []float64{5}}
	began = w.print(bracket)
	w.printTo(50)
	w.sim.Fail(0x07008011)
	w.pass(time.Second)
	took = w.clock.Now().Sub(began)
	w.pass(10 * time.Second)
	w.failed(usual.until(t, "the failed print's events", patience, atLeast(9)), took)

	bracket.Name = "bracket two"
	w.print(bracket)
	w.printTo(30)
	w.sim.Cancel(simulator.CodeWithState)
	w.pass(15 * time.Second)
	w.stopped(usual.until(t, "the stopped print's events", patience, atLeast(12)))

	w.sim.RaiseHMS(0x03000100, 0x00010001)
	w.pass(10 * time.Second)
	w.sim.Refuse(true)
	w.sim.Drop()
	w.away()
	w.rest(usual, flat, own, pauses, late)
}

func atLeast(n int) func([]post) bool { return func(p []post) bool { return len(p) >= n } }

// away waits until the printer is told to be offline.
func (w *workshop) away() {
	w.t.Helper()
	w.until("the printer is offline", func(s shown) bool {
		w.clock.move(5 * time.Second)
		return !s.Connected
	})
}

// body is a request's body with the documented one's fields in the documented
// shape. It wants more beside them, and nothing in their place.
func (w *workshop) body(p post, documented string) map[string]any {
	w.t.Helper()
	var got, want map[string]any
	if err := json.Unmarshal(p.body, &got); err != nil {
		w.t.Fatalf("the body is %s: %v", p.body, err)
	}
	if err := json.Unmarshal([]byte(documented), &want); err != nil {
		w.t.Fatal(err)
	}
	w.shape("", got, want)
	if at, err := time.Parse("2006-01-02T15:04:05Z", fmt.Sprint(got["timestamp"])); err != nil || w.clock.Now().Sub(at).Abs() > 24*time.Hour {
		w.t.Errorf("the timestamp is %v (%v)", got["timestamp"], err)
	}
	if p.header.Get("Content-Type") != "application/json" || p.id == "" || got["id"] != p.id {
		w.t.Errorf("the id is %v, the headers are %v", got["id"], p.header)
	}
	data, _ := got["data"].(map[string]any)
	return data
}

func (w *workshop) shape(at string, got, want map[string]any) {
	w.t.Helper()
	for name, example := range want {
		value, ok := got[name]
		if !ok || fmt.Sprintf("%T", value) != fmt.Sprintf("%T", example) {
			w.t.Errorf("%s%s is %#v, documented as %#v", at, name, value, example)
		}
		if inner, ok := example.(map[string]any); ok {
			below, _ := value.(map[string]any)
			w.shape(name+".", below, inner)
		}
	}
}

// fields wants fields of the data to be as they should be; took is the job's
// duration, which may differ by a second's rounding.
func (w *workshop) fields(data map[string]any, took time.Duration, want map[string]any) {
	w.t.Helper()
	for name, value := range want {
		if fmt.Sprint(data[name]) != fmt.Sprint(value) {
			w.t.Errorf("%s is %v, want %v, in %v", name, data[name], value, data)
		}
	}
	seconds, _ := data["duration"].(float64)
	if math.Abs(seconds-took.Seconds()) > 1.5 {
		w.t.Errorf("duration is %v, the printer took %s", data["duration"], took)
	}
}

func (w *workshop) complete(posts []post, took time.Duration) {
	w.t.Helper()
	if got, want := keys(posts), []string{"print_started", "print_progress 25", "print_progress 50", "print_progress 75", "print_complete"}; !slices.Equal(got, want) {
		w.t.Fatalf("the print made %q, want %q", got, want)
	}
	w.fields(w.body(posts[4], documentedComplete), took, map[string]any{
		"printer": "Workshop A1", "filename": "benchy.gcode.3mf", "filament_used": 45.2, "filament_details": "PLA: 30.0g | PETG: 15.2g",
		"status": "success", "progress": 100, "title": "benchy", "printer_id": 1, "serial_number": w.sim.Serial(), "archive_id": 1,
	})
	for i, percent := range []int{25, 50, 75} {
		b, err := posts[i+1].told()
		if err != nil || b.Data.Progress == nil || *b.Data.Progress != percent || b.Data.Status != "printing" || b.Data.Used == nil || *b.Data.Used != 45.2 {
			w.t.Errorf("at %d %% the body is %s", percent, posts[i+1].body)
		}
	}
}

func (w *workshop) failed(posts []post, took time.Duration) {
	w.t.Helper()
	if got, want := keys(posts[5:]), []string{"print_started", "print_progress 25", "print_progress 50", "print_failed"}; !slices.Equal(got, want) {
		w.t.Fatalf("the failed print made %q, want %q", got, want)
	}
	data := w.body(posts[8], documentedFailed)
	w.fields(data, took, map[string]any{
		"printer": "Workshop A1", "filename": "bracket.gcode.3mf", "filament_used": 7.6, "filament_details": "PLA: 7.6g",
		"progress": 50, "status": "failed", "archive_id": 2,
	})
	if reason := fmt.Sprint(data["reason"]); len(reason) < 10 || reason == "unknown" {
		w.t.Errorf("the reason is %q", reason)
	}
}

func (w *workshop) stopped(posts []post) {
	w.t.Helper()
	if got, want := keys(posts[9:]), []string{"print_started", "print_progress 25", "print_stopped"}; !slices.Equal(got, want) {
		w.t.Fatalf("the stopped print made %q, want %q", got, want)
	}
	documented := strings.NewReplacer("print_failed", "print_stopped", `"status": "failed"`, `"status": "stopped"`).Replace(documentedFailed)
	data := w.body(posts[11], documented)
	progress, _ := data["progress"].(float64)
	used := math.Round(15.2*progress) / 100
	used = math.Round(used*10) / 10
	if progress < 30 || progress > 32 || data["filament_used"] != used || data["filament_details"] != fmt.Sprintf("PLA: %.1fg", used) || data["status"] != "stopped" || data["reason"] != "user" {
		w.t.Errorf("the stopped print is %v, want %v g", data, used)
	}
}

// rest is what the others got by then.
func (w *workshop) rest(usual, flat, own, pauses, late *receiver) {
	t := w.t
	t.Helper()
	posts := usual.until(t, "the fault and the end of the connection", patience, atLeast(14))
	if got := keys(posts[12:]); !slices.Equal(got, []string{"printer_error", "printer_offline"}) {
		t.Errorf("in the end it made %q", got)
	}
	newest := uint64(0)
	for _, p := range posts {
		b, _ := p.told()
		if b.Data.Seq <= newest {
			t.Errorf("event %d came after %d", b.Data.Seq, newest)
		}
		newest = b.Data.Seq
	}
	if got, want := keys(late.until(t, "what came later", patience, atLeast(11))), keys(posts)[3:]; !slices.Equal(got, want) {
		t.Errorf("the endpoint that was made in the middle got %q, want %q", got, want)
	}
	want := []string{"first_layer_complete", "print_paused", "print_resumed", "print_complete", "first_layer_complete", "first_layer_complete"}
	if got := keys(pauses.until(t, "the pauses", patience, atLeast(6))); !slices.Equal(got, want) {
		t.Errorf("the endpoint that asks for pauses got %q, want %q", got, want)
	}
	w.ownMarks(keys(own.until(t, "the milestones of its own", patience, atLeast(12))))
	w.flat(flat.until(t, "the flat bodies", patience, atLeast(14)), keys(posts))
}

// ownMarks are the milestones of the endpoint with a list of its own: of 60
// layers and 45 minutes, then of 19 layers and the first half of an hour, then
// of 30 % of that.
func (w *workshop) ownMarks(got []string) {
	w.t.Helper()
	for i, key := range got {
		got[i] = strings.TrimPrefix(key, "print_progress ")
	}
	want := map[string]int{
		"10": 3, "33": 2, "90": 1, "20 layer": 1, "40 layer": 1, "60 layer": 1, "40 minutes_left": 2, "10 minutes_left": 1,
	}
	seen := map[string]int{}
	for _, key := range got {
		seen[key]++
	}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		w.t.Errorf("the endpoint with milestones of its own got %v, want %v, as %q", seen, want, got)
	}
}

// flat wants all values to be texts, and the names that such receivers know.
func (w *workshop) flat(posts []post, usual []string) {
	w.t.Helper()
	for i, p := range posts {
		var body map[string]string
		if err := json.Unmarshal(p.body, &body); err != nil {
			w.t.Fatalf("a flat body with more than texts: %s: %v", p.body, err)
		}
		event := strings.Fields(usual[i])[0]
		if event == "print_started" {
			event = "print_start"
		}
		if body["event"] != event || body["source"] != "Bambuddy" || body["printer"] != "Workshop A1" || body["title"] == "" || body["message"] == "" {
			w.t.Errorf("body %d is %s, want %s", i, p.body, event)
		}
		if event == "print_failed" && (body["filament_grams"] != "7.6" || body["progress"] != "50" || body["filament_details"] != "AMS-A T1 PLA: 7.6g") {
			w.t.Errorf("the failed print is %s", p.body)
		}
	}
}
