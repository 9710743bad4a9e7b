package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/webhook"
)

// Webhooks is the endpoints that events are sent to; see package webhook.
type Webhooks interface {
	Endpoints() []webhook.Endpoint
	Endpoint(id string) (webhook.Endpoint, error)
	Health(id string) (webhook.Health, error)
	Waiting(ctx context.Context, id string) (int, error)
	Check(e webhook.Endpoint) error
	Create(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error)
	Update(ctx context.Context, id string, change func(*webhook.Endpoint)) (webhook.Endpoint, error)
	Delete(ctx context.Context, id string) error
	Rotate(ctx context.Context, id string) (webhook.Endpoint, error)
	Enable(ctx context.Context, id string) (webhook.Endpoint, error)
	Disable(ctx context.Context, id, reason string) (webhook.Endpoint, error)
	Test(ctx context.Context, id string) (webhook.Attempt, error)
	Deliveries(ctx context.Context, id string, q webhook.Query) (webhook.Page, error)
	Delivery(ctx context.Context, id string) (webhook.Delivery, error)
	Redeliver(ctx context.Context, id string) (webhook.Delivery, error)
	Recover(ctx context.Context, id string, since time.Time, printers []int) (int, error)
}

// serveWebhooks is serve for a handler that needs the webhooks.
func serveWebhooks[I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	return serve(func(a *api, ctx context.Context, in *I) (*O, error) {
		if a.Webhooks == nil {
			return nil, problem{status: http.StatusNotImplemented, detail: "Webhooks are not offered here."}
		}
		return handle(a, ctx, in)
	})
}

// WebhookPath names an endpoint.
type WebhookPath struct {
	ID string `path:"id" maxLength:"40" doc:"The endpoint's id." example:"wh_mfrggzdfmztwq2lk"`
}

// OnceCall is what a call has that may be repeated when its answer was lost.
type OnceCall struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"A name that the caller gives to this call; a repeated call with it gets the first one's answer."`
}

func webhookMissing() error { return fault.New(fault.NotFound, "Webhook endpoint not found") }

// endpoint is the one that a path names, if the caller may know of it.
func (a *api) endpoint(ctx context.Context, id string) (webhook.Endpoint, error) {
	e, err := a.Webhooks.Endpoint(id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return e, err
	}
	if err != nil || a.outside(ctx, e) != nil {
		return webhook.Endpoint{}, webhookMissing()
	}
	return e, nil
}

// outside is what of an endpoint lies beyond what the caller may know: a key
// that is held to some printers makes and sees only endpoints that tell of
// those, and of nothing else.
func (a *api) outside(ctx context.Context, e webhook.Endpoint) error {
	ids := a.allowed(ctx)
	if ids == nil {
		return nil
	}
	var wrong webhook.Problems
	if len(e.Printers) == 0 || slices.ContainsFunc(e.Printers, func(id int) bool { return !slices.Contains(ids, id) }) {
		wrong = append(wrong, fault.New(fault.Invalid, "must name printers of this key, which is held to some").At("printers"))
	}
	if slices.ContainsFunc(e.Events, func(name string) bool {
		row, known := journal.Event(name)
		return name == "*" || known && row.Origin != journal.FromPrinter && name != "test"
	}) {
		wrong = append(wrong, fault.New(fault.Invalid, "must be events of printers, one by one: this key is held to some printers").At("events"))
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// fits is all that is wrong with an endpoint that the caller wants to have,
// each field once; flaws is what was wrong with the request already.
func (a *api) fits(ctx context.Context, e webhook.Endpoint, named []int, flaws error) error {
	if e.ID == "" {
		e.ID = "new" // The outbox gives it one.
	}
	wrong := each(flaws)
	for _, id := range named {
		if !a.exists(caller(ctx), id) {
			wrong = append(wrong, fault.New(fault.Invalid, "names a printer that is not there").At("printers"))
		}
	}
	wrong = append(wrong, each(a.outside(ctx, e))...)
	err := a.Webhooks.Check(e)
	if err != nil && !fault.Is(err, fault.Invalid) {
		return err
	}
	seen := map[string]bool{}
	wrong = slices.DeleteFunc(append(wrong, each(err)...), func(e *fault.Error) bool {
		before := seen[e.Field]
		seen[e.Field] = true
		return before
	})
	if len(wrong) == 0 {
		return nil
	}
	return webhook.Problems(wrong)
}

type webhooksAnswer struct {
	Total string    `header:"X-Total-Count"`
	Body  []Webhook `nullable:"false"`
}

func (a *api) webhooks(ctx context.Context, _ *nothing) (*webhooksAnswer, error) {
	list := []Webhook{}
	for _, e := range a.Webhooks.Endpoints() {
		if a.outside(ctx, e) != nil {
			continue
		}
		list = append(list, a.shownWebhook(ctx, e))
	}
	return &webhooksAnswer{Total: decimal(len(list)), Body: list}, nil
}

// shownWebhook is an endpoint with how it has fared.
func (a *api) shownWebhook(ctx context.Context, e webhook.Endpoint) Webhook {
	h, err := a.Webhooks.Health(e.ID)
	if err != nil {
		h = webhook.Health{} // It was deleted meanwhile.
	}
	w := describeWebhook(e, h)
	if w.Waiting, err = a.Webhooks.Waiting(context.WithoutCancel(ctx), e.ID); err != nil && !fault.Is(err, fault.NotFound) {
		a.Log.Warn("counting what waits for a webhook failed", "endpoint", e.ID, "error", err)
	}
	return w
}

type webhookAnswer struct {
	Status   int
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed"`
	Body     Webhook
}

