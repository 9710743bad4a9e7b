package simulator

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/simulator/ftpserver"
	"github.com/printwire/printwire/secret"
)

// serialRule and firmwareRule are what a serial and a version may consist of.
var (
	serialRule   = regexp.MustCompile(`^[A-Z0-9_-]{1,50}$`)
	firmwareRule = regexp.MustCompile(`^[0-9]{2}(\.[0-9]{2}){3}$`)
)

const (
	// pause between two periodic reports, at least, whatever the speed.
	shortestPause = 100 * time.Millisecond
	// longest time Run sleeps, so that it notices a changed plan.
	longestPause = time.Second
)

// Options say what printer to simulate. Only Model is needed.
type Options struct {
	// Model is one of Models.
	Model string
	// Serial defaults to the model's prefix and a number made from Seed.
	Serial string
	// AccessCode defaults to 12345678.
	AccessCode secret.Text
	// Firmware defaults to a version that was seen; an older one reports as it did.
	Firmware string
	// Name is the user's name of the printer.
	Name string
	// Listen is the address of the MQTT server; 127.0.0.1:0 if empty.
	Listen string
	// ListenFiles is the address of the file server (FTP over implicit TLS); empty is none.
	ListenFiles string
	// Speed is how many simulated seconds pass in a second; 0 means 1. A negative
	// speed stops the printer's clock: only Step moves it.
	Speed float64
	// Clients is how many clients are served at once; 0 means the model's own limit.
	Clients int
	// Seed makes everything random repeatable.
	Seed uint64
	// Log gets a line for what a client did wrong; nil logs nothing.
	Log *slog.Logger
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
	// Scenario is played once, as soon as Run or the first Step begins.
	Scenario string
	// Replay is a recorded stream (JSON Lines) that is sent instead of the
	// simulation's own reports, from the first subscription on.
	Replay io.Reader
	// Reports overrides the way the model reports: "full", "delta", or "" for its own.
	Reports string
	// OmitMsg leaves out print.msg, as some firmware does.
	OmitMsg bool
	// AMS overrides the units: AMS, AMS Lite, AMS 2 Pro, AMS HT; {"none"} means no unit.
	AMS []string
	// StartPrinting begins with a print that is under way.
	StartPrinting bool
	// Loop starts the next print a minute or two after one has ended.
	Loop bool
	// Jobs are what Loop and StartPrinting print; nil means DemoJobs.
	Jobs []Job
	// Refuse makes the printer refuse unsigned print commands.
	Refuse Refusal
	// Authority signs the printer's certificate; nil makes a new one.
	Authority *Authority
}

// Printer is one simulated printer.
type Printer struct {
	options   Options
	authority *Authority
	server    *server
	files     *ftpserver.Server
	wake      chan struct{}

	mu       sync.Mutex
	machine  *machine
	replay   *replay
	started  bool
	last     time.Time // wall time up to which the machine was moved
	requests []Request
}

// New makes a printer. It starts nothing; making an Authority takes most of its time.
// fault.Invalid: unknown model, AMS unit, scenario, way of reporting, or a bad serial.
func New(o Options) (*Printer, error) {
	m, err := newMachine(&o)
	if err != nil {
		return nil, err
	}
	p := &Printer{options: o, authority: o.Authority, machine: m, wake: make(chan struct{}, 1)}
	if o.Replay != nil {
		if p.replay, err = readReplay(o.Replay); err != nil {
			return nil, err
		}
	}
	if p.authority == nil {
		if p.authority, err = NewAuthority(o.Now()); err != nil {
			return nil, err
		}
	}
	p.server = &server{
		serial: o.Serial, limit: o.Clients, strict: m.model.strict, qos: m.model.qos,
		code: o.AccessCode, log: o.Log.With("component", "simulator"),
		sessions: map[*session]struct{}{}, request: p.received, subscribe: p.subscribed,
	}
	m.send, m.heard = p.server.publish, p.server.heard
	p.files = p.fileServer()
	return p, nil
}

