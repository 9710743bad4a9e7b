package httpapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/webhook"
)

// WebhookTrial is what came of a test; never what the receiver wrote.
type WebhookTrial struct {
	Success      bool    `json:"success"`
	At           *Time   `json:"at"`
	Milliseconds int     `json:"milliseconds"`
	Status       *int    `json:"status" doc:"The HTTP status; null when there was no answer."`
	Error        *string `json:"error"`
	Simulated    bool    `json:"simulated" doc:"A key for tests asked: nothing was sent."`
}

type webhookTrialAnswer struct {
	Replayed string `header:"Idempotency-Replayed"`
	Body     WebhookTrial
}

func (a *api) testWebhook(ctx context.Context, in *webhookCall) (*webhookTrialAnswer, error) {
	e, err := a.endpoint(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if caller(ctx).Test {
		return &webhookTrialAnswer{Body: WebhookTrial{Success: true, At: moment(a.Now()), Simulated: true}}, nil
	}
	out, again, err := repeatable(ctx, a, in.OnceCall, "webhooks.test "+in.ID, func() (WebhookTrial, error) {
		t, err := a.Webhooks.Test(ctx, in.ID)
		reason := maskOf(e).Hide(t.Error)
		return WebhookTrial{
			Success: err == nil && t.Error == "" && t.Status/100 == 2, At: moment(t.At), Milliseconds: t.Milliseconds, Status: code(t.Status), Error: text(reason),
		}, err
	})
	if err != nil {
		return nil, err
	}
	return &webhookTrialAnswer{Replayed: again, Body: out}, nil
}

// DeliveriesReport is a page of deliveries, the newest first.
type DeliveriesReport struct {
	Deliveries []WebhookDelivery `json:"deliveries" nullable:"false"`
	Next       *string           `json:"next" doc:"The value of before that gives the next page; null at the end."`
}

type deliveriesAnswer struct{ Body DeliveriesReport }

type deliveriesCall struct {
	WebhookPath
	Limit  int           `query:"limit" minimum:"1" maximum:"100" default:"25"`
	Before string        `query:"before" maxLength:"22" pattern:"^([1-9][0-9]{0,18}[.][0-2])?$" doc:"The value of next of the page before."`
	State  deliveryState `query:"state" doc:"Only deliveries in this state. Of a long log a page may then be short, and have a next one."`
}

// deliveryState says where a delivery is.
type deliveryState webhook.State

// Schema is one of the states.
func (deliveryState) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, state := range webhook.States() {
		s.Enum = append(s.Enum, string(state))
	}
	return s
}

func (a *api) webhookDeliveries(ctx context.Context, in *deliveriesCall) (*deliveriesAnswer, error) {
	e, err := a.endpoint(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	q := webhook.Query{Limit: in.Limit, State: webhook.State(in.State), Printers: a.allowed(ctx)}
	if q.Before, err = webhook.ParseCursor(in.Before); err != nil {
		return nil, fault.New(fault.Invalid, "must be the value of next of another page").At("before")
	}
	page, err := a.Webhooks.Deliveries(ctx, in.ID, q)
	if err != nil {
		return nil, err
	}
	mask, out := maskOf(e), DeliveriesReport{Deliveries: []WebhookDelivery{}, Next: text(page.Next.String())}
	for _, d := range page.Deliveries {
		out.Deliveries = append(out.Deliveries, describeDelivery(d, mask))
	}
	return &deliveriesAnswer{Body: out}, nil
}

// DeliveryPath names a delivery of an endpoint.
type DeliveryPath struct {
	WebhookPath
	Delivery string `path:"delivery_id" maxLength:"80" doc:"The delivery's id, which is its webhook-id." example:"msg_42_wh_mfrggzdfmztwq2lk"`
}

// delivery is the one that a path names, if the caller may know of it.
func (a *api) delivery(ctx context.Context, in DeliveryPath) (webhook.Endpoint, webhook.Delivery, error) {
	var d webhook.Delivery
	e, err := a.endpoint(ctx, in.ID)
	if err != nil {
		return e, d, err
	}
	d, err = a.Webhooks.Delivery(ctx, in.Delivery)
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return e, d, err
	case err != nil || d.Endpoint != in.ID || !(webhook.Query{Printers: a.allowed(ctx)}).Wants(d):
		return e, webhook.Delivery{}, fault.New(fault.NotFound, "Delivery not found")
	}
	return e, d, nil
}