func (a *api) webhook(ctx context.Context, in *WebhookPath) (*webhookAnswer, error) {
	e, err := a.endpoint(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &webhookAnswer{Status: http.StatusOK, Body: a.shownWebhook(ctx, e)}, nil
}

type createWebhookCall struct {
	OnceCall
	Body NewWebhookRequest
}

func (a *api) createWebhook(ctx context.Context, in *createWebhookCall) (*webhookAnswer, error) {
	e := webhook.Endpoint{Secret: in.Body.Secret}
	flaws := in.Body.onto(&e)
	if err := a.fits(ctx, e, e.Printers, flaws); err != nil {
		return nil, err
	}
	if caller(ctx).Test {
		return nil, fault.New(fault.Denied, "A key for tests makes no webhook endpoint")
	}
	a.hideWebhook(e)
	made, again, err := repeatable(ctx, a, in.OnceCall, "webhooks.create "+essence(e), func() (madeSecret, error) {
		e, err := a.Webhooks.Create(context.WithoutCancel(ctx), e)
		return a.madeSecret(e), err
	})
	if err != nil {
		return nil, err
	}
	return a.made(ctx, http.StatusCreated, made, again)
}

// madeSecret says which endpoint got a secret and, without telling it, which.
type madeSecret struct {
	ID  string `json:"webhook"`
	Sum string `json:"sum"`
}

func (a *api) madeSecret(e webhook.Endpoint) madeSecret {
	a.hideWebhook(e)
	sum := sha256.Sum256([]byte(e.Secret.Reveal()))
	return madeSecret{ID: e.ID, Sum: hex.EncodeToString(sum[:])}
}

// made is the answer that shows a secret: to the call that made it, and to a
// repeated one as long as the endpoint has it.
func (a *api) made(ctx context.Context, status int, m madeSecret, again string) (*webhookAnswer, error) {
	e, err := a.Webhooks.Endpoint(m.ID)
	if err != nil {
		return nil, webhookMissing()
	}
	out := &webhookAnswer{Status: status, Replayed: again, Body: a.shownWebhook(ctx, e)}
	if status == http.StatusCreated {
		out.Location = base + "/webhooks/" + e.ID
	}
	// The receiver of ed25519 signatures needs the public key alone.
	if e.Signature == webhook.HMAC && a.madeSecret(e) == m {
		out.Body.Secret = e.Secret.Reveal()
	}
	return out, nil
}

// hideWebhook keeps an endpoint's secrets out of the log.
func (a *api) hideWebhook(e webhook.Endpoint) {
	if a.Hide == nil {
		return
	}
	a.Hide(e.Secrets()...)
}

// essence tells one endpoint from another, with its secrets.
func essence(e webhook.Endpoint) string {
	plain, _ := json.Marshal(e) // It is made of text and numbers, and shows no secret.
	all := []string{string(plain), e.URL.Reveal(), e.Secret.Reveal()}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		all = append(all, name, e.Headers[name].Reveal())
	}
	text, _ := json.Marshal(all)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// repeatable does something once, also when the call is repeated with the same
// key. again is "true" then.
func repeatable[T any](ctx context.Context, a *api, call OnceCall, fingerprint string, do func() (T, error)) (result T, again string, err error) {
	if call.Key == "" {
		result, err = do()
		return result, "", err
	}
	result, repeated, err := once(&a.replays, caller(ctx).KeyID, call.Key, fingerprint, do)
	if repeated {
		again = "true"
	}
	return result, again, err
}

type editWebhookCall struct {
	WebhookPath
	Body WebhookRequest
}

func (a *api) editWebhook(ctx context.Context, in *editWebhookCall) (*webhookAnswer, error) {
	before, err := a.editable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	next := before
	flaws := in.Body.onto(&next)
	if next.Signature != before.Signature {
		next.Secret = "" // It gets a new one.
	}
	if err := a.fits(ctx, next, in.Body.Printers.Value, flaws); err != nil {
		return nil, err
	}
	if caller(ctx).Test {
		next.Secret = before.Secret
		return &webhookAnswer{Status: http.StatusOK, Body: a.shownWebhook(ctx, next)}, nil
	}
	a.hideWebhook(next)
	var changed error
	e, err := a.Webhooks.Update(context.WithoutCancel(ctx), in.ID, func(e *webhook.Endpoint) {
		now := *e
		// Somebody else may have changed it meanwhile.
		if changed = errors.Join(in.Body.onto(&now), a.outside(ctx, now)); changed == nil {
			*e = now
		}
	})
	switch {
	case err != nil:
		return nil, err
	case changed != nil:
		return nil, changed
	case e.Signature != before.Signature:
		return a.made(ctx, http.StatusOK, a.madeSecret(e), "")
	}
	return &webhookAnswer{Status: http.StatusOK, Body: a.shownWebhook(ctx, e)}, nil
}

// editable is the endpoint that a path names, if it may be changed here.
func (a *api) editable(ctx context.Context, id string) (webhook.Endpoint, error) {
	e, err := a.endpoint(ctx, id)
	if err == nil && e.Managed {
		err = fault.New(fault.Conflict, "This webhook endpoint is managed in the settings file")
	}
	return e, err
}

func (a *api) deleteWebhook(ctx context.Context, in *WebhookPath) (*doneAnswer, error) {
	if _, err := a.editable(ctx, in.ID); err != nil {
		return nil, err
	}
	if !caller(ctx).Test {
		if err := a.Webhooks.Delete(context.WithoutCancel(ctx), in.ID); err != nil {
			return nil, err
		}
	}
	return done("deleted", "Webhook endpoint deleted"), nil
}

type webhookCall struct {
	WebhookPath
	OnceCall
}

func (a *api) rotateWebhook(ctx context.Context, in *webhookCall) (*webhookAnswer, error) {
	e, err := a.editable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if caller(ctx).Test {
		return &webhookAnswer{Status: http.StatusOK, Body: a.shownWebhook(ctx, e)}, nil
	}
	made, again, err := repeatable(ctx, a, in.OnceCall, "webhooks.rotate "+in.ID, func() (madeSecret, error) {
		e, err := a.Webhooks.Rotate(context.WithoutCancel(ctx), in.ID)
		return a.madeSecret(e), err
	})
	if err != nil {
		return nil, err
	}
	return a.made(ctx, http.StatusOK, made, again)
}

func (a *api) enableWebhook(ctx context.Context, in *WebhookPath) (*webhookAnswer, error) {
	return a.switchWebhook(ctx, in.ID, a.Webhooks.Enable)
}

type disableWebhookCall struct {
	WebhookPath
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" doc:"For people who look why it is off."`
	} `required:"false"`
}

func (a *api) disableWebhook(ctx context.Context, in *disableWebhookCall) (*webhookAnswer, error) {
	reason := "switched off by hand"
	if in.Body != nil && in.Body.Reason != "" {
		reason = in.Body.Reason
	}
	return a.switchWebhook(ctx, in.ID, func(ctx context.Context, id string) (webhook.Endpoint, error) {
		return a.Webhooks.Disable(ctx, id, reason)
	})
}

func (a *api) switchWebhook(ctx context.Context, id string, do func(context.Context, string) (webhook.Endpoint, error)) (*webhookAnswer, error) {
	e, err := a.endpoint(ctx, id)
	if err == nil && !caller(ctx).Test {
		e, err = do(context.WithoutCancel(ctx), id)
	}
	if err != nil {
		return nil, err
	}
	return &webhookAnswer{Status: http.StatusOK, Body: a.shownWebhook(ctx, e)}, nil
}
