package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// turns says whether a printer is paused with a report, and whether it was not
// with the one before, or the other way round: an event with each report of a
// number, each printer at another time.
func turns(printer int, count, every int64) (paused, event bool) {
	n := count + int64(printer)
	return n/every%2 == 1, n%every == 0
}

// restless is a reporter whose values change with each report, and whose
// printers are paused and go on in turns.
func (f form) restless(every int64) reporter {
	return func(dst []byte, printer int, count int64) []byte {
		state := "RUNNING"
		if paused, _ := turns(printer, count, every); paused {
			state = "PAUSE"
		}
		dst = fmt.Appendf(dst, `{"print":{"gcode_state":%q,"subtask_name":"Vase","gcode_file":"vase.3mf",`, state)
		at := len(dst)
		dst = f.fill(dst, count)
		return slices.Delete(dst, at, at+len(`{"print":{`))
	}
}

// crowd is the receivers of many endpoints of one program.
type crowd struct {
	fleet *fleet
	every int64 // see turns
	url   string
	// refuses and hangs are addresses of the dead half: nobody listens at the
	// one, nobody answers at the other.
	refuses, hangs string

	mu      sync.Mutex
	on      bool
	latency []time.Duration // from the report to the arrival
	began   time.Time
	span    time.Duration
	strange int
}

func newCrowd(b *testing.B, v *fleet, every int64) *crowd {
	b.Helper()
	c := &crowd{fleet: v, every: every}
	server := httptest.NewServer(c)
	b.Cleanup(server.Close)
	c.url = server.URL
	c.refuses = "http://" + unused(b)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connections wait in the queue of the system for ever
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = silent.Close() })
	c.hangs = "http://" + silent.Addr().String()
	return c
}

// section is the settings of so many endpoints, some of them dead.
func (c *crowd) section(endpoints, dead int) string {
	var s strings.Builder
	s.WriteString("webhook_addresses: { loopback: true }\nwebhooks:\n")
	for i := range endpoints {
		url := c.url
		if i < dead {
			url = []string{c.refuses, c.hangs}[i%2]
		}
		fmt.Fprintf(&s, "  - { name: e%d, url: %q, events: [ print_paused, print_resumed ] }\n", i, url)
	}
	return s.String()
}

// ServeHTTP counts a delivery. The layer in it is the number of the report. A
// full report that a printer was asked for says that it prints, and the first
// reports of a job that its layers are not known yet: the events that come with
// those belong to no report of the fleet's, and are not counted.
func (c *crowd) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	i, ok := c.fleet.ids[between(body, `"serial_number":"`, `"`)]
	layer, _ := strconv.ParseInt(between(body, `"layer":`, `,`), 10, 64) // 0 also where it is unknown
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.on:
	case err != nil || !ok || r.Header.Get("webhook-signature") == "":
		c.strange++
	default:
		paused, event := turns(i, layer, c.every)
		if layer == 0 || !event || paused != bytes.Contains(body, []byte(`"event":"print_paused"`)) {
			return
		}
		c.latency = append(c.latency, at.Sub(c.fleet.base)-time.Duration(c.fleet.times[i][layer%remembered].Load()))
	}
}

// between is the text between two others, "" when they are not there.
func between(text []byte, left, right string) string {
	_, rest, _ := bytes.Cut(text, []byte(left))
	found, _, _ := bytes.Cut(rest, []byte(right))
	return string(found)
}

// counting begins or ends a measurement.
func (c *crowd) counting(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on = on; on {
		c.began = time.Now()
		return
	}
	c.span += time.Since(c.began)
}

// report gives what was counted, and begins anew.
func (c *crowd) report(b *testing.B) {
	b.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.latency)
	if len(c.latency) == 0 || c.strange > 0 {
		b.Errorf("%d deliveries, %d that say nothing", len(c.latency), c.strange)
	}
	b.ReportMetric(float64(len(c.latency))/c.span.Minutes(), "deliveries/min")
	b.ReportMetric(quantile(c.latency, 0.5)/1e3, "arrival-p50-ms")
	b.ReportMetric(quantile(c.latency, 0.99)/1e3, "arrival-p99-ms")
	b.Logf("machine's load %s; %d deliveries in %s: p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms after the report", loadOfMachine(), len(c.latency), c.span.Round(time.Second),
		quantile(c.latency, 0.5)/1e3, quantile(c.latency, 0.9)/1e3, quantile(c.latency, 0.99)/1e3, quantile(c.latency, 1)/1e3)
	c.latency, c.span = nil, 0
}

