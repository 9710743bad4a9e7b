package e2e_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
)

// floorEnv names the file with the bare relay's plan.
const floorEnv = "PRINTWIRE_FLOOR_PLAN"

// floorPlan is what the bare relay connects.
type floorPlan struct {
	Listen, Code string
	Printers     []struct{ Address, Serial string }
}

// TestBenchFloorChild is the bare relay, a process of its own: a TLS link per
// printer, and every report goes as it is to one subscriber. It decodes
// nothing, keeps nothing and checks nothing, so no bridge can be faster. It
// runs only as a child of the benchmarks.
func TestBenchFloorChild(t *testing.T) {
	var plan floorPlan
	planned(t, floorEnv, &plan)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	listener, err := net.Listen("tcp", plan.Listen)
	if err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() }) // owner: the process, which ends with the test
	f := &floor{}
	for _, p := range plan.Printers {
		go func() { // owner: the process, which ends with the test
			if err := f.link(p.Address, p.Serial, plan.Code); err != nil && ctx.Err() == nil {
				_, _ = fmt.Fprintln(os.Stderr, "link:", err)
			}
		}()
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if err := f.admit(conn); err != nil {
			t.Fatal(err)
		}
	}
}

// floor is the bare relay.
type floor struct {
	mu         sync.Mutex
	subscriber net.Conn
}

// link connects to a printer and passes its packets on.
func (f *floor) link(address, serial, code string) error {
	raw, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }()
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	p, err := join(conn, "floor", "bblp", code, "device/"+serial+"/report")
	if err != nil {
		return err
	}
	for {
		kind, body, err := p.packet()
		if err != nil {
			return err
		}
		if kind&0xf0 != 0x30 {
			continue
		}
		f.mu.Lock()
		if f.subscriber != nil {
			_, _ = f.subscriber.Write(frame(kind, body))
		}
		f.mu.Unlock()
	}
}

// admit takes the subscriber: it accepts whatever it says.
func (f *floor) admit(conn net.Conn) error {
	p := &peer{conn: conn, in: bufio.NewReader(conn)}
	for _, answer := range [][]byte{{0x20, 2, 0, 0}, {0x90, 3, 0, 1, 0}} {
		if _, _, err := p.packet(); err != nil {
			return err
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
	f.mu.Lock()
	f.subscriber = conn
	f.mu.Unlock()
	return nil
}
