package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/httpapi"
)

// ask is the headers of a browser's question before a request of a page.
func (f *fixture) ask(path, origin string) answer {
	return f.request(http.MethodOptions, path, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-api-key", "Sec-Fetch-Site", "cross-site")
}

func TestCORS_OnlyTheOriginsOfTheSettings(t *testing.T) {
	const panel = "https://panel.example"
	f := newFixture(t, func(o *httpapi.Options) { o.CORSOrigins = []string{panel} })
	got := f.ask("/api/v1/printers/1/print/pause", panel)
	if got.code != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != panel || got.header.Get("Vary") != "Origin" ||
		!strings.Contains(got.header.Get("Access-Control-Allow-Methods"), "POST") || !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "X-API-Key") {
		t.Errorf("the question of the panel: %d %v", got.code, got.header)
	}
	if got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("the browser may add credentials by itself")
	}
	for _, origin := range []string{"https://evil.example", "http://panel.example", "https://panel.example:8443", "https://panel.example.evil.example", "null", "*", ""} {
		for _, got := range []answer{f.ask("/api/v1/printers", origin), f.get("/api/v1/printers", f.plainKey(), "Origin", origin)} {
			for name := range got.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%q gets %s: %s", origin, name, got.header.Get(name))
				}
			}
		}
	}
	key := f.plainKey()
	list := f.get("/api/v1/archives", f.reader(), "Origin", panel)
	for _, name := range []string{"Content-Disposition", "Idempotency-Replayed", "X-Next-Cursor", "X-Total-Count"} {
		if !strings.Contains(list.header.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("the panel cannot read %s", name)
		}
	}
	if list.header.Get("X-Total-Count") == "" {
		t.Error("there is no X-Total-Count to read")
	}
	for path, code := range map[string]int{"/api/v1/printers": 200, "/api/v1/printers/99": 404} {
		got := f.get(path, key, "Origin", panel, "Sec-Fetch-Site", "cross-site")
		if got.code != code || got.header.Get("Access-Control-Allow-Origin") != panel || !strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "X-RateLimit-Remaining") {
			t.Errorf("%s for the panel: %d %v", path, got.code, got.header)
		}
	}
	if got := f.request(http.MethodGet, "/api/v1/printers", "", "Origin", panel); got.code != 401 || got.header.Get("Access-Control-Allow-Origin") != panel {
		t.Errorf("a refusal that the panel cannot read: %d %v", got.code, got.header)
	}
	writer, _, err := f.auth.CreateKey(auth.NewKey{Name: "writer", Terms: []string{"write"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.request(http.MethodPost, "/api/v1/auth/tickets", "", "X-API-Key", writer.Reveal(), "Origin", panel, "Sec-Fetch-Site", "cross-site"); got.code != http.StatusOK && got.code != http.StatusCreated {
		t.Errorf("the panel may not write: %s", got.body)
	}
}

func TestCORS_NoneWithoutSettings(t *testing.T) {
	f := newFixture(t)
	for _, got := range []answer{f.ask("/api/v1/printers", "https://panel.example"), f.get("/api/v1/printers", f.plainKey(), "Origin", "https://panel.example")} {
		for name := range got.header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
				t.Errorf("%s: %s", name, got.header.Get(name))
			}
		}
	}
}

func TestCORS_NotForThePagesOfPersons(t *testing.T) {
	const panel = "https://panel.example"
	g := newGrants(t, oauth.NewClient{}, func(o *httpapi.Options) { o.CORSOrigins = []string{panel} })
	form := "application/x-www-form-urlencoded"
	for _, path := range []string{"/oauth/authorize", "/oauth/login", "/device", "/device/", "/oauth/login/"} {
		if got := g.ask(path, panel); got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
	for _, path := range []string{"/oauth/authorize", "/oauth/login", "/oauth/authorize/"} {
		got := g.request(http.MethodPost, path, "answer=allow", "Content-Type", form, "Cookie", g.signIn(t), "Origin", panel, "Sec-Fetch-Site", "cross-site")
		if got.code != http.StatusForbidden || got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", path, got.code, got.header)
		}
	}
	got := g.request(http.MethodPost, "/oauth/token", "grant_type=refresh_token&client_id="+g.client.ID+"&refresh_token=x", "Content-Type", form, "Origin", panel, "Sec-Fetch-Site", "cross-site")
	if got.code == http.StatusForbidden || got.header.Get("Access-Control-Allow-Origin") != panel {
		t.Errorf("a client in the browser gets no token: %d %v", got.code, got.header)
	}
}