// loadOfMachine is how busy the machine was in the last minute.
func loadOfMachine() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

// serve starts the program with endpoints.
func (c *crowd) serve(b *testing.B, endpoints, dead int) subject {
	b.Helper()
	s := startServe(b, c.fleet, c.section(endpoints, dead))
	s.counting = c.counting
	return s
}

// BenchmarkWebhooks_Arrival is from the report on the printer's socket to the
// arrival of its event at an endpoint: alone, and beside 49 others of which
// half are dead. Ten printers make an event every two seconds each.
func BenchmarkWebhooks_Arrival(b *testing.B) {
	for _, c := range []struct{ endpoints, dead int }{{1, 0}, {50, 25}} {
		b.Run(fmt.Sprintf("endpoints=%d/dead=%d", c.endpoints, c.dead), func(b *testing.B) {
			v := newFleet(b, 10, "A1", time.Second, deltaForm().restless(2))
			defer v.stop()
			receivers := newCrowd(b, v, 2)
			for b.Loop() {
				phase(b, v, receivers.serve(b, c.endpoints, c.dead), false, benchTime(b))
			}
			b.ReportMetric(0, "ns/op")
			receivers.report(b)
		})
	}
}

// BenchmarkWebhooks_Path is the path of a report to an MQTT subscriber with 50
// endpoints, half of them dead, beside the same without any, in turns. Ten
// printers change four values with each report and make an event with each
// fourth; each event goes to 25 receivers that answer.
func BenchmarkWebhooks_Path(b *testing.B) {
	v := newFleet(b, 10, "A1", time.Second, deltaForm().restless(4))
	defer v.stop()
	receivers := newCrowd(b, v, 4)
	for b.Loop() {
		var without, with figures
		for range rounds {
			without.add(phase(b, v, startServe(b, v), false, benchTime(b)))
			with.add(phase(b, v, receivers.serve(b, 50, 25), false, benchTime(b)))
		}
		sideBySide(b, named{"without", &without}, named{"with", &with})
		receivers.report(b)
	}
}

// BenchmarkWebhooks_TenThousand has ten printers make 1,000 events a minute for
// ten endpoints, and measures what 10,000 deliveries a minute cost and whether
// they keep up.
func BenchmarkWebhooks_TenThousand(b *testing.B) {
	v := newFleet(b, 10, "A1", 600*time.Millisecond, deltaForm().restless(1))
	defer v.stop()
	receivers := newCrowd(b, v, 1)
	for b.Loop() {
		f := phase(b, v, receivers.serve(b, 10, 0), false, benchTime(b))
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(f.load, "cpu-%")
		b.ReportMetric(f.memory, "MB")
		receivers.report(b)
	}
}

// BenchmarkWebhooks_Queue is the memory of the program while 100,000
// deliveries wait for 99 endpoints that do not answer.
func BenchmarkWebhooks_Queue(b *testing.B) {
	const endpoints, wanted = 100, 100_000
	v := newFleet(b, 10, "A1", 50*time.Millisecond, deltaForm().restless(1))
	defer v.stop()
	for b.Loop() {
		receivers := newCrowd(b, v, 1)
		s := receivers.serve(b, endpoints, endpoints-1)
		pid := s.cmd.Process.Pid
		receivers.counting(true)
		var marks [5]float64
		var events int
		for i := range marks {
			for deadline := time.Now().Add(3 * time.Minute); events*(endpoints-1) < wanted*i/(len(marks)-1) || events == 0; {
				if time.Now().After(deadline) {
					b.Fatalf("only %d events within 3 minutes", events)
				}
				<-time.After(20 * time.Millisecond)
				receivers.mu.Lock()
				events = len(receivers.latency)
				receivers.mu.Unlock()
			}
			marks[i] = memoryOf(b, pid, "RssAnon:")
		}
		receivers.counting(false)
		b.Logf("own memory in MB while the queue grows to %d: %.1f; with pages of files that the system may drop %.1f MB", events*(endpoints-1), marks, resident(b, pid))
		s.stop()
		_ = s.subscriber.conn.Close()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(marks[0], "empty-MB")
		b.ReportMetric(marks[1], "quarter-MB")
		b.ReportMetric(marks[4], "full-MB")
	}
}
