package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// controlTime is how long a command is followed.
const controlTime = 15 * time.Second

// Control is the answer to a command.
type Control struct {
	Success      bool   `json:"success" doc:"The command was sent, or, with a test key, would have been."`
	Message      string `json:"message"`
	Accepted     *bool  `json:"accepted" doc:"Whether the printer confirmed; null when it did not say."`
	Acknowledged bool   `json:"acknowledged" doc:"The printer said that it accepts the command."`
	Effective    bool   `json:"effective" doc:"The printer's state shows the command's effect."`
	Simulated    bool   `json:"simulated" doc:"A test key asked: nothing was sent."`
	PrinterID    int    `json:"printer_id"`
	State        string `json:"state" doc:"What the printer does now, in Bambuddy's words."`
	Activity     string `json:"activity" doc:"What the printer does now."`
}

// ControlCall is what every command's request has.
type ControlCall struct {
	ID  string `path:"id" doc:"The printer's number or its serial." example:"1"`
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"A name that the caller gives to this command; a repeated call with it gets the first one's answer."`
}

type controlAnswer struct {
	Replayed string `header:"Idempotency-Replayed"`
	Body     Control
}

// command gives a command to the printer that a call names. message tells its
// success; field is the name of the parameter that a wrong value came in.
func (a *api) command(ctx context.Context, call ControlCall, cmd printer.Command, message, field string) (*controlAnswer, error) {
	s, err := a.find(ctx, call.ID)
	if err != nil {
		return nil, err
	}
	who := caller(ctx)
	if who.Test {
		if err := printer.Check(s.State, cmd); err != nil {
			return nil, a.impossible(s, err, field)
		}
		return &controlAnswer{Body: controlled(s, printer.Outcome{}, message, true)}, nil
	}
	cmd.Origin = origin(who)
	if call.Key == "" {
		done, err := a.perform(ctx, s, cmd, message, field)
		if err != nil {
			return nil, err
		}
		return &controlAnswer{Body: done}, nil
	}
	done, again, err := once(&a.replays, who.KeyID, call.Key, fingerprint(s.Config.ID, cmd), func() (Control, error) {
		return a.perform(ctx, s, cmd, message, field)
	})
	if err != nil {
		return nil, err
	}
	answer := &controlAnswer{Body: done}
	if again {
		answer.Replayed = "true"
	}
	return answer, nil
}

// perform sends the command and follows it. The caller going away does not end that.
func (a *api) perform(ctx context.Context, s printer.Snapshot, cmd printer.Command, message, field string) (Control, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlTime)
	defer cancel()
	outcome, err := a.Manager.Do(ctx, s.Config.ID, cmd)
	now, gone := a.Printers.Find(s.Config.Serial)
	if gone == nil {
		s.State = now.State
	}
	if err != nil {
		return Control{}, a.impossible(s, err, field)
	}
	return controlled(s, outcome, message, false), nil
}

func controlled(s printer.Snapshot, o printer.Outcome, message string, simulated bool) Control {
	c := Control{
		Success: true, Message: message, Acknowledged: o.Acknowledged, Effective: o.Effective, Simulated: simulated,
		PrinterID: s.Config.ID, State: word(s.State), Activity: string(s.State.Shown()),
	}
	if o.Acknowledged || o.Effective {
		yes := true
		c.Accepted = &yes
	}
	return c
}

// impossible is why a command was not obeyed, with what the printer does.
func (a *api) impossible(s printer.Snapshot, err error, field string) error {
	p := a.problemOf(err)
	p.state = &s
	switch fault.KindOf(err) {
	case fault.Offline:
		if s.State.Online {
			p.status, p.word, p.code = http.StatusGatewayTimeout, "no_answer", "PRINTER_NO_ANSWER"
		}
	case fault.Denied:
		p.status, p.word, p.code = http.StatusConflict, "read_only", "PRINTER_READ_ONLY"
	case fault.Invalid:
		if field != "" {
			for i := range p.fields {
				p.fields[i].Pointer = field
			}
		}
	}
	return p
}

// origin says on whose behalf a command goes, for the log.
func origin(who auth.Identity) string {
	if who.KeyID != "" {
		return "api:" + who.KeyID
	}
	return "api:" + who.Name
}

func exampleControl(message string) Control {
	s := example()
	return controlled(s, printer.Outcome{Acknowledged: true, Effective: true}, message, false)
}
