package storage_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

func secretURL(host string) secret.Text { return secret.Text("http://" + host + "/hook") }

func TestOutbox_AReceiverThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.add("watch.example", func(e *webhook.Endpoint) { e.Events = []string{"endpoint_disabled"} })
		down := true
		r.net.answer = func(h hit, _ int) (int, http.Header) {
			if down && h.host == "a.example" {
				return http.StatusGone, nil
			}
			return 200, nil
		}
		r.happen("print_started")
		r.pass(time.Minute)
		r.happen("print_complete")
		r.pass(time.Hour)
		if got := len(r.net.seen("a.example")); got != 1 {
			t.Errorf("%d requests to a receiver that is gone", got)
		}
		off, _ := r.Endpoint(e.ID)
		if off.Enabled || !off.Disabled.ByRule || off.Disabled.Reason == "" {
			t.Errorf("the endpoint is %+v", off)
		}
		told := r.net.seen("watch.example")
		if len(told) != 1 || told[0].body["data"].(map[string]any)["endpoint"] != "a.example" {
			t.Errorf("the other endpoint was told %+v", told)
		}
		r.net.mu.Lock()
		down = false
		r.net.mu.Unlock()
		r.end()
		r.start() // It is off after a start too.
		r.pass(time.Minute)
		if got := len(r.net.seen("a.example")); got != 1 {
			t.Errorf("%d requests after a start", got)
		}
		if _, err := r.Enable(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute)
		if got := names(r.net.seen("a.example")); got != "print_started print_started endpoint_disabled print_complete" {
			t.Errorf("after it was enabled it got %s", got)
		}
	})
}

func TestOutbox_ADeadEndpointIsDisabledAndComesBackWithADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example", func(e *webhook.Endpoint) { e.Events = []string{"print_complete"} })
		down := true
		r.net.answer = func(hit, int) (int, http.Header) {
			if down {
				return 503, nil
			}
			return 200, nil
		}
		for day := range 6 {
			on, _ := r.Endpoint(e.ID)
			if on.Enabled != (day < 5) && day != 5 {
				t.Errorf("on day %d enabled is %v", day, on.Enabled)
			}
			r.happen("print_complete")
			r.pass(24 * time.Hour)
		}
		off, _ := r.Endpoint(e.ID)
		if off.Enabled || !off.Disabled.ByRule {
			t.Fatalf("after six days the endpoint is %+v", off)
		}
		r.happen("print_complete")
		r.pass(time.Hour)
		before := len(r.net.seen("a.example"))
		r.net.mu.Lock()
		down = false
		r.net.mu.Unlock()
		if _, err := r.Enable(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Hour)
		if got := len(r.net.seen("a.example")) - before; got != 1 {
			t.Errorf("%d deliveries came back, want the one of the last day; %s", got, r.states(e.ID))
		}
	})
}

func TestOutbox_StaleProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		down := true
		r.net.answer = func(hit, int) (int, http.Header) {
			if down {
				return 500, nil
			}
			return 200, nil
		}
		r.progress(25)
		r.pass(10 * time.Minute)
		r.progress(50)
		r.pass(6 * time.Minute)
		r.happen("print_complete")
		r.net.mu.Lock()
		down = false
		r.net.mu.Unlock()
		r.pass(time.Hour)
		if got := r.states(e.ID); got != "print_progress superseded, print_progress delivered, print_complete delivered" {
			t.Errorf("the deliveries are %s", got)
		}
	})
}

func TestOutbox_ProgressExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.net.answer = func(hit, int) (int, http.Header) { return 500, nil }
		r.progress(25)
		r.pass(time.Hour)
		if got := r.states(e.ID); got != "print_progress expired" {
			t.Errorf("the delivery is %s", got)
		}
	})
}

func TestOutbox_QuietHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // It begins at midnight UTC.
		r := newRig(t)
		night := webhook.Quiet{From: "22:00", To: "07:00"}
		for _, mode := range []string{"hold", "drop"} {
			night.Mode = mode
			r.add(mode+".example", func(e *webhook.Endpoint) {
				e.Quiet, e.TimeZone, e.Always = night, "Europe/Berlin", []string{"print_failed"}
			})
		}
		r.happen("print_complete", "print_failed")
		r.pass(time.Hour)
		for _, host := range []string{"hold.example", "drop.example"} {
			if got := names(r.net.seen(host)); got != "print_failed" {
				t.Errorf("%s got %q at night", host, got)
			}
		}
		r.pass(6 * time.Hour) // In Berlin it is 7:00 UTC+1.
		hits := r.net.seen("hold.example")
		if names(hits) != "print_failed print_complete" || hits[1].at.UTC().Format("15:04") != "06:00" {
			t.Errorf("what was held came as %+v", hits)
		}
		if got := names(r.net.seen("drop.example")); got != "print_failed" {
			t.Errorf("what was dropped came as %s", got)
		}
		r.happen("door_opened")
		r.pass(time.Minute)
		if got := names(r.net.seen("drop.example")); got != "print_failed door_opened" {
			t.Errorf("by day it got %s", got)
		}
	})
}

