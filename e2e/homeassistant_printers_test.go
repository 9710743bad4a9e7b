package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// household is a bridge with three printers beside a real Home Assistant: one from
// the settings, one added and trusted on first use, one added and unchecked.
type household struct {
	t                       *testing.T
	h                       *homeAssistant
	house                   *house
	bridge                  *program
	shelf, workshop, garage *fake
	zigbee, tasmota         access
}

// TestHomeAssistant_Printers goes through the life of printers at a bridge.
// The steps build on each other, so the first that fails is the last.
func TestHomeAssistant_Printers(t *testing.T) {
	ends(t)
	need(t, "mosquitto_pub")
	s := newHousehold(t)
	for _, step := range []struct {
		name string
		run  func()
	}{
		{"printers added on the command line appear", s.added},
		{"the REST sensor has state and attributes", s.restSensor},
		{"another program's devices live beside ours", s.neighbour},
		{"another program may not speak in our name", s.fences},
		{"retained messages survive an end and a crash", s.restarts},
		{"a device deleted in Home Assistant stays deleted until announced again", s.deleted},
		{"a new name keeps the entity ids", s.renamed},
		{"a printer that is off", s.off},
		{"a filament changer is swapped", s.swapped},
		{"another certificate", s.certificate},
		{"a wrong access code", s.accessCode},
		{"a printer is removed", s.removed},
		{"a printer goes from the settings while the bridge is off", s.removedWhileOff},
	} {
		began := time.Now()
		t.Logf("step: %s", step.name)
		step.run()
		s.h.clean()
		if t.Failed() {
			t.FailNow()
		}
		t.Logf("      %s", time.Since(began).Round(100*time.Millisecond))
	}
	s.bridge.stop()
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	s := &household{
		t: t, shelf: newFake(t, "P1S", "01P00A000000001"), workshop: newFake(t, "A1", "03900A000000002"), garage: newFake(t, "X1C", "00M00A000000003"),
	}
	s.shelf.on("--speed", "5")
	s.workshop.on("--speed", "5")
	s.garage.on("--speed", "5")
	s.house = newHouse(t, `
http: { listen: "127.0.0.1:%[1]d" }
mqtt:
  mode: embedded
  listen: "127.0.0.1:%[2]d"
  users:
    - { name: zigbee2mqtt, password: "a long one", topics: [ "zigbee2mqtt/#", "homeassistant/#" ] }
    - { name: tasmota, password: "another long one" }
printers:
`+s.shelf.yaml("Shelf", "pin"))
	s.bridge = s.house.serve()
	s.zigbee, s.tasmota = s.house.access, s.house.access
	s.zigbee.MQTT.Username, s.zigbee.MQTT.Password = "zigbee2mqtt", "a long one"
	s.tasmota.MQTT.Username, s.tasmota.MQTT.Password = "tasmota", "another long one"
	s.h = startHomeAssistant(t)
	s.h.join(s.house.access)
	s.h.must("ha.py", "log", "--mark")
	return s
}

// again restarts the bridge. That a broker goes away is worth a warning of
// Home Assistant's own; before and after there may be none.
func (s *household) again(end, meanwhile func()) {
	s.t.Helper()
	s.h.clean()
	end()
	meanwhile()
	s.h.becomes("sensor.shelf_activity", "unavailable", patience)
	s.bridge = s.house.serve()
	eventually(s.t, "Home Assistant is connected again", patience, func() (bool, string) {
		state := s.h.state("sensor.printwire_version").State
		return state != "unavailable" && state != "", state
	})
	s.h.must("ha.py", "log", "--mark")
}

// crash ends the bridge as a loss of power does.
func (s *household) crash() {
	_ = s.bridge.cmd.Process.Kill()
	<-s.bridge.done
	s.bridge.cmd = nil
}

func nothing() {}

// prints waits until a printer prints, as Home Assistant sees it.
func (s *household) prints(slug string) {
	s.t.Helper()
	s.h.becomes("sensor."+slug+"_activity", "printing", 2*patience) // one may have to be prepared first, at a slow pace
}

