package addon_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/printwire/printwire/addon"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/hass"
	"github.com/printwire/printwire/settings"
)

// double behaves as the Supervisor does towards an app with mqtt:provide: one
// registration for all, kept over restarts, removed by anybody.
type double struct {
	t       *testing.T
	self    string
	service map[string]any
	found   map[string]any
	calls   []string
	refuse  string // the call that answers 500
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.Method + " " + r.URL.Path
	d.calls = append(d.calls, name)
	say := func(status int, message string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"result": "error", "message": message})
	}
	ok := func(data any) { _ = json.NewEncoder(w).Encode(map[string]any{"result": "ok", "data": data}) }
	var body map[string]any
	if r.ContentLength > 0 {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			d.t.Errorf("%s: body: %v", name, err)
		}
	}
	switch {
	case name == d.refuse:
		say(500, "internal")
	case name == "GET /addons/self/info":
		ok(map[string]any{"slug": d.self, "hostname": strings.ReplaceAll(d.self, "_", "-")})
	case strings.HasSuffix(name, " /services/mqtt") && r.Method != http.MethodPost && d.service == nil:
		say(400, "Service not enabled")
	case name == "GET /services/mqtt":
		ok(d.service)
	case name == "DELETE /services/mqtt":
		d.service = nil
		ok(map[string]any{})
	case name == "POST /services/mqtt" && d.service != nil:
		say(400, "There is already a MQTT service in use from "+d.service["addon"].(string))
	case name == "POST /services/mqtt":
		if body["protocol"] != "3.1.1" {
			d.t.Errorf("protocol %v is refused by the Supervisor", body["protocol"])
		}
		body["addon"] = d.self
		d.service = body
		ok(map[string]any{})
	case name == "POST /discovery":
		d.found = body
		ok(map[string]any{"uuid": "u1"})
	case name == "DELETE /discovery/u1":
		d.found = nil
		ok(map[string]any{})
	default:
		say(404, "not found")
	}
}

func newDouble(t *testing.T, owner string) (*double, *hass.Supervisor) {
	t.Helper()
	d := &double{t: t, self: "a1b2_printwire"}
	if owner != "" {
		d.service = map[string]any{"addon": owner, "host": "core-mosquitto", "port": 1883, "ssl": false, "username": "addons", "password": "pw", "protocol": "3.1.1"}
	}
	srv := httptest.NewServer(d)
	t.Cleanup(srv.Close)
	return d, hass.NewSupervisor(srv.URL, "token")
}

