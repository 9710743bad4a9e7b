package httpapi

import (
	"maps"
	"slices"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

// hidden stands where a secret is.
const hidden = "***"

// Webhook is a webhook endpoint without its secrets.
type Webhook struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Managed     bool              `json:"managed" doc:"Whether it comes from the settings file and cannot be edited here."`
	Enabled     bool              `json:"enabled"`
	State       string            `json:"state" doc:"ok, failing or disabled."`
	Waiting     int               `json:"waiting" doc:"How many deliveries are under way."`
	Disabled    *WebhookDisabling `json:"disabled" doc:"Why it is switched off."`
	Target      string            `json:"target" doc:"url, or home_assistant for the event bus of Home Assistant."`
	URL         *string           `json:"url" doc:"The URL without its path, which may be a credential."`
	Headers     map[string]string `json:"headers" nullable:"false" doc:"The names of the headers that are sent; the values are kept."`
	Certificate *string           `json:"certificate" doc:"The SHA-256 of the only server certificate that is accepted, in hex."`

	Format    string            `json:"format"`
	Template  *WebhookTemplate  `json:"template" doc:"Of the format custom."`
	Variables map[string]string `json:"variables" nullable:"false"`

	Events         []string          `json:"events" nullable:"false" doc:"The names of events; * is all."`
	Printers       []int             `json:"printers" doc:"null is all."`
	Results        []printer.Result  `json:"results" doc:"The ends of prints that are wanted; null is all."`
	MinimumMinutes int               `json:"minimum_minutes"`
	Milestones     WebhookMilestones `json:"milestones"`

	TimeZone *string       `json:"time_zone" doc:"null is the bridge's own."`
	Quiet    *WebhookQuiet `json:"quiet_hours"`
	Digest   WebhookDigest `json:"digest"`
	Always   []string      `json:"always" nullable:"false" doc:"Events that quiet hours and the digest do not keep back."`
	Ordered  string        `json:"ordered" doc:"lenient or strict."`

	Signature     string  `json:"signature" doc:"hmac or ed25519."`
	PublicKey     *string `json:"public_key" doc:"What a receiver checks ed25519 signatures with."`
	Secret        string  `json:"secret,omitempty" doc:"What a receiver checks hmac signatures with: only in the answer that makes it."`
	PreviousUntil *Time   `json:"previous_secret_until" doc:"Until when the secret before the last rotation signs too."`
	HubSignature  bool    `json:"hub_signature" doc:"Whether X-Hub-Signature-256 is sent."`

	Health    WebhookHealth `json:"health"`
	CreatedAt *Time         `json:"created_at"`
	UpdatedAt *Time         `json:"updated_at"`
}

// WebhookDisabling is why an endpoint is off.
type WebhookDisabling struct {
	At     *Time   `json:"at"`
	Reason *string `json:"reason"`
	ByRule bool    `json:"by_rule" doc:"It failed for too long; what happens is kept for it for a while."`
}

// WebhookTemplate is a body, and headers, in Go's text/template.
type WebhookTemplate struct {
	Body        string            `json:"body"`
	ContentType *string           `json:"content_type" doc:"null is application/json."`
	Headers     map[string]string `json:"headers" nullable:"false"`
}

// WebhookMilestones are the points of a print that print_progress is sent for.
type WebhookMilestones struct {
	Percent        []int  `json:"percent" nullable:"false"`
	EveryLayers    int    `json:"every_layers" doc:"0 is none."`
	MinutesLeft    []int  `json:"minutes_left" nullable:"false"`
	Jumps          string `json:"jumps" doc:"all or highest: what is told of several that were crossed at once."`
	MinimumMinutes int    `json:"minimum_minutes"`
}

// WebhookQuiet are hours in which nothing is sent.
type WebhookQuiet struct {
	Mode string `json:"mode" doc:"hold or drop."`
	From string `json:"from" doc:"HH:MM."`
	To   string `json:"to" doc:"HH:MM; may be earlier than from."`
}

