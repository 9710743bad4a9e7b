package broker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	m "github.com/printwire/printwire/mqtt/mqtttest"
)

func TestInterop_mosquitto(t *testing.T) {
	for _, program := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	r := start(t, nil)
	_, port, _ := net.SplitHostPort(r.Addr(0).String())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		t.Run(version, func(t *testing.T) {
			common := []string{"-h", "127.0.0.1", "-p", port, "-u", "anna", "-P", "pw-anna", "-V", version}
			_ = r.Publish("kept/"+version, []byte("retained"), true)
			sub := exec.CommandContext(ctx, "mosquitto_sub", append(common, "-q", "2", "-v", "-C", "4", "-t", "kept/"+version, "-t", "live/#")...)
			out, err := sub.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := sub.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			next := func() string {
				lines.Scan()
				return lines.Text()
			}
			if got := next(); got != "kept/"+version+" retained" {
				t.Fatalf("got %q", got)
			}
			for qos := range 3 {
				pub := exec.CommandContext(ctx, "mosquitto_pub", append(common, "-q", fmt.Sprint(qos), "-t", "live/x", "-m", fmt.Sprint(qos))...)
				if msg, err := pub.CombinedOutput(); err != nil || len(msg) > 0 {
					t.Fatalf("mosquitto_pub at QoS %d: %v %s", qos, err, msg)
				}
				if got := next(); got != fmt.Sprint("live/x ", qos) {
					t.Fatalf("got %q at QoS %d", got, qos)
				}
			}
			if err := sub.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a wrong password", func(t *testing.T) {
		msg, err := exec.CommandContext(ctx, "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-u", "anna", "-P", "no", "-t", "x", "-m", "x").CombinedOutput()
		if err == nil || !strings.Contains(strings.ToLower(string(msg)), "not authori") {
			t.Errorf("got %v %s", err, msg)
		}
	})
}

// pahoClient is a strict MQTT 5 client.
func pahoClient(t *testing.T, r *rig, id string, got chan<- *paho.Publish) *paho.Client {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr(0).String())
	if err != nil {
		t.Fatal(err)
	}
	var leaving atomic.Bool
	client := paho.NewClient(paho.ClientConfig{
		ClientID: id, Conn: c, PacketTimeout: 30 * time.Second,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			got <- p.Packet
			return true, nil
		}},
		OnClientError: func(err error) {
			if !leaving.Load() {
				t.Errorf("%s: %v", id, err)
			}
		},
	})
	ack, err := client.Connect(t.Context(), &paho.Connect{
		ClientID: id, Username: "anna", UsernameFlag: true, Password: []byte("pw-anna"), PasswordFlag: true, CleanStart: true, KeepAlive: 30,
	})
	if err != nil || ack.ReasonCode != 0 {
		t.Fatalf("%s: %v %+v", id, err, ack)
	}
	t.Cleanup(func() {
		leaving.Store(true)
		_ = client.Disconnect(&paho.Disconnect{})
	})
	return client
}

func TestInterop_paho_MQTT_5(t *testing.T) {
	r := start(t, nil)
	_ = r.Publish("p/kept", []byte("retained"), true)
	in := make(chan *paho.Publish, 100)
	sub, pub := pahoClient(t, r, "sub", in), pahoClient(t, r, "pub", nil)
	ack, err := sub.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "p/#", QoS: 1}, {Topic: "q/+", QoS: 2, NoLocal: true}}})
	if err != nil || !bytes.Equal(ack.Reasons, []byte{0, 0}) {
		t.Fatalf("%v %+v", err, ack)
	}
	want := func(topic, payload string) *paho.Publish {
		t.Helper()
		select {
		case p := <-in:
			if p.Topic != topic || string(p.Payload) != payload {
				t.Fatalf("got %q = %q, want %q = %q", p.Topic, p.Payload, topic, payload)
			}
			return p
		case <-time.After(30 * time.Second):
			t.Fatalf("nothing came, want %q", topic)
		}
		return nil
	}
	if p := want("p/kept", "retained"); !p.Retain {
		t.Error("not marked retained")
	}
	for qos := range byte(3) {
		_, err := pub.Publish(t.Context(), &paho.Publish{Topic: "p/x", QoS: qos, Payload: []byte{'0' + qos}, Properties: &paho.PublishProperties{
			ContentType: "text/plain", ResponseTopic: "answer", CorrelationData: []byte("7"), User: paho.UserProperties{{Key: "k", Value: "v"}},
		}})
		if err != nil {
			t.Fatalf("publish at QoS %d: %v", qos, err)
		}
		p := want("p/x", string('0'+rune(qos)))
		if p.Properties.ContentType != "text/plain" || p.Properties.ResponseTopic != "answer" || p.Properties.User.Get("k") != "v" {
			t.Errorf("properties %+v", p.Properties)
		}
	}
	if _, err := sub.Unsubscribe(t.Context(), &paho.Unsubscribe{Topics: []string{"p/#"}}); err != nil {
		t.Error(err)
	}
	if _, err := pub.Publish(t.Context(), &paho.Publish{Topic: "q/x", QoS: 1, Payload: []byte("end")}); err != nil {
		t.Error(err)
	}
	want("q/x", "end")
	if _, err := sub.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "$SYS/#"}}}); err == nil {
		t.Error("a system topic was granted")
	}
}

func BenchmarkPublish_retained(b *testing.B) {
	for _, name := range []string{"nobody", "a client of other topics"} {
		b.Run(name, func(b *testing.B) {
			r := start(b, nil)
			if name != "nobody" {
				p := r.join(login("p"))
				p.Subscribe("other/#")
				_ = p.SetReadDeadline(time.Time{})
				go p.Discard() // owner: the benchmark; ends with the connection
			}
			payloads := [][]byte{[]byte("21.5"), []byte("22.0")}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = r.Publish("printwire/01S00C000000001/nozzle_temperature", payloads[i&1], true)
			}
		})
	}
}

func BenchmarkPublish_unchanged(b *testing.B) {
	r, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Publish("printwire/01S00C000000001/nozzle_temperature", []byte("21.5"), true)
	}
}

// BenchmarkPublish_to_50 is one message to 50 clients, read by them all.
func BenchmarkPublish_to_50(b *testing.B) {
	for _, size := range []int{100, 2000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := start(b, nil)
			const clients = 50
			read := make(chan struct{}, clients)
			want := make([]chan int, clients)
			for i := range clients {
				p := r.join(login(fmt.Sprint(i)))
				p.Subscribe("fan/out")
				_ = p.SetReadDeadline(time.Time{})
				want[i] = make(chan int)
				go func() { // owner: the benchmark; ends with the connection
					in := bufio.NewReaderSize(p, 64<<10)
					for n := range want[i] {
						for range n {
							if _, err := m.ReadPacket(in); err != nil {
								return
							}
						}
						read <- struct{}{}
					}
				}()
			}
			payload := bytes.Repeat([]byte("x"), size)
			const batch = 1000
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if n%batch == 0 {
					for _, w := range want {
						w <- batch
					}
				}
				_ = r.Publish("fan/out", payload, false)
				if n++; n%batch == 0 {
					for range clients {
						<-read
					}
				}
			}
			b.ReportMetric(float64(n)*clients/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}
