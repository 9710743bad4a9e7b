package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/printwire/printwire/app"
)

type deliveriesCmd struct {
	webhookArg
	Limit int    `default:"50" help:"How many at most, up to 1000."`
	State string `help:"Only those in a state, such as failed." placeholder:"STATE" words:"deliveries"`
}

// Run lists deliveries. The bridge gives them page by page: it never looks
// through a long log for a rare state in one go.
func (c deliveriesCmd) Run(ctx context.Context, env Env) error {
	q := url.Values{}
	if c.State != "" {
		q.Set("state", c.State)
	}
	rows := []app.DeliveryRow{}
	for more := true; more; more = q.Get("before") != "" && len(rows) < c.Limit {
		q.Set("limit", strconv.Itoa(c.Limit-len(rows)))
		var page app.DeliveriesPage
		if err := c.call(ctx, env, http.MethodGet, c.path()+"/deliveries?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		rows = append(rows, page.Deliveries...)
		q.Set("before", page.Next)
	}
	return c.show(env, rows, func(w io.Writer) error { return table(w, rows, deliveryColumns()) })
}

func deliveryColumns() []column[app.DeliveryRow] {
	return []column[app.DeliveryRow]{
		{"ID", func(r app.DeliveryRow) string { return r.ID }},
		{"TIME", func(r app.DeliveryRow) string { return stamp(r.Happened) }},
		{"EVENT", func(r app.DeliveryRow) string { return r.Event }},
		{"PRINTER", func(r app.DeliveryRow) string { return r.Printer }},
		{"STATE", func(r app.DeliveryRow) string { return r.State }},
		{"TRIES", func(r app.DeliveryRow) string { return strconv.Itoa(r.Tries) }},
		{"NEXT", next},
		{"REASON", func(r app.DeliveryRow) string { return r.Reason }},
	}
}

// next is when a delivery is tried; one that is due waits for its turn.
func next(r app.DeliveryRow) string {
	if !r.Due.After(time.Now()) {
		return ""
	}
	return stamp(r.Due)
}

// deliveryArg names a delivery.
type deliveryArg struct {
	dataFlag
	Delivery string `arg:"" help:"Id of the delivery, as \"webhooks deliveries\" shows it; receivers know it as webhook-id."`
}

func (a deliveryArg) path() string { return "/deliveries/" + url.PathEscape(a.Delivery) }

type deliveryCmd struct{ deliveryArg }

// Run shows a delivery.
func (c deliveryCmd) Run(ctx context.Context, env Env) error {
	return ask(ctx, env, c.dataFlag, http.MethodGet, c.path(), nil, func(w io.Writer, r app.DeliveryRow) error {
		if err := card(w, describeDelivery(r)); err != nil || len(r.Attempts) == 0 {
			return err
		}
		fmt.Fprintln(w)
		err := table(w, r.Attempts, []column[app.DeliveryAttempt]{
			{"ATTEMPT", func(a app.DeliveryAttempt) string { return a.At.UTC().Format(time.DateTime) }},
			{"ANSWER", func(a app.DeliveryAttempt) string { return answerOf(a.Status) }},
			{"TOOK", func(a app.DeliveryAttempt) string { return strconv.Itoa(a.Milliseconds) + " ms" }},
			{"PROBLEM", func(a app.DeliveryAttempt) string { return a.Error }},
		})
		if err == nil {
			err = block(w, "Sent", r.Request)
		}
		if err == nil {
			err = block(w, "Answered last", r.Attempts[len(r.Attempts)-1].Response)
		}
		return err
	})
}

func describeDelivery(r app.DeliveryRow) []field {
	return []field{
		{"Delivery", r.ID},
		{"Endpoint", r.Endpoint},
		{"Event", r.Event},
		{"Printer", r.Printer},
		{"Happened", stamp(r.Happened)},
		{"State", r.State},
		{"Reason", r.Reason},
		{"Attempts", strconv.Itoa(r.Tries)},
		{"Next attempt", next(r)},
		{"Expires", stamp(r.Expires)},
		{"Ended", stamp(r.Ended)},
	}
}

// answerOf is an HTTP status, "" for no answer.
func answerOf(status int) string {
	if status == 0 {
		return ""
	}
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// block writes text of several lines under a head; no text is left out.
func block(w io.Writer, head, text string) error {
	if text == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n%s:\n", head)
	for line := range strings.Lines(text) {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s\n", printable(strings.TrimRight(line, "\r\n")))
		}
	}
	return err
}

type redeliverCmd struct{ deliveryArg }

// Run delivers one again.
func (c redeliverCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodPost, c.path()+"/redeliver", nil, func(r app.DeliveryRow) string {
		return fmt.Sprintf("Delivery %s is on its way again.", r.ID)
	})
}

type recoverCmd struct {
	webhookArg
	Since when `required:"" help:"Since when: a date, a time, or a span such as 12h." placeholder:"WHEN"`
}

// Run delivers all again that failed.
func (c recoverCmd) Run(ctx context.Context, env Env) error {
	since := app.RecoverRequest{Since: c.Since.ago(time.Now())}
	return tell(ctx, env, c.dataFlag, http.MethodPost, c.path()+"/recover", since, func(r app.Recovered) string {
		if r.Count == 1 {
			return "1 delivery is on its way again."
		}
		return fmt.Sprintf("%d deliveries are on their way again.", r.Count)
	})
}
