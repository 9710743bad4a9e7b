package httpapi

import (
	"context"
	"time"

	"github.com/printwire/printwire/fault"
)

// Jobs are the scheduled jobs.
type Jobs interface {
	// Jobs lists them, in their own order.
	Jobs() []Job
	// RunJob starts one and does not wait for its end. fault.NotFound: there is
	// none of that name. fault.Conflict: it is running.
	RunJob(name string) (Job, error)
}

// Job is a scheduled job. Zero times are unknown.
type Job struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Schedule is when it runs, in words, and Zone the time zone of that.
	Schedule string    `json:"schedule"`
	Zone     string    `json:"time_zone"`
	Next     time.Time `json:"next_run,omitzero"`
	Running  bool      `json:"running"`
	Last     JobRun    `json:"last_run,omitzero"`
}

// JobRun is one run of a job.
type JobRun struct {
	Started time.Time `json:"started_at"`
	Ended   time.Time `json:"ended_at"`
	OK      bool      `json:"ok"`
	// Message is what was done, or what went wrong.
	Message string `json:"message"`
	// By is "schedule" or "person".
	By string `json:"by"`
}

// JobReport is a scheduled job as the API tells it.
type JobReport struct {
	Name     string        `json:"name"`
	About    string        `json:"about" doc:"What it does."`
	Schedule string        `json:"schedule" doc:"When it runs, in words."`
	TimeZone string        `json:"time_zone" doc:"The time zone of the schedule."`
	NextRun  *Time         `json:"next_run" doc:"null when it runs by hand only, or nothing is due."`
	Running  bool          `json:"running"`
	LastRun  *JobRunReport `json:"last_run" doc:"null when it never ran."`
}

// JobRunReport is a run of a job that has ended.
type JobRunReport struct {
	StartedAt Time   `json:"started_at"`
	EndedAt   Time   `json:"ended_at"`
	OK        bool   `json:"ok" doc:"Whether it did what it is for."`
	Message   string `json:"message" doc:"What was done, or what went wrong."`
	By        string `json:"by" enum:"schedule,person" doc:"Who started it."`
}

func describeJob(j Job) JobReport {
	r := JobReport{Name: j.Name, About: j.About, Schedule: j.Schedule, TimeZone: j.Zone, NextRun: moment(j.Next), Running: j.Running}
	if l := j.Last; !l.Ended.IsZero() {
		r.LastRun = &JobRunReport{StartedAt: Time(l.Started), EndedAt: Time(l.Ended), OK: l.OK, Message: l.Message, By: l.By}
	}
	return r
}

type jobsAnswer struct {
	Body []JobReport `nullable:"false"`
}

func (a *api) jobs(context.Context, *nothing) (*jobsAnswer, error) {
	list := []JobReport{}
	for _, j := range a.Jobs.Jobs() {
		list = append(list, describeJob(j))
	}
	return &jobsAnswer{Body: list}, nil
}

type jobCall struct {
	Name string `path:"name" maxLength:"50" doc:"The job's name, as the list has it." example:"backup"`
}

type jobAnswer struct{ Body JobReport }

func (a *api) runJob(ctx context.Context, in *jobCall) (*jobAnswer, error) {
	run := a.Jobs.RunJob
	if caller(ctx).Test {
		run = a.pretendJob
	}
	j, err := run(in.Name)
	if err != nil {
		return nil, err
	}
	return &jobAnswer{Body: describeJob(j)}, nil
}

// pretendJob is a job that a test key starts: it does not run.
func (a *api) pretendJob(name string) (Job, error) {
	for _, j := range a.Jobs.Jobs() {
		if j.Name == name {
			j.Running = true
			return j, nil
		}
	}
	return Job{}, fault.New(fault.NotFound, "there is no job %.50q", name)
}

func exampleJob() Job {
	at := example().At
	return Job{
		Name: "backup", About: "Copies the database into a file of its own.", Schedule: "daily at 03:30", Zone: "Europe/Berlin", Next: at.Add(15 * time.Hour),
		Last: JobRun{Started: at.Add(-9 * time.Hour), Ended: at.Add(-9*time.Hour + time.Second), OK: true, Message: "printwire-2026-05-01T030000Z.db, 1234 kB", By: "schedule"},
	}
}
