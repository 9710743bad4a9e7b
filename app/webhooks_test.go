package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// arrived is one request to a receiver.
type arrived struct {
	path string
	id   string
	auth string
	body map[string]any
}

// receiver takes requests with the status that a path's table names, else 204.
func receiver(t *testing.T, statuses map[string]int, next http.Handler) (*httptest.Server, <-chan arrived) {
	t.Helper()
	got := make(chan arrived, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if next != nil && !strings.HasPrefix(r.URL.Path, "/core/api/") && !strings.HasPrefix(r.URL.Path, "/hook/") {
			next.ServeHTTP(w, r)
			return
		}
		text, _ := io.ReadAll(r.Body)
		a := arrived{path: r.URL.Path, id: r.Header.Get("webhook-id"), auth: r.Header.Get("Authorization")}
		_ = json.Unmarshal(text, &a.body)
		status := statuses[r.URL.Path]
		if status == 0 {
			status = http.StatusNoContent
		}
		w.WriteHeader(status)
		got <- a
	}))
	t.Cleanup(server.Close)
	return server, got
}

// wait gives the first request that is wanted.
func wait(t *testing.T, what string, got <-chan arrived, want func(arrived) bool) arrived {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case a := <-got:
			if want(a) {
				return a
			}
		case <-deadline:
			t.Fatalf("%s did not arrive", what)
		}
	}
}

func TestApp_WebhooksOfTheSettings(t *testing.T) {
	server, got := receiver(t, nil, nil)
	o := options(local(), t.TempDir())
	o.Settings.WebhookAddresses.Loopback = true
	p := simulated(t, "A1")
	o.Settings.Printers = []settings.Printer{p}
	o.Settings.Webhooks = []settings.Webhook{{
		ID: "bench", Name: "Bench", URL: secret.Text(server.URL + "/hook/one"), Events: []string{"printer_online", "print_progress"},
		Printers: []string{p.Serial}, Headers: []secret.Text{"Authorization: Bearer mine"}, Milestones: settings.WebhookMilestones{EveryLayers: 3},
	}}
	o.Simulated = func(serial string) bool { return serial == p.Serial }
	r := begin(t, o)
	online := wait(t, "printer_online", got, func(a arrived) bool { return a.body["event"] == "printer_online" })
	if online.auth != "Bearer mine" || !strings.HasPrefix(online.id, "msg_") {
		t.Errorf("the request is %+v", online)
	}
	progress := wait(t, "a milestone", got, func(a arrived) bool { return a.body["event"] == "print_progress" })
	data, _ := progress.body["data"].(map[string]any)
	if data["archive_id"] == nil || progress.body["test"] != true && data["test"] != true {
		t.Errorf("the milestone's record or mark as a test is missing: %v", progress.body)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestApp_WebhooksThatCannotBeUsed(t *testing.T) {
	o := options(local(), t.TempDir())
	o.Settings.Webhooks = []settings.Webhook{
		{ID: "one", Name: "One", URL: "http://127.0.0.1:9/x", Format: "paper", Printers: []string{"01S00C000000009"}},
		{ID: "two", Name: "Two", URL: "http://192.168.1.2/x", Ordered: "sideways", Signature: "wax"},
		{ID: "three", Name: "Three", Target: "home_assistant", Events: []string{"print_started", "tea_time"}},
		{ID: "home_assistant_events", Name: "Home Assistant events", URL: "http://192.168.1.2/x"},
	}
	_, err := app.New(t.Context(), o)
	if err == nil {
		t.Fatal("they are taken")
	}
	for _, want := range []string{
		"webhooks[0].printers[0]: ", "webhooks[0].url: ", "webhooks[0].format: ", "webhooks[1].ordered: ", "webhooks[1].signature: ",
		"webhooks[2].target: ", "webhooks[2].events[1]: ", "webhooks[3].id: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not told of: %v", want, err)
		}
	}
}

func TestApp_ASwitchedOffWebhookIsAnnounced(t *testing.T) {
	server, got := receiver(t, map[string]int{"/hook/gone": http.StatusGone}, &supervisor{offered: make(chan map[string]any, 9)})
	o := options(local(), t.TempDir())
	o.Token, o.SupervisorURL = "token", server.URL
	o.Settings.WebhookAddresses.Loopback = true
	o.Settings.Printers = []settings.Printer{simulated(t, "A1")}
	o.Settings.Webhooks = []settings.Webhook{{ID: "gone", Name: "Gone", URL: secret.Text(server.URL + "/hook/gone"), Events: []string{"*"}}}
	r := begin(t, o)
	values := r.watch("printwire/bridge/#")
	// The order of these is not given: each is looked for among all.
	seen := map[string]arrived{}
	wait(t, "the announcement", got, func(a arrived) bool {
		seen[a.path] = a
		return seen["/core/api/events/printwire_endpoint_disabled"].path != "" && seen["/core/api/services/persistent_notification/create"].path != "" &&
			seen["/core/api/events/printwire_printer_online"].path != ""
	})
	if a := seen["/core/api/events/printwire_printer_online"]; a.auth != "Bearer token" || a.body["printer_name"] != "Bench" && a.body["printer"] != "Bench" {
		t.Errorf("the event on Home Assistant's bus is %+v", a)
	}
	note := seen["/core/api/services/persistent_notification/create"]
	if text, _ := note.body["message"].(string); note.auth != "Bearer token" || !strings.Contains(text, `"Gone"`) || note.body["notification_id"] == "" {
		t.Errorf("the notification is %+v", note)
	}
	values.until(t, "printwire/bridge/problem", func(v string) bool { return v == "ON" })
	values.until(t, "printwire/bridge/problem_text", func(v string) bool { return strings.Contains(v, `"Gone"`) })
}