// ids are the entity ids of a printer and its filament changers, sorted.
func (s *household) ids(serial string) []string {
	s.t.Helper()
	var ids []string
	for _, e := range s.h.entities("printwire_" + serial) {
		ids = append(ids, e.EntityID)
	}
	slices.Sort(ids)
	return ids
}

// gone waits until Home Assistant has neither entities nor the device of a printer.
func (s *household) gone(serial string) {
	s.t.Helper()
	eventually(s.t, serial+" is gone", patience, func() (bool, string) {
		ids := s.ids(serial)
		for _, device := range []string{"", "_ams_0", "_ams_1"} {
			if s.h.device("printwire_"+serial+device) != "" {
				return false, "the device " + serial + device
			}
		}
		return len(ids) == 0, strings.Join(ids, " ")
	})
}

// swept waits until the broker keeps nothing of a printer.
func (s *household) swept(serial string) {
	s.t.Helper()
	eventually(s.t, "nothing is retained of "+serial, patience, func() (bool, string) {
		var left []string
		for topic := range s.house.access.subscribed(s.t, 1, "printwire/"+serial+"/#", "homeassistant/device/#") {
			if strings.Contains(topic, serial) {
				left = append(left, topic)
			}
		}
		return len(left) == 0, strings.Join(left, " ")
	})
}

func (s *household) added() {
	for _, p := range []struct {
		fake              *fake
		name, certificate string
	}{{s.workshop, "Workshop", "pin"}, {s.garage, "Garage", "insecure"}} {
		if out := s.house.must(append([]string{"printers", "test"}, p.fake.flags()...)...); !strings.Contains(out, p.fake.model) {
			s.t.Errorf("the test of %s says %s", p.name, out)
		}
		s.house.must(append([]string{"printers", "add"}, p.fake.flags("--name", p.name, "--certificate", p.certificate)...)...)
	}
	s.h.settled("printwire_")
	for slug, serial := range map[string]string{"shelf": s.shelf.serial, "workshop": s.workshop.serial, "garage": s.garage.serial} {
		if s.h.device("printwire_"+serial) == "" || s.h.device("printwire_"+serial+"_ams_0") == "" {
			s.t.Errorf("%s or its filament changer is no device", slug)
		}
		if ids := s.ids(serial); len(ids) < 50 || !slices.Contains(ids, "sensor."+slug+"_activity") {
			s.t.Errorf("%s has the entities %v", slug, ids)
		}
		s.prints(slug)
	}
}

// restSensor gives Home Assistant the YAML that Bambuddy's documentation
// shows, as it stands there but for host and key.
func (s *household) restSensor() {
	s.h.early("shelf")
	s.h.action("button", "press", "button.shelf_pause", "")
	s.h.becomes("sensor.shelf_activity", "paused", patience)
	key := s.house.key("read")
	yaml := s.example()
	for old, replacement := range map[string]string{"http://bambuddy:8000": s.house.access.HTTP, "your-api-key": key} {
		if !strings.Contains(yaml, old) {
			s.t.Fatalf("no %q in the example:\n%s", old, yaml)
		}
		yaml = strings.Replace(yaml, old, replacement, 1)
	}
	path := filepath.Join(s.t.TempDir(), "rest.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.h.must("up", "--yaml", path)
	_, body := s.house.get("/api/v1/printers/1/status", key)
	var status map[string]any
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		s.t.Fatal(err)
	}
	s.h.becomes("sensor.bambuddy_printer_status", "PAUSE", patience)
	got := s.h.state("sensor.bambuddy_printer_status").Attributes
	for _, name := range []string{"progress", "remaining_time"} {
		if got[name] == nil || got[name] != status[name] {
			s.t.Errorf("%s is %v, want %v", name, got[name], status[name])
		}
	}
	if got["temperature"] == nil {
		s.t.Errorf("no temperature: %v", got)
	}
	s.h.becomes("sensor.shelf_activity", "paused", patience)
	s.h.action("button", "press", "button.shelf_resume", "")
	s.prints("shelf")
	if out, err := s.h.call("ha.py", "log", "--match", "rest|bambuddy", "--fail", "--since-mark"); err != nil {
		s.t.Errorf("about the REST sensor Home Assistant logged:\n%s", out)
	}
}

