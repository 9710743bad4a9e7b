package e2e_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// publicHouse are settings with a public URL, which OAuth needs.
const publicHouse = `
http: { listen: "127.0.0.1:%[1]d", public_url: "http://127.0.0.1:%[1]d" }
mqtt: { mode: embedded, listen: "127.0.0.1:%[2]d" }
`

// browser is a person at the pages, who keeps cookies.
type browser struct {
	t        *testing.T
	client   *http.Client
	base     string
	password string
	allowed  []string // the scopes of the last page of consent
}

func newBrowser(t *testing.T, base, password string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, client: &http.Client{Jar: jar}, base: base, password: password}
}

// do sends a request and gives the page that it ends at.
func (b *browser) do(r *http.Request, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %d, %v, %.500s", r.URL.Path, answer.StatusCode, err, page)
	}
	return string(page)
}

func (b *browser) post(path string, form url.Values) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.base)
	}
	return b.do(r, err)
}

// values are those of the inputs with a name, as the page has them.
func values(page, name string) []string {
	var found []string
	for _, m := range regexp.MustCompile(`name="`+name+`" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		found = append(found, html.UnescapeString(m[1]))
	}
	return found
}

// allow opens an address, signs in where that is asked for, and allows
// everything on the page of consent.
func (b *browser) allow(address string) string {
	b.t.Helper()
	page := b.do(http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil))
	if next := values(page, "next"); len(next) == 1 {
		page = b.post("/oauth/login", url.Values{"name": {"admin"}, "password": {b.password}, "next": next})
	}
	consent := values(page, "consent")
	b.allowed = values(page, "scopes")
	if len(consent) != 1 || len(b.allowed) == 0 {
		b.t.Fatalf("no page of consent: %.1000s", page)
	}
	return b.post("/oauth/authorize", url.Values{"consent": consent, "scopes": b.allowed, "answer": {"allow"}})
}

// callbacks listens where an app waits for its answers.
func callbacks(t *testing.T) (address string, answers <-chan url.Values) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.URL.Query()
		_, _ = io.WriteString(w, "you can close this window")
	})}
	go func() { _ = server.Serve(listener) }() // owner: the clean-up closes it
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String() + "/callback", got
}

// registered registers a client and gives it as golang.org/x/oauth2 knows it.
func (h *house) registered(redirect string, style oauth2.AuthStyle, more ...string) oauth2.Config {
	h.t.Helper()
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	h.ask(&made, append([]string{"oauth", "create", "--name", "Foreign", "--redirect", redirect, "--scope", "read", "--scope", "write"}, more...)...)
	return oauth2.Config{
		ClientID: made.ID, ClientSecret: made.Secret, RedirectURL: redirect, Scopes: []string{"read"},
		Endpoint: oauth2.Endpoint{
			AuthURL: h.access.HTTP + "/oauth/authorize", TokenURL: h.access.HTTP + "/oauth/token",
			DeviceAuthURL: h.access.HTTP + "/oauth/device_authorization", AuthStyle: style,
		},
	}
}

// TestOAuth_AForeignClient lets golang.org/x/oauth2 go through all flows
// against the running program: it knows nothing of us.
func TestOAuth_AForeignClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t, publicHouse)
	h.serve()
	b := newBrowser(t, h.access.HTTP, lastLine(h.must("admin")))
	redirect, answers := callbacks(t)
	for name, config := range map[string]oauth2.Config{
		"public":                        h.registered(redirect, oauth2.AuthStyleInParams),
		"with its secret in the form":   h.registered(redirect, oauth2.AuthStyleInParams, "--confidential"),
		"with its secret in the header": h.registered(redirect, oauth2.AuthStyleInHeader, "--confidential"),
		"that finds out how to log in":  h.registered(redirect, oauth2.AuthStyleAutoDetect, "--confidential"),
		"registered for another port": func() oauth2.Config {
			c := h.registered("http://127.0.0.1:1/callback", oauth2.AuthStyleInParams)
			c.RedirectURL = redirect
			return c
		}(),
	} {
		t.Run("a client "+name, func(t *testing.T) {
			b.t = t
			verifier := oauth2.GenerateVerifier()
			b.allow(config.AuthCodeURL("a state", oauth2.S256ChallengeOption(verifier)))
			answer := <-answers
			if answer.Get("state") != "a state" || answer.Get("iss") != h.access.HTTP {
				t.Errorf("the answer: %v", answer)
			}
			token, err := config.Exchange(t.Context(), answer.Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			refreshed(t, h, config, token)
		})
	}
	t.Run("the flow of a device", func(t *testing.T) {
		b.t = t
		config := h.registered(redirect, oauth2.AuthStyleInParams)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		device, err := config.DeviceAuth(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(device.VerificationURI, h.access.HTTP) || device.UserCode == "" {
			t.Fatalf("a device is told %+v", device)
		}
		b.allow(device.VerificationURIComplete)
		token, err := config.DeviceAccessToken(ctx, device)
		if err != nil {
			t.Fatal(err)
		}
		refreshed(t, h, config, token)
	})
}

// refreshed uses a token, lets it be refreshed, and wants the old one to be over.
func refreshed(t *testing.T, h *house, config oauth2.Config, token *oauth2.Token) {
	t.Helper()
	status := func(source oauth2.TokenSource) int {
		answer, err := oauth2.NewClient(t.Context(), source).Get(h.access.HTTP + "/api/v1/printers")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	if left := time.Until(token.Expiry); !token.Valid() || token.RefreshToken == "" || left < 59*time.Minute || left > time.Hour {
		t.Fatalf("the token: valid %t, for %s", token.Valid(), left)
	}
	if code := status(config.TokenSource(t.Context(), token)); code != http.StatusOK {
		t.Fatalf("with the token: %d", code)
	}
	old := *token
	old.Expiry = time.Now().Add(-time.Hour)
	next, err := config.TokenSource(t.Context(), &old).Token()
	if err != nil {
		t.Fatal(err)
	}
	if next.AccessToken == token.AccessToken || next.RefreshToken == token.RefreshToken {
		t.Error("a refresh gives the same tokens")
	}
	if code := status(oauth2.StaticTokenSource(next)); code != http.StatusOK {
		t.Errorf("with the new token: %d", code)
	}
	if code := status(oauth2.StaticTokenSource(token)); code != http.StatusUnauthorized {
		t.Errorf("with the old token: %d, want 401", code)
	}
	if got := fmt.Sprint(next.Extra("scope")); !strings.Contains(got, "printers:read") || strings.Contains(got, "printers:control") {
		t.Errorf("the scope is %q", got)
	}
}
