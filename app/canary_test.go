package app_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/logbook"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// shared is a text that many write and one reads.
type shared struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// cage is a program with planted secrets, and all that it says.
type cage struct {
	*running
	data     string
	log      shared
	key      string
	leak     *slog.Logger
	canaries map[string]string
	said     map[string]string
}

// newCage starts a program whose every secret is known to the test.
func newCage(t *testing.T, format string) *cage {
	t.Helper()
	c := &cage{data: t.TempDir(), said: map[string]string{}, canaries: map[string]string{
		"the access code of a managed printer": "CANARYa1", "the access code of an added printer": "CANARYb2", "the access code of a tried printer": "CANARYc3",
		"a user's password": "CANARY d4 \"quoted\"", "the outside broker's password": "CANARYe5", "the Supervisor's token": "CANARYf6",
		"a wrong password of a person": "CANARYg7", "a wrong password of an MQTT login": "CANARYh8", "a wrong client secret": "pw_cs_CANARYi9CANARYi9CANARYi9",
		"a wrong key": "pw_live_CANARYjACANARYjACANARYjACANARYjACANARYjACANARY1", "a key of another program": "bb_CANARYkBCANARYkBCANARYkB", "a key of no form": "CANARYlC",
		"a webhook's path": "/hook/CANARYmD", "a webhook's header": "CANARYnE", "a webhook's secret": "whsec_CANARYoFCANARYoFCANARYoFCANARYoF",
	}}
	server := httptest.NewServer(&supervisor{offered: make(chan map[string]any, 9)})
	t.Cleanup(server.Close)
	printer := simulated(t, "X1C")
	c.canaries["the access code of a printer that is there"] = printer.AccessCode.Reveal()
	gone := printer
	gone.Name, gone.Serial, gone.Port, gone.AccessCode = "Gone", "00M00A000000777", 1, secret.Text(c.canaries["the access code of a managed printer"])
	book := logbook.New(&c.log)
	level := new(slog.LevelVar)
	level.Set(slog.LevelDebug)
	o := app.Options{Settings: secure(), Data: c.data, Version: "test", Book: book, Log: book.Logger(format, level), Level: level,
		Token: secret.Text(c.canaries["the Supervisor's token"]), SupervisorURL: server.URL}
	c.leak = o.Log
	s := &o.Settings
	s.MQTT.Mode = "both"
	s.MQTT.External = settings.External{Host: "127.0.0.1", Port: 1, User: "out", Password: secret.Text(c.canaries["the outside broker's password"])}
	s.MQTT.Users = []settings.User{{Name: "z2m", Password: secret.Text(c.canaries["a user's password"]), Topics: []string{"z/#"}}}
	s.Printers = []settings.Printer{printer, gone}
	s.WebhookAddresses.Loopback = true
	s.Webhooks = []settings.Webhook{{
		ID: "canary", Name: "Canary", URL: secret.Text("http://127.0.0.1:1" + c.canaries["a webhook's path"]), Events: []string{"*"},
		Headers: []secret.Text{secret.Text("X-Token: " + c.canaries["a webhook's header"])}, Secret: secret.Text(c.canaries["a webhook's secret"]),
	}}
	s.Keys.AllowAdminKeys = true
	s.HTTP.PublicURL = "https://printwire.example.org"
	c.running = begin(t, o)
	made, err := c.app.CreateKey(t.Context(), app.KeyRequest{Name: "all", Scopes: []string{"admin"}})
	if err != nil {
		t.Fatal(err)
	}
	c.key = made.Key
	c.canaries["the key"] = made.Key
	login, err := c.app.MQTTLogin()
	if err != nil {
		t.Fatal(err)
	}
	c.canaries["Home Assistant's password"] = login.Password
	c.canaries["the administrator's password"] = administrator(t, c.data)
	return c
}

// call sends a request and keeps what is answered, headers too.
func (c *cage) call(method, path, kind, body string, header ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+c.ready.HTTP+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	var all bytes.Buffer
	_ = answer.Header.Write(&all)
	c.said[method+" "+path+" "+body] = all.String() + string(text)
	return string(text)
}

func TestCanaries_NoSecretIsSaidAnywhere(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			c := newCage(t, format)
			c.provoke()
			c.slip()
			c.read()
			if err := c.stop(); err != nil {
				t.Fatal(err)
			}
			c.said["the log"] = c.log.String()
			for what, text := range c.said {
				c.search(what, text)
			}
			if n := strings.Count(c.said["the log"], "\n"); n < 30 {
				t.Errorf("the log has %d lines: the test searches nothing", n)
			}
		})
	}
}

// search looks for every canary in a text, in all its spellings.
func (c *cage) search(what, text string) {
	c.t.Helper()
	for name, canary := range c.canaries {
		quoted, _ := json.Marshal(canary)
		for _, spelling := range []string{canary, string(quoted[1 : len(quoted)-1]), url.QueryEscape(canary)} {
			if at := strings.Index(text, spelling); at >= 0 {
				c.t.Errorf("%s shows %s: …%s…", what, name, text[max(0, at-120):min(len(text), at+len(spelling)+20)])
			}
		}
	}
}