// complete fills in what was left out and checks the rest.
func (o *Options) complete(m model) error {
	if o.Serial == "" {
		o.Serial = m.prefix + fmt.Sprintf("00S%09d", o.Seed%1_000_000_000)
	}
	if !serialRule.MatchString(o.Serial) {
		return fault.New(fault.Invalid, "%.60q is not a serial; expected 1 to 50 of A-Z, 0-9, - and _", o.Serial).At("serial")
	}
	if o.Scenario != "" {
		if _, err := findScenario(o.Scenario); err != nil {
			return err
		}
	}
	if o.Firmware == "" {
		o.Firmware = m.firmware
	}
	if !firmwareRule.MatchString(o.Firmware) {
		return fault.New(fault.Invalid, "%.40q is no version; expected the form 01.02.03.04", o.Firmware).At("firmware")
	}
	if o.Reports != "" && o.Reports != "full" && o.Reports != "delta" {
		return fault.New(fault.Invalid, "%.40q is no way of reporting; expected full or delta", o.Reports).At("reports")
	}
	if o.AccessCode == "" {
		o.AccessCode = "12345678"
	}
	if o.Name == "" {
		o.Name = "3DP-" + m.prefix + "-" + o.Serial[max(0, len(o.Serial)-3):]
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Clients <= 0 {
		o.Clients = m.clients
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jobs == nil {
		o.Jobs = DemoJobs(m.name)
	}
	return nil
}

// Listen opens the address, so that Addr is known before Run.
func (p *Printer) Listen() error {
	if p.server.listener != nil {
		return nil
	}
	certificate, err := p.authority.Leaf(p.options.Serial)
	if err != nil {
		return err
	}
	if p.files != nil {
		if err := p.files.Listen(); err != nil {
			return err
		}
	}
	return p.server.listen(p.options.Listen, certificate)
}

// FilesAddr is where its file server listens, nil before Listen or without one.
func (p *Printer) FilesAddr() net.Addr {
	if p.files == nil {
		return nil
	}
	return p.files.Addr()
}

// Fetched is how often the sliced file of a job was read to its end.
func (p *Printer) Fetched(job string) int {
	if p.files == nil {
		return 0
	}
	return p.files.Fetched(path.Join(fileFolder, Job{Name: job}.fileName()))
}

// Addr is where clients connect, or nil before Listen.
func (p *Printer) Addr() net.Addr {
	if p.server.listener == nil {
		return nil
	}
	return p.server.listener.Addr()
}

// Serial is the printer's serial, the common name of its certificate.
func (p *Printer) Serial() string { return p.options.Serial }

// Model is the name of the printer's model.
func (p *Printer) Model() string { return p.machine.model.name }

// AccessCode is the access code the printer was made with.
func (p *Printer) AccessCode() secret.Text { return p.options.AccessCode }

// Authority is what signed the printer's certificate.
func (p *Printer) Authority() *Authority { return p.authority }

// CertificatePEM is the root certificate to trust.
func (p *Printer) CertificatePEM() []byte { return p.authority.PEM() }

// Roots is a pool with the root certificate to trust.
func (p *Printer) Roots() *x509.CertPool { return p.authority.Roots() }

// Run serves clients and moves the printer's clock until ctx ends. It leaves
// nothing behind. It may be called once.
func (p *Printer) Run(ctx context.Context) (err error) {
	if err := p.Listen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.files != nil {
		stored := make(chan error, 1)
		go func() { stored <- p.files.Run(ctx) }() // owner: Run cancels it and waits for stored
		defer func() {
			cancel()
			err = errors.Join(err, <-stored)
		}()
	}
	done := make(chan error, 1)
	go func() { done <- p.server.run(ctx) }() // owner: Run cancels it and waits for done
	p.mu.Lock()
	p.begin()
	p.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return <-done
		case err := <-done:
			return err
		case <-p.wake:
		case <-timer.C:
		}
		timer.Reset(p.follow())
	}
}

// follow moves the machine to the present and says when to come back.
func (p *Printer) follow() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.catchUp()
	if p.options.Speed < 0 {
		return longestPause
	}
	wait := p.machine.next()
	if p.replay != nil {
		wait = p.replay.next(p.machine.clock)
	}
	pause := time.Duration(float64(wait) / p.options.Speed)
	return min(max(pause, shortestPause), longestPause)
}

// begin is called once, before the clock moves.
func (p *Printer) begin() {
	if p.started {
		return
	}
	p.started, p.last = true, p.options.Now()
	switch {
	case p.options.StartPrinting:
		p.machine.attach(0.3)
	case p.options.Loop:
		p.machine.after(20*time.Second, (*machine).again)
	}
	if p.options.Scenario != "" {
		p.play(p.options.Scenario)
	}
}

// catchUp moves the machine by the wall time that has passed.
func (p *Printer) catchUp() {
	if !p.started || p.options.Speed < 0 {
		return
	}
	now := p.options.Now()
	passed := now.Sub(p.last)
	if passed <= 0 {
		return
	}
	p.last = now
	p.move(time.Duration(float64(passed)*p.options.Speed), false)
}

func (p *Printer) move(d time.Duration, every bool) {
	if p.replay == nil {
		p.machine.advance(d, every)
		return
	}
	p.machine.clock += d
	p.replay.advance(p.machine.clock, p.server.publish)
}

// Step moves the printer's clock by hand and sends every report of that time,
// none of them merged. It needs a negative Speed to be exact.
func (p *Printer) Step(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
	p.move(d, true)
}

// Play starts a scenario on the printer's own clock and returns at once.
// fault.NotFound: there is no such scenario. fault.Unsupported: not on this model.
func (p *Printer) Play(scenario string) error {
	s, err := findScenario(scenario)
	if err != nil {
		return err
	}
	if s.when != nil && !s.when(p.machine.model) {
		return fault.New(fault.Unsupported, "scenario %s is not possible on model %s", scenario, p.machine.model.name)
	}
	p.do(func(*machine) { p.play(scenario) })
	return nil
}

// do changes the machine at the present of its clock.
func (p *Printer) do(change func(*machine)) {
	p.mu.Lock()
	p.begin()
	p.catchUp()
	change(p.machine)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Models are the names of the models, in the order of their table.
func Models() []string {
	var names []string
	for _, m := range models() {
		names = append(names, m.name)
	}
	return names
}

func findModel(name string) (model, error) {
	for _, m := range models() {
		if strings.EqualFold(m.name, name) {
			return m, nil
		}
	}
	return model{}, fault.New(fault.Invalid, "there is no model %.40q; expected one of %s", name, strings.Join(Models(), ", ")).At("model")
}
