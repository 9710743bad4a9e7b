package httpapi_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares a text with a file below testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run with -update to write it", err)
	}
	if string(want) != got {
		t.Errorf("%s differs; run with -update and look at the difference\ngot:\n%s", path, got)
	}
}

// indented is a JSON text in a form that people can compare.
func indented(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, text)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}

func TestAPI_Answers(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	for _, c := range []struct{ name, target, golden string }{
		{"the list of printers", "/api/v1/printers", "printers.golden.json"},
		{"a printer by its number", "/api/v1/printers/1", "printer.golden.json"},
		{"a printer by its serial", "/api/v1/printers/09400A000000001", "printer.golden.json"},
		{"a printer by its serial in lower case", "/api/v1/printers/09400a000000001", "printer.golden.json"},
		{"a printer by its number with zeros", "/api/v1/printers/001", "printer.golden.json"},
		{"the status of a printing printer", "/api/v1/printers/1/status", "status-printing.golden.json"},
		{"the status with a slash at the end", "/api/v1/printers/1/status/", "status-printing.golden.json"},
		{"the status by serial", "/api/v1/printers/09400A000000001/status", "status-printing.golden.json"},
		{"the status of an offline printer", "/api/v1/printers/2/status", "status-offline.golden.json"},
		{"the status of a printer that never connected", "/api/v1/printers/3/status", "status-never.golden.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.get(c.target, key)
			if got.code != http.StatusOK {
				t.Fatalf("status %d: %s", got.code, got.body)
			}
			if ct := got.header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("content type %q", ct)
			}
			golden(t, c.golden, indented(t, got.body))
		})
	}
}

func TestAPI_NoAnswerHoldsAnAccessCode(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	for _, target := range []string{"/api/v1/printers", "/api/v1/printers/1", "/api/v1/printers/1/status", "/api/v1/openapi.json"} {
		if got := f.get(target, key); strings.Contains(got.body, "CANARY") || got.code != http.StatusOK {
			t.Errorf("%s: status %d, or the access code is in it: %s", target, got.code, got.body)
		}
	}
}

func TestStatus_AllKeysAreThereWhateverIsKnown(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	full := f.get("/api/v1/printers/1/status", key).object(t)
	if len(full) < 70 {
		t.Fatalf("the status has %d keys", len(full))
	}
	for _, id := range []string{"2", "3"} {
		doc := f.get("/api/v1/printers/"+id+"/status", key).object(t)
		for name := range full {
			if _, ok := doc[name]; !ok {
				t.Errorf("printer %s has no %q", id, name)
			}
		}
	}
}

// TestStatus_TheSensorOfTheSeedsWorks reads what Home Assistant's REST sensor
// reads: the state, and the three attributes, at the top level.
func TestStatus_TheSensorOfTheSeedsWorks(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	cases := []struct {
		name   string
		change func(*printer.Snapshot)
		state  string
		minute any
	}{
		{"printing", func(*printer.Snapshot) {}, "RUNNING", 60.0},
		{"paused", func(s *printer.Snapshot) { s.State.Activity = printer.Paused }, "PAUSE", 60.0},
		{"preparing", func(s *printer.Snapshot) { s.State.Activity = printer.Preparing }, "PREPARE", 60.0},
		{"finished", func(s *printer.Snapshot) {
			s.State.Activity = printer.Finished
			s.State.Job.RemainingSeconds = printer.Some(0)
		}, "FINISH", 0.0},
		{"failed", func(s *printer.Snapshot) { s.State.Activity = printer.Failed }, "FAILED", 0.0},
		{"stopped", func(s *printer.Snapshot) { s.State.Activity = printer.Stopped }, "FAILED", 0.0},
		{"idle", func(s *printer.Snapshot) { s.State.Activity, s.State.Job = printer.Idle, printer.Job{} }, "IDLE", nil},
		{"nothing known", func(s *printer.Snapshot) { s.State.Activity = "" }, "unknown", nil},
		{"offline", func(s *printer.Snapshot) { s.State.Online = false }, "OFFLINE", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f.fleet.set(1, c.change)
			got := f.get("/api/v1/printers/1/status", key)
			doc := got.object(t)
			if got.code != http.StatusOK || doc["state"] != c.state {
				t.Errorf("status %d, state %v, want 200 and %s", got.code, doc["state"], c.state)
			}
			if doc["remaining_time"] != c.minute {
				t.Errorf("remaining_time is %v, want %v minutes", doc["remaining_time"], c.minute)
			}
			for _, name := range []string{"progress", "remaining_time", "temperature"} {
				if _, ok := doc[name]; !ok {
					t.Errorf("no %s", name)
				}
			}
			if _, ok := doc["temperature"].(map[string]any); !ok {
				t.Errorf("temperature is %T", doc["temperature"])
			}
		})
	}
	t.Run("a wrong key makes the sensor unavailable", func(t *testing.T) {
		if got := f.get("/api/v1/printers/1/status", "wrong"); got.code != http.StatusUnauthorized {
			t.Errorf("status %d", got.code)
		}
	})
}

