package app

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

// Deliveries that a list has, and may have.
const (
	usualDeliveries = 50
	maxDeliveries   = 1000
)

// webhookRows are the commands about webhooks.
func (a *App) webhookRows() []controlRow {
	return []controlRow{
		{"GET /webhooks", a.listWebhooks},
		{"POST /webhooks", a.createWebhook},
		{"GET /webhooks/{ref}", a.webhook(a.showWebhook)},
		{"PATCH /webhooks/{ref}", a.webhook(a.editWebhook)},
		{"DELETE /webhooks/{ref}", a.webhook(a.deleteWebhook)},
		{"POST /webhooks/{ref}/test", a.webhook(a.testWebhook)},
		{"POST /webhooks/{ref}/rotate", a.webhook(a.rotateWebhook)},
		{"POST /webhooks/{ref}/enable", a.webhook(a.enableWebhook)},
		{"POST /webhooks/{ref}/disable", a.webhook(a.disableWebhook)},
		{"POST /webhooks/{ref}/recover", a.webhook(a.recoverWebhook)},
		{"GET /webhooks/{ref}/deliveries", a.webhook(a.listDeliveries)},
		{"GET /deliveries/{id}", a.showDelivery},
		{"POST /deliveries/{id}/redeliver", a.redeliver},
	}
}

// onto changes what the request names.
func (q WebhookRequest) onto(e *webhook.Endpoint) error {
	for _, field := range q.Clear {
		clear, ok := webhookDefaults()[field]
		if !ok {
			return fault.New(fault.Invalid, "there is no field %.64q to clear", field).At("clear")
		}
		clear(e)
	}
	set(&e.Name, q.Name)
	set(&e.Certificate, q.Certificate)
	set(&e.Format, q.Format)
	set(&e.Template.Body, q.Template)
	set(&e.Template.ContentType, q.ContentType)
	set(&e.Events, q.Events)
	set(&e.MinimumMinutes, q.MinimumMinutes)
	set(&e.Milestones.Percent, q.Milestones)
	set(&e.Milestones.EveryLayers, q.EveryLayers)
	set(&e.Milestones.MinutesLeft, q.MinutesLeft)
	set(&e.Milestones.Jumps, q.Jumps)
	set(&e.Milestones.MinimumMinutes, q.MilestonesMinimum)
	set(&e.TimeZone, q.TimeZone)
	set(&e.Always, q.Always)
	set(&e.Ordered, q.Ordered)
	set(&e.Signature, q.Signature)
	set(&e.HubSignature, q.HubSignature)
	if q.Results != nil {
		e.Results = nil
		for _, r := range *q.Results {
			e.Results = append(e.Results, printer.Result(r))
		}
	}
	setEach(&e.Variables, q.Variables)
	setEach(&e.Template.Headers, q.TemplateHeaders)
	headers := map[string]secret.Text{}
	for name, value := range q.Headers {
		headers[name] = secret.Text(value)
	}
	setEach(&e.Headers, headers)
	q.target(e)
	q.hours(e)
	return nil
}

// target changes where the endpoint is.
func (q WebhookRequest) target(e *webhook.Endpoint) {
	if q.Target != nil {
		e.Target, e.URL = *q.Target, "" // the other kind has no use for it
	}
	if q.URL != nil {
		e.URL = secret.Text(*q.URL)
	}
}

// hours changes the quiet hours and the digest.
func (q WebhookRequest) hours(e *webhook.Endpoint) {
	set(&e.Quiet.From, q.QuietFrom)
	set(&e.Quiet.To, q.QuietTo)
	set(&e.Quiet.Mode, q.QuietMode)
	if e.Quiet.Mode == "" && q.QuietMode != nil {
		e.Quiet = webhook.Quiet{}
	}
	set(&e.Digest.At, q.DigestAt)
	set(&e.Digest.Mode, q.DigestMode)
}

// setEach sets entries of a map, and takes away those that are set to nothing.
func setEach[T ~string](to *map[string]T, from map[string]T) {
	for name, value := range from {
		if value == "" {
			delete(*to, name)
			continue
		}
		if *to == nil {
			*to = map[string]T{}
		}
		(*to)[name] = value
	}
}

