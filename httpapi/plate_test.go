package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// pictures are kept pictures by name.
type pictures map[string][]byte

func (p pictures) Bytes(name string) ([]byte, error) {
	if b, ok := p[name]; ok {
		return b, nil
	}
	return nil, fault.New(fault.NotFound, "no such file is kept")
}

// planned gives the fleet's first printer a job whose file is known.
func planned(s *printer.Snapshot) {
	s.State.Online, s.State.Activity = true, printer.Printing
	s.State.Caps.SkipObjects = true
	s.State.Job = printer.Job{
		ID: "job", Name: "Bracket", Progress: printer.Some(50), SkippedObjects: []int{23},
		Plan: printer.Plan{
			File: "/cache/Bracket.3mf", Picture: "abc", Grams: printer.Some(15.2), Seconds: printer.Some(5400),
			Objects: []printer.Object{{ID: 17, Name: "Bracket"}, {ID: 23, Name: "Clip"}, {ID: 42, Name: "Clip"}},
			Filaments: []printer.PlanFilament{
				{Slot: 1, Material: "PLA", Grams: printer.Some(11.0), Tray: printer.Some(printer.TrayRef{Unit: 0, Slot: 2})},
				{Slot: 3, Material: "PETG", Grams: printer.Some(4.2), Tray: printer.Some(printer.TrayRef{Unit: printer.ExternalUnit})},
			},
		},
	}
}

func TestPlate_StatusTellsThePlan(t *testing.T) {
	f := newFixture(t)
	f.fleet.set(1, planned)
	key := f.key([]string{"printers:read"})
	doc := f.request(http.MethodGet, "/api/v1/printers/1/status", "", "X-API-Key", key).object(t)
	for field, want := range map[string]any{
		"filament_used": 15.2, "filament_details": "PLA: 11.0g | PETG: 4.2g", "estimated_seconds": 5400.0,
		"printable_objects_count": 3.0, "cover_url": "/api/v1/printers/1/cover",
	} {
		if doc[field] != want {
			t.Errorf("%s is %v, want %v", field, doc[field], want)
		}
	}
	if got, _ := doc["ams_mapping"].([]any); !slices.Equal(got, []any{2.0, -1.0, 254.0}) {
		t.Errorf("ams_mapping is %v", got)
	}
	f.fleet.set(1, func(s *printer.Snapshot) {
		s.State.Activity, s.State.Job.Result = printer.Failed, printer.Failure
	})
	doc = f.request(http.MethodGet, "/api/v1/printers/1/status", "", "X-API-Key", key).object(t)
	if doc["filament_used"] != 7.6 || doc["filament_details"] != "PLA: 5.5g | PETG: 2.1g" || doc["cover_url"] != nil {
		t.Errorf("failed half way: %v, %v, cover %v", doc["filament_used"], doc["filament_details"], doc["cover_url"])
	}
}

func TestPlate_Cover(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"printers:read"})
	cover := func() answer { return f.request(http.MethodGet, "/api/v1/printers/1/cover", "", "X-API-Key", key) }
	f.fleet.set(1, func(s *printer.Snapshot) {
		s.State.Job = printer.Job{ID: "job", Plan: printer.Plan{Missing: "Insert a memory card."}}
	})
	if got := cover(); got.code != http.StatusNotFound || !strings.Contains(string(got.body), "Insert a memory card.") {
		t.Errorf("no picture: %d %s", got.code, got.body)
	}
	f.fleet.set(1, planned)
	if got := cover(); got.code != http.StatusOK || got.header.Get("Content-Type") != "image/png" || string(got.body) != "\x89PNG picture" {
		t.Errorf("picture: %d %s %q", got.code, got.header.Get("Content-Type"), got.body)
	}
	for _, view := range []string{"top", "small", "pick"} {
		if got := f.get("/api/v1/printers/1/cover?view="+view, key); got.code != http.StatusNotFound || !strings.Contains(got.body, "has no picture") {
			t.Errorf("view %s, which is not there: %d %s", view, got.code, got.body)
		}
	}
	f.opts.Pictures.(pictures)["abc.top"] = []byte("\xff\xd8\xff from above")
	if got := f.get("/api/v1/printers/1/cover?view=top", key); got.code != http.StatusOK || got.header.Get("Content-Type") != "image/jpeg" || !strings.Contains(got.body, "from above") {
		t.Errorf("view top: %d %s", got.code, got.body)
	}
	if got := f.get("/api/v1/printers/1/cover?view=inside", key); got.code != http.StatusUnprocessableEntity {
		t.Errorf("a view that is none: %d %s", got.code, got.body)
	}
	f.fleet.set(1, func(s *printer.Snapshot) { s.State.Job.Plan.Picture = "gone" })
	if got := cover(); got.code != http.StatusNotFound {
		t.Errorf("a picture that is not kept any more: %d %s", got.code, got.body)
	}
}