// WebhookDigest is whether events are sent together once a day.
type WebhookDigest struct {
	Mode string  `json:"mode" doc:"immediate, digest or both."`
	At   *string `json:"at" doc:"HH:MM."`
}

// WebhookHealth is how deliveries have fared lately.
type WebhookHealth struct {
	Failures    int     `json:"failures" doc:"In a row."`
	FailedSince *Time   `json:"failed_since"`
	PausedUntil *Time   `json:"paused_until" doc:"After several failures nothing is sent before."`
	LastSuccess *Time   `json:"last_success"`
	LastError   *string `json:"last_error"`
	LastErrorAt *Time   `json:"last_error_at"`
}

func describeWebhook(e webhook.Endpoint, h webhook.Health) Webhook {
	w := Webhook{
		ID: e.ID, Name: e.Name, Managed: e.Managed, Enabled: e.Enabled, State: e.Condition(h), Target: e.Target, URL: text(shownURL(e)), Headers: map[string]string{},
		Certificate: text(e.Certificate), Format: e.Format, Template: describeTemplate(e.Template), Variables: copyOf(e.Variables), Events: slices.Clone(e.Asked()), Printers: e.Printers,
		Results: e.Results, MinimumMinutes: e.MinimumMinutes, TimeZone: text(e.TimeZone), Digest: WebhookDigest{Mode: e.Digest.Mode, At: text(e.Digest.At)},
		Always: append([]string{}, e.Always...), Ordered: e.Ordered, Signature: e.Signature, PublicKey: text(e.PublicKey()), HubSignature: e.HubSignature,
		CreatedAt: moment(e.Created), UpdatedAt: moment(e.Updated),
	}
	for name := range e.Headers {
		w.Headers[name] = hidden
	}
	if w.Digest.Mode == "" {
		w.Digest.Mode = "immediate"
	}
	if !e.Enabled {
		w.Disabled = &WebhookDisabling{At: moment(e.Disabled.At), Reason: text(e.Disabled.Reason), ByRule: e.Disabled.ByRule}
	}
	if e.Quiet.Mode != "" {
		w.Quiet = &WebhookQuiet{e.Quiet.Mode, e.Quiet.From, e.Quiet.To}
	}
	m := e.Milestones
	w.Milestones = WebhookMilestones{
		Percent: append([]int{}, e.Marks().Percent...), EveryLayers: m.EveryLayers, MinutesLeft: append([]int{}, m.MinutesLeft...),
		Jumps: m.Jumps, MinimumMinutes: m.MinimumMinutes,
	}
	if e.Previous != "" {
		w.PreviousUntil = moment(e.PreviousUntil)
	}
	mask := maskOf(e)
	w.Health = WebhookHealth{
		Failures: h.Failures, FailedSince: moment(h.FailedSince), PausedUntil: moment(h.OpenUntil), LastSuccess: moment(h.LastSuccess),
		LastError: text(mask.Hide(h.LastError)), LastErrorAt: moment(h.LastErrorAt),
	}
	return w
}

func describeTemplate(t webhook.Template) *WebhookTemplate {
	if t.Body == "" {
		return nil
	}
	return &WebhookTemplate{Body: t.Body, ContentType: text(t.ContentType), Headers: copyOf(t.Headers)}
}

func copyOf(m map[string]string) map[string]string {
	c := map[string]string{}
	maps.Copy(c, m)
	return c
}

// WebhookDelivery is one event on its way to an endpoint, or at its end.
type WebhookDelivery struct {
	ID        string           `json:"id" doc:"The webhook-id, the same on every attempt."`
	Seq       uint64           `json:"seq" doc:"The event's number."`
	Event     string           `json:"event"`
	Kind      string           `json:"kind" doc:"event, digest, or digest_item, which waits for the digest."`
	State     deliveryState    `json:"state" doc:"waiting and retrying are under way."`
	Reason    *string          `json:"reason" doc:"Why it ended without success."`
	PrinterID *int             `json:"printer_id"`
	Printer   *string          `json:"printer_name"`
	Job       *string          `json:"job_id"`
	At        *Time            `json:"timestamp" doc:"When the event was."`
	Items     int              `json:"items" doc:"How many events a digest has."`
	CreatedAt *Time            `json:"created_at"`
	NextTry   *Time            `json:"next_try"`
	ExpiresAt *Time            `json:"expires_at" doc:"It is not tried after."`
	EndedAt   *Time            `json:"ended_at"`
	Tries     int              `json:"tries" doc:"How often it was tried."`
	Attempts  []WebhookAttempt `json:"attempts" nullable:"false" doc:"The last ones, oldest first."`
	Request   *string          `json:"request" doc:"The beginning of the body as it was last sent."`
}

