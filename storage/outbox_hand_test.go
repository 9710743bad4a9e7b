package storage_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/webhook"
)

func TestOutbox_HurryTriesAtOnceWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add("well.example")
		r.add("down.example")
		down := true
		r.net.answer = func(h hit, _ int) (int, http.Header) {
			if down && h.host == "down.example" {
				return 500, nil
			}
			return 200, nil
		}
		if at := r.NextAttempt(t.Context()); !at.IsZero() {
			t.Errorf("with nothing queued the next attempt is at %s", at)
		}
		r.happen("print_started")
		r.pass(time.Hour)
		at := r.NextAttempt(t.Context())
		if wait := time.Until(at); wait < time.Minute {
			t.Fatalf("the next attempt is in %s", wait)
		}
		down = false
		if n, err := r.Hurry(t.Context()); n != 1 || err != nil {
			t.Errorf("%d endpoints (%v), want the one that failed", n, err)
		}
		r.pass(time.Second)
		hits := r.net.seen("down.example")
		if last := hits[len(hits)-1]; time.Since(last.at) > time.Second || !r.NextAttempt(t.Context()).IsZero() {
			t.Errorf("the last attempt was at %s, the next is at %s", last.at, r.NextAttempt(t.Context()))
		}
		if n := len(r.net.seen("well.example")); n != 1 {
			t.Errorf("the other got it %d times", n)
		}
	})
}

func TestOutbox_NoAttemptIsDueBeforeItsEndpointIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("down.example")
		r.net.answer = func(hit, int) (int, http.Header) { return 500, nil }
		r.happen("print_started", "print_paused", "print_resumed", "print_complete")
		r.pass(2 * time.Minute)
		h, err := r.Health(e.ID)
		if err != nil || !h.OpenUntil.After(time.Now()) {
			t.Fatalf("the endpoint is not left alone: %+v (%v)", h, err)
		}
		if at := r.NextAttempt(t.Context()); at.Before(h.OpenUntil) {
			t.Errorf("the next attempt is at %s, but nothing is sent before %s", at, h.OpenUntil)
		}
	})
}

// pausing is a store that takes a minute to answer who looks at deliveries.
type pausing struct{ webhook.Store }

func (p pausing) Deliveries(ctx context.Context, endpoint string, q webhook.Query) (webhook.Page, error) {
	page, err := p.Store.Deliveries(ctx, endpoint, q)
	<-time.After(time.Minute)
	return page, err
}

func TestOutbox_SendDigestsDoublesNoDigestThatIsBeingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.end()
		r.slow = func(s webhook.Store) webhook.Store { return pausing{s} }
		r.start()
		r.add("a.example", func(e *webhook.Endpoint) {
			e.Digest = webhook.Digest{Mode: "digest", At: time.Now().UTC().Add(10 * time.Minute).Format("15:04")}
		})
		r.happen("print_started", "print_complete")
		r.pass(9*time.Minute + 30*time.Second)
		if n, err := r.SendDigests(t.Context()); n != 2 || err != nil {
			t.Errorf("%d events (%v), want the two on their way", n, err)
		}
		r.pass(time.Hour)
		if got := names(r.net.seen("a.example")); got != "digest" {
			t.Errorf("it got %q, want each event once", got)
		}
	})
}

func TestOutbox_SendDigestsSendsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if at := r.NextDigest(); !at.IsZero() {
			t.Errorf("without endpoints the next digest is at %s", at)
		}
		evening := r.add("evening.example", func(e *webhook.Endpoint) { e.Digest = webhook.Digest{Mode: "digest", At: "20:00"} })
		r.add("both.example", func(e *webhook.Endpoint) { e.Digest = webhook.Digest{Mode: "both", At: "08:00"} })
		if at := r.NextDigest(); at.Format("15:04") != "08:00" || at.Before(time.Now()) {
			t.Errorf("the next digest is at %s", at)
		}
		r.happen("print_started", "print_complete")
		r.pass(time.Second)
		if n, err := r.SendDigests(t.Context()); n != 4 || err != nil {
			t.Errorf("%d events (%v), want two for each", n, err)
		}
		r.pass(time.Second)
		if got := names(r.net.seen("evening.example")); got != "digest" || r.states(evening.ID) != "digest delivered" {
			t.Errorf("it got %q, and the deliveries are %s", got, r.states(evening.ID))
		}
		if n, err := r.SendDigests(t.Context()); n != 0 || err != nil {
			t.Errorf("a second time: %d events (%v)", n, err)
		}
		r.pass(24 * time.Hour)
		if got := names(r.net.seen("both.example")); got != "print_started print_complete digest" {
			t.Errorf("with both it got %s", got)
		}
	})
}

func TestOutbox_RetainDropsTheLogOfLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.happen("print_started")
		r.pass(6 * 24 * time.Hour)
		r.happen("print_complete")
		r.pass(2 * 24 * time.Hour)
		if n, err := r.Retain(t.Context()); n != 1 || err != nil {
			t.Errorf("%d were dropped (%v), want the one of eight days ago", n, err)
		}
		if got := r.states(e.ID); got != "print_complete delivered" {
			t.Errorf("left are %s", got)
		}
	})
}
