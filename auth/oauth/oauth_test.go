package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// memory is a store in memory.
type memory struct {
	mu    sync.Mutex
	pairs map[string][]byte
	fail  error
}

func (m *memory) Value(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.pairs[key]; ok {
		return v, nil
	}
	return nil, fault.New(fault.NotFound, "no %s", key)
}

func (m *memory) Values(prefix string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := maps.Clone(m.pairs)
	maps.DeleteFunc(found, func(k string, _ []byte) bool { return !strings.HasPrefix(k, prefix) })
	return found, nil
}

func (m *memory) Put(pairs map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	for k, v := range pairs {
		if v == nil {
			delete(m.pairs, k)
			continue
		}
		m.pairs[k] = v
	}
	return nil
}

// rig is a server with its surroundings.
type rig struct {
	*oauth.Server
	t     *testing.T
	store *memory
	audit *auth.Audit
	auth  *auth.Auth
	mu    sync.Mutex
	now   time.Time
	ended []string
}

const (
	callback = "https://your-app.example/callback"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) add(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func open(t *testing.T, store *memory) *rig {
	t.Helper()
	if store == nil {
		store = &memory{pairs: map[string][]byte{}}
	}
	r := &rig{t: t, store: store, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	n := len(store.pairs)
	var ids sync.Mutex
	id := func() string { ids.Lock(); defer ids.Unlock(); n++; return fmt.Sprintf("01TEST%06d", n) }
	r.audit = auth.NewAudit(store, r.clock)
	failures := auth.NewLimiter(r.clock)
	r.Server = oauth.New(oauth.Options{
		Store: store, Audit: r.audit, Failures: failures, Now: r.clock, NewID: id, Issuer: "https://printwire.example",
		Revoked: func(grant string) { r.ended = append(r.ended, grant) },
	})
	r.auth = auth.New(auth.Options{Store: store, Audit: r.audit, Failures: failures, Tokens: r.Server, Now: r.clock, NewID: id})
	if err := errors.Join(r.auth.Load(), r.Load()); err != nil {
		t.Fatal(err)
	}
	return r
}

func anna() auth.Identity { return auth.Person("anna-id", "Anna") }

func (r *rig) client(n oauth.NewClient) (oauth.Client, oauth.Login) {
	r.t.Helper()
	if n.Name == "" {
		n.Name = "App"
	}
	if n.Redirects == nil {
		n.Redirects = []string{callback}
	}
	if n.Terms == nil {
		n.Terms = []string{"read", "write"}
	}
	c, text, err := r.CreateClient(n)
	if err != nil {
		r.t.Fatal(err)
	}
	return c, oauth.Login{ClientID: c.ID, Secret: text, Remote: "192.168.1.9"}
}

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func request(c oauth.Client) oauth.Request {
	return oauth.Request{
		ClientID: c.ID, RedirectURI: callback, ResponseType: "code", Scope: "read write", State: "s t&te",
		Challenge: challenge(), ChallengeMethod: "S256",
	}
}

// approve brings a request through its page: the answer's parameters.
func (r *rig) approve(q oauth.Request) url.Values {
	r.t.Helper()
	page, err := r.Authorize(q, anna())
	if err != nil {
		r.t.Fatal(err)
	}
	var scopes []auth.Scope
	for _, s := range page.Scopes {
		scopes = append(scopes, s.Scope)
	}
	to, err := r.Approve(page.ID, anna(), scopes)
	if err != nil {
		r.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		r.t.Fatal(err)
	}
	return u.Query()
}

func exchange(l oauth.Login, code string) oauth.TokenRequest {
	return oauth.TokenRequest{Login: l, GrantType: oauth.GrantCode, Code: secret.Text(code), RedirectURI: callback, Verifier: verifier}
}

func refresh(l oauth.Login, token secret.Text) oauth.TokenRequest {
	return oauth.TokenRequest{Login: l, GrantType: oauth.GrantRefresh, RefreshToken: token}
}

func (r *rig) token(q oauth.TokenRequest) oauth.Tokens {
	r.t.Helper()
	tokens, err := r.Token(q)
	if err != nil {
		r.t.Fatal(err)
	}
	return tokens
}

func (r *rig) wantCode(q oauth.TokenRequest, code string) {
	r.t.Helper()
	if tokens, err := r.Token(q); oauth.CodeOf(err) != code || tokens.Access != "" {
		r.t.Errorf("Token = %v, want %s", err, code)
	}
}

func (r *rig) opens(token secret.Text) bool {
	_, err := r.auth.Check(auth.Credential{Text: token, Remote: "192.168.1.9"})
	return err == nil
}

func TestServer_Code(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{Confidential: true})
	answer := r.approve(request(c))
	if answer.Get("state") != "s t&te" || answer.Get("iss") != "https://printwire.example" {
		t.Errorf("answer %v", answer)
	}
	tokens := r.token(exchange(login, answer.Get("code")))
	if tokens.ExpiresIn != 3600 || !strings.HasPrefix(tokens.Access.Reveal(), "pw_at_") || !strings.HasPrefix(tokens.Refresh.Reveal(), "pw_rt_") {
		t.Errorf("tokens %+v", tokens)
	}
	id, err := r.auth.Check(auth.Credential{Text: tokens.Access})
	switch {
	case err != nil:
		t.Fatal(err)
	case id.Owner != "anna-id" || id.Client != c.ID || !id.Has(auth.QueueWrite) || id.Has(auth.Admin) || id.Has(auth.CloudRead):
		t.Errorf("identity %+v, scopes %v", id, id.Scopes())
	case id.Plan().Name != auth.PlanHome:
		t.Errorf("plan %v", id.Plan())
	}
	t.Run("another start knows the tokens", func(t *testing.T) {
		again := open(t, r.store)
		if !again.opens(tokens.Access) {
			t.Error("the access token is lost")
		}
		if _, err := again.Token(refresh(login, tokens.Refresh)); err != nil {
			t.Errorf("refresh: %v", err)
		}
	})
	t.Run("nothing that opens anything is kept", func(t *testing.T) {
		for _, text := range []secret.Text{tokens.Access, tokens.Refresh, login.Secret, secret.Text(answer.Get("code"))} {
			for key, value := range r.store.pairs {
				if strings.Contains(string(value), text.Reveal()) {
					t.Errorf("%s holds it", key)
				}
			}
		}
	})
	t.Run("an access token ends after an hour", func(t *testing.T) {
		r.add(time.Hour)
		if r.opens(tokens.Access) {
			t.Error("it still opens")
		}
	})
}

func TestServer_SecretFormWithoutPKCE(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{Confidential: true, WithoutPKCE: true})
	q := request(c)
	q.Challenge, q.ChallengeMethod = "", ""
	use := exchange(login, r.approve(q).Get("code"))
	use.Verifier = ""
	tokens := r.token(use)
	if next := r.token(refresh(login, tokens.Refresh)); next.Access == tokens.Access || r.opens(tokens.Access) || !r.opens(next.Access) {
		t.Error("refresh does not replace the access token")
	}
	t.Run("a verifier for a request without challenge is refused", func(t *testing.T) {
		r.wantCode(exchange(login, r.approve(q).Get("code")), oauth.InvalidGrant)
	})
	t.Run("a wrong secret is refused", func(t *testing.T) {
		use := exchange(login, r.approve(q).Get("code"))
		use.Secret = "pw_cs_wrong"
		r.wantCode(use, oauth.InvalidClient)
	})
}

