package simulator

import (
	"time"

	"github.com/printwire/printwire/secret"
)

// Status is the little that tests and a console want to know of a printer.
type Status struct {
	State, Task   string
	Percent       int
	Layer, Layers int
	Error         uint32
	Clients       int
}

// Status is how the printer stands.
func (p *Printer) Status() Status {
	clients := p.server.clients()
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.machine
	return Status{m.state, m.task, m.percent, m.layer, m.layers, m.printError, clients}
}

// Send publishes a message as it is to every subscriber.
func (p *Printer) Send(raw []byte) { p.server.publish(raw) }

// Report sends a full report now, as the answer to pushall.
func (p *Printer) Report() { p.do((*machine).whole) }

// Print starts a job as if somebody had sent its file, and tells every client.
func (p *Printer) Print(j Job) {
	p.do(func(m *machine) {
		if m.run == nil {
			m.accept(j)
		}
	})
}

// Silence stops reports and answers for a while of the printer's clock; the connections stay open.
func (p *Printer) Silence(d time.Duration) { p.do(func(m *machine) { m.deaf = m.clock + d }) }

// Drop cuts every connection; clients may come back at once.
func (p *Printer) Drop() { p.server.drop() }

// Refuse makes the printer hang up on new connections, or take them again.
func (p *Printer) Refuse(on bool) { p.server.refuse(on) }

// HalfOpen makes every present connection dead without closing it.
func (p *Printer) HalfOpen() { p.server.freeze() }

// Reboot restarts the printer, which is away for a while of its clock.
func (p *Printer) Reboot(away time.Duration) { p.do(func(*machine) { p.reboot(away) }) }

// SetAccessCode changes the code; present connections stay.
func (p *Printer) SetAccessCode(code secret.Text) { p.server.setCode(code) }

// SetRefusal changes how unsigned print commands are refused.
func (p *Printer) SetRefusal(how Refusal) { p.do(func(m *machine) { m.refuse = how }) }

// SetStop changes when the code of a stopped print arrives.
func (p *Printer) SetStop(how Cancel) { p.do(func(m *machine) { m.stopWay = how }) }

// SetDoor opens or closes the door.
func (p *Printer) SetDoor(open bool) {
	p.do(func(m *machine) { m.door = open; m.report() })
}

// SetError sets print_error; 0 clears it.
func (p *Printer) SetError(code uint32) {
	p.do(func(m *machine) { m.printError, m.shownError = code, code; m.report() })
}

// RaiseHMS adds an entry to hms.
func (p *Printer) RaiseHMS(attr, code uint32) {
	p.do(func(m *machine) { m.raise(attr, code); m.report() })
}

// ClearHMS takes an entry out of hms.
func (p *Printer) ClearHMS(attr, code uint32) {
	p.do(func(m *machine) { m.clear(attr, code); m.report() })
}

// Pause pauses a running print with a code and a stage; Resume goes on.
func (p *Printer) Pause(code uint32, stage int) {
	p.do(func(m *machine) { m.pauseWith(code, stage); m.report() })
}

// Resume goes on with a paused print.
func (p *Printer) Resume() { p.do(func(m *machine) { m.resume(); m.report() }) }

// Fail ends a print with FAILED and a code; 0 is told by nothing.
func (p *Printer) Fail(code uint32) { p.do(func(m *machine) { m.fail(code); m.report() }) }

// Cancel ends a print as a person at the printer does.
func (p *Printer) Cancel(how Cancel) { p.do(func(m *machine) { m.cancel(how); m.report() }) }

// RemoveAMS takes a unit off.
func (p *Printer) RemoveAMS(id int) { p.do(func(m *machine) { m.removeUnit(id); m.report() }) }

// AddAMS connects another unit. fault.Invalid: no such type, or too many.
func (p *Printer) AddAMS(kind string) error {
	var err error
	p.do(func(m *machine) { err = m.addUnit(kind); m.report() })
	return err
}

// SetTray puts the spool of a slot in or takes it out.
func (p *Printer) SetTray(unit, slot int, filled bool) {
	p.do(func(m *machine) { m.fill(unit, slot, filled); m.report() })
}
