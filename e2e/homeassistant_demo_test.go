package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden lists of entities anew")

// TestHomeAssistant_Demo shows the demo's printers to a real Home Assistant
// and drives them from there. Its steps build on each other.
func TestHomeAssistant_Demo(t *testing.T) {
	ends(t)
	need(t, "mosquitto_sub")
	ports := []string{"--mqtt", "127.0.0.1:" + strconv.Itoa(freePort(t)), "--data", t.TempDir(), "--speed", "20"}
	p, a := demo(t, ports...)
	h := startHomeAssistant(t)
	h.join(a)
	h.settled("printwire_")
	for _, pr := range a.Printers {
		t.Run("golden list of "+pr.Model, func(t *testing.T) { golden(t, h, pr.Model, pr.Serial) })
	}
	t.Run("grams, cover, objects and trays of each print", func(t *testing.T) { sliced(t, h, a) })
	t.Run("values follow", func(t *testing.T) { follow(t, h) })
	t.Run("commands reach the printer and come back", func(t *testing.T) { commands(t, h) })
	t.Run("triggers and event entities fire", func(t *testing.T) { triggers(t, h, a) })
	t.Run("back after a restart of Home Assistant", func(t *testing.T) {
		h.must("ha.py", "restart")
		back(t, h)
	})
	h.clean()
	t.Run("back after a restart of the bridge", func(t *testing.T) {
		p.stop()
		h.becomes("sensor.garage_x1c_activity", "unavailable", patience)
		_, again := demo(p.t, ports...) // it has to outlive this step
		if again.MQTT != a.MQTT {
			t.Fatal("the login changed over a restart: Home Assistant would be locked out")
		}
		a = again
		back(t, h)
		h.must("ha.py", "log", "--mark") // that the broker went away is worth a warning of its own
	})
	t.Run("grams, cover and objects after the restart", func(t *testing.T) { sliced(t, h, a); filesOnRecord(t, a) })
	t.Run("values follow after the restart", func(t *testing.T) { follow(t, h) })
	h.clean()
}

