package broker

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt/mqtttest"
)

// trap runs a test with all guards, where nothing bad may be seen, and with one
// switched off, where it must be: else the test shows nothing.
func trap(t *testing.T, change func(*Options), off func(*guards), bad func(*testing.T, *rig) string) {
	t.Helper()
	t.Run("guarded", func(t *testing.T) {
		if got := bad(t, start(t, change)); got != "" {
			t.Error(got)
		}
	})
	t.Run("the guard off shows it", func(t *testing.T) {
		if got := bad(t, start(t, change, off)); got == "" {
			t.Error("nothing bad was seen without the guard")
		}
	})
}

// arrives tells whether a packet comes within a time.
func arrives(p *mqtttest.Peer, within time.Duration) bool {
	_ = p.SetReadDeadline(time.Now().Add(within))
	_, err := mqtttest.ReadPacket(p)
	return err == nil
}

// answers tells whether a connection is alive.
func answers(p *mqtttest.Peer) bool {
	_ = p.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := p.Write([]byte{0xc0, 0}); err != nil {
		return false
	}
	for {
		k, err := mqtttest.ReadPacket(p)
		if err != nil {
			return false
		}
		if k.Type() == mqtttest.PINGRESP {
			return true
		}
	}
}

// stall makes a client that never reads and fills it until the broker is stuck in
// a write; its own buffer is small, however much room this machine gives.
func stall(t *testing.T, r *rig, l mqtttest.Login, qos byte) (p *mqtttest.Peer, done chan struct{}) {
	t.Helper()
	p = r.dial()
	narrow(p, 4<<10)
	p.Login(l)
	p.Send(mqtttest.Subscribe(l.Version, 1, nil, mqtttest.Filter{Topic: "flood", Options: qos}))
	_ = p.Next()
	done = make(chan struct{})
	var sent atomic.Int64
	go func() { // owner: the test; ends when the broker stops at the latest, and is waited for
		defer close(done)
		big := bytes.Repeat([]byte("x"), 8<<10)
		for range 3000 {
			_ = r.Publish("flood", big, false)
			sent.Add(1)
		}
	}()
	t.Cleanup(func() { _ = r.stop(); <-done })
	for before := int64(-1); before != sent.Load() || before == 0; { // until it is stuck
		before = sent.Load()
		select {
		case <-done:
			return p, done
		case <-time.After(500 * time.Millisecond):
		}
	}
	return p, done
}

// narrow bounds a client's own buffer.
func narrow(p *mqtttest.Peer, size int) {
	if c, ok := p.Conn.(*net.TCPConn); ok {
		_ = c.SetReadBuffer(size)
	}
}

// crash is a v5 SUBSCRIBE whose filter has no options.
var crash = []byte{0x82, 5, 0, 1, 0, 0, 0}

func TestTrap_T1_a_packet_that_panics(t *testing.T) {
	const key = "PRINTWIRE_TEST_T1"
	if os.Getenv(key) != "" {
		r := start(t, nil, func(g *guards) { g.recover = false })
		p := r.dial()
		p.Login(login5("x"))
		p.SendBytes(crash)
		p.ExpectClosed()
		return
	}
	t.Run("guarded", func(t *testing.T) {
		r := start(t, nil)
		other := r.join(login("other"))
		other.Subscribe("wills/#")
		l := login5("x")
		l.Will = &mqtttest.Will{Topic: "wills/x", Payload: "gone"}
		p := r.join(l)
		p.SendBytes(crash)
		p.ExpectClosed()
		other.ExpectMessage("wills/x", "gone")
		eventually(t, "the dead client is removed", func() bool {
			_, ok := r.server.Clients.Get("x")
			return !ok && len(r.Sessions()) == 1
		})
		r.join(login5("x")).ExpectNothing()
		if r.Stats().Panics != 1 {
			t.Errorf("panics = %d, want 1", r.Stats().Panics)
		}
	})
	t.Run("the guard off ends the process", func(t *testing.T) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTrap_T1_a_packet_that_panics$")
		cmd.Env = append(os.Environ(), key+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: ") {
			t.Errorf("the process lived on: %v\n%s", err, out)
		}
	})
}

