package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// phone is one with Home Assistant's app: it is registered as the app does it,
// and what is pushed to it ends at a server of ours.
type phone struct {
	t       *testing.T
	h       *homeAssistant
	name    string
	webhook string

	mu    sync.Mutex
	inbox []push
}

// push is a notification as the app's push service gets it.
type push struct {
	Title, Message string
	Data           struct {
		Tag, Image string
		Progress   *int
		AlertOnce  bool `json:"alert_once"`
		Actions    []struct {
			Action, Title string
			Destructive   bool
		}
	}
}

func newPhone(t *testing.T, h *homeAssistant, name string) *phone {
	t.Helper()
	p := &phone{t: t, h: h, name: name}
	server := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(server.Close)
	registration, err := json.Marshal(map[string]any{
		"device_id": name, "app_id": "e2e", "app_name": "e2e", "app_version": "1", "device_name": name, "manufacturer": "e2e", "model": "e2e",
		"os_name": "e2e", "os_version": "1", "supports_encryption": false, "app_data": map[string]string{"push_token": "e2e", "push_url": server.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Webhook string `json:"webhook_id"`
	}
	h.decode(h.must("ha.py", "post", "/api/mobile_app/registrations", string(registration)), &answer)
	if p.webhook = answer.Webhook; p.webhook == "" {
		t.Fatal("the registration of a phone has no webhook")
	}
	return p
}

// device is the registry's id of the phone.
func (p *phone) device() string {
	p.t.Helper()
	var all []struct{ ID, Name string }
	p.h.decode(p.h.must("ha.py", "devices", "--json"), &all)
	for _, d := range all {
		if d.Name == p.name {
			return d.ID
		}
	}
	p.t.Fatalf("the phone is no device among %v", all)
	return ""
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	var n push
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		p.t.Errorf("what is pushed to the phone is no notification: %v", err)
	}
	p.mu.Lock()
	p.inbox = append(p.inbox, n)
	p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprint(w, "{}")
}

// gets waits for a notification, and takes it away.
func (p *phone) gets(what string, limit time.Duration, right func(push) bool) (found push) {
	p.t.Helper()
	eventually(p.t, "the phone shows "+what, limit, func() (bool, string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := slices.IndexFunc(p.inbox, right); i >= 0 {
			found = p.inbox[i]
			p.inbox = slices.Delete(p.inbox, i, i+1)
			return true, ""
		}
		return false, fmt.Sprintf("%+v", p.inbox)
	})
	return found
}

// loses waits until a notification is taken away again.
func (p *phone) loses(tag string, limit time.Duration) {
	p.t.Helper()
	p.gets("no longer "+tag, limit, func(n push) bool { return n.Message == "clear_notification" && n.Data.Tag == tag })
}

// left are the notifications that nobody asked for, and forgets them.
func (p *phone) left() (all []push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, p.inbox = p.inbox, nil
	return all
}

// presses taps a button of a notification, as the app tells Home Assistant.
func (p *phone) presses(action string) {
	p.t.Helper()
	if action == "" {
		p.t.Fatal("the notification has no such button")
	}
	body := fmt.Sprintf(`{"type":"fire_event","data":{"event_type":"mobile_app_notification_action","event_data":{"action":%q}}}`, action)
	p.h.must("ha.py", "post", "/api/webhook/"+p.webhook, body)
}

// button is the action behind a button.
func (n push) button(title string) string {
	for _, a := range n.Data.Actions {
		if a.Title == title {
			return a.Action
		}
	}
	return ""
}

func titled(text string) func(push) bool {
	return func(n push) bool { return strings.Contains(n.Title, text) }
}
