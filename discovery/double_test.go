package discovery_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/printwire/printwire/mqtt"
)

// double plays Home Assistant's MQTT integration by tables of its rules, and
// collects what would be a warning or an error in its log.
type double struct {
	prefix   string
	warnings []string
	// devices by topic: the components that stand now.
	devices map[string]map[string]map[string]any
	unique  map[string]string
	// listeners are the components by the topics that they listen to.
	listeners map[string]map[string]map[string]any
	platforms map[string]platformRule
	sensors   map[string]classRule
	// values are the last payloads by topic.
	values map[string]string
}

func newDouble() *double {
	return &double{prefix: "homeassistant", devices: map[string]map[string]map[string]any{}, unique: map[string]string{}, values: map[string]string{},
		listeners: map[string]map[string]map[string]any{}, platforms: platformRules(), sensors: classRules()}
}

func words(s string) []string { return strings.Fields(s) }

func topKeys() []string {
	return words("device components origin availability availability_mode availability_template availability_topic command_topic encoding payload_available payload_not_available qos state_topic")
}

func deviceKeys() []string {
	return words("identifiers connections name manufacturer model model_id hw_version sw_version serial_number suggested_area via_device configuration_url")
}

func entityKeys() []string {
	return words("platform unique_id default_entity_id name icon entity_category enabled_by_default availability availability_mode json_attributes_topic device_class qos encoding")
}

// platformRule is what one platform's schema wants.
type platformRule struct{ required, optional []string }

func platformRules() map[string]platformRule {
	return map[string]platformRule{
		"sensor":            {words("state_topic"), words("state_class unit_of_measurement options suggested_display_precision expire_after force_update")},
		"binary_sensor":     {words("state_topic"), words("payload_on payload_off off_delay expire_after")},
		"button":            {words("command_topic"), words("payload_press")},
		"switch":            {words("command_topic state_topic"), words("payload_on payload_off")},
		"light":             {words("command_topic state_topic"), words("brightness_state_topic brightness_command_topic brightness_scale on_command_type")},
		"fan":               {words("command_topic state_topic percentage_state_topic percentage_command_topic"), words("speed_range_min speed_range_max")},
		"number":            {words("command_topic state_topic min max step"), words("mode unit_of_measurement")},
		"select":            {words("command_topic state_topic options"), nil},
		"update":            {words("state_topic latest_version_topic"), words("command_topic payload_install")},
		"event":             {words("state_topic event_types"), nil},
		"image":             {words("image_topic"), words("content_type")},
		"device_automation": {words("automation_type topic type subtype payload"), nil},
	}
}

// classRule is what a sensor's device class allows.
type classRule struct{ states, units []string }

func classRules() map[string]classRule {
	return map[string]classRule{
		"temperature":     {words("measurement"), words("°C °F K")},
		"humidity":        {words("measurement"), words("%")},
		"battery":         {words("measurement"), words("%")},
		"signal_strength": {words("measurement"), words("dB dBm")},
		"duration":        {words("measurement total total_increasing"), words("d h min s ms µs")},
		"weight":          {words("measurement total total_increasing"), words("kg g mg oz lb st")},
		"distance":        {words("measurement total total_increasing"), words("mm cm m km")},
		"monetary":        {words("total"), words("EUR SEK")},
		"timestamp":       {nil, nil},
		"enum":            {nil, nil},
	}
}

func otherClasses() map[string][]string {
	return map[string][]string{
		"binary_sensor": words("connectivity problem running door light update"),
		"button":        words("identify restart update"),
		"number":        words("temperature duration"),
		"update":        words("firmware"),
		"event":         words("doorbell button motion"),
	}
}

func droppedAttributes() []string {
	return words("assumed_state available device_class device_info entity_category entity_picture entity_registry_enabled_default extra_state_attributes force_update icon friendly_name should_poll state supported_features unique_id unit_of_measurement last_reset state_class event_type event_types")
}

