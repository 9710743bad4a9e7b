package httpapi_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/httpapi/apitest"
)

// description is the API's own, against which every answer in these tests is checked.
var description = sync.OnceValue(func() *apitest.Description {
	document, err := httpapi.OpenAPI("1.2.3")
	if err != nil {
		panic(err)
	}
	d, err := apitest.Read(document)
	if err != nil {
		panic(err)
	}
	return d
})

// serve answers a request, and fails the test when the description does not
// say that it may be answered so.
func (f *fixture) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if err := description().Check(r, w.Code, w.Header(), w.Body.Bytes()); err != nil && !f.undescribed {
		f.tb.Helper()
		f.tb.Error(err)
	}
	return w
}

// client is http.DefaultClient, with every answer checked.
func (f *fixture) client() *http.Client {
	return &http.Client{Transport: apitest.Transport{Description: description(), Wrong: func(err error) { f.tb.Error(err) }}}
}

func TestDescription_FindsWhatIsWrong(t *testing.T) {
	f := newFixture(t)
	key := f.reader()
	good := f.get("/api/v1/printers/1/status", key)
	failed := f.get("/api/v1/printers/99/status", key)
	const status = "/api/v1/printers/1/status"
	for _, c := range []struct {
		name, method, path string
		code               int
		from               answer
		change             func(http.Header, *bytes.Buffer)
		want               string
	}{
		{"nothing", http.MethodGet, status, 200, good, nil, ""},
		{"nothing, in another spelling", http.MethodGet, "/api/v1/webhook/printer/1/status/", 200, good, nil, ""},
		{"nothing, of an error", http.MethodGet, status, 404, failed, nil, ""},
		{"nothing, at a path that is none", http.MethodGet, "/api/v1/nothing", 404, failed, nil, ""},
		{"a status that is not described", http.MethodGet, status, 202, good, nil, "not described"},
		{"a success at a path that is none", http.MethodGet, "/api/v1/nothing", 200, good, nil, "has no GET"},
		{"a method that is not described", http.MethodDelete, status, 200, good, nil, "has no DELETE"},
		{"no such path, where there is one", http.MethodDelete, status, 404, failed, nil, "405"},
		{"another content type", http.MethodGet, status, 200, good, func(h http.Header, _ *bytes.Buffer) { h.Set("Content-Type", "text/plain") }, `"text/plain"`},
		{"another charset", http.MethodGet, status, 200, good, func(h http.Header, _ *bytes.Buffer) { h.Set("Content-Type", "application/json; charset=latin1") }, "latin1"},
		{"a field of another type", http.MethodGet, status, 200, good, replace(`"connected":true`, `"connected":"yes"`), "connected"},
		{"a field that is missing", http.MethodGet, status, 200, good, replace(`"connected":true,`, ``), "connected"},
		{"a time that is none", http.MethodGet, status, 200, good, replace(`"updated_at":"2026-05-01T`, `"updated_at":"soon`), "updated_at"},
		{"half a body", http.MethodGet, status, 200, good, func(_ http.Header, b *bytes.Buffer) { b.Truncate(b.Len() / 2) }, "no JSON"},
		{"an error without its code", http.MethodGet, status, 404, failed, replace(`"code":"NOT_FOUND",`, ``), "code"},
		{"a body where none belongs", http.MethodGet, status, 304, good, nil, "none is described"},
		{"no challenge", http.MethodGet, status, 401, failed, nil, "WWW-Authenticate"},
		{"no Allow", http.MethodDelete, status, 405, failed, nil, "Allow"},
		{"no Retry-After", http.MethodGet, status, 429, failed, nil, "Retry-After"},
		{"a browser may guess the type", http.MethodGet, status, 200, good, func(h http.Header, _ *bytes.Buffer) { h.Del("X-Content-Type-Options") }, "X-Content-Type-Options"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header, body := c.from.header.Clone(), bytes.NewBufferString(c.from.body)
			if c.change != nil {
				c.change(header, body)
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for name, values := range header {
					w.Header()[name] = values
				}
				w.WriteHeader(c.code)
				_, _ = w.Write(body.Bytes())
			}))
			defer server.Close()
			err := description().Check(httptest.NewRequest(c.method, c.path, nil), c.code, header, body.Bytes())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("checked alone: %v, want %q", err, c.want)
			}
			if c.code == http.StatusNotModified {
				return // a server sends no body with it
			}
			var told error
			client := &http.Client{Transport: apitest.Transport{Description: description(), Wrong: func(err error) { told = err }}}
			request, _ := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, nil)
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if (told == nil) != (c.want == "") {
				t.Errorf("checked by the client: %v, want %q", told, c.want)
			}
		})
	}
}

// replace puts another text in the place of one that must be there.
func replace(old, text string) func(http.Header, *bytes.Buffer) {
	return func(_ http.Header, b *bytes.Buffer) {
		all := b.String()
		if !strings.Contains(all, old) {
			panic("the answer has no " + old + " in " + all)
		}
		b.Reset()
		b.WriteString(strings.Replace(all, old, text, 1))
	}
}
