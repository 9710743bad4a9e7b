package app

import (
	"reflect"
	"slices"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/webhook"
)

// WebhookRequest says what a webhook endpoint is to be. What is nil stays as it
// is, or as is usual in a new one.
type WebhookRequest struct {
	// Clear are fields that go back to what is usual before the rest is set,
	// named as in the problems of an endpoint.
	Clear []string `json:"clear,omitempty"`

	Name        *string `json:"name,omitempty"`
	Target      *string `json:"target,omitempty"`
	URL         *string `json:"url,omitempty"`
	Certificate *string `json:"certificate,omitempty"`
	// Headers and Variables are set one by one; an empty value takes one away.
	Headers   map[string]string `json:"headers,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`

	Format          *string           `json:"format,omitempty"`
	Template        *string           `json:"template,omitempty"`
	ContentType     *string           `json:"content_type,omitempty"`
	TemplateHeaders map[string]string `json:"template_headers,omitempty"`

	Events *[]string `json:"events,omitempty"`
	// Printers are ids, serials or names.
	Printers       *[]string `json:"printers,omitempty"`
	Results        *[]string `json:"results,omitempty"`
	MinimumMinutes *int      `json:"minimum_minutes,omitempty"`

	Milestones        *[]int  `json:"milestones,omitempty"`
	EveryLayers       *int    `json:"every_layers,omitempty"`
	MinutesLeft       *[]int  `json:"minutes_left,omitempty"`
	Jumps             *string `json:"jumps,omitempty"`
	MilestonesMinimum *int    `json:"milestones_minimum_minutes,omitempty"`

	TimeZone   *string   `json:"time_zone,omitempty"`
	QuietFrom  *string   `json:"quiet_from,omitempty"`
	QuietTo    *string   `json:"quiet_to,omitempty"`
	QuietMode  *string   `json:"quiet_mode,omitempty"`
	DigestAt   *string   `json:"digest_at,omitempty"`
	DigestMode *string   `json:"digest_mode,omitempty"`
	Always     *[]string `json:"always,omitempty"`

	Ordered      *string `json:"ordered,omitempty"`
	Signature    *string `json:"signature,omitempty"`
	HubSignature *bool   `json:"hub_signature,omitempty"`
}

// Empty tells whether the request asks for nothing.
func (q WebhookRequest) Empty() bool {
	none := len(q.Headers)+len(q.Variables)+len(q.TemplateHeaders)+len(q.Clear) == 0
	q.Headers, q.Variables, q.TemplateHeaders, q.Clear = nil, nil, nil, nil
	return none && reflect.ValueOf(q).IsZero()
}

// WebhookRow is a webhook endpoint. Of its secrets it has what is safe to show:
// where the URL goes, and the names of the headers.
type WebhookRow struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Managed bool   `json:"managed"`
	Target  string `json:"target"`
	// URL is the scheme and the host; the rest may be the only credential.
	URL             string            `json:"url,omitempty"`
	Headers         []string          `json:"headers,omitempty"`
	Certificate     string            `json:"certificate,omitempty"`
	Format          string            `json:"format"`
	Template        string            `json:"template,omitempty"`
	ContentType     string            `json:"content_type,omitempty"`
	TemplateHeaders map[string]string `json:"template_headers,omitempty"`
	Variables       map[string]string `json:"variables,omitempty"`

	// Events are those that it gets, also where it names none.
	Events            []string `json:"events"`
	Printers          []int    `json:"printers"`
	Results           []string `json:"results"`
	MinimumMinutes    int      `json:"minimum_minutes"`
	Milestones        []int    `json:"milestones"`
	EveryLayers       int      `json:"every_layers"`
	MinutesLeft       []int    `json:"minutes_left"`
	Jumps             string   `json:"jumps"`
	MilestonesMinimum int      `json:"milestones_minimum_minutes"`

	TimeZone   string   `json:"time_zone,omitempty"`
	QuietMode  string   `json:"quiet_mode,omitempty"`
	QuietFrom  string   `json:"quiet_from,omitempty"`
	QuietTo    string   `json:"quiet_to,omitempty"`
	DigestMode string   `json:"digest_mode,omitempty"`
	DigestAt   string   `json:"digest_at,omitempty"`
	Always     []string `json:"always"`

	Ordered       string    `json:"ordered"`
	Signature     string    `json:"signature"`
	PublicKey     string    `json:"public_key,omitempty"`
	HubSignature  bool      `json:"hub_signature"`
	PreviousUntil time.Time `json:"previous_secret_until,omitzero"`

	// State is ok, failing or disabled; Since and Reason are of the last two.
	State string `json:"state"`
	// Waiting is how many deliveries are under way to it.
	Waiting  int       `json:"waiting"`
	Since    time.Time `json:"since,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	Failures int       `json:"failures"`
	// PausedUntil is when the next attempt may be after several failures.
	PausedUntil time.Time `json:"paused_until,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	Created     time.Time `json:"created_at,omitzero"`
	Updated     time.Time `json:"updated_at,omitzero"`
}

// NewWebhook is an endpoint whose secret was just made; Secret is given out
// only here, and only where the receiver needs it: the signature ed25519 is
// checked with the public key.
type NewWebhook struct {
	WebhookRow
	Secret string `json:"secret,omitempty"`
	// Renewed: an edit made a new one.
	Renewed bool `json:"renewed,omitempty"`
}

// WebhookTest is what came of a test.
type WebhookTest struct {
	OK           bool   `json:"ok"`
	Status       int    `json:"status,omitempty"`
	Milliseconds int    `json:"milliseconds"`
	Error        string `json:"error,omitempty"`
}

