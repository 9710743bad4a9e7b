package webhook_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/printwire/printwire/webhook"
)

func docs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocs_NameEveryFormat(t *testing.T) {
	text := docs(t)
	for _, f := range webhook.Formats() {
		if !strings.Contains(text, "`"+f.Name+"`") {
			t.Errorf("docs/webhooks.md does not name the format %s", f.Name)
		}
		for _, v := range f.Variables {
			if !strings.Contains(text, "`"+v+"`") {
				t.Errorf("docs/webhooks.md does not name the variable %s of %s", v, f.Name)
			}
		}
	}
	for _, name := range webhook.DefaultEvents() {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/webhooks.md does not name the event %s", name)
		}
	}
}

// TestDocs_SignatureExamples runs the examples on a real delivery, and on one
// with a changed byte.
func TestDocs_SignatureExamples(t *testing.T) {
	box := tester(t, webhook.Options{})
	server, requests := receive(t, nil)
	e := create(t, box, webhook.Endpoint{URL: secretOf(server.URL)})
	for range 2 { // The second has two signatures.
		if _, err := box.Test(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := box.Rotate(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
	}
	first, second := <-requests, <-requests
	changed := got{second.header, append([]byte("x"), second.body...)}
	for language, with := range map[string]struct{ program, call string }{
		"python": {"python3", "\nimport json, sys\nfor l in json.load(sys.stdin): print(str(genuine(l[0], l[1], l[2].encode())).lower())"},
		"js":     {"node", "\nfor (const l of JSON.parse(require(\"fs\").readFileSync(0))) console.log(genuine(l[0], l[1], Buffer.from(l[2])));"},
	} {
		t.Run(language, func(t *testing.T) {
			program, err := exec.LookPath(with.program)
			if err != nil {
				t.Skip("there is no " + with.program)
			}
			_, code, _ := strings.Cut(docs(t), "```"+language+"\n")
			code, _, _ = strings.Cut(code, "```")
			file := filepath.Join(t.TempDir(), "example")
			if err := os.WriteFile(file, []byte(code+with.call), 0o600); err != nil {
				t.Fatal(err)
			}
			var calls [][]any
			for _, g := range []got{first, second, changed} {
				headers := map[string]string{}
				for name := range g.header {
					headers[strings.ToLower(name)] = g.header.Get(name)
				}
				calls = append(calls, []any{e.Secret.Reveal(), headers, string(g.body)})
			}
			input, err := json.Marshal(calls)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), program, file)
			cmd.Stdin = strings.NewReader(string(input))
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Join(strings.Fields(string(out)), " ") != "true true false" {
				t.Errorf("the example says %s (%v), want true true false", out, err)
			}
		})
	}
}
