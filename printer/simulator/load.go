package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
)

// LoadOptions say how many printers send what.
type LoadOptions struct {
	// Printers is how many there are, each with a server and a certificate of its own.
	Printers int
	// Model is A1 (deltas of 0.3 kB) or X1C (full reports of 11 kB), or any other; A1 if empty.
	Model string
	// Interval is the time between two reports of one printer; 1 s if 0. The
	// printers take turns, so that reports are spread evenly over it.
	Interval time.Duration
	// Host is the address they listen on, each at a free port; 127.0.0.1 if empty.
	Host string
	// Authority signs their certificates; nil makes a new one.
	Authority *Authority
	// Report appends a report of one's own to dst; nil takes the model's.
	// It must not keep dst.
	Report func(dst []byte, printer int, count int64, at time.Time) []byte
	// Sending is told of each report just before it is handed to the sockets.
	Sending func(printer int, count int64, at time.Time)
}

// Load is many printers in the middle of a print that never ends. Between two
// reports of one printer only layer_num (the report's number), sequence_id
// (the same) and t_ns (unix nanoseconds, a key of ours) change. They answer
// pushall and get_version, and nothing else.
type Load struct {
	options  LoadOptions
	delta    template
	full     template
	mu       sync.Mutex // guards the machines
	machines []*machine
	servers  []*server
	counts   []atomic.Int64
	sent     atomic.Int64
}

// NewLoad makes the printers. It starts nothing.
func NewLoad(o LoadOptions) (*Load, error) {
	if o.Printers < 1 {
		return nil, fault.New(fault.Invalid, "%d printers are none; expected 1 or more", o.Printers).At("printers")
	}
	if o.Model == "" {
		o.Model = "A1"
	}
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Authority == nil {
		var err error
		if o.Authority, err = NewAuthority(time.Now()); err != nil {
			return nil, err
		}
	}
	l := &Load{options: o, counts: make([]atomic.Int64, o.Printers)}
	for i := range o.Printers {
		if err := l.add(i); err != nil {
			return nil, err
		}
	}
	l.full, l.delta = fullTemplate(l.machines[0]), deltaTemplate()
	if l.machines[0].full {
		l.delta = l.full
	}
	return l, nil
}

func (l *Load) add(i int) error {
	row, err := findModel(l.options.Model)
	if err != nil {
		return err
	}
	o := Options{Model: l.options.Model, Serial: fmt.Sprintf("%s00L%09d", row.prefix, i+1), Seed: uint64(i)}
	if row.tree && row.nozzles == 1 {
		o.AMS = []string{"AMS", "AMS", "AMS 2 Pro"}
	}
	m, err := newMachine(&o)
	if err != nil {
		return err
	}
	m.attach(0.3)
	s := &server{serial: o.Serial, limit: o.Clients, qos: row.qos, code: o.AccessCode, log: o.Log, sessions: map[*session]struct{}{}}
	s.request = func(_ string, payload []byte) { l.answer(i, payload) }
	m.send = s.publish
	l.machines, l.servers = append(l.machines, m), append(l.servers, s)
	return nil
}

// Listen opens all addresses.
func (l *Load) Listen() error {
	for i, s := range l.servers {
		if s.listener != nil {
			continue
		}
		certificate, err := l.options.Authority.Leaf(l.Serial(i))
		if err == nil {
			err = s.listen(net.JoinHostPort(l.options.Host, "0"), certificate)
		}
		if err != nil {
			for _, open := range l.servers[:i] {
				_ = open.listener.Close()
			}
			return err
		}
	}
	return nil
}

// Addr is where printer i is reached, after Listen.
func (l *Load) Addr(i int) net.Addr { return l.servers[i].listener.Addr() }

// Serial is the serial of printer i.
func (l *Load) Serial(i int) string { return l.servers[i].serial }

// AccessCode is that of every printer.
func (l *Load) AccessCode() string { return "12345678" }

// Sent counts the periodic reports of all printers.
func (l *Load) Sent() int64 { return l.sent.Load() }

// Clients counts the connected clients of all printers.
func (l *Load) Clients() int {
	n := 0
	for _, s := range l.servers {
		n += s.clients()
	}
	return n
}

// Run serves clients and sends reports until ctx ends. It leaves nothing behind.
func (l *Load) Run(ctx context.Context) error {
	if err := l.Listen(); err != nil {
		return err
	}
	var work sync.WaitGroup
	failures := make([]error, len(l.servers))
	for i, s := range l.servers {
		work.Add(1)
		go func() { defer work.Done(); failures[i] = s.run(ctx) }() // owner: Run, ctx ends it, Run waits
	}
	l.send(ctx)
	work.Wait()
	return errors.Join(failures...)
}

// send lets the printers take turns. Behind its plan it does not wait.
func (l *Load) send(ctx context.Context) {
	begin, buffer := time.Now(), make([]byte, 0, 16<<10)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for k := int64(0); ; k++ {
		due := begin.Add(time.Duration(float64(k) * float64(l.options.Interval) / float64(len(l.servers))))
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		} else if ctx.Err() != nil {
			return
		}
		i := int(k % int64(len(l.servers)))
		count := l.counts[i].Add(1)
		buffer = l.one(buffer[:0], i, count, time.Now())
	}
}

func (l *Load) one(buffer []byte, i int, count int64, at time.Time) []byte {
	if l.options.Report != nil {
		buffer = l.options.Report(buffer, i, count, at)
	} else {
		buffer = l.delta.append(buffer, count, at)
	}
	if l.options.Sending != nil {
		l.options.Sending(i, count, at)
	}
	l.servers[i].publish(buffer)
	l.sent.Add(1)
	return buffer
}

// answer serves the handshake of a client.
func (l *Load) answer(i int, payload []byte) {
	for key, body := range understand(payload) {
		switch key + "." + text(body["command"]) {
		case "pushing.pushall", "pushing.start":
			l.servers[i].publish(l.full.append(nil, l.counts[i].Load(), time.Now()))
		case "info.get_version":
			l.mu.Lock()
			_ = l.machines[i].answerVersion(body)
			l.mu.Unlock()
		}
	}
}