// WebhookAttempt is one try.
type WebhookAttempt struct {
	At           *Time   `json:"at"`
	Milliseconds int     `json:"milliseconds"`
	Status       *int    `json:"status" doc:"The HTTP status; null when there was no answer."`
	Error        *string `json:"error"`
	Response     *string `json:"response" doc:"The beginning of the answer's body."`
}

// describeDelivery hides what a receiver may have sent back of the endpoint's secrets.
func describeDelivery(d webhook.Delivery, mask *secret.Mask) WebhookDelivery {
	w := WebhookDelivery{
		ID: d.ID(), Seq: d.Seq, Event: d.Entry.Name, Kind: "event", State: deliveryState(d.State), Reason: text(mask.Hide(d.Reason)), Printer: text(d.Entry.Printer),
		Job: text(d.Entry.Job), At: moment(d.Entry.Time), Items: len(d.Items), CreatedAt: moment(d.Created), ExpiresAt: moment(d.Expires),
		EndedAt: moment(d.Ended), Tries: d.Tried(), Attempts: []WebhookAttempt{}, Request: text(d.Request),
	}
	if !d.State.Over() {
		w.NextTry = moment(d.Due)
	}
	if id := d.Entry.PrinterID; id != 0 {
		w.PrinterID = &id
	}
	switch d.Part {
	case webhook.Item:
		w.Kind = "digest_item"
	case webhook.Together:
		w.Kind, w.Event = "digest", "digest"
	case webhook.Alone:
	}
	for _, a := range d.Attempts {
		w.Attempts = append(w.Attempts, WebhookAttempt{
			At: moment(a.At), Milliseconds: a.Milliseconds, Status: code(a.Status), Error: text(mask.Hide(a.Error)), Response: text(mask.Hide(a.Response)),
		})
	}
	return w
}

// code is an HTTP status, nil for none.
func code(status int) *int {
	if status == 0 {
		return nil
	}
	return &status
}

// WebhookFormat is one way to write an event.
type WebhookFormat struct {
	Name      string           `json:"name"`
	About     string           `json:"about"`
	Variables []string         `json:"variables" nullable:"false" doc:"The variables that an endpoint must have."`
	Template  *WebhookTemplate `json:"template" doc:"What it is made with, to begin an own template from; null for a format that is no template."`
}

func describeFormats() []WebhookFormat {
	var list []WebhookFormat
	for _, f := range webhook.Formats() {
		list = append(list, WebhookFormat{Name: f.Name, About: f.About, Variables: append([]string{}, f.Variables...), Template: describeTemplate(f.Template)})
	}
	return list
}

// WebhookEvent is one event that an endpoint may ask for.
type WebhookEvent struct {
	Name   string         `json:"name"`
	Label  string         `json:"label"`
	When   string         `json:"when"`
	Origin journal.Origin `json:"origin" doc:"printer, tariff or bridge."`
	Usual  bool           `json:"default" doc:"Whether an endpoint that names no events gets it."`
	Fields []string       `json:"fields" nullable:"false"`
}

func describeEvents() []WebhookEvent {
	var list []WebhookEvent
	usual := webhook.DefaultEvents()
	for _, r := range journal.Events() {
		list = append(list, WebhookEvent{r.Name, r.Label, r.When, r.Origin, slices.Contains(usual, r.Name), append([]string{}, r.Fields...)})
	}
	return list
}
