package oauth_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

func TestServer_AuthorizeRefused(t *testing.T) {
	r := open(t, nil)
	c, _ := r.client(oauth.NewClient{Confidential: true})
	for name, row := range map[string]struct {
		change   func(*oauth.Request)
		code     string
		redirect bool
	}{
		"an unknown client":         {func(q *oauth.Request) { q.ClientID = "x" }, oauth.InvalidRequest, false},
		"no redirect URI":           {func(q *oauth.Request) { q.RedirectURI = "" }, oauth.InvalidRequest, false},
		"a suffix":                  {func(q *oauth.Request) { q.RedirectURI += ".evil.example" }, oauth.InvalidRequest, false},
		"a deeper path":             {func(q *oauth.Request) { q.RedirectURI += "/more" }, oauth.InvalidRequest, false},
		"a query":                   {func(q *oauth.Request) { q.RedirectURI += "?x=1" }, oauth.InvalidRequest, false},
		"a fragment":                {func(q *oauth.Request) { q.RedirectURI += "#x" }, oauth.InvalidRequest, false},
		"dots in the path":          {func(q *oauth.Request) { q.RedirectURI = "https://your-app.example/x/../callback" }, oauth.InvalidRequest, false},
		"another letter case":       {func(q *oauth.Request) { q.RedirectURI = strings.ToUpper(callback) }, oauth.InvalidRequest, false},
		"a login in the URI":        {func(q *oauth.Request) { q.RedirectURI = "https://your-app.example@evil.example/callback" }, oauth.InvalidRequest, false},
		"another port":              {func(q *oauth.Request) { q.RedirectURI = "https://your-app.example:444/callback" }, oauth.InvalidRequest, false},
		"http for https":            {func(q *oauth.Request) { q.RedirectURI = "http://your-app.example/callback" }, oauth.InvalidRequest, false},
		"javascript":                {func(q *oauth.Request) { q.RedirectURI = "javascript:alert(1)" }, oauth.InvalidRequest, false},
		"no PKCE":                   {func(q *oauth.Request) { q.Challenge, q.ChallengeMethod = "", "" }, oauth.InvalidRequest, true},
		"plain PKCE":                {func(q *oauth.Request) { q.Challenge, q.ChallengeMethod = verifier, "plain" }, oauth.InvalidRequest, true},
		"PKCE without its method":   {func(q *oauth.Request) { q.ChallengeMethod = "" }, oauth.InvalidRequest, true},
		"a method without PKCE":     {func(q *oauth.Request) { q.Challenge = "" }, oauth.InvalidRequest, true},
		"a short challenge":         {func(q *oauth.Request) { q.Challenge = "abc" }, oauth.InvalidRequest, true},
		"the implicit grant":        {func(q *oauth.Request) { q.ResponseType = "token" }, oauth.UnsupportedAnswer, true},
		"no response type":          {func(q *oauth.Request) { q.ResponseType = "" }, oauth.InvalidRequest, true},
		"a state as long as a book": {func(q *oauth.Request) { q.State = strings.Repeat("x", 5000) }, oauth.InvalidRequest, true},
	} {
		t.Run(name, func(t *testing.T) {
			q := request(c)
			row.change(&q)
			_, err := r.Authorize(q, anna())
			var e *oauth.Error
			if !errors.As(err, &e) || e.Code != row.code || (e.Redirect != "") != row.redirect {
				t.Fatalf("Authorize = %v, want %s", err, row.code)
			}
			if row.redirect && (!strings.HasPrefix(e.Redirect, callback+"?") || !strings.Contains(e.Redirect, "error="+row.code)) {
				t.Errorf("redirect to %s", e.Redirect)
			}
		})
	}
	t.Run("without a state the person is warned", func(t *testing.T) {
		q := request(c)
		q.State = ""
		if page, err := r.Authorize(q, anna()); err != nil || len(page.Warnings) != 1 {
			t.Errorf("Authorize = %+v, %v", page, err)
		}
	})
	t.Run("a key gives no consent", func(t *testing.T) {
		id := anna()
		id.KeyID = "key_1"
		if _, err := r.Authorize(request(c), id); !fault.Is(err, fault.Denied) {
			t.Errorf("Authorize = %v", err)
		}
	})
}

