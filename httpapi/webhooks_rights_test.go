package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/webhook"
)

func TestWebhooks_AKeyForSomePrinters(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	bound := h.key([]string{"webhooks:read", "webhooks:write"}, 1)
	make := func(key, more string) answer {
		return h.send(http.MethodPost, "", `{"name":"A","url":"`+e.URL+`"`+more+`}`, key)
	}
	for name, c := range map[string]struct{ more, pointer string }{
		"all printers":        {``, "/printers"},
		"no printers":         {`,"printers":[]`, "/printers"},
		"another printer":     {`,"printers":[2]`, "/printers"},
		"another one beside":  {`,"printers":[1,2]`, "/printers"},
		"all events":          {`,"printers":[1],"events":["*"]`, "/events"},
		"an event of others":  {`,"printers":[1],"events":["endpoint_disabled"]`, "/events"},
		"one of the tariff":   {`,"printers":[1],"events":["print_started","price_below"]`, "/events"},
		"its own printer":     {`,"printers":[1]`, ""},
		"its own, and a test": {`,"printers":[1],"events":["print_started","test"]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(bound, c.more)
			if c.pointer == "" && got.code != http.StatusCreated || c.pointer != "" && (got.code != 422 || !strings.Contains(got.body, `"pointer":"`+c.pointer+`"`)) {
				t.Errorf("%d %s", got.code, got.body)
			}
		})
	}
	var foreign []string
	for _, more := range []string{``, `,"printers":[2]`, `,"printers":[1,2]`, `,"printers":[1],"events":["*"]`} {
		foreign = append(foreign, fmt.Sprint(make(h.writer, more).object(t)["id"]))
	}
	if got := h.send(http.MethodGet, "", "", bound); got.header.Get("X-Total-Count") != "2" {
		t.Errorf("it sees %s", got.body)
	}
	for _, id := range foreign {
		for _, c := range [][3]string{
			{http.MethodGet, "", ""}, {http.MethodPatch, "", `{"name":"B"}`}, {http.MethodDelete, "", ""}, {http.MethodPost, "/test", ""}, {http.MethodPost, "/rotate", ""}, {http.MethodPost, "/enable", ""},
			{http.MethodPost, "/disable", ""}, {http.MethodPost, "/recover", `{"since":"2026-01-01T00:00:00Z"}`}, {http.MethodGet, "/deliveries", ""},
			{http.MethodGet, "/deliveries/msg_1_" + id, ""}, {http.MethodPost, "/deliveries/msg_1_" + id + "/redeliver", ""},
		} {
			want(t, h.send(c[0], "/"+id+c[1], c[2], bound), 404, "not_found", "NOT_FOUND")
		}
	}
	own := fmt.Sprint(make(bound, `,"printers":[1]`).object(t)["id"])
	for _, wider := range []string{`{"printers":null}`, `{"printers":[1,2]}`, `{"printers":[]}`, `{"events":["*"]}`} {
		if got := h.send(http.MethodPatch, "/"+own, wider, bound); got.code != 422 {
			t.Errorf("%s: %d %s", wider, got.code, got.body)
		}
	}
	if got := h.send(http.MethodPatch, "/"+own, `{"name":"B"}`, bound); got.code != http.StatusOK {
		t.Errorf("its own: %d %s", got.code, got.body)
	}
}

// TestWebhooks_DeliveriesOfOtherPrintersAreNotShown: an endpoint told of all
// printers before it was held to one.
func TestWebhooks_DeliveriesOfOtherPrintersAreNotShown(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"A","url":"`+e.URL+`","events":["print_started"]}`)["id"])
	h.happen(t, 1, "print_started")
	h.happen(t, 2, "print_started")
	until(t, "both are delivered", func() bool {
		list, _ := h.deliveries(t, id, "?state=delivered")
		return len(list) == 2
	})
	if got := h.send(http.MethodPatch, "/"+id, `{"printers":[1]}`, h.writer); got.code != http.StatusOK {
		t.Fatal(got.body)
	}
	all, _ := h.deliveries(t, id, "")
	h.reader = h.key([]string{"webhooks:read"}, 1)
	list, next := h.deliveries(t, id, "")
	if len(list) != 1 || list[0]["printer_id"] != 1.0 || next != "" {
		t.Errorf("it sees %v", list)
	}
	bound := h.key([]string{"webhooks:read", "webhooks:write"}, 1)
	for _, d := range all {
		code := map[bool]int{true: 200, false: 404}[d["printer_id"] == 1.0]
		path := "/" + id + "/deliveries/" + fmt.Sprint(d["id"])
		if got := h.send(http.MethodGet, path, "", bound); got.code != code {
			t.Errorf("printer %v: %d", d["printer_id"], got.code)
		}
		if got := h.send(http.MethodPost, path+"/redeliver", "", bound); got.code != code {
			t.Errorf("redelivering of printer %v: %d %s", d["printer_id"], got.code, got.body)
		}
	}
}

