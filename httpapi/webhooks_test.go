package httpapi_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/storage"
	"github.com/printwire/printwire/webhook"
)

// The parts of an endpoint that nobody may see again.
const (
	canaryPath   = "CANARYpath123456"
	canaryQuery  = "CANARYquery123"
	canaryHeader = "CANARYheader1234"
)

// hooks is an API with a real outbox on a real store.
type hooks struct {
	*fixture
	store *storage.Store
	box   *webhook.Outbox
	// reader and writer are keys for all printers.
	reader, writer string
	mu             sync.Mutex
	hidden         []secret.Text
}

// newHooks makes one whose outbox and follower are at work until the test's end.
func newHooks(t *testing.T, change ...func(*webhook.Options)) *hooks {
	t.Helper()
	h := &hooks{}
	var err error
	if h.store, err = storage.Open(t.Context(), storage.Options{Path: filepath.Join(t.TempDir(), "printwire.db")}); err != nil {
		t.Fatal(err)
	}
	o := webhook.Options{Store: h.store.Webhooks(), Policy: webhook.Policy{Loopback: true}, Log: slog.New(slog.DiscardHandler), Random: func() float64 { return 0.5 }}
	for _, c := range change {
		c(&o)
	}
	h.box = webhook.New(o)
	if err := h.box.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = h.box.Run(ctx) })                                                     // owner: the clean-up cancels and waits
	group.Go(func() { _ = journal.Follow(ctx, slog.New(slog.DiscardHandler), h.store, h.box) }) // owner: the clean-up cancels and waits
	t.Cleanup(func() {
		cancel()
		group.Wait()
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
	h.fixture = newFixture(t, func(o *httpapi.Options) {
		o.Webhooks = h.box
		o.Hide = func(list ...secret.Text) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.hidden = append(h.hidden, list...)
		}
	})
	h.reader, h.writer = h.key([]string{"webhooks:read"}), h.key([]string{"webhooks:read", "webhooks:write"})
	return h
}

// send is a call with a JSON body.
func (h *hooks) send(method, path, body, key string, header ...string) answer {
	return h.request(method, "/api/v1/webhooks"+path, body, append(header, "X-API-Key", key, "Content-Type", "application/json")...)
}

// made is a new endpoint.
func (h *hooks) made(t *testing.T, key, body string) map[string]any {
	t.Helper()
	got := h.send(http.MethodPost, "", body, key)
	if got.code != http.StatusCreated {
		t.Fatalf("making %s: %d %s", body, got.code, got.body)
	}
	return got.object(t)
}

func (h *hooks) happen(t *testing.T, id int, names ...string) {
	t.Helper()
	var list []journal.Entry
	for _, name := range names {
		list = append(list, journal.Entry{Time: time.Now(), Name: name, PrinterID: id, Serial: "S", Printer: "Workshop", Job: "J", Data: []byte("{}")})
	}
	if err := h.store.Append(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

// deliveries is a page of an endpoint's.
func (h *hooks) deliveries(t *testing.T, id, query string) (list []map[string]any, next string) {
	t.Helper()
	got := h.send(http.MethodGet, "/"+id+"/deliveries"+query, "", h.reader)
	var page struct {
		Deliveries []map[string]any
		Next       *string
	}
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.code != http.StatusOK {
		t.Fatalf("deliveries%s: %d %v %s", query, got.code, err, got.body)
	}
	if page.Next != nil {
		next = *page.Next
	}
	return page.Deliveries, next
}

// until asks again and again until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.NewTimer(2*time.Minute)
	defer tick.Stop()
	defer end.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// echo is a receiver that sends back all it got, and answers as it is told.
type echo struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    []*http.Request
}

func newEcho(t *testing.T) *echo {
	e := &echo{status: http.StatusOK}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		// The server's own is not for others.
		e.got = append(e.got, &http.Request{Header: r.Header.Clone(), Body: io.NopCloser(bytes.NewReader(body))})
		w.WriteHeader(e.status)
		_, _ = fmt.Fprintf(w, "ECHO http://%s%s %s | %v", r.Host, r.RequestURI, r.URL.Path, r.Header)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *echo) answers(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

func (e *echo) requests() []*http.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*http.Request(nil), e.got...)
}

// secretURL is the receiver's, with what must not be seen.
func (e *echo) secretURL() string { return e.URL + "/hook/" + canaryPath + "?t=" + canaryQuery }

