package mqtt_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

func TestValidTopic(t *testing.T) {
	for _, topic := range []string{"a", "/", "a/b", "a b", "$SYS/x", "ü/日本", strings.Repeat("x", mqtt.MaxTopic)} {
		if err := mqtt.ValidTopic(topic); err != nil {
			t.Errorf("%.20q: %v", topic, err)
		}
	}
	for _, topic := range []string{"", "a/+", "#", "a#b", "a\x00", "a\n", "\x7f", "\xff\xfe", strings.Repeat("x", mqtt.MaxTopic+1)} {
		if err := mqtt.ValidTopic(topic); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.20q: got %v, want invalid", topic, err)
		}
	}
}

func TestValidFilter(t *testing.T) {
	for _, filter := range []string{"a", "#", "+", "a/#", "+/+", "a/+/#", "/", "/#", "$SYS/#", strings.Repeat("x", mqtt.MaxTopic)} {
		if err := mqtt.ValidFilter(filter); err != nil {
			t.Errorf("%.20q: %v", filter, err)
		}
	}
	for _, filter := range []string{"", "a#", "#/a", "a/#/b", "a+", "+a", "a/b+/c", "a\x00", "\xff", strings.Repeat("x", mqtt.MaxTopic+1)} {
		if err := mqtt.ValidFilter(filter); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.20q: got %v, want invalid", filter, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "A", false}, {"a/b", "a", false}, {"a", "a/b", false},
		{"#", "a", true}, {"#", "a/b/c", true}, {"#", "/", true}, {"#", "$SYS", false}, {"#", "$SYS/x", false},
		{"a/#", "a", true}, {"a/#", "a/", true}, {"a/#", "a/b/c", true}, {"a/#", "ab", false}, {"a/#", "b/a", false},
		{"+", "a", true}, {"+", "", true}, {"+", "/a", false}, {"+", "$SYS", false}, {"+/x", "$SYS/x", false}, {"+/+", "/a", true},
		{"/+", "/a", true}, {"a/+", "a", false}, {"a/+", "a/", true}, {"a/+", "a/b/c", false}, {"a/+/c", "a//c", true}, {"a/+/c", "a/b/d", false},
		{"+/#", "a", true}, {"+/#", "a/b", true}, {"a/+/#", "a", false}, {"a/+/#", "a/b", true}, {"$SYS/#", "$SYS/x", true}, {"$SYS/+", "$SYS/x", true},
		{"a//b", "a//b", true}, {"a//b", "a/b", false}, {"a/b/", "a/b", false},
	} {
		if got := mqtt.Match(c.filter, c.topic); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.filter, c.topic, got)
		}
	}
}

func TestMatch_allocates_nothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { mqtt.Match("printwire/+/+/set", "printwire/01S/light/set") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// slowMatch is the rule of MQTT 3.1.1 §4.7, level by level.
func slowMatch(filter, topic []string) bool {
	switch {
	case len(filter) == 1 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	case filter[0] != "+" && filter[0] != topic[0]:
		return false
	}
	return slowMatch(filter[1:], topic[1:])
}

func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{{"a/#", "a"}, {"+/+", "/"}, {"a/+/c", "a/b/c"}, {"#", "$x"}, {"+", "a/b"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if mqtt.ValidFilter(filter) != nil || mqtt.ValidTopic(topic) != nil {
			return
		}
		want := slowMatch(strings.Split(filter, "/"), strings.Split(topic, "/"))
		if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
			want = false
		}
		if got := mqtt.Match(filter, topic); got != want {
			t.Errorf("Match(%q, %q) = %v", filter, topic, got)
		}
		if !utf8.ValidString(topic) || !mqtt.Match(topic, topic) || !mqtt.Match("#", "x"+topic) {
			t.Errorf("%q does not match itself", topic)
		}
	})
}
