package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi"
)

// backupJob is the name of the job that makes backups.
const backupJob = "backup"

// jobRows is the table of scheduled jobs. A delivery or a digest has a time of
// its endpoint, to which the outbox keeps by itself: its row tells when that is
// and does it at once for a person who asks.
func (a *App) jobRows(at schedule, b *backups) []jobRow {
	hourly := schedule{every: time.Hour}
	return []jobRow{
		{
			name: backupJob, about: "Copies the database into a file of its own, and removes the oldest copies.",
			when: at, what: b.write,
		},
		{
			name: "journal_retention", about: "Drops events that are old or too many, once all who follow them have read them.",
			when: hourly, what: func(ctx context.Context) (string, error) {
				n, err := a.store.Retain(ctx)
				return fmt.Sprintf("%d events dropped", n), err
			},
		},
		{
			name: "archive_retention", about: "Drops prints that are old or too many from the record, and the samples of older prints.",
			when: hourly, what: func(ctx context.Context) (string, error) {
				n, err := a.recorder.Retain(ctx)
				return fmt.Sprintf("%d prints dropped", n), err
			},
		},
		{
			name: "webhook_retention", about: "Drops deliveries that are old or too many from the logs of webhook endpoints.",
			when: hourly, what: func(ctx context.Context) (string, error) {
				n, err := a.hooks.Retain(ctx)
				return fmt.Sprintf("%d deliveries dropped", n), err
			},
		},
		{
			name: "webhook_deliveries", about: "Tries again now what webhook receivers have not taken, as each delivery is at its own time.",
			own: func() time.Time { return a.hooks.NextAttempt(context.Background()) }, // a short read
			what: func(ctx context.Context) (string, error) {
				n, err := a.hooks.Hurry(ctx)
				return fmt.Sprintf("endpoints for which it was tried: %d", n), err
			},
		},
		{
			name: "webhook_digests", about: "Sends the digests of webhook endpoints now, as each is at its own time.",
			own: func() time.Time { return a.hooks.NextDigest() },
			what: func(ctx context.Context) (string, error) {
				n, err := a.hooks.SendDigests(ctx)
				return fmt.Sprintf("events on their way: %d", n), err
			},
		},
	}
}

// JobNames are the names of all jobs.
func JobNames() []string {
	var names []string
	for _, row := range new(App).jobRows(schedule{}, nil) {
		names = append(names, row.name)
	}
	return names
}

// openJobs makes the scheduler of the jobs.
func (a *App) openJobs(context.Context) error {
	at, err := daily(a.settings.Backup.At, a.location())
	if err != nil {
		return fmt.Errorf("backup.at: %w", err)
	}
	a.backups = a.backupsOf()
	a.jobs, err = newScheduler(a.jobRows(at, a.backups), a.store.KV("jobs"), a.location(), a.log, a.now)
	return err
}

// location is the time zone of everything that has none of its own.
func (a *App) location() *time.Location {
	if a.settings.TimeZone == "" {
		return local()
	}
	zone, err := time.LoadLocation(a.settings.TimeZone)
	if err != nil {
		a.log.Error("the time zone is not known, so it is UTC", "time_zone", a.settings.TimeZone, "error", err)
		return time.UTC
	}
	return zone
}

// local is the machine's own time zone, under its name where that can be found:
// the library calls it Local, which tells people nothing.
func local() *time.Location {
	name, set := os.LookupEnv("TZ")
	name = strings.TrimPrefix(name, ":")
	if !set {
		link, _ := os.Readlink("/etc/localtime") // without one there is no name
		_, name, _ = strings.Cut(link, "zoneinfo/")
	}
	if zone, err := time.LoadLocation(name); name != "" && err == nil {
		return zone
	}
	return time.Local
}

// apiJobs are the jobs as the API has them.
type apiJobs struct{ *scheduler }

// Jobs lists them.
func (j apiJobs) Jobs() []httpapi.Job { return j.list() }

// RunJob starts one.
func (j apiJobs) RunJob(name string) (httpapi.Job, error) {
	if _, err := j.start(name); err != nil {
		return httpapi.Job{}, err
	}
	return j.job(name)
}

// Job is a scheduled job on the command line.
type Job = httpapi.Job

// NewBackup is a backup that was just made.
type NewBackup struct {
	File string `json:"file"`
}

func (a *App) listJobs(*http.Request) (any, error) { return a.jobs.list(), nil }

// runJob runs a job to its end; it goes on when nobody waits any more.
func (a *App) runJob(r *http.Request) (any, error) {
	return a.runToEnd(r.Context(), r.PathValue("name"))
}

// makeBackup runs the job of the backups to its end.
func (a *App) makeBackup(r *http.Request) (any, error) {
	j, err := a.runToEnd(r.Context(), backupJob)
	if err != nil {
		return nil, err
	}
	if !j.Last.OK {
		return nil, fault.New(fault.Conflict, "%s", j.Last.Message)
	}
	return NewBackup{File: *a.backups.newest.Load()}, nil
}

func (a *App) runToEnd(ctx context.Context, name string) (Job, error) {
	ended, err := a.jobs.start(name)
	if err != nil {
		return Job{}, err
	}
	select {
	case <-ended:
		return a.jobs.job(name)
	case <-ctx.Done():
		return Job{}, ctx.Err()
	}
}