type deliveryAnswer struct{ Body WebhookDelivery }

func (a *api) webhookDelivery(ctx context.Context, in *DeliveryPath) (*deliveryAnswer, error) {
	e, d, err := a.delivery(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &deliveryAnswer{Body: describeDelivery(d, maskOf(e))}, nil
}

type redeliverCall struct {
	DeliveryPath
	OnceCall
}

type redeliverAnswer struct {
	Replayed string `header:"Idempotency-Replayed"`
	Body     WebhookDelivery
}

func (a *api) redeliver(ctx context.Context, in *redeliverCall) (*redeliverAnswer, error) {
	e, d, err := a.delivery(ctx, in.DeliveryPath)
	if err != nil {
		return nil, err
	}
	if caller(ctx).Test {
		return &redeliverAnswer{Body: describeDelivery(d, maskOf(e))}, nil
	}
	_, again, err := repeatable(ctx, a, in.OnceCall, "webhooks.redeliver "+in.Delivery, func() (string, error) {
		if !d.State.Over() {
			return "", fault.New(fault.Conflict, "The delivery is on its way already")
		}
		_, err := a.Webhooks.Redeliver(context.WithoutCancel(ctx), in.Delivery)
		return in.Delivery, err
	})
	if err != nil {
		return nil, err
	}
	if e, d, err = a.delivery(ctx, in.DeliveryPath); err != nil {
		return nil, err
	}
	return &redeliverAnswer{Replayed: again, Body: describeDelivery(d, maskOf(e))}, nil
}

// Recovery is how much is sent again.
type Recovery struct {
	Recovered int `json:"recovered" doc:"How many deliveries were queued again."`
}

type recoverCall struct {
	WebhookPath
	OnceCall
	Body struct {
		Since time.Time `json:"since" doc:"What was queued since then and ended without success is sent again." example:"2026-03-14T09:30:00Z"`
	}
}

type recoverAnswer struct {
	Replayed string `header:"Idempotency-Replayed"`
	Body     Recovery
}

func (a *api) recoverWebhook(ctx context.Context, in *recoverCall) (*recoverAnswer, error) {
	if _, err := a.endpoint(ctx, in.ID); err != nil {
		return nil, err
	}
	if caller(ctx).Test {
		return &recoverAnswer{}, nil
	}
	printers := a.allowed(ctx)
	out, again, err := repeatable(ctx, a, in.OnceCall, "webhooks.recover "+in.ID+" "+in.Body.Since.UTC().Format(time.RFC3339Nano), func() (Recovery, error) {
		n, err := a.Webhooks.Recover(context.WithoutCancel(ctx), in.ID, in.Body.Since, printers)
		return Recovery{Recovered: n}, err
	})
	if err != nil {
		return nil, err
	}
	return &recoverAnswer{Replayed: again, Body: out}, nil
}

type formatsAnswer struct {
	Body []WebhookFormat `nullable:"false"`
}

func (a *api) webhookFormats(context.Context, *nothing) (*formatsAnswer, error) {
	return &formatsAnswer{Body: describeFormats()}, nil
}

type eventsAnswer struct {
	Body []WebhookEvent `nullable:"false"`
}

func (a *api) webhookEvents(context.Context, *nothing) (*eventsAnswer, error) {
	return &eventsAnswer{Body: describeEvents()}, nil
}
