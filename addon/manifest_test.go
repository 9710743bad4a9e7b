package addon_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/printwire/printwire/addon"
	"github.com/printwire/printwire/settings"
)

type manifest struct {
	Name, Version, Slug, Description, Startup string
	Arch                                      []string
	Init                                      bool
	HostNetwork                               bool `yaml:"host_network"`
	Ports                                     map[string]*int
	Services, Discovery                       []string
	Options, Schema                           map[string]any
	Map                                       []struct {
		Type     string
		ReadOnly bool `yaml:"read_only"`
	}
}

type translation struct {
	Configuration map[string]struct {
		Name, Description string
		Fields            map[string]struct{ Name, Description string }
	}
	Network map[string]string
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// options is the layer that a text of options makes.
func options(t *testing.T, data []byte) settings.Layer {
	t.Helper()
	l, err := addon.Options(addon.OptionsFile, func(string) ([]byte, error) { return data, nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	var m manifest
	load(t, "config.yaml", &m)
	return m
}

func TestManifest_Basics(t *testing.T) {
	m := readManifest(t)
	version, err := os.ReadFile("../VERSION")
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != strings.TrimSpace(string(version)) {
		t.Errorf("version is %q, the program's is %q", m.Version, strings.TrimSpace(string(version)))
	}
	if !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(m.Slug) || m.Name == "" || m.Description == "" {
		t.Errorf("name %q, slug %q, description %q must be set, the slug in lower case", m.Name, m.Slug, m.Description)
	}
	if !slices.Equal(m.Arch, []string{"aarch64", "amd64"}) {
		t.Errorf("arch is %v", m.Arch)
	}
	if m.HostNetwork {
		t.Error("host_network must stay off")
	}
	if !slices.Equal(m.Services, []string{"mqtt:provide"}) || !slices.Equal(m.Discovery, []string{"mqtt"}) {
		t.Errorf("services %v, discovery %v: one role per service, and provide permits all calls", m.Services, m.Discovery)
	}
}

func TestManifest_EveryOptionIsInTheSchema(t *testing.T) {
	m := readManifest(t)
	for name := range m.Options {
		if _, ok := m.Schema[name]; !ok {
			t.Errorf("option %s has no schema", name)
		}
	}
	for name, rule := range m.Schema {
		_, given := m.Options[name]
		text, scalar := rule.(string)
		optional := scalar && strings.HasSuffix(text, "?")
		if given == optional {
			t.Errorf("schema %s: an option is either given a value or ends with ?", name)
		}
	}
}

func TestManifest_TheDefaultOptionsAreGoodSettings(t *testing.T) {
	m := readManifest(t)
	data, err := json.Marshal(m.Options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Load(options(t, data))
	if err != nil {
		t.Fatalf("the default options are refused: %v", err)
	}
	def := settings.Default()
	if s.MQTT.Mode != def.MQTT.Mode || s.Log.Level != def.Log.Level || !slices.Equal(s.Milestones, def.Milestones) ||
		s.HomeAssistant != def.HomeAssistant {
		t.Errorf("the options' defaults differ from the settings': %+v", s)
	}
}

// sample is a value that a rule of the schema takes.
func sample(t *testing.T, name string, rule any) any {
	t.Helper()
	switch r := rule.(type) {
	case []any:
		return []any{sample(t, name, r[0])}
	case map[string]any:
		out := map[string]any{}
		for k, v := range r {
			out[k] = sample(t, k, v)
		}
		return out
	}
	text := strings.TrimSuffix(rule.(string), "?")
	kind, rest, _ := strings.Cut(text, "(")
	switch kind {
	case "float":
		return 22.5
	case "int", "port":
		return 42
	case "bool":
		return true
	case "url":
		return "https://panel.example.org"
	case "list":
		words := strings.Split(strings.TrimSuffix(rest, ")"), "|")
		return words[len(words)-1]
	case "str", "password":
		return "text"
	case "match":
		value := map[string]string{"serial": "00M00A000000001", "discovery_prefix": "ha/x", "variables": "chat_id=1", "currency": "eur", "filament_id": "GFA00"}[name]
		if !regexp.MustCompile(strings.TrimSuffix(rest, ")")).MatchString(value) {
			t.Errorf("%s: the pattern %s refuses %q", name, rest, value)
		}
		return value
	}
	t.Fatalf("%s: a rule of this kind is not known: %s", name, text)
	return nil
}

func TestManifest_EveryRuleOfTheSchemaReachesASetting(t *testing.T) {
	m := readManifest(t)
	full := sample(t, "", map[string]any(m.Schema)).(map[string]any)
	full["mqtt_mode"], full["log_level"] = "both", "debug"
	prices := full["filament_prices"].([]any)
	byID := maps.Clone(prices[0].(map[string]any))
	delete(prices[0].(map[string]any), "filament_id") // an entry has one or the other
	byID["material"] = ""
	full["filament_prices"] = append(prices, byID)
	data, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Load(options(t, data))
	if err != nil {
		t.Fatalf("options with every name set are refused: %v", err)
	}
	p, u, e, w := s.Printers[0], s.MQTT.Users[0], s.MQTT.External, s.Webhooks[0]
	for name, ok := range map[string]bool{
		"printers": p.Name == "text" && p.Host == "text" && p.Serial == "00M00A000000001" && p.AccessCode.Reveal() == "text" &&
			p.Certificate == "insecure" && p.Area == "text" && p.Family == "bambu" && p.Port == 42 && p.Roots == "text",
		"users":    u.Name == "text" && u.Password.Reveal() == "text" && slices.Equal(u.Topics, []string{"text"}),
		"external": e.Host == "text" && e.Port == 42 && e.User == "text" && e.Password.Reveal() == "text" && e.TLS,
		"https":    s.HTTP.TLSListen == ":8443" && s.HTTP.Certificate == "/ssl/text" && s.HTTP.Key.Reveal() == "/ssl/text",
		"API":      s.HTTP.PublicURL == "https://panel.example.org" && slices.Equal(s.HTTP.CORSOrigins, []string{"https://panel.example.org"}) && s.Keys.AllowAdminKeys,
		"webhooks": w.Name == "text" && w.ID == "text" && w.URL.Reveal() == "text" && w.Format == "telegram" && slices.Equal(w.Events, []string{"text"}) &&
			slices.Equal(w.Printers, []string{"text"}) && slices.Equal(w.Variables, []string{"chat_id=1"}) && w.Secret.Reveal() == "text" && s.HomeAssistant.Events,
		"filament": s.Filament.Currency == "EUR" && s.Filament.PricePerKg == 22.5 && slices.Equal(s.Filament.Prices, []settings.FilamentPrice{{Material: "text", PricePerKg: 22.5}, {FilamentID: "GFA00", PricePerKg: 22.5}}),
		"archive":  s.Archive.Records == 42 && s.Archive.Days == 42,
		"others":   s.MQTT.Mode == "both" && s.Log.Level == "debug" && s.HomeAssistant.DiscoveryPrefix == "ha/x" && slices.Equal(s.Milestones, []int{42}),
	} {
		if !ok {
			t.Errorf("%s did not arrive: %+v", name, s)
		}
	}
}

func TestOptions_HTTPS(t *testing.T) {
	for _, c := range []struct{ name, given, listen, certificate string }{
		{"off", `{"ssl": false}`, "", ""},
		{"on, with a certificate of its own", `{"ssl": true, "certfile": "", "keyfile": ""}`, ":8443", ""},
		{"a file of another folder", `{"ssl": true, "certfile": "/data/c.pem", "keyfile": "/data/k.pem"}`, ":8443", "/data/c.pem"},
		{"a file of Home Assistant", `{"ssl": true, "certfile": "fullchain.pem", "keyfile": "privkey.pem"}`, ":8443", "/ssl/fullchain.pem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := settings.Load(options(t, []byte(c.given)))
			if err != nil || s.HTTP.TLSListen != c.listen || s.HTTP.Certificate != c.certificate {
				t.Errorf("%v: %+v", err, s.HTTP)
			}
		})
	}
	for given, want := range map[string]string{
		`{"ssl": true, "certfile": "fullchain.pem"}`: "must be set when http.certificate is",
		`{"public_url": "printwire"}`:                "http.public_url: must be a URL",
		`{"cors_origins": ["*"]}`:                    "must be one origin",
		`{"archive_days": -1}`:                       "must be 0 to",
		`{"currency": "EUR", "filament_prices": [{"material": "", "filament_id": "", "price_per_kg": 20}]}`: "filament.prices[0].material: must be set",
	} {
		if _, err := settings.Load(options(t, []byte(given))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", given, err)
		}
	}
	if m := readManifest(t); m.Ports["8443/tcp"] != nil || len(m.Map) != 1 || m.Map[0].Type != "ssl" || !m.Map[0].ReadOnly {
		t.Errorf("ports %v, map %v", m.Ports, m.Map)
	}
}

func TestManifest_EverySettingOfAPrinterAndAUserIsAnOption(t *testing.T) {
	m := readManifest(t)
	for prefix, name := range map[string]string{"printers[].": "printers", "mqtt.users[].": "users", "filament.prices[].": "filament_prices"} {
		entry := m.Schema[name].([]any)[0].(map[string]any)
		for _, f := range settings.Fields() {
			if field, ok := strings.CutPrefix(f.Path, prefix); ok {
				if _, there := entry[field]; !there {
					t.Errorf("setting %s is no field of the option %s", f.Path, name)
				}
			}
		}
	}
}

func TestManifest_TranslationsNameEveryOption(t *testing.T) {
	m := readManifest(t)
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			var tr translation
			load(t, "translations/"+language+".yaml", &tr)
			want, got := slices.Sorted(maps.Keys(m.Schema)), slices.Sorted(maps.Keys(tr.Configuration))
			if !slices.Equal(want, got) {
				t.Errorf("options are %v, translated are %v", want, got)
			}
			for name, entry := range tr.Configuration {
				if entry.Name == "" || entry.Description == "" {
					t.Errorf("%s lacks a name or a description", name)
				}
				list, ok := m.Schema[name].([]any)
				if !ok {
					continue
				}
				if object, ok := list[0].(map[string]any); ok {
					if want, got := slices.Sorted(maps.Keys(object)), slices.Sorted(maps.Keys(entry.Fields)); !slices.Equal(want, got) {
						t.Errorf("%s has the fields %v, translated are %v", name, want, got)
					}
				}
			}
			if want, got := slices.Sorted(maps.Keys(m.Ports)), slices.Sorted(maps.Keys(tr.Network)); !slices.Equal(want, got) {
				t.Errorf("ports are %v, translated are %v", want, got)
			}
		})
	}
}