func TestOutbox_Digest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("digest.example", func(e *webhook.Endpoint) { e.Digest = webhook.Digest{Mode: "digest", At: "08:00"} })
		r.add("both.example", func(e *webhook.Endpoint) { e.Digest = webhook.Digest{Mode: "both", At: "08:00"} })
		failures := 2
		r.net.answer = func(h hit, _ int) (int, http.Header) {
			if h.event == "digest" && h.host == "digest.example" && failures > 0 {
				failures--
				return 500, nil
			}
			return 200, nil
		}
		r.happen("print_started", "print_complete")
		r.pass(time.Hour)
		if got := names(r.net.seen("digest.example")); got != "" {
			t.Errorf("before the digest it got %s", got)
		}
		r.end()
		r.start()
		r.pass(8 * time.Hour)
		hits := r.net.seen("digest.example")
		if names(hits) != "digest digest digest" || hits[2].id != hits[0].id || hits[2].id != "msg_2_"+e.ID+"-digest" {
			t.Fatalf("the digest came as %+v", hits)
		}
		data := hits[2].body["data"].(map[string]any)
		if data["count"] != 2.0 || len(data["events"].([]any)) != 2 {
			t.Errorf("the digest has %v", data)
		}
		if got := names(r.net.seen("both.example")); got != "print_started print_complete digest" {
			t.Errorf("with both it got %s", got)
		}
		if got := r.states(e.ID); got != "digest delivered" {
			t.Errorf("the deliveries are %s", got)
		}
	})
}

func TestOutbox_Manage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		list := []webhook.Endpoint{{ID: "file_a", Name: "A", URL: secretURL("a.example")}, {ID: "file_b", Name: "B", URL: secretURL("b.example")}}
		if err := r.Manage(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		a, _ := r.Endpoint("file_a")
		if err := r.Manage(t.Context(), list[:1]); err != nil {
			t.Fatal(err)
		}
		again, err := r.Endpoint("file_a")
		if err != nil || again.Secret != a.Secret || again.Secret == "" || !again.Updated.Equal(a.Updated) || len(r.Endpoints()) != 1 {
			t.Errorf("after the second time it is %+v of %d (%v)", again, len(r.Endpoints()), err)
		}
		if _, err := r.Update(t.Context(), "file_a", func(e *webhook.Endpoint) { e.Name = "X" }); err == nil || !strings.Contains(err.Error(), "settings file") {
			t.Errorf("an edit gave %v", err)
		}
		if err := r.Delete(t.Context(), "file_a"); err == nil {
			t.Error("it was deleted")
		}
		if m := r.Marks(); len(m.Percent) != 3 {
			t.Errorf("the marks are %+v", m)
		}
	})
}

func TestOutbox_Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add("a.example")
		r.add("down.example")
		r.net.answer = func(h hit, _ int) (int, http.Header) {
			if h.host == "down.example" {
				return 500, nil
			}
			return 200, nil
		}
		for range 20 {
			r.happen("print_complete")
		}
		start := time.Now()
		r.Drain(t.Context())
		if took := time.Since(start); took > time.Second {
			t.Errorf("draining took %s, though nothing more could be sent", took)
		}
		if got := len(r.net.seen("a.example")); got != 20 {
			t.Errorf("%d of 20 were sent before draining was over", got)
		}
		r.net.mu.Lock()
		r.net.answer = func(hit, int) (int, http.Header) { return hang, nil }
		r.net.mu.Unlock()
		r.happen("print_failed")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start = time.Now()
		r.Drain(ctx)
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("draining took %s beside a receiver that hangs, want its limit of 5 s", took)
		}
	})
}

func TestOutbox_DeletesWhileAReceiverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.net.answer = func(hit, int) (int, http.Header) { return hang, nil }
		r.happen("print_complete")
		r.pass(time.Second)
		start := time.Now()
		if err := r.Delete(t.Context(), e.ID); err != nil || time.Since(start) > 0 {
			t.Errorf("deleting took %s (%v)", time.Since(start), err)
		}
		r.happen("print_failed")
		r.pass(time.Hour)
		if _, err := listed(r.Deliveries(t.Context(), e.ID, webhook.Query{})); !fault.Is(err, fault.NotFound) {
			t.Errorf("a deleted endpoint's deliveries gave %v", err)
		}
		if got := len(r.net.seen("a.example")); got != 1 {
			t.Errorf("%d requests, want none after it was deleted", got-1)
		}
	})
}
