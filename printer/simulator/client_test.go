package simulator_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/simulator"
)

// authority is one set of keys for all tests: making them takes most of the time.
var authority = sync.OnceValue(func() *simulator.Authority {
	a, err := simulator.NewAuthority(time.Now())
	if err != nil {
		panic(err)
	}
	return a
})

type object = map[string]any

// bench is a running printer with one client that hears everything.
type bench struct {
	*simulator.Printer
	t      *testing.T
	client paho.Client
	heard  chan []byte
}

// printer makes and runs a printer whose clock only Step moves.
func printer(t *testing.T, o simulator.Options) *simulator.Printer {
	t.Helper()
	if o.Speed == 0 {
		o.Speed = -1
	}
	o.Authority = authority()
	p, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }() // owner: the cleanup cancels it and waits
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return p
}

func dial(p *simulator.Printer, id, code string) (paho.Client, error) {
	return connect(p.Addr().String(), id, code)
}

func connect(address, id, code string) (paho.Client, error) {
	options := paho.NewClientOptions().AddBroker("tls://" + address).SetClientID(id).SetUsername("bblp").SetPassword(code).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(30 * time.Second).
		SetTLSConfig(&tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a test of the protocol, not of the certificate
	client := paho.NewClient(options)
	token := client.Connect()
	token.Wait()
	return client, token.Error()
}

// start makes a printer and subscribes to its reports.
func start(t *testing.T, o simulator.Options) *bench {
	t.Helper()
	b := &bench{Printer: printer(t, o), t: t, heard: make(chan []byte, 20_000)}
	client, err := dial(b.Printer, "test-1", "12345678")
	if err != nil {
		t.Fatal(err)
	}
	b.client = client
	t.Cleanup(func() { client.Disconnect(0) })
	token := client.Subscribe("device/"+b.Serial()+"/report", 1, func(_ paho.Client, m paho.Message) { b.heard <- m.Payload() })
	if token.Wait(); token.Error() != nil {
		t.Fatal(token.Error())
	}
	return b
}

// ask publishes a request.
func (b *bench) ask(body string) {
	b.t.Helper()
	b.client.Publish("device/"+b.Serial()+"/request", 0, false, body).Wait()
}

// message is the next message, or a failure after thirty seconds.
func (b *bench) message() object {
	b.t.Helper()
	select {
	case payload := <-b.heard:
		var m object
		if err := json.Unmarshal(payload, &m); err != nil {
			b.t.Fatalf("not JSON: %v: %.80q", err, payload)
		}
		return m
	case <-time.After(30 * time.Second):
		b.t.Fatal("nothing heard for thirty seconds")
		return nil
	}
}

// until skips messages up to one that fits, and returns what is under its key.
func (b *bench) until(key string, fits func(object) bool) object {
	b.t.Helper()
	for range 5000 {
		if body, ok := b.message()[key].(object); ok && fits(body) {
			return body
		}
	}
	b.t.Fatal("no message fits")
	return nil
}

// answer asks and waits for the message with that command and sequence.
func (b *bench) answer(key, command, sequence, body string) object {
	b.t.Helper()
	b.ask(body)
	return b.until(key, func(o object) bool { return o["command"] == command && o["sequence_id"] == sequence })
}

// full is a fresh full report.
func (b *bench) full() object {
	b.t.Helper()
	b.ask(`{"pushing":{"sequence_id":"1","command":"pushall","version":1,"push_target":1}}`)
	return b.until("print", func(o object) bool { return o["command"] == "push_status" && len(o) > 50 })
}

// step moves the clock in small pieces, so that no packet is dropped, and
// returns all reports of that time, in order.
func (b *bench) step(d time.Duration) []object {
	b.t.Helper()
	var reports []object
	for d > 0 {
		piece := min(d, 10*time.Second)
		d -= piece
		b.Step(piece)
		reports = append(reports, b.settle()...)
	}
	return reports
}

// settle returns the reports that are under way: a question after them marks the end.
func (b *bench) settle() []object {
	b.t.Helper()
	b.ask(`{"info":{"sequence_id":"mark","command":"get_version"}}`)
	var reports []object
	for {
		m := b.message()
		if info, ok := m["info"].(object); ok && info["sequence_id"] == "mark" {
			return reports
		}
		if body, ok := m["print"].(object); ok && body["command"] == "push_status" {
			reports = append(reports, body)
		}
	}
}

// merged folds reports into one, as far as these tests look.
func merged(reports ...object) object {
	all := object{}
	for _, r := range reports {
		for k, v := range r {
			all[k] = v
		}
	}
	return all
}

func asFault(err error, target **fault.Error) bool { return errors.As(err, target) }
