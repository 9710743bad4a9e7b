package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/webhook"
)

// matrixKey makes a key without limits.
func (f *fixture) matrixKey(n auth.NewKey) string {
	n.Name, n.Plan, n.Owner = "matrix", auth.Plan{Name: auth.PlanUnlimited}, "local"
	text, _, err := f.auth.CreateKey(n)
	if err != nil {
		panic(err)
	}
	return text.Reveal()
}

// knock calls an endpoint from an address of its own, and does not stay in a stream.
func (f *fixture) knock(n int, e httpapi.Endpoint, key string) answer {
	path := strings.NewReplacer("{id}", "1", "{ams}", "0", "{slot}", "0", "{name}", "backup", "{delivery_id}", "msg_1_1").Replace(e.Path)
	path = strings.Replace(path, "api-keys/1", "api-keys/none", 1)
	r := httptest.NewRequest(e.Method, path, nil)
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	r = r.WithContext(ctx)
	r.Host, r.RemoteAddr = "printwire:8000", fmt.Sprintf("10.%d.%d.%d:9", n>>16&255, n>>8&255, n&255)
	if key != "" {
		r.Header.Set("X-API-Key", key)
	}
	w := f.serve(r)
	return answer{code: w.Code, header: w.Header(), body: w.Body.String()}
}

// TestAPI_Matrix calls every route in every spelling without a key, without a
// scope, with each other scope, with the right one, with a key for another
// printer, with a revoked and with an expired one.
func TestAPI_Matrix(t *testing.T) {
	h := newHooks(t, func(o *webhook.Options) { o.Policy = webhook.Policy{Resolve: rebinding} })
	f := h.fixture
	const admin = "printers:read"
	keys := map[auth.Scope]string{}
	for _, row := range auth.Scopes() {
		if row.In&auth.AdminOnly == 0 && row.Scope != auth.CloudRead {
			keys[row.Scope] = f.matrixKey(auth.NewKey{Terms: []string{string(row.Scope)}})
		}
	}
	none := f.matrixKey(auth.NewKey{Terms: []string{}})
	text, k, err := f.auth.CreateKey(auth.NewKey{Name: "revoked", Terms: []string{admin}, Owner: "local"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.auth.RevokeKey(k.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	revoked := text.Reveal()
	expired := f.matrixKey(auth.NewKey{Terms: []string{admin}, Expires: f.now.Add(time.Minute)})
	f.now = f.now.Add(time.Hour)
	n := 0
	call := func(e httpapi.Endpoint, key string) answer {
		n++
		f.fleet.list = newFleet().list
		f.fleet.set(1, func(s *printer.Snapshot) { s.State.Job.Plan.Picture = "abc" })
		if strings.Contains(e.Path, "/webhooks/{id}") {
			h.number1(t)
		}
		return f.knock(n, e, key)
	}
	for _, e := range httpapi.Endpoints() {
		name := e.Method + " " + e.Path
		if got := call(e, ""); e.Open == (got.code == http.StatusUnauthorized) {
			t.Errorf("%s without a key: %d", name, got.code)
		}
		if e.Open {
			continue
		}
		if got := call(e, revoked); !refused(e, got, "REVOKED_API_KEY") {
			t.Errorf("%s with a revoked key: %d %s", name, got.code, got.body)
		}
		if got := call(e, expired); !refused(e, got, "EXPIRED_API_KEY") {
			t.Errorf("%s with an expired key: %d %s", name, got.code, got.body)
		}
		if got := call(e, none); got.code != http.StatusForbidden && !(e.Self && e.Method == http.MethodGet) {
			t.Errorf("%s without a scope: %d", name, got.code)
		}
		for scope, key := range keys {
			if e.Self || scope == e.Scope {
				continue
			}
			if got := call(e, key); got.code != http.StatusForbidden {
				t.Errorf("%s with %s: %d", name, scope, got.code)
			}
		}
		f.rightScope(t, e, call)
	}
}

// number1 is an endpoint, and a delivery of it, unless they are there.
func (h *hooks) number1(t *testing.T) {
	t.Helper()
	if _, err := h.box.Endpoint("1"); err == nil {
		return
	}
	if _, err := h.box.Create(t.Context(), webhook.Endpoint{ID: "1", Name: "One", URL: "http://rebinding.example/"}); err != nil {
		t.Fatal(err)
	}
	now := time.Now() // The outbox has the real clock, and drops what ended long ago.
	d := webhook.Delivery{Key: webhook.Key{Endpoint: "1", Seq: 1}, State: webhook.Failed, Created: now, Ended: now, Entry: journal.Entry{Seq: 1, Name: "test"}}
	if err := h.store.Webhooks().Record(t.Context(), webhook.Step{Endpoint: "1", Deliveries: []webhook.Delivery{d}}); err != nil {
		t.Fatal(err)
	}
}

// refused tells whether a key that was good once is answered as it must be:
// OctoPrint's paths say 403, so that its clients ask for another key.
func refused(e httpapi.Endpoint, got answer, code string) bool {
	if strings.HasPrefix(e.Path, "/api/files") {
		return got.code == http.StatusForbidden
	}
	return got.code == http.StatusUnauthorized && strings.Contains(got.body, `"code":"`+code+`"`)
}

// rightScope calls an endpoint with its own scope, and for another printer.
func (f *fixture) rightScope(t *testing.T, e httpapi.Endpoint, call func(httpapi.Endpoint, string) answer) {
	t.Helper()
	if e.Self || e.Scope == auth.SettingsWrite {
		return
	}
	terms := []string{string(e.Scope)}
	if e.Method != http.MethodGet {
		// Who may only read changes nothing, whatever the route.
		terms = append(terms, string(auth.ProjectsWrite))
	}
	if got := call(e, f.matrixKey(auth.NewKey{Terms: terms})); got.code == http.StatusUnauthorized || got.code == http.StatusForbidden || got.code == http.StatusNotFound && !strings.Contains(e.Path, "api-keys/") || got.code >= 500 && got.code != http.StatusNotImplemented {
		t.Errorf("%s %s with %s: %d %s", e.Method, e.Path, e.Scope, got.code, got.body)
	}
	if !strings.Contains(e.Path, "printer") || !strings.Contains(e.Path, "{id}") {
		return
	}
	got := call(e, f.matrixKey(auth.NewKey{Terms: terms, Printers: []int{2}}))
	if got.code != http.StatusNotFound && got.code != http.StatusUnprocessableEntity && got.code != http.StatusBadRequest && got.code != http.StatusNotImplemented {
		t.Errorf("%s %s with a key for another printer: %d", e.Method, e.Path, got.code)
	}
}

func TestAPI_UnknownPathsAreToldToHoldersOfKeysAlone(t *testing.T) {
	f := newFixture(t)
	text, _, err := f.auth.CreateKey(auth.NewKey{Name: "limited"})
	if err != nil {
		t.Fatal(err)
	}
	key := text.Reveal()
	for _, target := range []string{"/v1/repositories", "/api/v1/nothing", "/nothing"} {
		if got := f.get(target, ""); got.code != http.StatusUnauthorized {
			t.Errorf("%s without a key: %d", target, got.code)
		}
		got := f.get(target, key)
		want(t, got, 404, "not_found", "NOT_FOUND")
		if got.header.Get("X-RateLimit-Remaining") == "" {
			t.Errorf("%s is not counted", target)
		}
	}
}
