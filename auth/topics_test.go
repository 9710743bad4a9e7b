package auth

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTopicRules_Access(t *testing.T) {
	user, ha := DefaultTopics("printwire", "homeassistant"), homeAssistantTopics("printwire")
	own := []TopicRule{{"garage/secret/#", DenyTopic}, {"garage/door", ReadTopic}, {"garage/#", ReadWriteTopic}, {"log/+", WriteTopic}}
	for _, c := range []struct {
		name        string
		rules       []TopicRule
		topic       string
		read, write bool
	}{
		{"a user's own world", user, "zigbee2mqtt/lamp/set", true, true},
		{"a user announces", user, "homeassistant/sensor/tasmota_1/config", true, true},
		{"a user announces as us", user, "homeassistant/device/printwire_01S/config", true, false},
		{"a user announces as us, by component", user, "homeassistant/sensor/printwire_01S/x/config", true, false},
		{"a user reads our state", user, "printwire/01S/progress", true, false},
		{"a user writes a command", user, "printwire/01S/pause/set", true, true},
		{"a user writes a deeper command", user, "printwire/01S/chamber_light/brightness/set", true, true},
		{"a user fakes our status", user, "printwire/status", true, false},
		{"a user fakes an availability", user, "printwire/01S/availability", true, false},
		{"set without a device", user, "printwire/set", true, false},
		{"the broker's own topics", user, "$SYS/broker/uptime", false, false},
		{"the broker's own filter", user, "$SYS/#", false, false},
		{"everything", user, "#", true, false},
		{"a wildcard is never written", user, "a/+", true, false},
		{"a name like ours", user, "printwire2/x", true, true},
		{"Home Assistant clears an announcement", ha, "homeassistant/device/printwire_01S/config", true, true},
		{"Home Assistant fakes a state", ha, "printwire/01S/progress", true, false},
		{"Home Assistant presses a button", ha, "printwire/01S/pause/set", true, true},
		{"Home Assistant and $SYS", ha, "$SYS/broker/uptime", false, false},
		{"own rules: denied", own, "garage/secret/code", false, false},
		{"own rules: denied as a filter", own, "garage/secret/+", false, false},
		{"own rules: a wider filter is narrowed later", own, "garage/#", true, false},
		{"own rules: read first, write by the next", own, "garage/door", true, true},
		{"own rules: write alone", own, "log/a", false, true},
		{"own rules: not named", own, "cellar", false, false},
		{"own rules: everything overlaps", own, "#", true, false},
		{"own rules: an unrelated filter", own, "cellar/#", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mayRead(c.rules, c.topic); got != c.read {
				t.Errorf("read %s = %v", c.topic, got)
			}
			if got := mayWrite(c.rules, c.topic); got != c.write {
				t.Errorf("write %s = %v", c.topic, got)
			}
		})
	}
}

func TestTopicRules_Allocate(t *testing.T) {
	rules := DefaultTopics("printwire", "homeassistant")
	if n := testing.AllocsPerRun(100, func() {
		mayRead(rules, "printwire/01S/chamber_light/brightness/set")
		mayWrite(rules, "homeassistant/sensor/x/config")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheckRule_Filters(t *testing.T) {
	for filter, good := range map[string]bool{
		"#": true, "a/+/b": true, "+": true, "a/#": true, "a/b_*/#": true, "*": true, "/": true, "$SYS/#": true,
		"": false, "a/#/b": false, "a#": false, "a+/b": false, "a/**": false, "a/*b": false, strings.Repeat("x", 2000): false,
	} {
		if err := checkRule(TopicRule{filter, ReadTopic}); (err == nil) != good {
			t.Errorf("%.40q: %v", filter, err)
		}
	}
	if checkRule(TopicRule{"a", "all"}) == nil {
		t.Error("access all is accepted")
	}
}

// TestFilters_Property compares covers and overlaps with what they mean, over
// all topics of a small world.
func TestFilters_Property(t *testing.T) {
	var topics []string
	for _, a := range []string{"a", "b", "ab", "", "$s"} {
		topics = append(topics, a)
		for _, b := range []string{"a", "b", "ab", ""} {
			topics = append(topics, a+"/"+b)
			for _, c := range []string{"a", "ab", ""} {
				topics = append(topics, a+"/"+b+"/"+c)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	random := func(levels []string) string {
		n := 1 + r.IntN(3)
		f := make([]string, n)
		for i := range f {
			f[i] = levels[r.IntN(len(levels))]
		}
		if r.IntN(3) == 0 {
			f[n-1] = "#"
		}
		return strings.Join(f, "/")
	}
	for range 20_000 {
		rule, filter := random([]string{"a", "b", "+", "a*", ""}), random([]string{"a", "ab", "+", ""})
		if r.IntN(8) == 0 {
			rule = "$s/" + rule
		}
		all, some := true, false
		for _, topic := range topics {
			in := covers(filter, topic)
			hit := covers(rule, topic)
			all = all && (!in || hit)
			some = some || in && hit
		}
		if covers(rule, filter) && !all {
			t.Fatalf("covers(%q, %q), but some topic is outside", rule, filter)
		}
		if some && !overlaps(rule, filter) {
			t.Fatalf("overlaps(%q, %q) is false, but some topic is in both", rule, filter)
		}
	}
}
