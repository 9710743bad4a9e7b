package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

// serverTLS is a configuration for newServer's connections.
func serverTLS(t *testing.T) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{newAuthority(t).server("printer.test")}}
}

// secured makes a server speak TLS.
func secured(config *tls.Config, serve func(*peer)) func(*peer) {
	return func(p *peer) {
		p.Conn = tls.Server(p.Conn, config)
		p.r.Reset(p.Conn)
		serve(p)
	}
}

func TestLink_Keepalive(t *testing.T) {
	const keepalive, patience = 200 * time.Millisecond, 300 * time.Millisecond
	t.Run("a peer that sends reports and answers no ping ends the link in time", func(t *testing.T) {
		s := newServer(t, secured(serverTLS(t), func(p *peer) {
			p.welcome()
			for p.next().Type() == mqtttest.PINGREQ {
				p.message(report, "still sending")
			}
		}))
		o := options(s.address())
		o.TLS, o.Keepalive, o.PingTimeout = insecure(), keepalive, patience
		begun := time.Now()
		l := dial(t, o)
		<-l.Lost()
		if took := time.Since(begun); took < keepalive+patience || took > keepalive+patience+30*time.Second {
			t.Errorf("noticed after %v, want %v", took, keepalive+patience)
		}
		if !strings.Contains(l.Err().Error(), "pingresp") || !fault.Is(l.Err(), fault.Offline) {
			t.Errorf("Err = %v, want the missing answer", l.Err())
		}
	})
	t.Run("pings go out although other packets do, and in the middle of a message", func(t *testing.T) {
		whole := mqtttest.Publish(4, 0, 0, report, strings.Repeat("x", 3000)).Bytes()
		cuts := []int{0, 1, 2, 3, 10, 2000, len(whole) - 1}
		s := newServer(t, secured(serverTLS(t), func(p *peer) {
			p.welcome()
			for _, cut := range cuts {
				_, _ = p.Write(whole[:cut])
				for p.next().Type() == mqtttest.PUBLISH { // until a ping comes
				}
				_, _ = p.Write(whole[cut:])
				p.send(mqtttest.Packet{Head: mqtttest.PINGRESP << 4})
			}
			p.rest()
		}))
		got := make(chan int, len(cuts))
		o := options(s.address())
		o.TLS, o.Keepalive, o.PingTimeout = insecure(), 20*time.Millisecond, 10*time.Second
		o.OnMessage = func(_ string, payload []byte) { got <- len(payload) }
		l := dial(t, o)
		eventually(t, "every message is whole", func() bool {
			must(t, l.Publish(t.Context(), "a", nil, 0))
			return len(got) == len(cuts)
		})
		for range cuts {
			if n := <-got; n != 3000 {
				t.Errorf("a message of %d bytes", n)
			}
		}
	})
	t.Run("a WebSocket lives on through pings", func(t *testing.T) {
		_, address := embeddedOn(t, "ws")
		b := connectedBus(t, client.BusOptions{Addresses: []string{address}, User: "bridge", Times: client.LinkTimes{Keepalive: 10 * time.Millisecond}})
		begun := time.Now()
		eventually(t, "thirty pings have passed", func() bool { return time.Since(begun) > 300*time.Millisecond })
		if s := b.Stats(); !s.Connected || s.Connects != 1 {
			t.Errorf("%+v, want the first connection to stand", s)
		}
	})
}

// stalled is a peer that takes the login and then reads nothing, and a link to
// it whose buffers are full: somebody publishes and waits.
func stalled(t *testing.T, o client.LinkOptions) (l *client.Link, published chan error) {
	t.Helper()
	release := make(chan struct{})
	s := newServer(t, func(p *peer) { p.welcome(); <-release })
	t.Cleanup(func() { close(release) })
	o.Address = s.address()
	l = dial(t, o)
	published = make(chan error, 1)
	began := make(chan struct{})
	go func() { // owner: the test, which waits for published
		close(began)
		payload := bytes.Repeat([]byte("x"), 1<<20)
		for {
			if err := l.Publish(context.Background(), "a", payload, 0); err != nil {
				published <- err
				return
			}
		}
	}()
	<-began
	eventually(t, "a write waits", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return errors.Is(l.Publish(ctx, "b", nil, 0), context.DeadlineExceeded) || l.Err() != nil // its limit may have passed already
	})
	return l, published
}

func TestLink_Stalled(t *testing.T) {
	t.Run("who waits for his turn may give up, and the link stands", func(t *testing.T) {
		o := options("")
		o.WriteTimeout = time.Minute
		l, _ := stalled(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Publish(ctx, "b", nil, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Publish = %v, want the context's end", err)
		}
		if l.Err() != nil {
			t.Errorf("the link ended: %v", l.Err())
		}
	})
	t.Run("closing does not wait for the peer", func(t *testing.T) {
		o := options("")
		o.WriteTimeout = time.Minute
		l, published := stalled(t, o)
		begun := time.Now()
		l.Close()
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		if err := <-published; !fault.Is(err, fault.Offline) || !errors.Is(err, client.ErrClosed) {
			t.Errorf("Publish = %v, want offline, closed", err)
		}
	})
	t.Run("the write limit ends the link, with all who wait", func(t *testing.T) {
		o := options("")
		o.WriteTimeout = time.Second
		l, published := stalled(t, o)
		if err := l.Publish(t.Context(), "b", nil, 1); !fault.Is(err, fault.Offline) {
			t.Errorf("Publish = %v, want offline", err)
		}
		if err := <-published; !fault.Is(err, fault.Offline) {
			t.Errorf("Publish = %v, want offline", err)
		}
		<-l.Lost()
		begun := time.Now()
		l.Close()
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("closing took %v", took)
		}
	})
}

func TestBus_Stalled(t *testing.T) {
	release := make(chan struct{})
	s := newServer(t, func(p *peer) { p.welcome(); <-release })
	t.Cleanup(func() { close(release) })
	b, stop := runBus(t, client.BusOptions{Addresses: []string{"tcp://" + s.address()}, Times: client.LinkTimes{WriteTimeout: time.Minute}})
	eventually(t, "the bus connects", b.Connected)
	payload := bytes.Repeat([]byte("x"), 200<<10)
	for i := range 200 {
		must(t, b.Publish(fmt.Sprint("a/", i), payload, true))
	}
	waiting := -1
	eventually(t, "the broker takes no more", func() bool {
		before := waiting
		<-time.After(50 * time.Millisecond)
		waiting = b.Stats().Waiting
		return waiting == before && waiting > 0
	})
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("stopping took %v with a broker that reads nothing", took)
	}
}

func TestLink_Goroutines(t *testing.T) {
	const links = 20
	s := newServer(t, secured(serverTLS(t), func(p *peer) { p.welcome(); p.rest() }))
	before := runtime.NumGoroutine()
	for range links {
		o := options(s.address())
		o.TLS, o.Keepalive = insecure(), 50*time.Millisecond
		l := dial(t, o)
		must(t, l.Publish(t.Context(), "a", nil, 1))
	}
	// Each has one at the server, too.
	if now := goroutines(t, before+2*links); now > before+2*links {
		t.Errorf("%.1f goroutines for each link, want 1", float64(now-before)/links-1)
	}
}