// webhookDefaults is the table of what can be cleared.
func webhookDefaults() map[string]func(*webhook.Endpoint) {
	return map[string]func(*webhook.Endpoint){
		"headers":                 func(e *webhook.Endpoint) { e.Headers = nil },
		"variables":               func(e *webhook.Endpoint) { e.Variables = nil },
		"certificate":             func(e *webhook.Endpoint) { e.Certificate = "" },
		"template.content_type":   func(e *webhook.Endpoint) { e.Template.ContentType = "" },
		"template.headers":        func(e *webhook.Endpoint) { e.Template.Headers = nil },
		"events":                  func(e *webhook.Endpoint) { e.Events = nil },
		"printers":                func(e *webhook.Endpoint) { e.Printers = nil },
		"results":                 func(e *webhook.Endpoint) { e.Results = nil },
		"minimum_minutes":         func(e *webhook.Endpoint) { e.MinimumMinutes = 0 },
		"milestones.percent":      func(e *webhook.Endpoint) { e.Milestones.Percent = nil },
		"milestones.every_layers": func(e *webhook.Endpoint) { e.Milestones.EveryLayers = 0 },
		"milestones.minutes_left": func(e *webhook.Endpoint) { e.Milestones.MinutesLeft = nil },
		"time_zone":               func(e *webhook.Endpoint) { e.TimeZone = "" },
		"quiet_hours.mode":        func(e *webhook.Endpoint) { e.Quiet = webhook.Quiet{} },
		"digest.mode":             func(e *webhook.Endpoint) { e.Digest = webhook.Digest{} },
		"always":                  func(e *webhook.Endpoint) { e.Always = nil },
	}
}

// chosen are the printers that the request names by id, serial or name, put
// into the endpoint. One that there is not is a problem of the endpoint, and
// leaves it in a form that is refused together with all else that is wrong.
func (a *App) chosen(q WebhookRequest) (into func(*webhook.Endpoint), missing *fault.Error) {
	if q.Printers == nil {
		return func(*webhook.Endpoint) {}, nil
	}
	var ids []int
	for _, ref := range *q.Printers {
		s, err := a.find(ref)
		if err != nil {
			return func(e *webhook.Endpoint) { e.Printers = []int{0} }, fault.New(fault.Invalid, "there is no printer %.50q", ref).At("printers")
		}
		ids = append(ids, s.Config.ID)
	}
	return func(e *webhook.Endpoint) { e.Printers = ids }, nil
}

// and puts a problem of an endpoint beside those that were found in it, so
// that all are told at once.
func and(err error, more *fault.Error) error {
	var all webhook.Problems
	switch {
	case more == nil:
		return err
	case err == nil:
		return more
	case errors.As(err, &all):
		all = slices.DeleteFunc(slices.Clone(all), func(p *fault.Error) bool { return p.Field == more.Field })
		return append(all, more)
	}
	return err
}

// webhook gives a command the endpoint that its path names: by its id, or by a
// name that only one has.
func (a *App) webhook(answer func(*http.Request, webhook.Endpoint) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		e, err := a.findWebhook(r.PathValue("ref"))
		if err != nil {
			return nil, err
		}
		return answer(r, e)
	}
}

func (a *App) findWebhook(ref string) (webhook.Endpoint, error) {
	all := a.hooks.Endpoints()
	if i := slices.IndexFunc(all, func(e webhook.Endpoint) bool { return e.ID == ref }); i >= 0 {
		return all[i], nil
	}
	named := slices.DeleteFunc(all, func(e webhook.Endpoint) bool { return e.Name != ref })
	switch len(named) {
	case 0:
		return webhook.Endpoint{}, fault.New(fault.NotFound, "there is no webhook endpoint %.64q", ref).WithHint("see \"printwire webhooks list\"")
	case 1:
		return named[0], nil
	}
	return webhook.Endpoint{}, fault.New(fault.Conflict, "%d webhook endpoints are called %.64q", len(named), ref).WithHint("give the id as \"printwire webhooks list\" shows it")
}

func (a *App) webhookRow(ctx context.Context, e webhook.Endpoint) WebhookRow {
	h, _ := a.hooks.Health(e.ID) // of one that was just deleted there is none
	row := webhookRow(e, h, a.now())
	var err error
	if row.Waiting, err = a.hooks.Waiting(ctx, e.ID); err != nil && !fault.Is(err, fault.NotFound) {
		a.log.Warn("counting what waits for a webhook failed", "endpoint", e.ID, "error", err)
	}
	return row
}

// newWebhook shows an endpoint with the secret that it was just given.
func (a *App) newWebhook(ctx context.Context, e webhook.Endpoint) NewWebhook {
	made := NewWebhook{WebhookRow: a.webhookRow(ctx, e)}
	if made.PublicKey == "" {
		made.Secret = e.Secret.Reveal()
	}
	return made
}

func (a *App) listWebhooks(r *http.Request) (any, error) {
	rows := []WebhookRow{}
	for _, e := range a.hooks.Endpoints() {
		rows = append(rows, a.webhookRow(r.Context(), e))
	}
	return rows, nil
}

func (a *App) showWebhook(r *http.Request, e webhook.Endpoint) (any, error) {
	return a.webhookRow(r.Context(), e), nil
}

