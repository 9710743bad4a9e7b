package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/httpapi"
)

func TestOAuth_TheClientIsCheckedBeforeAnybodySignsIn(t *testing.T) {
	g := newGrants(t, oauth.NewClient{})
	for name, address := range map[string]string{
		"an unknown client":    g.address("client_id", "client_none"),
		"no client":            g.address("client_id", ""),
		"another address":      g.address("redirect_uri", "https://evil.example/callback"),
		"no address":           g.address("redirect_uri", ""),
		"a part of an address": g.address("redirect_uri", callback[:len(callback)-1]),
	} {
		got := g.request(http.MethodGet, address, "")
		if got.code != http.StatusBadRequest || strings.Contains(got.body, "/oauth/login") || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, got.code, got.body)
		}
	}
	if got := g.request(http.MethodGet, g.address(), ""); got.code != http.StatusOK || !strings.Contains(got.body, "/oauth/login") {
		t.Errorf("a known client: %d %s", got.code, got.body)
	}
}

func TestOAuth_WhereItIs(t *testing.T) {
	const public = "https://printwire.example"
	with := newGrants(t, oauth.NewClient{}, func(o *httpapi.Options) { o.PublicURL = public })
	without := newGrants(t, oauth.NewClient{})
	device := func(g *grants) string {
		where, _ := g.post("/oauth/device_authorization", "", "client_id", g.client.ID, "scope", "read").object(t)["verification_uri"].(string)
		return where
	}
	if got := device(with); got != public+"/device" {
		t.Errorf("with a public URL the device shows %q", got)
	}
	if got := device(without); !strings.HasPrefix(got, "http://") || !strings.HasSuffix(got, "/device") || len(got) < len("http://x/device") {
		t.Errorf("without one the device shows %q", got)
	}
	if got := with.get("/api/v1/printers", "").header.Get("WWW-Authenticate"); got != `Bearer realm="printwire", error="invalid_token", resource_metadata="`+public+`/.well-known/oauth-protected-resource"` {
		t.Errorf("the challenge is %s", got)
	}
	// A name that a request brings is never told as ours.
	if got := without.get("/api/v1/printers", "").header.Get("WWW-Authenticate"); got != `Bearer realm="printwire", error="invalid_token"` {
		t.Errorf("the challenge is %s", got)
	}
	if got := without.get("/.well-known/oauth-protected-resource", ""); got.code != http.StatusNotFound || !strings.Contains(got.body, "http.public_url") {
		t.Errorf("metadata without a public URL: %d %s", got.code, got.body)
	}
}

func TestOAuth_BehindAProxyOfThePublicURL(t *testing.T) {
	const public = "https://printwire.example"
	g := newGrants(t, oauth.NewClient{}, func(o *httpapi.Options) {
		o.PublicURL, o.Hosts = public, []string{"printwire.example"}
	})
	form := "name=admin&password=" + url.QueryEscape(password)
	for _, c := range []struct {
		host, origin string
		code         int
		secure       bool
	}{
		{"printwire.example", public, http.StatusSeeOther, true},
		{"printwire:8000", public, http.StatusSeeOther, false}, // the proxy calls us by another name
		{"printwire:8000", "http://printwire:8000", http.StatusSeeOther, false},
		{"printwire.example", "https://evil.example", http.StatusForbidden, false},
	} {
		got := g.request(http.MethodPost, "/oauth/login", form, "Content-Type", "application/x-www-form-urlencoded", "Host", c.host, "Origin", c.origin)
		if got.code != c.code || strings.Contains(got.header.Get("Set-Cookie"), "Secure") != c.secure {
			t.Errorf("%s from %s: %d %s", c.host, c.origin, got.code, got.header.Get("Set-Cookie"))
		}
	}
}
