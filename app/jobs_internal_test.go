package app

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestJobRows(t *testing.T) {
	at := mustDaily(t, "03:30", "UTC")
	name := regexp.MustCompile(`^[a-z]+(?:_[a-z]+)*$`)
	seen := map[string]bool{}
	for _, row := range new(App).jobRows(at, nil) {
		if !name.MatchString(row.name) || seen[row.name] {
			t.Errorf("the name %q is none, or there twice", row.name)
		}
		seen[row.name] = true
		if !strings.HasSuffix(row.about, ".") || strings.Count(row.about, ". ") > 0 {
			t.Errorf("%s: %q is not one sentence", row.name, row.about)
		}
		if row.what == nil || row.when.every != 0 && row.when.every < 10*early {
			t.Errorf("%s has nothing to do, or too often (%s, at least every %s)", row.name, row.when, 10*early)
		}
	}
	if !seen[backupJob] || len(JobNames()) != len(seen) {
		t.Errorf("the jobs are %v", JobNames())
	}
}

func TestLocal_TheMachinesZoneHasAName(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"Europe/Berlin", "Europe/Berlin"}, {":America/Lima", "America/Lima"}, {"Mars/Base", time.Local.String()}, {"../../etc/passwd", time.Local.String()}, {"", time.Local.String()},
	} {
		t.Setenv("TZ", c.set)
		if got := local().String(); got != c.want {
			t.Errorf("with TZ=%s it is %s, want %s", c.set, got, c.want)
		}
	}
	_ = os.Unsetenv("TZ") // as it was before the test is seen to
	link, err := os.Readlink("/etc/localtime")
	if _, name, ok := strings.Cut(link, "zoneinfo/"); ok && local().String() != name {
		t.Errorf("of %s (%v) it is %s", link, err, local())
	}
}

// What Home Assistant's backups hold is the snapshot, once, and nothing that
// is a copy of the same.
func TestManifest_BackupsOfHomeAssistantLeaveOutOurs(t *testing.T) {
	text, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "\nbackup_exclude:\n")
	for _, name := range []string{databaseName, backupsName} {
		if !strings.Contains(list, "  - "+name+"\n") {
			t.Errorf("%s is not left out", name)
		}
	}
	if strings.Contains(list, "- "+snapshotName) || !strings.Contains(string(text), "--replace /data/"+snapshotName+"\n") {
		t.Errorf("the snapshot %s is left out, or not made", snapshotName)
	}
}
