// Package printertest owns what tests need instead of a real printer: a driver
// that does what a script says, and the suite that every family's driver has to
// pass. It does not know any family, and nothing but tests imports it.
package printertest

import (
	"context"
	"errors"
	"sync"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// Driver is a printer.Driver that does what a test says. The zero Driver is
// ready: it runs until ctx ends and accepts every command.
type Driver struct {
	// Respond answers a command; nil accepts it.
	Respond func(ctx context.Context, cmd printer.Command) (printer.Outcome, error)

	mu       sync.Mutex
	running  *running
	begun    chan struct{}
	starts   []printer.Start
	commands []printer.Command
}

var _ printer.Driver = (*Driver)(nil)

// running is one call of Run.
type running struct {
	jobs   chan job
	closed chan struct{}
}

// job is something that Run's goroutine does; done is closed after it.
type job struct {
	update *printer.Update
	err    error
	panics any
	done   chan struct{}
}

// errBusy is a second Run of one driver.
var errBusy = errors.New("the driver runs already")

// Run waits for what Emit, Break and Panic say, until ctx ends.
func (d *Driver) Run(ctx context.Context, start printer.Start, emit func(printer.Update)) error {
	r, err := d.begin(start)
	if err != nil {
		return err
	}
	defer d.finish(r)
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-r.jobs:
			if j.update != nil {
				emit(*j.update)
			}
			close(j.done)
			if j.panics != nil {
				panic(j.panics)
			}
			if j.err != nil {
				return j.err
			}
		}
	}
}

func (d *Driver) begin(start printer.Start) (*running, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		return nil, errBusy
	}
	d.running = &running{jobs: make(chan job), closed: make(chan struct{})}
	d.starts = append(d.starts, start)
	close(d.waiting())
	return d.running, nil
}

func (d *Driver) finish(r *running) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running, d.begun = nil, nil
	close(r.closed)
}

// waiting is closed when Run runs. The caller holds mu.
func (d *Driver) waiting() chan struct{} {
	if d.begun == nil {
		d.begun = make(chan struct{})
	}
	return d.begun
}

// do hands a job to Run, waits for Run to begin first, and tells whether Run
// has done it.
func (d *Driver) do(ctx context.Context, j job) bool {
	d.mu.Lock()
	begun := d.waiting()
	d.mu.Unlock()
	select {
	case <-begun:
	case <-ctx.Done():
		return false
	}
	d.mu.Lock()
	r := d.running
	d.mu.Unlock()
	if r == nil {
		return false
	}
	j.done = make(chan struct{})
	select {
	case r.jobs <- j:
		<-j.done
		return true
	case <-r.closed:
	case <-ctx.Done():
	}
	return false
}

// Emit has Run emit an update and returns after that. It waits for Run to
// begin; false means that ctx or Run ended first.
func (d *Driver) Emit(ctx context.Context, u printer.Update) bool {
	return d.do(ctx, job{update: &u})
}

// Break has Run return err, as a driver with a defect does.
func (d *Driver) Break(ctx context.Context, err error) bool { return d.do(ctx, job{err: err}) }

// Panic has Run panic with v.
func (d *Driver) Panic(ctx context.Context, v any) bool { return d.do(ctx, job{panics: v}) }

// Do notes the command and answers it as Respond says; fault.Offline while Run
// does not run.
func (d *Driver) Do(ctx context.Context, cmd printer.Command) (printer.Outcome, error) {
	d.mu.Lock()
	up := d.running != nil
	if up {
		d.commands = append(d.commands, cmd)
	}
	d.mu.Unlock()
	switch {
	case !up:
		return printer.Outcome{}, fault.New(fault.Offline, "the printer is not connected")
	case d.Respond != nil:
		return d.Respond(ctx, cmd)
	default:
		return printer.Outcome{Acknowledged: true}, nil
	}
}

// Commands are the commands that came while Run ran, in order.
func (d *Driver) Commands() []printer.Command {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]printer.Command(nil), d.commands...)
}

// Starts are what the calls of Run began with, in order.
func (d *Driver) Starts() []printer.Start {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]printer.Start(nil), d.starts...)
}
