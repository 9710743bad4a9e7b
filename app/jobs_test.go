package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/storage"
)

// jobReport is a job as the API tells it.
type jobReport struct {
	Name     string     `json:"name"`
	Schedule string     `json:"schedule"`
	TimeZone string     `json:"time_zone"`
	NextRun  *time.Time `json:"next_run"`
	Running  bool       `json:"running"`
	LastRun  *struct {
		OK      bool   `json:"ok"`
		Message string `json:"message"`
		By      string `json:"by"`
	} `json:"last_run"`
}

// scoped is a key with some scopes.
func (r *running) scoped(scopes ...string) string {
	r.t.Helper()
	key, err := r.app.CreateKey(r.t.Context(), app.KeyRequest{Name: "test", Scopes: scopes, Plan: auth.Plan{Name: auth.PlanUnlimited}})
	if err != nil {
		r.t.Fatal(err)
	}
	return key.Key
}

// reports are the jobs by name.
func (r *running) reports(key string) map[string]jobReport {
	r.t.Helper()
	var list []jobReport
	text, code := r.ask(key, http.MethodGet, "/api/v1/jobs", "")
	if err := json.Unmarshal([]byte(text), &list); err != nil || code != http.StatusOK {
		r.t.Fatalf("the jobs: %d %s (%v)", code, text, err)
	}
	byName := map[string]jobReport{}
	for _, j := range list {
		byName[j.Name] = j
	}
	return byName
}

// ran waits until a job has run, and gives it.
func (r *running) ran(key, name string) jobReport {
	r.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		j := r.reports(key)[name]
		switch {
		case !j.Running && j.LastRun != nil:
			return j
		case time.Now().After(deadline):
			r.t.Fatalf("the job %s did not end: %+v", name, j)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestApp_ABackupByHandCanBeRestored(t *testing.T) {
	o := options(local(), t.TempDir())
	o.Settings.TimeZone = "Europe/Berlin"
	r := begin(t, o)
	login, err := r.app.MQTTLogin()
	if err != nil {
		t.Fatal(err)
	}
	read, run := r.scoped("jobs:read"), r.scoped("jobs:run", "jobs:read")
	jobs := r.reports(read)
	for _, name := range app.JobNames() {
		j := jobs[name]
		due := j.NextRun != nil && j.NextRun.After(time.Now())
		if own := j.Schedule == "when it is due"; due == own || j.LastRun != nil || j.TimeZone != "Europe/Berlin" { // no endpoint has anything due
			t.Errorf("the job %s: %+v", name, j)
		}
	}
	next := jobs["backup"].NextRun.In(berlin(t))
	if next.Format("15:04") != "03:30" && next.Format("15:04") != "04:30" || jobs["backup"].Schedule != "daily at 03:30" {
		t.Errorf("the next backup is at %s, %s", next, jobs["backup"].Schedule)
	}
	if text, code := r.ask(read, http.MethodPost, "/api/v1/jobs/backup/run", ""); code != http.StatusForbidden {
		t.Errorf("by a key that may only look: %d %s", code, text)
	}
	if text, code := r.ask(run, http.MethodPost, "/api/v1/jobs/nothing/run", ""); code != http.StatusNotFound {
		t.Errorf("a job that is none: %d %s", code, text)
	}
	if text, code := r.ask(run, http.MethodPost, "/api/v1/jobs/backup/run", ""); code != http.StatusAccepted {
		t.Fatalf("the job: %d %s", code, text)
	}
	j := r.ran(read, "backup")
	name, _, _ := strings.Cut(j.LastRun.Message, ",")
	if !j.LastRun.OK || j.LastRun.By != "person" || strings.Contains(j.LastRun.Message, o.Data) {
		t.Fatalf("the job: %+v", j.LastRun)
	}
	for _, name := range app.JobNames() {
		if _, code := r.ask(run, http.MethodPost, "/api/v1/jobs/"+name+"/run", ""); code != http.StatusAccepted {
			t.Errorf("%s: %d", name, code)
		}
		if j := r.ran(read, name); !j.LastRun.OK {
			t.Errorf("%s: %+v", name, j.LastRun)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	restored(t, filepath.Join(o.Data, "backups", name), login)
}

// berlin is a time zone.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// restored restores a backup into another folder and finds the login there.
func restored(t *testing.T, path string, login app.UserRow) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	elsewhere := options(local(), t.TempDir())
	if _, err := app.Restore(elsewhere.Data, file, time.Now()); err != nil {
		t.Fatal(err)
	}
	again, err := begin(t, elsewhere).app.MQTTLogin()
	if err != nil || again != login {
		t.Errorf("in the restored database the login is another (%v)", err)
	}
}

func TestApp_RunsAreRememberedAndBackupsCanBeOff(t *testing.T) {
	o := options(local(), t.TempDir())
	o.Settings.Backup.At, o.Settings.Backup.Folder = "", "elsewhere"
	first := begin(t, o)
	key := first.scoped("jobs:run", "jobs:read")
	if j := first.reports(key)["backup"]; j.NextRun != nil || j.Schedule != "by hand only" {
		t.Errorf("a backup that is off: %+v", j)
	}
	if _, code := first.ask(key, http.MethodPost, "/api/v1/jobs/backup/run", ""); code != http.StatusAccepted {
		t.Fatalf("by hand: %d", code)
	}
	if j := first.ran(key, "backup"); j.LastRun.OK || !strings.Contains(j.LastRun.Message, "does not exist") {
		t.Errorf("into a folder that is not there: %+v", j.LastRun)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(o.Data, "elsewhere"), 0o700); err != nil {
		t.Fatal(err)
	}
	second := begin(t, o)
	if j := second.reports(key)["backup"]; j.LastRun == nil || j.LastRun.OK || j.LastRun.By != "person" {
		t.Errorf("after a restart: %+v", j.LastRun)
	}
	problems := second.watch("printwire/bridge/problem_text")
	problems.until(t, "printwire/bridge/problem_text", func(v string) bool { return strings.HasPrefix(v, "The last backup failed: ") })
	if _, code := second.ask(key, http.MethodPost, "/api/v1/jobs/backup/run", ""); code != http.StatusAccepted {
		t.Fatalf("by hand: %d", code)
	}
	for deadline := time.Now().Add(2 * time.Minute); !second.reports(key)["backup"].LastRun.OK; {
		if time.Now().After(deadline) {
			t.Fatalf("no backup: %+v", second.reports(key)["backup"].LastRun)
		}
		<-time.After(10 * time.Millisecond)
	}
	problems.until(t, "printwire/bridge/problem_text", func(v string) bool { return !strings.Contains(v, "backup") })
	found, err := filepath.Glob(filepath.Join(o.Data, "elsewhere", "printwire-*.db"))
	if err != nil || len(found) != 1 {
		t.Fatalf("backups: %v (%v)", found, err)
	}
	if err := storage.CheckFile(t.Context(), found[0]); err != nil {
		t.Error(fmt.Errorf("the backup: %w", err))
	}
}
