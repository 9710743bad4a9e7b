package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

// report is the filter of the links in these tests.
const report = "device/S/report"

func options(address string) client.LinkOptions {
	return client.LinkOptions{
		Address: address, User: "bblp", Password: "12345678", ClientID: "bridge", Subscribe: []string{report},
		ConnectTimeout: time.Minute, WriteTimeout: time.Minute, // more than a busy machine takes
	}
}

func dial(t *testing.T, o client.LinkOptions) *client.Link {
	t.Helper()
	l, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestDial_Subscribed(t *testing.T) {
	t.Run("what the peer sends right after the subscription arrives, in order", func(t *testing.T) {
		s := newServer(t, func(p *peer) {
			p.welcome()
			for i := range 500 {
				p.message(report, fmt.Sprint(i))
			}
			p.rest()
		})
		got := make(chan string, 1000)
		o := options(s.address())
		o.OnMessage = func(topic string, payload []byte) { got <- topic + " " + string(payload) }
		dial(t, o)
		for i := range 500 {
			if m := <-got; m != fmt.Sprint(report, " ", i) {
				t.Fatalf("message %d is %q", i, m)
			}
		}
	})

	t.Run("several filters are subscribed at once", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); p.rest() })
		o := options(s.address())
		o.Subscribe = []string{"a", "b/#", "c/+"}
		dial(t, o)
	})

	t.Run("the login is MQTT 3.1.1, clean, with the given names", func(t *testing.T) {
		connect := make(chan []byte, 1)
		s := newServer(t, func(p *peer) {
			connect <- p.next().Body
			p.send(mqtttest.Packet{Head: mqtttest.CONNACK << 4, Body: []byte{0, 0}})
			p.rest()
		})
		o := options(s.address())
		o.Subscribe = nil
		dial(t, o)
		want := "\x00\x04MQTT\x04\xc2\x00\x0f\x00\x06bridge\x00\x04bblp\x00\x0812345678"
		if got := <-connect; string(got) != want {
			t.Errorf("CONNECT = %q, want %q", got, want)
		}
	})
}

func TestDial_Refused(t *testing.T) {
	for _, c := range []struct {
		code byte
		want fault.Kind
	}{
		{1, fault.Offline}, {2, fault.Offline}, {3, fault.Offline}, {4, fault.Denied}, {5, fault.Denied}, {6, fault.Offline}, {255, fault.Offline},
	} {
		t.Run(fmt.Sprintf("code %d is %s", c.code, c.want), func(t *testing.T) {
			s := newServer(t, func(p *peer) {
				p.next()
				p.send(mqtttest.Packet{Head: mqtttest.CONNACK << 4, Body: []byte{0, c.code}})
				p.rest()
			})
			_, err := client.Dial(t.Context(), options(s.address()))
			if err == nil || fault.KindOf(err) != c.want || errors.Is(err, client.ErrSubscription) {
				t.Errorf("Dial = %v (%s), want %s", err, fault.KindOf(err), c.want)
			}
		})
	}

	t.Run("a refused subscription is denied", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(0x80); p.rest() })
		if _, err := client.Dial(t.Context(), options(s.address())); !fault.Is(err, fault.Denied) || !errors.Is(err, client.ErrSubscription) {
			t.Errorf("Dial = %v, want a denied subscription", err)
		}
	})

	t.Run("nobody there is offline", func(t *testing.T) {
		_, err := client.Dial(t.Context(), options(fmt.Sprintf("127.0.0.1:%d", freePort(t))))
		if !fault.Is(err, fault.Offline) {
			t.Errorf("Dial = %v, want offline", err)
		}
	})

	t.Run("a peer that never answers is offline after the limit", func(t *testing.T) {
		s := newServer(t, func(p *peer) { _, _ = io.Copy(io.Discard, p) })
		o := options(s.address())
		o.ConnectTimeout = 100 * time.Millisecond
		begun := time.Now()
		if _, err := client.Dial(t.Context(), o); !fault.Is(err, fault.Offline) {
			t.Errorf("Dial = %v, want offline", err)
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
	})

	t.Run("the end of the context ends dialling", func(t *testing.T) {
		s := newServer(t, func(p *peer) { _, _ = io.Copy(io.Discard, p) })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := client.Dial(ctx, options(s.address())); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial = %v, want the context's end", err)
		}
	})
}

