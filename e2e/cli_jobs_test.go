package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCommandLine_JobsAndBackups(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain+"backup: { keep: 2 }\ntime_zone: Europe/Berlin\n")
	p := h.serve()
	key := h.key("read")
	type job struct {
		Name, Schedule string
		Zone           string    `json:"time_zone"`
		Next           time.Time `json:"next_run"`
		Last           struct {
			OK          bool
			Message, By string
		} `json:"last_run"`
	}
	var jobs []job
	h.ask(&jobs, "jobs", "list")
	if len(jobs) < 3 || jobs[0].Name != "backup" || jobs[0].Schedule != "daily at 03:30" || jobs[0].Zone != "Europe/Berlin" || jobs[0].Next.Before(time.Now()) {
		t.Errorf("the jobs: %+v", jobs)
	}
	if out := h.must("jobs", "list"); !strings.HasPrefix(out, "NAME ") || !strings.Contains(out, "daily at 03:30") || !strings.Contains(out, "never ran") {
		t.Errorf("the table:\n%s", out)
	}
	if out := h.must("jobs", "run", "archive_retention"); !strings.Contains(out, "The job archive_retention is done after ") {
		t.Errorf("a job says %q", out)
	}
	if out, err := h.run("jobs", "run", "nothing"); code(err) != 1 || !strings.Contains(out, "there is no job") {
		t.Errorf("a job that is none: exit %d, %s", code(err), out)
	}
	var made struct{ File string }
	h.ask(&made, "backup")
	if info, err := os.Stat(made.File); err != nil || info.Mode().Perm() != 0o600 || filepath.Dir(made.File) != filepath.Join(h.data, "backups") {
		t.Errorf("the backup %s: %v (%v)", made.File, info, err)
	}
	if h.ask(&jobs, "jobs", "list"); !jobs[0].Last.OK || jobs[0].Last.By != "person" || !strings.HasPrefix(jobs[0].Last.Message, filepath.Base(made.File)) {
		t.Errorf("the job of the backup: %+v", jobs[0])
	}
	if out, err := h.run("backup", "--replace"); code(err) != 2 || !strings.Contains(out, "--replace") {
		t.Errorf("to replace nothing: exit %d, %s", code(err), out)
	}
	p.stop()
	second := newHouse(t, plain)
	second.must("restore", made.File)
	q := second.serve()
	if status, body := second.get("/api/v1/printers", key); status != 200 {
		t.Errorf("a key in the restored database: %d %s", status, body)
	}
	q.stop()
}

func TestCommandLine_ABackupIntoAFullDisk(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", full).CombinedOutput(); err != nil {
		t.Skipf("a small disk cannot be made here: %v, %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", full).CombinedOutput(); err != nil {
			t.Errorf("taking the small disk away: %v, %s", err, out)
		}
	})
	h := newHouse(t, plain+"backup: { folder: "+full+" }\n")
	p := h.serve()
	out, err := h.run("backup")
	if code(err) != 1 || !strings.Contains(out, "no space left on device") {
		t.Errorf("exit %d, %s", code(err), out)
	}
	if left, err := os.ReadDir(full); err != nil || len(left) != 0 {
		t.Errorf("left is %v (%v)", left, err)
	}
	p.stop()
}