func TestTrap_T2_one_stalled_subscriber_stops_all(t *testing.T) {
	t.Parallel()
	slow := func(o *Options) { o.WriteTimeout = time.Minute }
	trap(t, slow, func(g *guards) { g.qos0, g.fanout = false, false }, func(t *testing.T, r *rig) string {
		stall(t, r, login("stalled"), 1)
		done := make(chan struct{})
		good := r.join(login("good"))
		good.Subscribe("flood")
		go func() { // owner: the test; waits, or the broker's end frees it
			defer close(done)
			for range 200 {
				if r.guards.fanout {
					_ = r.Publish("flood", []byte("x"), false)
					continue
				}
				_ = r.server.Publish("flood", []byte("x"), false, 1)
			}
		}()
		select {
		case <-done:
			return ""
		case <-time.After(r.within(2 * time.Second)):
			return "the publisher is stuck"
		}
	})
}

func TestTrap_T3_take_over_of_a_stalled_client(t *testing.T) {
	t.Parallel()
	slow := func(o *Options) { o.WriteTimeout = 12 * time.Second }
	trap(t, slow, func(g *guards) { g.stop, g.fanout = false, false }, func(t *testing.T, r *rig) string {
		stall(t, r, login5("same"), 0)
		p := r.dial()
		begun := time.Now()
		p.Login(login5("same"))
		if d := time.Since(begun); d > 6*time.Second {
			return fmt.Sprintf("CONNACK after %v", d)
		}
		return ""
	})
}

func TestTrap_T4_simultaneous_logins_with_one_id(t *testing.T) {
	trap(t, nil, func(g *guards) { g.lock, g.stop = false, false }, func(t *testing.T, r *rig) string {
		rounds := 40
		if !r.guards.lock {
			rounds = 1000 // until it is seen
		}
		for round := range rounds {
			peers := make([]*mqtttest.Peer, 4)
			for i := range peers {
				peers[i] = r.dial()
			}
			var wg sync.WaitGroup
			for _, p := range peers {
				wg.Go(func() {
					_ = p.SetDeadline(time.Now().Add(20 * time.Second))
					_, _ = p.Write(mqtttest.Connect(login(fmt.Sprint("id", round))).Bytes())
					_, _ = mqtttest.ReadPacket(p)
				})
			}
			wg.Wait()
			alive := 0
			for _, p := range peers {
				if answers(p) {
					alive++
				}
				_ = p.Close()
			}
			if alive != 1 {
				return fmt.Sprintf("round %d: %d connections are alive, want 1", round, alive)
			}
		}
		return ""
	})
}

func TestTrap_T5_a_will_ignores_the_write_rule(t *testing.T) {
	trap(t, nil, func(g *guards) { g.will = false }, func(t *testing.T, r *rig) string {
		l := mqtttest.Login{Client: "w", User: "limited", Password: "pw-limited",
			Will: &mqtttest.Will{Topic: "secret/x", Payload: "boo", Retain: true}}
		_ = r.join(l).Close()
		eventually(t, "the client is gone", func() bool { return len(r.Sessions()) == 0 })
		_, held := r.retained.at("secret/x")
		if held {
			return "the forbidden will was retained"
		}
		return ""
	})
}

