package bambu

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

// stream reads a recorded stream as moments. Its connection is up from the start.
func stream(t *testing.T, file string) (serial string, moments []moment) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	moments = []moment{{up: true}}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	var began float64
	for lines.Scan() {
		var line struct {
			TS        float64         `json:"ts"`
			Direction string          `json:"direction"`
			Topic     string          `json:"topic"`
			Payload   json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Direction != "recv" {
			continue
		}
		if began == 0 {
			began = line.TS - 2
			serial = strings.Split(line.Topic, "/")[1]
		}
		at := time.Duration((line.TS - began) * float64(time.Second))
		moments = append(moments, moment{at: at, payload: line.Payload})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return serial, moments
}

// words is what the recordings' own state model calls an activity; "error" is
// failed or stopped there.
func words(a printer.Activity) string {
	switch a {
	case printer.Failed, printer.Stopped, printer.Paused:
		return map[printer.Activity]string{printer.Failed: "error", printer.Stopped: "error", printer.Paused: "paused"}[a]
	default:
		return string(a)
	}
}

// expectedStates are the states of the recordings' own expectation, in order.
// Its first one, before any report, is not a state of ours.
func expectedStates(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Transitions []struct {
			To     string `json:"to_state"`
			Reason string `json:"reason"`
		} `json:"transitions"`
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, tr := range want.Transitions {
		if !strings.Contains(tr.Reason, "awaiting telemetry") {
			out = append(out, tr.To)
		}
	}
	return out
}

func TestStreams_EventsAndStates(t *testing.T) {
	dir := filepath.Join(recordings(t), "streams")
	for _, c := range []struct {
		file string
		// more are activities after those that the recordings expect.
		more   []string
		events []string
	}{
		{"bambu-a1-happy-path", nil, []string{
			"printer_online", "print_started", "first_layer_complete", "print_progress", "print_progress", "print_progress", "print_complete", "bed_cooled",
		}},
		{"bambu-a1-kickoff", nil, []string{"printer_online", "print_started"}},
		{"bambu-h2d-recovery", []string{"preparing", "printing", "paused"}, []string{
			"printer_online", "print_started", "print_paused",
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			serial, moments := stream(t, filepath.Join(dir, c.file+".jsonl"))
			events, updates := replay(t, serial, moments)
			var states []string
			for _, u := range updates {
				if w := words(u.State.Activity); u.State.Online && w != "" && (len(states) == 0 || states[len(states)-1] != w) {
					states = append(states, w)
				}
			}
			want := append(expectedStates(t, filepath.Join(dir, c.file+".expected.json")), c.more...)
			if !slices.Equal(states, want) {
				t.Errorf("activities\n got %q\nwant %q", states, want)
			}
			var names, faults []string
			for _, e := range events {
				name, _, _ := strings.Cut(e, " ")
				switch name {
				case "printer_error", "printer_error_cleared":
					faults = append(faults, name)
				case "filament_changed", "firmware_available", "door_opened", "door_closed":
				default:
					names = append(names, name)
				}
			}
			if !slices.Equal(names, c.events) {
				t.Errorf("events\n got %q\nwant %q\nof %q", names, c.events, events)
			}
			t.Logf("%d moments, %d updates, faults %q, all events %q", len(moments), len(updates), faults, events)
		})
	}
}