func (a *App) createWebhook(r *http.Request) (any, error) {
	var ask WebhookRequest
	if err := decode(r, &ask); err != nil {
		return nil, err
	}
	var e webhook.Endpoint
	if err := ask.onto(&e); err != nil {
		return nil, err
	}
	choose, missing := a.chosen(ask)
	choose(&e)
	e, err := a.hooks.Create(r.Context(), e)
	if err != nil {
		return nil, and(err, missing)
	}
	return a.newWebhook(r.Context(), e), nil
}

// editWebhook changes an endpoint. Another signature needs another secret,
// which is in the answer then.
func (a *App) editWebhook(r *http.Request, before webhook.Endpoint) (any, error) {
	var ask WebhookRequest
	if err := decode(r, &ask); err != nil {
		return nil, err
	}
	if err := ask.onto(new(webhook.Endpoint)); err != nil {
		return nil, err
	}
	choose, missing := a.chosen(ask)
	e, err := a.hooks.Update(r.Context(), before.ID, func(e *webhook.Endpoint) {
		_ = ask.onto(e) // it went onto another one
		choose(e)
	})
	switch {
	case err != nil:
		return nil, and(err, missing)
	case e.Signature != before.Signature:
		made := a.newWebhook(r.Context(), e)
		made.Renewed = true
		return made, nil
	}
	return NewWebhook{WebhookRow: a.webhookRow(r.Context(), e)}, nil
}

func (a *App) deleteWebhook(r *http.Request, e webhook.Endpoint) (any, error) {
	return a.webhookRow(r.Context(), e), a.hooks.Delete(r.Context(), e.ID)
}

func (a *App) testWebhook(r *http.Request, e webhook.Endpoint) (any, error) {
	came, err := a.hooks.Test(r.Context(), e.ID)
	return WebhookTest{OK: err == nil && came.Error == "", Status: came.Status, Milliseconds: came.Milliseconds, Error: came.Error}, err
}

func (a *App) rotateWebhook(r *http.Request, e webhook.Endpoint) (any, error) {
	e, err := a.hooks.Rotate(r.Context(), e.ID)
	if err != nil {
		return nil, err
	}
	return a.newWebhook(r.Context(), e), nil
}

func (a *App) enableWebhook(r *http.Request, e webhook.Endpoint) (any, error) {
	e, err := a.hooks.Enable(r.Context(), e.ID)
	return a.webhookRow(r.Context(), e), err
}

func (a *App) disableWebhook(r *http.Request, e webhook.Endpoint) (any, error) {
	e, err := a.hooks.Disable(r.Context(), e.ID, "switched off on the command line")
	return a.webhookRow(r.Context(), e), err
}

func (a *App) recoverWebhook(r *http.Request, e webhook.Endpoint) (any, error) {
	var ask RecoverRequest
	if err := decode(r, &ask); err != nil {
		return nil, err
	}
	count, err := a.hooks.Recover(r.Context(), e.ID, ask.Since, nil)
	return Recovered{count}, err
}

// listDeliveries are a page of an endpoint's, of one state if one is named.
func (a *App) listDeliveries(r *http.Request, e webhook.Endpoint) (any, error) {
	values := r.URL.Query()
	q := webhook.Query{Limit: usualDeliveries, State: webhook.State(values.Get("state"))}
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxDeliveries {
			return nil, fault.New(fault.Invalid, "expected 1 to %d", maxDeliveries).At("limit")
		}
		q.Limit = n
	}
	if q.State != "" && !slices.Contains(webhook.States(), q.State) {
		return nil, fault.New(fault.Invalid, "must be one of %s", strings.Join(DeliveryStates(), ", ")).At("state")
	}
	var err error
	if q.Before, err = webhook.ParseCursor(values.Get("before")); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err).At("before")
	}
	page, err := a.hooks.Deliveries(r.Context(), e.ID, q)
	out := DeliveriesPage{Deliveries: []DeliveryRow{}, Next: page.Next.String()}
	for _, d := range page.Deliveries {
		row := deliveryRow(d)
		row.Attempts, row.Request = nil, ""
		out.Deliveries = append(out.Deliveries, row)
	}
	return out, err
}

func (a *App) showDelivery(r *http.Request) (any, error) {
	d, err := a.hooks.Delivery(r.Context(), r.PathValue("id"))
	return deliveryRow(d), seeDeliveries(err)
}

func (a *App) redeliver(r *http.Request) (any, error) {
	d, err := a.hooks.Redeliver(r.Context(), r.PathValue("id"))
	return deliveryRow(d), seeDeliveries(err)
}

// seeDeliveries says where the ids of deliveries are shown, where there is none as given.
func seeDeliveries(err error) error {
	var missing *fault.Error
	if errors.As(err, &missing) && missing.Kind == fault.NotFound {
		return missing.WithHint("see \"printwire webhooks deliveries\"")
	}
	return err
}