func TestChoose(t *testing.T) {
	own := settings.External{Host: "broker.local", Port: 1883}
	for _, c := range []struct {
		name, mode, owner string
		app               bool
		external          settings.External
		want              addon.Choice
	}{
		{"auto alone", "auto", "", false, settings.External{}, addon.Choice{Embedded: true}},
		{"auto alone with a broker configured", "auto", "", false, own, addon.Choice{Client: true, External: own}},
		{"auto in the app without any broker", "auto", "", true, settings.External{}, addon.Choice{Embedded: true, Provide: true}},
		{"auto in the app with another app's broker", "auto", "core_mosquitto", true, own, addon.Choice{
			Client: true, External: settings.External{Host: "core-mosquitto", Port: 1883, User: "addons", Password: "pw"},
		}},
		{"auto in the app after a restart", "auto", "a1b2_printwire", true, settings.External{}, addon.Choice{Embedded: true, Provide: true}},
		{"auto in the app with a broker configured", "auto", "", true, own, addon.Choice{Client: true, External: own}},
		{"embedded in the app", "embedded", "core_mosquitto", true, settings.External{}, addon.Choice{Embedded: true, Provide: true}},
		{"external in the app", "external", "core_mosquitto", true, own, addon.Choice{Client: true, External: own}},
		{"both", "both", "", false, own, addon.Choice{Embedded: true, Client: true, External: own}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s addon.Supervisor
			if c.app {
				_, s = newDouble(t, c.owner)
			}
			got, err := addon.Choose(context.Background(), s, settings.MQTT{Mode: c.mode, External: c.external})
			if err != nil {
				t.Fatal(err)
			}
			if got.Why == "" {
				t.Error("it does not say why")
			}
			got.Why = ""
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestChoose_WithoutAnAnswerThereIsNoChoice(t *testing.T) {
	d, s := newDouble(t, "")
	d.refuse = "GET /services/mqtt"
	if got, err := addon.Choose(context.Background(), s, settings.MQTT{Mode: "auto"}); err == nil {
		t.Errorf("chose %+v though the Supervisor could not be asked", got)
	}
}

func offer() hass.MQTTService {
	return hass.MQTTService{Port: 1883, User: "homeassistant", Password: "long"}
}

func TestProvide_OffersAndWithdraws(t *testing.T) {
	for name, owner := range map[string]string{"the first time": "", "after a restart": "a1b2_printwire"} {
		t.Run(name, func(t *testing.T) {
			d, s := newDouble(t, owner)
			o, err := addon.Provide(context.Background(), s, offer())
			if err != nil {
				t.Fatal(err)
			}
			if d.service["host"] != "a1b2-printwire" || d.service["username"] != "homeassistant" || d.service["password"] != "long" {
				t.Errorf("the service is %v", d.service)
			}
			if d.found["service"] != "mqtt" {
				t.Errorf("the suggestion is %v", d.found)
			}
			if err := o.Withdraw(context.Background()); err != nil || d.service != nil || d.found != nil {
				t.Errorf("%v; the service is %v, the suggestion %v", err, d.service, d.found)
			}
		})
	}
}

func TestProvide_LeavesAnotherAppsBrokerAlone(t *testing.T) {
	d, s := newDouble(t, "core_mosquitto")
	_, err := addon.Provide(context.Background(), s, offer())
	if fault.KindOf(err) != fault.Conflict || fault.HintOf(err) == "" || !strings.Contains(err.Error(), "core_mosquitto") {
		t.Errorf("error is %v", err)
	}
	if d.service["addon"] != "core_mosquitto" || d.found != nil {
		t.Errorf("the service is %v, the suggestion %v", d.service, d.found)
	}
}

func TestProvide_RollsBackWhenTheSuggestionFails(t *testing.T) {
	d, s := newDouble(t, "")
	d.refuse = "POST /discovery"
	if _, err := addon.Provide(context.Background(), s, offer()); err == nil {
		t.Error("no error")
	}
	if d.service != nil {
		t.Errorf("the registration is still there: %v", d.service)
	}
}

func TestToken(t *testing.T) {
	if token, ok := addon.Token([]string{"A=b", "SUPERVISOR_TOKEN=t=1"}); !ok || token.Reveal() != "t=1" {
		t.Errorf("token %q, %v", token.Reveal(), ok)
	}
	for _, environ := range [][]string{nil, {"SUPERVISOR_TOKEN="}, {"XSUPERVISOR_TOKEN=a"}} {
		if _, ok := addon.Token(environ); ok {
			t.Errorf("%v has a token", environ)
		}
	}
}

func TestIngress(t *testing.T) {
	for remote, want := range map[string]bool{
		"172.30.32.2:40000": true, "[::ffff:172.30.32.2]:1": true, "172.30.32.3:1": false, "172.30.32.2": false, "": false, "[::1]:1": false,
	} {
		if addon.FromIngress(remote) != want {
			t.Errorf("%q: not %v", remote, want)
		}
	}
	for value, want := range map[string]string{
		"/api/hassio_ingress/aB_-9": "/api/hassio_ingress/aB_-9", "/api/hassio_ingress/": "", "/api/hassio_ingress/a/b": "", "https://evil/": "", "/api/hassio_ingress/a\n": "",
	} {
		if got := addon.IngressPath(value); got != want {
			t.Errorf("%q gives %q", value, got)
		}
	}
}

func TestOptions_Problems(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":           {`{`, "options.json: is not a JSON object"},
		"a list":            {`[]`, "options.json: is not a JSON object"},
		"null":              {`null`, "options.json: is not a JSON object"},
		"two objects":       {`{} {}`, "options.json: is not a JSON object"},
		"an unknown option": {`{"colour":"red"}`, "options.json: colour: there is no such setting"},
		"a setting's path":  {`{"mqtt":{"mode":"auto"}}`, "options.json: mqtt: there is no such setting"},
		"a wrong type":      {`{"mqtt_port":"many"}`, "options.json: mqtt_port: must be a whole number"},
		"a wrong shape":     {`{"printers":"one"}`, "options.json: printers: must be a list"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := settings.Load(options(t, []byte(c.text)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

func TestOptions_FileThatIsNotThere(t *testing.T) {
	l, err := addon.Options("x", func(string) ([]byte, error) { return nil, fs.ErrNotExist })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settings.Load(l); err != nil {
		t.Error(err)
	}
	if _, err := addon.Options("x", func(string) ([]byte, error) { return nil, errors.New("disk on fire") }); err == nil {
		t.Error("a file that cannot be read is no error")
	}
}