func TestServer_PageIsOnePersons(t *testing.T) {
	r := open(t, nil)
	c, _ := r.client(oauth.NewClient{})
	read := []auth.Scope{auth.PrintersRead}
	page, err := r.Authorize(request(c), anna())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Approve(page.ID, auth.Person("eve", "Eve"), read); !fault.Is(err, fault.Denied) {
		t.Errorf("somebody else's page: %v", err)
	}
	if _, err := r.Approve("pw_cn_guess", anna(), read); !fault.Is(err, fault.Denied) {
		t.Errorf("a guessed page: %v", err)
	}
	if _, err := r.Approve(page.ID, anna(), nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("nothing ticked: %v", err)
	}
	to, err := r.Deny(page.ID, anna())
	if u, _ := url.Parse(to); err != nil || u.Query().Get("error") != oauth.AccessDenied || u.Query().Get("state") == "" {
		t.Errorf("Deny = %s, %v", to, err)
	}
	if _, err := r.Approve(page.ID, anna(), read); !fault.Is(err, fault.Denied) {
		t.Errorf("an answered page: %v", err)
	}
	late, err := r.Authorize(request(c), anna())
	if err != nil {
		t.Fatal(err)
	}
	r.add(10 * time.Minute)
	if _, err := r.Approve(late.ID, anna(), read); !fault.Is(err, fault.Denied) {
		t.Errorf("an old page: %v", err)
	}
}

func TestServer_CreateClientRedirects(t *testing.T) {
	r := open(t, nil)
	for uri, good := range map[string]bool{
		"https://app.example/cb": true, "http://127.0.0.1/cb": true, "http://[::1]:99/cb": true, "http://localhost:1/": true,
		"http://192.168.1.2/cb": true, "com.example.app:/cb": true, "homeassistant://auth-callback": true,
		"http://app.example/cb": false, "http://8.8.8.8/": false, "javascript:alert(1)": false, "data:text/html,x": false, "file:///etc/passwd": false,
		"https://": false, "https://a.example/#x": false, "https://u@a.example/": false, "https://*.example/": false,
		"https://a.example/?code=1": false, "https://a.example\\@b.example/": false, "//a.example": false, "": false, "https://a.example/\n": false,
	} {
		_, _, err := r.CreateClient(oauth.NewClient{Name: "x", Redirects: []string{uri}})
		if (err == nil) != good {
			t.Errorf("%q: %v, want it taken: %v", uri, err, good)
		}
	}
	t.Run("a loopback port is the client's choice, its path is not", func(t *testing.T) {
		c, _ := r.client(oauth.NewClient{Redirects: []string{"http://127.0.0.1/cb"}})
		for uri, good := range map[string]bool{
			"http://127.0.0.1:51004/cb": true, "http://127.0.0.1/cb": true, "http://127.0.0.1:51004/cb2": false,
			"http://127.0.0.2:51004/cb": false, "http://127.0.0.1:1@evil.example/cb": false, "https://127.0.0.1/cb": false,
		} {
			q := request(c)
			q.RedirectURI = uri
			if _, err := r.Authorize(q, anna()); (err == nil) != good {
				t.Errorf("%s: %v, want it taken: %v", uri, err, good)
			}
		}
	})
}

func TestServer_RevokeAndIntrospect(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{Confidential: true})
	tokens := r.token(exchange(login, r.approve(request(c)).Get("code")))
	for _, token := range []secret.Text{tokens.Access, tokens.Refresh} {
		i, err := r.Introspect(login, token)
		if err != nil || !i.Active || i.ClientID != c.ID || i.Subject != "anna-id" || !i.Issued.Equal(r.clock()) {
			t.Errorf("Introspect = %+v, %v", i, err)
		}
	}
	_, other := r.client(oauth.NewClient{Confidential: true})
	if i, err := r.Introspect(other, tokens.Access); err != nil || i != (oauth.Introspection{}) {
		t.Errorf("another client learns %+v, %v", i, err)
	}
	_, public := r.client(oauth.NewClient{})
	if _, err := r.Introspect(public, tokens.Access); oauth.CodeOf(err) != oauth.UnauthorizedClient {
		t.Errorf("a public client: %v", err)
	}
	ticket, _, err := r.auth.Ticket(mustID(t, r, tokens.Access))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Revoke(login, tokens.Refresh); err != nil {
			t.Errorf("Revoke = %v", err)
		}
	}
	if r.opens(tokens.Access) || len(r.ended) != 1 || len(r.Grants("")) != 0 {
		t.Errorf("after Revoke: ended %v", r.ended)
	}
	if _, err := r.auth.Redeem(ticket, ""); auth.ReasonOf(err) != auth.Revoked {
		t.Errorf("a ticket of the grant: %v", err)
	}
	if err := r.Revoke(login, "rubbish"); err != nil {
		t.Errorf("Revoke of rubbish = %v", err)
	}
}

