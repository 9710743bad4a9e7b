package httpapi_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/printer"
)

// want checks an error's status, its words, and that its body is whole.
func want(t *testing.T, got answer, code int, word, upper string) map[string]any {
	t.Helper()
	body := got.object(t)
	if got.code != code || body["error"] != word || body["code"] != upper {
		t.Fatalf("status %d, error %v, code %v; want %d, %s, %s\n%.300s", got.code, body["error"], body["code"], code, word, upper, got.body)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("content type %q", ct)
	}
	for _, name := range []string{"type", "title", "detail", "instance", "message", "request_id"} {
		if s, ok := body[name].(string); !ok || s == "" {
			t.Errorf("%s is %v; it must be a text", name, body[name])
		}
	}
	if body["status"] != float64(code) {
		t.Errorf("status in the body is %v", body["status"])
	}
	if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
	return body
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestAPI_CredentialsByCarrier(t *testing.T) {
	f := newFixture(t)
	good, other := f.reader(), f.reader()
	const target = "/api/v1/printers/1/status"
	pass := []struct {
		name, query string
		header      []string
	}{
		{"X-API-Key", "", []string{"X-API-Key", good}},
		{"X-Api-Key in another case", "", []string{"x-api-key", good}},
		{"bearer", "", []string{"Authorization", "Bearer " + good}},
		{"bearer in lower case", "", []string{"Authorization", "bearer " + good}},
		{"basic with the key as password", "", []string{"Authorization", basic("anyone", good)}},
		{"basic with the key as user", "", []string{"Authorization", basic(good, "")}},
		{"apikey in the URL", "?apikey=" + good, nil},
		{"the same key twice", "?apikey=" + good, []string{"X-API-Key", good, "Authorization", "Bearer " + good}},
		{"an empty header beside a key", "", []string{"X-API-Key", "", "Authorization", "Bearer " + good}},
	}
	for _, c := range pass {
		t.Run(c.name, func(t *testing.T) {
			if got := f.request(http.MethodGet, target+c.query, "", c.header...); got.code != http.StatusOK {
				t.Errorf("status %d: %s", got.code, got.body)
			}
		})
	}
	for _, c := range []struct {
		name   string
		header []string
	}{
		{"two headers", []string{"X-API-Key", good, "Authorization", "Bearer " + other}},
		{"one header twice", []string{"X-API-Key", good, "X-API-Key", other}},
	} {
		t.Run("two different keys in "+c.name, func(t *testing.T) {
			want(t, f.request(http.MethodGet, target, "", c.header...), 400, "invalid_request", "AMBIGUOUS_CREDENTIALS")
		})
	}
}

func TestAPI_KeyInTheURL(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	target := "/api/v1/printers?apikey=" + key
	got := f.request(http.MethodGet, target, "")
	if got.code != 200 || got.header.Get("X-Key-In-Query") != "1" || got.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("from a private address: status %d, headers %v", got.code, got.header)
	}
	body := want(t, f.request(http.MethodGet, target, "", "Remote", "203.0.113.9:1000"), 401, "unauthorized", "MISSING_API_KEY")
	if !strings.Contains(body["detail"].(string), "URL") {
		t.Errorf("detail %q does not say why", body["detail"])
	}
	want(t, f.request(http.MethodPost, target, ""), 401, "unauthorized", "MISSING_API_KEY")
	always := newFixture(t, func(o *httpapi.Options) { o.QueryKey, o.Keys = "always", f.auth })
	if got := always.request(http.MethodGet, target, "", "Remote", "203.0.113.9:1000"); got.code != 200 {
		t.Errorf("always: status %d", got.code)
	}
	never := newFixture(t, func(o *httpapi.Options) { o.QueryKey, o.Keys = "never", f.auth })
	want(t, never.request(http.MethodGet, target, ""), 401, "unauthorized", "MISSING_API_KEY")
}