// errPin is what a caller's own check of the certificate says.
var errPin = errors.New("certificate changed")

func TestDial_TLS(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.server("printer.test")
	inner := newServer(t, func(p *peer) { p.welcome(); p.rest() })
	outer, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	must(t, err)
	done := make(chan struct{})
	go func() { // owner: this test, which closes the listener and waits
		defer close(done)
		for {
			conn, err := outer.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", inner.address())
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, back); _ = conn.Close() }() // owner: its connection
			go func() { _, _ = io.Copy(back, conn); _ = back.Close() }() // owner: its connection
		}
	}()
	t.Cleanup(func() { _ = outer.Close(); <-done })

	t.Run("the caller's verification decides", func(t *testing.T) {
		o := options(outer.Addr().String())
		o.TLS = &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
		dial(t, o)
	})
	t.Run("the caller's refusal is in the error", func(t *testing.T) {
		o := options(outer.Addr().String())
		o.TLS = &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error {
			return fmt.Errorf("checking: %w", errPin)
		}}
		if _, err := client.Dial(t.Context(), o); !errors.Is(err, errPin) || !fault.Is(err, fault.Offline) {
			t.Errorf("Dial = %v, want the caller's own error in it", err)
		}
	})
	t.Run("a failed standard check is in the error", func(t *testing.T) {
		o := options(outer.Addr().String())
		o.TLS = &tls.Config{ServerName: "printer.test"}
		_, err := client.Dial(t.Context(), o)
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			t.Errorf("Dial = %v, want an unknown authority in it", err)
		}
	})
}

func TestLink_Hostile(t *testing.T) {
	frame := func(head byte, body ...byte) []byte { return mqtttest.Packet{Head: head, Body: body}.Bytes() }
	for _, c := range []struct {
		name string
		send []byte
	}{
		{"a header that claims 256 MB", []byte{0x30, 0xff, 0xff, 0xff, 0x7f}},
		{"a length of five bytes", []byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01}},
		{"a message a byte too large", frame(0x30, bytes.Repeat([]byte{0}, 1024)...)},
		{"a second CONNACK", frame(0x20, 0, 0)},
		{"more return codes than filters", frame(0x90, 0, 1, 0, 0, 0)},
		{"a message at QoS 2", frame(0x34, 0, 1, 'a', 0, 1, 'x')},
		{"a message at QoS 1 without an id", frame(0x32, 0, 1, 'a')},
		{"a message at QoS 1 with the id 0", frame(0x32, 0, 1, 'a', 0, 0, 'x')},
		{"a message without a topic", frame(0x30, 0, 0, 'x')},
		{"a message at QoS 3", frame(0x36, 0, 1, 'a', 0, 1, 'x')},
		{"a message shorter than its topic", frame(0x30, 0, 200, 'a')},
		{"an empty PUBLISH", frame(0x30)},
		{"an empty PUBACK", frame(0x40)},
		{"a PUBACK of three bytes", frame(0x40, 0, 1, 0)},
		{"an UNSUBACK of one byte", frame(0xb0, 0)},
		{"a SUBACK without a code", frame(0x90, 0, 1)},
		{"a packet of the delivery at QoS 2", frame(0x50, 0, 1)},
		{"an oversized packet that is no message", []byte{0x90, 0xff, 0x7f}},
		{"a packet type that does not exist", frame(0xf0)},
		{"a packet type of clients", frame(0x82, 0, 1, 0, 1, 'a', 0)},
		{"a PINGRESP with a body", frame(0xd0, 1)},
		{"a DISCONNECT", frame(0xe0)},
		{"half a packet and the end", []byte{0x30, 0x10, 0}},
	} {
		t.Run(c.name+" ends the link", func(t *testing.T) {
			s := newServer(t, func(p *peer) {
				p.welcome()
				p.next() // the test is ready
				_, _ = p.Write(c.send)
				if strings.HasPrefix(c.name, "half") {
					return
				}
				p.rest()
			})
			o := options(s.address())
			o.MaxPacket = 1024
			l := dial(t, o)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_ = l.Publish(t.Context(), "ready", nil, 0) // the link may end before it returns
			select {
			case <-l.Lost():
			case <-time.After(30 * time.Second):
				t.Fatal("the link stands")
			}
			runtime.ReadMemStats(&after)
			if l.Err() == nil || errors.Is(l.Err(), client.ErrClosed) {
				t.Errorf("Err = %v, want a reason", l.Err())
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Errorf("%d bytes allocated", grown)
			}
			if err := l.Publish(t.Context(), "a", nil, 1); !fault.Is(err, fault.Offline) {
				t.Errorf("Publish = %v, want offline", err)
			}
		})
	}

	t.Run("a message of exactly the limit passes", func(t *testing.T) {
		body := append([]byte{0, 1, 'a'}, bytes.Repeat([]byte{'x'}, 1024-3-3)...)
		s := newServer(t, func(p *peer) { p.welcome(); _, _ = p.Write(frame(0x30, body...)); p.rest() })
		got := make(chan int, 2)
		o := options(s.address())
		o.MaxPacket = 1024
		o.OnMessage = func(_ string, payload []byte) {
			got <- len(payload)
			got <- cap(payload)
		}
		dial(t, o)
		if n, room := <-got, <-got; n != 1024-6 || room != n {
			t.Errorf("payload of %d bytes in %d", n, room)
		}
	})
}

