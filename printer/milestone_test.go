package printer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/printwire/printwire/printer"
)

func marks() printer.Marks {
	return printer.Marks{Percent: []int{75, 10, 50, 50, 100}, EveryLayers: []int{7, 10, 0, -3}, MinutesLeft: []int{5, 60, 30}}
}

// walkOf is a random course of jobs, with values that fall and rise, gaps and
// restarts (which go through storage, so that only what a state has survives).
func walkOf(r *rand.Rand, steps int) []printer.State {
	var course []printer.State
	job, progress, layer, left := 0, 0, 0, 90
	for range steps {
		switch r.IntN(30) {
		case 0:
			job, progress, layer, left = job+1, 0, 0, 40+r.IntN(80)
		case 1:
			progress, layer = r.IntN(101), r.IntN(120)
		default:
			progress, layer, left = min(100, progress+r.IntN(5)), layer+r.IntN(4), max(0, left-r.IntN(6)+1)
		}
		s := printer.State{Online: r.IntN(9) > 0, Activity: printer.Printing}
		if r.IntN(12) == 0 {
			s.Activity = printer.Paused
		}
		s.Job = printer.Job{ID: fmt.Sprint("J", job)}
		if r.IntN(6) > 0 {
			s.Job.Progress, s.Job.Layer = printer.Some(progress), printer.Some(layer)
		}
		if r.IntN(6) > 0 {
			s.Job.RemainingSeconds = printer.Some(left*60 - r.IntN(60))
		}
		course = append(course, s)
	}
	return course
}

func TestDiff_MilestonesAreToldOncePerJob(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		told := map[string]int{}
		highest := map[string]int{}
		var prev printer.State
		for _, raw := range walkOf(r, 120) {
			if r.IntN(5) == 0 {
				continue // A gap: the report is lost.
			}
			next := printer.Carry(prev, raw)
			for _, e := range printer.Diff(prev, next, marks()) {
				if e.Name == "print_progress" {
					told[fmt.Sprint(e.Job, " ", e.Detail.MilestoneKind, " ", *e.Detail.Milestone)]++
				}
			}
			highest[raw.Job.ID] = max(highest[raw.Job.ID], raw.Job.Progress.Or(0))
			prev = next
		}
		for what, times := range told {
			if times != 1 {
				t.Fatalf("seed %d: %s was told %d times", seed, what, times)
			}
		}
		for job, peak := range highest {
			for _, m := range []int{10, 50, 75, 100} {
				if got := told[fmt.Sprint(job, " percent ", m)]; got != map[bool]int{true: 1}[peak >= m] {
					t.Fatalf("seed %d: %s reached %d %%, and %d %% was told %d times", seed, job, peak, m, got)
				}
			}
		}
	}
}

func TestDiff_MilestonesDoNotDependOnTheGaps(t *testing.T) {
	// Percent and layers of one job are the same whether all reports were seen
	// or only some and the last.
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		var course []printer.State
		layer := 0
		for progress := 0; progress <= 100; progress += 1 + r.IntN(6) {
			layer += r.IntN(5)
			course = append(course, at(printer.Printing, "J", progress, layer))
		}
		all := toldIn(course, func() bool { return true })
		some := toldIn(course, func() bool { return r.IntN(3) == 0 })
		if fmt.Sprint(all) != fmt.Sprint(some) {
			t.Fatalf("seed %d: all reports give %v, some give %v", seed, all, some)
		}
	}
}

func toldIn(course []printer.State, seen func() bool) map[string]bool {
	told := map[string]bool{}
	prev := printer.State{Online: true}
	for i, raw := range course {
		if i > 0 && i < len(course)-1 && !seen() {
			continue
		}
		next := printer.Carry(prev, raw)
		for _, e := range printer.Diff(prev, next, marks()) {
			if e.Name == "print_progress" {
				told[fmt.Sprint(e.Detail.MilestoneKind, *e.Detail.Milestone)] = true
			}
		}
		prev = next
	}
	return told
}

func TestDiff_MinutesLeft(t *testing.T) {
	var got []int
	prev := printer.Carry(printer.State{}, with(at(printer.Printing, "J", 0, 0), minutes(90)))
	for _, left := range []int{61, 60, 59, 62, 58, 29, 31, 4, 90} {
		next := printer.Carry(prev, with(at(printer.Printing, "J", 0, 0), minutes(left)))
		for _, e := range printer.Diff(prev, next, marks()) {
			got = append(got, left, *e.Detail.Milestone)
		}
		prev = next
	}
	if fmt.Sprint(got) != "[60 60 29 30 4 5]" {
		t.Errorf("minutes left and milestones are %v", got)
	}
}

func TestDiff_ImpossibleLayer(t *testing.T) {
	prev := at(printer.Printing, "J", 0, 3)
	next := printer.Carry(prev, at(printer.Printing, "J", 0, 1<<40))
	if n := len(printer.Diff(prev, next, printer.Marks{EveryLayers: []int{1}})); n > 2000 {
		t.Errorf("a senseless layer gives %d events", n)
	}
}

func TestCarry(t *testing.T) {
	prev := printer.Carry(printer.State{}, with(at(printer.Printing, "J", 40, 12), bed(60), tray(0, 1), minutes(50)))
	next := printer.Carry(prev, with(at(printer.Printing, "J", 20, 3), bed(39)))
	if j := next.Job; j.PeakProgress != 40 || j.PeakLayer != 12 || j.LeastMinutes != printer.Some(50) || !j.BedHot || j.BedCooled || j.Tray != printer.Some(printer.TrayRef{Slot: 1}) {
		t.Errorf("carried on, the job is %+v", j)
	}
	cooled := printer.Carry(next, with(at(printer.Printing, "J", 20, 3), bed(39), ended(printer.Success, "")))
	again := printer.Carry(cooled, with(at(printer.Printing, "J", 20, 3), bed(80), ended(printer.Success, "")))
	if !cooled.Job.BedCooled || !again.Job.BedCooled {
		t.Error("that the bed has cooled is forgotten")
	}
	other := printer.Carry(cooled, with(at(printer.Printing, "K", 1, 1), bed(20)))
	if j := other.Job; j.PeakProgress != 1 || j.BedHot || j.Tray.Known || j.LeastMinutes.Known {
		t.Errorf("another job has inherited: %+v", j)
	}
	if none := printer.Carry(cooled, at(printer.Idle, "", 0, 0)); none.Job.PeakProgress != 0 {
		t.Errorf("no job has inherited: %+v", none.Job)
	}
}
