package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi"
)

const (
	// catchUpAfter is how long after the start missed runs begin: what else
	// starts with the program goes first.
	catchUpAfter = 30 * time.Second
	// lookEvery is how often it is looked for runs that were missed because the
	// machine slept or its clock was set: timers know nothing of either.
	lookEvery = 15 * time.Minute
	// early is how much too early a timer may be, by a clock that is being set.
	early = time.Minute
	// jobStopLimit is how long a stop waits for jobs that are running.
	jobStopLimit = time.Second
)

// recordVersion is that of jobRecord.
const recordVersion = 1

// cutOff is what is told of a run that a stop has ended.
const cutOff = "the bridge stopped before it was done"

// Who started a run.
const (
	bySchedule = "schedule"
	byPerson   = "person"
)

// jobRow is one row of the table of scheduled jobs.
type jobRow struct {
	// name is its name for ever, about what it does, in one sentence.
	name, about string
	when        schedule
	// own, if set, is when a part that keeps its own times does it next, the zero
	// time for never. The scheduler does it for who asks.
	own func() time.Time
	// what does it, and tells in a few words what was done.
	what func(context.Context) (string, error)
}

// jobStore is where the runs are remembered.
type jobStore interface {
	Values(prefix string) (map[string][]byte, error)
	Put(pairs map[string][]byte) error
}

// jobRecord is what is remembered of a job.
type jobRecord struct {
	Version int `json:"v"`
	// Done is up to when the schedule is kept: what was due later was missed.
	Done time.Time `json:"done"`
	Last *jobRun   `json:"last,omitempty"`
	// Failed says why the last run failed that was not cut off, "" when it did not.
	Failed string `json:"failed,omitempty"`
}

// jobRun is one run.
type jobRun struct {
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	OK      bool      `json:"ok"`
	Message string    `json:"message"`
	By      string    `json:"by"`
}

// job is a row at work.
type job struct {
	jobRow
	// timer is nil while the scheduler does not run, and without a schedule.
	timer gocron.Job
	// ended is closed at the end of the run under way, nil without one.
	ended  chan struct{}
	record jobRecord
}

// scheduler runs jobs when they are due or a person wants them, each once at
// a time.
type scheduler struct {
	store jobStore
	log   *slog.Logger
	now   func() time.Time
	zone  *time.Location
	// begun is closed once jobs can run, or never will.
	begun chan struct{}

	// mu guards what follows.
	mu   sync.Mutex
	jobs []*job
	// ctx is that of Run, nil while it does not run.
	ctx context.Context
	// running counts the runs under way, and who waits to catch up.
	running sync.WaitGroup
}

// newScheduler reads what is remembered of the rows. A job that is seen for
// the first time has missed no time of day, and its interval is over.
func newScheduler(rows []jobRow, store jobStore, zone *time.Location, log *slog.Logger, now func() time.Time) (*scheduler, error) {
	s := &scheduler{store: store, zone: zone, log: log.With("component", "jobs"), now: now, begun: make(chan struct{})}
	known, err := store.Values("")
	if err != nil {
		return nil, fmt.Errorf("reading the runs of jobs: %w", err)
	}
	fresh := map[string][]byte{}
	for _, row := range rows {
		j := &job{jobRow: row}
		if text, ok := known[row.name]; ok {
			if err := json.Unmarshal(text, &j.record); err != nil || j.record.Version != recordVersion {
				s.log.Warn("what was remembered of a job is not understood, and is forgotten", "job", row.name, "error", err)
				j.record = jobRecord{}
			}
		}
		if last := j.record.Last; last != nil && !last.OK && last.Message != cutOff {
			j.record.Failed = last.Message // it may be of before this was remembered
		}
		// A time that is still to come was written by a clock that was wrong.
		if at := now(); j.record.Done.IsZero() && row.when.every == 0 || j.record.Done.After(at.Add(early)) {
			j.record.Done = at
			fresh[row.name] = j.record.encode()
		}
		s.jobs = append(s.jobs, j)
	}
	if len(fresh) == 0 {
		return s, nil
	}
	if err := store.Put(fresh); err != nil {
		return nil, fmt.Errorf("noting new jobs: %w", err)
	}
	return s, nil
}

