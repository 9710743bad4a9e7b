package e2e_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/settings"
)

// made is what REST says of an endpoint.
type made struct {
	ID        string
	Enabled   bool
	Secret    string
	PublicKey string `json:"public_key"`
	Disabled  *struct {
		Reason string
		ByRule bool `json:"by_rule"`
	}
	Health struct{ Failures int }
}

// door opens or closes the printer's door, which is an event.
func (w *workshop) door(open bool) {
	w.t.Helper()
	w.sim.SetDoor(open)
	w.beat()
}

// TestWebhooks_Signatures checks what the program sends with the library of
// Standard Webhooks, and Ed25519 with the published key alone: before a
// rotation, during it with both secrets, and after it with the new one.
func TestWebhooks_Signatures(t *testing.T) {
	shared, keyed := newReceiver(t, "shared"), newReceiver(t, "keyed")
	w := newWorkshop(t, "X1C")
	events := []string{"door_opened", "door_closed"}
	var first, second, firstKey, secondKey made
	w.call("POST", "/api/v1/webhooks", http.StatusCreated, map[string]any{"name": "Shared", "url": shared.url, "events": events}, &first)
	w.call("POST", "/api/v1/webhooks", http.StatusCreated, map[string]any{"name": "Keyed", "url": keyed.url, "events": events, "signature": "ed25519"}, &firstKey)
	if !strings.HasPrefix(first.Secret, "whsec_") || !strings.HasPrefix(firstKey.PublicKey, "whpk_") {
		t.Fatalf("the endpoints are %+v and %+v", first, firstKey)
	}
	next := func(open bool, n int) (a, b post) {
		t.Helper()
		w.door(open)
		return shared.until(t, "the door", patience, atLeast(n))[n-1], keyed.until(t, "the door", patience, atLeast(n))[n-1]
	}
	a, b := next(true, 1)
	w.good(a, 1, false, first.Secret)
	w.goodKey(b, 1, firstKey.PublicKey)
	w.call("POST", "/api/v1/webhooks/"+first.ID+"/rotate", http.StatusOK, nil, &second)
	w.call("POST", "/api/v1/webhooks/"+firstKey.ID+"/rotate", http.StatusOK, nil, &secondKey)
	if second.Secret == first.Secret || secondKey.PublicKey == firstKey.PublicKey || !strings.HasPrefix(second.Secret, "whsec_") {
		t.Fatalf("the rotation made %+v and %+v", second, secondKey)
	}
	a, b = next(false, 2)
	w.good(a, 2, false, first.Secret, second.Secret)
	w.goodKey(b, 2, firstKey.PublicKey, secondKey.PublicKey)
	w.clock.move(25 * time.Hour)
	w.back()
	a, b = next(true, 3)
	w.good(a, 1, true, second.Secret)
	w.goodKey(b, 1, secondKey.PublicKey)
	if a.verified(t, first.Secret, true) == nil || keyFits(t, b, firstKey.PublicKey, b.body) {
		t.Error("a day after the rotation the old secret is good still")
	}
}

// good wants a request to have n signatures and to be accepted with each
// secret, and with one byte changed with none. late: its time is not the present.
func (w *workshop) good(p post, n int, late bool, secrets ...string) {
	w.t.Helper()
	if got := len(strings.Fields(p.header.Get("webhook-signature"))); got != n {
		w.t.Errorf("%s has %d signatures, want %d", p.id, got, n)
	}
	for _, secret := range secrets {
		if err := p.verified(w.t, secret, late); err != nil {
			w.t.Errorf("%s: %v", p.id, err)
		}
		for _, i := range []int{0, len(p.body) / 2, len(p.body) - 1} {
			changed := post{id: p.id, header: p.header, body: slices.Clone(p.body)}
			changed.body[i] ^= 1
			if changed.verified(w.t, secret, late) == nil {
				w.t.Errorf("%s is accepted with byte %d changed", p.id, i)
			}
		}
	}
}

func (w *workshop) goodKey(p post, n int, keys ...string) {
	w.t.Helper()
	if got := len(strings.Fields(p.header.Get("webhook-signature"))); got != n {
		w.t.Errorf("%s has %d signatures, want %d", p.id, got, n)
	}
	for _, key := range keys {
		if !keyFits(w.t, p, key, p.body) {
			w.t.Errorf("%s is not signed with the key of %s", p.id, key)
		}
		changed := slices.Clone(p.body)
		changed[len(changed)/2] ^= 1
		if keyFits(w.t, p, key, changed) {
			w.t.Errorf("%s is accepted with a byte changed", p.id)
		}
	}
}

// keyFits tells whether one of a request's signatures was made over a body
// with the private half of a public key.
func keyFits(t *testing.T, p post, key string, body []byte) bool {
	t.Helper()
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whpk_"))
	if err != nil || len(public) != ed25519.PublicKeySize {
		t.Fatalf("the public key is %q (%v)", key, err)
	}
	text := fmt.Appendf(nil, "%s.%s.%s", p.id, p.header.Get("webhook-timestamp"), body)
	return slices.ContainsFunc(strings.Fields(p.header.Get("webhook-signature")), func(s string) bool {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "v1a,"))
		return err == nil && ed25519.Verify(public, text, raw)
	})
}

// back waits, with the clock going on, until the printer is connected again:
// after a leap of the clock it has been silent for too long.
func (w *workshop) back() {
	w.t.Helper()
	w.beats++
	signal := -11 - w.beats%2
	report := fmt.Appendf(nil, `{"print":{"command":"push_status","msg":1,"wifi_signal":"%ddBm"}}`, signal)
	w.until("the printer is back", func(s shown) bool {
		if s.Connected && s.WiFi != nil && *s.WiFi == signal {
			return true
		}
		w.clock.move(200 * time.Millisecond)
		w.sim.Send(report)
		return false
	})
}