func TestStatus_IsEncodedAnewOnlyWhenItChanged(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	first := f.get("/api/v1/printers/1/status", key)
	tag := first.header.Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	if got := f.get("/api/v1/printers/1/status", key, "If-None-Match", tag); got.code != http.StatusNotModified || got.body != "" {
		t.Errorf("status %d with the ETag, body %q", got.code, got.body)
	}
	f.fleet.set(1, func(s *printer.Snapshot) { s.State.Job.Progress = printer.Some(46) })
	got := f.get("/api/v1/printers/1/status", key, "If-None-Match", tag)
	if got.code != http.StatusOK || got.object(t)["progress"] != 46.0 {
		t.Errorf("after a change: status %d, progress %v", got.code, got.object(t)["progress"])
	}
}

func TestStatus_OfAPrinterThatIsAddedAgain(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	f.get("/api/v1/printers/1/status", key)
	f.fleet.set(1, func(s *printer.Snapshot) {
		*s = printer.Snapshot{Config: s.Config, At: s.At.Add(1), Version: s.Version - 1} // and one more by set
	})
	if got := f.get("/api/v1/printers/1/status", key); !strings.Contains(got.body, `"activity":"offline"`) {
		t.Errorf("the picture from before the removal is shown: %.300s", got.body)
	}
}

func TestStatus_HoldsAgainstNumbersThatCannotBe(t *testing.T) {
	f := newFixture(t)
	f.fleet.set(1, func(s *printer.Snapshot) {
		s.State.Caps.Nozzles = 7
		s.State.Job.RemainingSeconds = printer.Some(1 << 62)
	})
	var doc struct {
		FinishAt string `json:"finish_at"`
		Nozzles  []any  `json:"nozzles"`
	}
	got := f.get("/api/v1/printers/1/status", f.reader())
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil || len(doc.Nozzles) != 2 || doc.FinishAt < "2026" {
		t.Errorf("status %d, %d nozzles, finish at %q: %v", got.code, len(doc.Nozzles), doc.FinishAt, err)
	}
}

func TestAPI_KeysOfSomePrintersSeeOnlyThose(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"read"}, 2)
	list := f.get("/api/v1/printers", key)
	var printers []httpapi.Printer
	if err := json.Unmarshal([]byte(list.body), &printers); err != nil || len(printers) != 1 || printers[0].ID != 2 {
		t.Errorf("the list is %s (%v)", list.body, err)
	}
	missing := f.get("/api/v1/printers/99/status", key).object(t)
	for _, target := range []string{"/api/v1/printers/1", "/api/v1/printers/1/status", "/api/v1/printers/09400A000000001/status"} {
		got := f.get(target, key)
		body := got.object(t)
		if got.code != http.StatusNotFound || body["detail"] != missing["detail"] || body["code"] != missing["code"] {
			t.Errorf("%s: status %d %s; it must look like a printer that does not exist", target, got.code, got.body)
		}
	}
	if got := f.get("/api/v1/printers/2/status", key); got.code != http.StatusOK {
		t.Errorf("the key's own printer: status %d", got.code)
	}
}

func TestAPI_PathsThatNameNoPrinter(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	for _, ref := range []string{"0", "000000", "99", "1234567", "..", "a%20b", "%00", "🦆", strings.Repeat("9", 51), strings.Repeat("A", 5000), "%2e%2e", "1%2fstatus"} {
		if got := f.get("/api/v1/printers/"+ref+"/status", key); got.code != http.StatusNotFound {
			t.Errorf("%.20q: status %d", ref, got.code)
		}
	}
}

func TestHealth_IsOpenAndSaysNothingElse(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		health httpapi.Health
		code   int
		status string
	}{
		{httpapi.Health{Database: true, MQTT: true}, 200, "healthy"},
		{httpapi.Health{Database: true}, 200, "degraded"},
		{httpapi.Health{MQTT: true}, 503, "unhealthy"},
	} {
		f.health = c.health
		for _, target := range []string{"/health", "/health/", "/healthz"} {
			got := f.get(target, "")
			body := got.object(t)
			if got.code != c.code || body["status"] != c.status || len(body) != 3 {
				t.Errorf("%s with %+v: status %d, %s", target, c.health, got.code, got.body)
			}
		}
	}
}

func TestOpenAPI_IsTheGoldenFile(t *testing.T) {
	text, err := httpapi.OpenAPI("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "openapi.golden.json", string(text))
	f := newFixture(t)
	if got := f.get("/api/v1/openapi.json", f.reader()); got.body != string(text) {
		t.Error("the served document differs from the printed one")
	}
}

func TestOpenAPI_EveryOperationNamesItsRights(t *testing.T) {
	f := newFixture(t)
	doc := f.get("/api/v1/openapi.json", f.reader()).object(t)
	open := []string{"/health"}
	for _, e := range httpapi.Endpoints() {
		if e.Self || e.Open {
			open = append(open, e.Path)
		}
	}
	for path, methods := range doc["paths"].(map[string]any) {
		for method, v := range methods.(map[string]any) {
			op := v.(map[string]any)
			scope, _ := op["x-scope"].(string)
			if (scope == "") != slices.Contains(open, path) {
				t.Errorf("%s %s has the scope %q", method, path, scope)
			}
			if op["x-rate-class"] == nil || op["x-audit"] == nil || op["summary"] == nil {
				t.Errorf("%s %s lacks its class, audit tag or summary", method, path)
			}
			if scope != "" && op["security"] == nil {
				t.Errorf("%s %s has no security", method, path)
			}
		}
	}
}
