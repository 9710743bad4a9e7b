package storage_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/webhook"
)

func TestOutbox_ANewURLIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("wrong.example")
		r.net.answer = func(h hit, _ int) (int, http.Header) {
			if h.host == "wrong.example" {
				return 503, http.Header{"Retry-After": {"86400"}}
			}
			return 200, nil
		}
		r.happen("print_started", "print_complete")
		r.pass(10 * time.Minute)
		if _, err := r.Update(t.Context(), e.ID, func(e *webhook.Endpoint) { e.URL = secretURL("right.example") }); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Second)
		if got := names(r.net.seen("right.example")); got != "print_started print_complete" {
			t.Errorf("a second after the URL was mended it had got %q", got)
		}
		if h, err := r.Health(e.ID); err != nil || h.Failures != 0 {
			t.Errorf("the health is %+v (%v)", h, err)
		}
		before := len(r.net.seen("wrong.example"))
		if _, err := r.Update(t.Context(), e.ID, func(e *webhook.Endpoint) { e.URL = secretURL("wrong.example") }); err != nil {
			t.Fatal(err)
		}
		r.happen("print_failed")
		r.pass(time.Minute)
		if _, err := r.Update(t.Context(), e.ID, func(e *webhook.Endpoint) { e.Name = "Other" }); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute)
		if got := len(r.net.seen("wrong.example")) - before; got != 1 {
			t.Errorf("%d requests: another name is no reason to ask a receiver early that wants to be left alone", got)
		}
	})
}

func TestOutbox_AnEndpointThatCannotBeDeletedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		e, err := f.Create(t.Context(), webhook.Endpoint{Name: "a", URL: secretURL("a.example")})
		if err != nil {
			t.Fatal(err)
		}
		f.full.Store(true)
		if err := f.Delete(t.Context(), e.ID); err == nil {
			t.Fatal("a full disk gave no error")
		}
		f.full.Store(false)
		f.happen(t, "print_complete")
		wait(time.Second)
		if got := names(f.net.seen("a.example")); got != "print_complete" {
			t.Errorf("afterwards it got %q", got)
		}
		if err := f.Delete(t.Context(), e.ID); err != nil || len(f.Endpoints()) != 0 {
			t.Errorf("the second time gave %v", err)
		}
	})
}

func TestOutbox_ManyEventsForManyEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		const endpoints, many = 9, 60 // More than go into one transaction.
		for i := range endpoints {
			r.add(fmt.Sprintf("e%d.example", i))
		}
		r.happen(slices.Repeat([]string{"print_complete"}, many)...)
		r.pass(time.Minute)
		for i := range endpoints {
			ids := map[string]bool{}
			hits := r.net.seen(fmt.Sprintf("e%d.example", i))
			for _, h := range hits {
				ids[h.id] = true
			}
			if len(hits) != many || len(ids) != many {
				t.Errorf("endpoint %d got %d requests with %d ids, want %d", i, len(hits), len(ids), many)
			}
		}
	})
}

func TestOutbox_DeletesALongQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.net.answer = func(hit, int) (int, http.Header) { return 500, nil }
		r.happen(slices.Repeat([]string{"print_complete"}, 1500)...)
		r.pass(time.Minute)
		if err := r.Delete(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		if list, err := listed(r.store.Webhooks().Deliveries(t.Context(), e.ID, webhook.Query{})); err != nil || len(list) != 0 {
			t.Errorf("a deleted endpoint has %d deliveries (%v)", len(list), err)
		}
		if n, err := r.store.Webhooks().Next(t.Context(), e.ID); err != nil || n.HasApart || n.HasQueued {
			t.Errorf("a deleted endpoint has a queue (%v)", err)
		}
	})
}

