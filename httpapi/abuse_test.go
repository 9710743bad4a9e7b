package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/httpapi"
)

// TestAbuse_EveryRowHasItsTests holds the list of what clients must not get
// away with against the tests that are there.
func TestAbuse_EveryRowHasItsTests(t *testing.T) {
	for _, row := range []struct{ abuse, tests string }{
		{"names with control characters, wildcards, templates, markup, 10 kB", "httpapi.TestAbuse_NamesOfPrinters auth.TestAuth_CreateKeyInvalid"},
		{"two printers with one serial", "httpapi.TestMembers_AddEditRemove"},
		{"oversize, deep, ambiguous, mistyped, compressed, foreign bodies", "httpapi.TestAbuse_BodiesOfEveryOperation httpapi.TestAPI_BodiesThatAreRefused httpapi.TestAPI_BodiesWithoutALengthAreBounded"},
		{"slow headers, slow bodies, streams that nobody reads", "httpapi.TestAbuse_SlowClients httpapi.TestServer_HasALimitOnEverything app.TestApp_HTTPSDoesNotWaitForSlowClients"},
		{"10,000 headers, endless URLs, line breaks, two lengths", "httpapi.TestServer_RefusesBrokenRequests httpapi.TestAbuse_SmuggledRequests httpapi.TestAbuse_LongPaths"},
		{"forms of foreign pages", "httpapi.TestAbuse_ForeignPages httpapi.TestOAuth_PagesAndForms"},
		{"forged headers of proxies and of Home Assistant", "httpapi.TestAPI_ForwardedHeadersChangeNothing"},
		{"foreign host names", "httpapi.TestAPI_HostsThatAreOurs"},
		{"preflight requests", "httpapi.TestAPI_NoCORS httpapi.TestCORS_NoneWithoutSettings httpapi.TestCORS_OnlyTheOriginsOfTheSettings"},
		{"guessed keys, keys in URLs", "httpapi.TestAPI_TooManyFailuresLimitOnlyWhoFails httpapi.TestAPI_KeyInTheURL httpapi.TestServer_TheLogOfRequestsHidesKeys auth.TestAuth_CheckLimited auth.TestWellFormed_Damage"},
		{"every credential in every form, and none", "httpapi.TestAPI_CredentialsByCarrier httpapi.TestAPI_ErrorMatrix httpapi.TestAPI_Matrix"},
		{"secrets in answers, logs and diagnostics", "app.TestCanaries_NoSecretIsSaidAnywhere httpapi.TestAPI_NoAnswerHoldsAnAccessCode httpapi.TestDiagnostics_HoldNoSecret"},
		{"repeated, impossible and forbidden commands", "httpapi.TestControl_IdempotencyKey httpapi.TestControl_WhatCannotBe httpapi.TestControl_ATestKeyMovesNothing"},
		{"keys that widen themselves", "auth.TestAuth_CreateKeyInvalid auth.TestAuth_EditKey"},
		{"codes twice, of others, without proof", "auth/oauth.TestServer_CodeTwice auth/oauth.TestServer_CodeRefused httpapi.TestOAuth_CodeOnceThenNothingOfItLives"},
		{"redirects elsewhere, foreign pages of consent, framing", "auth/oauth.TestServer_AuthorizeRefused auth/oauth.TestServer_PageIsOnePersons httpapi.TestOAuth_RedirectsNowhereElse httpapi.TestOAuth_PagesAndForms"},
		{"refresh tokens twice, wider scopes", "auth/oauth.TestServer_RefreshReuse auth/oauth.TestServer_Scopes httpapi.TestOAuth_RefreshRevokeIntrospect"},
		{"guessed codes of devices", "auth/oauth.TestServer_DeviceGuessing"},
		{"many keys, many addresses", "auth.TestLimiter_Addresses auth.TestLimiter_Bounded auth.TestRates_Bounded httpapi.TestEvents_OneKeyHasEightStreams"},
		{"more at once than can be served", "httpapi.TestServer_TooManyAtOnceAreToldToComeBack"},
	} {
		for test := range strings.FieldsSeq(row.tests) {
			folder, name, _ := strings.Cut(test, ".")
			if !defined(t, filepath.Join("..", folder), name) {
				t.Errorf("%s: there is no %s in %s", row.abuse, name, folder)
			}
		}
	}
}

