package printer

import "slices"

// layersAtOnce bounds how many layers one change is searched for milestones.
// More are passed only in a long gap, or by a number that makes no sense.
const layersAtOnce = 1000

// progress tells each milestone that the job crossed, once: they are compared
// with the job's high-water marks, so a value that falls and rises again, a
// gap and a restart tell nothing twice.
func progress(p, n *State, marks Marks) []Event {
	if !seen(p, n) {
		return nil
	}
	from, to := &Job{}, &n.Job
	if !began(p, n) {
		from = &p.Job
	}
	var events []Event
	add := func(kind string, value int) {
		d := about(&n.Job)
		d.Milestone, d.MilestoneKind = ref(value), kind
		events = append(events, Event{Job: n.Job.ID, Detail: d})
	}
	if from.PeakProgress < to.PeakProgress {
		for _, m := range ascending(marks.Percent) {
			if from.PeakProgress < m && m <= to.PeakProgress {
				add("percent", m)
			}
		}
	}
	first := max(from.PeakLayer, to.PeakLayer-layersAtOnce) + 1
	for layer := first; layer <= to.PeakLayer && len(marks.EveryLayers) > 0; layer++ {
		if slices.ContainsFunc(marks.EveryLayers, func(every int) bool { return every > 0 && layer%every == 0 }) {
			add("layer", layer)
		}
	}
	was, now := from.LeastMinutes, to.LeastMinutes
	if was.Known && now.Known && now.Value < was.Value {
		for _, m := range slices.Backward(ascending(marks.MinutesLeft)) {
			if now.Value <= m && was.Value > m {
				add("minutes_left", m)
			}
		}
	}
	return events
}

func ascending(values []int) []int {
	out := slices.Clone(values)
	slices.Sort(out)
	return slices.Compact(out)
}
