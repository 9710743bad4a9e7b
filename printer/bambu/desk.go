package bambu

import (
	"context"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// desk is where Do hands commands to the loop of Run.
type desk struct {
	orders chan *order
	closed chan struct{}
}

func newDesk() *desk {
	return &desk{orders: make(chan *order), closed: make(chan struct{})}
}

// commandTime is how long a command is followed.
const commandTime = 10 * time.Second

// order is one command on its way. The loop owns it; Do only waits on the
// channels.
type order struct {
	command printer.Command
	// ready gives Do what it has to publish; done gives the result.
	ready chan dispatch
	done  chan result
}

// dispatch is what a command has become.
type dispatch struct {
	link   *link
	frames []frame
}

type result struct {
	outcome printer.Outcome
	err     error
}

// Do sends a command and follows it; see printer.Driver.
func (d *Driver) Do(ctx context.Context, cmd printer.Command) (printer.Outcome, error) {
	d.mu.Lock()
	desk := d.desk
	d.mu.Unlock()
	if desk == nil {
		return printer.Outcome{}, errNotConnected()
	}
	o := &order{command: cmd, ready: make(chan dispatch, 1), done: make(chan result, 1)}
	select {
	case desk.orders <- o:
	case <-desk.closed:
		return printer.Outcome{}, errNotConnected()
	case <-ctx.Done():
		return printer.Outcome{}, gaveUp(ctx, cmd)
	}
	var sent chan struct{}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		if sent != nil {
			<-sent
		}
	}()
	select {
	case j := <-o.ready:
		sent = make(chan struct{})
		go func() { // owner: Do, which waits for sent
			defer close(sent)
			d.send(ctx, j)
		}()
	case r := <-o.done:
		return r.outcome, r.err
	case <-desk.closed:
		return printer.Outcome{}, errNotConnected()
	}
	select {
	case r := <-o.done:
		return r.outcome, r.err
	case <-desk.closed:
		return lastWord(o)
	case <-ctx.Done():
		return printer.Outcome{}, gaveUp(ctx, cmd)
	}
}

// send publishes a command's frames, which some printers are slow to take.
// Whether they arrived is told by their acknowledgement, a lost link by the loop.
func (d *Driver) send(ctx context.Context, j dispatch) {
	for _, f := range j.frames {
		if err := j.link.publish(ctx, f.payload); err != nil {
			d.log.Debug("command not sent", "command", f.command, "error", err)
			return
		}
	}
}

// lastWord is the result that the loop left when it ended, if it did.
func lastWord(o *order) (printer.Outcome, error) {
	select {
	case r := <-o.done:
		return r.outcome, r.err
	default:
		return printer.Outcome{}, errLost()
	}
}

func errNotConnected() error { return fault.New(fault.Offline, "the printer is not connected") }

func errLost() error {
	return fault.New(fault.Offline, "the connection was lost before the printer answered; whether it acted is not known")
}

func gaveUp(ctx context.Context, cmd printer.Command) error {
	return fault.New(fault.Offline, "%s was not answered in time: %w", cmd.Name, context.Cause(ctx))
}
