package printer

import (
	"context"
	"time"

	"github.com/printwire/printwire/secret"
)

// Config is how one printer is reached. It is what settings, storage, the API
// and the command line hand on to a family.
type Config struct {
	// ID belongs to the serial for ever.
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Family string `json:"family"`
	Host   string `json:"host"`
	// Port is 0 for the family's default.
	Port int `json:"port,omitempty"`
	// FilesPort is that of the printer's file server, 0 for the family's default.
	FilesPort int    `json:"files_port,omitempty"`
	Serial    string `json:"serial"`
	// AccessCode is the printer's secret. It is not part of this type's JSON.
	AccessCode secret.Text `json:"-"`
	// Certificate is "pin", "verify", "insecure", or "" for the default.
	Certificate string `json:"certificate,omitempty"`
	// Roots are the maker's root certificates in PEM form, for "verify".
	Roots string `json:"roots,omitempty"`
	// Area is where it stands, suggested to Home Assistant.
	Area string `json:"area,omitempty"`
	// Managed is true when it comes from the settings file and cannot be edited at run time.
	Managed bool `json:"-"`
}

// Memory is what a family has to remember over a restart: opaque to everybody
// else, at most MaxMemory bytes, deadlines in it as wall time.
type Memory struct {
	// Version is the family's own number of the encoding.
	Version int    `json:"version"`
	Data    []byte `json:"data"`
}

// MaxMemory is the largest Memory.Data, in bytes.
const MaxMemory = 64 << 10

// Start is where a driver goes on from: what was stored last, Online included,
// so that a printer that is reached again at once was never offline. Fresh is
// true when nothing was stored, so that no event may be derived from the past.
type Start struct {
	State  State
	Memory Memory
	Fresh  bool
}

// Update is a driver's product: the complete picture after a report.
type Update struct {
	State  State
	Memory Memory
	// At is when the last report arrived; zero while none has come in this Run.
	At time.Time
	// Keep asks for Memory to be stored now, not at the next periodic write:
	// a crash from here on must not lose it.
	Keep bool
}

// Driver keeps one connection to one printer. Each family has one.
type Driver interface {
	// Run connects, keeps the link, reconnects, and calls emit for every
	// change of state, until ctx ends; then it closes everything, has no
	// goroutine left, and returns nil. emit is called from Run's own
	// goroutine only, and may take as long as a write to disk takes. Any
	// other error is a defect: the session logs it and starts Run again.
	Run(ctx context.Context, start Start, emit func(Update)) error

	// Do sends a command and follows it to the printer's acknowledgement and,
	// where the state shows it, to its effect, or until ctx ends. It may be
	// called from any goroutine while Run runs.
	// fault.Offline: not connected, or lost before the answer (result unknown).
	// fault.Unsupported: this printer cannot. fault.Denied: it refuses unsigned commands.
	// fault.Conflict: not in this activity, or the printer answered with a failure.
	// fault.Invalid: a value out of range.
	Do(ctx context.Context, cmd Command) (Outcome, error)
}

// Outcome is how far a command was followed.
type Outcome struct {
	// Acknowledged: the printer said that it accepts the command.
	Acknowledged bool
	// Effective: the state shows the command's effect.
	Effective bool
}

// Record is what is kept of a printer: written together with the events that
// the state caused, and every few seconds without any.
type Record struct {
	ID     int
	State  State
	Memory Memory
	// At is when the last report arrived.
	At time.Time
	// Version rises with every record of this printer; an older one is dropped.
	Version uint64
}

// Snapshot is one printer as the bridge knows it now.
type Snapshot struct {
	Config Config
	State  State
	// At is when the last report arrived; zero before the first one ever.
	At time.Time
	// Version rises with every change of this printer's snapshot in this process.
	Version uint64
}

// Change is what sinks get: the picture before and after. Merged changes keep
// the older Prev and the newer Next. Removed is true when the printer is gone;
// then Next is its last picture.
type Change struct {
	Prev, Next Snapshot
	Removed    bool
}
