package cli_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/printwire/printwire/cli"
)

// command runs the command line with an empty environment but for environ.
func command(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = cli.Main(t.Context(), cli.Env{Args: args, Stdout: &out, Stderr: &err, Environ: environ, Version: "1.2.3"})
	return code, out.String(), err.String()
}

func TestMain_HelpAndVersion(t *testing.T) {
	for _, c := range []struct {
		name, args, want string
	}{
		{"help as a word", "help", "Usage: printwire <command>"},
		{"help about a command", "help keys create", "Usage: printwire keys create"},
		{"the version by flag", "--version", "printwire 1.2.3\n"},
		{"the version by command", "version", "printwire 1.2.3\n"},
		{"the version for programs", "version --json", `"version": "1.2.3"`},
		{"the data folder's default", "printers list --help", "PRINTWIRE_DATA"},
		{"the formats of webhooks", "webhooks formats", "\ntelegram        chat_id    a message by a Telegram bot"},
		{"a format's template", "webhooks formats slack", `{"text":{{toJson`},
		{"a format for programs", "webhooks formats ntfy --json", `"Title": "{{`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := command(t, nil, strings.Fields(c.args)...)
			if code != 0 || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, want %q in %s%s", code, c.want, out, stderr)
			}
		})
	}
}

func TestMain_RefusesWhatItDoesNotKnow(t *testing.T) {
	for _, c := range []struct{ name, args, want, try string }{
		{"a command", "nonsense", `there is no command "nonsense"`, "printwire --help"},
		{"a command of a command", "keys nonsense", `there is no command "nonsense"`, "printwire keys --help"},
		{"a command to help with", "help nonsense", `there is no command "nonsense"`, "printwire --help"},
		{"a flag", "printers list --nonsense", "--nonsense", "printwire printers list --help"},
		{"a flag alone", "--nonsense", "--nonsense", "printwire --help"},
		{"a missing flag", "keys create", "--name", "printwire keys create --help"},
		{"a format that is no template", "webhooks formats standard", "start from another one", ""},
		{"milestones of a webhook", "webhooks add --milestones half", "25,50,75, or none", "printwire webhooks add --help"},
		{"a home", "keys list", "name the data folder with --data or PRINTWIRE_DATA", ""},
		{"a home to serve from", "serve", "name the data folder with --data or PRINTWIRE_DATA", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, out := command(t, nil, strings.Fields(c.args)...)
			if code != 2 || !strings.Contains(out, c.want) || c.try != "" && !strings.Contains(out, `Try "`+c.try+`".`) {
				t.Errorf("exit %d, want 2, %q and %q in %s", code, c.want, c.try, out)
			}
		})
	}
}

func TestMain_AnUnknownFamilyIsOneOfTheProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "printwire.yaml")
	text := "mqtt: { mode: sometimes }\nprinters: [ { host: h, serial: S, access_code: '1', family: bamboo } ]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, out := command(t, []string{"PRINTWIRE_ACCESS_CODE=12345678"}, "serve", "--data", t.TempDir(), "--settings", file)
	for _, want := range []string{"mqtt.mode: must be", "printers[0].family: must be one of bambu", "2 problems"} {
		if code != 2 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in %s", code, want, out)
		}
	}
}

func TestMain_ATakenPortIsToldOnceWithTheSettingToChange(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"the broker's", []string{"serve", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--mqtt", address}, "--mqtt or mqtt.listen"},
		{"the demo's API", []string{"demo", "--data", t.TempDir(), "--printers", "1", "--http", address}, "--http"},
		{"the demo's broker", []string{"demo", "--data", t.TempDir(), "--printers", "1", "--http", "127.0.0.1:0", "--mqtt", address}, "--mqtt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, out := command(t, nil, c.args...)
			if code != 1 || strings.Count(out, address) == 0 || !strings.Contains(out, c.want) || strings.Contains(out, "stopping") || strings.Count(out, "\n") != 1 {
				t.Errorf("exit %d, want 1 and one line with %q: %s", code, c.want, out)
			}
		})
	}
}