func (h *double) warn(format string, args ...any) {
	h.warnings = append(h.warnings, fmt.Sprintf(format, args...))
}

// feed takes messages in order.
func (h *double) feed(messages []mqtt.Message) {
	for _, m := range messages {
		if strings.HasPrefix(m.Topic, h.prefix+"/") && strings.HasSuffix(m.Topic, "config") {
			h.discover(m)
			continue
		}
		if m.Retain {
			h.values[m.Topic] = string(m.Payload)
		}
		for what, c := range h.listeners[m.Topic] {
			h.value(what, c, m)
		}
	}
}

// settle checks that all availability is known, and gives all warnings.
func (h *double) settle() []string {
	for topic, components := range h.devices {
		for key, c := range components {
			h.available(topic+" "+key, c)
		}
	}
	slices.Sort(h.warnings)
	return slices.Compact(h.warnings)
}

var plainID = regexp.MustCompile(`^[a-z0-9_]+$`)

var configTopic = regexp.MustCompile(`^homeassistant/device/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config$`)

func (h *double) discover(m mqtt.Message) {
	if !configTopic.MatchString(m.Topic) {
		h.warn("illegal discovery topic %s", m.Topic)
		return
	}
	if !m.Retain {
		h.warn("%s is not retained", m.Topic)
	}
	if len(m.Payload) == 0 {
		if h.devices[m.Topic] == nil {
			h.warn("No device components to cleanup for %s", m.Topic)
		}
		for key, c := range h.devices[m.Topic] {
			h.listen(m.Topic+" "+key, c, false)
		}
		delete(h.devices, m.Topic)
		return
	}
	var p map[string]any
	if err := json.Unmarshal(m.Payload, &p); err != nil {
		h.warn("Unable to parse JSON %s", m.Topic)
		return
	}
	device, _ := p["device"].(map[string]any)
	origin, _ := p["origin"].(map[string]any)
	components, _ := p["components"].(map[string]any)
	if device == nil || components == nil || origin["name"] == nil {
		h.warn("Invalid MQTT device discovery payload for %s: device, components or origin missing", m.Topic)
		return
	}
	h.only("Invalid MQTT device discovery payload for "+m.Topic, p, topKeys())
	h.only("device of "+m.Topic, device, deviceKeys())
	h.only("origin of "+m.Topic, origin, words("name sw_version support_url"))
	name, _ := device["name"].(string)
	if name == "" || device["identifiers"] == nil || utf8.RuneCountInString(name) > 80 {
		h.warn("device of %s lacks a name or an identifier", m.Topic)
	}
	if h.devices[m.Topic] == nil {
		h.devices[m.Topic] = map[string]map[string]any{}
	}
	for key, v := range components {
		c, _ := v.(map[string]any)
		h.component(m.Topic, key, p, c)
	}
}

func (h *double) only(what string, got map[string]any, allowed []string) {
	for key := range got {
		if !slices.Contains(allowed, key) {
			h.warn("%s: unknown key %s", what, key)
		}
	}
}

func (h *double) component(topic, key string, shared, c map[string]any) {
	what := topic + " " + key
	platform, _ := c["platform"].(string)
	rule, ok := h.platforms[platform]
	if !ok {
		h.warn("%s: platform %q kills the whole device", what, platform)
		return
	}
	old := h.devices[topic][key]
	if len(c) == 1 {
		if old == nil || old["platform"] != platform {
			h.warn("%s: stub for something that is not there", what)
		}
		h.listen(what, old, false)
		delete(h.devices[topic], key)
		return
	}
	if old != nil && old["platform"] != platform {
		h.warn("%s: platform changed from %v to %s without a stub", what, old["platform"], platform)
	}
	for _, k := range rule.required {
		if c[k] == nil {
			h.warn("Error '%s: required key %s not provided'", what, k)
		}
	}
	h.only(what, c, slices.Concat(rule.required, rule.optional, entityKeys()))
	if platform != "device_automation" {
		h.entity(what, platform, c)
	}
	for _, k := range []string{"availability", "availability_mode"} {
		if c[k] == nil {
			c[k] = shared[k]
		}
	}
	h.listen(what, old, false)
	h.devices[topic][key] = c
	h.listen(what, c, true)
}

