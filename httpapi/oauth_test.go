package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/httpapi"
	"github.com/printwire/printwire/secret"
)

const (
	callback = "https://your-app.example/callback"
	password = "a password of the tests"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// grants is the API with an authorization server, a client and a person.
type grants struct {
	*fixture
	server *oauth.Server
	client oauth.Client
	secret secret.Text
	at     time.Time
}

func newGrants(t *testing.T, n oauth.NewClient, change ...func(*httpapi.Options)) *grants {
	t.Helper()
	g := &grants{at: start()}
	clock := func() time.Time { return g.at }
	ids := 0
	id := func() string { ids++; return "ID" + strconv.Itoa(ids) }
	store := &memory{data: map[string][]byte{}}
	audit, failures := auth.NewAudit(store, clock), auth.NewLimiter(clock)
	g.server = oauth.New(oauth.Options{Store: store, Audit: audit, Failures: failures, Log: slog.New(slog.DiscardHandler), Now: clock, NewID: id})
	people := auth.New(auth.Options{Store: store, Audit: audit, Failures: failures, Tokens: g.server, Now: clock, NewID: id})
	if err := errors.Join(people.Load(), g.server.Load(), people.SetAdmin(secret.Text(password))); err != nil {
		t.Fatal(err)
	}
	n.Name, n.Redirects, n.Terms = "Your app", []string{callback}, []string{"read", "write"}
	var err error
	if g.client, g.secret, err = g.server.CreateClient(n); err != nil {
		t.Fatal(err)
	}
	g.fixture = newFixture(t, append([]func(*httpapi.Options){func(o *httpapi.Options) { o.Keys, o.OAuth = people, g.server }}, change...)...)
	g.auth = people
	return g
}

// post sends a form; the pairs are names and values in turn.
func (g *grants) post(target, cookie string, form ...string) answer {
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Add(form[i], form[i+1])
	}
	return g.request(http.MethodPost, target, v.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie)
}

// signIn is the cookie of a person who signed in.
func (g *grants) signIn(t *testing.T) string {
	t.Helper()
	got := g.post("/oauth/login", "", "name", "admin", "password", password, "next", "/device")
	cookie, attributes, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	if got.code != http.StatusSeeOther || got.header.Get("Location") != "/device" || !strings.Contains(attributes, "HttpOnly") || !strings.Contains(attributes, "SameSite=Lax") {
		t.Fatalf("sign-in: %d %v", got.code, got.header)
	}
	return cookie
}

