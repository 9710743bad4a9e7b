package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestDemo_WhatMosquittoSees(t *testing.T) {
	ends(t)
	need(t, "mosquitto_sub")
	p, a := demo(t)
	seen := a.subscribed(t, 2, "homeassistant/#", "printwire/#")
	for _, pr := range a.Printers {
		config := seen["homeassistant/device/printwire_"+pr.Serial+"/config"]
		var payload struct{ Components map[string]any }
		if err := json.Unmarshal([]byte(config), &payload); err != nil || len(payload.Components) < 40 {
			t.Errorf("%s: discovery has %d components (error %v), want 40 or more", pr.Model, len(payload.Components), err)
		}
		values := 0
		for topic := range seen {
			if strings.HasPrefix(topic, "printwire/"+pr.Serial+"/") {
				values++
			}
		}
		if values < 40 {
			t.Errorf("%s: %d retained values within 2 s of the ready line, want 40 or more", pr.Model, values)
		}
		if got := seen["printwire/"+pr.Serial+"/availability"]; got != "online" {
			t.Errorf("%s: availability %q, want online", pr.Model, got)
		}
	}
	p.stop()
}

func TestDemo_StatusWithTheKeyOfTheRESTSensor(t *testing.T) {
	ends(t)
	_, a := demo(t)
	for _, pr := range a.Printers {
		var status map[string]any
		eventually(t, pr.Model+" prints", 10*time.Second, func() (bool, string) {
			body := a.get(t, "/api/v1/printers/"+pr.Serial+"/status", a.Keys["read"], http.StatusOK)
			status = nil
			if err := json.Unmarshal([]byte(body), &status); err != nil {
				return false, err.Error()
			}
			return status["connected"] == true && status["state"] != "unknown", body
		})
		for _, field := range []string{"state", "progress", "remaining_time", "temperature", "temperatures", "activity", "finish_at"} {
			if _, ok := status[field]; !ok {
				t.Errorf("%s: the status has no %q", pr.Model, field)
			}
		}
	}
	a.get(t, "/api/v1/printers", a.Keys["tariff"], http.StatusForbidden)
	a.get(t, "/api/v1/printers", "", http.StatusUnauthorized)
}

// get asks the REST API with a key and wants a status.
func (a access) get(t *testing.T, path, key string, want int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.HTTP+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("X-API-Key", key)
	}
	response, err := checked(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		t.Fatalf("GET %s: %d (%v), want %d: %s", path, response.StatusCode, err, want, body)
	}
	return string(body)
}