func (r jobRecord) encode() []byte {
	r.Version = recordVersion
	text, _ := json.Marshal(r) // times and texts have a form
	return text
}

// Run runs the jobs when they are due, until ctx ends. Then it waits for those
// under way, as long as a stop may take.
func (s *scheduler) Run(ctx context.Context) error {
	// Nothing may spin in the library's own wait: end has waited before.
	clock, err := gocron.NewScheduler(gocron.WithLocation(s.zone), gocron.WithStopTimeout(50*time.Millisecond))
	if err != nil {
		close(s.begun)
		return fmt.Errorf("making the scheduler: %w", err)
	}
	err = s.begin(ctx, clock)
	close(s.begun)
	if err != nil {
		return errors.Join(err, s.end(), clock.Shutdown())
	}
	<-ctx.Done()
	return errors.Join(s.end(), clock.Shutdown())
}

// begin sets the jobs' timers, and one for what was missed.
func (s *scheduler) begin(ctx context.Context, clock gocron.Scheduler) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = ctx
	for _, j := range s.jobs {
		if j.when.never() {
			continue
		}
		due := func() { s.due(j) }
		definition, options := gocron.CronJob("", false), []gocron.JobOption{
			gocron.WithName(j.name), gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithCronImplementation(asCron{j.when}),
		}
		if j.when.every > 0 {
			definition = gocron.DurationJob(j.when.every)
			if first := j.when.next(j.record.Done); first.After(s.now()) {
				options = append(options, gocron.WithStartAt(gocron.WithStartDateTime(first)))
			}
		}
		timer, err := clock.NewJob(definition, gocron.NewTask(due), options...)
		if err != nil {
			return fmt.Errorf("scheduling %s: %w", j.name, err)
		}
		j.timer = timer
	}
	clock.Start()
	s.running.Go(func() { s.catchUp(ctx) }) // owner: Run waits for all that run, in end
	return nil
}

// catchUp runs what was missed, one job after another and each once, soon
// after the start and whenever it is looked for.
func (s *scheduler) catchUp(ctx context.Context) {
	for wait := catchUpAfter; pause(ctx, wait); wait = lookEvery {
		for _, j := range s.jobs {
			if s.missed(j) {
				s.due(j)
			}
		}
	}
}

func (s *scheduler) missed(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !j.when.never() && j.when.last(s.now()).After(j.record.Done)
}

// due runs a job because it is time, unless it runs already.
func (s *scheduler) due(j *job) {
	ctx, _, err := s.claim(j, bySchedule)
	if err != nil {
		s.log.Debug("a job that is due does not run", "job", j.name, "error", err)
		return
	}
	s.perform(ctx, j, bySchedule)
}

// start runs a job because a person wants it, and does not wait for it: ended
// is closed at its end. fault.NotFound: there is no such job. fault.Conflict:
// it runs already, or nothing does.
func (s *scheduler) start(name string) (ended <-chan struct{}, err error) {
	j, err := s.find(name)
	if err != nil {
		return nil, err
	}
	ctx, ended, err := s.claim(j, byPerson)
	if err != nil {
		return nil, err
	}
	go s.perform(ctx, j, byPerson) // owner: Run waits for all that run, in end
	return ended, nil
}

