package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/settings"
)

// ask calls the API with a key, and gives the body and the status.
func (r *running) ask(key, method, path, body string) (string, int) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.ready.HTTP+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("X-API-Key", key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text), answer.StatusCode
}

// testKey makes a key for which nothing is really done.
func (r *running) testKey(scopes ...string) string {
	r.t.Helper()
	maker, err := r.app.CreateKey(r.t.Context(), app.KeyRequest{Name: "maker", Scopes: append([]string{"keys:write"}, scopes...)})
	if err != nil {
		r.t.Fatal(err)
	}
	ask, err := json.Marshal(map[string]any{"name": "test", "test": true, "scopes": scopes})
	if err != nil {
		r.t.Fatal(err)
	}
	text, code := r.ask(maker.Key, http.MethodPost, "/api/v1/api-keys", string(ask))
	var made struct{ Key string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || !strings.HasPrefix(made.Key, "pw_test_") {
		r.t.Fatalf("%d %s", code, text)
	}
	return made.Key
}

func TestApp_ATestKeySeesSimulatedPrintersAndMovesNothing(t *testing.T) {
	s := local()
	s.MQTT.Mode = "embedded"
	s.Printers = []settings.Printer{simulated(t, "X1C"), simulated(t, "A1")}
	actual, play := s.Printers[0].Serial, s.Printers[1].Serial
	o := options(s, t.TempDir())
	o.Simulated = func(serial string) bool { return serial == play }
	r := begin(t, o)
	v := r.watch("printwire/#")
	for _, serial := range []string{actual, play} {
		v.until(t, "printwire/"+serial+"/activity", is("printing"))
	}
	key := r.testKey("read", "printers:control")
	if text, code := r.ask(key, http.MethodGet, "/api/v1/printers", ""); code != 200 || strings.Contains(text, actual) || !strings.Contains(text, play) {
		t.Errorf("the list: %d %s", code, text)
	}
	for _, path := range []string{"/api/v1/printers/" + actual + "/status", "/api/v1/printers/1"} {
		if text, code := r.ask(key, http.MethodGet, path, ""); code != 404 {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if text, code := r.ask(key, http.MethodPost, "/api/v1/printers/"+actual+"/print/pause", ""); code != 404 {
		t.Errorf("pause of a real printer: %d %s", code, text)
	}
	text, code := r.ask(key, http.MethodPost, "/api/v1/printers/"+play+"/print/pause", "")
	if code != 200 || !strings.Contains(text, `"simulated":true`) || !strings.Contains(text, `"acknowledged":false`) {
		t.Errorf("pause: %d %s", code, text)
	}
	if text, _ := r.ask(key, http.MethodGet, "/api/v1/printers/"+play+"/status", ""); !strings.Contains(text, `"activity":"printing"`) {
		t.Errorf("the printer moved: %s", text)
	}
}

func TestApp_ATestKeySeesNothingWhereAllPrintersAreReal(t *testing.T) {
	s := local()
	s.Printers = []settings.Printer{simulated(t, "A1")}
	r := begin(t, options(s, t.TempDir()))
	if text, code := r.ask(r.testKey("read"), http.MethodGet, "/api/v1/printers", ""); code != 200 || strings.Contains(text, s.Printers[0].Serial) {
		t.Errorf("the list: %d %s", code, text)
	}
}
