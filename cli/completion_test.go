package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completions are lines and some of what has to be offered at their end, and
// what must not be.
func completions() []struct{ line, want, not string } {
	return []struct{ line, want, not string }{
		{"printwire k", "keys", "printers"},
		{"printwire keys ", "create list rotate revoke", "add"},
		{"printwire keys create --s", "--scope", "--name"},
		{"printwire keys create --scope f", "full_access", "read"},
		{"printwire --data nowhere printers ", "status edit", "create"},
		{"printwire printers add --certificate ", "pin verify insecure", "--host"},
		{"printwire archives list --status c", "completed", "failed"},
		{"printwire webhooks ", "list add deliveries formats", "create"},
		{"printwire webhooks add --event print_c", "print_complete", "print_failed"},
		{"printwire webhooks add --format ", "standard ntfy custom", "--url"},
		{"printwire webhooks edit --clear ", "header event milestones", "name"},
		{"printwire webhooks deliveries --state ", "failed waiting", "ok"},
		{"printwire webhooks formats ", "discord telegram", "list"},
		{"printwire webhooks add --template ", "a_file", "list"},
		{"printwire completion ", "bash zsh fish", "keys"},
		{"printwire archives edit --no-f", "--no-favorite", "--name"},
		{"printwire keys create --name ", "", "--scope"},
		{"printwire backup ", "a_file", "keys"},
		{"printwire jobs run ", "backup journal_retention", "list"},
		{"printwire archives export --file ", "a_file", "list"},
	}
}

// offered is what a shell offers at the end of a line, by a program for that
// shell: @ is the script of completions, the line is its argument.
func offered(t *testing.T, shell, program, line string) []string {
	t.Helper()
	code, script, stderr := command(t, nil, "completion", shell)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	folder := t.TempDir()
	file := filepath.Join(t.TempDir(), "script")
	for path, text := range map[string]string{filepath.Join(folder, "a_file"): "", file: script} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-c", strings.ReplaceAll(program, "@;", file+";"), shell, line}
	if shell == "fish" {
		args = []string{"--no-config", "-c", strings.ReplaceAll(program, "@;", file+";"), line}
	}
	cmd := exec.Command(shell, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", shell, err, out)
	}
	return strings.Fields(string(out))
}

func TestCompletion_EachShellOffersWhatFits(t *testing.T) {
	for shell, program := range map[string]string{
		"bash": `source @; COMP_LINE=$1 COMP_POINT=${#1}; _printwire; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `source @; complete -C $argv[1] | cut -f1`,
		// The functions of zsh's own that work only at its prompt tell what they are given.
		"zsh": `compdef() { }; compset() { }; compadd() { shift; print -l -- "$@" }; _files() { print -- a_file }
_describe() { print -l -- "${(@P)2%%:*}" }
source @; words=(${(s: :)1}); [[ $1 == *" " ]] && words+=(""); CURRENT=$#words; words[CURRENT]=$words[CURRENT]; _printwire`,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed", shell)
			}
			for _, c := range completions() {
				found := offered(t, shell, program, c.line)
				for _, want := range strings.Fields(c.want) {
					if !slices.Contains(found, want) {
						t.Errorf("at %q: no %q in %v", c.line, want, found)
					}
				}
				// zsh itself leaves out what does not begin as the word does.
				if partial := !strings.HasSuffix(c.line, " "); (shell != "zsh" || !partial) && slices.Contains(found, c.not) {
					t.Errorf("at %q: %q is offered: %v", c.line, c.not, found)
				}
			}
		})
	}
}

func TestCompletion_ScopesKeepTheirColonInBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	const program = `source @; COMP_LINE=$1 COMP_POINT=${#1}; _printwire; printf '%s\n' "${COMPREPLY[@]}"`
	for line, want := range map[string]string{
		"printwire keys create --scope printers:c": "control", // bash puts it behind the colon
		"printwire keys create --scope=archives:w": "write",
		"printwire keys create --scope archiv":     "archives:read archives:write",
	} {
		found := offered(t, "bash", program, line)
		if strings.Join(found, " ") != want {
			t.Errorf("at %q: %v, want %s", line, found, want)
		}
	}
}

func TestCompletion_OfAnotherShellIsRefused(t *testing.T) {
	code, _, stderr := command(t, nil, "completion", "tcsh")
	if code != 2 || !strings.Contains(stderr, "bash") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
