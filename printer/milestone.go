package printer

import "slices"

// layersAtOnce bounds how many layers one change is searched for milestones.
// More are passed only in a long gap, or by a number that makes no sense.
const layersAtOnce = 1000

// progress tells each milestone that the job crossed, once: they are compared
// with the job's high-water marks, so a value that falls and rises again, a
// gap and a restart tell nothing twice.
func progress(p, n State, marks Marks) []Event {
	if !seen(p, n) {
		return nil
	}
	var from Job
	if !began(p, n) {
		from = p.Job
	}
	var events []Event
	add := func(kind string, value int) {
		d := about(n.Job)
		d.Milestone, d.MilestoneKind = ref(value), kind
		events = append(events, Event{Job: n.Job.ID, Detail: d})
	}
	for _, m := range ascending(marks.Percent) {
		if from.PeakProgress < m && m <= n.Job.PeakProgress {
			add("percent", m)
		}
	}
	first := max(from.PeakLayer, n.Job.PeakLayer-layersAtOnce) + 1
	for layer := first; layer <= n.Job.PeakLayer && len(marks.EveryLayers) > 0; layer++ {
		if slices.ContainsFunc(marks.EveryLayers, func(every int) bool { return every > 0 && layer%every == 0 }) {
			add("layer", layer)
		}
	}
	minutes := ascending(marks.MinutesLeft)
	slices.Reverse(minutes)
	for _, m := range minutes {
		to := n.Job.LeastMinutes
		if to.Known && to.Value <= m && from.LeastMinutes.Known && from.LeastMinutes.Value > m {
			add("minutes_left", m)
		}
	}
	return events
}

func ascending(values []int) []int {
	out := slices.Clone(values)
	slices.Sort(out)
	return slices.Compact(out)
}