// DeliveriesPage is a part of a list of deliveries, the newest first. Next, if
// not "", is the value of before that gives the next part; a part may be short
// and have one all the same.
type DeliveriesPage struct {
	Deliveries []DeliveryRow `json:"deliveries"`
	Next       string        `json:"next,omitempty"`
}

// DeliveryRow is one event on its way to one endpoint.
type DeliveryRow struct {
	ID       string    `json:"id"`
	Endpoint string    `json:"endpoint"`
	Event    string    `json:"event"`
	Printer  string    `json:"printer,omitempty"`
	Seq      uint64    `json:"seq"`
	State    string    `json:"state"`
	Happened time.Time `json:"timestamp"`
	Due      time.Time `json:"due_at,omitzero"`
	Expires  time.Time `json:"expires_at,omitzero"`
	Ended    time.Time `json:"ended_at,omitzero"`
	Tries    int       `json:"tries"`
	Reason   string    `json:"reason,omitempty"`
	// Attempts, oldest first, are as many as are kept; Request is the beginning
	// of the body as it was last sent. A list leaves both out.
	Attempts []DeliveryAttempt `json:"attempts,omitempty"`
	Request  string            `json:"request,omitempty"`
}

// DeliveryAttempt is one try.
type DeliveryAttempt = webhook.Attempt

// RecoverRequest asks for what ended without success since a time.
type RecoverRequest struct {
	Since time.Time `json:"since"`
}

// Recovered is how many deliveries were queued again.
type Recovered struct {
	Count int `json:"recovered"`
}

// WebhookFormat is one way to write an event. Template is empty where the
// format is no template.
type WebhookFormat struct {
	Name            string            `json:"name"`
	About           string            `json:"about"`
	Variables       []string          `json:"variables,omitempty"`
	Template        string            `json:"template,omitempty"`
	ContentType     string            `json:"content_type,omitempty"`
	TemplateHeaders map[string]string `json:"template_headers,omitempty"`
}

// WebhookFormats is the table of formats.
func WebhookFormats() []WebhookFormat {
	var rows []WebhookFormat
	for _, f := range webhook.Formats() {
		rows = append(rows, WebhookFormat{
			Name: f.Name, About: f.About, Variables: f.Variables,
			Template: f.Template.Body, ContentType: f.Template.ContentType, TemplateHeaders: f.Template.Headers,
		})
	}
	return rows
}

// WebhookEvents are the names of the events that an endpoint can ask for.
func WebhookEvents() []string {
	var names []string
	for _, row := range journal.Events() {
		names = append(names, row.Name)
	}
	return names
}

// DeliveryStates are the words for where a delivery is.
func DeliveryStates() []string {
	var list []string
	for _, s := range webhook.States() {
		list = append(list, string(s))
	}
	return list
}

func webhookRow(e webhook.Endpoint, h webhook.Health, now time.Time) WebhookRow {
	row := WebhookRow{
		ID: e.ID, Name: e.Name, Managed: e.Managed, Target: e.Target, URL: shownURL(e), Certificate: e.Certificate,
		Format: e.Format, Template: e.Template.Body, ContentType: e.Template.ContentType, TemplateHeaders: e.Template.Headers, Variables: e.Variables,
		Events: slices.Clone(e.Asked()), Printers: append([]int{}, e.Printers...), Results: []string{}, MinimumMinutes: e.MinimumMinutes,
		Milestones: e.Marks().Percent, EveryLayers: e.Milestones.EveryLayers, MinutesLeft: append([]int{}, e.Milestones.MinutesLeft...),
		Jumps: e.Milestones.Jumps, MilestonesMinimum: e.Milestones.MinimumMinutes,
		TimeZone: e.TimeZone, QuietMode: e.Quiet.Mode, QuietFrom: e.Quiet.From, QuietTo: e.Quiet.To, DigestMode: e.Digest.Mode, DigestAt: e.Digest.At,
		Always: append([]string{}, e.Always...), Ordered: e.Ordered, Signature: e.Signature, PublicKey: e.PublicKey(), HubSignature: e.HubSignature,
		State: e.Condition(h), Failures: h.Failures, PausedUntil: h.OpenUntil, LastSuccess: h.LastSuccess, LastError: h.LastError, LastErrorAt: h.LastErrorAt,
		Created: e.Created, Updated: e.Updated,
	}
	if row.Milestones == nil {
		row.Milestones = []int{}
	}
	for _, r := range e.Results {
		row.Results = append(row.Results, string(r))
	}
	for name := range e.Headers {
		row.Headers = append(row.Headers, name)
	}
	slices.Sort(row.Headers)
	if e.Previous != "" && now.Before(e.PreviousUntil) {
		row.PreviousUntil = e.PreviousUntil
	}
	switch row.State {
	case "disabled":
		row.Since, row.Reason = e.Disabled.At, e.Disabled.Reason
	case "failing":
		row.Since, row.Reason = h.FailedSince, h.LastError
	}
	return row
}

// shownURL is as much of an endpoint's URL as is no secret.
func shownURL(e webhook.Endpoint) string {
	if o := e.Receiver(); o != "" {
		return o + "/…"
	}
	return ""
}

func deliveryRow(d webhook.Delivery) DeliveryRow {
	row := DeliveryRow{
		ID: d.ID(), Endpoint: d.Endpoint, Event: d.Entry.Name, Printer: d.Entry.Printer, Seq: d.Seq, State: string(d.State), Happened: d.Entry.Time,
		Expires: d.Expires, Ended: d.Ended, Tries: d.Tried(), Reason: d.Reason, Attempts: d.Attempts, Request: d.Request,
	}
	if d.Part == webhook.Together {
		row.Event, row.Printer = "digest", ""
	}
	if !d.State.Over() {
		row.Due = d.Due
	}
	return row
}