func (s *scheduler) find(name string) (*job, error) {
	for _, j := range s.jobs {
		if j.name == name {
			return j, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no job %.50q", name)
}

// claim makes a job run, to the end of ctx: perform has to follow. The library
// may tell twice that a job is due, when its timer was early.
func (s *scheduler) claim(j *job, by string) (ctx context.Context, ended <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx == nil || s.ctx.Err() != nil:
		return nil, nil, fault.New(fault.Conflict, "no job can run while the bridge starts or stops")
	case j.ended != nil:
		return nil, nil, fault.New(fault.Conflict, "the job %s is running already", j.name)
	case by == bySchedule && !j.when.last(s.now().Add(early)).After(j.record.Done):
		return nil, nil, fault.New(fault.Conflict, "the job %s has run already", j.name)
	}
	j.ended = make(chan struct{})
	s.running.Add(1)
	return s.ctx, j.ended, nil
}

// perform does a claimed job and remembers how it went.
func (s *scheduler) perform(ctx context.Context, j *job, by string) {
	defer s.running.Done()
	run := jobRun{Start: s.now(), By: by}
	summary, err := s.guard(ctx, j)
	run.End, run.OK, run.Message = s.now(), err == nil, summary
	log := s.log.With("job", j.name, "by", by, "took", run.End.Sub(run.Start))
	// What the stop cut off was not done: it is caught up after the start.
	cut := err != nil && ctx.Err() != nil
	switch {
	case cut:
		run.Message = cutOff
		log.Info("a job was cut off by the stop")
	case err != nil:
		run.Message = err.Error()
		log.Error("a job failed", "error", err)
	default:
		log.Debug("a job is done", "summary", summary)
	}
	s.mu.Lock()
	j.record.Last = &run
	if !cut {
		j.record.Done, j.record.Failed = j.keeps(run), ""
		if err != nil {
			j.record.Failed = run.Message
		}
	}
	text := j.record.encode()
	s.mu.Unlock()
	// It runs until this is written: the next run's record comes after it.
	if err := s.store.Put(map[string][]byte{j.name: text}); err != nil {
		s.log.Error("how a job went cannot be remembered", "job", j.name, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(j.ended)
	j.ended = nil
}

// keeps is up to when a run keeps the schedule: to its start, or to what was
// due while it ran, or to what it ran for when its timer was early.
func (j *job) keeps(run jobRun) time.Time {
	by := run.End
	if run.By == bySchedule && by.Before(run.Start.Add(early)) {
		by = run.Start.Add(early)
	}
	if j.when.never() {
		return run.Start
	}
	if due := j.when.last(by); due.After(run.Start) {
		return due
	}
	return run.Start
}

// guard does a job; a panic is an error of this job alone.
func (s *scheduler) guard(ctx context.Context, j *job) (summary string, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("a job panicked", "job", j.name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("it failed in a way that nobody foresaw (%.200s)", fmt.Sprint(r))
		}
	}()
	return j.what(ctx)
}

// end lets no job begin any more, waits for what runs, and names what does not end.
func (s *scheduler) end() error {
	s.mu.Lock()
	s.ctx = nil
	for _, j := range s.jobs {
		j.timer = nil // nobody answers it any more
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { // owner: end waits for done, or leaves it to the end of the process
		s.running.Wait()
		close(done)
	}()
	timer := time.NewTimer(jobStopLimit)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
	}
	var errs []error
	for _, j := range s.list() {
		if j.Running {
			errs = append(errs, fmt.Errorf("the job %s does not end", j.Name))
		}
	}
	return errors.Join(errs...)
}

// list is all jobs with their last and next runs, in the order of the table.
func (s *scheduler) list() []httpapi.Job {
	list := make([]httpapi.Job, len(s.jobs))
	for i, j := range s.jobs {
		list[i] = s.describe(j)
	}
	return list
}

// job is one job as list has it. fault.NotFound: there is none.
func (s *scheduler) job(name string) (httpapi.Job, error) {
	j, err := s.find(name)
	if err != nil {
		return httpapi.Job{}, err
	}
	return s.describe(j), nil
}

func (s *scheduler) describe(j *job) httpapi.Job {
	s.mu.Lock()
	timer := j.timer
	d := httpapi.Job{Name: j.name, About: j.about, Schedule: j.when.String(), Zone: s.zone.String(), Running: j.ended != nil}
	if r := j.record.Last; r != nil {
		d.Last = httpapi.JobRun{Started: r.Start, Ended: r.End, OK: r.OK, Message: r.Message, By: r.By}
	}
	s.mu.Unlock()
	switch {
	case j.own != nil:
		d.Schedule, d.Next = "when it is due", j.own()
	case timer != nil:
		d.Next, _ = timer.NextRun() // there is none while it stops
	}
	return d
}