// address is that of the page of consent.
func (g *grants) address(change ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	v := url.Values{
		"client_id": {g.client.ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"read"}, "state": {"xyz"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return "/oauth/authorize?" + v.Encode()
}

// consent answers a page of consent and gives where the person is sent.
func (g *grants) consent(t *testing.T, cookie, page, word string) (answer, *url.URL) {
	t.Helper()
	form := []string{"answer", word}
	for _, field := range regexp.MustCompile(`name="(consent|scopes)" value="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		form = append(form, field[1], field[2])
	}
	if len(form) < 4 {
		t.Fatalf("no page of consent: %s", page)
	}
	got := g.post("/oauth/authorize", cookie, form...)
	where, err := url.Parse(got.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return got, where
}

func (g *grants) code(t *testing.T) string {
	t.Helper()
	cookie := g.signIn(t)
	got, where := g.consent(t, cookie, g.request(http.MethodGet, g.address(), "", "Cookie", cookie).body, "allow")
	if got.code != http.StatusFound || !strings.HasPrefix(where.String(), callback+"?") || where.Query().Get("state") != "xyz" || where.Query().Get("code") == "" {
		t.Fatalf("consent: %d to %s", got.code, where)
	}
	return where.Query().Get("code")
}

func (g *grants) exchange(code string) answer {
	return g.post("/oauth/token", "", "grant_type", "authorization_code", "code", code, "client_id", g.client.ID, "redirect_uri", callback, "code_verifier", verifier)
}

func TestOAuth_CodeOnceThenNothingOfItLives(t *testing.T) {
	g := newGrants(t, oauth.NewClient{})
	code := g.code(t)
	got := g.exchange(code)
	tokens := got.object(t)
	access, _ := tokens["access_token"].(string)
	if got.code != 200 || access == "" || tokens["refresh_token"] == nil || tokens["expires_in"] != 3600.0 || tokens["token_type"] != "Bearer" || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %v", got.code, got.body, got.header)
	}
	use := func() answer {
		return g.request(http.MethodGet, "/api/v1/printers", "", "Authorization", "Bearer "+access)
	}
	if got := use(); got.code != 200 {
		t.Errorf("the token opens nothing: %d %s", got.code, got.body)
	}
	if got := g.exchange(code); got.code != 400 || got.object(t)["error"] != "invalid_grant" || got.object(t)["request_id"] == nil {
		t.Errorf("the code a second time: %d %s", got.code, got.body)
	}
	want(t, use(), 401, "unauthorized", "INVALID_TOKEN")
}

func TestOAuth_RefreshRevokeIntrospect(t *testing.T) {
	g := newGrants(t, oauth.NewClient{Confidential: true})
	basic := basic(g.client.ID, g.secret.Reveal())
	form := func(target string, v ...string) answer {
		values := url.Values{}
		for i := 0; i+1 < len(v); i += 2 {
			values.Set(v[i], v[i+1])
		}
		return g.request(http.MethodPost, target, values.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", basic)
	}
	first := form("/oauth/token", "grant_type", "authorization_code", "code", g.code(t), "redirect_uri", callback, "code_verifier", verifier).object(t)
	next := form("/oauth/token", "grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string)).object(t)
	access, ok := next["access_token"].(string)
	if !ok || next["refresh_token"] == first["refresh_token"] {
		t.Fatalf("refreshed: %v", next)
	}
	if got := form("/oauth/introspect", "token", access).object(t); got["active"] != true || got["client_id"] != g.client.ID {
		t.Errorf("introspection: %v", got)
	}
	if got := form("/oauth/revoke", "token", access); got.code != 200 {
		t.Errorf("revocation: %d %s", got.code, got.body)
	}
	if got := form("/oauth/introspect", "token", access).object(t); got["active"] != false || len(got) != 1 {
		t.Errorf("introspection after revocation: %v", got)
	}
	want(t, g.request(http.MethodGet, "/api/v1/printers", "", "Authorization", "Bearer "+access), 401, "unauthorized", "INVALID_TOKEN")
	basic = "Basic " + base64.StdEncoding.EncodeToString([]byte(g.client.ID+":wrong"))
	if got := form("/oauth/introspect", "token", access); got.code != 401 || got.object(t)["error"] != "invalid_client" || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("a wrong secret: %d %s", got.code, got.body)
	}
}

func TestOAuth_Device(t *testing.T) {
	g := newGrants(t, oauth.NewClient{}, func(o *httpapi.Options) { o.PublicURL = "https://printwire.example" })
	d := g.post("/oauth/device_authorization", "", "client_id", g.client.ID, "scope", "read").object(t)
	user, _ := d["user_code"].(string)
	if user == "" || d["verification_uri"] != "https://printwire.example/device" {
		t.Fatalf("%v", d)
	}
	poll := func() answer {
		return g.post("/oauth/token", "", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", d["device_code"].(string), "client_id", g.client.ID)
	}
	if got := poll(); got.code != 400 || got.object(t)["error"] != "authorization_pending" {
		t.Errorf("before consent: %d %s", got.code, got.body)
	}
	cookie := g.signIn(t)
	page := g.request(http.MethodGet, "/device?user_code="+url.QueryEscape(user), "", "Cookie", cookie)
	if got, where := g.consent(t, cookie, page.body, "allow"); got.code != 200 || where.String() != "" {
		t.Errorf("consent: %d to %q", got.code, where)
	}
	g.at = g.at.Add(time.Minute)
	if got := poll(); got.code != 200 || got.object(t)["access_token"] == nil {
		t.Errorf("after consent: %d %s", got.code, got.body)
	}
}

func TestOAuth_RedirectsNowhereElse(t *testing.T) {
	g := newGrants(t, oauth.NewClient{})
	cookie := g.signIn(t)
	for name, address := range map[string]string{
		"an unknown client":  g.address("client_id", "client_none"),
		"another address":    g.address("redirect_uri", "https://evil.example/callback"),
		"a longer address":   g.address("redirect_uri", callback+"/../x"),
		"a user before host": g.address("redirect_uri", "https://your-app.example@evil.example/callback"),
		"a parameter twice":  g.address() + "&client_id=" + g.client.ID,
	} {
		if got := g.request(http.MethodGet, address, "", "Cookie", cookie); got.code != 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, got.code, got.header.Get("Location"))
		}
	}
	for name, address := range map[string]string{
		"no PKCE":    g.address("code_challenge", ""),
		"plain PKCE": g.address("code_challenge_method", "plain"),
		"a token":    g.address("response_type", "token"),
	} {
		got := g.request(http.MethodGet, address, "", "Cookie", cookie)
		where, _ := url.Parse(got.header.Get("Location"))
		if got.code != 302 || !strings.HasPrefix(where.String(), callback+"?") || where.Query().Get("error") == "" || where.Query().Get("state") != "xyz" {
			t.Errorf("%s: %d to %q", name, got.code, where)
		}
	}
	for _, next := range []string{"https://evil.example", "//evil.example", "/oauth/authorize@evil", "/\\evil.example"} {
		if got := g.post("/oauth/login", "", "name", "admin", "password", password, "next", next); got.header.Get("Location") != "/device" {
			t.Errorf("next %q leads to %q", next, got.header.Get("Location"))
		}
	}
	got, where := g.consent(t, cookie, g.request(http.MethodGet, g.address(), "", "Cookie", cookie).body, "deny")
	if got.code != 302 || where.Query().Get("error") != "access_denied" || where.Query().Get("code") != "" {
		t.Errorf("refused: %d to %s", got.code, where)
	}
}

func TestOAuth_PagesAndForms(t *testing.T) {
	g := newGrants(t, oauth.NewClient{})
	page := g.request(http.MethodGet, g.address(), "")
	csp := page.header.Get("Content-Security-Policy")
	if page.code != 200 || !strings.Contains(page.body, "/oauth/login") || page.header.Get("X-Frame-Options") != "DENY" || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("the page to sign in: %d %v", page.code, page.header)
	}
	wrong := g.post("/oauth/login", "", "name", "<b>admin", "password", "CANARY99", "next", `/device"><script>`)
	if wrong.code != 401 || strings.Contains(wrong.body, "CANARY99") || strings.Contains(wrong.body, "<script>") || wrong.header.Get("Set-Cookie") != "" {
		t.Errorf("a wrong password: %d %s", wrong.code, wrong.body)
	}
	form := "application/x-www-form-urlencoded"
	for name, got := range map[string]answer{
		"a field twice":       g.post("/oauth/token", "", "grant_type", "refresh_token", "grant_type", "refresh_token"),
		"fields in the URL":   g.post("/oauth/token?grant_type=refresh_token", "", "client_id", g.client.ID),
		"JSON":                g.request(http.MethodPost, "/oauth/token", `{"grant_type":"refresh_token"}`, "Content-Type", "application/json"),
		"a form that is none": g.request(http.MethodPost, "/oauth/token", "a=%zz", "Content-Type", form),
		"too much":            g.request(http.MethodPost, "/oauth/token", "a="+strings.Repeat("x", 70<<10), "Content-Type", form),
	} {
		if body := got.object(t); got.code != 400 && got.code != 401 || body["error"] == nil || body["error_description"] == nil {
			t.Errorf("%s: %d %s", name, got.code, got.body)
		}
	}
	other := g.request(http.MethodPost, "/oauth/authorize", "answer=allow", "Content-Type", form, "Cookie", g.signIn(t), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	if other.code != http.StatusForbidden {
		t.Errorf("another site's consent: %d", other.code)
	}
}

func TestOAuth_Metadata(t *testing.T) {
	g := newGrants(t, oauth.NewClient{}, func(o *httpapi.Options) { o.PublicURL = "https://printwire.example" })
	if got := g.get("/.well-known/oauth-authorization-server", "").object(t); got["issuer"] != "https://printwire.example" {
		t.Errorf("metadata: %v", got)
	}
	if got := g.get("/.well-known/oauth-protected-resource", "").object(t); got["resource"] != "https://printwire.example" {
		t.Errorf("metadata of the resource: %v", got)
	}
	without := newGrants(t, oauth.NewClient{})
	want(t, without.get("/.well-known/oauth-authorization-server", ""), 404, "not_found", "NOT_FOUND")
	none := newFixture(t)
	want(t, none.request(http.MethodPost, "/oauth/token", "a=b", "Content-Type", "application/x-www-form-urlencoded"), 404, "not_found", "NOT_FOUND")
}
