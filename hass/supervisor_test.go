package hass_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/hass"
)

const token = "canary-token"

// call is what a Supervisor was asked.
type call struct {
	method, path string
	body         map[string]any
}

// supervisor answers every call with one text, and remembers the calls.
func supervisor(t *testing.T, status int, answer string) (*hass.Supervisor, *[]call) {
	t.Helper()
	calls := &[]call{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("Authorization is %q", r.Header.Get("Authorization"))
		}
		c := call{method: r.Method, path: r.URL.Path}
		if r.ContentLength > 0 {
			if ct := r.Header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("content type %q", ct)
			}
			if err := json.NewDecoder(r.Body).Decode(&c.body); err != nil {
				t.Errorf("body: %v", err)
			}
		}
		*calls = append(*calls, c)
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(srv.Close)
	return hass.NewSupervisor(srv.URL+"/", token), calls
}

func TestSupervisor_MQTT(t *testing.T) {
	s, calls := supervisor(t, 200, `{"result":"ok","data":{"addon":"core_mosquitto","host":"core-mosquitto","port":1883,"ssl":false,"username":"addons","password":"canary-password","protocol":"3.1.1"}}`)
	m, err := s.MQTT(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if m.App != "core_mosquitto" || m.Host != "core-mosquitto" || m.Port != 1883 || m.User != "addons" || m.Password.Reveal() != "canary-password" || m.Protocol != "3.1.1" {
		t.Errorf("the service is %+v", m)
	}
	if strings.Contains(fmt.Sprintf("%+v", m), "canary") {
		t.Error("the password is shown")
	}
	if c := (*calls)[0]; c.method != "GET" || c.path != "/services/mqtt" {
		t.Errorf("asked %+v", c)
	}
}

func TestSupervisor_Offers(t *testing.T) {
	s, calls := supervisor(t, 200, `{"result":"ok","data":{"uuid":"abc"}}`)
	ctx, m := context.Background(), hass.MQTTService{Host: "local-printwire", Port: 1883, User: "homeassistant", Password: "pass"}
	if err := s.OfferMQTT(ctx, m); err != nil {
		t.Error(err)
	}
	uuid, err := s.Discover(ctx, m)
	if err != nil || uuid != "abc" {
		t.Errorf("uuid %q, %v", uuid, err)
	}
	if err := s.Undiscover(ctx, "a/b"); err != nil {
		t.Error(err)
	}
	if err := s.WithdrawMQTT(ctx); err != nil {
		t.Error(err)
	}
	want := map[string]any{"host": "local-printwire", "port": 1883.0, "ssl": false, "username": "homeassistant", "password": "pass", "protocol": "3.1.1"}
	for i, c := range []call{
		{"POST", "/services/mqtt", want},
		{"POST", "/discovery", map[string]any{"service": "mqtt", "config": want}},
		{"DELETE", "/discovery/a/b", nil},
		{"DELETE", "/services/mqtt", nil},
	} {
		if got := (*calls)[i]; got.method != c.method || got.path != c.path || fmt.Sprint(got.body) != fmt.Sprint(c.body) {
			t.Errorf("call %d is %+v, want %+v", i, got, c)
		}
	}
}

func TestSupervisor_Self(t *testing.T) {
	s, _ := supervisor(t, 200, `{"result":"ok","data":{"slug":"a0d7b954_printwire","version":"0.1.0","hostname":"a0d7b954-printwire","ip_address":"172.30.33.4","ingress_url":"/api/hassio_ingress/x/","ingress_port":8099}}`)
	app, err := s.Self(context.Background())
	if err != nil || app.Slug != "a0d7b954_printwire" || app.Hostname != "a0d7b954-printwire" || app.IngressPort != 8099 {
		t.Errorf("%+v, %v", app, err)
	}
}

func TestSupervisor_Refusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		answer string
		kind   fault.Kind
	}{
		{"no service", 400, `{"result":"error","message":"Service not enabled"}`, fault.NotFound},
		{"no role", 403, `{"result":"error","message":"No access to mqtt service!"}`, fault.Denied},
		{"a wrong token", 401, `unauthorized`, fault.Denied},
		{"another provider", 400, `{"result":"error","message":"There is already a MQTT service in use from core_mosquitto"}`, fault.Conflict},
		{"an error with status 200", 200, `{"result":"error","message":"oops"}`, fault.Internal},
		{"a broken gateway", 502, `<html>`, fault.Internal},
		{"no JSON", 200, `<html>`, fault.Internal},
		{"no data", 200, `{"result":"ok"}`, fault.Internal},
		{"data of another shape", 200, `{"result":"ok","data":[1]}`, fault.Internal},
		{"no host", 200, `{"result":"ok","data":{"port":1883}}`, fault.Internal},
		{"a port that is none", 200, `{"result":"ok","data":{"host":"a","port":70000}}`, fault.Internal},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := supervisor(t, c.status, c.answer)
			if _, err := s.MQTT(context.Background()); err == nil || fault.KindOf(err) != c.kind {
				t.Errorf("error is %v (%s), want %s", err, fault.KindOf(err), c.kind)
			}
		})
	}
}

func TestSupervisor_Login(t *testing.T) {
	s, calls := supervisor(t, 200, `{"result":"ok","data":{}}`)
	if err := s.Login(context.Background(), "anna", "canary-password"); err != nil {
		t.Error(err)
	}
	if c := (*calls)[0]; c.method != "POST" || c.path != "/auth" || c.body["username"] != "anna" || c.body["password"] != "canary-password" {
		t.Errorf("asked %+v", c)
	}
	for status, kind := range map[int]fault.Kind{401: fault.Denied, 403: fault.Denied, 502: fault.Internal} {
		s, _ := supervisor(t, status, `401: Unauthorized`)
		if err := s.Login(context.Background(), "anna", "canary-password"); fault.KindOf(err) != kind || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestSupervisor_Unreachable(t *testing.T) {
	s := hass.NewSupervisor("http://127.0.0.1:1", token)
	_, err := s.Self(context.Background())
	if fault.KindOf(err) != fault.Offline || strings.Contains(err.Error(), "canary") {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.WithdrawMQTT(ctx); fault.KindOf(err) != fault.Offline {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestSupervisor_Notify(t *testing.T) {
	s, calls := supervisor(t, 200, `[]`)
	if err := s.Notify(t.Context(), "printwire_1", "Printwire", "Off."); err != nil {
		t.Error(err)
	}
	c := (*calls)[0]
	if c.method != "POST" || c.path != "/core/api/services/persistent_notification/create" || c.body["notification_id"] != "printwire_1" || c.body["title"] != "Printwire" || c.body["message"] != "Off." {
		t.Errorf("asked %+v", c)
	}
	for status, kind := range map[int]fault.Kind{400: fault.Denied, 401: fault.Denied, 403: fault.Denied, 500: fault.Offline, 502: fault.Offline} {
		s, _ := supervisor(t, status, `{"message":"no"}`)
		if err := s.Notify(t.Context(), "x", "y", "z"); fault.KindOf(err) != kind || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d: %v", status, err)
		}
	}
}
