package discovery

import (
	"context"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

type device struct{}
type family struct{}
type setter struct{}
type sweeping struct{}
type memory struct{}
type workers struct{}

func newWorkers(*Discovery) *workers { return &workers{} }

// Prepare publishes everything that is known from storage: availability,
// values and discovery. Call it before the broker accepts clients.
func (d *Discovery) Prepare(ctx context.Context) error { return nil }

// Apply publishes what changed. It is the bridge's sink of values.
func (d *Discovery) Apply(ctx context.Context, changes []printer.Change) {}

// Run takes commands and announces what changes until ctx ends; then it
// publishes that the bridge is offline and returns nil.
func (d *Discovery) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Follower tells the events of the journal on MQTT.
func (d *Discovery) Follower() journal.Follower { return nil }

// AnnounceAgain announces everything, also what a person deleted in Home Assistant.
func (d *Discovery) AnnounceAgain(ctx context.Context) error { return nil }

// NoRetain tells whether a topic takes commands, which are never accepted retained.
func NoRetain(topic string) bool { return false }