func TestWebhooks_FromTheFirstToTheLast(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	one := h.made(t, h.writer, `{"name":"Notices","url":"`+e.secretURL()+`","headers":{"Authorization":"Bearer `+canaryHeader+`"},"events":["print_complete"],"printers":[1,2]}`)
	id, _ := one["id"].(string)
	if key, _ := one["secret"].(string); !strings.HasPrefix(key, "whsec_") || one["url"] != e.URL+"/***" || fmt.Sprint(one["headers"]) != "map[Authorization:***]" ||
		one["format"] != "standard" || one["ordered"] != "lenient" || one["state"] != "ok" || one["managed"] != false || fmt.Sprint(one["printers"]) != "[1 2]" {
		t.Errorf("made: %v", one)
	}
	if m, _ := one["milestones"].(map[string]any); fmt.Sprint(m["percent"]) != "[25 50 75]" {
		t.Errorf("milestones: %v", m)
	}
	list := h.send(http.MethodGet, "", "", h.reader)
	if list.header.Get("X-Total-Count") != "1" || !strings.Contains(list.body, id) {
		t.Errorf("the list: %v %s", list.header, list.body)
	}
	trial := h.send(http.MethodPost, "/"+id+"/test", "", h.writer)
	if body := trial.object(t); body["success"] != true || body["status"] != 200.0 || body["error"] != nil || strings.Contains(trial.body, "ECHO") {
		t.Errorf("a test: %s", trial.body)
	}
	h.happen(t, 1, "print_complete", "print_started")
	h.happen(t, 3, "print_complete")
	var d map[string]any
	until(t, "one is delivered", func() bool {
		found, next := h.deliveries(t, id, "?state=delivered")
		if len(found) == 1 && next == "" {
			d = found[0]
		}
		return d != nil
	})
	tries, _ := d["attempts"].([]any)
	first, _ := tries[0].(map[string]any)
	if d["event"] != "print_complete" || d["printer_id"] != 1.0 || d["next_try"] != nil || d["ended_at"] == nil || first["status"] != 200.0 ||
		!strings.Contains(fmt.Sprint(first["response"]), "ECHO") || !strings.Contains(fmt.Sprint(d["request"]), `"event":"print_complete"`) {
		t.Errorf("the delivery: %v", d)
	}
	sent := e.requests()
	if len(sent) != 2 || sent[1].Header.Get("webhook-id") != d["id"] || sent[1].Header.Get("Authorization") != "Bearer "+canaryHeader {
		t.Errorf("the receiver got %d requests", len(sent))
	}
	if got := h.send(http.MethodDelete, "/"+id, "", h.writer); got.code != http.StatusOK {
		t.Errorf("deleting: %d %s", got.code, got.body)
	}
	for _, path := range []string{"/" + id, "/" + id + "/deliveries", "/" + id + "/deliveries/" + fmt.Sprint(d["id"])} {
		want(t, h.send(http.MethodGet, path, "", h.reader), 404, "not_found", "NOT_FOUND")
	}
}

func TestWebhooks_AllThatIsWrongAtOnce(t *testing.T) {
	h := newHooks(t)
	got := h.send(http.MethodPost, "", `{"url":"file:///etc/passwd","format":"odd","events":["print_complete","x"],"printers":[77],"milestones":{"percent":[0]},
		"quiet_hours":{"mode":"hold","from":"25:00","to":"x"},"headers":{"Host":"a","X.Y~Z":"***"},"signature":"md5","time_zone":"Mars"}`, h.writer)
	body := want(t, got, 422, "validation_failed", "VALIDATION_FAILED")
	found := map[string]int{}
	list, _ := body["errors"].([]any)
	for _, e := range list {
		field, _ := e.(map[string]any)
		found[fmt.Sprint(field["pointer"])]++
		if field["detail"] == "" {
			t.Errorf("nothing is said of %v", field["pointer"])
		}
	}
	for _, pointer := range []string{
		"/name", "/url", "/format", "/events/1", "/printers", "/milestones/percent", "/quiet_hours/from", "/quiet_hours/to", "/headers/Host", "/headers/X.Y~0Z", "/signature", "/time_zone",
	} {
		if found[pointer] != 1 {
			t.Errorf("%s is named %d times", pointer, found[pointer])
		}
	}
	if detail := fmt.Sprint(body["detail"]); !strings.Contains(detail, "name: must") || !strings.Contains(detail, "; ") {
		t.Errorf("detail: %s", detail)
	}
	if len(h.box.Endpoints()) != 0 {
		t.Error("it was made all the same")
	}
	// A single one is told as before.
	if body := want(t, h.send(http.MethodPost, "", `{"name":"A","url":"ftp://host/"}`, h.writer), 422, "validation_failed", "VALIDATION_FAILED"); body["detail"] != "must begin with http:// or https://" {
		t.Errorf("one: %v", body["detail"])
	}
	for name, bad := range map[string]string{
		"an unknown name": `{"name":"A","urll":"x"}`, "a wrong type": `{"name":7}`, "no object": `[]`, "a list with nothing": `{"events":[null]}`, "a fraction": `{"minimum_minutes":1.5}`,
	} {
		if got := h.send(http.MethodPost, "", bad, h.writer); got.code != 422 {
			t.Errorf("%s: %d %s", name, got.code, got.body)
		}
	}
	want(t, h.send(http.MethodPost, "", ``, h.writer), 400, "invalid_request", "INVALID_REQUEST")
}

