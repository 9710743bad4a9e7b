package auth

import (
	"strings"

	"github.com/printwire/printwire/fault"
)

// Class is the sort of a request, of which each has its own limit.
type Class uint8

// The classes.
const (
	ReadClass Class = iota
	WriteClass
	ControlClass
)

// classes is how many there are.
const classes = 3

// String is the name of the class in policies.
func (c Class) String() string {
	return [classes]string{"read", "write", "control"}[min(c, ControlClass)]
}

// Plan is how often a key may ask. A zero is no limit; a plan of zeros has none.
type Plan struct {
	Name string `json:"name"`
	// Minute and Hour are of all requests together.
	Minute int `json:"minute,omitempty"`
	Hour   int `json:"hour,omitempty"`
	// Read, Write and Control are of one class in a minute.
	Read    int `json:"read,omitempty"`
	Write   int `json:"write,omitempty"`
	Control int `json:"control,omitempty"`
}

// The names of plans.
const (
	PlanHome      = "home"
	PlanFree      = "free"
	PlanTeam      = "team"
	PlanCustom    = "custom"
	PlanUnlimited = "unlimited"
)

// Plans are the plans that have a name; the first is the default. custom, with
// own figures, is the only other one.
func Plans() []Plan {
	return []Plan{
		{Name: PlanHome, Read: 100, Write: 30, Control: 10},
		{Name: PlanFree, Minute: 60, Hour: 1000},
		{Name: PlanTeam, Minute: 300, Hour: 10_000},
		{Name: PlanUnlimited},
	}
}

// The largest figures of a custom plan: a minute is remembered exactly.
const (
	mostMinute = 6_000
	mostHour   = 1_000_000
)

// ParsePlan fills in a plan that was asked for: by name alone, or custom with
// figures. No name is the default plan, figures without a name are custom.
func ParsePlan(p Plan) (Plan, error) {
	own := p
	own.Name = ""
	figures := own != Plan{}
	name := strings.ToLower(strings.TrimSpace(p.Name))
	if name == "" && figures || name == "enterprise" {
		name = PlanCustom
	}
	if name == "" {
		name = PlanHome
	}
	for _, known := range Plans() {
		if known.Name != name {
			continue
		}
		if figures && p != known {
			return Plan{}, fault.New(fault.Invalid, "the plan %s has fixed figures; choose custom", name).At("rate_plan")
		}
		return known, nil
	}
	p.Name = PlanCustom
	switch {
	case name != PlanCustom:
		return Plan{}, fault.New(fault.Invalid, "unknown plan; expected home, free, team, unlimited or custom").At("rate_plan")
	case !figures:
		return Plan{}, fault.New(fault.Invalid, "a custom plan needs at least one figure").At("rate_plan")
	case p.Hour < 0 || p.Hour > mostHour:
		return Plan{}, fault.New(fault.Invalid, "expected 1 to %d", mostHour).At("rate_plan.hour")
	}
	for _, f := range []struct {
		field string
		n     int
	}{{"minute", p.Minute}, {"read", p.Read}, {"write", p.Write}, {"control", p.Control}} {
		if f.n < 0 || f.n > mostMinute {
			return Plan{}, fault.New(fault.Invalid, "expected 1 to %d", mostMinute).At("rate_plan." + f.field)
		}
	}
	return p, nil
}

// class is the limit of one class.
func (p Plan) class(c Class) int {
	return [classes]int{p.Read, p.Write, p.Control}[min(c, ControlClass)]
}

// within tells whether p lets nothing through that most would not.
func (p Plan) within(most Plan) bool {
	holds := func(n, limit int) bool { return limit == 0 || n != 0 && n <= limit }
	for c := ReadClass; c <= ControlClass; c++ {
		if !holds(tighter(p.Minute, p.class(c)), tighter(most.Minute, most.class(c))) {
			return false
		}
	}
	return holds(p.Hour, most.Hour)
}

// tighter is the smaller of two limits, of which 0 is none.
func tighter(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