func TestServer_CodeTwice(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{})
	use := exchange(login, r.approve(request(c)).Get("code"))
	tokens := r.token(use)
	r.wantCode(use, oauth.InvalidGrant)
	if r.opens(tokens.Access) || len(r.ended) != 1 {
		t.Errorf("the family lives on; ended %v", r.ended)
	}
	r.wantCode(refresh(login, tokens.Refresh), oauth.InvalidGrant)
	if page, _ := r.audit.List(auth.AuditFilter{Act: auth.GrantReused}); len(page) != 1 {
		t.Errorf("audit %v", page)
	}
	t.Run("of two at once one succeeds at most, and the family ends", func(t *testing.T) {
		use := exchange(login, r.approve(request(c)).Get("code"))
		var wg sync.WaitGroup
		results := make(chan oauth.Tokens, 8)
		for range cap(results) {
			wg.Go(func() {
				if tokens, err := r.Token(use); err == nil {
					results <- tokens
				}
			})
		}
		wg.Wait()
		close(results)
		if len(results) != 1 {
			t.Fatalf("%d redemptions", len(results))
		}
		if r.opens((<-results).Access) {
			t.Error("the family lives on")
		}
	})
}

func TestServer_CodeRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rig, *oauth.TokenRequest)
		code   string
	}{
		"another client's": {func(r *rig, q *oauth.TokenRequest) { _, q.Login = r.client(oauth.NewClient{}) }, oauth.InvalidGrant},
		"too late":         {func(r *rig, _ *oauth.TokenRequest) { r.add(time.Minute) }, oauth.InvalidGrant},
		"no verifier":      {func(_ *rig, q *oauth.TokenRequest) { q.Verifier = "" }, oauth.InvalidRequest},
		"a wrong verifier": {func(_ *rig, q *oauth.TokenRequest) { q.Verifier = secret.Text(strings.Repeat("x", 43)) }, oauth.InvalidGrant},
		"the challenge as verifier": {func(_ *rig, q *oauth.TokenRequest) {
			q.Verifier = secret.Text(challenge())
		}, oauth.InvalidGrant},
		"another redirect URI": {func(_ *rig, q *oauth.TokenRequest) { q.RedirectURI += "/" }, oauth.InvalidGrant},
		"an unknown code":      {func(_ *rig, q *oauth.TokenRequest) { q.Code = "pw_ac_x" }, oauth.InvalidGrant},
		"no code":              {func(_ *rig, q *oauth.TokenRequest) { q.Code = "" }, oauth.InvalidRequest},
		"no client":            {func(_ *rig, q *oauth.TokenRequest) { q.ClientID = "" }, oauth.InvalidRequest},
		"an unknown client":    {func(_ *rig, q *oauth.TokenRequest) { q.ClientID = "client_x" }, oauth.InvalidClient},
		"a secret of a public client": {func(_ *rig, q *oauth.TokenRequest) {
			q.Secret = "x"
		}, oauth.InvalidClient},
		"password grant": {func(_ *rig, q *oauth.TokenRequest) { q.GrantType = "password" }, oauth.UnsupportedGrant},
		"client_credentials grant": {func(_ *rig, q *oauth.TokenRequest) {
			q.GrantType = "client_credentials"
		}, oauth.UnsupportedGrant},
		"no grant type": {func(_ *rig, q *oauth.TokenRequest) { q.GrantType = "" }, oauth.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, nil)
			client, login := r.client(oauth.NewClient{})
			use := exchange(login, r.approve(request(client)).Get("code"))
			c.change(r, &use)
			r.wantCode(use, c.code)
		})
	}
}