// TestWebhooks_URLsThatAreRefused is the abuse table's row of addresses, under
// the rules of the program as it is shipped.
func TestWebhooks_URLsThatAreRefused(t *testing.T) {
	h := newHooks(t, func(o *webhook.Options) { o.Policy = webhook.Policy{} })
	good := h.made(t, h.writer, `{"name":"A","url":"http://192.168.1.20/hook"}`)
	for _, bad := range []string{
		"http://127.0.0.1/", "http://127.8.8.8:8000/", "http://localhost/", "http://x.localhost/", "http://[::1]/", "http://0.0.0.0/", "http://[::]/",
		"http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://169.254.1.1/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
		"http://[::ffff:127.0.0.1]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
		"http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/", "http://172.30.32.2/", "http://172.30.33.5:8123/",
		"http://supervisor/core/api/states", "http://supervisor/core/api/events/../states", "http://homeassistant:8123/api/states", "http://homeassistant/api/webhook/x",
		"file:///etc/passwd", "gopher://192.168.1.20/", "ftp://192.168.1.20/", "javascript:alert(1)", "//192.168.1.20/", "192.168.1.20", "http://", "",
		"http://user:password@192.168.1.20/", "http://user@192.168.1.20/", "http://192.168.1.20:25/", "http://192.168.1.20:0/", "http://192.168.1.20:99999/",
		"http://224.0.0.1/", "http://255.255.255.255/", "http://[ff02::1]/", "http://192.168.1.20/#x", "http://192.168.1.21/***", "http://192.168.1.20/a/***", "http://a b/", "http://192.168.1.20/" + strings.Repeat("a", 3000),
	} {
		text, _ := json.Marshal(bad)
		for method, path := range map[string]string{http.MethodPost: "", http.MethodPatch: "/" + fmt.Sprint(good["id"])} {
			got := h.send(method, path, `{"name":"A","url":`+string(text)+`}`, h.writer)
			body := want(t, got, 422, "validation_failed", "VALIDATION_FAILED")
			list, _ := body["errors"].([]any)
			if len(list) != 1 || list[0].(map[string]any)["pointer"] != "/url" {
				t.Errorf("%s of %.80s: %s", method, bad, got.body)
			}
		}
	}
	if e, err := h.box.Endpoint(fmt.Sprint(good["id"])); err != nil || e.URL.Reveal() != "http://192.168.1.20/hook" {
		t.Errorf("the good one has changed: %v", err)
	}
}

func TestWebhooks_ANameThatLeadsHomeIsBlockedWhenItIsTried(t *testing.T) {
	h, e := newHooks(t, func(o *webhook.Options) { o.Policy = webhook.Policy{} }), newEcho(t)
	// The name of every machine for itself that no rule for names knows: what it resolves to is looked at.
	_, port, _ := strings.Cut(strings.TrimPrefix(e.URL, "http://"), ":")
	h2 := newHooks(t, func(o *webhook.Options) { o.Policy = webhook.Policy{Resolve: rebinding} })
	one := h2.made(t, h2.writer, `{"name":"A","url":"http://rebinding.example:`+port+`/`+canaryPath+`"}`)
	got := h2.send(http.MethodPost, "/"+fmt.Sprint(one["id"])+"/test", "", h2.writer)
	if body := got.object(t); body["success"] != false || body["status"] != nil || !strings.Contains(fmt.Sprint(body["error"]), "not allowed") || strings.Contains(got.body, "CANARY") {
		t.Errorf("a test: %s", got.body)
	}
	if len(e.requests()) != 0 || len(h.box.Endpoints()) != 0 {
		t.Error("the receiver was reached")
	}
}

