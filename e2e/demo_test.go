package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestDemo_WhatMosquittoSees(t *testing.T) {
	ends(t)
	need(t, "mosquitto_sub")
	p, a := demo(t)
	began := time.Now()
	for _, pr := range a.Printers {
		values := announced(t, a, pr.Serial)
		if got := values["printwire/"+pr.Serial+"/availability"]; got != "online" {
			t.Errorf("%s: availability %q, want online", pr.Model, got)
		}
	}
	t.Logf("all printers seen within %s of the ready line", time.Since(began).Round(time.Millisecond))
	p.stop()
}

func TestDemo_StatusWithTheKeyOfTheRESTSensor(t *testing.T) {
	ends(t)
	_, a := demo(t)
	for _, pr := range a.Printers {
		var status map[string]any
		eventually(t, pr.Model+" prints", patience, func() (bool, string) {
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

// get asks the REST API with a key and wants a status. A key that has asked too
// often asks again when it may.
func (a access) get(t *testing.T, path, key string, want int) string {
	t.Helper()
	var status int
	var body string
	for deadline := time.Now().Add(patience); ; {
		var later time.Duration
		status, body, later = a.once(t, path, key)
		if status != http.StatusTooManyRequests || want == status || time.Now().After(deadline) {
			break
		}
		restFor(t.Context(), later)
	}
	if status != want {
		t.Fatalf("GET %s: %d, want %d: %s", path, status, want, body)
	}
	return body
}

// once asks once. later is how long to wait where too much was asked.
func (a access) once(t *testing.T, path, key string) (status int, body string, later time.Duration) {
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
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return response.StatusCode, string(text), time.Duration(max(1, seconds)) * time.Second
}
