package settings

import (
	"slices"
	"strings"
)

// Rule is what a login may do with the topics that match a filter.
type Rule struct {
	// Access is "read", "write", "readwrite", "readonly" (no writing) or "deny".
	Access, Filter string
}

// Rules are the login's topics taken apart: "zigbee2mqtt/#" is for both
// directions, "read zigbee2mqtt/#" for one. The first that fits a topic
// decides; what none fits is denied. Without any, the broker's default holds.
func (u User) Rules() []Rule {
	rules := make([]Rule, 0, len(u.Topics))
	for _, topic := range u.Topics {
		rules = append(rules, ruleOf(topic))
	}
	return rules
}

func ruleOf(topic string) Rule {
	access, filter, found := strings.Cut(topic, " ")
	if found && slices.Contains([]string{"read", "write", "readwrite", "readonly", "deny"}, access) {
		return Rule{Access: access, Filter: strings.TrimSpace(filter)}
	}
	return Rule{Access: "readwrite", Filter: topic}
}

// fits tells whether the filter is one: + and # stand alone in a level, # only
// as the last, and a * may end a level.
func (r Rule) fits() bool {
	if r.Filter == "" || len(r.Filter) > 512 || strings.ContainsAny(r.Filter, "\x00\r\n") {
		return false
	}
	levels := strings.Split(r.Filter, "/")
	for i, level := range levels {
		switch {
		case level == "+", level == "#" && i == len(levels)-1:
		case strings.ContainsAny(strings.TrimSuffix(level, "*"), "+#*"):
			return false
		}
	}
	return true
}
