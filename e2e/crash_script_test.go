package e2e_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/printwire/printwire/printer"
)

// scene is what a scripted printer shows at one moment, and which events have
// to come of it. The names are written here by hand, not taken from a rule.
type scene struct {
	activity printer.Activity
	// job is the number of the job, from 1; 0 is none.
	job      int
	progress int
	layer    int
	bed      float64
	open     bool
	// cancelled: the printer shows, for this moment only, that a person
	// cancelled. failed: it says FAILED, which means stopped or failed
	// depending on that; it is decided after a window of grace.
	cancelled, failed bool
	done              bool
	want              []string
}

// play is a script: what one printer goes through.
func play(seed uint64, jobs int) []scene {
	r := rand.New(rand.NewPCG(seed, 17))
	scenes := []scene{{activity: printer.Idle, bed: 25, want: []string{"printer_online"}}}
	for job := 1; job <= jobs; job++ {
		scenes = append(scenes, printScenes(job)...)
		scenes = append(scenes, endScenes(job, r.IntN(3))...)
	}
	return scenes
}

func printScenes(job int) []scene {
	const p, on = printer.Printing, 60
	return []scene{
		{activity: printer.Preparing, job: job, bed: 30, want: []string{"print_started"}},
		{activity: p, job: job, bed: on},
		{activity: p, job: job, bed: on, progress: 10, layer: 1},
		{activity: p, job: job, bed: on, progress: 26, layer: 2, want: []string{"first_layer_complete", "print_progress"}},
		{activity: p, job: job, bed: on, progress: 26, layer: 2, open: true, want: []string{"door_opened"}},
		{activity: p, job: job, bed: on, progress: 27, layer: 2, want: []string{"door_closed"}},
		{activity: printer.Paused, job: job, bed: on, progress: 27, layer: 2, want: []string{"print_paused"}},
		{activity: p, job: job, bed: on, progress: 27, layer: 2, want: []string{"print_resumed"}},
		{activity: p, job: job, bed: on, progress: 55, layer: 4, want: []string{"print_progress"}},
		{activity: p, job: job, bed: on, progress: 45, layer: 1},
		{activity: p, job: job, bed: on, progress: 60, layer: 5},
	}
}

func endScenes(job, kind int) []scene {
	cold := scene{job: job, bed: 35, progress: 60, layer: 5, done: true, want: []string{"bed_cooled"}}
	failed := scene{activity: printer.Printing, job: job, bed: 60, progress: 60, layer: 5, failed: true}
	switch kind {
	case 0:
		cold.progress = 100
		return []scene{
			{activity: printer.Printing, job: job, bed: 60, progress: 99, layer: 9, want: []string{"print_progress"}},
			{activity: printer.Finished, job: job, bed: 60, progress: 100, layer: 9, done: true, want: []string{"print_complete"}},
			cold,
		}
	case 1:
		failed.want = []string{"print_stopped"}
		seen := scene{activity: printer.Printing, job: job, bed: 60, progress: 60, layer: 5, cancelled: true}
		return []scene{seen, failed, cold}
	default:
		failed.want = []string{"print_failed"}
		return []scene{failed, cold}
	}
}

// wanted is the list of events of a play, each with its job's name.
func wanted(scenes []scene) []string {
	var list []string
	for _, s := range scenes {
		for _, name := range s.want {
			list = append(list, name+" "+jobName(s.job, name))
		}
	}
	return list
}

func jobName(job int, event string) string {
	switch event {
	case "printer_online", "door_opened", "door_closed":
		return "-"
	}
	return fmt.Sprintf("job %d", job)
}

// wantedResults are the results of the jobs of a play, in order.
func wantedResults(scenes []scene) []printer.Result {
	of := map[string]printer.Result{
		"print_complete": printer.Success, "print_stopped": printer.Interrupted, "print_failed": printer.Failure,
	}
	var list []printer.Result
	for _, s := range scenes {
		for _, name := range s.want {
			if r, ok := of[name]; ok {
				list = append(list, r)
			}
		}
	}
	return list
}
