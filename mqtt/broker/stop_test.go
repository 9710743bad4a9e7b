package broker

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt"
	m "github.com/printwire/printwire/mqtt/mqtttest"
)

func TestBroker_stop_sends_what_is_queued_and_says_why(t *testing.T) {
	r := start(t, patient)
	five, four := r.join(login5("five")), r.join(login("four"))
	five.Subscribe("#")
	four.Subscribe("#")
	const n = 2000
	for i := range n {
		_ = r.Publish("x", []byte(fmt.Sprint(i)), false)
	}
	_ = r.Publish("status", []byte("offline"), true)
	ended := make(chan error, 1)
	go func() { ended <- r.stop() }() // owner: the test; waits below
	for _, p := range []*m.Peer{five, four} {
		for i := range n {
			p.ExpectMessage("x", fmt.Sprint(i))
		}
		p.ExpectMessage("status", "offline")
	}
	if k := five.Next(); k.Type() != m.DISCONNECT || k.Body[0] != 0x8b {
		t.Errorf("got %v, want server shutting down", k)
	}
	five.ExpectClosed()
	four.Discard()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBroker_stop_is_bounded_with_stalled_clients(t *testing.T) {
	r := start(t, func(o *Options) { o.StopTimeout, o.WriteTimeout = time.Second, time.Minute })
	for i := range 3 {
		stall(t, r, login(fmt.Sprint(i)), 0)
	}
	begun := time.Now()
	_ = r.stop()
	if d := time.Since(begun); d > 30*time.Second { // room for a busy machine; without a limit it is a minute
		t.Errorf("stopping took %v", d)
	}
}

func TestBroker_starts_and_stops_under_load_and_leaves_nothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 30 {
		r := start(t, func(o *Options) {
			o.Listeners = o.Listeners[:1]
			o.StopTimeout = time.Second
		})
		quit := make(chan struct{})
		var wg sync.WaitGroup
		for c := range 4 {
			p := r.join(login(fmt.Sprint(c)))
			p.Subscribe("load/#")
			wg.Go(func() { p.Discard() })
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-quit:
						return
					default:
					}
					if _, err := p.Write(m.Publish(4, 0, 0, fmt.Sprint("load/", c), "x").Bytes()); err != nil {
						return
					}
					_ = r.Publish("load/ours", fmt.Append(nil, i), true)
				}
			})
		}
		begun := time.Now()
		_ = r.stop()
		if d := time.Since(begun); d > 30*time.Second {
			t.Errorf("stopping took %v", d)
		}
		close(quit)
		wg.Wait()
	}
	eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= before+2 })
}

func TestBroker_a_stalled_subscriber_hurts_nobody(t *testing.T) {
	r := start(t, nil)
	_, flooded := stall(t, r, login("stalled"), 0)
	<-flooded
	good := r.join(login("good"))
	good.Subscribe("flood")
	big := bytes.Repeat([]byte("y"), 8<<10)
	for range 2000 {
		_ = r.Publish("flood", big, false)
	}
	for range 2000 {
		good.ExpectMessage("flood", string(big))
	}
}

func TestBroker_OnACLCheck_allocates_nothing(t *testing.T) {
	r := start(t, nil)
	r.join(m.Login{Client: "l", User: "limited", Password: "pw-limited"})
	h, cl := &hook{b: r.Broker}, r.sessionConn("l").client
	if n := testing.AllocsPerRun(1000, func() {
		if !h.OnACLCheck(cl, "printwire/01S00C000000001/nozzle_temperature", false) || h.OnACLCheck(cl, "secret/x", false) {
			t.Error("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestBroker_Subscribe_can_be_stopped_from_its_own_call(t *testing.T) {
	r := start(t, nil)
	p := r.join(login("p"))
	ready, calls := make(chan struct{}), make(chan mqtt.Message, 10)
	var stop func()
	stop, err := r.Subscribe("#", func(m mqtt.Message) {
		<-ready
		stop()
		calls <- m
	})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	for range 5 {
		p.Publish("x", "1", false)
	}
	<-calls
	select {
	case m := <-calls:
		t.Errorf("called again with %v", m)
	case <-time.After(20 * time.Millisecond):
	}
}

func TestBroker_Subscribe_counts_what_a_slow_function_lost(t *testing.T) {
	r := start(t, nil)
	p := r.join(login("p"))
	hold, got := make(chan struct{}), make(chan mqtt.Message, 10000)
	stop, err := r.Subscribe("#", func(m mqtt.Message) { <-hold; got <- m })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	const n = 5000
	for i := range n {
		p.Publish("x", fmt.Sprint(i), false)
	}
	close(hold)
	seen := 0
	for m := range got {
		if seen++; string(m.Payload) == fmt.Sprint(n-1) {
			break
		}
	}
	if dropped := r.Stats().Dropped; dropped != uint64(n-seen) || seen < subscriptionQueue {
		t.Errorf("%d seen, %d dropped of %d", seen, dropped, n)
	}
}

func TestBroker_MaxQoS_0_acknowledges_nothing(t *testing.T) {
	zero := byte(0)
	r := start(t, func(o *Options) { o.MaxQoS = &zero })
	p := r.join(login("p"))
	p.Subscribe("x")
	p.Send(m.Publish(4, 2, 5, "x", "1"))
	p.ExpectMessage("x", "1")
	p.ExpectNothing()
	if ack := r.dial().Connect(login5("q")); !bytes.Contains(ack.Body, []byte{0x24, 0}) {
		t.Errorf("got %v, want maximum QoS 0", ack)
	}
}
