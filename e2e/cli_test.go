package e2e_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/secret"
)

// plain are settings with two logins and no printer.
const plain = `
http: { listen: "127.0.0.1:%[1]d" }
mqtt:
  mode: embedded
  listen: "127.0.0.1:%[2]d"
  users: [ { name: zigbee2mqtt, password: "a long one", topics: [ "zigbee2mqtt/#", "homeassistant/#" ] } ]
`

func TestCommandLine_KeysAndLogins(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	p := h.serve()
	key := h.key("read", "mqtt:subscribe")
	if status, body := h.get("/api/v1/printers", key); status != http.StatusOK {
		t.Fatalf("with the new key: %d %s", status, body)
	}
	session := logIn(t, h.access, "anybody", key, "printwire/status")
	list := h.must("keys", "list")
	if strings.Contains(list, key) || !strings.Contains(list, "valid") {
		t.Errorf("the list shows the key, or not that it is valid:\n%s", list)
	}
	var keys []struct{ ID, Key, State string }
	h.ask(&keys, "keys", "list")
	if len(keys) != 1 {
		t.Fatalf("keys: %+v, want one", keys)
	}
	if out := h.must("keys", "revoke", keys[0].ID); !strings.Contains(out, keys[0].ID) {
		t.Errorf("revoking says %q", out)
	}
	if out := h.must("keys", "revoke", keys[0].ID); !strings.Contains(out, "was revoked already") {
		t.Errorf("revoking again says %q", out)
	}
	if status, _ := h.get("/api/v1/printers", key); status != http.StatusUnauthorized {
		t.Errorf("with the revoked key: %d, want 401", status)
	}
	select {
	case <-session.Lost():
	case <-time.After(3 * time.Second):
		t.Error("the revoked key's MQTT session lives")
	}
	if h.ask(&keys, "keys", "list"); keys[0].State != "revoked" {
		t.Errorf("the list says %q of the revoked key", keys[0].State)
	}
	for _, preset := range []string{"control", "tariff", "full_access"} {
		h.key(preset)
		if list := h.must("keys", "list"); !strings.Contains(list, "  "+preset+"  ") {
			t.Errorf("the list does not call the preset %s by its name:\n%s", preset, list)
		}
	}
	logIn(t, h.access, "homeassistant", h.access.MQTT.Password, "printwire/#")
	logIn(t, h.access, "zigbee2mqtt", "a long one", "zigbee2mqtt/#")
	if out := h.must("users", "show", "zigbee2mqtt"); strings.Contains(out, "a long one") || !strings.Contains(out, "hash") {
		t.Errorf("the other login's password is shown, or not why it is not: %s", out)
	}
	var users []struct{ Name string }
	if h.ask(&users, "users", "list"); len(users) != 2 {
		t.Errorf("users: %v, want two", users)
	}
	p.stop()
}

// logIn logs in at the house's broker and subscribes.
func logIn(t *testing.T, a access, user, password, filter string) *client.Link {
	t.Helper()
	link, err := client.Dial(t.Context(), client.LinkOptions{
		Address: net.JoinHostPort(a.MQTT.Host, strconv.Itoa(a.MQTT.Port)), User: user, Password: secret.Text(password),
		ClientID: "e2e-" + user, Subscribe: []string{filter}, OnMessage: func(string, []byte) {},
	})
	if err != nil {
		t.Fatalf("logging in as %s: %v", user, err)
	}
	t.Cleanup(link.Close)
	return link
}

func TestCommandLine_Printers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	p := h.serve()
	f := newFake(t, "X1C", "00M00A000000001")
	f.on()
	var found printerRow
	if h.ask(&found, append([]string{"printers", "test"}, f.flags()...)...); found.Model != "X1C" {
		t.Errorf("the test finds %+v", found)
	}
	if rows := h.printers(); len(rows) != 0 {
		t.Errorf("the test has added %v", rows)
	}
	h.ask(&found, append([]string{"printers", "add"}, f.flags("--name", "Workshop")...)...)
	if found.ID != 1 || found.Name != "Workshop" || found.Serial != f.serial {
		t.Errorf("added: %+v", found)
	}
	eventually(t, "the printer is connected", patience, func() (bool, string) {
		row := h.printers()[f.serial]
		return row.Model == "X1C" && row.Activity != "offline", row.Activity
	})
	if out, err := h.run("printers", "test", "--host", "127.0.0.1", "--port", strconv.Itoa(f.port), "--serial", f.serial,
		"--access-code", "wrong"); code(err) != 1 || !strings.Contains(out, "access code") {
		t.Errorf("a test with another code than that of the connected printer: %v, %s", err, out)
	}
	h.must("printers", "remove", "Workshop")
	if rows := h.printers(); len(rows) != 0 {
		t.Errorf("after its removal: %v", rows)
	}
	if h.ask(&found, append([]string{"printers", "add"}, f.flags()...)...); found.ID != 1 || found.Name != f.serial {
		t.Errorf("added again: %+v, want its id and the serial as name", found)
	}
	f.off()
	p.stop()
}

