package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/settings"
	"github.com/printwire/printwire/webhook"
)

const (
	// busID is the endpoint of Home Assistant's event bus.
	busID = "home_assistant_events"
	// drainLimit is how long a stop waits for deliveries that could be sent now.
	drainLimit = 5 * time.Second
	// recordLimit is how long an event waits for its print's record, so that it can name it.
	recordLimit = 250 * time.Millisecond
)

// openWebhooks makes the outbox with the endpoints that are stored.
func (a *App) openWebhooks(ctx context.Context) error {
	addresses := a.settings.WebhookAddresses
	o := webhook.Options{
		Store: a.store.Webhooks(), Facts: a.facts, Version: a.version, Location: a.location(), Hide: a.hide, Log: a.log, Now: a.now,
		Policy: webhook.Policy{PublicOnly: addresses.PublicOnly, Only: addresses.Networks(), Loopback: addresses.Loopback},
	}
	if a.supervisor != nil {
		o.Bus = webhook.Bus{URL: a.supervisorURL + "/core/api/events/printwire_", Token: a.token}
	}
	a.hooks = webhook.New(o)
	if err := a.hooks.Load(ctx); err != nil {
		return fmt.Errorf("reading the webhook endpoints: %w", err)
	}
	return nil
}

// manageWebhooks makes the endpoints of the settings. It comes when the
// printers that they name are there. All that is wrong is told at once.
func (a *App) manageWebhooks(ctx context.Context) error {
	var list []webhook.Endpoint
	var problems []error
	if a.supervisor != nil && a.settings.HomeAssistant.Events {
		list = append(list, webhook.Endpoint{ID: busID, Name: "Home Assistant events", Target: "home_assistant", Format: "home_assistant", Events: []string{"*"}})
	}
	for i, w := range a.settings.Webhooks {
		e, missing := a.endpoint(w)
		if e.ID == busID {
			missing = append(missing, fault.New(fault.Invalid, "%q is that of the event bus of Home Assistant; set another", busID).At("id"))
		}
		at := fmt.Sprintf("webhooks[%d]", i)
		problems = append(problems, located(at, missing)...)
		if err := a.hooks.Check(e); err != nil {
			problems = append(problems, located(at, err)...)
		}
		list = append(list, e)
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	return a.hooks.Manage(ctx, list)
}

// The place in a list that a field's path ends with, as the outbox writes it.
var placePattern = regexp.MustCompile(`\.(\d+)$`)

// located is each fault with the path of the settings that it is about.
func located(at string, err error) []error {
	var problems webhook.Problems
	if !errors.As(err, &problems) {
		var one *fault.Error
		if !errors.As(err, &one) {
			return []error{fmt.Errorf("%s: %w", at, err)}
		}
		problems = webhook.Problems{one}
	}
	list := make([]error, 0, len(problems))
	for _, p := range problems {
		field := placePattern.ReplaceAllString(p.Field, "[$1]")
		list = append(list, fault.New(p.Kind, "%s", p.Message).At(strings.TrimSuffix(at+"."+field, ".")))
	}
	return list
}

// endpoint is an endpoint of the settings as the outbox has it, without the
// printers that there are not, each of which is a problem.
func (a *App) endpoint(w settings.Webhook) (_ webhook.Endpoint, missing webhook.Problems) {
	e := webhook.Endpoint{
		ID: w.ID, Name: w.Name, Target: w.Target, URL: w.URL, Certificate: w.Certificate, Format: w.Format,
		Template: webhook.Template{Body: w.Template.Body, ContentType: w.Template.ContentType, Headers: pairs(w.Template.Headers, ":")},
		Headers:  map[string]secret.Text{}, Variables: pairs(w.Variables, "="), Events: w.Events, MinimumMinutes: w.MinimumMinutes,
		Milestones: webhook.Milestones{
			Percent: w.Milestones.Percent, EveryLayers: w.Milestones.EveryLayers, MinutesLeft: w.Milestones.MinutesLeft,
			Jumps: w.Milestones.Jumps, MinimumMinutes: w.Milestones.MinimumMinutes,
		},
		TimeZone: w.TimeZone, Quiet: webhook.Quiet{Mode: w.QuietHours.Mode, From: w.QuietHours.From, To: w.QuietHours.To},
		Digest: webhook.Digest{Mode: w.Digest.Mode, At: w.Digest.At}, Always: w.Always, Ordered: w.Ordered,
		Signature: w.Signature, Secret: w.Secret, HubSignature: w.HubSignature,
	}
	for _, h := range w.Headers {
		name, value, _ := settings.Pair(h.Reveal(), ":")
		e.Headers[name] = secret.Text(value)
	}
	for _, r := range w.Results {
		e.Results = append(e.Results, printer.Result(r))
	}
	for i, ref := range w.Printers {
		s, err := a.find(ref)
		if err != nil {
			missing = append(missing, fault.New(fault.Invalid, "there is no printer %.50q", ref).At(fmt.Sprintf("printers[%d]", i)))
			continue
		}
		e.Printers = append(e.Printers, s.Config.ID)
	}
	return e, missing
}

// pairs are entries such as "name=value" by their names; nil for none.
func pairs(entries []string, sign string) map[string]string {
	if len(entries) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, entry := range entries {
		name, value, _ := settings.Pair(entry, sign)
		m[name] = value
	}
	return m
}

// facts are what an event of a job does not say. The record is made from the
// same journal, a moment before or after.
func (a *App) facts(ctx context.Context, e journal.Entry) webhook.Facts {
	f := webhook.Facts{Test: a.simulated != nil && e.Serial != "" && a.simulated(e.Serial)}
	if e.Job == "" {
		return f
	}
	a.awaitRecord(ctx, e.Seq)
	record, err := a.recorder.Job(ctx, e.Job)
	if err != nil {
		return f // Deleted by hand, or not yet there: an event is told without its record rather than late.
	}
	f.ArchiveID, f.EnergyKWh, f.EnergyCost, f.Currency = record.ID, record.Usage.EnergyKWh, record.Usage.EnergyCost, record.Usage.Currency
	return f
}

// awaitRecord waits until the record of prints knows an event, but not long,
// and not again while the record is behind.
func (a *App) awaitRecord(ctx context.Context, seq uint64) {
	if reached, err := a.recorder.Cursor(ctx); err == nil && reached >= seq {
		a.recordBehind.Store(false)
		return
	}
	if a.recordBehind.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	if err := a.recorder.Wait(ctx, seq); err != nil && ctx.Err() != nil {
		a.recordBehind.Store(true)
	}
}

// drain sends what can be sent at a stop.
func (a *App) drain(ctx context.Context) error {
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	a.hooks.Drain(ctx)
	return nil
}

// disabledWebhooks names the endpoints that the rule has switched off, "" for none.
func (a *App) disabledWebhooks() string {
	var names []string
	for _, e := range a.hooks.Endpoints() {
		if !e.Enabled && e.Disabled.ByRule {
			names = append(names, strconv.Quote(e.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Webhooks that failed for too long are switched off: " + strings.Join(names, ", ") + ". Mend the receiver and enable them again."
}

// notices is the follower that tells people in Home Assistant of an endpoint
// that was switched off. It runs only where there is a Home Assistant.
type notices struct{ app *App }

// Name is the name of the cursor.
func (n notices) Name() string { return "notices" }

// Cursor is the last event that was looked at.
func (n notices) Cursor(ctx context.Context) (uint64, error) {
	return n.app.store.Cursor(ctx, n.Name())
}

// begin leaves out what happened before there was a Home Assistant: the file
// may come from where there was none.
func (n notices) begin(ctx context.Context) error {
	seq, err := n.Cursor(ctx)
	if err != nil || seq > 0 {
		return err
	}
	return n.app.store.Advance(ctx, n.Name(), n.app.store.Last())
}

// Apply makes a notification of each endpoint that was switched off.
func (n notices) Apply(ctx context.Context, entries []journal.Entry, _ int) error {
	for _, e := range entries {
		if e.Name != "endpoint_disabled" {
			continue
		}
		var data struct {
			Endpoint string `json:"endpoint"`
			Reason   string `json:"reason"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fmt.Errorf("reading event %d: %w", e.Seq, err)
		}
		text := fmt.Sprintf("The webhook %q is switched off: %s What waits for it is kept for a day after it is enabled again.", data.Endpoint, sentence(data.Reason))
		err := n.app.notify(ctx, "printwire_webhook_"+strconv.FormatUint(e.Seq, 10), "Printwire", text)
		if fault.Is(err, fault.Denied) {
			n.app.log.Warn("Home Assistant does not take the notification", "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return n.app.store.Advance(ctx, n.Name(), entries[len(entries)-1].Seq)
}

// sentence ends a reason with a full stop.
func sentence(reason string) string { return strings.TrimSuffix(reason, ".") + "." }
