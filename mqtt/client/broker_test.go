package client_test

import (
	"context"
	"testing"

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

// TestBus_ConformEmbedded is the suite over a bus that is a client of our own
// broker, which needs no program beside the tests.
func TestBus_ConformEmbedded(t *testing.T) {
	mqtttest.Conform(t, func(t *testing.T) mqtttest.Setup {
		b, err := broker.New(broker.Options{
			Listeners: []broker.Listener{{Network: "tcp", Address: "127.0.0.1:0"}}, Gate: everybody{},
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
		address := "tcp://" + b.Addr(0).String()
		return mqtttest.Setup{Bus: connectedBus(t, client.BusOptions{Addresses: []string{address}, User: "bridge"}), Other: b}
	})
}
