package client_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/broker"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

// everybody lets everybody in.
type everybody struct{}

func (everybody) Login(l broker.Login) (broker.Grant, error) {
	all := func(string) bool { return true }
	return broker.Grant{Name: l.User + l.Client, Read: all, Write: all}, nil
}

// embedded runs our own broker and gives its address.
func embedded(t *testing.T) (b *broker.Broker, address string) {
	t.Helper()
	return embeddedOn(t, "tcp")
}

func embeddedOn(t *testing.T, network string) (b *broker.Broker, address string) {
	t.Helper()
	b, err := broker.New(broker.Options{
		Listeners: []broker.Listener{{Network: network, Address: "127.0.0.1:0"}}, Gate: everybody{},
	})
	must(t, err)
	must(t, b.Listen())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }() // owner: the clean-up below, which waits
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b, network + "://" + b.Addr(0).String()
}

// TestBus_ConformEmbedded is the suite over a bus that is a client of our own
// broker, which needs no program beside the tests.
func TestBus_ConformEmbedded(t *testing.T) {
	mqtttest.Conform(t, func(t *testing.T) mqtttest.Setup {
		b, address := embedded(t)
		return mqtttest.Setup{Bus: connectedBus(t, client.BusOptions{Addresses: []string{address}, User: "bridge"}), Other: b}
	})
}

func TestBus_Deleted(t *testing.T) {
	t.Run("what somebody else cleared is not sent again", func(t *testing.T) {
		b, address := embedded(t)
		var ahead atomic.Int64
		bus := connectedBus(t, client.BusOptions{Addresses: []string{address}, User: "bridge", ResendRate: 10_000, Settle: time.Millisecond, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		must(t, bus.Publish("homeassistant/device/a/config", []byte("{}"), true))
		must(t, bus.Publish("homeassistant/device/b/config", []byte("{}"), true))
		told := make(chan mqtt.Message, 16)
		stop, err := bus.Subscribe("homeassistant/device/+/config", func(m mqtt.Message) { told <- m })
		must(t, err)
		defer stop()
		eventually(t, "both are at the broker", func() bool { return b.Stats().Retained == 2 })
		must(t, b.Clear("homeassistant/device/a/config"))
		if m := <-told; m.Topic != "homeassistant/device/a/config" || len(m.Payload) != 0 {
			t.Fatalf("got %+v, want the deletion", m)
		}

		seen := make(chan string, 16)
		stopSeen, err := b.Subscribe("homeassistant/device/+/config", func(m mqtt.Message) { seen <- m.Topic })
		must(t, err)
		defer stopSeen()
		<-seen // what is retained: b
		ahead.Store(int64(time.Minute))
		bus.Resend()
		must(t, bus.Publish("homeassistant/device/end/config", []byte("{}"), true))
		var again []string
		for len(again) < 2 {
			again = append(again, <-seen)
		}
		if slices.Contains(again, "homeassistant/device/a/config") || b.Stats().Retained != 2 {
			t.Errorf("sent again: %q", again)
		}
		must(t, bus.Publish("homeassistant/device/a/config", []byte("{}"), true))
		eventually(t, "it comes back when it is published again", func() bool { return b.Stats().Retained == 3 })
	})
}
