package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
)

func TestControl_BothSpellings(t *testing.T) {
	for _, c := range []struct {
		target, body string
		want         printer.Command
	}{
		{"/printers/1/print/pause", "", printer.Command{Name: printer.CmdPause}},
		{"/printers/1/pause/", "{}", printer.Command{Name: printer.CmdPause}},
		{"/webhook/printer/1/stop", "", printer.Command{Name: printer.CmdStop}},
		{"/printers/1/chamber-light?on=false", "", printer.Command{Name: printer.CmdLight}},
		{"/printers/1/light", `{"on":true}`, printer.Command{Name: printer.CmdLight, On: true}},
		{"/printers/1/temperature/nozzle?target=210&nozzle=1", "", printer.Command{Name: printer.CmdNozzle, Nozzle: 1, Value: 210}},
		{"/printers/1/temperature/bed", `{"target":60}`, printer.Command{Name: printer.CmdBed, Value: 60}},
		{"/printers/1/print-speed?mode=3", "", printer.Command{Name: printer.CmdSpeed, Word: "sport"}},
		{"/printers/1/speed", `{"mode":"silent"}`, printer.Command{Name: printer.CmdSpeed, Word: "silent"}},
		{"/printers/1/speed", `{"mode":4}`, printer.Command{Name: printer.CmdSpeed, Word: "ludicrous"}},
		{"/printers/1/fan-speed?fan=chamber&speed=40", "", printer.Command{Name: printer.CmdFan, Target: "chamber", Value: 40}},
		{"/printers/1/hms/clear", "", printer.Command{Name: printer.CmdClearError}},
		{"/printers/1/drying/stop", `{"ams_id":0}`, printer.Command{Name: printer.CmdStopDrying}},
	} {
		t.Run(c.target+c.body, func(t *testing.T) {
			f := newFixture(t)
			f.fleet.set(1, capable)
			got := f.request(http.MethodPost, "/api/v1"+c.target, c.body, "X-API-Key", f.key([]string{"printers:control"}))
			doc := got.object(t)
			if got.code != 200 || doc["success"] != true || doc["accepted"] != true {
				t.Fatalf("%d %s", got.code, got.body)
			}
			sent := f.manager.done()
			if len(sent) != 1 || !strings.HasPrefix(sent[0].Origin, "api:key_") {
				t.Fatalf("sent %+v", sent)
			}
			if sent[0].Origin = ""; !sent[0].Equal(c.want) {
				t.Errorf("sent %+v, want %+v", sent[0], c.want)
			}
		})
	}
}

// capable lets the fleet's first printer do everything.
func capable(s *printer.Snapshot) {
	c := &s.State.Caps
	c.Speed, c.PartFan, c.AuxFan = true, true, true
	c.NozzleRange, c.BedRange, c.ChamberRange = printer.Range{Max: 320}, printer.Range{Max: 120}, printer.Range{Max: 60}
}

func TestControl_WhatCannotBe(t *testing.T) {
	f := newFixture(t)
	f.fleet.set(1, capable)
	key := f.key([]string{"printers:control"})
	for _, c := range []struct {
		target, body string
		code         int
		word, state  string
	}{
		{"/printers/1/print/resume", "", 409, "CONFLICT", "RUNNING"},
		{"/printers/2/print/pause", "", 409, "PRINTER_OFFLINE", "OFFLINE"},
		{"/printers/1/temperature/bed?target=900", "", 422, "VALIDATION_FAILED", "RUNNING"},
		{"/printers/1/temperature/bed?target=NaN", "", 422, "VALIDATION_FAILED", "RUNNING"},
		{"/printers/1/temperature/bed", "", 422, "VALIDATION_FAILED", ""},
		{"/printers/1/print-speed?mode=9", "", 422, "VALIDATION_FAILED", ""},
		{"/printers/1/speed", `{"mode":9}`, 422, "VALIDATION_FAILED", ""},
		{"/printers/1/light", `{"on":"yes"}`, 422, "VALIDATION_FAILED", ""},
		{"/printers/1/airduct-mode?mode=heating", "", 409, "UNSUPPORTED", "RUNNING"},
		{"/printers/99/print/pause", "", 404, "NOT_FOUND", ""},
		{"/printers/1/home-axes", "", 501, "NOT_IMPLEMENTED", ""},
	} {
		got := f.request(http.MethodPost, "/api/v1"+c.target, c.body, "X-API-Key", key)
		doc := got.object(t)
		state, _ := doc["state"].(string)
		if got.code != c.code || doc["code"] != c.word || state != c.state {
			t.Errorf("%s %s: %d %s", c.target, c.body, got.code, got.body)
		}
	}
	if sent := f.manager.done(); len(sent) != 0 {
		t.Errorf("sent %+v", sent)
	}
	f.manager.err = fault.New(fault.Offline, "the printer did not answer")
	got := f.request(http.MethodPost, "/api/v1/printers/1/print/pause", "", "X-API-Key", key)
	want(t, got, 504, "no_answer", "PRINTER_NO_ANSWER")
	f.manager.err = fault.New(fault.Denied, "the printer refuses")
	want(t, f.request(http.MethodPost, "/api/v1/printers/1/print/pause", "", "X-API-Key", key), 409, "read_only", "PRINTER_READ_ONLY")
}

