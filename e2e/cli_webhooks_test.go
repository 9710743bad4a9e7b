package e2e_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// reaching are plain settings with which webhooks may go to this machine.
const reaching = plain + "webhook_addresses: { loopback: true }\n"

type webhookRow struct {
	ID, Name, Target, URL, Format, State, Reason string
	Events, Results, Always, Headers             []string
	Printers, Milestones                         []int
	Variables                                    map[string]string
	QuietMode                                    string `json:"quiet_mode"`
	QuietFrom                                    string `json:"quiet_from"`
	DigestMode                                   string `json:"digest_mode"`
	EveryLayers                                  int    `json:"every_layers"`
	MinutesLeft                                  []int  `json:"minutes_left"`
	TimeZone                                     string `json:"time_zone"`
	Ordered, Signature                           string
	Hub                                          bool `json:"hub_signature"`
	Secret                                       string
	Waiting                                      int
	PublicKey                                    string `json:"public_key"`
}

type deliveryRow struct {
	ID, Event, Printer, State, Reason, Request string
	Tries                                      int
	Attempts                                   []struct{ Status, Milliseconds int }
}

// typing is a command that reads its input; it gives the two outputs apart.
func (h *house) typing(input string, args ...string) (stdout, stderr string, err error) {
	h.t.Helper()
	path, err := executable()
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(args, "--data", h.data)...)
	var out, problems bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment(), strings.NewReader(input), &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

func TestCommandLine_WebhooksFromAddToDelete(t *testing.T) {
	t.Parallel()
	h := newHouse(t, reaching)
	h.serve()
	r := newReceiver(t, "a-path-that-is-secret")
	made, stderr, err := h.typing(r.url+"\n", "webhooks", "add", "--name", "Kitchen", "--url", "-", "--header", "X-Token: CANARY, with a comma",
		"--event", "print_started,print_progress", "--milestones", "none", "--every-layers", "1")
	if err != nil {
		t.Fatalf("adding: %v, %s", err, stderr)
	}
	secret := lastLine(made)
	if !strings.HasPrefix(secret, "whsec_") || strings.Contains(stderr, "URL") {
		t.Fatalf("the last line is %q, want the secret alone; nobody is at the terminal, and it says %q", secret, stderr)
	}
	if out := h.must("webhooks", "test", "Kitchen"); !strings.Contains(out, "the answer was 200, after ") {
		t.Errorf("the test says %q", out)
	}
	trial := r.until(t, "a test", patience, func(p []post) bool { return len(p) == 1 })[0]
	if err := trial.verified(t, secret, false); err != nil || trial.header.Get("X-Token") != "CANARY, with a comma" {
		t.Errorf("the test's signature or header: %v, %q", err, trial.header)
	}
	for _, text := range []string{h.must("webhooks", "list"), h.must("webhooks", "list", "--json"), h.must("webhooks", "show", "Kitchen"), h.must("webhooks", "show", "Kitchen", "--json")} {
		if strings.Contains(text, "a-path-that-is-secret") || strings.Contains(text, "CANARY") || strings.Contains(text, secret) || !strings.Contains(text, "Kitchen") || !strings.Contains(text, "http://127.0.0.1:") {
			t.Errorf("a secret is shown, or not what is none:\n%s", text)
		}
	}
	followed(t, h, r)
	var row webhookRow
	h.ask(&row, "webhooks", "rotate", "Kitchen")
	if row.Secret == secret || !strings.HasPrefix(row.Secret, "whsec_") {
		t.Errorf("rotated: %q", row.Secret)
	}
	h.must("webhooks", "test", "Kitchen")
	posts := r.all()
	trial = posts[slices.IndexFunc(posts, func(p post) bool { return p.at.After(trial.at) && slices.Contains(keys([]post{p}), "test") })]
	for _, one := range []string{secret, row.Secret} {
		if err := trial.verified(t, one, false); err != nil {
			t.Errorf("after the rotation: %v", err)
		}
	}
	switchedOff(t, h, r)
	h.must("webhooks", "delete", "Kitchen")
	var rows []webhookRow
	if h.ask(&rows, "webhooks", "list"); len(rows) != 0 {
		t.Errorf("after its deletion: %+v", rows)
	}
}

