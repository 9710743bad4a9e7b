package simulator_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer/simulator"
)

func TestLoad(t *testing.T) {
	for model, size := range map[string][2]int{"A1": {260, 420}, "X1C": {10_000, 12_500}} {
		t.Run(model, func(t *testing.T) {
			var mu sync.Mutex
			told := map[int]int64{}
			l, err := simulator.NewLoad(simulator.LoadOptions{Printers: 3, Model: model, Interval: 30 * time.Millisecond, Authority: authority(),
				Sending: func(printer int, count int64, _ time.Time) {
					mu.Lock()
					defer mu.Unlock()
					told[printer] = count
				}})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Listen(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- l.Run(ctx) }() // owner: the test cancels it and waits
			client, err := connect(l.Addr(2).String(), "load", l.AccessCode())
			if err != nil {
				t.Fatal(err)
			}
			heard := make(chan []byte, 1000)
			client.Subscribe("device/"+l.Serial(2)+"/report", 0, func(_ paho.Client, m paho.Message) { heard <- m.Payload() }).Wait()
			t.Run("reports are numbered and stamped", func(t *testing.T) { checkStream(t, heard, size) })
			t.Run("pushall and get_version are answered", func(t *testing.T) {
				topic := "device/" + l.Serial(2) + "/request"
				client.Publish(topic, 0, false, `{"pushing":{"sequence_id":"1","command":"pushall"}}`)
				client.Publish(topic, 0, false, `{"info":{"sequence_id":"2","command":"get_version"}}`)
				full, version := false, false
				for !full || !version {
					m := next(t, heard)
					if p, ok := m["print"].(object); ok && len(p) > 50 && p["gcode_state"] == "RUNNING" {
						full = true
					}
					if i, ok := m["info"].(object); ok && i["module"].([]any)[0].(object)["sn"] == l.Serial(2) {
						version = true
					}
				}
			})
			client.Disconnect(0)
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if l.Clients() != 0 || l.Sent() < 15 || told[0] < 5 || told[0]-told[2] > 1 {
				t.Errorf("%d clients, %d sent, counts %v", l.Clients(), l.Sent(), told)
			}
		})
	}
	if _, err := simulator.NewLoad(simulator.LoadOptions{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no printers: %v", err)
	}
}

func next(t *testing.T, heard chan []byte) object {
	t.Helper()
	select {
	case payload := <-heard:
		var m object
		if err := json.Unmarshal(payload, &m); err != nil {
			t.Fatal(err)
		}
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("nothing heard for thirty seconds")
		return nil
	}
}

func checkStream(t *testing.T, heard chan []byte, size [2]int) {
	t.Helper()
	var last float64
	for i := range 10 {
		payload := <-heard
		if len(payload) < size[0] || len(payload) > size[1] {
			t.Fatalf("%d bytes, want %d to %d", len(payload), size[0], size[1])
		}
		var m struct {
			Print struct {
				Layer    float64 `json:"layer_num"`
				At       int64   `json:"t_ns"`
				Sequence string  `json:"sequence_id"`
				State    struct {
					Layer float64 `json:"layer_num"`
				} `json:"3D"`
			} `json:"print"`
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			t.Fatal(err)
		}
		if age := time.Since(time.Unix(0, m.Print.At)); age < 0 || age > 30*time.Second {
			t.Fatalf("stamped %s ago", age)
		}
		if i > 0 && m.Print.Layer != last+1 {
			t.Fatalf("layer %v after %v", m.Print.Layer, last)
		}
		if d := m.Print.State.Layer; d != 0 && d != m.Print.Layer {
			t.Fatalf("3D.layer_num %v beside %v", d, m.Print.Layer)
		}
		last = m.Print.Layer
	}
}

// A thousand printers must be cheap enough to run beside what they are meant to load.
func BenchmarkLoad(b *testing.B) {
	l, err := simulator.NewLoad(simulator.LoadOptions{Printers: 1000, Interval: time.Second, Authority: authority()})
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Listen(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }() // owner: the benchmark cancels it and waits
	client, err := connect(l.Addr(0).String(), "load", l.AccessCode())
	if err != nil {
		b.Fatal(err)
	}
	heard := make(chan []byte, 1000)
	client.Subscribe("#", 0, func(_ paho.Client, m paho.Message) { heard <- m.Payload() }).Wait()
	for b.Loop() {
		<-heard
	}
	client.Disconnect(0)
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
