package httpapi_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi"
)

// shift has a job that never ends once it is started, and one that never ran.
type shift struct {
	mu   sync.Mutex
	list []httpapi.Job
	// lasting: a job that is started goes on.
	lasting bool
}

func newShift() *shift {
	berlin := time.FixedZone("CEST", 2*3600)
	return &shift{list: []httpapi.Job{
		{
			Name: "backup", About: "Copies.", Schedule: "daily at 03:30", Zone: "Europe/Berlin", Next: start().Add(13 * time.Hour).In(berlin),
			Last: httpapi.JobRun{Started: start().Add(-time.Hour).In(berlin), Ended: start().Add(-59 * time.Minute), Message: "no space left on device", By: "schedule"},
		},
		{Name: "tidy", About: "Tidies.", Schedule: "by hand only", Zone: "Europe/Berlin"},
	}}
}

func (s *shift) Jobs() []httpapi.Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]httpapi.Job(nil), s.list...)
}

func (s *shift) RunJob(name string) (httpapi.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		j := &s.list[i]
		switch {
		case j.Name != name:
		case j.Running:
			return httpapi.Job{}, fault.New(fault.Conflict, "the job %s is running already", name)
		default:
			started := *j
			started.Running, j.Running = true, s.lasting
			return started, nil
		}
	}
	return httpapi.Job{}, fault.New(fault.NotFound, "there is no job %q", name)
}

func TestAPI_Jobs(t *testing.T) {
	jobs := newShift()
	jobs.lasting = true
	f := newFixture(t, func(o *httpapi.Options) { o.Jobs = jobs })
	keys := map[auth.Scope]string{}
	for _, scope := range []auth.Scope{auth.JobsRead, auth.JobsRun, auth.JobsWrite} {
		keys[scope] = f.matrixKey(auth.NewKey{Terms: []string{string(scope)}})
	}
	got := f.get("/api/v1/jobs", keys[auth.JobsRead])
	var list []map[string]any
	if err := json.Unmarshal([]byte(got.body), &list); err != nil || got.code != http.StatusOK || len(list) != 2 {
		t.Fatalf("the list: %d %s", got.code, got.body)
	}
	last, _ := list[0]["last_run"].(map[string]any)
	if list[0]["next_run"] != "2026-05-02T01:00:00Z" || last["started_at"] != "2026-05-01T11:00:00Z" || last["ok"] != false || last["by"] != "schedule" ||
		list[0]["schedule"] != "daily at 03:30" || list[0]["time_zone"] != "Europe/Berlin" || list[0]["running"] != false {
		t.Errorf("a job: %v", list[0])
	}
	for _, field := range []string{"next_run", "last_run"} {
		if value, there := list[1][field]; !there || value != nil {
			t.Errorf("%s of a job that never runs by itself: %v", field, value)
		}
	}
	for _, c := range []struct {
		name, path, key string
		code            int
		word            string
	}{
		{"who may only look", "/api/v1/jobs/backup/run", keys[auth.JobsRead], 403, "forbidden"},
		{"who may change jobs, and not run them", "/api/v1/jobs/backup/run", keys[auth.JobsWrite], 403, "forbidden"},
		{"no such job", "/api/v1/jobs/nothing/run", keys[auth.JobsRun], 404, "not_found"},
		{"a job", "/api/v1/jobs/backup/run", keys[auth.JobsRun], 202, ""},
		{"once more while it runs", "/api/v1/jobs/backup/run", keys[auth.JobsRun], 409, "conflict"},
		{"another one", "/api/v1/jobs/tidy/run", keys[auth.JobsRun], 202, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.request(http.MethodPost, c.path, "", "X-API-Key", c.key)
			var body map[string]any
			if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.code != c.code || c.word != "" && body["error"] != c.word {
				t.Errorf("%d %s, want %d %s", got.code, got.body, c.code, c.word)
			}
			if c.code == 202 && body["running"] != true {
				t.Errorf("started, and not running: %s", got.body)
			}
		})
	}
	play := f.matrixKey(auth.NewKey{Terms: []string{string(auth.JobsRun)}, Test: true})
	for path, code := range map[string]int{"/api/v1/jobs/tidy/run": 202, "/api/v1/jobs/nothing/run": 404} {
		jobs.list[1].Running = false
		if got := f.request(http.MethodPost, path, "", "X-API-Key", play); got.code != code || jobs.list[1].Running {
			t.Errorf("%s by a test key: %d, and it runs: %v", path, got.code, jobs.list[1].Running)
		}
	}
	if got := f.get("/api/v1/jobs", keys[auth.JobsRun]); got.code != http.StatusForbidden {
		t.Errorf("the list for who may only run: %d", got.code)
	}
}