// listen subscribes a component, which then gets what is retained, or ends that.
func (h *double) listen(what string, c map[string]any, on bool) {
	for _, k := range []string{"state_topic", "json_attributes_topic", "percentage_state_topic", "latest_version_topic"} {
		t, _ := c[k].(string)
		switch {
		case t == "":
		case !on:
			delete(h.listeners[t], what)
		default:
			if h.listeners[t] == nil {
				h.listeners[t] = map[string]map[string]any{}
			}
			h.listeners[t][what] = c
			if h.values[t] != "" {
				h.value(what, c, mqtt.Message{Topic: t, Payload: []byte(h.values[t]), Retain: true})
			}
		}
	}
}

func (h *double) entity(what, platform string, c map[string]any) {
	id, _ := c["unique_id"].(string)
	if id == "" {
		h.warn("%s: no unique id", what)
	}
	if other, taken := h.unique[platform+id]; taken && other != what {
		h.warn("Platform mqtt does not generate unique IDs. ID %s already exists (%s, %s)", id, what, other)
	}
	h.unique[platform+id] = what
	entity, _ := c["default_entity_id"].(string)
	if kind, rest, _ := strings.Cut(entity, "."); kind != platform || !plainID.MatchString(rest) {
		h.warn("%s: entity id %q", what, entity)
	}
	if name, _ := c["name"].(string); name == "" {
		h.warn("%s: no name", what)
	}
	for k := range c {
		if strings.HasSuffix(k, "template") {
			h.warn("%s: template %s", what, k)
		}
	}
	h.classes(what, platform, c)
	category, _ := c["entity_category"].(string)
	sensors := platform == "sensor" || platform == "binary_sensor"
	if sensors && category == "config" || platform == "event" && category != "" || !slices.Contains(words("- -config -diagnostic"), "-"+category) {
		h.warn("%s: category %q", what, category)
	}
	if lo, ok := c["min"].(float64); ok && lo >= c["max"].(float64) {
		h.warn("%s: min is not below max", what)
	}
}

func (h *double) classes(what, platform string, c map[string]any) {
	class, _ := c["device_class"].(string)
	state, _ := c["state_class"].(string)
	unit, _ := c["unit_of_measurement"].(string)
	if platform != "sensor" {
		if class != "" && !slices.Contains(otherClasses()[platform], class) {
			h.warn("%s: device class %q", what, class)
		}
		if platform == "number" && class != "" && !slices.Contains(h.sensors[class].units, unit) {
			h.warn("%s: unit %q of class %q", what, unit, class)
		}
		return
	}
	options, _ := c["options"].([]any)
	if (class == "enum") != (len(options) > 0) || len(options) > 0 && (state != "" || unit != "") {
		h.warn("%s: options with class %q, state class %q, unit %q", what, class, state, unit)
	}
	if state != "" && !slices.Contains(words("measurement total total_increasing"), state) {
		h.warn("%s: state class %q", what, state)
	}
	if class == "" {
		return
	}
	rule, ok := h.sensors[class]
	switch {
	case !ok:
		h.warn("%s: device class %q", what, class)
	case state != "" && !slices.Contains(rule.states, state):
		h.warn("%s: state class %q is impossible with %q", what, state, class)
	case (rule.units != nil || unit != "") && !slices.Contains(rule.units, unit):
		h.warn("%s: unit %q of class %q", what, unit, class)
	}
}