func mustID(t *testing.T, r *rig, token secret.Text) auth.Identity {
	t.Helper()
	id, err := r.auth.Check(auth.Credential{Text: token})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestServer_Owners(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{})
	tokens := r.token(exchange(login, r.approve(request(c)).Get("code")))
	if err := r.auth.PutOwner(auth.Owner{Name: "anna-id", Scopes: []auth.Scope{auth.PrintersRead}}, "boss"); err != nil {
		t.Fatal(err)
	}
	if id := mustID(t, r, tokens.Access); id.Has(auth.QueueWrite) || !id.Has(auth.PrintersRead) {
		t.Errorf("the owner lost rights, the token has %v", id.Scopes())
	}
	if err := r.auth.DeleteOwner("anna-id", "boss"); err != nil || r.opens(tokens.Access) || len(r.ended) != 1 {
		t.Errorf("DeleteOwner = %v, ended %v", err, r.ended)
	}
	if err := r.DeleteClient(c.ID, "boss"); err != nil || len(r.Clients()) != 0 {
		t.Errorf("DeleteClient = %v", err)
	}
}

func TestServer_StoreFails(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{})
	use := exchange(login, r.approve(request(c)).Get("code"))
	r.store.fail = errors.New("disk full")
	if _, err := r.Token(use); err == nil || oauth.CodeOf(err) != "" {
		t.Errorf("Token = %v", err)
	}
	r.store.fail = nil
	if tokens := r.token(use); !r.opens(tokens.Access) {
		t.Error("a code whose use could not be written is lost")
	}
}

