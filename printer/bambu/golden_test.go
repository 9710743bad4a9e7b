package bambu

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

var update = flag.Bool("update", false, "write the golden files")

// goldenCase is a printer with what it sends.
type goldenCase struct {
	Serial   string
	Messages []json.RawMessage
}

func readCase(t testing.TB, file string) goldenCase {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c goldenCase
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func caseFiles(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range all {
		if !strings.HasSuffix(f, ".golden.json") {
			files = append(files, f)
		}
	}
	if len(files) < 10 {
		t.Fatalf("found %d cases only", len(files))
	}
	return files
}

func TestState_golden(t *testing.T) {
	for _, file := range caseFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := readCase(t, file)
			d := newDocument()
			s := printer.State{Serial: c.Serial}
			for _, m := range c.Messages {
				if _, err := d.apply(m); err != nil {
					t.Fatal(err)
				}
				s = d.state(s)
			}
			checkSane(t, s)
			got := pretty(t, s)
			golden := strings.TrimSuffix(file, ".json") + ".golden.json"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the state is not that of %s; got:\n%s", golden, got)
			}
			again := newDocument()
			for _, m := range c.Messages {
				again.apply(m)
			}
			if s := again.state(printer.State{Serial: c.Serial}); !bytes.Equal(pretty(t, s), want) {
				t.Error("mapped once at the end, the state is another one")
			}
		})
	}
}

// pretty is a state as JSON without what is unknown or empty.
func pretty(t testing.TB, s printer.State) []byte {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	raw, err = json.MarshalIndent(dense(v), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, '\n')
}

func dense(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			e = dense(e)
			v[k] = e
			if m, ok := e.(map[string]any); e == nil || e == "" || e == "0001-01-01T00:00:00Z" || ok && len(m) == 0 {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = dense(v[i])
		}
	}
	return v
}