// value checks one message against one component that listens to its topic.
func (h *double) value(what string, c map[string]any, m mqtt.Message) {
	v := string(m.Payload)
	is := func(key string) bool { t, _ := c[key].(string); return t != "" && t == m.Topic }
	if is("json_attributes_topic") {
		h.attributes(what, m)
	}
	if is("percentage_state_topic") && v != "None" && v != "" {
		h.within(what, v, 0, 100)
	}
	platform, _ := c["platform"].(string)
	if !is("state_topic") && !is("latest_version_topic") {
		return
	}
	if m.Retain == (platform == "event") {
		h.warn("%s: retain is %v", what, m.Retain)
	}
	if len(v) == 0 {
		return
	}
	if n := utf8.RuneCountInString(v); n > 255 && platform != "event" || !utf8.ValidString(v) {
		h.warn("%s: state of %d characters", what, n)
	}
	unknown := v == "None"
	switch platform {
	case "binary_sensor", "switch", "light", "fan":
		if v != "ON" && v != "OFF" && !unknown {
			h.warn("%s: %q is neither ON nor OFF", what, v)
		}
	case "number":
		if !unknown {
			h.within(what, v, c["min"].(float64), c["max"].(float64))
		}
	case "update":
		if unknown {
			h.warn("%s: None becomes a version", what)
		}
	case "event":
		h.event(what, c, m)
	case "select", "sensor":
		if !unknown {
			h.sensor(what, c, v)
		}
	}
}

func (h *double) sensor(what string, c map[string]any, v string) {
	if options, ok := c["options"].([]any); ok && !slices.Contains(options, any(v)) {
		h.warn("%s: Ignoring invalid option received %q", what, v)
	}
	if c["device_class"] == "timestamp" {
		if t, err := time.Parse(time.RFC3339, v); err != nil || t.Location() != time.UTC {
			h.warn("%s: Invalid state message %q", what, v)
		}
		return
	}
	numeric := c["state_class"] != nil || c["unit_of_measurement"] != nil
	if f, err := strconv.ParseFloat(v, 64); numeric && (err != nil || f != f) {
		h.warn("%s: non-numeric value %q", what, v)
	}
}

func (h *double) within(what, v string, lo, hi float64) {
	if f, err := strconv.ParseFloat(v, 64); err != nil || f < lo || f > hi {
		h.warn("%s: %q is not within %v and %v", what, v, lo, hi)
	}
}

func (h *double) attributes(what string, m mqtt.Message) {
	var o map[string]any
	if len(m.Payload) == 0 {
		return
	}
	if err := json.Unmarshal(m.Payload, &o); err != nil || o == nil {
		h.warn("%s: JSON result was not a dictionary: %.60q", what, m.Payload)
	}
	if len(m.Payload) > 4096 {
		h.warn("%s: attributes of %d bytes", what, len(m.Payload))
	}
	for k := range o {
		if slices.Contains(droppedAttributes(), k) {
			h.warn("%s: attribute %s is dropped", what, k)
		}
	}
}

func (h *double) event(what string, c map[string]any, m mqtt.Message) {
	var o map[string]any
	if err := json.Unmarshal(m.Payload, &o); err != nil {
		h.warn("%s: event is no JSON", what)
		return
	}
	types, _ := c["event_types"].([]any)
	if !slices.Contains(types, o["event_type"]) {
		h.warn("%s: Invalid event type %v", what, o["event_type"])
	}
}

// available checks that every topic that an entity's availability needs has a word.
func (h *double) available(what string, c map[string]any) {
	topics, _ := c["availability"].([]any)
	if len(topics) == 0 || c["availability_mode"] != "all" {
		h.warn("%s: no availability", what)
	}
	for _, t := range topics {
		topic := t.(map[string]any)["topic"].(string)
		if v := h.values[topic]; v != "online" && v != "offline" {
			h.warn("%s: availability topic %s is %q", what, topic, v)
		}
	}
}

// conforms fails the test with every warning that Home Assistant would log.
func conforms(t testing.TB, messages []mqtt.Message) *double {
	t.Helper()
	h := newDouble()
	h.feed(messages)
	for _, w := range h.settle() {
		t.Errorf("Home Assistant would log: %s", w)
	}
	return h
}