func TestPlate_Objects(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"printers:read"})
	objects := func() map[string]any {
		return f.request(http.MethodGet, "/api/v1/printers/1/print/objects", "", "X-API-Key", key).object(t)
	}
	f.fleet.set(1, func(s *printer.Snapshot) { s.State.Job = printer.Job{} })
	if doc := objects(); doc["total"] != nil || doc["problem"] == nil || doc["can_skip"] != false {
		t.Errorf("no job: %v", doc)
	}
	f.fleet.set(1, planned)
	doc := objects()
	list, _ := doc["objects"].([]any)
	if doc["total"] != 3.0 || doc["can_skip"] != true || doc["problem"] != nil || len(list) != 3 {
		t.Fatalf("plate %v", doc)
	}
	if clip := list[1].(map[string]any); clip["id"] != 23.0 || clip["name"] != "Clip" || clip["skipped"] != true {
		t.Errorf("second object %v", clip)
	}
	f.fleet.set(1, func(s *printer.Snapshot) { s.State.Job.Plan.Unlabelled = true })
	if doc := objects(); doc["total"] != 3.0 || doc["can_skip"] != false {
		t.Errorf("a file that does not label its objects: %v", doc)
	}
}

func TestPlate_SkipObjects(t *testing.T) {
	for _, c := range []struct {
		body string
		code int
	}{
		{`{"objects":[17]}`, 200}, {`{"object_ids":[42]}`, 200}, {`[17]`, 200}, {`[]`, 422}, {`[5]`, 422}, {`["17"]`, 422},
		{`{"objects":[23]}`, 409}, {`{"objects":[17,42]}`, 409}, {`{"objects":[5]}`, 422}, {`{"objects":[]}`, 422}, {`{}`, 422},
		{`{"objects":["all"]}`, 422}, {`{"objects":[17],"object_ids":[42]}`, 422}, {`{"objects":[17],"more":1}`, 422}, {`[-1]`, 422}, {`null`, 422},
		{`"17"`, 422}, {`[17.5]`, 422}, {`[17.0]`, 200}, {`{"objects":[17.0]}`, 200}, {`[17`, 400},
	} {
		f := newFixture(t)
		f.fleet.set(1, planned)
		got := f.request(http.MethodPost, "/api/v1/printers/1/print/skip-objects", c.body, "X-API-Key", f.key([]string{"printers:control"}), "Content-Type", "application/json")
		if got.code != c.code {
			t.Errorf("%s: %d %s, want %d", c.body, got.code, got.body, c.code)
		}
		if c.code == 422 && !strings.Contains(string(got.body), `"pointer":"/objects"`) {
			t.Errorf("%s: %s does not name the field", c.body, got.body)
		}
		if sent := f.manager.done(); (len(sent) == 1) != (c.code == 200) {
			t.Errorf("%s: sent %+v", c.body, sent)
		}
	}
}

func TestDiagnosis(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"printers:read"})
	for _, c := range []struct {
		name    string
		change  func(*printer.State)
		overall string
		checks  map[string]string
	}{
		{"all is well", func(s *printer.State) {
			s.Online, s.Caps.Control = true, printer.Some(true)
			s.Job.Plan = printer.Plan{File: "/cache/x.3mf"}
		}, "ok", map[string]string{"port_mqtt": "pass", "mqtt_auth": "pass", "developer_mode": "pass", "port_ftps": "pass", "subnet": "skip"}},
		{"read-only, without a card", func(s *printer.State) {
			s.Online, s.Caps.Control = true, printer.Some(false)
			s.Job.Plan = printer.Plan{Missing: "Insert a memory card."}
		}, "warnings", map[string]string{"developer_mode": "warn", "port_ftps": "warn"}},
		{"wrong code", func(s *printer.State) {
			s.Online, s.Problem = false, printer.Problem{Code: printer.ProblemAccessCode, Text: "Compare the code."}
		}, "problems", map[string]string{"port_mqtt": "pass", "mqtt_auth": "fail"}},
		{"switched off", func(s *printer.State) {
			s.Online, s.Problem = false, printer.Problem{Code: printer.ProblemUnreachable, Text: "It may be switched off."}
		}, "problems", map[string]string{"port_mqtt": "fail", "mqtt_auth": "skip"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.fleet.set(1, func(s *printer.Snapshot) {
				s.State = printer.State{}
				c.change(&s.State)
			})
			doc := f.request(http.MethodGet, "/api/v1/printers/1/diagnostic", "", "X-API-Key", key).object(t)
			if doc["overall"] != c.overall {
				t.Errorf("overall %v, want %s", doc["overall"], c.overall)
			}
			got := map[string]string{}
			for _, one := range doc["checks"].([]any) {
				check := one.(map[string]any)
				got[check["id"].(string)] = check["status"].(string)
				if (check["status"] == "fail" || check["status"] == "warn") && check["message"] == nil {
					t.Errorf("%v without a word", check)
				}
			}
			for id, want := range c.checks {
				if got[id] != want {
					t.Errorf("%s is %q, want %q", id, got[id], want)
				}
			}
		})
	}
}
