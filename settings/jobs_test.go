package settings_test

import (
	"strings"
	"testing"

	"github.com/printwire/printwire/settings"
)

func TestParse_Backups(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       settings.Backup
	}{
		{"nothing", "", settings.Backup{At: "03:30", Keep: 7}},
		{"off", `backup: { at: "" }`, settings.Backup{Keep: 7}},
		{"a time without quotes", "backup:\n  at: 23:05\n  keep: 2\n  folder: /mnt/nas\n", settings.Backup{At: "23:05", Keep: 2, Folder: "/mnt/nas"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := settings.Parse([]byte(c.text))
			if err != nil || s.Backup != c.want {
				t.Errorf("%+v, %v; want %+v", s.Backup, err, c.want)
			}
		})
	}
	for text, want := range map[string]string{
		"backup: { at: 24:00 }":                "backup.at: must be a time of day such as 03:30",
		"backup: { at: '3:30' }":               "backup.at: must be",
		"backup: { at: noon }":                 "backup.at: must be",
		"backup: { keep: 0 }":                  "backup.keep: must be 1 to 1000",
		"backup: { keep: 1001 }":               "backup.keep: must be",
		`backup: { folder: "a\u0007" }`:        "backup.folder: must not have control",
		"time_zone: Middle-earth/Shire":        "time_zone: must be a time zone such as Europe/Berlin",
		"time_zone: ../../etc/localtime":       "time_zone: must be",
		"time_zone: /usr/share/zoneinfo/Japan": "time_zone: must be",
	} {
		if _, err := settings.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for _, zone := range []string{"", "UTC", "Europe/Berlin", "America/Santiago"} {
		if s, err := settings.Parse([]byte("time_zone: '" + zone + "'")); err != nil || s.TimeZone != zone {
			t.Errorf("%q: %q, %v", zone, s.TimeZone, err)
		}
	}
}