func TestControl_IdempotencyKey(t *testing.T) {
	f := newFixture(t)
	key, other := f.key([]string{"printers:control"}), f.key([]string{"printers:control"})
	post := func(target, key string) answer {
		return f.request(http.MethodPost, "/api/v1/printers/1/"+target, "", "X-API-Key", key, "Idempotency-Key", "a")
	}
	first, again := post("print/pause", key), post("print/pause", key)
	if first.body != again.body || again.header.Get("Idempotency-Replayed") != "true" || len(f.manager.done()) != 1 {
		t.Errorf("%s\n%s, sent %d", first.body, again.body, len(f.manager.done()))
	}
	if got := post("print/stop", key); got.code != 422 {
		t.Errorf("another command under the same key: %d %s", got.code, got.body)
	}
	if got := post("print/pause", other); got.code != 200 || len(f.manager.done()) != 2 {
		t.Errorf("another caller: %d, sent %d", got.code, len(f.manager.done()))
	}
	f.now = f.now.Add(25 * time.Hour)
	if got := post("print/stop", key); got.code != 200 || len(f.manager.done()) != 3 {
		t.Errorf("a day later: %d %s", got.code, got.body)
	}
	f.manager.err = fault.New(fault.Offline, "no answer")
	f.now = f.now.Add(25 * time.Hour)
	if a, b := post("print/stop", key), post("print/stop", key); a.code != 504 || b.code != 504 || len(f.manager.done()) != 4 {
		t.Errorf("a command without an answer is not sent twice: %d %d, sent %d", a.code, b.code, len(f.manager.done()))
	}
}

func TestControl_ATestKeyMovesNothing(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Simulated = func(s printer.Snapshot) bool { return s.Config.ID == 1 } })
	text, _, err := f.auth.CreateKey(auth.NewKey{Name: "test", Test: true, Terms: []string{"write"}})
	if err != nil {
		t.Fatal(err)
	}
	key := text.Reveal()
	got := f.request(http.MethodPost, "/api/v1/printers/1/print/pause", "", "X-API-Key", key)
	if doc := got.object(t); got.code != 200 || doc["simulated"] != true || len(f.manager.done()) != 0 {
		t.Errorf("%d %s, sent %v", got.code, got.body, f.manager.done())
	}
	if got := f.get("/api/v1/printers/2/status", key); got.code != 404 {
		t.Errorf("a printer that is none: %d", got.code)
	}
	if got := f.get("/api/v1/printers", key); strings.Contains(got.body, "Cellar") {
		t.Errorf("the list shows real printers: %s", got.body)
	}
}

func TestMembers_AddEditRemove(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"printers:manage", "printers:read"})
	add := `{"name":"Loft","ip_address":"192.168.1.60","serial_number":"00m00a000000009","access_code":"CANARY99","files_port":9990,"auto_archive":true}`
	got := f.request(http.MethodPost, "/api/v1/printers/", add, "X-API-Key", key)
	if doc := got.object(t); got.code != 201 || doc["id"] != 4.0 || doc["serial_number"] != "00M00A000000009" || got.header.Get("Location") != "/api/v1/printers/4" {
		t.Fatalf("add: %d %s", got.code, got.body)
	}
	if strings.Contains(got.body, "CANARY99") {
		t.Error("the access code comes back")
	}
	if got := f.request(http.MethodPost, "/api/v1/printers", add, "X-API-Key", key); got.code != 409 {
		t.Errorf("the same serial: %d", got.code)
	}
	got = f.request(http.MethodPatch, "/api/v1/printers/4", `{"name":"Attic","location":"Roof","access_code":"CANARY98"}`, "X-API-Key", key)
	if doc := got.object(t); got.code != 200 || doc["name"] != "Attic" || doc["location"] != "Roof" || strings.Contains(got.body, "CANARY") {
		t.Errorf("edit: %d %s", got.code, got.body)
	}
	if s, err := f.fleet.Find("4"); err != nil || s.Config.FilesPort != 9990 || s.Config.AccessCode != "CANARY98" {
		t.Errorf("after the edit: %+v, %v", s.Config, err)
	}
	if doc := f.request(http.MethodPatch, "/api/v1/printers/4", `{"location":null}`, "X-API-Key", key).object(t); doc["location"] != nil || doc["name"] != "Attic" {
		t.Errorf("null does not clear: %v", doc)
	}
	for _, c := range []struct {
		method, target, body string
		code                 int
	}{
		{http.MethodPatch, "/printers/3", `{"name":"x"}`, 409},
		{http.MethodDelete, "/printers/3", "", 409},
		{http.MethodPatch, "/printers/4", `{"name":"a\u0000b"}`, 422},
		{http.MethodPatch, "/printers/4", `{"port":70000}`, 422},
		{http.MethodPatch, "/printers/4", `{"files_port":-1}`, 422},
		{http.MethodPost, "/printers", `{"name":"x"}`, 422},
		{http.MethodPost, "/printers", `{"serial":"A","serial_number":"B","ip_address":"h"}`, 422},
		{http.MethodDelete, "/printers/4", "", 200},
		{http.MethodDelete, "/printers/4", "", 404},
	} {
		if got := f.request(c.method, "/api/v1"+c.target, c.body, "X-API-Key", key); got.code != c.code {
			t.Errorf("%s %s %s: %d, want %d: %s", c.method, c.target, c.body, got.code, c.code, got.body)
		}
	}
}