// defined tells whether a folder has a test of that name.
func defined(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "\nfunc "+name+"(")
	})
}

// bodied are the operations that take JSON, from the description.
func bodied(t *testing.T) []httpapi.Endpoint {
	t.Helper()
	document, err := httpapi.OpenAPI("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Body struct{ Content map[string]any } `json:"requestBody"`
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	var list []httpapi.Endpoint
	for _, e := range httpapi.Endpoints() {
		if doc.Paths[e.Path][strings.ToLower(e.Method)].Body.Content["application/json"] != nil {
			list = append(list, e)
		}
	}
	return list
}

// TestAbuse_BodiesOfEveryOperation sends what nobody should to whatever takes
// a body: an error with a pointer, nothing repeated, nothing changed.
func TestAbuse_BodiesOfEveryOperation(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"write", "printers:manage", "keys:read", "keys:write", "tariff:write"})
	seen := func() string {
		all := fmt.Sprint(f.manager.done(), f.get("/api/v1/archives", key).body)
		for _, p := range f.fleet.Snapshots() {
			all += fmt.Sprintln(p.Config)
		}
		for _, k := range f.auth.Keys() {
			all += fmt.Sprintln(k.ID, k.Name, k.Scopes, k.Rotated, k.Revoked)
		}
		return all
	}
	before := seen()
	list := bodied(t)
	if len(list) < 15 {
		t.Fatalf("only %d operations take a body", len(list))
	}
	for _, e := range list {
		path := strings.NewReplacer("{id}", "1", "{ams}", "0", "{slot}", "0").Replace(e.Path)
		for _, c := range []struct {
			name, body string
			header     []string
			codes      []int
		}{
			{"a list", `[]`, nil, []int{422}},
			{"a text", `"CANARY"`, nil, []int{422}},
			{"a number", `17`, nil, []int{422}},
			{"a name twice", `{"name":"CANARY","name":"b"}`, nil, []int{400}},
			{"a name twice, further down", `{"x":[{"a":1,"a":2}]}`, nil, []int{400}},
			{"too deep", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), nil, []int{400}},
			{"20,000 brackets", strings.Repeat("[", 20000), nil, []int{400}},
			{"half", `{"name":"CANARY`, nil, []int{400}},
			{"two", `{}{}`, nil, []int{400}},
			{"NaN", `{"target":NaN}`, nil, []int{400}},
			{"Infinity", `{"target":-Infinity}`, nil, []int{400}},
			{"1e400", `{"target":1e400,"energy_cost_per_kwh":1e400,"grace_seconds":1e400,"port":1e400,"filament_used_grams":1e400}`, nil, []int{400, 422}},
			{"wrong types", `{"target":[],"mode":{},"on":"CANARY","speed":"x","tray_id":"x","ams_id":"x","energy_cost_per_kwh":[],"grace_seconds":"x","name":7,"tags":7,"object_ids":"x"}`, nil, []int{422}},
			{"no UTF-8", "{\"name\":\"\xff\xfe\"}", nil, []int{400}},
			{"1 MiB and more", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, nil, []int{413}},
			{"compressed", "{}", []string{"Content-Encoding", "gzip"}, []int{415}},
			{"in another charset", "{}", []string{"Content-Type", "application/json; charset=utf-16"}, []int{415}},
			{"no JSON by its type", "{}", []string{"Content-Type", "text/xml"}, []int{415}},
		} {
			if c.header == nil || c.header[0] != "Content-Type" {
				c.header = append(c.header, "Content-Type", "application/json")
			}
			got := f.request(e.Method, path, c.body, append(c.header, "X-API-Key", key)...)
			if forbidden := strings.HasPrefix(e.Path, "/api/v1/settings") && got.code == http.StatusForbidden; forbidden {
				continue // no key may do it, whatever it sends
			}
			pointer := got.code != http.StatusUnprocessableEntity || strings.Contains(got.body, `"pointer":`)
			if !slices.Contains(c.codes, got.code) || !pointer || strings.Contains(got.body, "CANARY") {
				t.Errorf("%s %s, %s: %d, want %v with a pointer: %.300s", e.Method, e.Path, c.name, got.code, c.codes, got.body)
			}
		}
	}
	if after := seen(); after != before {
		t.Errorf("something was changed:\n%s\nwas\n%s", after, before)
	}
}