// example is the sensor in both documents: one has lost its indentation, but
// not a word.
func (s *household) example() string {
	s.t.Helper()
	seeds := filepath.Join(s.h.folder, "..", "seeds")
	block := regexp.MustCompile(`(?m)^sensor:\n(?:[ -].*\n|[A-Za-z_-]+:.*\n)+`)
	var found []string
	for _, name := range []string{"000-bambuddy-keys-webhooks.txt", "001-bambuddy-0.2.4.txt"} {
		text, err := os.ReadFile(filepath.Join(seeds, name))
		if err != nil {
			s.t.Fatal(err)
		}
		found = append(found, block.FindString(string(text)))
	}
	if !slices.Equal(strings.Fields(found[0]), strings.Fields(found[1])) {
		s.t.Fatalf("the documents show different sensors:\n%s\n%s", found[0], found[1])
	}
	return found[0]
}

func (s *household) neighbour() {
	s.zigbee.publish(s.t, "homeassistant/sensor/0x00158d0001/temperature/config", `{"name":"Temperature","unique_id":"0x00158d0001_temperature",`+
		`"default_entity_id":"sensor.kitchen_temperature","state_topic":"zigbee2mqtt/Kitchen","value_template":"{{ value_json.temperature }}",`+
		`"unit_of_measurement":"°C","device_class":"temperature","device":{"identifiers":["zigbee2mqtt_0x00158d0001"],"name":"Kitchen"}}`, "-r", "-q", "1")
	s.zigbee.publish(s.t, "zigbee2mqtt/Kitchen", `{"temperature":21.5}`, "-r", "-q", "1")
	s.h.becomes("sensor.kitchen_temperature", "21.5", patience)
}

func (s *household) fences() {
	base := "printwire/" + s.shelf.serial + "/"
	for _, attempt := range []struct {
		who   access
		topic string
		more  []string
	}{
		{s.zigbee, "printwire/intruder", []string{"-r"}},
		{s.zigbee, base + "activity", []string{"-r"}},
		{s.zigbee, base + "pause/set", nil},
		{s.tasmota, "printwire/intruder", []string{"-r"}},
		{s.tasmota, base + "activity", []string{"-r"}},
		{s.tasmota, base + "pause/set", []string{"-r"}},
		{s.house.access, base + "activity", []string{"-r"}},
		{s.house.access, base + "pause/set", []string{"-r"}},
		{s.tasmota, "homeassistant/device/printwire_" + s.shelf.serial + "/config", []string{"-r"}},
	} {
		// Whether the client is told or thrown out is the broker's choice.
		_, _ = attempt.who.client("mosquitto_pub", append([]string{"-t", attempt.topic, "-m", "PRESS", "-q", "1"}, attempt.more...)...)
	}
	seen := s.house.access.subscribed(s.t, 2, "printwire/#", "homeassistant/#")
	for topic, payload := range seen {
		if payload == "PRESS" {
			s.t.Errorf("%s was written by somebody else", topic)
		}
	}
	s.prints("shelf")
	for _, who := range []access{s.zigbee, s.tasmota} {
		if out, _ := who.client("mosquitto_sub", "-t", "$SYS/#", "-W", "2", "-v"); strings.Contains(out, "$SYS/") {
			s.t.Errorf("%s sees $SYS:\n%s", who.MQTT.Username, out)
		}
	}
	got := s.zigbee.subscribed(s.t, 1, "#")
	if got["zigbee2mqtt/Kitchen"] == "" {
		s.t.Errorf("of everything zigbee2mqtt does not see its own value: %v", got)
	}
	for topic := range got {
		if strings.HasPrefix(topic, "printwire/") {
			s.t.Errorf("of everything zigbee2mqtt sees %s", topic)
		}
	}
	s.h.early("shelf")
	s.tasmota.publish(s.t, base+"pause/set", "PRESS")
	s.h.becomes("sensor.shelf_activity", "paused", patience)
	s.tasmota.publish(s.t, base+"resume/set", "PRESS")
	s.prints("shelf")
}