func TestServer_RefreshReuse(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{})
	first := r.token(exchange(login, r.approve(request(c)).Get("code")))
	second := r.token(refresh(login, first.Refresh))
	r.add(5 * time.Second)
	if again := r.token(refresh(login, first.Refresh)); again != second {
		t.Error("after 5 s a lost answer is not given again")
	}
	r.add(10 * time.Second)
	r.wantCode(refresh(login, first.Refresh), oauth.InvalidGrant)
	if r.opens(second.Access) {
		t.Error("after 15 s the family lives on")
	}
	r.wantCode(refresh(login, second.Refresh), oauth.InvalidGrant)

	t.Run("a token of many turns ago ends the family too", func(t *testing.T) {
		first := r.token(exchange(login, r.approve(request(c)).Get("code")))
		last := first
		for range 20 {
			r.add(time.Minute)
			last = r.token(refresh(login, last.Refresh))
		}
		r.wantCode(refresh(login, first.Refresh), oauth.InvalidGrant)
		if r.opens(last.Access) {
			t.Error("the family lives on")
		}
	})
	t.Run("another client cannot use or end it", func(t *testing.T) {
		_, other := r.client(oauth.NewClient{})
		tokens := r.token(exchange(login, r.approve(request(c)).Get("code")))
		r.wantCode(refresh(other, tokens.Refresh), oauth.InvalidGrant)
		if err := r.Revoke(other, tokens.Refresh); err != nil || !r.opens(tokens.Access) {
			t.Errorf("Revoke = %v", err)
		}
	})
	t.Run("unused for 30 days it is over", func(t *testing.T) {
		tokens := r.token(exchange(login, r.approve(request(c)).Get("code")))
		r.add(30 * 24 * time.Hour)
		r.wantCode(refresh(login, tokens.Refresh), oauth.InvalidGrant)
	})
}

