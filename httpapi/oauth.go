package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// OAuth is the authorization server's logic; see package oauth.
type OAuth interface {
	Known(clientID, redirectURI string) error
	Authorize(oauth.Request, auth.Identity) (oauth.Consent, error)
	Approve(consent string, who auth.Identity, scopes []auth.Scope) (string, error)
	Deny(consent string, who auth.Identity) (string, error)
	Token(oauth.TokenRequest) (oauth.Tokens, error)
	Revoke(oauth.Login, secret.Text) error
	Introspect(oauth.Login, secret.Text) (oauth.Introspection, error)
	DeviceAuthorize(l oauth.Login, scope string) (oauth.Device, error)
	DeviceConsent(userCode string, who auth.Identity, remote string) (oauth.Consent, error)
	Describe(public string) oauth.Metadata
}

// serveForm makes a registrar from a handler of OAuth, which reads forms and
// answers pages, redirects, or JSON that is not ours.
func serveForm(handle func(*api, *gin.Context, url.Values)) registrar {
	return func(a *api, op huma.Operation) {
		a.describeForm(&op)
		huma.Register(a.huma, op, func(_ context.Context, _ *nothing) (*huma.StreamResponse, error) {
			if a.OAuth == nil {
				return nil, problem{status: http.StatusNotFound, detail: "OAuth is not offered here."}
			}
			return &huma.StreamResponse{Body: func(ctx huma.Context) {
				c := humagin.Unwrap(ctx)
				values, ok := a.form(c)
				if !ok {
					a.oauthError(c, &oauth.Error{Code: oauth.InvalidRequest, Description: "the parameters could not be read, or one was given twice"})
					return
				}
				handle(a, c, values)
			}}, nil
		})
		if path := a.huma.OpenAPI().Paths[op.Path]; path != nil && path.Post != nil {
			// Only now: huma would read a body that it was told of, and it knows no forms.
			audit, _ := op.Extensions["x-audit"].(string)
			path.Post.RequestBody = formBody(audit)
		}
	}
}

// form reads the parameters of a request. Each may be given once.
func (a *api) form(c *gin.Context) (url.Values, bool) {
	r := c.Request
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(c.Writer, r.Body, 64<<10)
		if err := r.ParseForm(); err != nil || r.URL.RawQuery != "" {
			return nil, false
		}
		values = r.PostForm
	}
	for name, list := range values {
		if len(list) > 1 && name != "scopes" {
			return nil, false
		}
	}
	return values, true
}

// oauthError is an error in OAuth's words.
func (a *api) oauthError(c *gin.Context, err error) {
	var e *oauth.Error
	if !errors.As(err, &e) {
		a.refuse(c, a.problemOf(err))
		return
	}
	status := http.StatusBadRequest
	switch e.Code {
	case oauth.InvalidClient:
		status = http.StatusUnauthorized
		c.Header("WWW-Authenticate", `Basic realm="printwire"`)
	case oauth.RateLimited:
		status = http.StatusTooManyRequests
		c.Header("Retry-After", decimal(max(1, int(e.RetryAfter/time.Second))))
	}
	a.oauthJSON(c, status, map[string]any{"error": e.Code, "error_description": e.Description, "request_id": rand.Text()})
}

func (a *api) oauthJSON(c *gin.Context, status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		a.refuse(c, a.problemOf(err))
		return
	}
	c.Header("Pragma", "no-cache")
	c.Data(status, jsonType, text)
}