func TestOutbox_IdsNameOneDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example", func(e *webhook.Endpoint) { e.Digest = webhook.Digest{Mode: "both", At: "08:00"} })
		r.happen("print_complete")
		r.pass(time.Minute)
		list, err := listed(r.Deliveries(t.Context(), e.ID, webhook.Query{}))
		if err != nil || len(list) != 2 {
			t.Fatalf("there are %+v (%v)", list, err)
		}
		for _, d := range list {
			if got, err := r.Delivery(t.Context(), d.ID()); err != nil || got.Key != d.Key || got.State != d.State {
				t.Errorf("%s gives %+v (%v), want %+v", d.ID(), got, err, d)
			}
		}
		if err := r.Manage(t.Context(), []webhook.Endpoint{{ID: e.ID + "_digest", Name: "Digest", URL: secretURL("b.example")}}); err != nil {
			t.Fatal(err)
		}
		r.happen("print_failed")
		r.pass(9 * time.Hour)
		seen := map[string]string{}
		for _, host := range []string{"a.example", "b.example"} {
			for _, h := range r.net.seen(host) {
				if d, err := r.Delivery(t.Context(), h.id); err != nil || d.ID() != h.id || seen[h.id] != "" {
					t.Errorf("%s at %s gives %+v (%v); it was at %q before", h.id, host, d, err, seen[h.id])
				}
				seen[h.id] = host
			}
		}
	})
}

func TestOutbox_ATestIsNoLaterEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.happen("print_started", "print_complete")
		r.pass(time.Second)
		ids := map[string]bool{}
		for range 2 {
			if _, err := r.Test(t.Context(), e.ID); err != nil {
				t.Fatal(err)
			}
			r.pass(time.Second)
		}
		hits := r.net.seen("a.example")
		for _, h := range hits {
			ids[h.id] = true
		}
		data, _ := hits[3].body["data"].(map[string]any)
		if len(ids) != 4 || data["seq"] != 2.0 {
			t.Errorf("two events and two tests have the ids %v, the last test has the data %v", ids, data)
		}
	})
}

func TestOutbox_DigestOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example", func(e *webhook.Endpoint) {
			e.Digest, e.Format = webhook.Digest{Mode: "digest", At: "08:00"}, "custom"
			e.Template = webhook.Template{Body: `{"event":{{toJson .event}},"count":{{len .data.events}},"all":{{toJson .}}}`}
		})
		r.happen(slices.Repeat([]string{"print_complete"}, 230)...)
		r.pass(9 * time.Hour)
		total := 0.0
		ids := map[string]bool{}
		for _, h := range r.net.seen("a.example") {
			count, _ := h.body["count"].(float64)
			total += count
			ids[h.id] = true
		}
		if total != 230 || len(ids) != len(r.net.seen("a.example")) {
			t.Errorf("the digests have %v events under %d ids: %s", total, len(ids), r.states(e.ID))
		}
		r.pass(48 * time.Hour)
		if got := len(r.net.seen("a.example")); got != len(ids) {
			t.Errorf("%d digests of days without events", got-len(ids))
		}
	})
}

func TestOutbox_UpdateWithoutASignatureKeepsTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		before := r.add("a.example")
		after, err := r.Update(t.Context(), before.ID, func(e *webhook.Endpoint) { e.Signature, e.Format = "", "" })
		if err != nil || after.Secret != before.Secret || after.Previous != "" || after.Format != before.Format {
			t.Errorf("left out is as it was: %+v (%v)", after, err)
		}
		after, err = r.Update(t.Context(), before.ID, func(e *webhook.Endpoint) { e.Signature = webhook.Ed25519 })
		if err != nil || after.Secret == before.Secret || after.Previous != before.Secret {
			t.Errorf("another signature has another secret: %+v (%v)", after, err)
		}
	})
}

func TestOutbox_AGoodTestHurriesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		status := 503
		r.net.answer = func(hit, int) (int, http.Header) { return status, http.Header{"Retry-After": {"3600"}} }
		r.happen("print_started", "print_complete")
		r.pass(10 * time.Minute)
		before := len(r.net.seen("a.example"))
		if attempt, err := r.Test(t.Context(), e.ID); err != nil || attempt.Status != 503 {
			t.Fatalf("%+v (%v)", attempt, err)
		}
		r.pass(time.Second)
		if got := len(r.net.seen("a.example")) - before; got != 1 {
			t.Errorf("%d requests after a test that failed, want the test alone", got)
		}
		status = 200
		if attempt, err := r.Test(t.Context(), e.ID); err != nil || attempt.Status != 200 {
			t.Fatalf("%+v (%v)", attempt, err)
		}
		r.pass(time.Second)
		if got := names(r.net.seen("a.example")[before+1:]); got != "test print_started print_complete" {
			t.Errorf("after a good test it got %q", got)
		}
		if h, err := r.Health(e.ID); err != nil || h.Failures != 0 {
			t.Errorf("the health is %+v (%v)", h, err)
		}
	})
}
