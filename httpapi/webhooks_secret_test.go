package httpapi_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/printwire/printwire/webhook"
)

// rebinding is a resolver that gives away this machine's address for any name.
func rebinding(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func TestWebhooks_SecretsAreNotSeenAgain(t *testing.T) {
	h, e := newHooks(t, func(o *webhook.Options) { o.Schedule = nil }), newEcho(t)
	e.answers(http.StatusTeapot)
	one := h.made(t, h.writer, `{"name":"A","url":"`+e.secretURL()+`","headers":{"Authorization":"Bearer `+canaryHeader+`"},"events":["*"]}`)
	id, own := fmt.Sprint(one["id"]), fmt.Sprint(one["secret"])
	h.happen(t, 1, "print_started")
	until(t, "it was tried", func() bool {
		list, _ := h.deliveries(t, id, "")
		return len(list) == 1 && len(list[0]["attempts"].([]any)) > 0
	})
	list, _ := h.deliveries(t, id, "")
	shown := []answer{
		h.send(http.MethodGet, "", "", h.reader), h.send(http.MethodGet, "/"+id, "", h.reader), h.send(http.MethodGet, "/"+id+"/deliveries", "", h.reader),
		h.send(http.MethodGet, "/"+id+"/deliveries/"+fmt.Sprint(list[0]["id"]), "", h.reader), h.send(http.MethodPost, "/"+id+"/test", "", h.writer),
		h.send(http.MethodPatch, "/"+id, `{"name":"B"}`, h.writer), h.send(http.MethodPost, "/"+id+"/disable", "", h.writer), h.send(http.MethodPost, "/"+id+"/enable", "", h.writer),
		h.send(http.MethodPatch, "/"+id, `{"url":"`+e.secretURL()+`#","headers":{"Host":"`+canaryHeader+`"}}`, h.writer),
	}
	echoed := false
	for _, got := range shown {
		echoed = echoed || strings.Contains(got.body, "ECHO")
		for _, secret := range []string{"CANARY", own, own[len("whsec_"):]} {
			if strings.Contains(got.body, secret) {
				t.Errorf("shown: %s", got.body)
			}
		}
	}
	if !echoed {
		t.Error("the excerpt of the answer is gone altogether")
	}
	if strings.Contains(h.log.String(), "CANARY") {
		t.Errorf("the log has %s", h.log)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	hidden := map[string]bool{}
	for _, text := range h.hidden {
		hidden[text.Reveal()] = true
	}
	for _, text := range []string{e.secretURL(), "Bearer " + canaryHeader, own} {
		if !hidden[text] {
			t.Errorf("the log was not told of %s", text)
		}
	}
}

func TestWebhooks_WhatIsShownReplacesNoSecret(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	id := fmt.Sprint(h.made(t, h.writer, `{"name":"A","url":"`+e.secretURL()+`","headers":{"Authorization":"Bearer `+canaryHeader+`"}}`)["id"])
	for name, c := range map[string]struct {
		body, pointer string
	}{
		"what was shown":                      {`{"url":"` + e.URL + `/***","headers":{"Authorization":"***"},"name":"B"}`, ""},
		"what was shown, in other letters":    {`{"headers":{"authorization":"***"}}`, ""},
		"a mask of another host":              {`{"url":"http://192.168.1.20/***"}`, "/url"},
		"a mask in a path":                    {`{"url":"` + e.URL + `/hook/***"}`, "/url"},
		"a mask for a header that is not set": {`{"headers":{"X-Other":"***"}}`, "/headers/X-Other"},
		"a mask in a header":                  {`{"headers":{"Authorization":"Bearer ***"}}`, "/headers/Authorization"},
		"a mask after clearing":               {`{"headers":{"Authorization":null,"X":"***"}}`, "/headers/X"},
		"headers that would go elsewhere":     {`{"url":"http://192.168.1.20/"}`, "/headers"},
		"the same by another port":            {`{"url":"http://127.0.0.1:1/"}`, "/headers"},
		"the same by another target":          {`{"url":"https://` + strings.TrimPrefix(e.URL, "http://") + `/"}`, "/headers"},
		"one of two headers":                  {`{"url":"http://192.168.1.20/","headers":{"X-Other":"1"}}`, "/headers"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.send(http.MethodPatch, "/"+id, c.body, h.writer)
			if c.pointer == "" && got.code != http.StatusOK || c.pointer != "" && (got.code != 422 || !strings.Contains(got.body, `"pointer":"`+c.pointer+`"`)) {
				t.Errorf("%d %s", got.code, got.body)
			}
			kept, err := h.box.Endpoint(id)
			if err != nil || kept.URL.Reveal() != e.secretURL() || len(kept.Headers) != 1 || kept.Headers["Authorization"].Reveal() != "Bearer "+canaryHeader {
				t.Errorf("the secrets are now %s %v", kept.URL.Reveal(), kept.Headers)
			}
		})
	}
	for _, c := range [][2]string{
		{`{"url":"http://192.168.1.20/x","headers":{"Authorization":"other"}}`, "other"}, {`{"url":"` + e.URL + `/","headers":null}`, ""}, {`{"url":"http://192.168.1.20/y"}`, ""},
	} {
		got := h.send(http.MethodPatch, "/"+id, c[0], h.writer)
		if kept, err := h.box.Endpoint(id); err != nil || got.code != http.StatusOK || kept.Headers["Authorization"].Reveal() != c[1] {
			t.Errorf("%s: %d %s, now %q", c[0], got.code, got.body, kept.Headers["Authorization"].Reveal())
		}
	}
	for _, bad := range []string{`"url":"http://192.168.1.20/***"`, `"url":"http://192.168.1.20/","headers":{"A":"***"}`, `"url":"http://192.168.1.20/","secret":"***"`} {
		if got := h.send(http.MethodPost, "", `{"name":"A",`+bad+`}`, h.writer); got.code != 422 {
			t.Errorf("a new one with %s: %d %s", bad, got.code, got.body)
		}
	}
}

func TestWebhooks_Rotation(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	one := h.made(t, h.writer, `{"name":"A","url":"`+e.URL+`","events":["*"]}`)
	id, first := fmt.Sprint(one["id"]), fmt.Sprint(one["secret"])
	turned := h.send(http.MethodPost, "/"+id+"/rotate", "", h.writer).object(t)
	second := fmt.Sprint(turned["secret"])
	if !strings.HasPrefix(second, "whsec_") || second == first || turned["previous_secret_until"] == nil {
		t.Fatalf("rotated: %v", turned)
	}
	if got := h.send(http.MethodPost, "/"+id+"/test", "", h.writer).object(t); got["success"] != true {
		t.Fatalf("a test: %v", got)
	}
	if r := e.requests()[0]; !signs(t, r, first) || !signs(t, r, second) || signs(t, r, "whsec_"+strings.Repeat("A", 32)) {
		t.Errorf("signed %s", r.Header.Get("webhook-signature"))
	}
	curve := h.send(http.MethodPatch, "/"+id, `{"signature":"ed25519"}`, h.writer)
	if body := curve.object(t); body["secret"] != nil || !strings.HasPrefix(fmt.Sprint(body["public_key"]), "whpk_") || strings.Contains(curve.body, "whsk_") {
		t.Errorf("ed25519: %s", curve.body)
	}
	// A change of the signature makes a secret, which the receiver has to learn.
	back := h.send(http.MethodPatch, "/"+id, `{"signature":"hmac"}`, h.writer).object(t)
	if text := fmt.Sprint(back["secret"]); !strings.HasPrefix(text, "whsec_") || text == first || text == second || back["public_key"] != nil {
		t.Errorf("hmac again: %v", back)
	}
	given := "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	own := h.made(t, h.writer, `{"name":"B","url":"`+e.URL+`","secret":"`+given+`"}`)
	h.send(http.MethodPost, "/"+fmt.Sprint(own["id"])+"/test", "", h.writer)
	if own["secret"] != given || !signs(t, e.requests()[1], given) {
		t.Errorf("with a secret of its own: %v", own)
	}
	made := h.made(t, h.writer, `{"name":"C","url":"`+e.URL+`","signature":"ed25519"}`)
	if made["secret"] != nil || !strings.HasPrefix(fmt.Sprint(made["public_key"]), "whpk_") {
		t.Errorf("a new one with ed25519: %v", made)
	}
}

func TestWebhooks_RepeatedCallsDoNothingTwice(t *testing.T) {
	h, e := newHooks(t), newEcho(t)
	body := `{"name":"A","url":"` + e.URL + `"}`
	first := h.send(http.MethodPost, "", body, h.writer, "Idempotency-Key", "k1")
	again := h.send(http.MethodPost, "", body, h.writer, "Idempotency-Key", "k1")
	if first.code != http.StatusCreated || again.code != http.StatusCreated || first.body != again.body || again.header.Get("Idempotency-Replayed") != "true" || len(h.box.Endpoints()) != 1 {
		t.Fatalf("%d %s\n%d %s", first.code, first.body, again.code, again.body)
	}
	for _, other := range []string{`{"name":"B","url":"` + e.URL + `"}`, `{"name":"A","url":"` + e.URL + `/other"}`} {
		want(t, h.send(http.MethodPost, "", other, h.writer, "Idempotency-Key", "k1"), 422, "validation_failed", "VALIDATION_FAILED")
	}
	id := fmt.Sprint(first.object(t)["id"])
	turned := h.send(http.MethodPost, "/"+id+"/rotate", "", h.writer, "Idempotency-Key", "k2").object(t)
	repeated := h.send(http.MethodPost, "/"+id+"/rotate", "", h.writer, "Idempotency-Key", "k2").object(t)
	if turned["secret"] != repeated["secret"] || turned["secret"] == nil {
		t.Errorf("rotated twice: %v, %v", turned, repeated)
	}
	// The first call's secret is no longer the endpoint's: nobody is shown the present one.
	if late := h.send(http.MethodPost, "", body, h.writer, "Idempotency-Key", "k1").object(t); late["id"] != id || late["secret"] != nil {
		t.Errorf("after the rotation: %v", late)
	}
	for range 2 {
		if got := h.send(http.MethodPost, "/"+id+"/test", "", h.writer, "Idempotency-Key", "k3"); got.code != http.StatusOK {
			t.Errorf("a test: %s", got.body)
		}
	}
	if n := len(e.requests()); n != 1 {
		t.Errorf("%d tests were sent", n)
	}
}
