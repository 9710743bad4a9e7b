package auth

import (
	"strings"

	"github.com/printwire/printwire/fault"
)

// Access is what a topic rule gives.
type Access string

// The kinds of access.
const (
	ReadTopic      Access = "read"
	WriteTopic     Access = "write"
	ReadWriteTopic Access = "readwrite"
	// DenyTopic takes both away, DenyWriteTopic only writing.
	DenyTopic      Access = "deny"
	DenyWriteTopic Access = "readonly"
)

// TopicRule says what may be done with the topics that match a filter. The
// filter is MQTT's, and a level may also end in *, for any ending. Rules are
// asked in order, the first that says something about reading (or writing)
// decides; what no rule names is denied. Topics that start with '$' match only
// a filter that starts with '$' too.
type TopicRule struct {
	Filter string
	Access Access
}

// DefaultTopics are the rules of a user without own ones: everything, but
// below our prefix only commands are written, and nobody announces devices in
// our name.
func DefaultTopics(prefix, discoveryPrefix string) []TopicRule {
	return append([]TopicRule{
		{discoveryPrefix + "/+/" + prefix + "_*/#", DenyWriteTopic},
	}, homeAssistantTopics(prefix)...)
}

// homeAssistantTopics are the rules of Home Assistant's login: it may also
// clear an announcement, when a person deletes the device there.
func homeAssistantTopics(prefix string) []TopicRule {
	return []TopicRule{
		{prefix + "/+/+/set", ReadWriteTopic},
		{prefix + "/+/+/+/set", ReadWriteTopic},
		{prefix + "/+/+/+/+/set", ReadWriteTopic},
		{prefix + "/#", DenyWriteTopic},
		{"#", ReadWriteTopic},
	}
}

// checkRule tells whether a rule can be used.
func checkRule(r TopicRule) error {
	switch r.Access {
	case ReadTopic, WriteTopic, ReadWriteTopic, DenyTopic, DenyWriteTopic:
	default:
		return fault.New(fault.Invalid, "access %s: expected read, write, readwrite, readonly or deny", printable(string(r.Access)))
	}
	levels := strings.Split(r.Filter, "/")
	for i, level := range levels {
		inner := strings.TrimSuffix(level, "*")
		switch {
		case level == "+", level == "#" && i == len(levels)-1:
		case strings.ContainsAny(inner, "+#*"), r.Filter == "", len(r.Filter) > 1024:
			return fault.New(fault.Invalid, "filter %s: + and # stand alone in a level, # is the last, * ends a level", printable(r.Filter))
		}
	}
	return nil
}

// mayRead tells whether something that matches filter may be read: with a
// filter whether a subscription makes sense, with a topic whether a delivery
// is allowed. It does not allocate.
func mayRead(rules []TopicRule, filter string) bool {
	for _, r := range rules {
		switch r.Access {
		case DenyTopic:
			if covers(r.Filter, filter) {
				return false
			}
		case ReadTopic, ReadWriteTopic, DenyWriteTopic:
			if overlaps(r.Filter, filter) {
				return true
			}
		}
	}
	return false
}

// mayWrite tells whether a topic may be written. It does not allocate.
func mayWrite(rules []TopicRule, topic string) bool {
	if strings.ContainsAny(topic, "+#") || strings.HasPrefix(topic, "$") {
		return false
	}
	for _, r := range rules {
		if r.Access == ReadTopic || !covers(r.Filter, topic) {
			continue
		}
		return r.Access == WriteTopic || r.Access == ReadWriteTopic
	}
	return false
}

// reserved tells whether only one of two filters starts with '$' and the other
// with a wildcard: those never meet.
func reserved(a, b string) bool {
	return strings.HasPrefix(a, "$") && wild(b) || strings.HasPrefix(b, "$") && wild(a)
}

func wild(filter string) bool {
	return strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#") || strings.HasPrefix(filter, "*")
}

// overlaps tells whether some topic matches both the rule and the filter.
func overlaps(rule, filter string) bool {
	if reserved(rule, filter) {
		return false
	}
	for {
		r, rrest, rmore := strings.Cut(rule, "/")
		f, frest, fmore := strings.Cut(filter, "/")
		if r == "#" || f == "#" {
			return true
		}
		if !levelsMeet(r, f) {
			return false
		}
		if !rmore {
			return !fmore || frest == "#"
		}
		if !fmore {
			return rrest == "#"
		}
		rule, filter = rrest, frest
	}
}

// covers tells whether every topic that matches the filter matches the rule.
func covers(rule, filter string) bool {
	if reserved(rule, filter) {
		return false
	}
	for {
		r, rrest, rmore := strings.Cut(rule, "/")
		f, frest, fmore := strings.Cut(filter, "/")
		if r == "#" {
			return true
		}
		if f == "#" || !levelHolds(r, f) {
			return false
		}
		if !rmore {
			return !fmore
		}
		if !fmore {
			return rrest == "#"
		}
		rule, filter = rrest, frest
	}
}

// levelsMeet tells whether a level of a rule and one of a filter have a name in common.
func levelsMeet(rule, level string) bool {
	return level == "+" || levelHolds(rule, level)
}

// levelHolds tells whether a level of a rule holds all that the level of a filter does.
func levelHolds(rule, level string) bool {
	if rule == "+" {
		return true
	}
	if level == "+" {
		return false
	}
	if start, ok := strings.CutSuffix(rule, "*"); ok {
		return strings.HasPrefix(level, start)
	}
	return rule == level
}
