package webhook

import (
	"net/url"
	"strings"
	"time"

	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
)

// Endpoint is one receiver and what it wants. Its JSON shows no secret; a
// store keeps what Reveal gives.
type Endpoint struct {
	// ID is [a-z0-9_]{1,40} and belongs to the endpoint for ever.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Managed endpoints come from the settings file and refuse edits.
	Managed bool `json:"managed,omitempty"`
	// Target is "url", or "home_assistant" for Home Assistant's event bus,
	// which needs no URL.
	Target string `json:"target"`
	// URL is a secret, because its path may be the only credential.
	URL     secret.Text            `json:"url"`
	Headers map[string]secret.Text `json:"headers,omitempty"`
	// Certificate, if set, is the SHA-256 of the only server certificate that
	// is accepted, in hex; it need then be signed by nobody.
	Certificate string `json:"certificate,omitempty"`

	// Format is the name of a row of Formats.
	Format string `json:"format"`
	// Template is for the format "custom".
	Template Template `json:"template,omitzero"`
	// Variables are words that formats use: a chat's id, the names of fields.
	Variables map[string]string `json:"variables,omitempty"`

	// Events are the names that are wanted; none means the seven that every
	// receiver knows (DefaultEvents). "*" is all.
	Events []string `json:"events,omitempty"`
	// Printers are ids; none means all.
	Printers []int `json:"printers,omitempty"`
	// Results are the ends of jobs that are wanted; none means all.
	Results []printer.Result `json:"results,omitempty"`
	// MinimumMinutes: events of jobs that are known to be shorter are left out.
	MinimumMinutes int        `json:"minimum_minutes,omitempty"`
	Milestones     Milestones `json:"milestones"`

	// TimeZone is the IANA name that the hours are in; "" is the bridge's own.
	TimeZone string `json:"time_zone,omitempty"`
	Quiet    Quiet  `json:"quiet_hours,omitzero"`
	Digest   Digest `json:"digest,omitzero"`
	// Always are events that quiet hours and the digest do not keep back.
	Always []string `json:"always,omitempty"`
	// Ordered is "lenient", where a delivery that failed three times lets
	// later ones pass, or "strict", where it never does.
	Ordered string `json:"ordered"`

	// Signature is "hmac" or "ed25519".
	Signature string `json:"signature"`
	// Secret signs; Previous signs beside it until PreviousUntil.
	Secret        secret.Text `json:"secret"`
	Previous      secret.Text `json:"previous_secret,omitempty"`
	PreviousUntil time.Time   `json:"previous_until,omitzero"`
	// HubSignature adds X-Hub-Signature-256, keyed with the secret's text.
	HubSignature bool `json:"hub_signature,omitempty"`

	// Enabled is false when a person, or the rule for dead endpoints, has
	// switched it off; Disabled says when, by whom and why.
	Enabled  bool      `json:"enabled"`
	Disabled Disabling `json:"disabled,omitzero"`
	// After is the number of the last event before it was made: a clock may
	// have been wrong then.
	After uint64 `json:"after,omitempty"`
	// BacklogFrom: what was queued before it, up to the event BacklogUpTo, is not sent any more.
	BacklogFrom time.Time `json:"backlog_from,omitzero"`
	BacklogUpTo uint64    `json:"backlog_up_to,omitempty"`
	Created     time.Time `json:"created_at,omitzero"`
	Updated     time.Time `json:"updated_at,omitzero"`
}

// Disabling says how an endpoint came to be off. ByRule keeps its backlog.
type Disabling struct {
	At     time.Time `json:"at,omitzero"`
	Reason string    `json:"reason,omitempty"`
	ByRule bool      `json:"by_rule,omitempty"`
}

// Milestones are the points of a job that print_progress is wanted for.
type Milestones struct {
	// Percent are 1–100; nil is 25, 50, 75, an empty list none.
	Percent []int `json:"percent"`
	// EveryLayers is every N layers, 0 for none.
	EveryLayers int `json:"every_layers,omitempty"`
	// MinutesLeft are minutes before the end.
	MinutesLeft []int `json:"minutes_left,omitempty"`
	// Jumps is "all" or "highest": what is told of several that were crossed at once.
	Jumps string `json:"jumps,omitempty"`
	// MinimumMinutes: no milestones of jobs that are known to be shorter.
	MinimumMinutes int `json:"minimum_minutes,omitempty"`
}

// Quiet are hours in which nothing is sent. From and To are "HH:MM", From may
// be later than To; Mode is "hold" (send afterwards, the usual one) or "drop".
// The zero value is no quiet hours.
type Quiet struct {
	Mode string `json:"mode,omitempty"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// Digest is whether events are sent one by one ("immediate"), together once a
// day at At ("digest"), or in both ways ("both"). The zero value is "immediate",
// At alone "digest".
type Digest struct {
	Mode string `json:"mode,omitempty"`
	At   string `json:"at,omitempty"`
}

// Template is a custom body. Body and the values of Headers are templates.
type Template struct {
	Body        string            `json:"body"`
	ContentType string            `json:"content_type,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
}

// Health is how deliveries to an endpoint have fared lately.
type Health struct {
	// Failures in a row, and since when; zero after a success.
	Failures    int       `json:"failures"`
	FailedSince time.Time `json:"failed_since,omitzero"`
	// FailedSeconds is how long it has failed, without gaps in which nothing could be tried.
	FailedSeconds int `json:"failed_seconds,omitempty"`
	// OpenUntil: the breaker lets nothing out before.
	OpenUntil   time.Time `json:"open_until,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// Asked are the events that it gets: DefaultEvents where it names none.
func (e Endpoint) Asked() []string {
	if len(e.Events) == 0 {
		return DefaultEvents()
	}
	return e.Events
}

// Receiver is where the URL leads: its scheme and host, in lower case, or "".
// All else of the URL may be a credential.
func (e Endpoint) Receiver() string {
	u, err := url.Parse(e.URL.Reveal())
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// Condition is how the endpoint fares, in a word: ok, failing or disabled.
func (e Endpoint) Condition(h Health) string {
	switch {
	case !e.Enabled:
		return "disabled"
	case h.Failures > 0:
		return "failing"
	}
	return "ok"
}

// Secrets are all that the endpoint holds, the path of the URL by itself too:
// it may be the only credential.
func (e Endpoint) Secrets() []secret.Text {
	list := []secret.Text{e.URL, e.Secret, e.Previous}
	if u, err := url.Parse(e.URL.Reveal()); err == nil && len(u.RequestURI()) > 1 {
		list = append(list, secret.Text(u.RequestURI()))
	}
	for _, value := range e.Headers {
		list = append(list, value)
	}
	return list
}
