package bambu

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

// recordings is the folder of real reports outside the repository.
func recordings(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("PRINTWIRE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "recordings", "bambu")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recordings of real printers here:", err)
	}
	return dir
}

// snapshotMessages are the messages in one of the envelopes that the
// recordings have.
func snapshotMessages(t *testing.T, file string) []json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []json.RawMessage
	var visit func(raw json.RawMessage)
	visit = func(raw json.RawMessage) {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return
		}
		switch {
		case members["gcode_state"] != nil:
			found = append(found, json.RawMessage(`{"print":`+string(raw)+`}`))
		case members["module"] != nil:
			found = append(found, json.RawMessage(`{"info":`+string(raw)+`}`))
		default:
			for _, m := range members {
				visit(m)
			}
		}
	}
	visit(raw)
	return found
}

func TestRecordings_snapshots(t *testing.T) {
	// What each recording shows, told by its description.
	want := map[string]struct {
		model string
		trays int
	}{
		"H2D.json": {"H2D", 5}, "MOCK-A1.json": {"A1", 4}, "MOCK-H2D.json": {"H2D", 8}, "MOCK-H2S.json": {"H2S", 4},
		"MOCK-P1PNOAMS.json": {"P1P", 0}, "MOCK-P2S.json": {"P2S", 4}, "MOCK-X1CMULTIAMS.json": {"X1C", 13},
		"P1P.json": {"P1P", 4}, "get_version-a1mini.json": {"A1 mini", 0}, "pushall-n1-idle.json": {"A1 mini", 4},
		"x1c-get_version-01.01.json": {"X1C", 0}, "x1c-pushall-running-fw01.08.json": {"X1C", 4},
	}
	serials := map[string]string{"pushall-n1-idle.json": "030000000000001", "x1c-pushall-running-fw01.08.json": "00M000000000001"}
	files, _ := filepath.Glob(filepath.Join(recordings(t), "snapshots", "*.json"))
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			d := newDocument()
			for _, m := range snapshotMessages(t, file) {
				if _, err := d.apply(m); err != nil {
					t.Fatal(err)
				}
			}
			s := d.state(printer.State{Serial: serials[name]})
			checkSane(t, s)
			trays := 0
			for _, u := range s.Units {
				trays += len(u.Trays)
			}
			if w := want[name]; s.Model != w.model || trays != w.trays {
				t.Errorf("got model %q and %d trays, want %q and %d", s.Model, trays, w.model, w.trays)
			}
			if os.Getenv("PRINTWIRE_SHOW") != "" {
				shown, _ := json.MarshalIndent(s, "", " ")
				t.Log(string(shown))
			}
		})
	}
}

func TestRecordings_streams(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recordings(t), "streams", "*.jsonl"))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			d := newDocument()
			var s printer.State
			kinds := make(map[kind]int)
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				var line struct {
					Direction string
					Topic     string
					Payload   json.RawMessage
				}
				if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
					t.Fatal(err)
				}
				if line.Direction != "recv" {
					continue
				}
				s.Serial = strings.Split(line.Topic, "/")[1]
				s = d.state(s)
				m, err := d.apply(line.Payload)
				if err != nil {
					t.Fatalf("%v: %.200s", err, line.Payload)
				}
				kinds[m.Kind]++
				before := s
				s = d.state(s)
				if !m.Changed && !s.Equal(before) {
					t.Fatalf("a message without a change changed the state: %.300s", line.Payload)
				}
			}
			checkSane(t, s)
			if s.Model == "" || len(s.Units) == 0 || kinds[kindReport] == 0 {
				t.Errorf("got model %q, %d units, messages %v", s.Model, len(s.Units), kinds)
			}
			t.Log(s.Model, len(s.Units), kinds)
		})
	}
}
