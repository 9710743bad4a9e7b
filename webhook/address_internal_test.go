package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestFirst_ASilentAddressLeavesTimeForTheNext(t *testing.T) {
	list := func(text ...string) (all []netip.Addr) {
		for _, a := range text {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	for name, c := range map[string]struct {
		addresses []netip.Addr
		alive     string
		needs     time.Duration
		within    time.Duration
	}{
		"the second of two": {list("2001:470::1", "192.168.1.2"), "192.168.1.2", 0, 2 * time.Second},
		"the last of many":  {list("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"), "10.0.0.5", 0, connectTime},
		"none":              {list("10.0.0.1", "10.0.0.2"), "", 0, connectTime},
		"a far one of many": {list("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11", "10.0.0.12"), "10.0.0.1", 400 * time.Millisecond, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), connectTime)
			defer cancel()
			start := time.Now()
			conn, err := first(ctx, c.addresses, func(ctx context.Context, a netip.Addr) (net.Conn, error) {
				if a.String() == c.alive {
					select {
					case <-time.After(c.needs):
						return &net.TCPConn{}, nil
					case <-ctx.Done():
					}
				}
				<-ctx.Done()
				return nil, ctx.Err()
			})
			if (conn != nil) != (c.alive != "") || (err == nil) != (c.alive != "") {
				t.Errorf("%s: connected %v (%v)", name, conn != nil, err)
			}
			if took := time.Since(start); took > c.within {
				t.Errorf("%s: it took %s, want at most %s", name, took, c.within)
			}
		})
	}
}

func TestFirst_ADownReceiverSaysMoreThanARefusedAddress(t *testing.T) {
	down := errors.New("connection refused")
	for _, order := range [][]string{{"192.168.1.2", "fe80::1"}, {"fe80::1", "192.168.1.2"}} {
		var all []netip.Addr
		for _, a := range order {
			all = append(all, netip.MustParseAddr(a))
		}
		_, err := first(t.Context(), all, func(_ context.Context, a netip.Addr) (net.Conn, error) {
			if a.IsLinkLocalUnicast() {
				return nil, &blockedError{"not allowed"}
			}
			return nil, down
		})
		if !errors.Is(err, down) {
			t.Errorf("%v: the error is %v, want that the receiver is down", order, err)
		}
	}
}
