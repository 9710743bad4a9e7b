// Package hass owns the client of Home Assistant's Supervisor: services,
// discovery, people's logins and the app's own facts. It decides nothing about brokers; addon
// does.
package hass

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// SupervisorURL is where the Supervisor answers inside an app.
const SupervisorURL = "http://supervisor"

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// Supervisor is a client of the Supervisor. Every method returns
// fault.Offline when it cannot be reached, fault.Denied when the app's
// manifest does not allow the call, and fault.Internal for answers that make
// no sense.
type Supervisor struct {
	base  string
	token secret.Text
	http  *http.Client
}

// NewSupervisor makes a client; base is SupervisorURL but for tests.
func NewSupervisor(base string, token secret.Text) *Supervisor {
	return &Supervisor{base: strings.TrimSuffix(base, "/"), token: token, http: &http.Client{Timeout: 10 * time.Second}}
}

// MQTTService is the broker that the Supervisor knows.
type MQTTService struct {
	// App is the slug of the app that provides it; not sent with an offer.
	App      string      `json:"addon,omitempty"`
	Host     string      `json:"host"`
	Port     int         `json:"port"`
	TLS      bool        `json:"ssl"`
	User     string      `json:"username,omitempty"`
	Password secret.Text `json:"-"`
	Protocol string      `json:"protocol"`
}

// App is what the Supervisor knows about this app.
type App struct {
	// Slug is the full one, with the repository's hash.
	Slug    string `json:"slug"`
	Version string `json:"version"`
	// Hostname is the container's name in the internal network.
	Hostname  string `json:"hostname"`
	IPAddress string `json:"ip_address"`
	// IngressURL is the path of our pages on Home Assistant's own address.
	IngressURL  string `json:"ingress_url"`
	IngressPort int    `json:"ingress_port"`
}

// MQTT is the broker that some app provides, or fault.NotFound.
func (s *Supervisor) MQTT(ctx context.Context) (MQTTService, error) {
	var answer struct {
		MQTTService
		Password string `json:"password"`
	}
	if err := s.call(ctx, http.MethodGet, "/services/mqtt", nil, &answer); err != nil {
		return MQTTService{}, fmt.Errorf("ask for the MQTT service: %w", err)
	}
	service := answer.MQTTService
	service.Password = secret.Text(answer.Password)
	if service.Host == "" || service.Port < 1 || service.Port > 65535 {
		return MQTTService{}, fault.New(fault.Internal, "the Supervisor's MQTT service has no usable address")
	}
	return service, nil
}

// OfferMQTT registers this app as the provider of MQTT. fault.Conflict: some
// app, perhaps this one before its restart, is registered already.
func (s *Supervisor) OfferMQTT(ctx context.Context, m MQTTService) error {
	if err := s.call(ctx, http.MethodPost, "/services/mqtt", wire(m), nil); err != nil {
		return fmt.Errorf("offer the MQTT service: %w", err)
	}
	return nil
}

// WithdrawMQTT removes the registration, whoever made it: look first.
func (s *Supervisor) WithdrawMQTT(ctx context.Context) error {
	if err := s.call(ctx, http.MethodDelete, "/services/mqtt", nil, nil); err != nil {
		return fmt.Errorf("withdraw the MQTT service: %w", err)
	}
	return nil
}

// Discover suggests the broker to Home Assistant and gives the suggestion's id.
func (s *Supervisor) Discover(ctx context.Context, m MQTTService) (string, error) {
	var answer struct {
		UUID string `json:"uuid"`
	}
	body := map[string]any{"service": "mqtt", "config": wire(m)}
	if err := s.call(ctx, http.MethodPost, "/discovery", body, &answer); err != nil {
		return "", fmt.Errorf("suggest the broker to Home Assistant: %w", err)
	}
	return answer.UUID, nil
}

// Undiscover takes a suggestion back.
func (s *Supervisor) Undiscover(ctx context.Context, uuid string) error {
	if err := s.call(ctx, http.MethodDelete, "/discovery/"+url.PathEscape(uuid), nil, nil); err != nil {
		return fmt.Errorf("take back the suggestion of the broker: %w", err)
	}
	return nil
}

// Self is this app.
func (s *Supervisor) Self(ctx context.Context) (App, error) {
	var app App
	if err := s.call(ctx, http.MethodGet, "/addons/self/info", nil, &app); err != nil {
		return App{}, fmt.Errorf("ask for the app's own facts: %w", err)
	}
	if app.Slug == "" {
		return App{}, fault.New(fault.Internal, "the Supervisor does not say which app this is")
	}
	return app, nil
}

// Login asks whether a name and a password are those of a person of Home
// Assistant. fault.Denied: they are not.
func (s *Supervisor) Login(ctx context.Context, name string, password secret.Text) error {
	body := map[string]any{"username": name, "password": password.Reveal()}
	if err := s.call(ctx, http.MethodPost, "/auth", body, nil); err != nil {
		return fmt.Errorf("ask for a person of Home Assistant: %w", err)
	}
	return nil
}

// wire is a service as the Supervisor takes it, with the password in it.
func wire(m MQTTService) map[string]any {
	protocol := m.Protocol
	if protocol == "" {
		protocol = "3.1.1"
	}
	w := map[string]any{"host": m.Host, "port": m.Port, "ssl": m.TLS, "protocol": protocol}
	if m.User != "" {
		w["username"], w["password"] = m.User, m.Password.Reveal()
	}
	return w
}

func (s *Supervisor) call(ctx context.Context, method, path string, body, into any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, reader)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token.Reveal())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return fault.New(fault.Offline, "the Supervisor cannot be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return decode(resp, into)
}

// decode takes the Supervisor's envelope apart.
func decode(resp *http.Response, into any) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fault.New(fault.Offline, "the Supervisor's answer broke off: %w", err)
	}
	var envelope struct {
		Result  string          `json:"result"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil && resp.StatusCode < 300 {
		return fmt.Errorf("read the Supervisor's answer: %w", err)
	}
	if resp.StatusCode >= 300 || envelope.Result != "ok" {
		return refusal(resp.StatusCode, envelope.Message)
	}
	if into == nil {
		return nil
	}
	if len(envelope.Data) == 0 {
		return errors.New("the Supervisor's answer has no data")
	}
	if err := json.Unmarshal(envelope.Data, into); err != nil {
		return fmt.Errorf("read the Supervisor's answer: %w", err)
	}
	return nil
}

// refusal classifies an answer that says no. The Supervisor tells the reason
// only by its text.
func refusal(status int, message string) error {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "not enabled"), status == http.StatusNotFound:
		return fault.New(fault.NotFound, "no app provides the service")
	case strings.Contains(lower, "already"):
		return fault.New(fault.Conflict, "another registration exists: %.200s", message)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fault.New(fault.Denied, "the Supervisor does not allow the call: %.200s", message)
	default:
		return fault.New(fault.Internal, "the Supervisor answered %d: %.200s", status, message)
	}
}