// golden compares what Home Assistant has registered for a printer and its
// units with the reviewed list: names, ids, devices, categories, classes, units.
func golden(t *testing.T, h *homeAssistant, model, serial string) {
	path := filepath.Join("testdata", strings.ToLower(model)+".entities.txt")
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(registered(h, serial), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	// An entity is registered a moment before it has a state.
	eventually(t, "the list of "+model, patience, func() (bool, string) {
		var wrong []string
		rows := registered(h, serial)
		for _, row := range rows {
			if !slices.Contains(want, row) {
				wrong = append(wrong, "not in the list: "+row)
			}
		}
		for _, row := range want {
			if !slices.Contains(rows, row) {
				wrong = append(wrong, "missing: "+row)
			}
		}
		return len(wrong) == 0, strings.Join(wrong, "\n")
	})
}

// registered is what Home Assistant has registered for a printer and its units.
func registered(h *homeAssistant, serial string) []string {
	states := h.states()
	var rows []string
	for _, e := range h.entities("printwire_" + serial) {
		name, category, enabled := "(device class)", "-", "enabled"
		if e.OriginalName != nil {
			name = *e.OriginalName
		}
		if e.Category != nil {
			category = *e.Category
		}
		if e.DisabledBy != nil {
			enabled = "disabled"
		}
		s := states[e.EntityID]
		rows = append(rows, strings.Join([]string{
			e.EntityID, strings.TrimPrefix(e.UniqueID, "printwire_"+serial+"_"), name, e.Device, category, enabled,
			text(s, "device_class"), text(s, "state_class"), text(s, "unit_of_measurement"),
		}, " | "))
	}
	slices.Sort(rows)
	return rows
}

func text(s state, attribute string) string {
	if v, ok := s.Attributes[attribute].(string); ok {
		return v
	}
	return "-"
}

// follow wants the values of a printing job to move.
func follow(t *testing.T, h *homeAssistant) {
	for _, slug := range []string{"workshop_a1", "garage_x1c", "studio_h2d"} {
		h.becomes("sensor."+slug+"_stage", "printing", patience)
		first := h.states()
		eventually(t, slug+" moves", patience, func() (bool, string) {
			now := h.states()
			var still []string
			for _, key := range []string{"_current_layer", "_remaining_time", "_progress"} {
				if id := "sensor." + slug + key; now[id].State == first[id].State {
					still = append(still, id+" = "+now[id].State)
				}
			}
			return len(still) == 0, strings.Join(still, ", ")
		})
	}
}

// commands gives each kind of command in Home Assistant and waits for its
// effect to come back as state.
func commands(t *testing.T, h *homeAssistant) {
	for _, slug := range []string{"workshop_a1", "garage_x1c", "studio_h2d"} {
		activity := "sensor." + slug + "_activity"
		h.early(slug)
		h.action("button", "press", "button."+slug+"_pause", "")
		h.becomes(activity, "paused", patience)
		h.action("select", "select_option", "select."+slug+"_speed", `,"option":"sport"`)
		h.becomes("select."+slug+"_speed", "sport", patience)
		for _, want := range []string{"off", "on"} {
			h.action("light", "turn_"+want, "light."+slug+"_chamber_light", "")
			h.becomes("light."+slug+"_chamber_light", want, patience)
		}
		h.action("number", "set_value", "number."+slug+"_bed_target", `,"value":47`)
		eventually(t, slug+" takes the bed's target", patience, func() (bool, string) {
			s := h.state("number." + slug + "_bed_target").State
			v, err := strconv.ParseFloat(s, 64)
			return err == nil && v == 47, s
		})
		h.action("button", "press", "button."+slug+"_resume", "")
		h.becomes(activity, "printing", patience)
	}
	h.early("workshop_a1")
	h.action("button", "press", "button.workshop_a1_stop", "")
	h.becomes("sensor.workshop_a1_activity", "stopped", patience)
	h.becomes("sensor.workshop_a1_last_result", "stopped", patience)
}

// triggers makes an automation of a device trigger, and wants it and the event
// entity to fire when the job is paused.
func triggers(t *testing.T, h *homeAssistant, a access) {
	serial := a.Printers[1].Serial
	device := h.device("printwire_" + serial)
	file := filepath.Join(t.TempDir(), "triggered.yaml")
	var s strings.Builder
	s.WriteString("automation:\n")
	for _, event := range []string{"print_paused", "print_resumed"} {
		fmt.Fprintf(&s, `  - alias: %[1]s
    triggers:
      - {trigger: device, domain: mqtt, device_id: %[2]s, type: event, subtype: %[1]s}
    actions:
      - {action: mqtt.publish, data: {topic: e2e/fired, payload: %[1]s, retain: true}}
`, event, device)
	}
	if err := os.WriteFile(file, []byte(s.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	h.must("up", "--yaml", file)
	h.early("garage_x1c")
	for _, step := range [][2]string{{"pause", "print_paused"}, {"resume", "print_resumed"}} {
		h.action("button", "press", "button.garage_x1c_"+step[0], "")
		eventually(t, step[1]+" fires", patience, func() (bool, string) {
			event := text(h.state("event.garage_x1c_events"), "event_type")
			fired := a.subscribed(t, 1, "e2e/fired")["e2e/fired"]
			return event == step[1] && fired == step[1], "event entity " + event + ", automation " + fired
		})
	}
}

// back wants every printer's entities to live, and says how soon they do. Home
// Assistant tries a lost broker every 10 s only.
func back(t *testing.T, h *homeAssistant) {
	began := time.Now()
	eventually(t, "everything is back", patience, func() (bool, string) {
		for id, s := range h.states() {
			ours := strings.Contains(id, "workshop_a1") || strings.Contains(id, "garage_x1c") || strings.Contains(id, "studio_h2d")
			if ours && s.State == "unavailable" {
				return false, id + " is unavailable"
			}
		}
		return h.state("sensor.studio_h2d_activity").State != "", ""
	})
	t.Logf("back after %s", time.Since(began).Round(100*time.Millisecond))
}