// switchedOff tests an endpoint that is sick, and switches it off and on.
func switchedOff(t *testing.T, h *house, r *receiver) {
	t.Helper()
	r.set(sick)
	if out, err := h.run("webhooks", "test", "Kitchen"); code(err) != 1 || !strings.Contains(out, "503") {
		t.Errorf("a test that fails: exit %d, %s", code(err), out)
	}
	if out, _, err := h.typing("", "webhooks", "test", "Kitchen", "--json"); code(err) != 1 || !strings.Contains(out, `"status": 503`) {
		t.Errorf("a test that fails, for programs: exit %d, %s", code(err), out)
	}
	if out := h.must("webhooks", "disable", "Kitchen"); !strings.Contains(out, "is off") {
		t.Errorf("switched off: %s", out)
	}
	if out := h.must("webhooks", "list"); !strings.Contains(out, "disabled since 20") || !strings.Contains(out, "command line") {
		t.Errorf("the list says of a disabled endpoint:\n%s", out)
	}
	h.must("webhooks", "enable", "Kitchen")
	var row webhookRow
	if h.ask(&row, "webhooks", "show", "Kitchen"); row.State == "disabled" || row.Waiting != 0 {
		t.Errorf("enabled, it is %s and %d wait", row.State, row.Waiting)
	}
}

// followed plays a print, and looks at one of its deliveries.
func followed(t *testing.T, h *house, r *receiver) {
	t.Helper()
	f := newFake(t, "A1", "03900A000000001")
	f.on("--speed", "60")
	h.must(append([]string{"printers", "add"}, f.flags("--name", "Bench")...)...)
	posts := r.until(t, "a layer of the print", patience, func(p []post) bool { return slices.Contains(keys(p), "print_progress 2 layer") || len(p) > 6 })
	h.must("webhooks", "edit", "Kitchen", "--event", "print_started") // quiet from here on
	last := posts[len(posts)-1]
	var list []deliveryRow
	eventually(t, "the delivery is told as delivered", patience, func() (bool, string) {
		h.ask(&list, "webhooks", "deliveries", "Kitchen", "--state", "delivered", "--limit", "200")
		return slices.ContainsFunc(list, func(d deliveryRow) bool { return d.ID == last.id }), last.id
	})
	if d := list[0]; d.Event != "print_progress" || d.Printer != "Bench" || d.Tries != 1 || len(d.Attempts) != 0 {
		t.Errorf("in the list: %+v", d)
	}
	var one deliveryRow
	if h.ask(&one, "webhooks", "delivery", last.id); one.Request == "" || len(one.Attempts) != 1 || one.Attempts[0].Status != 200 {
		t.Errorf("the delivery: %+v", one)
	}
	if text := h.must("webhooks", "delivery", last.id); !strings.Contains(text, "200 OK") || !strings.Contains(text, "Sent:") || !strings.Contains(text, `"print_progress"`) {
		t.Errorf("the delivery for people:\n%s", text)
	}
	h.must("webhooks", "redeliver", last.id)
	r.until(t, "the same delivery again", patience, func(p []post) bool {
		return len(slices.DeleteFunc(p, func(o post) bool { return o.id != last.id })) == 2
	})
}

func TestCommandLine_WebhooksThatEndedAreRecovered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, reaching)
	p := h.serve()
	r := newReceiver(t, "blocked")
	h.must("webhooks", "add", "--name", "Blocked", "--url", r.url, "--event", "*")
	p.stop()
	h.edit("loopback: true", "loopback: false")
	p = h.serve()
	f := newFake(t, "A1", "03900A000000002")
	f.on()
	h.must(append([]string{"printers", "add"}, f.flags()...)...)
	var list []deliveryRow
	eventually(t, "a delivery is blocked", patience, func() (bool, string) {
		h.ask(&list, "webhooks", "deliveries", "Blocked", "--state", "blocked")
		return len(list) > 0 && strings.Contains(list[0].Reason, "this machine"), ""
	})
	f.off()
	p.stop()
	h.edit("loopback: false", "loopback: true")
	h.serve()
	if out := h.must("webhooks", "recover", "Blocked", "--since", "2199-01-01"); !strings.HasPrefix(out, "0 deliveries") {
		t.Errorf("since the future: %s", out)
	}
	var count struct{ Recovered int }
	if h.ask(&count, "webhooks", "recover", "Blocked", "--since", "1h"); count.Recovered < len(list) {
		t.Errorf("recovered %d of %d", count.Recovered, len(list))
	}
	r.until(t, "what was blocked", patience, func(p []post) bool {
		return slices.ContainsFunc(p, func(o post) bool { return o.id == list[0].ID })
	})
}