func TestWebhooks_AMergePatch(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"A","url":"`+e.URL+`/a","format":"ntfy","events":["*"],"printers":[1],"results":["failed"],"minimum_minutes":5,
		"milestones":{"percent":[10],"every_layers":3,"minutes_left":[7],"jumps":"highest","minimum_minutes":4},"time_zone":"Europe/Berlin",
		"quiet_hours":{"mode":"drop","from":"22:00","to":"06:00"},"digest":{"mode":"both","at":"18:00"},"always":["print_failed"],"ordered":"strict","hub_signature":true,
		"variables":{"a":"1","b":"2"},"headers":{"X-A":"1","X-B":"2"},"template":{"body":"{{.event}}","headers":{"X-E":"{{.event}}"}}}`)["id"])
	patch := func(body string) map[string]any {
		t.Helper()
		got := h.send(http.MethodPatch, "/"+id, body, h.writer)
		if got.code != http.StatusOK {
			t.Fatalf("patching %s: %d %s", body, got.code, got.body)
		}
		again := h.send(http.MethodGet, "/"+id, "", h.reader)
		if strings.Contains(got.body, "whsec_") || got.body != again.body {
			t.Errorf("patching answers\n%s\nand then there is\n%s", got.body, again.body)
		}
		return got.object(t)
	}
	before := patch(`{}`)
	part := patch(`{"milestones":{"every_layers":null},"quiet_hours":{"to":"07:30"},"variables":{"a":null,"c":"3"},"headers":{"x-a":null,"X-C":"3"},"name":"B","template":{"content_type":"text/plain"}}`)
	for field, value := range map[string]string{
		"name": "B", "milestones": "map[every_layers:0 jumps:highest minimum_minutes:4 minutes_left:[7] percent:[10]]", "quiet_hours": "map[from:22:00 mode:drop to:07:30]",
		"variables": "map[b:2 c:3]", "headers": "map[X-B:*** X-C:***]", "format": "ntfy", "printers": "[1]", "template": "map[body:{{.event}} content_type:text/plain headers:map[X-E:{{.event}}]]",
	} {
		if fmt.Sprint(part[field]) != value {
			t.Errorf("%s is %v, want %s", field, part[field], value)
		}
	}
	if before["created_at"] != part["created_at"] || before["id"] != part["id"] {
		t.Errorf("what stays: %v, %v", before, part)
	}
	usual := patch(`{"format":null,"template":null,"events":null,"printers":null,"results":null,"minimum_minutes":null,"milestones":null,"time_zone":null,"quiet_hours":null,
		"digest":null,"always":null,"ordered":null,"signature":null,"hub_signature":null,"variables":null,"headers":null,"certificate":null,"target":null}`)
	fresh := h.made(t, h.writer, `{"name":"B","url":"`+e.URL+`/a"}`)
	for _, field := range []string{"id", "created_at", "updated_at", "secret"} {
		delete(usual, field)
		delete(fresh, field)
	}
	if got, want := fmt.Sprint(usual), fmt.Sprint(fresh); got != want {
		t.Errorf("what was cleared is\n%s\na new one is\n%s", got, want)
	}
	if none := patch(`{"milestones":{"percent":[]},"events":["print_paused"]}`); fmt.Sprint(none["milestones"]) != "map[every_layers:0 jumps:all minimum_minutes:0 minutes_left:[] percent:[]]" {
		t.Errorf("no percentages: %v", none["milestones"])
	}
	timed := patch(`{"quiet_hours":{"from":"22:00","to":"07:00"},"digest":{"at":"18:00"}}`)
	if got := fmt.Sprint(timed["quiet_hours"], timed["digest"]); got != "map[from:22:00 mode:hold to:07:00] map[at:18:00 mode:digest]" {
		t.Errorf("times alone: %s, want what they are the times of", got)
	}
	if none := patch(`{"quiet_hours":{"mode":null},"digest":{"mode":null}}`); none["quiet_hours"] != nil || fmt.Sprint(none["digest"]) != "map[at:<nil> mode:immediate]" {
		t.Errorf("no modes: %v, %v", none["quiet_hours"], none["digest"])
	}
	for _, bad := range []string{`{"quiet_hours":{"to":"07:00"}}`, `{"digest":{"at":"x"}}`, `{"name":null}`, `{"url":null}`, `{"name":"","format":"custom"}`, `{"id":"x"}`, `{"secret":"whsec_x"}`, `{"enabled":false}`} {
		if got := h.send(http.MethodPatch, "/"+id, bad, h.writer); got.code != 422 {
			t.Errorf("%s: %d %s", bad, got.code, got.body)
		}
	}
}

func TestWebhooks_SwitchedOffAndOn(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"A","url":"`+e.URL+`","events":["*"]}`)["id"])
	off := h.send(http.MethodPost, "/"+id+"/disable", `{"reason":"moving house"}`, h.writer).object(t)
	if why, _ := off["disabled"].(map[string]any); off["enabled"] != false || off["state"] != "disabled" || why["reason"] != "moving house" || why["by_rule"] != false || why["at"] == nil {
		t.Errorf("off: %v", off)
	}
	if off := h.send(http.MethodPost, "/"+id+"/disable", "", h.writer).object(t); off["enabled"] != false {
		t.Errorf("off once more, without a body: %v", off)
	}
	h.happen(t, 1, "print_started")
	if on := h.send(http.MethodPost, "/"+id+"/enable", "", h.writer).object(t); on["enabled"] != true || on["disabled"] != nil || on["state"] != "ok" {
		t.Errorf("on: %v", on)
	}
}