// provoke does what goes wrong, with secrets at hand.
func (c *cage) provoke() {
	k := c.canaries
	for _, name := range []string{"a wrong key", "a key of another program", "a key of no form"} {
		c.call(http.MethodGet, "/api/v1/printers", "", "", "X-API-Key", k[name])
		c.call(http.MethodGet, "/api/v1/printers", "", "", "Authorization", "Bearer "+k[name])
		c.call(http.MethodGet, "/api/v1/none?apikey="+k[name], "", "")
	}
	json := "application/json"
	gone := `{"name":"Added","ip_address":"127.0.0.1","port":1,"serial_number":"00M00A000000888","access_code":"` + k["the access code of an added printer"] + `"}`
	c.call(http.MethodPost, "/api/v1/printers", json, gone, "X-API-Key", c.key)
	tried := strings.ReplaceAll(strings.ReplaceAll(gone, "888", "999"), k["the access code of an added printer"], k["the access code of a tried printer"])
	c.call(http.MethodPost, "/api/v1/printers/test", json, tried, "X-API-Key", c.key)
	for _, body := range []string{
		`{"access_code":["` + k["the access code of a tried printer"] + `"]}`, `{"` + k["a key of no form"] + `":1}`, `{"name":"x","access_code":"` + k["a key of no form"],
		`{"name":"` + k["a key of no form"] + `","name":"x"}`, `{"ip_address":"` + strings.Repeat(k["a key of no form"], 99) + `"}`,
	} {
		c.call(http.MethodPost, "/api/v1/printers", json, body, "X-API-Key", c.key)
	}
	form := "application/x-www-form-urlencoded"
	c.call(http.MethodPost, "/oauth/login", form, url.Values{"name": {"admin"}, "password": {k["a wrong password of a person"]}}.Encode())
	c.call(http.MethodPost, "/oauth/token", form, url.Values{
		"grant_type": {"refresh_token"}, "client_id": {"none"}, "client_secret": {k["a wrong client secret"]}, "refresh_token": {"pw_rt_" + k["a key of no form"]},
	}.Encode())
	for user, password := range map[string]string{"z2m": k["a wrong password of an MQTT login"], "key": k["a wrong key"], "": k["a key of no form"]} {
		if link, err := client.Dial(c.t.Context(), client.LinkOptions{Address: c.ready.MQTT, User: user, Password: secret.Text(password), ClientID: "canary" + user}); err == nil {
			link.Close()
		}
	}
}

// slip logs, as a mistake would, every secret that the program has or that has
// the form of one.
func (c *cage) slip() {
	for name, canary := range c.canaries {
		if !strings.HasPrefix(name, "a wrong password") && name != "a key of no form" && name != "the administrator's password" {
			c.leak.Warn("a mistake", "text", canary, "error", errors.New("refused: "+canary))
		}
	}
}

// read calls everything that can be read.
func (c *cage) read() {
	description := c.call(http.MethodGet, "/api/v1/openapi.json", "", "", "X-API-Key", c.key)
	var spec struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(description), &spec); err != nil || len(spec.Paths) < 40 {
		c.t.Fatalf("the description has %d paths: %v", len(spec.Paths), err)
	}
	parameter := regexp.MustCompile(`\{[^}]+\}`)
	for path, operations := range spec.Paths {
		// A stream has no end; its documents are those of the printers.
		if _, ok := operations["get"]; ok && path != "/api/v1/events" {
			key, err := c.app.CreateKey(c.t.Context(), app.KeyRequest{Name: "one", Scopes: []string{"admin"}})
			if err != nil {
				c.t.Fatal(err)
			}
			c.call(http.MethodGet, parameter.ReplaceAllString(path, "1"), "", "", "X-API-Key", key.Key)
		}
	}
	c.unzip(c.call(http.MethodGet, "/api/v1/system/diagnostics", "", "", "X-API-Key", c.key))
	if !strings.Contains(c.said["log.txt of the diagnostics"], "level") {
		c.t.Errorf("the diagnostics have no log: %s", c.said["log.txt of the diagnostics"])
	}
	for name, text := range c.said {
		if strings.HasSuffix(name, "of the diagnostics") && strings.Contains(text, "00M00A000000777") {
			c.t.Errorf("%s shows a serial", name)
		}
	}
	entries, err := filepath.Glob(filepath.Join(c.data, "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range entries {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
			c.t.Errorf("%s may be read by others: %v", name, info.Mode())
		}
	}
}

// unzip keeps the files of the diagnostics.
func (c *cage) unzip(text string) {
	archive, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	if err != nil {
		c.t.Fatalf("the diagnostics are no zip: %v", err)
	}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			c.t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			c.t.Fatal(err)
		}
		c.said[f.Name+" of the diagnostics"] = string(content)
	}
}
