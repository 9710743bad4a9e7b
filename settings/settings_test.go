package settings_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/settings"
)

// contract is the smallest useful file; its names are fixed.
const contract = `
http: { listen: ":8000" }
mqtt:
  mode: embedded
  listen: ":1883"
  users: [ { name: homeassistant, password: "swordfish" } ]
printers:
  - { name: Workshop, family: bambu, host: 192.168.1.50, port: 8883, serial: 01S00C000000001, access_code: "12345678", certificate: pin }
homeassistant: { discovery_prefix: homeassistant }
`

func TestParse_TheSmallestFile(t *testing.T) {
	s, err := settings.Parse([]byte(contract))
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Printer{Name: "Workshop", Family: "bambu", Host: "192.168.1.50", Port: 8883, Serial: "01S00C000000001", AccessCode: "12345678", Certificate: "pin"}
	if len(s.Printers) != 1 || s.Printers[0] != want {
		t.Errorf("printers are %+v", s.Printers)
	}
	if s.MQTT.Mode != "embedded" || s.MQTT.Users[0].Password.Reveal() != "swordfish" || s.HTTP.Listen != ":8000" {
		t.Errorf("settings are %+v", s)
	}
}

func TestParse_AnEmptyFileIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "null", "{}", "mqtt:\n", "printers: []\n"} {
		s, err := settings.Parse([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if def := settings.Default(); s.MQTT.Mode != def.MQTT.Mode || s.HTTP.Listen != def.HTTP.Listen || len(s.Printers) != 0 {
			t.Errorf("%q gives %+v", text, s)
		}
	}
}

func TestParse_TextsStayAsTheyWereWritten(t *testing.T) {
	s, err := settings.Parse([]byte(`
printers:
  - name: 007
    host: 10.0.0.1
    serial: 0123E5
    access_code: 01234567
  - name: "yes"
    host: printer.local
    serial: "123456789"
    access_code: 1e9
    roots: |
      -----BEGIN CERTIFICATE-----
      AAAA
      -----END CERTIFICATE-----
`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.Printers[0], s.Printers[1]
	if a.Name != "007" || a.Serial != "0123E5" || a.AccessCode.Reveal() != "01234567" || a.Family != "bambu" {
		t.Errorf("the first is %+v, code %q", a, a.AccessCode.Reveal())
	}
	if b.Name != "yes" || b.AccessCode.Reveal() != "1e9" || !strings.HasPrefix(b.Roots, "-----BEGIN CERTIFICATE-----\nAAAA\n") {
		t.Errorf("the second is %+v, code %q", b, b.AccessCode.Reveal())
	}
}

func TestParse_AnchorsAndMerges(t *testing.T) {
	s, err := settings.Parse([]byte(`
printers:
  - &first { name: A, host: 10.0.0.1, serial: S1, access_code: "1", area: Garage }
  - <<: *first
    name: B
    serial: S2
`))
	if err != nil {
		t.Fatal(err)
	}
	if b := s.Printers[1]; b.Name != "B" || b.Host != "10.0.0.1" || b.Area != "Garage" || b.Serial != "S2" {
		t.Errorf("the second is %+v", b)
	}
}

// problems are the lines of an error.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var list settings.Problems
	if !errors.As(err, &list) || fault.KindOf(err) != fault.Invalid {
		t.Fatalf("the error is %T %v", err, err)
	}
	lines := make([]string, len(list))
	for i, p := range list {
		lines[i] = p.String()
		if !strings.Contains(err.Error(), p.String()) {
			t.Errorf("the error's text lacks %q", p)
		}
	}
	return lines
}

func TestParse_TellsAllProblemsAtOnce(t *testing.T) {
	_, err := settings.Load(settings.YAML("printwire.yaml", []byte(`
http:
  lisen: ":8000"
mqtt:
  mode: sometimes
  max_packet: plenty
  users:
    - name: zigbee2mqtt
    - { name: tasmota, password: pw_secretcanary, topics: ["a/#/b"] }
printers:
  - name: "  "
    host: "not a host"
    serial: lower
    access_code: ""
    colour: red
  - { name: B, host: 10.0.0.2, serial: S1, access_code: "1", port: 70000, certificate: trust }
  - { name: C, host: 10.0.0.3, serial: S1, access_code: "1", certificate: verify }
  - just a text
homeassistant: yes
milestones: [0, 50, 101]
log: { level: loud }
unknown: true
`)))
	got := problems(t, err)
	for _, want := range []string{
		"printwire.yaml:3: http.lisen: there is no such setting; did you mean listen?",
		"printwire.yaml:6: mqtt.max_packet: must be a whole number",
		"printwire.yaml:15: printers[0].colour: there is no such setting",
		"printwire.yaml:18: printers[3]: must be a group of names, not a single value",
		"printwire.yaml:19: homeassistant: must be a group of names, not a single value",
		"printwire.yaml:22: unknown: there is no such setting",
		"mqtt.mode: must be one of auto, embedded, external, both",
		"mqtt.users[0].password: must be set",
		"mqtt.users[1].password: must not start with pw_",
		"mqtt.users[1].topics[0]: must be a topic filter",
		"printers[0].name: must be more than spaces",
		"printers[0].host: must be an IP address or a host name",
		"printers[0].serial: must have 1 to 50 of A-Z",
		"printers[0].access_code: must have 1 to 20 characters",
		"printers[1].port: must be 0 to 65535",
		"printers[1].certificate: must be pin, verify or insecure, or left out",
		"printers[2].roots: must be set when certificate is verify",
		"printers[2].serial: is that of printers[1] too",
		"milestones[0]: must be 1 to 100",
		"milestones[2]: must be 1 to 100",
		"log.level: must be one of",
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("no problem %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("a password is in the error: %v", err)
	}
}

func TestOptions_Load_RefusesAFamilyThatThereIsNot(t *testing.T) {
	text := []byte("http: { lisen: ':1' }\nprinters: [ { host: h, serial: S, access_code: '1', family: bamboo } ]\n")
	o := settings.Options{Families: []string{"bambu", "other"}}
	_, err := o.Load(settings.YAML("f", text))
	if got := problems(t, err); len(got) != 2 || got[1] != "printers[0].family: must be one of bambu, other" {
		t.Errorf("problems are %q", got)
	}
	if _, err := o.Load(settings.YAML("f", []byte("printers: [ { host: h, serial: S, access_code: '1' } ]"))); err != nil {
		t.Errorf("with the default family: %v", err)
	}
}

func TestParse_APrinterWithoutANameIsCalledByItsSerial(t *testing.T) {
	s, err := settings.Parse([]byte("printers: [ { host: h, serial: S1, access_code: '1' } ]"))
	if err != nil || s.Printers[0].Name != "S1" {
		t.Errorf("%+v, %v", s.Printers, err)
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unclosed bracket", "http: { listen: ':1'", "is not valid YAML"},
		{"a name set twice", "mqtt:\n  mode: auto\n  mode: both\n", "a name is set twice"},
		{"two documents", "http: {}\n---\nmqtt: {}\n", "single document"},
		{"bytes that are no text", "http: \xff\xfe", "UTF-8"},
		{"a document of 300 kB", "# " + strings.Repeat("x", 300<<10), "at most 256 kB"},
		{"10,000 brackets", "http: " + strings.Repeat("[", 10000), "nested deeper"},
		{"10,000 dashes", strings.Repeat("- ", 10000), "nested deeper"},
		{"a list at the top", "- a\n- b\n", "must be a group of names, not a list"},
		{"a single text", "hello", "must be a group of names, not a single value"},
		{"an alias to nothing", "http: *nowhere", "alias"},
		{"a tag", "http: !!binary aGVsbG8=", "tags are not supported"},
		{"a list where a text belongs", "http: { listen: [a] }", "http.listen: must be a text, not a list"},
		{"an empty entry", "printers: [ null ]", "printers[0]: must not be empty"},
		{"a fraction", "mqtt: { max_packet: 1.5 }", "mqtt.max_packet: must be a whole number"},
		{"a huge number", "mqtt: { max_packet: 99999999999999999999 }", "mqtt.max_packet: must be a whole number"},
		{"HTTPS without a port", "http: { tls_listen: '8443' }", "http.tls_listen: must be an address and a port"},
		{"HTTPS and HTTP at one port", "http: { listen: ':8443', tls_listen: ':8443' }", "http.tls_listen: must be another port"},
		{"a certificate without its key", "http: { certificate: /ssl/fullchain.pem }", "http.key: must be set"},
		{"a key without its certificate", "http: { key: /ssl/privkey.pem }", "http.certificate: must be set"},
		{"a public URL without a scheme", "http: { public_url: printwire.example.org }", "http.public_url: must be a URL"},
		{"a public URL of another kind", "http: { public_url: 'ftp://printwire.example.org' }", "http.public_url: must be a URL"},
		{"a public URL with a path", "http: { public_url: 'https://example.org/printwire' }", "http.public_url: must be a URL without a path"},
		{"a public URL with a question", "http: { public_url: 'https://example.org?' }", "http.public_url: must be a URL without a path"},
		{"a public URL with a login", "http: { public_url: 'https://me:canary@example.org' }", "http.public_url: must not have a login"},
		{"a public URL with an odd host", "http: { public_url: 'https://a_b!c' }", "http.public_url: the host must be"},
		{"every origin", "http: { cors_origins: ['*'] }", "http.cors_origins[0]: must be one origin"},
		{"origins by a pattern", "http: { cors_origins: ['https://a.example', 'https://*.example'] }", "http.cors_origins[1]: must be one origin"},
		{"the origin of files", "http: { cors_origins: ['null'] }", "http.cors_origins[0]: must be an origin"},
		{"an origin with a path", "http: { cors_origins: ['https://a.example/'] }", "http.cors_origins[0]: must be an origin without a path"},
		{"no requests", "http: { max_requests: 0 }", "http.max_requests: must be 1"},
		{"endless streams", "http: { max_streams: 1000000 }", "http.max_streams: must be 1 to 10000"},
		{"an owner who may nothing", "keys: { owner_limit: 0 }", "keys.owner_limit: must be 1"},
		{"an archive without records", "archive: { records: 0 }", "archive.records: must be 1"},
		{"an archive of the future", "archive: { days: -1 }", "archive.days: must be 0"},
		{"a listen address without port", "http: { listen: '8000' }", "http.listen: must be an address and a port"},
		{"a port out of range", "http: { listen: ':99999' }", "http.listen: the port must be"},
		{"TLS without a certificate", "mqtt: { tls_listen: ':8883' }", "mqtt.certificate: must be set"},
		{"external without a host", "mqtt: { mode: external }", "mqtt.external.host: must be set"},
		{"a prefix with a wildcard", "homeassistant: { discovery_prefix: 'a/+' }", "homeassistant.discovery_prefix: must be a topic"},
		{"a control character", "printers: [ { name: \"a\\u0007b\", host: h, serial: S, access_code: '1' } ]", "printers[0].name: must not have control characters"},
		{"an alias bomb", bomb(), "too large or too deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := settings.Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

// bomb is a document whose aliases would grow to 10^9 values.
func bomb() string {
	var b strings.Builder
	b.WriteString("milestones: &a0 [1,1,1,1,1,1,1,1,1,1]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "x%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String()
}

func TestLoad_StrongerLayersWin(t *testing.T) {
	file := settings.YAML("file", []byte("http: { listen: ':1' }\nmqtt: { listen: ':1', ws_listen: ':1' }\nlog: { level: warn }\nmilestones: [10]\n"))
	options := settings.Values("options.json", map[string]any{
		"http": map[string]any{"listen": ":2"}, "mqtt": map[string]any{"listen": ":2", "ws_listen": ""}, "milestones": []any{}, "printers": nil,
	}, nil)
	env := settings.Environment([]string{"PRINTWIRE_MQTT_LISTEN=:3", "PRINTWIRE_LOG_LEVEL=error", "PATH=/bin"}, nil)
	flags := settings.Flags(map[string]string{"log.level": "debug", "http.hosts": "a.example.org, b.example.org"})
	s, err := settings.Load(file, options, env, flags)
	if err != nil {
		t.Fatal(err)
	}
	if s.HTTP.Listen != ":2" || s.MQTT.Listen != ":3" || s.MQTT.WSListen != ":1" || s.Log.Level != "debug" ||
		!slices.Equal(s.Milestones, []int{10}) || !slices.Equal(s.HTTP.Hosts, []string{"a.example.org", "b.example.org"}) {
		t.Errorf("settings are %+v", s)
	}
}

func TestEnvironment_Names(t *testing.T) {
	read := func(path string) ([]byte, error) {
		if path == "/run/code" {
			return []byte("code from file\n"), nil
		}
		return nil, errors.New("no such file")
	}
	s, err := settings.Load(settings.YAML("file", []byte(contract)), settings.Environment([]string{
		"PRINTWIRE_PRINTERS_0_ACCESS_CODE_FILE=/run/code", "PRINTWIRE_PRINTERS_1_NAME=Second", "PRINTWIRE_PRINTERS_1_HOST=10.0.0.9",
		"PRINTWIRE_PRINTERS_1_SERIAL=S2", "PRINTWIRE_PRINTERS_1_ACCESS_CODE=a=b", "PRINTWIRE_MILESTONES=5, 95",
		"PRINTWIRE_MQTT_EXTERNAL_TLS=true", "PRINTWIRE_MQTT_EXTERNAL_HOST=broker", "PRINTWIRE_HOMEASSISTANT_DISCOVERY_PREFIX=ha",
		"PRINTWIRE_DATA=/x", "PRINTWIRE_ACCESS_CODE=12345678", "PRINTWIRE_SERVICE_HOST=10.0.0.1", "PRINTWIRE_PORT=tcp://10.0.0.1:80", "PRINTWIRE_TEST_X=1",
	}, read))
	if err != nil {
		t.Fatal(err)
	}
	if s.Printers[0].AccessCode.Reveal() != "code from file" || s.Printers[0].Host != "192.168.1.50" {
		t.Errorf("the first printer is %+v with %q", s.Printers[0], s.Printers[0].AccessCode.Reveal())
	}
	if p := s.Printers[1]; p.Name != "Second" || p.AccessCode.Reveal() != "a=b" || p.Family != "bambu" {
		t.Errorf("the second printer is %+v", p)
	}
	if !slices.Equal(s.Milestones, []int{5, 95}) || s.MQTT.External.Port != 8883 || s.HomeAssistant.DiscoveryPrefix != "ha" {
		t.Errorf("settings are %+v", s)
	}
}

func TestEnvironment_Problems(t *testing.T) {
	read := func(string) ([]byte, error) { return nil, errors.New("no such file") }
	_, err := settings.Load(settings.Environment([]string{
		"PRINTWIRE_HTTP_LISTN=:1", "PRINTWIRE_PRINTERS_X_NAME=a", "PRINTWIRE_PRINTERS_99999_NAME=a", "PRINTWIRE_HTTP=:1",
		"PRINTWIRE_HTTP_LISTEN_FILE=/x", "PRINTWIRE_MQTT_EXTERNAL_PASSWORD_FILE=/missing", "PRINTWIRE_MQTT_EXTERNAL_PORT=many",
		"PRINTWIRE_MQTT_KEY=a", "PRINTWIRE_MQTT_KEY_FILE=/missing",
	}, read))
	text := strings.Join(problems(t, err), "\n")
	for _, want := range []string{
		"PRINTWIRE_HTTP_LISTN: there is no such", "PRINTWIRE_PRINTERS_X_NAME: there is no", "PRINTWIRE_PRINTERS_99999_NAME: there is no",
		"PRINTWIRE_HTTP: there is no", "PRINTWIRE_HTTP_LISTEN_FILE: there is no", "PRINTWIRE_MQTT_EXTERNAL_PASSWORD_FILE: the file cannot be read",
		"mqtt.external.port: must be a whole number", "PRINTWIRE_MQTT_KEY_FILE: is set twice",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no problem %q in\n%s", want, text)
		}
	}
}

func TestSettings_Files(t *testing.T) {
	s := settings.Default()
	s.MQTT.External.CA, s.MQTT.Certificate = "/ca.pem", "-----BEGIN CERTIFICATE-----\nin place"
	s.Printers = []settings.Printer{{Roots: "/roots.pem"}}
	got, err := s.Files(func(path string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----\n" + path), nil })
	if err != nil || !strings.HasSuffix(got.MQTT.External.CA, "/ca.pem") || !strings.HasSuffix(got.Printers[0].Roots, "/roots.pem") || got.MQTT.Certificate != s.MQTT.Certificate {
		t.Errorf("%+v, %v", got, err)
	}
	if s.Printers[0].Roots != "/roots.pem" {
		t.Error("the settings that were given changed")
	}
	_, err = s.Files(func(path string) ([]byte, error) {
		if path == "/ca.pem" {
			return nil, errors.New("no such file")
		}
		return []byte("nothing"), nil
	})
	if lines := problems(t, err); len(lines) != 2 || !strings.Contains(lines[0], "mqtt.external.ca: the file cannot be read") || !strings.Contains(lines[1], "printers[0].roots: the file is not in PEM form") {
		t.Errorf("problems are %v", lines)
	}
}

func TestSettings_Files_DoesNotRepeatAKeyThatWasTakenForAFile(t *testing.T) {
	s := settings.Default()
	s.MQTT.Key = "MIGHcanary"
	_, err := s.Files(os.ReadFile)
	if lines := problems(t, err); len(lines) != 1 || !strings.Contains(lines[0], "mqtt.key: the file cannot be read") || strings.Contains(err.Error(), "canary") {
		t.Errorf("problems are %v", lines)
	}
}

func TestSettings_SecretsAreNeverShown(t *testing.T) {
	s, err := settings.Parse([]byte(strings.ReplaceAll(contract, "12345678", "canary1")))
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("settings", "all", s)
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v", s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), string(encoded), log.String()} {
		if strings.Contains(text, "canary1") || strings.Contains(text, "swordfish") {
			t.Errorf("a secret is in %s", text)
		}
	}
}

func TestUser_Rules(t *testing.T) {
	got := settings.User{Topics: []string{"zigbee2mqtt/#", "read homeassistant/#", "deny $SYS/#", "my topic/#"}}.Rules()
	want := []settings.Rule{{"readwrite", "zigbee2mqtt/#"}, {"read", "homeassistant/#"}, {"deny", "$SYS/#"}, {"readwrite", "my topic/#"}}
	if !slices.Equal(got, want) {
		t.Errorf("rules are %v", got)
	}
}

func TestFields_EverySettingIsNamedAndDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range settings.Fields() {
		if seen[f.Path] || f.Path == "" || strings.HasSuffix(f.Path, ".") || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%+v lacks a name or a sentence, or stands twice", f)
		}
		seen[f.Path] = true
	}
	for _, path := range []string{
		"http.listen", "http.tls_listen", "http.public_url", "keys.allow_admin_keys", "archive.days", "mqtt.mode", "mqtt.listen", "mqtt.tls_listen", "mqtt.ws_listen", "mqtt.users[].name", "mqtt.users[].password",
		"mqtt.users[].topics", "mqtt.max_packet", "mqtt.external.ca", "printers[].access_code", "printers[].roots", "homeassistant.discovery_prefix", "log.level", "milestones",
		"webhooks[].url", "webhooks[].milestones.every_layers", "webhook_addresses.only", "backup.at", "time_zone", "filament.currency", "filament.prices[].price_per_kg",
	} {
		if !seen[path] {
			t.Errorf("there is no setting %s", path)
		}
	}
	if n := reflect.TypeFor[settings.Settings]().NumField(); n != 13 {
		t.Errorf("there are %d groups; describe a new one in the test", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{contract, "", "a: &x [*x]", "? a\n: b", "printers:\n  - {<<: *a}", "[[[", "\"\\x\"", "mqtt: |\n  a\n b", "%YAML 1.1\n---\n", "a: !t b", bomb()} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := settings.Parse(data)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("the error is not Invalid: %v", err)
			}
			return
		}
		for _, p := range s.Printers {
			if p.Name == "" || p.Serial == "" || p.AccessCode == "" || p.Family == "" {
				t.Fatalf("a printer passed that lacks something: %+v", p)
			}
		}
		if len(s.MQTT.Listen) == 0 || s.MQTT.MaxPacket <= 0 {
			t.Fatalf("settings passed that lack something: %+v", s)
		}
	})
}

func FuzzEnvironment(f *testing.F) {
	f.Add("PRINTWIRE_PRINTERS_0_NAME", "a")
	f.Add("PRINTWIRE_MQTT_USERS_3_TOPICS", "a,b")
	f.Add("PRINTWIRE___FILE", "")
	f.Fuzz(func(t *testing.T, name, value string) {
		_, err := settings.Load(settings.Environment([]string{name + "=" + value, "PRINTWIRE_" + name + "=" + value}, func(string) ([]byte, error) { return nil, errors.New("none") }))
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("the error is not Invalid: %v", err)
		}
	})
}

func TestProblems_AreNotToldWithoutEnd(t *testing.T) {
	_, err := settings.Parse([]byte("milestones: [" + strings.Repeat("x,", 900) + "x]"))
	if lines := strings.Count(err.Error(), "\n"); lines > 60 || !strings.Contains(err.Error(), "and 851 more") {
		t.Errorf("%d lines:\n%s", lines, err)
	}
}