func TestLink_Publish(t *testing.T) {
	t.Run("an acknowledged command returns", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); p.rest() })
		l := dial(t, options(s.address()))
		must(t, l.Publish(t.Context(), "device/S/request", []byte("{}"), 1))
		must(t, l.Publish(t.Context(), "device/S/request", []byte("{}"), 0))
	})
	t.Run("a command that is never acknowledged is no error", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); _, _ = io.Copy(io.Discard, p) })
		l := dial(t, options(s.address()))
		begun := time.Now()
		must(t, l.Publish(t.Context(), "device/S/request", []byte("{}"), 1))
		if took := time.Since(begun); took < 2*time.Second || took > 30*time.Second {
			t.Errorf("waited %v, want about 3 s", took)
		}
	})
	t.Run("a loss while waiting is offline, at once", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); p.next() })
		l := dial(t, options(s.address()))
		// An acknowledgement that is waited for in vain is no error.
		if err := l.Publish(t.Context(), "device/S/request", []byte("{}"), 1); !fault.Is(err, fault.Offline) {
			t.Errorf("Publish = %v, want offline", err)
		}
	})
	t.Run("a wildcard in the topic is invalid", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); p.rest() })
		l := dial(t, options(s.address()))
		if err := l.Publish(t.Context(), "a/#", nil, 0); !fault.Is(err, fault.Invalid) {
			t.Errorf("Publish = %v, want invalid", err)
		}
	})
}

func TestLink_Lost(t *testing.T) {
	t.Run("a closed connection is seen at once", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); p.message(report, "last") })
		l := dial(t, options(s.address()))
		select {
		case <-l.Lost():
		case <-time.After(12 * time.Second): // the keepalive is 15 s
			t.Fatal("not seen within twelve seconds")
		}
	})
	t.Run("a half-open connection is seen by the keepalive", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); p.rest() })
		cut := newCutter(t, s.address())
		o := options(cut.address())
		o.Keepalive, o.PingTimeout = time.Second, 500*time.Millisecond
		l := dial(t, o)
		cut.deafen()
		select {
		case <-l.Lost():
		case <-time.After(30 * time.Second):
			t.Fatal("not seen within thirty seconds")
		}
		if !strings.Contains(l.Err().Error(), "pingresp") {
			t.Errorf("Err = %v, want the missing answer", l.Err())
		}
	})
	t.Run("a peer that reads nothing ends the link within the write limit", func(t *testing.T) {
		release := make(chan struct{})
		s := newServer(t, func(p *peer) { p.welcome(); <-release })
		defer close(release)
		o := options(s.address())
		o.WriteTimeout = time.Second
		l := dial(t, o)
		payload := bytes.Repeat([]byte("x"), 200<<10)
		begun := time.Now()
		for time.Since(begun) < time.Minute {
			if err := l.Publish(t.Context(), "a", payload, 0); err != nil {
				break
			}
		}
		select {
		case <-l.Lost():
		case <-time.After(30 * time.Second):
			t.Fatal("the link stands")
		}
	})
	t.Run("a closed link says so", func(t *testing.T) {
		s := newServer(t, func(p *peer) { p.welcome(); p.rest() })
		l := dial(t, options(s.address()))
		if l.Err() != nil {
			t.Errorf("Err = %v before the end", l.Err())
		}
		l.Close()
		l.Close()
		if !errors.Is(l.Err(), client.ErrClosed) {
			t.Errorf("Err = %v", l.Err())
		}
	})
}