func TestCommandLine_BadInputNamesTheField(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	p := h.serve()
	good := []string{"--host", "127.0.0.1", "--serial", "00M00A000000001", "--access-code", "12345678"}
	with := func(flag, value string) []string {
		args := append([]string{"printers", "add"}, good...)
		if i := slices.Index(args, flag); i >= 0 {
			args[i+1] = value
			return args
		}
		return append(args, flag, value)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a scope", []string{"keys", "create", "--name", "x", "--scope", "reed"}, 2, "presets are read, control, tariff, full_access"},
		{"a key's printer", []string{"keys", "create", "--name", "x", "--printer", "7"}, 2, "printers"},
		{"a missing name", []string{"keys", "create"}, 2, "--name"},
		{"an unknown key", []string{"keys", "revoke", "a/b%zz"}, 1, "see \"printwire keys list\""},
		{"an unknown login", []string{"users", "show", "no/body"}, 1, "no/body"},
		{"an unknown printer", []string{"printers", "remove", "../users"}, 1, "../users"},
		{"an unknown name", []string{"printers", "remove", "Workshop"}, 1, "id, serial or name"},
		{"a serial", with("--serial", "not a serial"), 2, "serial"},
		{"an access code", with("--access-code", ""), 2, "access_code"},
		{"a port", with("--port", "99999"), 2, "port"},
		{"a port of files", with("--files-port", "99999"), 2, "files_port"},
		{"a family", with("--family", "toaster"), 2, "family: must be one of bambu"},
		{"a certificate", with("--certificate", "sometimes"), 2, "certificate"},
		{"a certificate without roots", with("--certificate", "verify"), 2, "--roots"},
		{"a host", with("--host", "no host"), 2, "host"},
		{"a host without an address", []string{"printers", "test", "--host", "printer.invalid", "--serial", "00M00A000000001", "--access-code", "1"}, 1, "cannot be resolved"},
		{"a name", with("--name", "two\nlines"), 2, "name"},
		{"a long name", with("--name", strings.Repeat("x", 10_000)), 2, "name"},
		{"an area", with("--area", "\x1b[31m"), 2, "area"},
		{"an unknown command", []string{"nonsense"}, 2, "nonsense"},
		{"an unknown flag", []string{"printers", "list", "--nonsense"}, 2, "--nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := h.run(c.args...)
			if code(err) != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, want %d and %q in: %s", code(err), c.code, c.want, out)
			}
		})
	}
	if rows := h.printers(); len(rows) != 0 {
		t.Errorf("bad input has added %v", rows)
	}
	p.stop()
}

func TestCommandLine_ALongDataPath(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	long := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30)+"data")
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(h.file(), filepath.Join(long, "printwire.yaml")); err != nil {
		t.Fatal(err)
	}
	h.data = long
	p := h.serve()
	if out := h.must("users", "list"); !strings.Contains(out, "homeassistant") {
		t.Errorf("over the socket of a long path: %s", out)
	}
	if _, err := os.Stat(filepath.Join(long, "printwire.sock")); err == nil {
		t.Error("the socket is in the folder, under a path that is too long for one")
	}
	p.stop()
}

func TestCommandLine_NoBridge(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, args := range [][]string{{"keys", "list"}, {"printers", "list"}, {"users", "show", "homeassistant"}, {"backup", filepath.Join(data, "copy.db")}} {
		out, err := run(t, append(args, "--data", data)...)
		if code(err) != 1 || !strings.Contains(out, "no bridge is running") || !strings.Contains(out, data) {
			t.Errorf("%v without a bridge: exit %d, %s", args, code(err), out)
		}
	}
	if _, err := os.Stat(filepath.Join(data, "copy.db")); err == nil {
		t.Error("a failed backup leaves a file")
	}
}

func TestCommandLine_APrinterOfTheSettingsStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain+"printers: [ { name: Same, host: 127.0.0.1, port: 1, serial: S1, access_code: '1' }, { name: Same, host: 127.0.0.1, port: 1, serial: S2, access_code: '1' } ]\n")
	p := h.serve()
	if out, err := h.run("printers", "remove", "s1"); code(err) != 1 || !strings.Contains(out, "comes from the settings") {
		t.Errorf("removing it: exit %d, %s", code(err), out)
	}
	if out, err := h.run("printers", "edit", "s1", "--name", "Other"); code(err) != 1 || !strings.Contains(out, "comes from the settings") {
		t.Errorf("editing it: exit %d, %s", code(err), out)
	}
	if out, err := h.run("printers", "remove", "Same"); code(err) != 1 || !strings.Contains(out, "2 printers are called") {
		t.Errorf("removing a name that two have: exit %d, %s", code(err), out)
	}
	if rows := h.printers(); len(rows) != 2 {
		t.Errorf("printers: %v, want both", rows)
	}
	p.stop()
}

