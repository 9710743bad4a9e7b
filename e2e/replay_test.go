package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/simulator"
)

// replayed is what a recorded stream has to give, written by hand with the
// stream at hand, and not taken from what the program made of it.
type replayed struct {
	file, model string
	// words are what the recording's own list of transitions calls an activity,
	// where that is not our word.
	words map[string]printer.Activity
	// more are activities after the last one of that list.
	more []printer.Activity
	// events are all entries of the journal.
	events []string
}

func recordedStreams() []replayed {
	return []replayed{
		{
			file: "bambu-a1-happy-path", model: "A1",
			events: []string{
				// The finished calibration that is found at the start is no event.
				"printer_online",
				// IDLE with the new name and the old 100 % comes first: that is no start and no end.
				"print_started",
				// 7 % and layer 1 come together, layer 2 two minutes later. The 6 % before
				// layer 1 is below every milestone. The tray that is loaded is the job's
				// first, so nothing changed; taking it out at the end is no change either.
				"first_layer_complete",
				"print_progress 25", "print_progress 50", "print_progress 75",
				// 100 % comes one report before FINISH and ends nothing by itself. home_flag
				// flickers in two bits through the whole print and means nothing.
				"print_complete",
				// The bed falls below 40 °C within the three idle hours.
				"bed_cooled",
			},
		},
		{
			file: "bambu-a1-kickoff", model: "A1",
			// It ends after two minutes of preparation.
			events: []string{"printer_online", "print_started"},
		},
		{
			file: "bambu-h2d-recovery", model: "H2D",
			// FAILED with 0300_400C stands at the start: somebody cancelled, and the
			// recording's model has one word for that and for a failure.
			words: map[string]printer.Activity{"error": printer.Stopped},
			more:  []printer.Activity{printer.Preparing, printer.Printing, printer.Paused},
			events: []string{
				// Five entries of hms stand at the start, and so does the old end: no events.
				// The dialog that is dismissed after 30 s is none either.
				"printer_online",
				"print_started",
				// 0C00_0100_0002_0017 stood at the start, went at RUNNING, and is back after
				// 57 s, which is the same episode. The code that pauses is of the class that
				// only pauses (8 in the lower half): it is the pause's reason, not an error.
				"print_paused 0500_808F",
			},
		},
	}
}

// streamTimes are the times of a stream's reports from its first one on.
func streamTimes(t *testing.T, data []byte) (serial string, at []time.Duration, first float64) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line struct {
			TS               float64 `json:"ts"`
			Direction, Topic string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Direction != "recv" {
			continue
		}
		if len(at) == 0 {
			first, serial = line.TS, strings.Split(line.Topic, "/")[1]
		}
		at = append(at, time.Duration((line.TS-first)*float64(time.Second)))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return serial, at, first
}

// listed are the transitions that come with a recording, after its first
// words: before any report it has a state of its own.
type listed []struct {
	TS     float64 `json:"ts"`
	To     string  `json:"to_state"`
	Reason string  `json:"reason"`
}

func transitions(t *testing.T, file string) listed {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Transitions listed }
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list.Transitions, func(e struct {
		TS     float64 `json:"ts"`
		To     string  `json:"to_state"`
		Reason string  `json:"reason"`
	}) bool {
		return strings.Contains(e.Reason, "awaiting telemetry")
	})
}

func TestReplay_Streams(t *testing.T) {
	dir := filepath.Join(recorded(t), "streams")
	for _, want := range recordedStreams() {
		t.Run(want.file, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(dir, want.file+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			serial, at, first := streamTimes(t, data)
			r := newRoute(t, simulator.Options{Model: want.model, Serial: serial, Replay: bytes.NewReader(data)})
			r.track.online(t)
			began := r.clock.Now()
			passed := time.Duration(0)
			for _, next := range at {
				r.pass(max(0, next-passed))
				passed = max(passed, next)
			}
			r.pass(20 * time.Second)
			r.stop()
			compareActivities(t, r, want, transitions(t, filepath.Join(dir, want.file+".expected.json")), began, first)
			compareEvents(t, r, want.events)
			t.Logf("%d reports", len(at))
		})
	}
}

// compareActivities wants the listed transitions in their order and at their
// time. The first ones are what the bridge found at its start.
func compareActivities(t *testing.T, r *route, want replayed, list listed, began time.Time, first float64) {
	t.Helper()
	got := slices.DeleteFunc(slices.Clone(r.track.steps), func(s shownAt) bool { return s.activity == printer.Offline })
	var names, wanted []printer.Activity
	for _, s := range got {
		names = append(names, s.activity)
	}
	for _, e := range list {
		a, ok := want.words[e.To]
		if !ok {
			a = printer.Activity(e.To)
		}
		wanted = append(wanted, a)
	}
	wanted = append(wanted, want.more...)
	if !slices.Equal(names, wanted) {
		t.Fatalf("activities\n got %q\nwant %q", names, wanted)
	}
	for i, e := range list[1:] {
		due := began.Add(time.Duration((e.TS - first) * float64(time.Second)))
		if d := got[i+1].at.Sub(due); d < -time.Second || d > time.Second {
			t.Errorf("%s came %s after its time", e.To, d)
		}
	}
}

// compareEvents wants these entries in the journal and no other, with numbers
// that rise, of one printer, and each about the one job.
func compareEvents(t *testing.T, r *route, want []string) {
	t.Helper()
	var got []string
	job := ""
	for i, e := range r.journalled() {
		got = append(got, about(e))
		if e.Seq != uint64(i+1) || e.Serial != r.sim.Serial() {
			t.Errorf("entry %d has the number %d and the serial %q", i+1, e.Seq, e.Serial)
		}
		if e.Name == "print_started" {
			job = e.Job
		}
		if e.Job != "" && e.Job != job {
			t.Errorf("%s is about the job %q, not %q", e.Name, e.Job, job)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n got %q\nwant %q", got, want)
	}
}