func TestWebhooks_OfTheSettingsFileAreNotEdited(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	if err := h.box.Manage(t.Context(), []webhook.Endpoint{{ID: "house", Name: "House", URL: secret.Text(e.URL)}}); err != nil {
		t.Fatal(err)
	}
	if one := h.send(http.MethodGet, "/house", "", h.reader).object(t); one["managed"] != true || one["secret"] != nil {
		t.Errorf("it is %v", one)
	}
	for _, c := range [][3]string{{http.MethodPatch, "", `{"name":"B"}`}, {http.MethodPatch, "", `{"url":"file:"}`}, {http.MethodDelete, "", ""}, {http.MethodPost, "/rotate", ""}, {http.MethodPost, "/disable", ""}} {
		body := want(t, h.send(c[0], "/house"+c[1], c[2], h.writer), 409, "conflict", "CONFLICT")
		if !strings.Contains(fmt.Sprint(body["detail"]), "settings file") {
			t.Errorf("%s%s: %v", c[0], c[1], body["detail"])
		}
	}
	if got := h.send(http.MethodPost, "/house/test", "", h.writer).object(t); got["success"] != true {
		t.Errorf("a test: %v", got)
	}
}

func TestWebhooks_FormatsAndEvents(t *testing.T) {
	h := newHooks(t)
	var formats []httpapi.WebhookFormat
	if err := json.Unmarshal([]byte(h.send(http.MethodGet, "/formats", "", h.reader).body), &formats); err != nil || len(formats) != len(webhook.Formats()) {
		t.Fatalf("formats: %v, %d", err, len(formats))
	}
	for _, f := range formats {
		// A shipped template is a start for an own one: it can be sent as it is.
		if f.Template == nil {
			continue
		}
		template, _ := json.Marshal(f.Template)
		body := `{"name":"A","url":"http://192.168.1.20/","format":"custom","template":` + string(template) + `,"variables":{"chat_id":"1"}}`
		if got := h.send(http.MethodPost, "", body, h.writer); got.code != http.StatusCreated {
			t.Errorf("%s as an own template: %d %s", f.Name, got.code, got.body)
		}
	}
	var events []httpapi.WebhookEvent
	if err := json.Unmarshal([]byte(h.send(http.MethodGet, "/events", "", h.reader).body), &events); err != nil || len(events) != len(journal.Events()) || !events[0].Usual || events[0].Name != "print_started" {
		t.Errorf("events: %v, %v", err, events)
	}
	none := newFixture(t)
	if got := none.get("/api/v1/webhooks/formats", none.key([]string{"webhooks:read"})); got.code != http.StatusNotImplemented {
		t.Errorf("without webhooks: %d %s", got.code, got.body)
	}
}

// signs tells whether one of a request's signatures is by a secret.
func signs(t *testing.T, r *http.Request, text string) bool {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) == 0 {
		t.Fatalf("the body: %v", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
	return strings.Contains(" "+r.Header.Get("webhook-signature")+" ", " v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))+" ")
}

// simulatedFirst makes the first printer a simulated one.
func simulatedFirst(s printer.Snapshot) bool { return s.Config.ID == 1 }