func TestTrap_T6_keepalive_overflows(t *testing.T) {
	for _, keepalive := range []uint16{43690, 43691, 65535} {
		t.Run(fmt.Sprint(keepalive), func(t *testing.T) {
			l := login5("k")
			l.Keepalive = keepalive
			ack := start(t, nil).dial().Connect(l)
			told := bytes.Contains(ack.Body, []byte{0x13, 0xaa, 0xaa})
			if ack.Body[1] != 0 || told != (keepalive > 43690) {
				t.Errorf("got %v", ack)
			}
		})
	}
	trap(t, nil, func(g *guards) { g.keepalive = false }, func(t *testing.T, r *rig) string {
		p := r.dial()
		l := login("k")
		l.Keepalive = 43691
		p.Send(mqtttest.Connect(l))
		if !arrives(p, r.within(time.Second)) || !answers(p) {
			return "disconnected at once"
		}
		return ""
	})
}

func TestTrap_T7_a_denied_publish_to_a_311_client(t *testing.T) {
	trap(t, nil, func(g *guards) { g.ack = false }, func(t *testing.T, r *rig) string {
		watch := r.join(login("watch"))
		watch.Subscribe("secret/#")
		p := r.join(mqtttest.Login{Client: "p", User: "limited", Password: "pw-limited"})
		p.Send(mqtttest.Publish(4, 2, 5, "secret/x", "boo"))
		if !arrives(p, r.within(time.Second)) || !answers(p) {
			return "no PUBACK, or disconnected"
		}
		watch.ExpectNothing()
		return ""
	})
}

func TestTrap_T8_system_topics_are_not_acknowledged(t *testing.T) {
	trap(t, nil, func(g *guards) { g.dollar = false }, func(t *testing.T, r *rig) string {
		p := r.join(login("p"))
		for i, topic := range []string{"$SYS/x", "$sys/broker", "$SYS"} {
			p.Send(mqtttest.Publish(4, 2, uint16(i+1), topic, "x"))
			if !arrives(p, r.within(300*time.Millisecond)) {
				return "no PUBACK for " + topic
			}
		}
		p.ExpectNothing()
		return ""
	})
}

func TestTrap_T9_silent_connections_stay(t *testing.T) {
	t.Parallel()
	short := func(o *Options) { o.ConnectTimeout = 300 * time.Millisecond }
	trap(t, short, func(g *guards) { g.deadline = false }, func(t *testing.T, r *rig) string {
		for i := range r.opt.Listeners {
			p := mqtttest.Dial(t, "tcp", r.Addr(i).String()) // no handshake either
			_, _ = p.Write([]byte{0x10})
			_ = p.SetReadDeadline(time.Now().Add(r.within(1500 * time.Millisecond)))
			if _, err := p.Read(make([]byte, 1)); err != nil && strings.Contains(err.Error(), "timeout") {
				return "still open: " + r.opt.Listeners[i].Network
			}
		}
		return ""
	})
}

func TestTrap_T10_a_header_allocates_256_MB(t *testing.T) {
	trap(t, nil, func(g *guards) { g.size = false }, func(t *testing.T, r *rig) string {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p := r.dial()
		p.SendBytes([]byte{0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4, 'M', 'Q', 'T', 'T', 4})
		if r.guards.size {
			p.ExpectClosed()
		} else {
			eventually(t, "the packet is read", func() bool {
				runtime.ReadMemStats(&after)
				return after.TotalAlloc-before.TotalAlloc > 10<<20
			})
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 10<<20 {
			return fmt.Sprintf("%d MB were allocated", got>>20)
		}
		return ""
	})
}

func TestTrap_T13_a_stalled_client_that_talks(t *testing.T) {
	t.Parallel()
	short := func(o *Options) { o.WriteTimeout = 500 * time.Millisecond }
	trap(t, short, func(g *guards) { g.split = false }, func(t *testing.T, r *rig) string {
		p, _ := stall(t, r, login("talker"), 0)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range r.within(2500*time.Millisecond) / (100 * time.Millisecond) {
			<-tick.C
			if _, err := p.Write(mqtttest.Publish(4, 0, 0, "a", "b").Bytes()); err != nil {
				return ""
			}
			if len(r.Sessions()) == 0 {
				return ""
			}
		}
		return "still connected"
	})
}
