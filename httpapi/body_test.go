package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
)

type priceBody struct {
	Price float64 `json:"price" minimum:"-10" maximum:"10"`
	Note  string  `json:"note,omitempty" maxLength:"4"`
}

type priceRequest struct{ Body priceBody }

type priceAnswer struct{ Body priceBody }

// everybody has every right.
type everybody struct{ *auth.Auth }

func (everybody) Take(auth.Identity, auth.Class) auth.Rate { return auth.Rate{OK: true} }

func (everybody) Audit() *auth.Audit { return auth.NewAudit(nil, time.Now) }

func (everybody) Check(auth.Credential) (auth.Identity, error) {
	return auth.NewIdentity("all", []auth.Scope{auth.Admin, auth.TariffWrite}, nil), nil
}

// priceRow is a route with a body, as later parts add them.
func priceRow() row {
	return row{
		method: http.MethodPost, path: base + "/price", scope: auth.TariffWrite, class: classWrite, audit: "price",
		tag: "Test", summary: "A price", example: map[string]any{"price": 0.3},
		serve: serve(func(_ *api, _ context.Context, in *priceRequest) (*priceAnswer, error) {
			return &priceAnswer{Body: in.Body}, nil
		}),
	}
}

func bodyHandler(t *testing.T) http.Handler {
	t.Helper()
	_, h, err := build(Options{Keys: everybody{}, Log: slog.New(slog.DiscardHandler), Now: time.Now}, append(routes(), priceRow()))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAPI_BodiesThatAreRefused(t *testing.T) {
	h := bodyHandler(t)
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, c := range []struct {
		name, body string
		header     []string
		code       int
		hint       string
	}{
		{"a good one", `{"price":0.31}`, nil, 200, `"price":0.31`},
		{"with a charset", `{"price":0.31}`, []string{"Content-Type", "application/json; charset=utf-8"}, 200, ""},
		{"a name twice", `{"price":0.1,"price":0.2}`, nil, 400, "twice"},
		{"a name twice, spelled in two ways", `{"price":0.1,"pr\u0069ce":0.2}`, nil, 400, "twice"},
		{"a name twice further down", `{"price":0.1,"x":[{"a":1},{"a":1,"b":{},"a":2}]}`, nil, 400, "twice"},
		{"too deep", deep, nil, 400, "deep"},
		{"20,000 brackets", strings.Repeat("[", 20000), nil, 400, ""},
		{"no JSON", `{"price":`, nil, 400, "JSON"},
		{"two texts", `{"price":1}{"price":2}`, nil, 400, ""},
		{"NaN", `{"price":NaN}`, nil, 400, ""},
		{"what a template gives for an unknown sensor", `{"price":unavailable}`, nil, 400, ""},
		{"1e400", `{"price":1e400}`, nil, 400, "could not be read"},
		{"a text for a number", `{"price":"CANARY"}`, nil, 422, "/price"},
		{"out of range", `{"price":1e9}`, nil, 422, "/price"},
		{"an unknown name", `{"price":1,"other":"CANARY"}`, nil, 422, "/other"},
		{"too long", `{"price":1,"note":"CANARY"}`, nil, 422, "/note"},
		{"missing", `{}`, nil, 422, ""},
		{"null", `null`, nil, 422, ""},
		{"empty", ``, nil, 400, ""},
		{"compressed", `{"price":1}`, []string{"Content-Encoding", "gzip"}, 415, ""},
		{"in another charset", `{"price":1}`, []string{"Content-Type", "application/json; charset=utf-16"}, 415, ""},
		{"a form", `price=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, ""},
		{"a list without a type", `[1]`, []string{"Content-Type", ""}, 415, ""},
		{"2 MB", `{"note":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, base+"/price", strings.NewReader(c.body))
			r.Host = "localhost"
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-API-Key", "x")
			for i := 0; i+1 < len(c.header); i += 2 {
				r.Header.Set(c.header[i], c.header[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var body map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != c.code || !strings.Contains(w.Body.String(), c.hint) {
				t.Fatalf("status %d, want %d with %q (%v): %s", w.Code, c.code, c.hint, err, w.Body)
			}
			if strings.Contains(w.Body.String(), "CANARY") || strings.Contains(w.Body.String(), "1e400") {
				t.Errorf("the answer repeats what was sent: %s", w.Body)
			}
			if _, text := body["detail"].(string); w.Code >= 400 && !text {
				t.Errorf("detail is no text: %s", w.Body)
			}
		})
	}
}

func TestAPI_BodiesWithoutALengthAreBounded(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, base+"/price", http.MaxBytesReader(nil, http.NoBody, 0))
	r.Body = http.MaxBytesReader(nil, endless{}, 1<<30)
	r.ContentLength, r.Host = -1, "localhost"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	bodyHandler(t).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func (endless) Close() error { return nil }

func TestRow_IsNotRegisteredUnlessItIsWhole(t *testing.T) {
	for name, spoil := range map[string]func(*row){
		"no scope":           func(r *row) { r.scope = "" },
		"an unknown scope":   func(r *row) { r.scope = "price:write" },
		"open with a scope":  func(r *row) { r.open = true },
		"no class":           func(r *row) { r.class = "" },
		"an unknown class":   func(r *row) { r.class = "fast" },
		"no audit tag":       func(r *row) { r.audit = "" },
		"no summary":         func(r *row) { r.summary = "" },
		"no tag":             func(r *row) { r.tag = "" },
		"no example":         func(r *row) { r.example = nil },
		"no handler":         func(r *row) { r.serve = nil },
		"no method":          func(r *row) { r.method = "" },
		"a slash at the end": func(r *row) { r.path += "/" },
		"no path":            func(r *row) { r.path = "" },
	} {
		t.Run(name, func(t *testing.T) {
			r := priceRow()
			spoil(&r)
			if _, _, err := build(Options{Log: slog.New(slog.DiscardHandler), Now: time.Now}, []row{r}); err == nil {
				t.Error("it was registered")
			}
		})
	}
}

func TestRoutes_AreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range routes() {
		if key := r.method + " " + r.path; seen[key] {
			t.Errorf("%s stands twice", key)
		} else {
			seen[key] = true
		}
	}
}

func FuzzFlawIn(f *testing.F) {
	for _, s := range []string{``, `{}`, `[1,{"a":[]}]`, `{"a":1,"a":2}`, `{"a":{"a":1}}`, `nul`, `"\ud800"`, `0 5E555`, strings.Repeat("[", 200)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if flawIn(data) == "" && len(data) > 0 && len(strings.TrimSpace(string(data))) > 0 && !json.Valid(data) {
			// Several texts in a row are each valid; the handler refuses them.
			dec := json.NewDecoder(strings.NewReader(string(data)))
			for dec.More() {
				var v json.RawMessage // its form, not whether a number fits somewhere
				if err := dec.Decode(&v); err != nil {
					t.Fatalf("%q passed: %v", data, err)
				}
			}
		}
	})
}

func FuzzReference(f *testing.F) {
	for _, s := range []string{"1", "000001", "00M00A000000001", "a-b_c", "", "..", "%00", "ſ", strings.Repeat("9", 51)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, ok := reference(s)
		if !ok {
			return
		}
		if ref == "" || len(ref) > 50 || strings.Trim(ref, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			t.Fatalf("%q became %q", s, ref)
		}
		if again, ok := reference(ref); !ok || again != ref {
			t.Fatalf("%q is not stable: %q", ref, again)
		}
	})
}