func (s *household) restarts() {
	for _, end := range []func(){s.bridge.stop, s.crash} {
		s.again(end, nothing)
		s.h.becomes("sensor.kitchen_temperature", "21.5", patience)
		if got := s.zigbee.subscribed(s.t, 1, "zigbee2mqtt/#")["zigbee2mqtt/Kitchen"]; got != `{"temperature":21.5}` {
			s.t.Errorf("the retained value of another program is %q", got)
		}
		s.prints("shelf")
	}
}

// deletion is what Home Assistant says itself when a person deletes a device.
const deletion = "No device components to cleanup"

func (s *household) deleted() {
	before := s.ids(s.workshop.serial)
	s.h.must("ha.py", "remove-device", "printwire_"+s.workshop.serial)
	s.gone(s.workshop.serial)
	s.h.cleanBut(deletion)
	s.again(s.bridge.stop, func() { s.h.must("ha.py", "restart") })
	s.prints("shelf")
	s.gone(s.workshop.serial)
	config := "homeassistant/device/printwire_" + s.workshop.serial + "/config"
	if got := s.house.access.subscribed(s.t, 7, config)[config]; got != "" {
		s.t.Errorf("announced after it was deleted: %.80s", got)
	}
	if row := s.house.printers()[s.workshop.serial]; row.Activity == "offline" {
		s.t.Error("the bridge has let go of a printer that was only hidden")
	}
	s.h.action("button", "press", "button.printwire_announce_again", "")
	eventually(s.t, "the printer is back as it was", patience, func() (bool, string) {
		now := s.ids(s.workshop.serial)
		return slices.Equal(now, before), fmt.Sprintf("%d of %d entities", len(now), len(before))
	})
	s.prints("workshop")
}

func (s *household) renamed() {
	before := s.ids(s.shelf.serial)
	s.again(s.bridge.stop, func() { s.house.edit(`"Shelf"`, `"Rack {{ 1 }} 🖨"`) })
	eventually(s.t, "the device has the new name", patience, func() (bool, string) {
		var all []struct {
			Name        string
			Identifiers [][]string
		}
		s.h.decode(s.h.must("ha.py", "devices", "--json"), &all)
		for _, d := range all {
			if len(d.Identifiers) == 1 && slices.Contains(d.Identifiers[0], "printwire_"+s.shelf.serial) {
				return d.Name == "Rack {{ 1 }} 🖨", d.Name
			}
		}
		return false, "no device"
	})
	if now := s.ids(s.shelf.serial); !slices.Equal(now, before) {
		s.t.Errorf("a new name has changed entity ids: %v, before %v", now, before)
	}
	s.prints("shelf")
}

func (s *household) off() {
	s.h.early("garage")
	s.h.action("button", "press", "button.garage_stop", "")
	s.h.becomes("sensor.garage_last_result", "stopped", patience)
	s.garage.off()
	s.h.becomes("sensor.garage_activity", "offline", patience)
	var states map[string]state
	eventually(s.t, "everything shows that the printer is off", patience, func() (bool, string) {
		states = s.h.states()
		for id, want := range map[string]string{
			"sensor.garage_last_result": "stopped", "binary_sensor.garage_online": "off", "sensor.garage_nozzle_temperature": "unavailable",
			"button.garage_pause": "unavailable", "light.garage_chamber_light": "unavailable",
		} {
			if states[id].State != want {
				return false, fmt.Sprintf("%s is %q, want %q", id, states[id].State, want)
			}
		}
		return true, ""
	})
	trays := 0
	for _, e := range s.h.entities("printwire_" + s.garage.serial + "_ams_") {
		// What the last print took from a tray stays to be seen; what is in it does not.
		if state, ok := states[e.EntityID]; ok && strings.Contains(e.UniqueID, "_tray_") && !strings.HasSuffix(e.UniqueID, "_use") {
			if trays++; state.State != "unavailable" {
				s.t.Errorf("%s is %q while the printer is off", e.EntityID, state.State)
			}
		}
	}
	if trays < 8 {
		s.t.Errorf("%d entities of trays, want 8 or more", trays)
	}
}