// login is how a client proves itself: Basic, or in the form.
func login(c *gin.Context, v url.Values) oauth.Login {
	l := oauth.Login{ClientID: v.Get("client_id"), Secret: secret.Text(v.Get("client_secret")), Remote: remote(c.Request)}
	if id, text, ok := c.Request.BasicAuth(); ok {
		l.ClientID, l.Secret = unescaped(id), secret.Text(unescaped(text))
	}
	return l
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func (a *api) token(c *gin.Context, v url.Values) {
	t, err := a.OAuth.Token(oauth.TokenRequest{
		Login: login(c, v), GrantType: v.Get("grant_type"), Code: secret.Text(v.Get("code")), RefreshToken: secret.Text(v.Get("refresh_token")),
		Verifier: secret.Text(v.Get("code_verifier")), DeviceCode: secret.Text(v.Get("device_code")), RedirectURI: v.Get("redirect_uri"), Scope: v.Get("scope"),
	})
	if err != nil {
		a.oauthError(c, err)
		return
	}
	a.oauthJSON(c, http.StatusOK, map[string]any{
		"access_token": t.Access.Reveal(), "refresh_token": t.Refresh.Reveal(), "expires_in": t.ExpiresIn, "token_type": "Bearer", "scope": t.Scope,
	})
}

func (a *api) revokeToken(c *gin.Context, v url.Values) {
	if err := a.OAuth.Revoke(login(c, v), secret.Text(v.Get("token"))); err != nil {
		a.oauthError(c, err)
		return
	}
	a.oauthJSON(c, http.StatusOK, map[string]any{})
}

func (a *api) introspect(c *gin.Context, v url.Values) {
	i, err := a.OAuth.Introspect(login(c, v), secret.Text(v.Get("token")))
	if err != nil {
		a.oauthError(c, err)
		return
	}
	if !i.Active {
		a.oauthJSON(c, http.StatusOK, map[string]any{"active": false})
		return
	}
	a.oauthJSON(c, http.StatusOK, map[string]any{
		"active": true, "scope": i.Scope, "client_id": i.ClientID, "sub": i.Subject, "token_type": i.Kind, "exp": i.Expires.Unix(), "iat": i.Issued.Unix(),
	})
}

func (a *api) deviceAuthorize(c *gin.Context, v url.Values) {
	d, err := a.OAuth.DeviceAuthorize(login(c, v), v.Get("scope"))
	if err != nil {
		a.oauthError(c, err)
		return
	}
	where := a.reachedAt(c.Request) + "/device"
	a.oauthJSON(c, http.StatusOK, map[string]any{
		"device_code": d.DeviceCode.Reveal(), "user_code": d.UserCode, "verification_uri": where,
		"verification_uri_complete": where + "?user_code=" + url.QueryEscape(d.UserCode), "expires_in": d.ExpiresIn, "interval": d.Interval,
	})
}

// resourcePath is where RFC 9728 looks for who guards an API.
const resourcePath = "/.well-known/oauth-protected-resource"

// reachedAt is the start of the links for who asks: the public URL, or, without
// one, the name under which we were called, which guard has found to be ours.
func (a *api) reachedAt(r *http.Request) string {
	switch {
	case a.PublicURL != "":
		return a.PublicURL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// private tells whether a browser sends its request over TLS, to us or to the
// proxy that the public URL leads to.
func (a *api) private(r *http.Request) bool {
	return r.TLS != nil || a.PublicURL != "" && strings.EqualFold("https://"+r.Host, a.PublicURL)
}

// metadata tells where everything is. It is made from the public URL of the
// settings, never from what a request says.
func (a *api) metadata(c *gin.Context, _ url.Values) {
	if a.PublicURL == "" {
		a.refuse(c, problem{status: http.StatusNotFound, detail: "No public URL is set; set http.public_url in the settings."})
		return
	}
	if strings.HasPrefix(c.Request.URL.Path, resourcePath) {
		c.JSON(http.StatusOK, map[string]any{"resource": a.PublicURL, "authorization_servers": []string{a.PublicURL}, "bearer_methods_supported": []string{"header"}})
		return
	}
	c.JSON(http.StatusOK, a.OAuth.Describe(a.PublicURL))
}

// sessionCookie holds the session of a person who signed in.
const sessionCookie = "printwire_session"

// person is who signed in, or a sign-in page.
func (a *api) person(c *gin.Context) (auth.Identity, bool) {
	if cookie, err := c.Request.Cookie(sessionCookie); err == nil {
		if who, err := a.Keys.Session(secret.Text(cookie.Value)); err == nil {
			return who, true
		}
	}
	a.page(c, http.StatusOK, "sign-in", map[string]any{"Next": c.Request.URL.RequestURI()})
	return auth.Identity{}, false
}

func (a *api) signIn(c *gin.Context, v url.Values) {
	next := v.Get("next")
	if !strings.HasPrefix(next, "/oauth/authorize?") && !strings.HasPrefix(next, "/device") {
		next = "/device"
	}
	cookie, _, err := a.Keys.SignIn(c.Request.Context(), auth.SignIn{
		Name: v.Get("name"), Password: secret.Text(v.Get("password")), Remote: remote(c.Request), Agent: c.Request.UserAgent(),
	})
	if err != nil {
		status := http.StatusUnauthorized
		c.Header("WWW-Authenticate", `Bearer realm="printwire"`)
		if auth.ReasonOf(err) == auth.Limited {
			status = http.StatusTooManyRequests
			c.Header("Retry-After", decimal(max(1, int(auth.RetryAfter(err)/time.Second))))
		}
		a.page(c, status, "sign-in", map[string]any{"Next": next, "Wrong": err.Error()})
		return
	}
	http.SetCookie(c.Writer, &http.Cookie{
		Name: sessionCookie, Value: cookie.Reveal(), Path: "/", HttpOnly: true, Secure: a.private(c.Request), SameSite: http.SameSiteLaxMode,
	})
	c.Redirect(http.StatusSeeOther, next)
}

func (a *api) authorize(c *gin.Context, v url.Values) {
	// Nobody is to sign in for a client that is none.
	if err := a.OAuth.Known(v.Get("client_id"), v.Get("redirect_uri")); err != nil {
		a.ask(c, oauth.Consent{}, auth.Identity{}, err)
		return
	}
	who, ok := a.person(c)
	if !ok {
		return
	}
	consent, err := a.OAuth.Authorize(oauth.Request{
		ClientID: v.Get("client_id"), RedirectURI: v.Get("redirect_uri"), ResponseType: v.Get("response_type"), Scope: v.Get("scope"),
		State: v.Get("state"), Challenge: v.Get("code_challenge"), ChallengeMethod: v.Get("code_challenge_method"),
	}, who)
	a.ask(c, consent, who, err)
}

func (a *api) device(c *gin.Context, v url.Values) {
	who, ok := a.person(c)
	if !ok {
		return
	}
	if v.Get("user_code") == "" {
		a.page(c, http.StatusOK, "device", nil)
		return
	}
	consent, err := a.OAuth.DeviceConsent(v.Get("user_code"), who, remote(c.Request))
	a.ask(c, consent, who, err)
}

// ask shows the page of consent, or what is wrong.
func (a *api) ask(c *gin.Context, consent oauth.Consent, who auth.Identity, err error) {
	var e *oauth.Error
	switch {
	case errors.As(err, &e) && e.Redirect != "":
		c.Redirect(http.StatusFound, e.Redirect)
	case err != nil:
		status := http.StatusBadRequest
		if fault.KindOf(err) == fault.Internal {
			a.Log.Error("consent failed", "error", err)
			status = http.StatusInternalServerError
			err = errors.New("something went wrong inside")
		}
		a.page(c, status, "failed", map[string]any{"Wrong": err.Error()})
	default:
		a.page(c, http.StatusOK, "consent", map[string]any{"Consent": consent, "Who": who.Name})
	}
}

func (a *api) answerConsent(c *gin.Context, v url.Values) {
	who, ok := a.person(c)
	if !ok {
		return
	}
	var where string
	var err error
	if v.Get("answer") == "allow" {
		scopes := make([]auth.Scope, 0, len(v["scopes"]))
		for _, s := range v["scopes"] {
			scopes = append(scopes, auth.Scope(s))
		}
		where, err = a.OAuth.Approve(v.Get("consent"), who, scopes)
	} else {
		where, err = a.OAuth.Deny(v.Get("consent"), who)
	}
	switch {
	case err != nil:
		a.ask(c, oauth.Consent{}, who, err)
	case where == "":
		a.page(c, http.StatusOK, "done", nil)
	default:
		c.Redirect(http.StatusFound, where)
	}
}

// page shows one of the pages. Nothing of it may be framed, and no script runs.
func (a *api) page(c *gin.Context, status int, name string, data map[string]any) {
	t, err := template.New("pages").Parse(pages)
	var b bytes.Buffer
	if err == nil {
		err = t.ExecuteTemplate(&b, name, data)
	}
	if err != nil {
		a.refuse(c, a.problemOf(err))
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}
