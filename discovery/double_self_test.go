package discovery_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/printwire/printwire/mqtt"
)

// TestDouble_Warns shows that the double sees what it is there for.
func TestDouble_Warns(t *testing.T) {
	type object = map[string]any
	good := func() object {
		return object{"device": object{"identifiers": []string{"x"}, "name": "X"}, "origin": object{"name": "o"},
			"availability": []object{{"topic": "s"}}, "availability_mode": "all", "components": object{
				"a": object{"platform": "sensor", "unique_id": "u", "default_entity_id": "sensor.x_a", "name": "A", "state_topic": "a"}}}
	}
	a := func(o object) object { return o["components"].(object)["a"].(object) }
	for _, c := range []struct {
		want   string
		change func(object)
		value  string
	}{
		{"", func(object) {}, "7"},
		{"unknown key colour", func(o object) { o["colour"] = 1 }, ""},
		{"components or origin missing", func(o object) { delete(o, "origin") }, ""},
		{"kills the whole device", func(o object) { a(o)["platform"] = "holodeck" }, ""},
		{"no unique id", func(o object) { delete(a(o), "unique_id") }, ""},
		{"required key state_topic", func(o object) { delete(a(o), "state_topic") }, ""},
		{"no name", func(o object) { delete(a(o), "name") }, ""},
		{"template", func(o object) { a(o)["value_template"] = "{{ value }}" }, ""},
		{"category", func(o object) { a(o)["entity_category"] = "config" }, ""},
		{"state class", func(o object) { a(o)["device_class"], a(o)["state_class"] = "timestamp", "measurement" }, ""},
		{"unit", func(o object) { a(o)["device_class"], a(o)["unit_of_measurement"] = "temperature", "K°" }, ""},
		{"options", func(o object) { a(o)["options"], a(o)["state_class"] = []string{"7"}, "measurement" }, ""},
		{"invalid option", func(o object) { a(o)["options"], a(o)["device_class"] = []string{"8"}, "enum" }, "7"},
		{"non-numeric", func(o object) { a(o)["state_class"] = "measurement" }, "seven"},
		{"Invalid state message", func(o object) { a(o)["device_class"] = "timestamp" }, "7"},
		{"characters", func(object) {}, strings.Repeat("x", 256)},
		{"not a dictionary", func(o object) { a(o)["json_attributes_topic"] = "a" }, "[1]"},
		{"is dropped", func(o object) { a(o)["json_attributes_topic"] = "a" }, `{"icon":1}`},
		{"retain is true", func(o object) { a(o)["platform"], a(o)["event_types"] = "event", []string{"e"} }, `{"event_type":"e"}`},
		{"no availability", func(o object) { delete(o, "availability") }, ""},
		{"neither ON nor OFF", func(o object) { a(o)["platform"] = "binary_sensor" }, "on"},
	} {
		p := good()
		c.change(p)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		h := newDouble()
		h.feed([]mqtt.Message{{Topic: "s", Payload: []byte("online"), Retain: true}, {Topic: "homeassistant/device/x/config", Payload: text, Retain: true},
			{Topic: "a", Payload: []byte(c.value), Retain: true}})
		got := strings.Join(h.settle(), "; ")
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
