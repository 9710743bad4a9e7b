package client_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

// benchReport is the size of a full report of a printer with four AMS units.
const benchReport = 11_300

// benchChild is set for the other processes: one that plays the printers, so
// that what is measured is the client alone, and one for each measurement of
// memory, because a process keeps the stacks that it once had.
const benchChild = "PRINTWIRE_BENCH_CHILD"

// TestBenchmarkPrinters is no test: it is the other process of BenchmarkLink. A
// printer sends as many reports as a request asks for.
func TestBenchmarkPrinters(t *testing.T) {
	if os.Getenv(benchChild) != "printers" {
		t.Skip("the other process of BenchmarkLink")
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{newAuthority(t).server("printer.test")}})
	must(t, err)
	fmt.Println("address", l.Addr())
	report := mqtttest.Publish(4, 0, 0, report, strings.Repeat("x", benchReport)).Bytes()
	go func() { // owner: the process, which ends with its input
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // owner: its connection
				defer func() { _ = conn.Close() }()
				p := &peer{Conn: conn, r: bufio.NewReader(conn)}
				p.welcome()
				for {
					k := p.next()
					d, err := mqtttest.Deliver(4, k)
					if k.Type() == mqtttest.PINGREQ {
						p.send(mqtttest.Packet{Head: mqtttest.PINGRESP << 4})
						continue
					}
					if err != nil {
						return
					}
					for range number(d.Payload) {
						_, _ = conn.Write(report)
					}
				}
			}()
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// child runs a test of this binary as a process of its own, until the benchmark
// ends, and gives the rest of its line that begins with word.
func child(b *testing.B, test, argument, word string) string {
	b.Helper()
	c := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	c.Env = append(os.Environ(), benchChild+"="+argument)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), word+" "); ok {
			return rest
		}
	}
	b.Fatalf("%s did not say %q", test, word)
	return ""
}

func printers(b *testing.B) string { return child(b, "TestBenchmarkPrinters", "printers", "address") }

// engine is a client whose receipt of reports is measured.
type engine struct {
	name string
	dial func(b testing.TB, address, id string, got func()) (request func(reports int), close func())
}

func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

func engines() []engine {
	return []engine{
		{"bare", func(b testing.TB, address, id string, got func()) (func(int), func()) {
			conn, err := tls.Dial("tcp", address, insecure())
			if err != nil {
				b.Fatal(err)
			}
			in := bufio.NewReader(conn)
			say := func(p mqtttest.Packet) { _, _ = conn.Write(p.Bytes()) }
			say(mqtttest.Connect(mqtttest.Login{Client: id}))
			_, _ = mqtttest.ReadPacket(in)
			say(mqtttest.Subscribe(4, 1, nil, mqtttest.Filter{Topic: report}))
			_, _ = mqtttest.ReadPacket(in)
			done := make(chan struct{})
			size := len(mqtttest.Publish(4, 0, 0, report, strings.Repeat("x", benchReport)).Bytes())
			go func() { // owner: close below, which waits
				defer close(done)
				for {
					if _, err := in.Peek(1); err != nil {
						return
					}
					if _, err := io.ReadFull(in, make([]byte, size)); err != nil {
						return
					}
					got()
				}
			}()
			return func(n int) { say(mqtttest.Publish(4, 0, 0, "request", strconv.Itoa(n))) },
				func() { _ = conn.Close(); <-done }
		}},
		{"link", func(b testing.TB, address, id string, got func()) (func(int), func()) {
			l, err := client.Dial(b.Context(), client.LinkOptions{
				Address: address, TLS: insecure(), User: "bblp", Password: "12345678", ClientID: id,
				Subscribe: []string{report}, OnMessage: func(string, []byte) { got() },
			})
			if err != nil {
				b.Fatal(err)
			}
			return func(n int) { _ = l.Publish(b.Context(), "request", []byte(strconv.Itoa(n)), 0) }, l.Close
		}},
		{"paho", func(b testing.TB, address, id string, got func()) (func(int), func()) {
			c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + address).SetTLSConfig(insecure()).
				SetClientID(id).SetUsername("bblp").SetPassword("12345678").SetProtocolVersion(4).
				SetAutoReconnect(false).SetKeepAlive(15 * time.Second).SetPingTimeout(5 * time.Second).SetWriteTimeout(5 * time.Second).
				SetDefaultPublishHandler(func(paho.Client, paho.Message) { got() }))
			if t := c.Connect(); t.Wait() && t.Error() != nil {
				b.Fatal(t.Error())
			}
			c.Subscribe(report, 0, nil).Wait()
			return func(n int) { c.Publish("request", 0, false, strconv.Itoa(n)).Wait() }, func() { c.Disconnect(100) }
		}},
	}
}

// processor is the time that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLink receives full reports over TLS from another process: in a
// stream, and one at a time with the request for it.
func BenchmarkLink(b *testing.B) {
	address := printers(b)
	for _, e := range engines() {
		b.Run(e.name+"/stream", func(b *testing.B) {
			left, done := 0, make(chan struct{})
			request, stop := e.dial(b, address, "bench", func() {
				if left--; left == 0 {
					close(done)
				}
			})
			defer stop()
			left = b.N
			b.ReportAllocs()
			began := processor()
			b.ResetTimer()
			request(b.N)
			<-done
			b.StopTimer()
			b.ReportMetric(float64(processor()-began)/float64(b.N), "cpu-ns/op")
		})
		b.Run(e.name+"/one", func(b *testing.B) {
			got := make(chan struct{}, 1)
			request, stop := e.dial(b, address, "bench", func() { got <- struct{}{} })
			defer stop()
			b.ReportAllocs()
			began := processor()
			b.ResetTimer()
			for range b.N {
				request(1)
				<-got
			}
			b.StopTimer()
			b.ReportMetric(float64(processor()-began)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkLink_Memory is what one of 100 links costs that has had reports.
func BenchmarkLink_Memory(b *testing.B) {
	address := printers(b)
	for _, e := range engines() {
		b.Run(e.name, func(b *testing.B) {
			for b.Loop() {
				line := child(b, "TestBenchmarkMemory", e.name+" "+address, "measured")
				var routines, stack, heap float64
				if _, err := fmt.Sscan(line, &routines, &stack, &heap); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(routines, "goroutines/link")
				b.ReportMetric(stack, "stack-B/link")
				b.ReportMetric(heap, "heap-B/link")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// TestBenchmarkMemory is no test: it is one measurement of BenchmarkLink_Memory.
func TestBenchmarkMemory(t *testing.T) {
	name, address, ok := strings.Cut(os.Getenv(benchChild), " ")
	if !ok {
		t.Skip("one measurement of BenchmarkLink_Memory")
	}
	const links = 100
	e := engines()[slices.IndexFunc(engines(), func(e engine) bool { return e.name == name })]
	got := make(chan struct{}, 3*links)
	before, idle := memory(), runtime.NumGoroutine()
	for i := range links {
		request, stop := e.dial(t, address, "bench-"+strconv.Itoa(i), func() { got <- struct{}{} })
		defer stop()
		request(3)
	}
	for range 3 * links {
		<-got
	}
	after := memory()
	fmt.Println("measured", float64(runtime.NumGoroutine()-idle)/links,
		(float64(after.StackInuse)-float64(before.StackInuse))/links, (float64(after.HeapAlloc)-float64(before.HeapAlloc))/links)
}

// memory is what is in use once the garbage is gone.
func memory() (m runtime.MemStats) {
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}
