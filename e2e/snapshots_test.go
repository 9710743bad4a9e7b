package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/simulator"
)

// snapshot is one recorded picture of a printer: its full report, and its
// modules where the same printer's are there.
type snapshot struct {
	files []string
	// serial only has to have the right beginning where the modules do not name the model.
	serial, model string
	activity      printer.Activity
}

// recordedSnapshots are written by hand from what the recordings are said to show.
func recordedSnapshots() []snapshot {
	return []snapshot{
		{[]string{"H2D.json"}, "094000000000001", "H2D", printer.Printing},
		{[]string{"MOCK-H2D.json"}, "094000000000001", "H2D", printer.Printing},
		{[]string{"MOCK-H2S.json"}, "093000000000001", "H2S", printer.Printing},
		{[]string{"MOCK-A1.json"}, "039000000000001", "A1", printer.Idle},
		{[]string{"pushall-n1-idle.json", "get_version-a1mini.json"}, "030000000000001", "A1 mini", printer.Idle},
		{[]string{"MOCK-P1PNOAMS.json"}, "01S000000000001", "P1P", printer.Finished},
		// FAILED with no code at all: a failure for an unknown reason.
		{[]string{"P1P.json"}, "01S000000000001", "P1P", printer.Failed},
		{[]string{"MOCK-P2S.json"}, "22E000000000001", "P2S", printer.Printing},
		{[]string{"MOCK-X1CMULTIAMS.json"}, "00M000000000001", "X1C", printer.Finished},
		{[]string{"x1c-pushall-running-fw01.08.json", "x1c-get_version-01.01.json"}, "00M000000000001", "X1C", printer.Printing},
	}
}

// bodies finds the report and the list of modules in one of the envelopes that
// the recordings have.
func bodies(t *testing.T, folder string, files []string) (report, modules map[string]any) {
	t.Helper()
	var visit func(v any)
	visit = func(v any) {
		m, ok := v.(map[string]any)
		switch {
		case !ok:
		case m["gcode_state"] != nil:
			report = m
		case m["module"] != nil:
			modules = m
		default:
			for _, inner := range m {
				visit(inner)
			}
		}
	}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		var v any
		if err := decoder.Decode(&v); err != nil {
			t.Fatal(err)
		}
		visit(v)
	}
	if report == nil {
		t.Fatalf("no report in %v", files)
	}
	return report, modules
}

// asStream makes a stream of one report, as a printer answers the two questions.
func asStream(t *testing.T, serial string, report, modules map[string]any) []byte {
	t.Helper()
	var out bytes.Buffer
	line := func(key, command string, body map[string]any) {
		body["command"] = command
		text, err := json.Marshal(map[string]any{
			"ts": 1000.5, "direction": "recv", "topic": "device/" + serial + "/report", "payload": map[string]any{key: body},
		})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(text, '\n'))
	}
	if modules != nil {
		line("info", "get_version", modules)
	}
	line("print", "push_status", report)
	return out.Bytes()
}

// traysOf names every slot in a raw report.
func traysOf(report map[string]any) []string {
	var list []string
	ams, _ := report["ams"].(map[string]any)
	units, _ := ams["ams"].([]any)
	for _, u := range units {
		unit, _ := u.(map[string]any)
		trays, _ := unit["tray"].([]any)
		for _, tr := range trays {
			tray, _ := tr.(map[string]any)
			list = append(list, fmt.Sprintf("%v/%v", unit["id"], tray["id"]))
		}
	}
	slices.Sort(list)
	return list
}

// externalsOf counts the spools beside the changers in a raw report.
func externalsOf(report map[string]any) int {
	if slots, ok := report["vir_slot"].([]any); ok {
		return len(slots)
	}
	if _, ok := report["vt_tray"].(map[string]any); ok {
		return 1
	}
	return 0
}

func TestReplay_Snapshots(t *testing.T) {
	folder := filepath.Join(recorded(t), "snapshots")
	files, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	for _, want := range recordedSnapshots() {
		for _, f := range want.files {
			files = slices.DeleteFunc(files, func(o string) bool { return filepath.Base(o) == f })
		}
		t.Run(strings.Join(want.files, " and "), func(t *testing.T) {
			t.Parallel()
			report, modules := bodies(t, folder, want.files)
			r := newRoute(t, simulator.Options{Model: "A1", Serial: want.serial, Replay: bytes.NewReader(asStream(t, want.serial, report, modules))})
			r.track.online(t)
			r.pass(0)
			s := r.beat()
			r.stop()
			if s.Model != want.model || s.Shown() != want.activity {
				t.Errorf("got model %q %s, want %q %s", s.Model, s.Shown(), want.model, want.activity)
			}
			var trays []string
			for _, u := range s.Units {
				for _, tray := range u.Trays {
					trays = append(trays, fmt.Sprintf("%d/%d", u.ID, tray.Slot))
				}
			}
			slices.Sort(trays)
			if raw := traysOf(report); !slices.Equal(trays, raw) {
				t.Errorf("got the slots %q, the report has %q", trays, raw)
			}
			if raw := externalsOf(report); len(s.External) != raw {
				t.Errorf("got %d external spools, the report has %d", len(s.External), raw)
			}
			// What stands at first sight is no event: neither a job under way, nor an
			// old end, nor a fault.
			compareEvents(t, r, []string{"printer_online"})
			t.Logf("%d slots, %d external, %d faults", len(trays), len(s.External), len(s.Faults))
		})
	}
	if len(files) > 0 {
		t.Errorf("nobody looks at %q", files)
	}
}
