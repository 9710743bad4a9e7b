package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// homeAssistant is a real one, started for one test.
type homeAssistant struct {
	t      *testing.T
	folder string
	env    []string
	// kept is the folder of all that it keeps.
	kept string
}

// startHomeAssistant starts a real Home Assistant on a free port.
func startHomeAssistant(t *testing.T, args ...string) *homeAssistant {
	t.Helper()
	shared := os.Getenv("PRINTWIRE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	h := &homeAssistant{t: t, folder: filepath.Join(shared, "realha")}
	if _, err := os.Stat(filepath.Join(h.folder, "up")); err != nil {
		t.Skipf("no Home Assistant to start: %v (PRINTWIRE_SHARED names the folder that has realha)", err)
	}
	h.kept = t.TempDir()
	h.env = append(os.Environ(), "REALHA_STATE="+h.kept, "REALHA_PORT="+strconv.Itoa(freePort(t)))
	h.must("up", args...)
	t.Cleanup(func() { _, _ = h.call("down") })
	return h
}

// call runs one of its programs.
func (h *homeAssistant) call(program string, args ...string) (string, error) {
	cmd := exec.Command("./"+program, args...)
	cmd.Dir, cmd.Env = h.folder, h.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (h *homeAssistant) must(program string, args ...string) string {
	h.t.Helper()
	out, err := h.call(program, args...)
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

// login is its address and the token of an administrator.
func (h *homeAssistant) login() (url, token string) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.kept, "env"))
	if err != nil {
		h.t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[k] = strings.Trim(v, `"'`)
		}
	}
	return env["URL"], env["TOKEN"]
}

// join connects it to a broker.
func (h *homeAssistant) join(a access) {
	h.t.Helper()
	h.must("ha.py", "mqtt", a.MQTT.Host, strconv.Itoa(a.MQTT.Port), a.MQTT.Username, a.MQTT.Password)
}

// entity is a row of its entity registry.
type entity struct {
	EntityID     string  `json:"entity_id"`
	UniqueID     string  `json:"unique_id"`
	DeviceID     string  `json:"device_id"`
	OriginalName *string `json:"original_name"`
	Category     *string `json:"entity_category"`
	DisabledBy   *string `json:"disabled_by"`
	Device       string  `json:"device"`
}

// entities are those whose unique id begins with a text.
func (h *homeAssistant) entities(prefix string) []entity {
	h.t.Helper()
	var all, found []entity
	h.decode(h.must("ha.py", "entities", "--json"), &all)
	for _, e := range all {
		if strings.HasPrefix(e.UniqueID, prefix) {
			found = append(found, e)
		}
	}
	return found
}

// state is the state of an entity.
type state struct {
	EntityID   string         `json:"entity_id"`
	State      string         `json:"state"`
	Attributes map[string]any `json:"attributes"`
}

func (h *homeAssistant) states() map[string]state {
	h.t.Helper()
	var all []state
	h.decode(h.must("ha.py", "states", "--json"), &all)
	byID := map[string]state{}
	for _, s := range all {
		byID[s.EntityID] = s
	}
	return byID
}

func (h *homeAssistant) state(id string) state {
	h.t.Helper()
	var s state
	out, err := h.call("ha.py", "state", id)
	if err == nil {
		h.decode(out, &s)
	}
	return s
}

func (h *homeAssistant) decode(text string, into any) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		h.t.Fatalf("decoding: %v\n%.400s", err, text)
	}
}

// becomes waits until an entity has a state.
func (h *homeAssistant) becomes(id, want string, limit time.Duration) {
	h.t.Helper()
	eventually(h.t, id+" becomes "+want, limit, func() (bool, string) {
		s := h.state(id)
		return s.State == want, s.State
	})
}

// early waits until a printer prints and is not near the end of it, where what a
// test does next would come too late: it has some of its minutes left.
func (h *homeAssistant) early(slug string) {
	h.t.Helper()
	eventually(h.t, slug+" prints and has time left", 4*patience, func() (bool, string) {
		activity, left := h.state("sensor."+slug+"_activity").State, h.state("sensor."+slug+"_remaining_time").State
		minutes, err := strconv.ParseFloat(left, 64)
		return activity == "printing" && err == nil && minutes >= 8, activity + ", minutes left: " + left
	})
}

// action calls an action on an entity.
func (h *homeAssistant) action(domain, service, entity, data string) {
	h.t.Helper()
	body := fmt.Sprintf(`{"entity_id":%q%s}`, entity, data)
	h.must("ha.py", "call", domain, service, body)
}

// device is the registry's id of the device with an identifier.
func (h *homeAssistant) device(identifier string) string {
	h.t.Helper()
	var all []struct {
		ID          string     `json:"id"`
		Identifiers [][]string `json:"identifiers"`
	}
	h.decode(h.must("ha.py", "devices", "--json"), &all)
	for _, d := range all {
		for _, pair := range d.Identifiers {
			if len(pair) == 2 && pair[1] == identifier {
				return d.ID
			}
		}
	}
	return ""
}

// settled waits until no more entities are registered.
func (h *homeAssistant) settled(prefix string) {
	h.t.Helper()
	last, same := 0, 0
	eventually(h.t, "the entities are registered", patience, func() (bool, string) {
		n := len(h.entities(prefix))
		if same++; n != last || n == 0 {
			last, same = n, 0
		}
		return same >= 12, strconv.Itoa(n) + " entities"
	})
}

// chatter is what Home Assistant says when many entities come and go while it
// logs more than warnings, as the one of these tests does: of its own count of
// lines, not of anything that is wrong.
const chatter = "is logging too frequently"

// clean fails the test when Home Assistant has logged a warning about MQTT
// since the mark.
func (h *homeAssistant) clean() {
	h.t.Helper()
	h.quiet(chatter)
}

// cleanBut takes warnings with a text as Home Assistant's own too, and starts anew.
func (h *homeAssistant) cleanBut(own string) {
	h.t.Helper()
	h.quiet(chatter, own)
	h.must("ha.py", "log", "--mark")
}

func (h *homeAssistant) quiet(own ...string) {
	h.t.Helper()
	out, err := h.call("ha.py", "log", "--since-mark", "--fail")
	if err == nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines[:len(lines)-1] { // the last one is the count
		if !slices.ContainsFunc(own, func(text string) bool { return strings.Contains(line, text) }) {
			h.t.Errorf("Home Assistant logged: %s", line)
		}
	}
	if len(lines) < 2 {
		h.t.Errorf("reading Home Assistant's log: %v: %s", err, out)
	}
}
