package webhook

import (
	"slices"

	"github.com/printwire/printwire/printer"
)

// Marks are all milestones that any endpoint wants, for the bridge.
func (o *Outbox) Marks() printer.Marks {
	if m := o.marks.Load(); m != nil {
		return *m
	}
	return printer.Marks{}
}

func marksOf(endpoints []Endpoint) printer.Marks {
	var all printer.Marks
	for _, e := range endpoints {
		if !e.Enabled && !e.Disabled.ByRule {
			continue
		}
		events := e.Events
		if len(events) > 0 && !slices.Contains(events, "print_progress") && !slices.Contains(events, "*") {
			continue
		}
		all = Union(all, e.Marks())
	}
	return all
}

// Marks are the milestones on the endpoint's list.
func (e Endpoint) Marks() printer.Marks {
	m := printer.Marks{Percent: e.Milestones.percents(), MinutesLeft: e.Milestones.MinutesLeft}
	if e.Milestones.EveryLayers > 0 {
		m.EveryLayers = []int{e.Milestones.EveryLayers}
	}
	return m
}

// Union is both sets of milestones together, each once, rising.
func Union(a, b printer.Marks) printer.Marks {
	join := func(a, b []int) []int {
		all := slices.Concat(a, b)
		slices.Sort(all)
		return slices.Compact(all)
	}
	return printer.Marks{
		Percent:     join(a.Percent, b.Percent),
		EveryLayers: join(a.EveryLayers, b.EveryLayers),
		MinutesLeft: join(a.MinutesLeft, b.MinutesLeft),
	}
}