// TestWebhooks_RecoveryOfOtherPrintersNeedsAKeyForThem: what failed of all
// printers before the endpoint was held to one.
func TestWebhooks_RecoveryOfOtherPrintersNeedsAKeyForThem(t *testing.T) {
	h, e := newHooks(t, func(o *webhook.Options) { o.Schedule = []time.Duration{0} }), newEcho(t)
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"A","url":"`+e.URL+`","events":["print_started"]}`)["id"])
	e.answers(http.StatusBadRequest)
	for _, printer := range []int{1, 2, 1} {
		h.happen(t, printer, "print_started")
	}
	until(t, "all have failed", func() bool {
		list, _ := h.deliveries(t, id, "?state=failed")
		return len(list) == 3
	})
	e.answers(http.StatusOK)
	if got := h.send(http.MethodPatch, "/"+id, `{"printers":[1]}`, h.writer); got.code != http.StatusOK {
		t.Fatal(got.body)
	}
	since := `{"since":"2000-01-01T00:00:00Z"}`
	bound := h.key([]string{"webhooks:read", "webhooks:write"}, 1)
	if got := h.send(http.MethodPost, "/"+id+"/recover", since, bound).object(t); got["recovered"] != 2.0 {
		t.Errorf("the key of one printer recovers %v", got)
	}
	until(t, "its own came", func() bool {
		list, _ := h.deliveries(t, id, "?state=delivered")
		return len(list) == 2
	})
	if list, _ := h.deliveries(t, id, "?state=failed"); len(list) != 1 || list[0]["printer_id"] != 2.0 {
		t.Errorf("still failed: %v", list)
	}
	if got := h.send(http.MethodPost, "/"+id+"/recover", since, h.writer).object(t); got["recovered"] != 1.0 {
		t.Errorf("the key of all printers recovers %v", got)
	}
}

func TestWebhooks_AKeyForTestsDoesNothing(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	h.opts.Simulated = simulatedFirst
	api, err := httpapi.New(h.opts)
	if err != nil {
		t.Fatal(err)
	}
	h.handler = api
	text, _, err := h.auth.CreateKey(auth.NewKey{Name: "tests", Terms: []string{"webhooks:read", "webhooks:write"}, Test: true, Plan: auth.Plan{Name: auth.PlanUnlimited}})
	if err != nil {
		t.Fatal(err)
	}
	key := text.Reveal()
	real := fmt.Sprint(h.made(t, h.writer, `{"name":"Real","url":"`+e.URL+`","printers":[2]}`)["id"])
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"Simulated","url":"`+e.URL+`","printers":[1]}`)["id"])
	if list := h.send(http.MethodGet, "", "", key); list.header.Get("X-Total-Count") != "1" || !strings.Contains(list.body, id) {
		t.Errorf("it sees %s", list.body)
	}
	want(t, h.send(http.MethodGet, "/"+real, "", key), 404, "not_found", "NOT_FOUND")
	want(t, h.send(http.MethodPost, "", `{"name":"A","url":"`+e.URL+`","printers":[1]}`, key), 403, "forbidden", "FORBIDDEN")
	want(t, h.send(http.MethodPost, "", `{"name":"A","url":"`+e.URL+`","printers":[2]}`, key), 422, "validation_failed", "VALIDATION_FAILED")
	before, err := h.box.Endpoint(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][4]string{
		{http.MethodPatch, "", `{"name":"B"}`, `"name":"B"`}, {http.MethodPost, "/rotate", "", `"id"`}, {http.MethodPost, "/disable", "", `"id"`}, {http.MethodPost, "/enable", "", `"id"`},
		{http.MethodPost, "/test", "", `"simulated":true`}, {http.MethodPost, "/recover", `{"since":"2026-01-01T00:00:00Z"}`, `"recovered":0`}, {http.MethodDelete, "", "", `"deleted"`},
	} {
		got := h.send(c[0], "/"+id+c[1], c[2], key)
		if got.code != http.StatusOK || !strings.Contains(got.body, c[3]) || strings.Contains(got.body, "whsec_") {
			t.Errorf("%s %s: %d %s", c[0], c[1], got.code, got.body)
		}
	}
	if got := h.send(http.MethodPatch, "/"+id, `{"format":"odd"}`, key); got.code != 422 {
		t.Errorf("what is wrong is told all the same: %d", got.code)
	}
	after, err := h.box.Endpoint(id)
	if err != nil || fmt.Sprintf("%+v", after) != fmt.Sprintf("%+v", before) || after.Secret != before.Secret || len(e.requests()) != 0 {
		t.Errorf("it did something: %v", err)
	}
}
