package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// house is a data folder with its settings, and the addresses that they name:
// the same over all restarts.
type house struct {
	t      *testing.T
	data   string
	access access // MQTT login of Home Assistant, HTTP
}

// newHouse makes a data folder with a settings file of which %[1]d is the HTTP
// port and %[2]d the broker's.
func newHouse(t *testing.T, settings string) *house {
	t.Helper()
	h := &house{t: t, data: t.TempDir()}
	web := freePort(t)
	h.access.HTTP = "http://127.0.0.1:" + strconv.Itoa(web)
	h.access.MQTT.Host, h.access.MQTT.Port = "127.0.0.1", freePort(t)
	h.access.MQTT.Username = "homeassistant"
	h.settings(strings.NewReplacer("%[1]d", strconv.Itoa(web), "%[2]d", strconv.Itoa(h.access.MQTT.Port)).Replace(settings))
	return h
}

// settings writes the settings file.
func (h *house) settings(text string) {
	h.t.Helper()
	if err := os.WriteFile(h.file(), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) file() string { return filepath.Join(h.data, "printwire.yaml") }

// edit replaces a text in the settings file.
func (h *house) edit(old, replacement string) {
	h.t.Helper()
	text, err := os.ReadFile(h.file())
	if err != nil {
		h.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		h.t.Fatalf("the settings have no %q:\n%s", old, text)
	}
	h.settings(strings.Replace(string(text), old, replacement, 1))
}

// serve runs the bridge until it is ready, and learns Home Assistant's login.
func (h *house) serve() *program {
	h.t.Helper()
	p := start(h.t, "serve", "--data", h.data)
	p.out.wait(h.t, "msg=ready", patience)
	var login struct{ Password string }
	h.ask(&login, "users", "show", "homeassistant")
	h.access.MQTT.Password = login.Password
	return p
}

// run is a command to the bridge.
func (h *house) run(args ...string) (string, error) {
	h.t.Helper()
	return run(h.t, append(args, "--data", h.data)...)
}

// must is a command that has to work.
func (h *house) must(args ...string) string {
	h.t.Helper()
	out, err := h.run(args...)
	if err != nil {
		h.t.Fatalf("printwire %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// ask is a command whose answer is decoded from JSON.
func (h *house) ask(into any, args ...string) {
	h.t.Helper()
	out := h.must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		h.t.Fatalf("printwire %s --json: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// printer is a row of "printers list".
type printerRow struct {
	ID                            int
	Name, Model, Serial, Activity string
	Problem                       string
	Managed                       bool
}

func (h *house) printers() map[string]printerRow {
	h.t.Helper()
	var rows []printerRow
	h.ask(&rows, "printers", "list")
	found := map[string]printerRow{}
	for _, r := range rows {
		found[r.Serial] = r
	}
	return found
}

// key makes an API key and takes it from the last line.
func (h *house) key(scopes ...string) string {
	h.t.Helper()
	args := []string{"keys", "create", "--name", "Test"}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	out := strings.Split(strings.TrimSuffix(h.must(args...), "\n"), "\n")
	key := out[len(out)-1]
	if !regexp.MustCompile(`^pw_[A-Za-z0-9_]{20,}$`).MatchString(key) {
		h.t.Fatalf("the last line is not a key alone: %q", key)
	}
	return key
}

// code is the exit code of a process that has ended.
func code(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// fake is a simulated printer in a process of its own.
type fake struct {
	t                         *testing.T
	model, serial, accessCode string
	port                      int
	process                   *program
}

// newFake makes a simulated printer that is off; its port stays.
func newFake(t *testing.T, model, serial string) *fake {
	t.Helper()
	return &fake{t: t, model: model, serial: serial, accessCode: "12345678", port: freePort(t)}
}

// on switches it on; each time it has a new certificate.
func (f *fake) on(args ...string) {
	f.t.Helper()
	f.process = start(f.t, append([]string{
		"simulate", "--model", f.model, "--serial", f.serial, "--access-code", f.accessCode,
		"--listen", "127.0.0.1:" + strconv.Itoa(f.port),
	}, args...)...)
	f.process.out.wait(f.t, "Simulated "+f.model, patience)
}

// off switches it off.
func (f *fake) off() {
	f.t.Helper()
	f.process.stop()
}

// flags name it on the command line.
func (f *fake) flags(more ...string) []string {
	return append([]string{
		"--host", "127.0.0.1", "--port", strconv.Itoa(f.port), "--serial", f.serial, "--access-code", f.accessCode,
	}, more...)
}

// yaml is it in the settings.
func (f *fake) yaml(name, certificate string) string {
	return fmt.Sprintf("  - { name: %q, host: 127.0.0.1, port: %d, serial: %s, access_code: %q, certificate: %s }\n",
		name, f.port, f.serial, f.accessCode, certificate)
}

// get asks the REST API of a house and gives the HTTP status and the body.
func (h *house) get(path, key string) (int, string) {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.access.HTTP+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("X-API-Key", key)
	}
	response, err := checked(h.t).Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