func TestLink_Leaks(t *testing.T) {
	// Each round ends another way: the peer closes, the peer sends rubbish, we
	// close, the login is refused, the peer never answers the login.
	var round atomic.Int64
	s := newServer(t, func(p *peer) {
		switch round.Add(1) % 5 {
		case 0:
			p.next()
			p.send(mqtttest.Packet{Head: mqtttest.CONNACK << 4, Body: []byte{0, 5}})
		case 1:
			p.welcome()
			p.message(report, "x")
		case 2:
			p.welcome()
			_, _ = p.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
			p.rest()
		case 3:
			p.welcome()
			p.message(report, "x")
			p.rest()
		case 4:
			p.next()
		}
	})
	attempt := func(i int) {
		l, err := client.Dial(t.Context(), options(s.address()))
		if err != nil {
			return
		}
		if i%2 == 0 {
			select {
			case <-l.Lost():
			case <-time.After(20 * time.Millisecond):
			}
		}
		_ = l.Publish(t.Context(), "device/S/request", []byte("{}"), 0)
		l.Close()
	}
	for i := range 20 {
		attempt(i)
	}
	settled := goroutines(t, 0)
	for i := range 1000 {
		attempt(i)
	}
	if now := goroutines(t, settled); now > settled {
		t.Errorf("%d goroutines after 1,000 connections, %d before", now, settled)
	}
}

// goroutines is their number when it has come down to want, or else where it
// stays; 0 is where it stays for a quarter of a second.
func goroutines(t *testing.T, want int) int {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	least := runtime.NumGoroutine()
	for same := 0; (same < 50 || want > 0) && least > want && time.Now().Before(deadline); same++ {
		<-time.After(5 * time.Millisecond)
		if n := runtime.NumGoroutine(); n < least {
			least, same = n, 0
		}
	}
	return least
}

func FuzzLink(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 0})
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 4, 0, 1, 0, 0})
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 0, 0x30, 4, 0, 1, 'a', 'x'})
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 0, 0x30, 3, 0, 9, 'a', 0x40, 2, 0, 1, 0xb0, 2, 0, 1})
	f.Add([]byte{0x20, 2, 0, 5})
	f.Add([]byte{0x23, 2, 0x58, 0, 0x90, 3, 0, 1, 0x63, 0x4b, 0xd6})
	f.Fuzz(func(t *testing.T, sent []byte) {
		here, there := net.Pipe()
		go func() { // owner: the pipe, which the link closes
			_, _ = there.Write(sent)
			_ = there.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, there) }() // owner: the pipe, which the link closes
		o := options("pipe")
		o.MaxPacket = 4096
		o.ConnectTimeout, o.WriteTimeout = 200*time.Millisecond, 100*time.Millisecond
		o.OnMessage = func(_ string, payload []byte) {
			if len(payload) > 4096 {
				t.Errorf("payload of %d bytes", len(payload))
			}
		}
		begun := time.Now()
		defer func() {
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		}()
		l, err := client.DialOver(t.Context(), here, o)
		if err != nil {
			return
		}
		select {
		case <-l.Lost():
		case <-time.After(30 * time.Second):
			t.Error("the link outlives its peer")
		}
		l.Close()
	})
}
