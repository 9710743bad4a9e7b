package e2e_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/mqtt/broker"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
)

// bored is a printer that reports every five seconds although nothing happens:
// temperatures and the signal wander, the door is opened twice a day.
type bored struct{}

func (bored) Run(ctx context.Context, _ printer.Start, emit func(printer.Update)) error {
	r := rand.New(rand.NewPCG(4, 4))
	state := printer.State{Online: true, Activity: printer.Idle, Door: printer.Some(false)}
	for id := range 4 {
		unit := printer.Unit{ID: id, Kind: "AMS", Serial: "00600A000000000", Firmware: "00.00.06.40"}
		for slot := range 4 {
			unit.Trays = append(unit.Trays, printer.Tray{
				Slot: slot, Material: "PLA", Brand: "PLA Basic", Name: "A00-W1", FilamentID: "GFA00", Color: "FFFFFFFF",
				Tag: "0123456789ABCDEF", Spool: "0123456789ABCDEF0123456789ABCDEF", Remaining: printer.Some(50),
			})
		}
		state.Units = append(state.Units, unit)
	}
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		state.Bed.Temperature = printer.Some(22 + r.Float64())
		state.Nozzles[0].Temperature = printer.Some(23 + r.Float64())
		state.WiFi = printer.Some(-50 - r.IntN(10))
		state.Door = printer.Some(n%8640 > 8600)
		emit(printer.Update{State: state, Memory: printer.Memory{Version: 1, Data: make([]byte, 1000)}, At: time.Now()})
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (bored) Do(context.Context, printer.Command) (printer.Outcome, error) {
	return printer.Outcome{}, fault.New(fault.Unsupported, "bored")
}

// TestIdleVolume measures what everything that writes, writes in a day of an
// idle printer that has four changers: bridge, archive, discovery with both its
// ways, and the broker that keeps retained messages. The quick test measures two
// hours and takes twelve times as much.
func TestIdleVolume(t *testing.T) {
	const limit = 20 << 20
	parts, events := uint64(12), uint64(1)
	if os.Getenv("PRINTWIRE_E2E") == "1" {
		parts, events = 1, 4
	}
	path := filepath.Join(t.TempDir(), "printwire.db")
	synctest.Test(t, func(t *testing.T) {
		store, err := storage.Open(t.Context(), storage.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		b := bridge.New(bridge.Options{
			Store: store,
			Open:  func(printer.Config) (printer.Driver, error) { return bored{}, nil },
		})
		if _, err := b.Add(t.Context(), printer.Config{Serial: "S"}); err != nil {
			t.Fatal(err)
		}
		d, mqtt := shownOn(t, store, b)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { _ = mqtt.Run(ctx) }) // owner: this test stops and waits
		group.Go(func() { _ = d.Run(ctx) })    // owner: this test stops and waits
		group.Go(func() {                      // owner: this test stops and waits
			_ = journal.Follow(ctx, discardLog(), store, d.Follower(store))
		})
		group.Go(func() { _ = b.Run(ctx) }) // owner: this test stops and waits
		group.Go(func() {                   // owner: this test stops and waits
			_ = journal.Follow(ctx, discardLog(), store, archive.New(store.Archive()))
		})
		synctest.Wait()
		before := store.Written()
		<-time.After(24 * time.Hour / time.Duration(parts))
		day := (store.Written() - before) * parts
		stop()
		group.Wait()
		t.Logf("%.2f MB in a day, %d events", float64(day)/1e6, store.Last())
		if day > limit || day == 0 {
			t.Errorf("%d bytes in a day, want some and at most %d", day, limit)
		}
		if n := mqtt.Stats().Retained; n < 40 {
			t.Errorf("only %d retained topics: the printer was not really shown", n)
		}
		if store.Last() < events {
			t.Errorf("only %d events: the printer was not really there", store.Last())
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// shownOn shows the bridge's printers on a broker that nobody can reach.
func shownOn(t *testing.T, store *storage.Store, b *bridge.Bridge) (*discovery.Discovery, *broker.Broker) {
	t.Helper()
	m, err := broker.New(broker.Options{NoRetain: discovery.NoRetain, Retained: store.KV("retained")})
	if err != nil {
		t.Fatal(err)
	}
	d := discovery.New(discovery.Options{Bus: m, Printers: b, Store: store.KV("discovery"), InstallID: "0a1b2c3d", Version: "test", Log: discardLog()})
	b.AddSink("discovery", d)
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d, m
}
