package addon

import (
	"context"
	"errors"
	"fmt"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/hass"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
)

// Supervisor is what is asked of Home Assistant's Supervisor; *hass.Supervisor is one.
type Supervisor interface {
	// MQTT is the broker that some app provides, or fault.NotFound.
	MQTT(ctx context.Context) (hass.MQTTService, error)
	// Self is this app.
	Self(ctx context.Context) (hass.App, error)
	// OfferMQTT registers this app as provider; fault.Conflict: there is one.
	OfferMQTT(ctx context.Context, m hass.MQTTService) error
	// WithdrawMQTT removes the registration, whoever made it.
	WithdrawMQTT(ctx context.Context) error
	// Discover suggests a broker to Home Assistant and gives the suggestion's id.
	Discover(ctx context.Context, m hass.MQTTService) (string, error)
	// Undiscover takes a suggestion back.
	Undiscover(ctx context.Context, uuid string) error
	// Login asks whether a name and a password are a person's; fault.Denied: no.
	Login(ctx context.Context, name string, password secret.Text) error
}

// Choice is which broker to use.
type Choice struct {
	// Embedded: run our own. Client: connect to External. "both" sets both.
	Embedded, Client bool
	External         settings.External
	// Provide: offer our own to Home Assistant through the Supervisor.
	Provide bool
	// Why says in a few words how it was chosen, for the log.
	Why string
}

// Choose resolves mqtt.mode. s is nil outside of Home Assistant. An error
// means that the Supervisor could not be asked; ask again.
func Choose(ctx context.Context, s Supervisor, m settings.MQTT) (Choice, error) {
	switch m.Mode {
	case "embedded":
		return Choice{Embedded: true, Provide: s != nil, Why: "set"}, nil
	case "external":
		return Choice{Client: true, External: m.External, Why: "set"}, nil
	case "both":
		return Choice{Embedded: true, Client: true, External: m.External, Why: "set"}, nil
	}
	if s != nil {
		if c, found, err := fromSupervisor(ctx, s); found || err != nil {
			return c, err
		}
	}
	if m.External.Host != "" {
		return Choice{Client: true, External: m.External, Why: "a broker is configured"}, nil
	}
	return Choice{Embedded: true, Provide: s != nil, Why: "there is no other broker"}, nil
}

// fromSupervisor is the broker that another app provides, if one does.
func fromSupervisor(ctx context.Context, s Supervisor) (Choice, bool, error) {
	service, err := s.MQTT(ctx)
	if fault.Is(err, fault.NotFound) {
		return Choice{}, false, nil
	}
	if err != nil {
		return Choice{}, false, err
	}
	self, err := s.Self(ctx)
	if err != nil {
		return Choice{}, false, err
	}
	if service.App == self.Slug {
		return Choice{}, false, nil
	}
	return Choice{
		Client: true, Why: "Home Assistant has the broker of " + service.App,
		External: settings.External{Host: service.Host, Port: service.Port, User: service.User, Password: service.Password, TLS: service.TLS},
	}, true, nil
}

// Offer is our broker as it was offered to Home Assistant.
type Offer struct {
	s    Supervisor
	uuid string
}

// Provide offers our broker, with the login for Home Assistant, as the MQTT
// service and by discovery. A registration of our own from before a restart is
// replaced; that of another app is left alone: fault.Conflict.
func Provide(ctx context.Context, s Supervisor, m hass.MQTTService) (*Offer, error) {
	self, err := s.Self(ctx)
	if err != nil {
		return nil, err
	}
	if m.Host == "" {
		m.Host = self.Hostname
	}
	present, err := s.MQTT(ctx)
	switch {
	case fault.Is(err, fault.NotFound):
	case err != nil:
		return nil, err
	case present.App != self.Slug:
		return nil, fault.New(fault.Conflict, "Home Assistant uses the broker of %s", present.App).
			WithHint("set mqtt_mode to auto to use that broker, or remove it and restart")
	default:
		if err := s.WithdrawMQTT(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.OfferMQTT(ctx, m); err != nil {
		return nil, err
	}
	uuid, err := s.Discover(ctx, m)
	if err != nil {
		return nil, errors.Join(err, s.WithdrawMQTT(ctx))
	}
	return &Offer{s: s, uuid: uuid}, nil
}

// Withdraw takes the offer back, on a change of mode. It stays over a restart,
// because Home Assistant would forget its connection otherwise.
func (o *Offer) Withdraw(ctx context.Context) error {
	var errs []error
	if o.uuid != "" {
		errs = append(errs, o.s.Undiscover(ctx, o.uuid))
	}
	errs = append(errs, o.s.WithdrawMQTT(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("take back the offer of the broker: %w", err)
	}
	return nil
}
