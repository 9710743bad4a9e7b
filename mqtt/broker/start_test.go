package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/mqtttest"
)

// gate lets a user in whose password is "pw-" and the name. "limited" may not
// touch "secret/…"; "broken" makes the gate fail.
type gate struct{}

func (gate) Login(l Login) (Grant, error) {
	if l.User == "broken" {
		return Grant{}, fault.New(fault.Offline, "not ready")
	}
	if l.Password.Reveal() != "pw-"+l.User {
		return Grant{}, fault.New(fault.Denied, "no")
	}
	all := func(string) bool { return true }
	if l.User != "limited" {
		return Grant{Name: l.User, Read: all, Write: all}, nil
	}
	open := func(topic string) bool { return !strings.HasPrefix(topic, "secret") }
	return Grant{Name: l.User, Read: open, Write: open}, nil
}

// rig is a running broker.
type rig struct {
	*Broker
	t    testing.TB
	stop func() error
}

func login(client string) mqtttest.Login {
	return mqtttest.Login{Client: client, User: "anna", Password: "pw-anna", Keepalive: 60}
}

func login5(client string) mqtttest.Login {
	l := login(client)
	l.Version = 5
	return l
}

// start runs a broker with all guards, or as off changes them.
func start(t testing.TB, change func(*Options), off ...func(*guards)) *rig {
	t.Helper()
	o := Options{
		Listeners:   []Listener{{Network: "tcp", Address: "127.0.0.1:0"}, {Network: "tls", Address: "127.0.0.1:0", TLS: certificate(t)}, {Network: "ws", Address: "127.0.0.1:0"}, {Network: "wss", Address: "127.0.0.1:0", TLS: certificate(t)}},
		Gate:        gate{},
		RefuseDelay: -1,
		PerAddress:  1000,
		// A machine that does much else is not to be told from a client that is slow.
		ConnectTimeout: time.Minute,
		WriteTimeout:   time.Minute,
	}
	if change != nil {
		change(&o)
	}
	g := allGuards()
	for _, f := range off {
		f(&g)
	}
	b, err := newBroker(o, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }() // owner: the test; stop waits
	r := &rig{Broker: b, t: t}
	var done bool
	r.stop = func() error {
		if done {
			return nil
		}
		done = true
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Minute):
			t.Error("Run did not return")
			return nil
		}
	}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// patient is for tests of what a client is told before it is ended.
func patient(o *Options) {
	o.parting, o.grace, o.StopTimeout = 20*time.Second, 20*time.Second, 50*time.Second
}

// within is how long a test waits for what the guards see to: for as long as a
// busy machine may take, and with one of them off no longer than it takes to show.
func (r *rig) within(off time.Duration) time.Duration {
	if r.guards != allGuards() {
		return off
	}
	return 30 * time.Second
}

// dial opens a connection over TCP.
func (r *rig) dial() *mqtttest.Peer { return r.dialOver(0) }

func (r *rig) dialOver(i int) *mqtttest.Peer {
	r.t.Helper()
	return mqtttest.Dial(r.t, r.opt.Listeners[i].Network, r.Addr(i).String())
}

// join opens a connection and logs in; the broker knows the session then.
func (r *rig) join(l mqtttest.Login) *mqtttest.Peer {
	r.t.Helper()
	p := r.dial()
	p.Login(l)
	p.ExpectNothing() // the session is known once something is answered
	return p
}

// eventually waits for a state that no packet tells of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

func TestBroker_Conform(t *testing.T) {
	for i, network := range []string{"tcp", "tls", "ws", "wss"} {
		t.Run(network, func(t *testing.T) {
			mqtttest.Conform(t, func(t *testing.T) mqtttest.Setup {
				r := start(t, nil)
				return mqtttest.Setup{Bus: mqtt.Bus(r), Other: mqtttest.NewRemote(func() *mqtttest.Peer {
					p := r.dialOver(i)
					p.Login(login(""))
					return p
				})}
			})
		})
	}
}
