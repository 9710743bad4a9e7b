package bambu

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/printer/bambu/jobfile"
)

// Family is the name of this family in printer.Config.
const Family = "bambu"

// DefaultPort is where printers listen for MQTT over TLS.
const DefaultPort = 8883

// Options say which printer a Driver is for, and what it stands on.
type Options struct {
	Config printer.Config
	Log    *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// NewID makes the ids of jobs; nil makes random ones.
	NewID func() string
	// Grace is how long a FAILED without an explanation may wait for one; 0 is 8 s.
	Grace time.Duration

	// Files and Pictures keep what is read from the printer's storage, and the
	// pictures of plates. Without either nothing is read.
	Files, Pictures jobfile.Cache

	// dial opens a link; nil is the real one. Tests put their own here.
	dial dialFunc
}

// Driver keeps the one connection to one printer.
type Driver struct {
	config printer.Config
	log    *slog.Logger
	now    func() time.Time
	newID  func() string
	grace  time.Duration
	roots  *x509.CertPool
	dial   dialFunc
	// pause is how long to wait after so many attempts in vain.
	pause func(attempts int) time.Duration

	files planReader

	// mu guards desk, which is where Do meets Run; nil while Run does not run.
	mu   sync.Mutex
	desk *desk
}

var _ printer.Driver = (*Driver)(nil)

// New checks the options and makes a Driver. It starts nothing.
// fault.Invalid names the field that is wrong.
func New(o Options) (*Driver, error) {
	c := o.Config
	switch {
	case strings.TrimSpace(c.Host) == "":
		return nil, fault.New(fault.Invalid, "must be the printer's address").At("host")
	case c.Port < 0 || c.Port > 65535:
		return nil, fault.New(fault.Invalid, "must be 1 to 65535, got %d", c.Port).At("port")
	case c.FilesPort < 0 || c.FilesPort > 65535:
		return nil, fault.New(fault.Invalid, "must be 1 to 65535, got %d", c.FilesPort).At("files_port")
	case !printer.ValidSerial(c.Serial):
		return nil, fault.New(fault.Invalid, "must be the printer's serial number in capitals, got %.50q", c.Serial).At("serial")
	case c.AccessCode == "":
		return nil, fault.New(fault.Invalid, "must be the access code from the printer's screen").At("access_code")
	}
	roots, err := trustAnchors(c)
	if err != nil {
		return nil, err
	}
	if c.Port == 0 {
		c.Port = DefaultPort
	}
	d := &Driver{
		config: c, log: o.Log, now: o.Now, newID: o.NewID, grace: o.Grace,
		roots: roots, dial: o.dial, pause: retryPause,
	}
	d.defaults()
	d.files = fileReader(o, d.log)
	return d, nil
}

func (d *Driver) defaults() {
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.log = d.log.With("component", "printer/bambu", "serial", d.config.Serial)
	if d.now == nil {
		d.now = time.Now
	}
	if d.newID == nil {
		d.newID = rand.Text
	}
	if d.grace <= 0 {
		d.grace = defaultGrace
	}
	if d.dial == nil {
		d.dial = dialMQTT
	}
}

// nonce makes the changing part of a client id.
func nonce() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// Run keeps the link until ctx ends; see printer.Driver.
func (d *Driver) Run(ctx context.Context, start printer.Start, emit func(printer.Update)) error {
	d.mu.Lock()
	if d.desk != nil {
		d.mu.Unlock()
		return fault.New(fault.Conflict, "the driver of %s runs already", d.config.Serial)
	}
	desk := newDesk()
	d.desk = desk
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.desk = nil
		d.mu.Unlock()
		close(desk.closed)
	}()
	return newSession(d, desk, start, emit).run(ctx)
}
