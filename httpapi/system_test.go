package httpapi_test

import (
	"archive/zip"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
)

func TestMetrics_AreReadByPrometheus(t *testing.T) {
	f := newFixture(t)
	f.fleet.set(1, func(s *printer.Snapshot) { s.Config.Name = "a\"b\\c\nd" })
	got := f.get("/metrics", f.reader())
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(got.body))
	if err != nil || got.code != 200 {
		t.Fatalf("%d %v\n%s", got.code, err, got.body)
	}
	connected := families["printwire_printer_connected"].GetMetric()
	if len(connected) != 3 || connected[0].GetGauge().GetValue() != 1 || connected[1].GetGauge().GetValue() != 0 {
		t.Errorf("connected: %v", connected)
	}
	for _, l := range connected[0].GetLabel() {
		if l.GetName() == "printer" && l.GetValue() != "a\"b\\c\nd" {
			t.Errorf("the name came as %q", l.GetValue())
		}
	}
}

func TestSystem_CountsThePrintsOfTheCallersPrinters(t *testing.T) {
	f := newFixture(t)
	for want, key := range map[float64]string{3: f.reader(), 1: f.key([]string{"read"}, 2)} {
		database, _ := f.get("/api/v1/system/info", key).object(t)["database"].(map[string]any)
		if database["archives"] != want {
			t.Errorf("%v prints, want %v", database["archives"], want)
		}
	}
}

func TestSettings_NameOnlyTheCallersPrinters(t *testing.T) {
	const workshop, cellar = "09400A000000001", "01P00A000000002"
	f := newFixture(t, func(o *httpapi.Options) {
		o.Settings = func() map[string]any {
			return map[string]any{"milestones": []int{50}, "printers": []map[string]any{{"serial": workshop, "name": "Workshop"}, {"serial": cellar, "name": "Cellar"}}}
		}
	})
	test, _, err := f.auth.CreateKey(auth.NewKey{Name: "test", Terms: []string{"read"}, Test: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who, key         string
		workshop, cellar bool
	}{
		{"who may know of all", f.reader(), true, true},
		{"who may know of one", f.key([]string{"read"}, 2), false, true},
		{"a test key", test.Reveal(), false, false},
	} {
		texts := map[string]string{"settings": f.get("/api/v1/settings", c.key).body}
		got := f.get("/api/v1/system/diagnostics?serials=true", c.key)
		z, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
		if err != nil {
			t.Fatalf("%s: diagnostics: %d %v", c.who, got.code, err)
		}
		text, err := fs.ReadFile(z, "settings.json")
		if err != nil {
			t.Fatal(err)
		}
		texts["diagnostics"] = string(text)
		for name, text := range texts {
			if strings.Contains(text, workshop) != c.workshop || strings.Contains(text, cellar) != c.cellar || !strings.Contains(text, "milestones") {
				t.Errorf("%s of %s: %s", name, c.who, text)
			}
		}
	}
}

func TestDiagnostics_HoldNoSecret(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		o.Lines = func() []string { return []string{"code CANARY77 of 09400A000000001 at 192.168.1.50"} }
	})
	key := f.reader()
	for _, serials := range []bool{false, true} {
		target := "/api/v1/system/diagnostics"
		if serials {
			target += "?serials=true"
		}
		got := f.get(target, key)
		z, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
		if err != nil || got.code != 200 {
			t.Fatalf("%d %v", got.code, err)
		}
		var all strings.Builder
		for _, file := range z.File {
			r, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(&all, r); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(all.String(), "CANARY") || strings.Contains(all.String(), key) {
			t.Error("a secret is in the diagnostics")
		}
		if strings.Contains(all.String(), "09400A000000001") != serials || strings.Contains(all.String(), "192.168.1.50") != serials {
			t.Errorf("serials=%v is not kept", serials)
		}
	}
}

func TestSeeds_CurlSendsJSONAsAForm(t *testing.T) {
	f := newFixture(t)
	text := f.key([]string{"read", "keys:write", "jobs:run"})
	got := f.request(http.MethodPost, "/v1/api-keys", "{\n\"name\": \"CI Pipeline Key\",\n\"scopes\": [\"read\", \"agents:run\"]\n}",
		"Authorization", "Bearer "+text, "Content-Type", "application/x-www-form-urlencoded")
	doc := got.object(t)
	made, _ := doc["key"].(string)
	if got.code != 201 || !strings.HasPrefix(made, "pw_live_") {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if me := f.get("/api/v1/auth/me", made).object(t); me["name"] != "CI Pipeline Key" || me["is_admin"] != false {
		t.Errorf("me: %v", me)
	}
	if got := f.request(http.MethodPost, "/v1/api-keys", `{"name":"x","scopes":["admin"]}`, "Authorization", "Bearer "+text); got.code != 400 && got.code != 403 {
		t.Errorf("an admin key: %d %s", got.code, got.body)
	}
}

func TestLimits_SayWhatIsLeft(t *testing.T) {
	f := newFixture(t)
	text := f.plainKey()
	for i := range 100 {
		got := f.get("/api/v1/printers", text)
		if got.code != 200 || got.header.Get("X-RateLimit-Limit") != "100" {
			t.Fatalf("request %d: %d %v", i, got.code, got.header)
		}
	}
	got := f.get("/api/v1/printers", text)
	doc := got.object(t)
	if got.code != 429 || doc["error"] != "rate_limit_exceeded" || doc["message"] != "Too many requests" || doc["retry_after"] == nil || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", got.code, got.header, got.body)
	}
	if got := f.request(http.MethodPost, "/api/v1/printers", "{}", "Sec-Fetch-Site", "cross-site", "X-API-Key", text); got.code != 403 {
		t.Errorf("another site's page: %d", got.code)
	}
}