func TestServer_Device(t *testing.T) {
	r := open(t, nil)
	_, login := r.client(oauth.NewClient{})
	d, err := r.DeviceAuthorize(login, "read")
	if err != nil || len(d.UserCode) != 9 || strings.Trim(d.UserCode, "BCDFGHJKLMNPQRSTVWXZ-") != "" || d.ExpiresIn != 900 || d.Interval != 5 {
		t.Fatalf("DeviceAuthorize = %+v, %v", d, err)
	}
	poll := oauth.TokenRequest{Login: login, GrantType: oauth.GrantDevice, DeviceCode: d.DeviceCode}
	r.wantCode(poll, oauth.Pending)
	r.add(time.Second)
	r.wantCode(poll, oauth.SlowDown)
	r.add(9 * time.Second) // five more are wanted now
	r.wantCode(poll, oauth.SlowDown)
	r.add(15 * time.Second)
	r.wantCode(poll, oauth.Pending)

	page, err := r.DeviceConsent(strings.ToLower(strings.ReplaceAll(d.UserCode, "-", " ")), anna(), "10.0.0.1")
	if err != nil || page.UserCode != d.UserCode {
		t.Fatalf("DeviceConsent = %+v, %v", page, err)
	}
	if to, err := r.Approve(page.ID, anna(), []auth.Scope{auth.PrintersRead}); err != nil || to != "" {
		t.Fatalf("Approve = %q, %v", to, err)
	}
	r.add(time.Minute)
	_, foreign := r.client(oauth.NewClient{})
	stolen := poll
	stolen.Login = foreign
	r.wantCode(stolen, oauth.InvalidGrant)
	tokens := r.token(poll)
	if id := mustID(t, r, tokens.Access); id.Owner != "anna-id" || len(id.Scopes()) != 1 {
		t.Errorf("identity %+v", id)
	}
	r.wantCode(poll, oauth.InvalidGrant)

	t.Run("refused, and over", func(t *testing.T) {
		d, err := r.DeviceAuthorize(login, "")
		if err != nil {
			t.Fatal(err)
		}
		poll := oauth.TokenRequest{Login: login, GrantType: oauth.GrantDevice, DeviceCode: d.DeviceCode}
		page, err := r.DeviceConsent(d.UserCode, anna(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Deny(page.ID, anna()); err != nil {
			t.Fatal(err)
		}
		r.wantCode(poll, oauth.AccessDenied)
		late, err := r.DeviceAuthorize(login, "")
		if err != nil {
			t.Fatal(err)
		}
		r.add(15 * time.Minute)
		poll.DeviceCode = late.DeviceCode
		r.wantCode(poll, oauth.ExpiredToken)
	})
}

func TestServer_DeviceGuessing(t *testing.T) {
	r := open(t, nil)
	_, login := r.client(oauth.NewClient{})
	d, err := r.DeviceAuthorize(login, "read")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := r.DeviceConsent("BBBB-BBB"+string("BCDFG"[i]), anna(), ""); oauth.CodeOf(err) != oauth.InvalidGrant {
			t.Errorf("guess %d: %v", i+1, err)
		}
	}
	if _, err := r.DeviceConsent(d.UserCode, anna(), ""); oauth.CodeOf(err) != oauth.RateLimited {
		t.Errorf("after five guesses even the right one waits: %v", err)
	}
	bert := auth.Person("bert", "Bert")
	for i := range 6 {
		_, err := r.DeviceConsent(d.UserCode, bert, "")
		if (err == nil) != (i < 5) {
			t.Errorf("look %d: %v", i+1, err)
		}
	}
	r.add(15 * time.Minute)
	fresh, err := r.DeviceAuthorize(login, "read")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.DeviceConsent(fresh.UserCode, anna(), ""); err != nil {
		t.Errorf("a quarter of an hour later: %v", err)
	}
}

func TestServer_ADeviceIsAnsweredOnce(t *testing.T) {
	r := open(t, nil)
	_, login := r.client(oauth.NewClient{})
	d, err := r.DeviceAuthorize(login, "read")
	if err != nil {
		t.Fatal(err)
	}
	bert := auth.Person("bert", "Bert")
	first, err := r.DeviceConsent(d.UserCode, anna(), "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.DeviceConsent(d.UserCode, bert, "")
	if err != nil {
		t.Fatal(err)
	}
	third, err := r.DeviceConsent(d.UserCode, bert, "")
	if err != nil {
		t.Fatal(err)
	}
	scopes := []auth.Scope{auth.PrintersRead}
	if _, err := r.Approve(first.ID, anna(), scopes); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Approve(second.ID, bert, scopes); oauth.CodeOf(err) != oauth.ExpiredToken {
		t.Errorf("a second person's answer: %v", err)
	}
	if _, err := r.Deny(third.ID, bert); err != nil {
		t.Error(err)
	}
	tokens := r.token(oauth.TokenRequest{Login: login, GrantType: oauth.GrantDevice, DeviceCode: d.DeviceCode})
	if id := mustID(t, r, tokens.Access); id.Owner != "anna-id" {
		t.Errorf("the device got the access of %s, want that of the first who answered", id.Owner)
	}
}

func TestServer_OneAddressHasTenDevicesWaiting(t *testing.T) {
	r := open(t, nil)
	_, login := r.client(oauth.NewClient{})
	for i := range 12 {
		if _, err := r.DeviceAuthorize(login, "read"); (err == nil) != (i < 10) || err != nil && oauth.CodeOf(err) != oauth.RateLimited {
			t.Errorf("device %d: %v", i+1, err)
		}
	}
	login.Remote = "192.168.1.10"
	if _, err := r.DeviceAuthorize(login, "read"); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

func TestServer_FailuresAreLimited(t *testing.T) {
	r := open(t, nil)
	c, login := r.client(oauth.NewClient{Confidential: true})
	wrong := login
	wrong.Secret = "guess"
	codes := map[string]int{}
	for range 15 {
		_, err := r.Token(refresh(wrong, "x"))
		codes[oauth.CodeOf(err)]++
	}
	if codes[oauth.InvalidClient] != 10 || codes[oauth.RateLimited] != 5 {
		t.Errorf("answers %v", codes)
	}
	if tokens := r.token(exchange(login, r.approve(request(c)).Get("code"))); !r.opens(tokens.Access) {
		t.Error("a right client from the same address is stopped")
	}
}

func TestServer_Run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, nil)
		c, login := r.client(oauth.NewClient{})
		r.approve(request(c)) // its code is never used
		r.token(exchange(login, r.approve(request(c)).Get("code")))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }() // owner: this test, which waits
		kept := func() int { pairs, _ := r.store.Values("auth/oauth/grant/"); return len(pairs) }
		r.add(2 * time.Minute)
		<-time.After(61 * time.Second)
		synctest.Wait()
		if n := kept(); n != 1 {
			t.Errorf("%d grants are kept, want the one that was used", n)
		}
		r.add(31 * 24 * time.Hour)
		<-time.After(61 * time.Second)
		synctest.Wait()
		if n := kept(); n != 0 {
			t.Errorf("%d grants are kept after 31 days", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