// unit is the registry's serial number of a printer's second filament changer.
func (s *household) unit(serial string) (number string) {
	s.t.Helper()
	var all []struct {
		Identifiers  [][]string
		SerialNumber string `json:"serial_number"`
	}
	s.h.decode(s.h.must("ha.py", "devices", "--json"), &all)
	found := 0
	for _, d := range all {
		if len(d.Identifiers) == 1 && slices.Contains(d.Identifiers[0], "printwire_"+serial+"_ams_1") {
			found++
			number = d.SerialNumber
		}
	}
	if found != 1 {
		s.t.Fatalf("%d devices for the second filament changer, want one", found)
	}
	return number
}

func (s *household) swapped() {
	before, ids := s.unit(s.garage.serial), s.ids(s.garage.serial)
	s.garage.on("--speed", "6", "--scenario", "ams_swap")
	s.h.becomes("binary_sensor.garage_online", "on", patience)
	eventually(s.t, "the other changer has taken the place", patience, func() (bool, string) {
		now := s.unit(s.garage.serial)
		return now != before && now != "", now
	})
	if now := s.ids(s.garage.serial); !slices.Equal(now, ids) {
		s.t.Errorf("a swap has changed entities: %v, before %v", now, ids)
	}
}

// troubled waits until the printer's problem is told in a sentence with a word.
func (s *household) troubled(slug, word string) {
	s.t.Helper()
	s.h.becomes("binary_sensor."+slug+"_problem", "on", patience)
	eventually(s.t, "the problem is told", patience, func() (bool, string) {
		text := s.h.state("sensor." + slug + "_problem_text").State
		return strings.Contains(text, word) && len(strings.Fields(text)) > 5, text
	})
}

func (s *household) certificate() {
	s.workshop.off()
	s.workshop.on("--speed", "5")
	s.troubled("workshop", "certificate")
	if row := s.house.printers()[s.workshop.serial]; !strings.Contains(row.Problem, "certificate") {
		s.t.Errorf("the command line's list says %q", row.Problem)
	}
	s.house.must("printers", "trust", s.workshop.serial)
	s.h.becomes("binary_sensor.workshop_problem", "off", patience)
	s.h.becomes("sensor.workshop_problem_text", "none", patience)
	s.prints("workshop")
}

func (s *household) accessCode() {
	before, ids := s.house.printers()[s.garage.serial], s.ids(s.garage.serial)
	s.garage.off()
	s.garage.accessCode = "87654321"
	s.garage.on("--speed", "5")
	s.troubled("garage", "access code")
	s.house.must("printers", "remove", s.garage.serial)
	s.gone(s.garage.serial)
	s.house.must(append([]string{"printers", "add"}, s.garage.flags("--name", "Other", "--certificate", "insecure")...)...)
	s.prints("garage")
	if after := s.house.printers()[s.garage.serial]; after.ID != before.ID {
		s.t.Errorf("the id is %d, was %d", after.ID, before.ID)
	}
	// The first announcement is what is known at once; the rest follows 5 s later.
	eventually(s.t, "the entity ids are those of before", patience, func() (bool, string) {
		now := s.ids(s.garage.serial)
		return slices.Equal(now, ids), fmt.Sprintf("%v, were %v", now, ids)
	})
	s.h.becomes("binary_sensor.garage_problem", "off", patience)
}

func (s *household) removed() {
	s.house.must("printers", "remove", s.workshop.serial)
	s.gone(s.workshop.serial)
	s.swept(s.workshop.serial)
}

func (s *household) removedWhileOff() {
	s.again(s.bridge.stop, func() { s.house.edit("printers:\n"+s.shelf.yaml("Rack {{ 1 }} 🖨", "pin"), "") })
	s.gone(s.shelf.serial)
	s.swept(s.shelf.serial)
	s.prints("garage")
	s.h.becomes("sensor.kitchen_temperature", "21.5", patience)
}