func TestServer_Scopes(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{Terms: []string{"printers:read", "printers:control"}})
	t.Run("the page shows what client and person may have, bold ones unticked", func(t *testing.T) {
		q := request(c)
		q.Scope = "read write admin"
		page, err := r.Authorize(q, anna())
		if err != nil || len(page.Scopes) != 2 || !page.Scopes[0].Ticked || page.Scopes[1].Ticked || page.Scopes[0].Opens == "" {
			t.Errorf("Authorize = %+v, %v", page, err)
		}
		if _, err := r.Approve(page.ID, anna(), []auth.Scope{auth.Admin}); oauth.CodeOf(err) != oauth.InvalidScope {
			t.Errorf("a scope that was not offered: %v", err)
		}
	})
	t.Run("a person who may little grants little", func(t *testing.T) {
		guest := auth.NewIdentity("Guest", []auth.Scope{auth.PrintersRead}, []int{1})
		guest.Owner = "guest"
		page, err := r.Authorize(request(c), guest)
		if err != nil || len(page.Scopes) != 1 {
			t.Fatalf("Authorize = %+v, %v", page, err)
		}
		to, err := r.Approve(page.ID, guest, []auth.Scope{auth.PrintersRead})
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(to)
		id, err := r.auth.Check(auth.Credential{Text: r.token(exchange(login, u.Query().Get("code"))).Access})
		if err != nil || id.Has(auth.PrintersControl) || id.MayPrinter(2) || !id.MayPrinter(1) {
			t.Errorf("identity %+v, %v", id, err)
		}
	})
	t.Run("unknown, and nothing left, are told the client", func(t *testing.T) {
		for _, scope := range []string{"fly", "archives:write", "admin"} {
			q := request(c)
			q.Scope = scope
			_, err := r.Authorize(q, anna())
			var e *oauth.Error
			if !errors.As(err, &e) || e.Code != oauth.InvalidScope || !strings.HasPrefix(e.Redirect, callback+"?") {
				t.Errorf("%s: %v", scope, err)
			}
		}
	})
	t.Run("a refresh may ask for less and not for more", func(t *testing.T) {
		tokens := r.token(exchange(login, r.approve(request(c)).Get("code")))
		more := refresh(login, tokens.Refresh)
		more.Scope = "archives:write"
		r.wantCode(more, oauth.InvalidScope)
		less := refresh(login, tokens.Refresh)
		less.Scope = "printers:read"
		narrow := r.token(less)
		if id, err := r.auth.Check(auth.Credential{Text: narrow.Access}); err != nil || id.Has(auth.PrintersControl) || narrow.Scope != "printers:read" {
			t.Errorf("narrow: %v, %v", narrow, err)
		}
		if wide := r.token(refresh(login, narrow.Refresh)); wide.Scope != "printers:read printers:control" {
			t.Errorf("afterwards: %s", wide.Scope)
		}
	})
}
