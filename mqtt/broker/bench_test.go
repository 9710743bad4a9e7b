package broker

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt"
	m "github.com/printwire/printwire/mqtt/mqtttest"
)

// The benchmarks' fleet: so many printers with so many values each, to which one
// client subscribed as Home Assistant does: a filter for each value, up to 500 in
// a packet, all with one identifier, and 66 filters for announcements.
const benchPrinters, benchValues = 100, 100

func benchTopic(printer, value int) string {
	return fmt.Sprintf("printwire/00M00L%09d/some_value_of_it_%03d", printer, value)
}

func likeHomeAssistant(b *testing.B, r *rig) {
	p := r.join(login5("home"))
	wild := []byte{}
	for i := range 33 {
		for _, tail := range []string{"/+/config", "/+/+/config"} {
			p.Send(m.Subscribe(5, uint16(len(wild)+1), []byte{0x0b, byte(2 + len(wild))}, m.Filter{Topic: fmt.Sprintf("homeassistant/component%d%s", i, tail)}))
			wild = append(wild, 0)
			_ = p.Next()
		}
	}
	for i := range benchPrinters {
		var filters []m.Filter
		for v := range benchValues {
			filters = append(filters, m.Filter{Topic: benchTopic(i, v)})
		}
		p.Send(m.Subscribe(5, uint16(1000+i), []byte{0x0b, 1}, filters...))
		_ = p.Next()
	}
	_ = p.SetDeadline(time.Time{})
	go func() { _, _ = io.Copy(io.Discard, p) }() // owner: the benchmark; ends with the connection
}

// BenchmarkFleet_report is one report in which four values changed, ours beside
// what the library does with the same messages.
func BenchmarkFleet_report(b *testing.B) {
	for _, name := range []string{"ours", "library"} {
		b.Run(name, func(b *testing.B) {
			r := start(b, nil, func(g *guards) { g.fanout = name == "ours" })
			likeHomeAssistant(b, r)
			payloads := [][]byte{[]byte("21.5"), []byte("22.0")}
			topics, list := benchTopics(), make([]mqtt.Message, 4)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for v := range list {
					list[v] = mqtt.Message{Topic: topics[i%benchPrinters][v], Payload: payloads[i/benchPrinters&1], Retain: true}
				}
				if name == "ours" {
					_ = r.PublishAll(list)
				} else {
					for _, one := range list {
						_ = r.server.Publish(one.Topic, one.Payload, false, 0)
					}
				}
				if i%16 == 15 {
					runtime.Gosched() // as reports do not come at once
				}
			}
			b.ReportMetric(float64(r.Stats().Dropped), "dropped")
		})
	}
}

// BenchmarkFleet_heap is what the subscriptions take.
func BenchmarkFleet_heap(b *testing.B) {
	for _, name := range []string{"ours", "library"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := start(b, nil, func(g *guards) { g.fanout = name == "ours" })
				before := heapNow()
				likeHomeAssistant(b, r)
				b.ReportMetric(float64(heapNow()-before)/benchPrinters/1024, "kB/printer")
				_ = r.stop()
			}
		})
	}
}

func benchTopics() (list [benchPrinters][4]string) {
	for i := range list {
		for v := range list[i] {
			list[i][v] = benchTopic(i, v)
		}
	}
	return list
}

func heapNow() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
