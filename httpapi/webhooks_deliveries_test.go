package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/webhook"
)

// ended is an endpoint with n deliveries that have ended, and their ids, the newest first.
func (h *hooks) ended(t *testing.T, e *echo, n int) (id string, deliveries []string) {
	t.Helper()
	id = fmt.Sprint(h.made(t, h.writer, `{"name":"A","url":"`+e.URL+`","events":["*"]}`)["id"])
	for range n {
		h.happen(t, 1, "print_started")
	}
	until(t, "all have ended", func() bool {
		deliveries = nil
		list, _ := h.deliveries(t, id, "?limit=100")
		for _, d := range list {
			if d["ended_at"] != nil {
				deliveries = append(deliveries, fmt.Sprint(d["id"]))
			}
		}
		return len(deliveries) == n
	})
	return id, deliveries
}

func TestWebhooks_DeliveriesInPages(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	id, all := h.ended(t, e, 7)
	for _, size := range []int{1, 2, 3, 7, 100} {
		for _, filter := range []string{"", "&state=delivered"} {
			var found []string
			before, pages := "", 0
			for {
				query := fmt.Sprintf("?limit=%d%s", size, filter)
				if before != "" {
					query += "&before=" + before
				}
				list, next := h.deliveries(t, id, query)
				for _, d := range list {
					found = append(found, fmt.Sprint(d["id"]))
				}
				if pages++; next == "" {
					break
				}
				before = next
			}
			if fmt.Sprint(found) != fmt.Sprint(all) || pages > len(all)/size+1 {
				t.Errorf("in pages of %d%s: %v in %d pages, want %v", size, filter, found, pages, all)
			}
		}
	}
	if list, next := h.deliveries(t, id, "?state=failed"); len(list) != 0 || next != "" {
		t.Errorf("failed: %v", list)
	}
	for _, bad := range []string{"?limit=0", "?limit=101", "?before=x", "?before=5", "?before=0.0", "?before=9999999999999999999.9", "?state=odd", "?state="} {
		if got := h.send(http.MethodGet, "/"+id+"/deliveries"+bad, "", h.reader); got.code != 422 {
			t.Errorf("%s: %d %s", bad, got.code, got.body)
		}
	}
}

func TestWebhooks_DeliveredAgain(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	id, all := h.ended(t, e, 2)
	path := "/" + id + "/deliveries/" + all[1]
	got := h.send(http.MethodPost, path+"/redeliver", "", h.writer)
	if body := got.object(t); got.code != http.StatusOK || body["id"] != all[1] {
		t.Fatalf("again: %d %s", got.code, got.body)
	}
	until(t, "it came again", func() bool { return len(e.requests()) == 3 })
	if sent := e.requests()[2].Header.Get("webhook-id"); sent != all[1] {
		t.Errorf("sent %s, want %s", sent, all[1])
	}
	until(t, "it is noted", func() bool {
		one := h.send(http.MethodGet, path, "", h.reader).object(t)
		list, _ := one["attempts"].([]any)
		return one["state"] == "delivered" && len(list) == 2
	})
	// What is under way is not begun once more.
	e.answers(http.StatusInternalServerError)
	h.happen(t, 1, "print_paused")
	var waiting map[string]any
	until(t, "one is tried again later", func() bool {
		list, _ := h.deliveries(t, id, "?state=retrying")
		if len(list) == 1 {
			waiting = list[0]
		}
		return waiting != nil
	})
	if waiting["next_try"] == nil || waiting["ended_at"] != nil {
		t.Errorf("waiting: %v", waiting)
	}
	want(t, h.send(http.MethodPost, "/"+id+"/deliveries/"+fmt.Sprint(waiting["id"])+"/redeliver", "", h.writer), 409, "conflict", "CONFLICT")
	if one := h.send(http.MethodGet, "/"+id, "", h.reader).object(t); one["state"] != "failing" || one["waiting"] != 1.0 || one["health"].(map[string]any)["failures"] == 0.0 {
		t.Errorf("the endpoint: %v", one)
	}
	other := fmt.Sprint(h.made(t, h.writer, `{"name":"B","url":"`+e.URL+`"}`)["id"])
	for _, missing := range []string{
		"/" + other + "/deliveries/" + all[0], "/" + id + "/deliveries/msg_999_" + id, "/" + id + "/deliveries/x", "/" + id + "/deliveries/msg_18446744073709551615_" + id, "/none/deliveries/" + all[0],
	} {
		want(t, h.send(http.MethodGet, missing, "", h.reader), 404, "not_found", "NOT_FOUND")
		want(t, h.send(http.MethodPost, missing+"/redeliver", "", h.writer), 404, "not_found", "NOT_FOUND")
	}
}

