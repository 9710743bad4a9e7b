package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/broker"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/settings"
)

// statusTopic says whether the bridge is there; it is the last will too.
const statusTopic = "printwire/status"

// brokers are the ways to MQTT that the mode asks for.
type brokers struct {
	// embedded or outside may be nil, not both.
	embedded *broker.Broker
	outside  *client.Bus
	// bus publishes on whatever there is.
	bus mqtt.Bus
}

// openBus makes what the choice of brokers asks for.
func (a *App) openBus(ctx context.Context) (err error) {
	choice, err := a.choose(ctx)
	if err != nil {
		return err
	}
	a.log.Debug("MQTT chosen", "embedded", choice.Embedded, "client", choice.Client, "why", choice.Why)
	a.provide = choice.Provide
	a.hide(choice.External.Password)
	b := &a.brokers
	if choice.Embedded {
		if b.embedded, err = a.embedded(); err != nil {
			return err
		}
		b.bus = b.embedded
	}
	if choice.Client {
		if b.outside, err = a.outside(choice.External); err != nil {
			return err
		}
		b.bus = b.outside
	}
	if choice.Embedded && choice.Client {
		b.bus = pair{b.embedded, b.outside}
	}
	return nil
}

// embedded makes the broker inside the program.
func (a *App) embedded() (*broker.Broker, error) {
	s := a.settings.MQTT
	listeners := []broker.Listener{{Network: "tcp", Address: s.Listen}}
	if s.WSListen != "" {
		listeners = append(listeners, broker.Listener{Network: "ws", Address: s.WSListen})
	}
	if s.TLSListen != "" {
		pair, err := tls.X509KeyPair([]byte(s.Certificate), []byte(s.Key.Reveal()))
		if err != nil {
			return nil, fault.New(fault.Invalid, "the broker's certificate and key cannot be used: %w", err).At("mqtt.certificate")
		}
		config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		listeners = append(listeners, broker.Listener{Network: "tls", Address: s.TLSListen, TLS: config})
	}
	return broker.New(broker.Options{
		Listeners: listeners, Gate: gate{a.auth}, Log: a.log, Now: a.now, MaxPacket: s.MaxPacket,
		NoRetain: discovery.NoRetain, Retained: a.store.KV("retained"),
	})
}

// outside makes a client of somebody else's broker.
func (a *App) outside(e settings.External) (*client.Bus, error) {
	scheme := "mqtt"
	var config *tls.Config
	if e.TLS {
		scheme = "mqtts"
		config = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: e.Host}
		if e.CA != "" {
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM([]byte(e.CA)) {
				return nil, fault.New(fault.Invalid, "has no certificate in PEM form").At("mqtt.external.ca")
			}
		}
	}
	return client.NewBus(client.BusOptions{
		Addresses: []string{fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(e.Host, strconv.Itoa(e.Port)))},
		User:      e.User, Password: e.Password, TLS: config, ClientID: "printwire-" + a.install,
		Will:  &client.Will{Topic: statusTopic, Payload: []byte("offline"), Retain: true},
		First: a.settings.HomeAssistant.DiscoveryPrefix + "/device/#", Log: a.log, Now: a.now,
	})
}

// gate lets auth decide about logins at the broker.
type gate struct{ auth *auth.Auth }

// Login asks auth. Whoever has to wait is not told that the password is wrong:
// some clients never come again after that.
func (g gate) Login(l broker.Login) (broker.Grant, error) {
	grant, err := g.auth.MQTT(l.User, l.Password, l.Client, l.Remote)
	if auth.ReasonOf(err) == auth.Limited {
		err = fault.New(fault.Offline, "too many failed logins from this address")
	}
	return broker.Grant{Name: grant.Name, Read: grant.Read, Write: grant.Write}, err
}

// pair is the bus of mode "both": what we publish goes to both brokers, and
// commands come from either. Nothing is copied from one to the other, so no
// message can go round in circles.
type pair struct{ first, second mqtt.Bus }

// Publish publishes on both; what fails on one does not keep the other from it.
func (p pair) Publish(topic string, payload []byte, retain bool) error {
	return errors.Join(p.first.Publish(topic, payload, retain), p.second.Publish(topic, payload, retain))
}

// Clear clears on both.
func (p pair) Clear(topics ...string) error {
	return errors.Join(p.first.Clear(topics...), p.second.Clear(topics...))
}

// Subscribe subscribes on both.
func (p pair) Subscribe(filter string, fn func(mqtt.Message)) (func(), error) {
	stopFirst, err := p.first.Subscribe(filter, fn)
	if err != nil {
		return nil, err
	}
	stopSecond, err := p.second.Subscribe(filter, fn)
	if err != nil {
		stopFirst()
		return nil, err
	}
	return func() { stopFirst(); stopSecond() }, nil
}

// Resend resends on both.
func (p pair) Resend() {
	p.first.Resend()
	p.second.Resend()
}