func TestAPI_ErrorMatrix(t *testing.T) {
	f := newFixture(t)
	good, priceOnly := f.reader(), f.key([]string{"tariff:write"})
	text, made, err := f.auth.CreateKey(auth.NewKey{Name: "gone"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.auth.RevokeKey(made.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	revoked := text.Reveal()
	expiring, _, err := f.auth.CreateKey(auth.NewKey{Name: "short", Expires: start().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	expired := expiring.Reveal()
	f.now = start().Add(2 * time.Hour)
	unknown := good[:len(good)-1]
	const status = "/api/v1/printers/1/status"
	for _, c := range []struct {
		name, method, target string
		header               []string
		code                 int
		word, upper          string
	}{
		{"no key", "GET", status, nil, 401, "unauthorized", "MISSING_API_KEY"},
		{"an empty key", "GET", status, []string{"X-API-Key", " "}, 401, "unauthorized", "MISSING_API_KEY"},
		{"a malformed key", "GET", status, []string{"X-API-Key", "abc"}, 401, "unauthorized", "INVALID_API_KEY"},
		{"a key with a wrong checksum", "GET", status, []string{"X-API-Key", unknown}, 401, "unauthorized", "INVALID_API_KEY"},
		{"a malformed bearer", "GET", status, []string{"Authorization", "Bearer abc"}, 401, "unauthorized", "INVALID_KEY"},
		{"an unknown scheme", "GET", status, []string{"Authorization", "Digest abc"}, 401, "unauthorized", "INVALID_API_KEY"},
		{"basic that is none", "GET", status, []string{"Authorization", "Basic %%%"}, 401, "unauthorized", "INVALID_API_KEY"},
		{"a revoked key", "GET", status, []string{"X-API-Key", revoked}, 401, "unauthorized", "REVOKED_API_KEY"},
		{"a revoked bearer", "GET", status, []string{"Authorization", "Bearer " + revoked}, 401, "unauthorized", "REVOKED_KEY"},
		{"an expired key", "GET", status, []string{"X-API-Key", expired}, 401, "unauthorized", "EXPIRED_API_KEY"},
		{"an expired bearer", "GET", status, []string{"Authorization", "Bearer " + expired}, 401, "unauthorized", "EXPIRED_KEY"},
		{"a scope missing", "GET", status, []string{"X-API-Key", priceOnly}, 403, "forbidden", "FORBIDDEN"},
		{"a scope missing by bearer", "GET", status, []string{"Authorization", "Bearer " + priceOnly}, 403, "forbidden", "INSUFFICIENT_SCOPE"},
		{"a change by a key that may only read", "POST", status, []string{"X-API-Key", good}, 403, "forbidden", "FORBIDDEN"},
		{"an unknown path without a key", "GET", "/api/v1/nothing", nil, 401, "unauthorized", "MISSING_API_KEY"},
		{"an unknown path with a key", "GET", "/api/v1/nothing", []string{"X-API-Key", good}, 404, "not_found", "NOT_FOUND"},
		{"the root without a key", "GET", "/", nil, 401, "unauthorized", "MISSING_API_KEY"},
		{"two slashes at the end", "GET", status + "//", []string{"X-API-Key", good}, 404, "not_found", "NOT_FOUND"},
		{"a wrong method without a key", "DELETE", status, nil, 401, "unauthorized", "MISSING_API_KEY"},
		{"a wrong method", "DELETE", status, []string{"X-API-Key", priceOnly}, 405, "method_not_allowed", "METHOD_NOT_ALLOWED"},
		{"an unknown printer", "GET", "/api/v1/printers/77/status", []string{"X-API-Key", good}, 404, "not_found", "NOT_FOUND"},
		{"a page of documentation", "GET", "/docs", []string{"X-API-Key", good}, 404, "not_found", "NOT_FOUND"},
		{"another host", "GET", status, []string{"X-API-Key", good, "Host", "evil.example"}, 421, "misdirected_request", "MISDIRECTED_REQUEST"},
		{"a path of 9 kB", "GET", "/api/v1/" + strings.Repeat("a", 9<<10), []string{"X-API-Key", good}, 414, "uri_too_long", "URI_TOO_LONG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.request(c.method, c.target, "", append(c.header, "Remote", "[2001:db8:"+string(rune('a'+len(c.name)%6))+"::1]:9")...)
			body := want(t, got, c.code, c.word, c.upper)
			switch challenge := got.header.Get("WWW-Authenticate"); c.code {
			case 401:
				if !strings.HasPrefix(challenge, `Bearer realm="`) || !strings.Contains(challenge, `error="invalid_token"`) {
					t.Errorf("WWW-Authenticate: %q", challenge)
				}
			case 405:
				if got.header.Get("Allow") != "GET, HEAD" {
					t.Errorf("Allow: %q", got.header.Get("Allow"))
				}
			case 403:
				if c.method == "GET" && (challenge != `Bearer error="insufficient_scope", scope="printers:read"` || body["required_scopes"] == nil) {
					t.Errorf("WWW-Authenticate: %q, required_scopes: %v", challenge, body["required_scopes"])
				}
			}
		})
	}
}

func TestAPI_ErrorForms(t *testing.T) {
	f := newFixture(t)
	got := f.get("/api/v1/printers", "", "Accept", "application/json")
	if ct := got.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("with Accept: application/json the type is %q", ct)
	}
	got = f.get("/api/v1/printers", "", "Prefer", "error-format=nested")
	if got.body != `{"error":{"code":"MISSING_API_KEY","message":"Authentication required"}}` {
		t.Errorf("nested: %s", got.body)
	}
}

func TestAPI_TooManyFailuresLimitOnlyWhoFails(t *testing.T) {
	f := newFixture(t)
	good := f.reader()
	limited := false
	for range 30 {
		got := f.get("/api/v1/printers", "wrong")
		if got.code == http.StatusTooManyRequests {
			limited = true
			body := want(t, got, 429, "rate_limit_exceeded", "RATE_LIMITED")
			if got.header.Get("Retry-After") == "" || body["retry_after"] == nil {
				t.Errorf("Retry-After %q, retry_after %v", got.header.Get("Retry-After"), body["retry_after"])
			}
			break
		}
	}
	if !limited {
		t.Error("30 wrong keys from one address were never limited")
	}
	if got := f.get("/api/v1/printers", good); got.code != http.StatusOK {
		t.Errorf("a valid key from the same address: status %d", got.code)
	}
}

func TestAPI_HostsThatAreOurs(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Hosts = []string{"Printers.Example.org"} })
	for host, code := range map[string]int{
		"192.168.1.5:8000": 200, "[fe80::1]:8000": 200, "localhost:8000": 200, "bambuddy:8000": 200, "printwire.local": 200,
		"nas.home.arpa:8000": 200, "printers.example.org": 200, "printers.example.org.": 200, "example.org": 421, "a.b:8000": 421, "local.evil.com": 421,
	} {
		if got := f.get("/health", "", "Host", host); got.code != code {
			t.Errorf("%s: status %d, want %d", host, got.code, code)
		}
	}
}

func TestAPI_ForwardedHeadersChangeNothing(t *testing.T) {
	f := newFixture(t)
	for _, header := range []string{"X-Forwarded-For", "X-Real-IP", "X-Remote-User-Id", "X-Ingress-Path", "X-Hass-Source"} {
		want(t, f.get("/api/v1/printers", "", header, "172.30.32.2"), 401, "unauthorized", "MISSING_API_KEY")
	}
	key := f.reader()
	want(t, f.request(http.MethodGet, "/api/v1/printers?apikey="+key, "", "Remote", "203.0.113.9:1", "X-Forwarded-For", "127.0.0.1"), 401, "unauthorized", "MISSING_API_KEY")
}

func TestAPI_NoCORS(t *testing.T) {
	f := newFixture(t)
	got := f.request(http.MethodOptions, "/api/v1/printers", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "GET")
	for name := range got.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a preflight was answered with %s", name)
		}
	}
}

