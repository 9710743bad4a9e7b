package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

// absent serves a route that this program does not have yet: it says so, and why.
func absent(path, reason string) registrar {
	gone := problem{status: http.StatusNotImplemented, detail: reason}
	of := func(a *api, ctx context.Context, ref string) error {
		if _, err := a.find(ctx, ref); err != nil {
			return err
		}
		return gone
	}
	switch {
	case strings.HasPrefix(path, base+"/archives/{id}"):
		return serve(func(a *api, ctx context.Context, in *ArchivePath) (*doneAnswer, error) {
			if _, err := a.print(ctx, in.ID); err != nil {
				return nil, err
			}
			return nil, gone
		})
	case strings.Contains(path, "{slot}"):
		return serve(func(a *api, ctx context.Context, in *slotPath) (*doneAnswer, error) { return nil, of(a, ctx, in.ID) })
	case strings.Contains(path, "{id}"):
		return serve(func(a *api, ctx context.Context, in *printerPath) (*doneAnswer, error) { return nil, of(a, ctx, in.ID) })
	default:
		return serve(func(*api, context.Context, *nothing) (*doneAnswer, error) { return nil, gone })
	}
}

// slotPath names a slot of a printer.
type slotPath struct {
	ID   string `path:"id" doc:"The printer's number or its serial." example:"1"`
	AMS  int    `path:"ams" minimum:"0" maximum:"255" doc:"The changer; 255 is the external spool." example:"0"`
	Slot int    `path:"slot" minimum:"0" maximum:"15" doc:"The slot, from 0." example:"0"`
}

type queueAnswer struct {
	Total string           `header:"X-Total-Count"`
	Body  []map[string]any `nullable:"false"`
}

// queue is empty until there is one.
func (a *api) queue(context.Context, *nothing) (*queueAnswer, error) {
	return &queueAnswer{Total: "0", Body: []map[string]any{}}, nil
}

// numeric is a number, or a text that is one.
type numeric float64

// Schema takes a number or a text.
func (numeric) Schema(huma.Registry) *huma.Schema {
	least, most := -1000.0, 1000.0
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeNumber, Minimum: &least, Maximum: &most},
		{Type: huma.TypeString, Pattern: `^-?([0-9]{1,3}(\.[0-9]{1,12})?|1000(\.0{1,12})?)$`},
	}}
}

// UnmarshalJSON takes a number or a text.
func (n *numeric) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil {
		return fmt.Errorf("must be a number: %w", err)
	}
	*n = numeric(v)
	return nil
}

// PriceRequest is a new electricity price.
type PriceRequest struct {
	_     struct{} `additionalProperties:"true"`
	Price numeric  `json:"energy_cost_per_kwh" doc:"In the currency's main unit per kWh; may be negative."`
}

type priceCall struct{ Body PriceRequest }

// price checks what it is given, and says that nothing is done with it yet.
func (a *api) price(_ context.Context, in *priceCall) (*doneAnswer, error) {
	if in.Body.Price > 1000 || in.Body.Price < -1000 {
		return nil, fault.New(fault.Invalid, "must be -1000 to 1000").At("energy_cost_per_kwh")
	}
	return nil, problem{status: http.StatusNotImplemented, detail: "Electricity prices are not kept by this version; nothing was changed."}
}

// laterRoutes are the endpoints that clients know and this program answers
// without having the thing itself.
func laterRoutes() []row {
	on := func(name string) string { return base + "/printers/{id}/" + name }
	list := []row{
		{
			method: http.MethodGet, path: base + "/queue", aliases: []string{base + "/webhook/queue"}, scope: auth.QueueRead, class: classRead, audit: "queue.list",
			tag: "Queue", summary: "The print queue, empty so far", example: []map[string]any{}, serve: serve((*api).queue),
		},
		{
			method: http.MethodPost, path: base + "/settings/electricity-price", scope: auth.TariffWrite, class: classWrite, audit: "tariff.push",
			tag: "Settings", summary: "Push an electricity price; not kept yet", example: Done{}, fails: []int{http.StatusNotImplemented}, serve: serve((*api).price),
		},
	}
	const queue, motion = "There is no print queue yet.", "Moving the machine by hand is not offered."
	for _, r := range []struct {
		method, path, audit, summary, reason string
		scope                                auth.Scope
		class                                class
		aliases                              []string
	}{
		{http.MethodPost, base + "/queue", "queue.add", "Add to the queue", queue, auth.QueueWrite, classWrite, []string{base + "/webhook/queue/add"}},
		{http.MethodPost, base + "/queue/reorder", "queue.reorder", "Order the queue", queue, auth.QueueWrite, classWrite, nil},
		{http.MethodPost, base + "/webhook/printer/{id}/start", "queue.release", "Start the next item of the queue", queue, auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("select-extruder"), "control.extruder", "Select an extruder", motion, auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("bed-jog"), "control.jog.bed", "Move the bed", motion, auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("xy-jog"), "control.jog.xy", "Move the head", motion, auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("extruder-jog"), "control.jog.extruder", "Move the filament", motion, auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("home-axes"), "control.home", "Home axes", motion, auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("hms/execute-action"), "control.hms.action", "Answer an error's question", "Actions of errors are not known yet.", auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("clear-plate"), "control.plate", "Say that the plate is clear", queue, auth.PrintersControl, classControl, nil},
		{http.MethodPost, on("ams/{ams}/slot/{slot}/refresh"), "control.ams.refresh", "Read a tray's tag", "Reading tags on demand is not offered yet.", auth.PrintersControl, classControl, nil},
	} {
		list = append(list, row{
			method: r.method, path: r.path, aliases: r.aliases, scope: r.scope, class: r.class, audit: r.audit, tag: "Not yet", summary: r.summary + "; not there yet",
			more: r.reason, example: Done{}, fails: []int{http.StatusNotImplemented}, serve: absent(r.path, r.reason),
		})
	}
	return list
}
