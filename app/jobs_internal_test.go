package app

import (
	"os"
	"regexp"
	"strings"
	"testing"
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
