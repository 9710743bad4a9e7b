package settings

import (
	"regexp"
	"time"
)

var atPattern = regexp.MustCompile(`^(?:[01][0-9]|2[0-3]):[0-5][0-9]$`)

// jobs checks when scheduled jobs run, and what backups are made.
func (c *checker) jobs(s Settings) {
	if s.Backup.At != "" && !atPattern.MatchString(s.Backup.At) {
		c.add("backup.at", "must be a time of day such as 03:30, or empty for none")
	}
	c.within("backup.keep", s.Backup.Keep, 1, 1000)
	c.label("backup.folder", s.Backup.Folder, 1000)
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		c.add("time_zone", "must be a time zone such as Europe/Berlin, or left out")
	}
}
