package discovery

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/printer"
)

// Printers is what discovery needs of the bridge.
type Printers interface {
	// Snapshots are all printers as they are known now.
	Snapshots() []printer.Snapshot
	// Do sends a command; see printer.Driver for its error kinds.
	Do(ctx context.Context, id int, cmd printer.Command) (printer.Outcome, error)
}

// Store keeps discovery's small memory: slugs, what was announced, and
// what a person deleted in Home Assistant.
type Store interface {
	// Value is one value; fault.NotFound when there is none.
	Value(key string) ([]byte, error)
	// Values are all values whose key begins with prefix.
	Values(prefix string) (map[string][]byte, error)
	// Put writes all pairs in one transaction; a nil value deletes.
	Put(pairs map[string][]byte) error
}

// Bridge is what the bridge's own device shows and does. A nil function
// leaves its entity out.
type Bridge struct {
	// Clients is how many MQTT clients are connected to the broker.
	Clients func() int
	// Problem says in a sentence what keeps the bridge from its work, "" when nothing does.
	Problem func() string
	// LogLevel is "debug", "info", "warn" or "error"; SetLogLevel changes it.
	LogLevel    func() string
	SetLogLevel func(level string) error
	// Restart asks the program to start anew; it returns at once.
	Restart func()
}

// Options is what a Discovery is made of.
type Options struct {
	Bus      mqtt.Bus
	Printers Printers
	Store    Store
	Bridge   Bridge
	// Prefix is Home Assistant's discovery prefix; "" is "homeassistant".
	Prefix string
	// InstallID names this installation for ever: [a-z0-9]+.
	InstallID string
	Version   string
	// URL is where the bridge's own pages are (http, https or homeassistant); "" for none.
	URL string
	// Stages are all words that State.Stage can have. Without any, the stage is plain text.
	Stages []string
	// Pictures are those of plates; nil is none.
	Pictures Pictures
	// Price is what a kilogram of filament costs, by its maker's id and its
	// material; unknown or nil is what the slicer says. Currency is that of both
	// ("EUR"); "" shows no costs.
	Price    func(filamentID, material string) printer.Opt[float64]
	Currency string
	// Milestones are the percentages that Home Assistant is told of; nil is 25, 50, 75.
	Milestones []int
	// Audience tells whether somebody listens to MQTT now. Events of the time
	// just before a start wait for that, up to half a minute; nil never waits.
	Audience func() bool
	Log      *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Discovery shows printers on MQTT. Make one with New, call Prepare before
// clients may connect, then Run; Apply is its sink of values, Follower its
// follower of the journal.
type Discovery struct {
	opts Options
	log  *slog.Logger
	now  func() time.Time
	// wake asks Run to look at what is due.
	wake chan struct{}

	mu sync.Mutex
	memory
	// devices by object id; printers by serial.
	devices  map[string]*device
	printers map[string]*family
	bridge   *device
	// sweep are topics to clear when their time has come.
	sweep []sweeping
	// resendAt is when to send everything again, zero for never; births are ignored until quietUntil.
	resendAt, quietUntil time.Time
	// found are retained announcements that were read back, with the parent
	// each names; nil when that is over.
	found map[string]string
	// clientsAt is when to look at the number of clients again.
	clientsAt time.Time
	connected int
	prepared  bool
	newSlugs  []string
	// ends are the printers whose last job is not stored yet.
	ends   []string
	stages map[string]bool
	buf    []byte
	// page is where announcements are made.
	page bytes.Buffer
	// batch are the values to publish, of the outlets batched; only within relay.
	batch   []mqtt.Message
	batched []change
	// wanted are contents to publish, by topic; wantsContent asks Run to do it.
	wanted       map[string]content
	wantsContent chan struct{}
	// kinds are sets of components that devices have, to be shared by those of a model.
	kinds []map[string]platform
	pending
	// io is held while what is pending is written and published.
	io sync.Mutex

	printerTable, unitTable *table

	workers *workers
}

// New makes a Discovery. It publishes nothing yet.
func New(opts Options) *Discovery {
	if opts.Prefix == "" {
		opts.Prefix = "homeassistant"
	}
	if opts.Milestones == nil {
		opts.Milestones = printer.DefaultMarks().Percent
	}
	if opts.Price == nil {
		opts.Price = noPrice
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	d := &Discovery{
		opts: opts, log: opts.Log.With("component", "discovery"), now: opts.Now,
		wake:   make(chan struct{}, 1),
		wanted: map[string]content{}, wantsContent: make(chan struct{}, 1),
		devices: map[string]*device{}, printers: map[string]*family{},
		stages: map[string]bool{}, printerTable: newTable(printerRows()), unitTable: newTable(unitRows()),
	}
	opts.Stages = slices.DeleteFunc(slices.Clone(opts.Stages), func(s string) bool { return s == "unknown" || s == "" })
	d.opts.Stages = opts.Stages
	for _, s := range opts.Stages {
		d.stages[s] = true
	}
	d.workers = newWorkers(d)
	return d
}