// broken fails where a test wants it to.
type broken struct{ err error }

func (b broken) Snapshots() []printer.Snapshot { panic("the pump is on fire") }

func (b broken) Find(string) (printer.Snapshot, error) { return printer.Snapshot{}, b.err }

func TestAPI_OwnFailuresKeepTheirText(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) { o.Printers = broken{err: errInside()} })
	key := f.reader()
	for _, target := range []string{"/api/v1/printers/1", "/api/v1/printers"} {
		got := f.get(target, key)
		body := want(t, got, 500, "internal_error", "INTERNAL")
		if strings.Contains(got.body, "fire") || strings.Contains(got.body, "bolt") {
			t.Errorf("%s tells: %s", target, got.body)
		}
		if !strings.Contains(f.log.String(), body["request_id"].(string)) {
			t.Errorf("the log does not have the request's id:\n%s", f.log)
		}
	}
	if !strings.Contains(f.log.String(), "the pump is on fire") || !strings.Contains(f.log.String(), "bolt is loose") {
		t.Errorf("the log lacks a cause:\n%s", f.log)
	}
}

func errInside() error { return errors.New("bolt is loose") }

func TestAPI_FaultKindsHaveStatuses(t *testing.T) {
	for kind, code := range map[fault.Kind]int{
		fault.NotFound: 404, fault.Conflict: 409, fault.Invalid: 422, fault.Denied: 403, fault.Offline: 409, fault.Unsupported: 409, fault.Internal: 500,
	} {
		f := newFixture(t, func(o *httpapi.Options) { o.Printers = broken{err: fault.New(kind, "for people").At("a.b")} })
		f.undescribed = true // which faults this path really has is not the question
		got := f.get("/api/v1/printers/1", f.reader())
		if got.code != code {
			t.Errorf("%s: status %d, want %d", kind, got.code, code)
		}
	}
}
