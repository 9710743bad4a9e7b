package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lastLine is where a secret stands alone.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

type keyRow struct {
	ID, Name, Key, State, Owner string
	Test                        bool
	Printers                    []int
	Cidrs                       []string `json:"allowed_cidrs"`
	Plan                        struct {
		Name   string
		Minute int
	} `json:"rate_plan"`
	Expires   time.Time `json:"expires_at"`
	NotBefore time.Time `json:"not_before"`
	Grace     time.Time `json:"grace_until"`
}

func TestCommandLine_KeysWithEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain+"printers: [ { name: Same, host: 127.0.0.1, port: 1, serial: S1, access_code: '1' } ]\n")
	h.serve()
	made := lastLine(h.must("keys", "create", "--name", "All", "--scope", "read", "--printer", "1", "--cidr", "127.0.0.0/8", "--plan", "team",
		"--owner", "maria", "--expires", "90d"))
	if status, body := h.get("/api/v1/printers", made); status != http.StatusOK {
		t.Fatalf("with the key: %d %s", status, body)
	}
	later := lastLine(h.must("keys", "create", "--name", "Later", "--not-before", "12h", "--expires", "2199-01-01", "--cidr", "10.0.0.1"))
	if status, body := h.get("/api/v1/printers", later); status != http.StatusUnauthorized || !strings.Contains(body, "EXPIRED_API_KEY") {
		t.Errorf("before its time: %d %s", status, body)
	}
	if test := lastLine(h.must("keys", "create", "--name", "Trial", "--test")); !strings.HasPrefix(test, "pw_test_") {
		t.Errorf("a test key is %.8s…", test)
	}
	var keys []keyRow
	h.ask(&keys, "keys", "list")
	byName := map[string]keyRow{}
	for _, k := range keys {
		byName[k.Name] = k
	}
	all, in90 := byName["All"], time.Now().Add(90*24*time.Hour)
	if all.Owner != "maria" || len(all.Printers) != 1 || len(all.Cidrs) != 1 || all.Plan.Name != "team" || all.Plan.Minute != 300 || all.Expires.Sub(in90).Abs() > time.Minute {
		t.Errorf("the list says %+v", all)
	}
	if k := byName["Later"]; k.State != "not yet valid" || k.NotBefore.IsZero() || k.Expires.Year() != 2199 {
		t.Errorf("the list says %+v", k)
	}
	if k := byName["Trial"]; !k.Test || k.Owner != "local" {
		t.Errorf("the list says %+v", k)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"an end in the past":  {[]string{"--expires", "2001-01-01"}, "expires_at"},
		"an end that is none": {[]string{"--expires", "soon"}, "90d"},
		"a plan":              {[]string{"--plan", "gold"}, "rate_plan"},
		"a network":           {[]string{"--cidr", "10.0.0.0/99"}, "allowed_cidrs"},
		"an owner":            {[]string{"--owner", "a\nb"}, "owner"},
	} {
		if out, err := h.run(append([]string{"keys", "create", "--name", "x"}, c.args...)...); code(err) != 2 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, want 2 and %q: %s", name, code(err), c.want, out)
		}
	}
}

func TestCommandLine_RotatedKeysOverlap(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	h.serve()
	status := func(key string) int {
		code, _ := h.get("/api/v1/printers", key)
		return code
	}
	first := h.key("read")
	var keys []keyRow
	h.ask(&keys, "keys", "list")
	id := keys[0].ID
	second := lastLine(h.must("keys", "rotate", id, "--overlap", "2d"))
	if second == first || status(first) != http.StatusOK || status(second) != http.StatusOK {
		t.Errorf("in the overlap the old key answers %d, the new one %d", status(first), status(second))
	}
	h.ask(&keys, "keys", "list")
	if want := time.Now().Add(48 * time.Hour); len(keys) != 1 || keys[0].ID != id || keys[0].Grace.Sub(want).Abs() > time.Minute {
		t.Errorf("after the rotation: %+v", keys)
	}
	third := lastLine(h.must("keys", "rotate", id, "--overlap", "0s"))
	if status(second) != http.StatusUnauthorized || status(third) != http.StatusOK {
		t.Errorf("without an overlap the old key answers %d, the new one %d", status(second), status(third))
	}
	if status(first) != http.StatusUnauthorized {
		t.Error("a rotation that ends the old secret at once leaves an older one")
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"too long":   {[]string{id, "--overlap", "31d"}, 2, "--overlap"},
		"no span":    {[]string{id, "--overlap", "long"}, 2, "span"},
		"no such id": {[]string{"key_none"}, 1, "keys list"},
	} {
		if out, err := h.run(append([]string{"keys", "rotate"}, c.args...)...); code(err) != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, want %d and %q: %s", name, code(err), c.code, c.want, out)
		}
	}
	h.must("keys", "revoke", id)
	if out, err := h.run("keys", "rotate", id); code(err) != 1 || !strings.Contains(out, "revoked") {
		t.Errorf("rotating a revoked key: exit %d, %s", code(err), out)
	}
}

func TestCommandLine_RestoresWhatWasBackedUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	p := h.serve()
	key := h.key("read")
	file := filepath.Join(t.TempDir(), "copy.db")
	h.must("backup", file)
	after := h.key("read")
	if out, err := h.run("restore", file); code(err) != 1 || !strings.Contains(out, "in use") {
		t.Errorf("while the bridge runs: exit %d, %s", code(err), out)
	}
	if left, _ := filepath.Glob(filepath.Join(h.data, "*.before-*")); len(left) != 0 {
		t.Errorf("a refused restore leaves %v", left)
	}
	p.stop()
	for name, text := range map[string]string{"empty": "", "torn": "", "foreign": strings.Repeat("no database ", 9000)} {
		bad := filepath.Join(t.TempDir(), name)
		if name == "torn" {
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text = string(whole[:9000])
		}
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := h.run("restore", bad); code(err) != 2 || strings.Contains(out, ".restore") || !strings.Contains(out, bad) || !strings.Contains(out, "expected a file that") {
			t.Errorf("a backup that is %s: %v, %s", name, err, out)
		}
	}
	var told struct{ Data, Kept string }
	h.ask(&told, "restore", file)
	if _, err := os.Stat(told.Kept); err != nil || filepath.Dir(told.Kept) != h.data {
		t.Errorf("the database from before: %q, %v", told.Kept, err)
	}
	p = h.serve()
	if status, body := h.get("/api/v1/printers", key); status != http.StatusOK {
		t.Errorf("the key of the backup: %d %s", status, body)
	}
	if status, _ := h.get("/api/v1/printers", after); status != http.StatusUnauthorized {
		t.Errorf("the key from after the backup: %d, want 401", status)
	}
	p.stop()
	h.must("restore", told.Kept)
	h.serve()
	if status, body := h.get("/api/v1/printers", after); status != http.StatusOK {
		t.Errorf("with the restore undone, the later key: %d %s", status, body)
	}
	fresh := newHouse(t, plain)
	if out := fresh.must("restore", file); strings.Contains(out, "from before") {
		t.Errorf("into an empty folder: %s", out)
	}
}