func TestCommandLine_ASecondProcess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	p := h.serve()
	began := time.Now()
	out, err := h.run("serve")
	if code(err) != 1 || !strings.Contains(out, filepath.Join(h.data, "printwire.db")) || strings.Count(strings.TrimSpace(out), "\n") != 0 {
		t.Errorf("the second process: exit %d, want 1 and one line that names the file: %s", code(err), out)
	}
	if d := time.Since(began); d > 20*time.Second { // two of them, and the rest of a busy machine's
		t.Errorf("it says so after %s, want about 2 s", d)
	}
	if status, _ := h.get("/health", ""); status != http.StatusOK {
		t.Errorf("the first one's health: %d", status)
	}
	p.stop()
}

func TestCommandLine_ASecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	p := h.serve()
	// A request that never ends keeps the server from ending for 2 s, once it
	// has taken the connection: connections are taken in order, so it has when a
	// later one is answered.
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.access.HTTP, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET /health HTTP/1.1\r\nHost: ")); err != nil {
		t.Fatal(err)
	}
	if status, _ := h.get("/health", ""); status != http.StatusOK {
		t.Fatalf("health: %d", status)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.out.wait(t, "msg=stopping", patience)
	select {
	case <-p.done:
		t.Fatal("it ended before a second signal, with a request open")
	case <-time.After(100 * time.Millisecond):
	}
	// It lets go of the signal a moment after it has said that it stops: a person
	// who is in a hurry asks again.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for ended := false; !ended; {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
			ended = true
		case <-tick.C:
		case <-limit:
			t.Fatal("it runs long after the second signal")
		}
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Errorf("it ended by itself: %v", p.cmd.ProcessState)
	}
	p.cmd = nil
}

func TestCommandLine_AllProblemsOfTheSettingsAtOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	text := `
http: { listen: "8000" }
mqtt:
  mode: sometimes
  listne: ":1883"
  users: [ { name: a, password: "pw_secret" }, { name: a, password: "x", topics: [ "a#" ] } ]
printers:
  - { name: " ", host: "no host", serial: "x y", access_code: "hush-hush-hush-hush-hush" }
homeassistant: { discovery_prefix: "a#" }
`
	if err := os.WriteFile(filepath.Join(data, "printwire.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "serve", "--data", data)
	cmd.Env = append(environment(), "PRINTWIRE_NONSENSE=1", "PRINTWIRE_LOG_LEVEL=loud")
	answer, err := cmd.CombinedOutput()
	out := string(answer)
	if code(err) != 2 {
		t.Errorf("exit %d, want 2", code(err))
	}
	for _, field := range []string{
		"http.listen", "mqtt.mode", "mqtt.listne", "mqtt.users[0].password", "mqtt.users[1].name", "mqtt.users[1].topics[0]",
		"printers[0].name", "printers[0].host", "printers[0].serial", "printers[0].access_code",
		"homeassistant.discovery_prefix", "PRINTWIRE_NONSENSE", "log.level",
	} {
		if !strings.Contains(out, field+":") {
			t.Errorf("no word about %s", field)
		}
	}
	for _, hidden := range []string{"pw_secret", "hush"} {
		if strings.Contains(out, hidden) {
			t.Errorf("a secret is shown: %s", hidden)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	if _, err := os.Stat(filepath.Join(data, "printwire.db")); err == nil {
		t.Error("a database was made with bad settings")
	}
}

func TestCommandLine_BackupOpensElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain)
	p := h.serve()
	f := newFake(t, "P1S", "01P00A000000001")
	h.must(append([]string{"printers", "add"}, f.flags("--name", "Gone")...)...)
	h.must("printers", "remove", "1")
	h.must(append([]string{"printers", "add", "--name", "Workshop", "--host", "127.0.0.1", "--port", "1"}, "--serial", "00M00A000000002", "--access-code", "12345678")...)
	key := h.key("read")
	file := filepath.Join(t.TempDir(), "copy.db")
	if out := h.must("backup", file); !strings.Contains(out, file) {
		t.Errorf("a backup says %q", out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %v, %v; want mode 0600", info, err)
	}
	if out, err := h.run("backup", file); code(err) != 1 || !strings.Contains(out, file) || !strings.Contains(out, "--replace") {
		t.Errorf("a backup over a file: exit %d, %s", code(err), out)
	}
	p.stop()
	second := newHouse(t, plain)
	if err := os.Rename(file, filepath.Join(second.data, "printwire.db")); err != nil {
		t.Fatal(err)
	}
	q := second.serve()
	if row := second.printers()["00M00A000000002"]; row.ID != 2 || row.Name != "Workshop" {
		t.Errorf("the printer in the copy: %+v, want the id 2", row)
	}
	if status, body := second.get("/api/v1/printers/2", key); status != http.StatusOK {
		t.Errorf("the old key in the copy: %d %s", status, body)
	}
	if second.access.MQTT.Password != h.access.MQTT.Password {
		t.Error("Home Assistant's login is another one in the copy")
	}
	q.stop()
}