// TestWebhooks_ADeadEndpoint lets an endpoint fail for six days. The program
// switches it off, says so to everybody, and brings what came meanwhile when it
// is switched on again.
func TestWebhooks_ADeadEndpoint(t *testing.T) {
	dead, well := newReceiver(t, "dead"), newReceiver(t, "well")
	doors := func(h *settings.Webhook) { h.Events = []string{"door_opened", "door_closed"} }
	w := newWorkshop(t, "X1C", hook(dead, doors), hook(well, func(h *settings.Webhook) { h.Events = []string{"door_opened", "door_closed", "endpoint_disabled"} }))
	dead.set(sick)
	var e made
	days := 0
	for ; days < 30; days++ {
		failures := e.Health.Failures
		w.door(days%2 == 0)
		eventually(t, "an attempt and its record", patience, func() (bool, string) {
			w.call("GET", "/api/v1/webhooks/dead", http.StatusOK, nil, &e)
			return !e.Enabled || e.Health.Failures > failures, fmt.Sprintf("%d attempts, the endpoint is %+v", dead.turnedAway(), e)
		})
		if !e.Enabled {
			break
		}
		w.clock.move(6 * time.Hour)
		w.back()
	}
	if days < 20 || days > 24 || e.Disabled == nil || !e.Disabled.ByRule || !strings.Contains(e.Disabled.Reason, "503") {
		t.Fatalf("after %d quarters of a day the endpoint is %+v, %+v", days, e, e.Disabled)
	}
	w.announced(well)
	attempts := dead.turnedAway()
	w.door(days%2 == 1)
	w.door(days%2 == 0)
	well.until(t, "what came meanwhile", patience, func(p []post) bool { return len(p) >= days+4 })
	if dead.turnedAway() != attempts {
		t.Error("an endpoint that is switched off is tried")
	}
	dead.set(willing)
	w.call("POST", "/api/v1/webhooks/dead/enable", http.StatusOK, nil, &e)
	// Of the last day: four quarters of it, and the two of now.
	dead.until(t, "its backlog", patience, atLeast(6))
	w.shows("printwire/bridge/problem", "OFF")
	got, want := keys(dead.all()), slices.DeleteFunc(keys(well.all()), func(key string) bool { return key == "endpoint_disabled" })
	if len(got) != 6 || !slices.Equal(got, want[len(want)-6:]) {
		t.Errorf("of its backlog came %q, want the last six of %q", got, want)
	}
}

// announced wants everybody to know of the endpoint that was switched off.
func (w *workshop) announced(well *receiver) {
	w.t.Helper()
	posts := well.until(w.t, "the announcement", patience, func(p []post) bool { return slices.Contains(keys(p), "endpoint_disabled") })
	var body struct {
		Data struct{ Endpoint, Reason string }
	}
	p := posts[slices.Index(keys(posts), "endpoint_disabled")]
	if err := json.Unmarshal(p.body, &body); err != nil || body.Data.Endpoint != "dead" || body.Data.Reason == "" {
		w.t.Errorf("the announcement is %s (%v)", p.body, err)
	}
	w.shows("printwire/bridge/problem", "ON")
	w.shows("printwire/bridge/problem_text", `"dead"`)
}

// shows waits, with the clock going on, until a topic's value has a text in it.
func (w *workshop) shows(topic, text string) {
	w.t.Helper()
	eventually(w.t, topic, patience, func() (bool, string) {
		w.pass(2 * time.Second)
		got := w.in.value(topic)
		return strings.Contains(got, text), got
	})
}

func (r *receiver) turnedAway() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// TestWebhooks_SlowEndpoints has more endpoints hang than are sent to at once.
// The one that answers gets its events without delay, and the printer's reports
// are read as ever.
func TestWebhooks_SlowEndpoints(t *testing.T) {
	const hanging, rounds = 6, 12
	doors := func(h *settings.Webhook) { h.Events = []string{"door_opened", "door_closed"} }
	quick := newReceiver(t, "quick")
	hooks := []settings.Webhook{hook(quick, doors)}
	var slow []*receiver
	for i := range hanging {
		r := newReceiver(t, fmt.Sprintf("slow_%d", i))
		r.slow = func() time.Duration { return time.Minute }
		slow, hooks = append(slow, r), append([]settings.Webhook{hook(r, doors)}, hooks...)
	}
	w := newWorkshop(t, "X1C", hooks...)
	w.door(true)
	for _, r := range slow {
		r.until(t, "the first event, which it does not answer", patience, atLeast(1))
	}
	var arrivals, reports durations
	for i := range rounds {
		began := time.Now()
		w.door(i%2 == 1)
		reports.add(time.Since(began))
		arrivals.add(quick.until(t, "an event", patience, atLeast(i+2))[i+1].at.Sub(began))
	}
	// A receiver that hangs is waited for for 15 s.
	if worst := arrivals[rounds-1]; worst > 12*time.Second {
		t.Errorf("beside %d endpoints that hang, an event took %s", hanging, worst)
	}
	if worst := reports[rounds-1]; worst > 12*time.Second {
		t.Errorf("beside %d endpoints that hang, a report took %s", hanging, worst)
	}
	t.Logf("beside %d endpoints that hang: events arrive after %s at the median, %s at most; reports are shown after %s, %s at most",
		hanging, arrivals[rounds/2], arrivals[rounds-1], reports[rounds/2], reports[rounds-1])
}