func TestAbuse_NamesOfPrinters(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"printers:manage", "printers:read"})
	edit := func(name string) answer {
		text, err := json.Marshal(map[string]string{"name": name})
		if err != nil {
			t.Fatal(err)
		}
		return f.request(http.MethodPatch, "/api/v1/printers/1", string(text), "X-API-Key", key)
	}
	for _, name := range []string{"a\nb", "a\x00b", "\u0085", "a\tb", "\x7f", strings.Repeat("x", 10_000)} {
		if got := edit(name); got.code != http.StatusUnprocessableEntity || !strings.Contains(got.body, `"pointer":"/name"`) {
			t.Errorf("%.20q: %d %.300s", name, got.code, got.body)
		}
	}
	// These are names like others: what shows them has to write them as text.
	for _, name := range []string{"a/b/+/#", "../..", "{{ states() }}", "<img onerror=alert(1)>", "🖨️", "\u202eabc"} {
		if got := edit(name); got.code != http.StatusOK || got.object(t)["name"] != name {
			t.Errorf("%q: %d %.300s", name, got.code, got.body)
		}
	}
}

func TestAbuse_ForeignPages(t *testing.T) {
	f := newFixture(t)
	key := f.key([]string{"write", "keys:write"})
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		for _, path := range []string{"/api/v1/api-keys", "/api/v1/printers/1/print/stop", "/oauth/login", "/oauth/token"} {
			got := f.request(http.MethodPost, path, "name=x", append(header, "X-API-Key", key, "Content-Type", "application/x-www-form-urlencoded")...)
			want(t, got, http.StatusForbidden, "forbidden", "FORBIDDEN")
		}
	}
	if sent := f.manager.done(); len(sent) != 0 {
		t.Errorf("a printer was told %+v", sent)
	}
}

func TestAbuse_LongPaths(t *testing.T) {
	addr := listen(t, newFixture(t).handler)
	for length, code := range map[int]string{10_000: " 414 ", 1 << 20: " 431 "} {
		if got := raw(t, addr, "GET /"+strings.Repeat("x", length)+" HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.Contains(got, code) {
			t.Errorf("a path of %d bytes: %q, want%s", length, got, code)
		}
	}
}

// TestAbuse_SmuggledRequests sends a second request in the body of a first one
// whose end a proxy may see elsewhere.
func TestAbuse_SmuggledRequests(t *testing.T) {
	addr := listen(t, newFixture(t).handler)
	for _, head := range []string{
		"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding : chunked\r\n",
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(25 * time.Second)) // the server's own limit is 30 s
		_, _ = io.WriteString(c, "POST /oauth/token HTTP/1.1\r\nHost: x\r\n"+head+"\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
		all, err := io.ReadAll(c)
		_ = c.Close()
		if n := strings.Count(string(all), "HTTP/1.1 "); n != 1 || strings.Contains(string(all), "healthy") || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: %d answers, %v:\n%s", head, n, err, all)
		}
	}
}

// TestAbuse_SlowClients wants clients cut off who do not say what they want.
func TestAbuse_SlowClients(t *testing.T) {
	srv := httpapi.Server(newFixture(t).handler, slog.New(slog.DiscardHandler))
	srv.ReadTimeout, srv.ReadHeaderTimeout = time.Second, 500*time.Millisecond // the real ones are only longer
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }() // owner: the test's clean-up
	t.Cleanup(func() { _ = srv.Close(); <-done })
	for name, said := range map[string]string{
		"nothing":          "",
		"half a line":      "GET /hea",
		"half the headers": "GET /health HTTP/1.1\r\nHost: x\r\nX-A: b\r\n",
		"half the body":    "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			if _, err := fmt.Fprint(c, said); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("it is still connected after a minute")
			}
		})
	}
}