func TestCommandLine_WebhooksAreEditedFieldByField(t *testing.T) {
	t.Parallel()
	h := newHouse(t, reaching+"printers: [ { name: Same, host: 127.0.0.1, port: 1, serial: S1, access_code: '1' } ]\n")
	h.serve()
	headers := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("# of the house\nX-One: 1\n\nX-Two: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var row webhookRow
	h.ask(&row, "webhooks", "add", "--name", "All", "--url", "https://hooks.example.org/one", "--format", "telegram", "--variable", "chat_id=42", "--variable", "word=a;b=c",
		"--event", "print_complete", "--event", "print_failed", "--printer", "Same", "--result", "success,failed", "--minimum-minutes", "5", "--milestones", "10,90",
		"--every-layers", "50", "--minutes-left", "30,5", "--header-file", headers, "--header", "X-Three: 3", "--quiet-from", "22:00", "--quiet-to", "07:00",
		"--digest-at", "07:30", "--always", "print_failed", "--time-zone", "Europe/Berlin", "--ordered", "strict", "--hub-signature", "--jumps", "highest")
	id := row.ID
	if strings.Join(row.Headers, " ") != "X-One X-Three X-Two" || row.Variables["word"] != "a;b=c" || row.QuietMode != "hold" || row.DigestMode != "digest" || row.Ordered != "strict" ||
		!slices.Equal(row.Milestones, []int{10, 90}) || !slices.Equal(row.Printers, []int{1}) || !slices.Equal(row.MinutesLeft, []int{30, 5}) || !row.Hub || !slices.Equal(row.Results, []string{"success", "failed"}) || row.URL != "https://hooks.example.org/…" {
		t.Errorf("added: %+v", row)
	}
	for _, step := range []struct {
		name string
		args []string
		good func(webhookRow) bool
	}{
		{"lists go", []string{"--clear", "printer", "--clear", "result", "--clear", "milestones", "--clear", "event"}, func(r webhookRow) bool {
			return len(r.Printers)+len(r.Results) == 0 && slices.Equal(r.Milestones, []int{25, 50, 75}) && len(r.Events) == 7
		}},
		{"a header goes, another changes", []string{"--header", "X-One:", "--header", "X-Two: 22"}, func(r webhookRow) bool { return strings.Join(r.Headers, " ") == "X-Three X-Two" }},
		{"all headers but one go", []string{"--clear", "header", "--header", "X-Four: 4"}, func(r webhookRow) bool { return strings.Join(r.Headers, " ") == "X-Four" }},
		{"quiet hours end", []string{"--quiet-mode", "none", "--milestones", "none"}, func(r webhookRow) bool { return r.QuietMode == "" && len(r.Milestones) == 0 }},
		{"quiet hours are set", []string{"--quiet-mode", "drop", "--quiet-from", "22:00", "--quiet-to", "07:00", "--no-hub-signature"}, func(r webhookRow) bool { return r.QuietMode == "drop" && r.QuietFrom == "22:00" && !r.Hub }},
		{"another URL and format", []string{"--url", "https://other.example.org/x", "--format", "standard", "--variable", "word="}, func(r webhookRow) bool {
			return r.URL == "https://other.example.org/…" && r.Format == "standard" && r.Variables["word"] == "" && r.Variables["chat_id"] == "42"
		}},
	} {
		row = webhookRow{}
		if h.ask(&row, append([]string{"webhooks", "edit", "All"}, step.args...)...); !step.good(row) || row.Secret != "" || row.ID != id {
			t.Errorf("%s: %+v", step.name, row)
		}
	}
	if out := h.must("webhooks", "edit", id, "--signature", "ed25519"); !strings.HasPrefix(lastLine(out), "whpk_") {
		t.Errorf("with another signature: %s", out)
	}
	text := h.must("webhooks", "show", id)
	for _, want := range []string{"signs too until", "07:30 (digest)", "every 50 layers; 30, 5 minutes before the end; of several at once the highest", "22:00 to 07:00, drop", "Europe/Berlin"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func TestCommandLine_WebhooksWithATemplateOfYourOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, reaching)
	h.serve()
	r := newReceiver(t, "ntfy")
	body, err := run(t, "webhooks", "formats", "ntfy", "--json")
	if err != nil || !strings.Contains(body, `"Title": "{{`) {
		t.Errorf("the template: %v, %s", err, body)
	}
	file := filepath.Join(t.TempDir(), "body.tmpl")
	if err := os.WriteFile(file, []byte("{{upper .title}}!\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.must("webhooks", "add", "--name", "Own", "--url", r.url, "--template", file, "--content-type", "text/plain", "--template-header", "Title: {{truncate 3 .title}}, cut")
	h.must("webhooks", "test", "Own")
	got := r.all()[0]
	if text := string(got.body); text != strings.ToUpper(text) || !strings.HasSuffix(strings.TrimSpace(text), "!") || got.header.Get("Content-Type") != "text/plain" || !strings.HasSuffix(got.header.Get("Title"), ", cut") {
		t.Errorf("the request is %q with %v", got.body, got.header)
	}
	if err := os.WriteFile(file, []byte("{{nonsense}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := h.run("webhooks", "edit", "Own", "--template", file); code(err) != 2 || !strings.Contains(out, "--template: ") {
		t.Errorf("a template that cannot be: exit %d, %s", code(err), out)
	}
}

func TestCommandLine_WebhooksBadInputNamesTheFlags(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain+"webhooks: [ { name: Fixed, url: \"https://hooks.example.org/x\" } ]\n")
	h.serve()
	out, err := h.run("webhooks", "add", "--name", "", "--url", "http://127.0.0.1/", "--event", "nope", "--printer", "9", "--header", "Host: x", "--format", "telegram",
		"--quiet-from", "9", "--milestones", "0", "--certificate", "abc", "--time-zone", "Mars", "--signature", "wax", "--ordered", "random")
	for _, want := range []string{"--name: ", "--url: ", `--event: there is no event "nope"`, "--printer: there is no printer \"9\"", "--header Host: ", "--variable chat_id: is needed",
		"--quiet-from: ", "--milestones: ", "--certificate: ", "--time-zone: ", "--signature: ", "--ordered: "} {
		if code(err) != 2 || !strings.Contains(out, "printwire: "+want) {
			t.Errorf("exit %d, no %q in:\n%s", code(err), want, out)
		}
	}
	h.must("webhooks", "add", "--name", "Two", "--url", "https://hooks.example.org/y")
	h.must("webhooks", "add", "--name", "Two", "--url", "https://hooks.example.org/z")
	good := []string{"webhooks", "add", "--name", "x", "--url", "https://hooks.example.org/x"}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no URL":                    {[]string{"webhooks", "add", "--name", "x"}, 2, "--url: must be a URL"},
		"a body for another format": {append(good, "--template", h.file(), "--format", "slack"), 2, "--template: the format slack has a body of its own"},
		"a header without a colon":  {append(good, "--header", "CANARY"), 2, `--header: expected "Name: value"`},
		"a variable without a =":    {append(good, "--variable", "CANARY"), 2, "--variable: expected name=value"},
		"milestones":                {append(good, "--milestones", "half"), 2, "25,50,75"},
		"the bus outside the app":   {append(good[:4:4], "--home-assistant"), 2, "--home-assistant: "},
		"an id that is none":        {[]string{"webhooks", "test", "nobody"}, 1, "webhooks list"},
		"a name of two":             {[]string{"webhooks", "delete", "Two"}, 1, "2 webhook endpoints are called"},
		"one of the settings":       {[]string{"webhooks", "edit", "Fixed", "--name", "Other"}, 1, "settings"},
		"its deletion":              {[]string{"webhooks", "delete", "Fixed"}, 1, "settings"},
		"nothing":                   {[]string{"webhooks", "edit", "Fixed"}, 2, "nothing is to be changed"},
		"what cannot be cleared":    {[]string{"webhooks", "edit", "Fixed", "--clear", "name"}, 2, "--clear: must be one of header"},
		"a state":                   {[]string{"webhooks", "deliveries", "Fixed", "--state", "lost"}, 2, "state: must be one of waiting"},
		"a limit":                   {[]string{"webhooks", "deliveries", "Fixed", "--limit", "0"}, 2, "limit"},
		"a delivery":                {[]string{"webhooks", "delivery", "msg_1_x"}, 1, "webhooks deliveries"},
		"a delivery once more":      {[]string{"webhooks", "redeliver", "../x"}, 1, "webhooks deliveries"},
		"no time":                   {[]string{"webhooks", "recover", "Fixed"}, 2, "--since"},
	} {
		out, err := h.run(c.args...)
		if code(err) != c.code || !strings.Contains(out, c.want) || strings.Contains(out, "CANARY") {
			t.Errorf("%s: exit %d, want %d and %q: %s", name, code(err), c.code, c.want, out)
		}
	}
}
