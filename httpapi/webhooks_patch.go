package httpapi

import (
	"cmp"
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

// WebhookRequest says what an endpoint is: a JSON merge patch. What is left out
// stays, null is the usual again. Values are checked together, so that all that
// is wrong is told at once.
type WebhookRequest struct {
	Name        patch[string]                  `json:"name,omitzero" doc:"1 to 64 characters." example:"Workshop notices"`
	Target      patch[string]                  `json:"target,omitzero" doc:"url, or home_assistant for the event bus of Home Assistant, which needs no URL." example:"url"`
	URL         patch[secret.Text]             `json:"url,omitzero" writeOnly:"true" example:"https://hooks.example.org/printwire" doc:"http or https; private addresses are allowed, this machine itself is not. It is never given out again: what is shown in its place leaves it as it is."`
	Headers     patch[map[string]*secret.Text] `json:"headers,omitzero" writeOnly:"true" doc:"Further headers; null takes one away. A value is never given out again: the *** in its place leaves it as it is. With a URL of another host they are to be given anew."`
	Certificate patch[string]                  `json:"certificate,omitzero" doc:"The SHA-256 of the only server certificate that is accepted, 64 hex digits."`

	Format    patch[string]             `json:"format,omitzero" doc:"The name of a format; see GET /webhooks/formats." example:"standard"`
	Template  patch[TemplateRequest]    `json:"template,omitzero" doc:"For the format custom."`
	Variables patch[map[string]*string] `json:"variables,omitzero" doc:"Words that the format uses; null takes one away."`

	Events         patch[[]string]          `json:"events,omitzero" doc:"Names of events, see GET /webhooks/events; * is all."`
	Printers       patch[[]int]             `json:"printers,omitzero" doc:"Ids of printers; null is all."`
	Results        patch[[]string]          `json:"results,omitzero" doc:"success, failed, stopped; null is all."`
	MinimumMinutes patch[int]               `json:"minimum_minutes,omitzero" doc:"Nothing of prints that are known to be shorter."`
	Milestones     patch[MilestonesRequest] `json:"milestones,omitzero"`

	TimeZone     patch[string]        `json:"time_zone,omitzero" doc:"An IANA name such as Europe/Berlin; null is the bridge's own."`
	Quiet        patch[QuietRequest]  `json:"quiet_hours,omitzero" doc:"Hours in which nothing is sent."`
	Digest       patch[DigestRequest] `json:"digest,omitzero" doc:"Events together, once a day."`
	Always       patch[[]string]      `json:"always,omitzero" doc:"Events that quiet hours and the digest do not keep back."`
	Ordered      patch[string]        `json:"ordered,omitzero" doc:"lenient, where a delivery that failed three times lets later ones pass, or strict." example:"lenient"`
	Signature    patch[string]        `json:"signature,omitzero" doc:"hmac or ed25519. A change makes a new secret." example:"hmac"`
	HubSignature patch[bool]          `json:"hub_signature,omitzero" doc:"Send X-Hub-Signature-256 too."`
}

// NewWebhookRequest is what a new endpoint is.
type NewWebhookRequest struct {
	WebhookRequest
	Secret secret.Text `json:"secret,omitempty" writeOnly:"true" doc:"What to sign with, whsec_ and base64 of 24 to 64 bytes, or whsk_; made without."`
}

// TemplateRequest changes a template.
type TemplateRequest struct {
	Body        patch[string]             `json:"body,omitzero"`
	ContentType patch[string]             `json:"content_type,omitzero"`
	Headers     patch[map[string]*string] `json:"headers,omitzero" doc:"Their values are templates and are shown: secrets belong into the endpoint's headers."`
}

// MilestonesRequest changes the points of a print that print_progress is sent for.
type MilestonesRequest struct {
	Percent        patch[[]int]  `json:"percent,omitzero" doc:"1 to 100; null is 25, 50, 75."`
	EveryLayers    patch[int]    `json:"every_layers,omitzero"`
	MinutesLeft    patch[[]int]  `json:"minutes_left,omitzero"`
	Jumps          patch[string] `json:"jumps,omitzero" doc:"all or highest." example:"all"`
	MinimumMinutes patch[int]    `json:"minimum_minutes,omitzero"`
}

// QuietRequest changes the quiet hours.
type QuietRequest struct {
	Mode patch[string] `json:"mode,omitzero" doc:"hold, which is the usual one, or drop; null is no quiet hours." example:"hold"`
	From patch[string] `json:"from,omitzero" doc:"HH:MM." example:"22:00"`
	To   patch[string] `json:"to,omitzero" doc:"HH:MM." example:"07:00"`
}

// DigestRequest changes the digest.
type DigestRequest struct {
	Mode patch[string] `json:"mode,omitzero" doc:"immediate, digest (the usual one with a time) or both." example:"immediate"`
	At   patch[string] `json:"at,omitzero" doc:"HH:MM." example:"18:00"`
}

// put sets what a patch names.
func put[T any](p patch[T], to *T) {
	if p.Set {
		*to = p.Value
	}
}

// putInto merges a patch into a part of an endpoint; null clears the part.
func putInto[T, P any](p patch[T], to *P, merge func(T, *P)) {
	switch {
	case p.Null:
		var none P
		*to = none
	case p.Set:
		merge(p.Value, to)
	}
}

// putEach sets and takes away single values of a map.
func putEach[T any](values map[string]*T, to *map[string]T) {
	*to = maps.Clone(*to) // Others may be reading it.
	for name, value := range values {
		if value == nil {
			delete(*to, name)
			continue
		}
		if *to == nil {
			*to = map[string]T{}
		}
		(*to)[name] = *value
	}
}

func (q TemplateRequest) onto(t *webhook.Template) {
	put(q.Body, &t.Body)
	put(q.ContentType, &t.ContentType)
	putInto(q.Headers, &t.Headers, putEach[string])
}

func (q MilestonesRequest) onto(m *webhook.Milestones) {
	put(q.Percent, &m.Percent)
	put(q.EveryLayers, &m.EveryLayers)
	put(q.MinutesLeft, &m.MinutesLeft)
	put(q.Jumps, &m.Jumps)
	put(q.MinimumMinutes, &m.MinimumMinutes)
}

func (q QuietRequest) onto(h *webhook.Quiet) {
	put(q.Mode, &h.Mode)
	put(q.From, &h.From)
	put(q.To, &h.To)
	if q.Mode.Null {
		*h = webhook.Quiet{}
	}
}

func (q DigestRequest) onto(d *webhook.Digest) {
	put(q.Mode, &d.Mode)
	put(q.At, &d.At)
	if q.Mode.Null {
		*d = webhook.Digest{}
	}
}

// onto changes what the request names. Its error is all that is wrong with the
// secrets of the request; the rest is for the outbox to look at.
func (q WebhookRequest) onto(e *webhook.Endpoint) error {
	put(q.Name, &e.Name)
	put(q.Target, &e.Target)
	put(q.Certificate, &e.Certificate)
	put(q.Format, &e.Format)
	putInto(q.Template, &e.Template, TemplateRequest.onto)
	putInto(q.Variables, &e.Variables, putEach[string])
	put(q.Events, &e.Events)
	put(q.Printers, &e.Printers)
	if q.Results.Set {
		e.Results = nil
		for _, r := range q.Results.Value {
			e.Results = append(e.Results, printer.Result(r))
		}
	}
	put(q.MinimumMinutes, &e.MinimumMinutes)
	putInto(q.Milestones, &e.Milestones, MilestonesRequest.onto)
	put(q.TimeZone, &e.TimeZone)
	putInto(q.Quiet, &e.Quiet, QuietRequest.onto)
	putInto(q.Digest, &e.Digest, DigestRequest.onto)
	put(q.Always, &e.Always)
	put(q.Ordered, &e.Ordered)
	put(q.Signature, &e.Signature)
	e.Signature = cmp.Or(e.Signature, webhook.HMAC) // Any other word is a change, and makes a new secret.
	put(q.HubSignature, &e.HubSignature)
	return errors.Join(q.secrets(e)...)
}

// secrets changes the URL and the headers. What is shown in the place of a
// secret leaves it as it is; anything else that looks like that is refused, so
// that it never replaces one. Headers do not go along to another host: who may
// change the URL could else read them there.
func (q WebhookRequest) secrets(e *webhook.Endpoint) []error {
	var wrong []error
	refuse := func(field, what string) { wrong = append(wrong, fault.New(fault.Invalid, "%s", what).At(field)) }
	before := e.Receiver()
	kept := map[string]bool{}
	for name := range e.Headers {
		kept[name] = true
	}
	switch to := q.URL.Value.Reveal(); {
	case !q.URL.Set || e.URL != "" && to == shownURL(*e): // It stays.
	case strings.Contains(to, hidden):
		refuse("url", "has *** in the place of what is not shown; leave it out to keep it")
	default:
		e.URL = q.URL.Value
	}
	if q.Headers.Null {
		e.Headers, kept = nil, nil
	}
	for name, value := range q.Headers.Value {
		for known := range e.Headers {
			if strings.EqualFold(known, name) {
				name = known
			}
		}
		if value != nil && strings.Contains(value.Reveal(), hidden) {
			if !kept[name] || value.Reveal() != hidden {
				refuse("headers."+name, "has *** in the place of what is not shown; leave it out to keep it")
			}
			continue
		}
		delete(kept, name)
		putEach(map[string]*secret.Text{name: value}, &e.Headers)
	}
	if len(kept) > 0 && e.Receiver() != before {
		refuse("headers", "are kept for the host of the URL before; send them again, or null")
	}
	return wrong
}

// shownURL is a URL without what may be a credential.
func shownURL(e webhook.Endpoint) string {
	if o := e.Receiver(); o != "" {
		return o + "/" + hidden
	}
	return e.URL.String()
}

// maskOf hides an endpoint's secrets in what receivers answer.
func maskOf(e webhook.Endpoint) *secret.Mask {
	m := &secret.Mask{}
	m.Add(e.Secrets()...)
	for _, value := range e.Headers {
		if _, token, ok := strings.Cut(value.Reveal(), " "); ok {
			m.Add(secret.Text(token)) // without the scheme of Authorization
		}
	}
	u, err := url.Parse(e.URL.Reveal())
	if err != nil {
		return m
	}
	m.Add(secret.Text(u.EscapedPath()), secret.Text(u.RawQuery))
	const worth = 8 // What is shorter is no credential, but a word that a text may have.
	for _, part := range strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' }) {
		if len(part) >= worth {
			m.Add(secret.Text(part))
		}
	}
	for _, values := range u.Query() {
		for _, value := range values {
			if len(value) >= worth {
				m.Add(secret.Text(value))
			}
		}
	}
	return m
}
