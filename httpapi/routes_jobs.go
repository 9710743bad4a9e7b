package httpapi

import (
	"net/http"

	"github.com/printwire/printwire/auth"
)

// jobRoutes are the endpoints of the scheduled jobs.
func jobRoutes() []row {
	one, running := describeJob(exampleJob()), describeJob(exampleJob())
	running.Running = true
	return []row{
		{
			method: http.MethodGet, path: base + "/jobs", scope: auth.JobsRead, class: classRead, audit: "jobs.list",
			tag: "Jobs", summary: "The scheduled jobs, with their last and next runs", example: []JobReport{one}, serve: serve((*api).jobs),
		},
		{
			method: http.MethodPost, path: base + "/jobs/{name}/run", scope: auth.JobsRun, class: classWrite, audit: "jobs.run",
			tag: "Jobs", summary: "Run a scheduled job now", status: http.StatusAccepted, example: running,
			more: "Answers when it has started; the list tells how it went. 409 while it is running.", serve: serve((*api).runJob),
		},
	}
}