func TestWebhooks_Recovery(t *testing.T) {
	h, e := newHooks(t, func(o *webhook.Options) { o.Schedule = []time.Duration{0} }), newEcho(t)
	e.answers(http.StatusBadRequest)
	id, all := h.ended(t, e, 3)
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	e.answers(http.StatusOK)
	got := h.send(http.MethodPost, "/"+id+"/recover", `{"since":"`+since+`"}`, h.writer, "Idempotency-Key", "r")
	if body := got.object(t); got.code != http.StatusOK || body["recovered"] != 3.0 {
		t.Fatalf("recovered: %d %s", got.code, got.body)
	}
	until(t, "all came", func() bool {
		list, _ := h.deliveries(t, id, "?state=delivered")
		return len(list) == len(all)
	})
	if again := h.send(http.MethodPost, "/"+id+"/recover", `{"since":"`+since+`"}`, h.writer, "Idempotency-Key", "r"); again.body != got.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s", again.body)
	}
	if late := h.send(http.MethodPost, "/"+id+"/recover", `{"since":"`+since+`"}`, h.writer).object(t); late["recovered"] != 0.0 {
		t.Errorf("once more: %v", late)
	}
	for _, bad := range []string{`{}`, `{"since":"yesterday"}`, `{"since":null}`, `{"since":5}`} {
		if got := h.send(http.MethodPost, "/"+id+"/recover", bad, h.writer); got.code != 422 {
			t.Errorf("%s: %d %s", bad, got.code, got.body)
		}
	}
}

func TestWebhooks_WhatWaitsForADigest(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	at := time.Now().UTC().Add(-time.Hour).Format("15:04")
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"B","url":"`+e.URL+`","events":["*"],"time_zone":"UTC","digest":{"mode":"both","at":"`+at+`"}}`)["id"])
	h.happen(t, 1, "print_started")
	var list []map[string]any
	until(t, "one is sent, and one waits", func() bool {
		list, _ = h.deliveries(t, id, "")
		return len(list) == 2 && list[0]["kind"] == "digest_item" && list[0]["state"] == "waiting" && list[1]["kind"] == "event" && list[1]["state"] == "delivered"
	})
	for i, code := range []int{409, 200} {
		path := "/" + id + "/deliveries/" + fmt.Sprint(list[i]["id"])
		if one := h.send(http.MethodGet, path, "", h.reader).object(t); one["kind"] != list[i]["kind"] {
			t.Errorf("one is %v, want %v", one, list[i])
		}
		if got := h.send(http.MethodPost, path+"/redeliver", "", h.writer); got.code != code {
			t.Errorf("redelivering %v: %d %s", list[i]["kind"], got.code, got.body)
		}
	}
	if list[0]["next_try"] == nil {
		t.Errorf("when the digest is sent is not told: %v", list[0])
	}
}

func TestWebhooks_ATestTellsStatusAndTimeAlone(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"A","url":"`+e.URL+`"}`)["id"])
	for _, status := range []int{200, 204, 302, 404, 500} {
		e.answers(status)
		got := h.send(http.MethodPost, "/"+id+"/test", "", h.writer)
		body := got.object(t)
		if body["status"] != float64(status) || body["success"] != (status < 300) || (body["error"] == nil) != (status < 300) || strings.Contains(got.body, "ECHO") {
			t.Errorf("%d: %s", status, got.body)
		}
	}
	e.Close()
	got := h.send(http.MethodPost, "/"+id+"/test", "", h.writer).object(t)
	if got["success"] != false || got["status"] != nil || got["error"] == nil {
		t.Errorf("a receiver that is gone: %v", got)
	}
	if list, _ := h.deliveries(t, id, ""); len(list) != 0 {
		t.Errorf("tests are in the log: %v", list)
	}
	if text, err := json.Marshal(got); err != nil || len(text) > 600 {
		t.Errorf("a long answer: %s", text)
	}
}
