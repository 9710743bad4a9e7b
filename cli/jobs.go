package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// jobsCmd has the commands about scheduled jobs.
type jobsCmd struct {
	List jobsListCmd `cmd:"" help:"List the scheduled jobs, with their next and last runs."`
	Run  jobsRunCmd  `cmd:"" help:"Run a scheduled job now, and wait for its end."`
}

type jobsListCmd struct {
	dataFlag
}

// Run lists the scheduled jobs.
func (c jobsListCmd) Run(ctx context.Context, env Env) error {
	return list(ctx, env, c.dataFlag, "/jobs", []column[app.Job]{
		{"NAME", func(j app.Job) string { return j.Name }},
		{"SCHEDULE", func(j app.Job) string { return j.Schedule }},
		{"NEXT RUN (UTC)", func(j app.Job) string { return stamp(j.Next) }},
		{"LAST RUN (UTC)", func(j app.Job) string { return stamp(j.Last.Started) }},
		{"BY", func(j app.Job) string { return j.Last.By }},
		{"RESULT", result},
	})
}

// result is how the last run went, or that there is one.
func result(j app.Job) string {
	switch {
	case j.Running:
		return "running"
	case j.Last.Ended.IsZero():
		return "never ran"
	case !j.Last.OK:
		return "failed: " + j.Last.Message
	}
	return j.Last.Message
}

type jobsRunCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the job, as \"jobs list\" shows it." words:"jobs"`
}

// Run runs a scheduled job.
func (c jobsRunCmd) Run(ctx context.Context, env Env) error {
	var j app.Job
	if err := c.call(ctx, env, http.MethodPost, "/jobs/"+url.PathEscape(c.Name), nil, &j); err != nil {
		return err
	}
	if !j.Last.OK {
		return fault.New(fault.Conflict, "the job %s failed: %s", j.Name, j.Last.Message)
	}
	return c.show(env, j, func(w io.Writer) error {
		took := j.Last.Ended.Sub(j.Last.Started).Round(time.Millisecond)
		_, err := fmt.Fprintf(w, "The job %s is done after %s: %s.\n", j.Name, took, printable(j.Last.Message))
		return err
	})
}
