package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/secret"
)

// Keys is who asks and what they may do; see package auth.
type Keys interface {
	Check(auth.Credential) (auth.Identity, error)
	Redeem(ticket secret.Text, remote string) (auth.Identity, error)
	Again(auth.Identity) (auth.Identity, error)
	Ticket(auth.Identity) (secret.Text, time.Time, error)
	Take(auth.Identity, auth.Class) auth.Rate
	TakeAddress(remote string) auth.Rate
	Keys() []auth.Key
	Key(id string) (auth.Key, error)
	CreateKey(auth.NewKey) (secret.Text, auth.Key, error)
	EditKey(id string, edit auth.KeyEdit) (auth.Key, error)
	RotateKey(id string, r auth.Rotation) (secret.Text, auth.Key, error)
	RevokeKey(id, by, reason string) (auth.Key, error)
	Audit() *auth.Audit
	SignIn(context.Context, auth.SignIn) (secret.Text, auth.Identity, error)
	Session(cookie secret.Text) (auth.Identity, error)
}

// session is what is known about the sender of a request.
type session struct {
	who     auth.Identity
	carrier auth.Carrier
	// known: there was a good credential.
	known  bool
	remote string
}

// visit is what belongs to one request from its beginning to its end. It is
// there once, in the context, because requests are many; only the request's own
// goroutine changes it.
type visit struct {
	session
	// turn holds the request's turn; nil when it has none, or no more.
	turn chan struct{}
}

type visitKey struct{}

// visiting is the visit that a context belongs to, or nil.
func visiting(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// release gives back a request's turn before its end.
func release(ctx context.Context) {
	if v := visiting(ctx); v != nil && v.turn != nil {
		<-v.turn
		v.turn = nil
	}
}

// caller is who sent the request that a context belongs to. Without anybody
// it is an identity that may do nothing.
func caller(ctx context.Context) auth.Identity { return sender(ctx).who }

// sender is the session that a context belongs to.
func sender(ctx context.Context) session {
	if v := visiting(ctx); v != nil {
		return v.session
	}
	return session{}
}

// isOpen tells whether a path asks for no key. Paths that do not exist are
// not open: without a key nobody learns which ones do.
func isOpen(path string) bool {
	return isHealth(path) || path == "/device" || strings.HasPrefix(path, "/oauth/") || strings.HasPrefix(path, "/.well-known/oauth-")
}

func isHealth(path string) bool { return path == "/health" || path == "/healthz" }

// authenticate lets a request pass whose credential is good, and leaves who it
// is in the request's context.
func (a *api) authenticate(c *gin.Context) {
	r := c.Request
	if isOpen(r.URL.Path) {
		return
	}
	if r.ContentLength > maxBody {
		a.refuse(c, tooLarge())
		return
	}
	found := a.credential(r)
	s := session{carrier: found.carrier, remote: remote(r)}
	if found.query {
		c.Header("Referrer-Policy", "no-referrer")
		c.Header("X-Key-In-Query", "1")
	}
	if found.ambiguous {
		a.refuse(c, problem{status: http.StatusBadRequest, word: "invalid_request", code: "AMBIGUOUS_CREDENTIALS", detail: "Two different credentials were sent; send one."})
		return
	}
	who, err := a.identity(r, found, s.remote)
	if err != nil {
		p := a.unauthorized(err, found)
		if isOctoPrint(r.URL.Path) {
			p.status = octoPrintStatus(auth.ReasonOf(err), p.status)
		}
		a.refuse(c, p)
		return
	}
	s.who, s.known = who, true
	if !who.Sunset.IsZero() {
		c.Header("Deprecation", "@"+decimal(int(who.Rotated.Unix())))
		c.Header("Sunset", who.Sunset.UTC().Format(http.TimeFormat))
	}
	if v := visiting(r.Context()); v != nil {
		v.session = s
	}
	if r.Method != http.MethodGet && !who.MayChange() {
		a.refuse(c, forbidden(s, ""))
	}
}

// identity is who a credential belongs to. A stream may be opened with a
// ticket, when there is no other.
func (a *api) identity(r *http.Request, found shown, remote string) (auth.Identity, error) {
	if found.text == "" && r.Method == http.MethodGet && r.URL.Path == base+"/events" {
		if ticket := r.URL.Query().Get("ticket"); ticket != "" {
			return a.Keys.Redeem(secret.Text(ticket), remote)
		}
	}
	return a.Keys.Check(auth.Credential{Text: found.text, Remote: remote, Agent: r.UserAgent()})
}

func decimal(n int) string { return strconv.Itoa(n) }

// unauthorized is the answer to a credential that was refused.
func (a *api) unauthorized(err error, found shown) problem {
	reason := auth.ReasonOf(err)
	details := map[auth.Reason]string{
		auth.Missing:   "Authentication required",
		auth.Malformed: "Invalid API key",
		auth.Unknown:   "Invalid API key",
		auth.Revoked:   "This API key has been revoked",
		auth.Expired:   "This API key is not valid at this time",
		auth.Elsewhere: "This API key is not to be used from this address",
		auth.Inactive:  "API key owner is deactivated or no longer exists",
		auth.Limited:   "Too many failed attempts from this address.",
	}
	detail, ok := details[reason]
	if !ok {
		return a.problemOf(err)
	}
	p := problem{status: http.StatusUnauthorized, code: reason.Code(found.carrier), detail: detail, title: detail}
	switch {
	case reason.Right():
		p.status = http.StatusForbidden
	case reason == auth.Limited:
		p.status, p.title = http.StatusTooManyRequests, "Too many requests"
		p.retryAfter = max(1, int((auth.RetryAfter(err)+time.Second-1)/time.Second))
	case reason == auth.Missing && found.ignored:
		p.detail = "Authentication required; a key in the URL is not taken from this address, send it as " + headerKey
	}
	return p
}

// forbidden is the answer to a caller who lacks a scope, or, without one, any
// scope that changes something.
func forbidden(s session, needs auth.Scope) problem {
	p := problem{status: http.StatusForbidden, code: auth.Forbidden.Code(s.carrier), granted: []auth.Scope{}}
	p.granted = append(p.granted, s.who.Scopes()...)
	if needs == "" {
		p.detail = "This API key may only read."
		return p
	}
	p.required = []auth.Scope{needs}
	p.detail = "This API key does not have the permission " + string(needs)
	return p
}

// admit lets a request pass to a route: whose sender holds the scope, is within
// the limits, and whose body can be read. In this order.
func (a *api) admit(r row) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humagin.Unwrap(ctx)
		s := sender(ctx.Context())
		switch {
		case !r.open && r.scope != "" && !s.who.Has(r.scope):
			p := forbidden(s, r.scope)
			if r.refusal != "" {
				p.detail = r.refusal
			}
			a.refuse(c, p)
		case a.limited(c, s, r.class):
		case !r.form && a.unreadable(c):
		case a.emptyValue(c, ctx.Operation()):
		default:
			next(ctx)
			if s.known && r.method != http.MethodGet && c.Writer.Status() < http.StatusBadRequest {
				a.audited(s, r.audit, c.Request.URL.Path)
			}
		}
	}
}

// nowhere is the answer at a path that is none, for somebody who holds a key.
func (a *api) nowhere(c *gin.Context, p problem) {
	s := sender(c.Request.Context())
	kind := classRead
	if c.Request.Method != http.MethodGet {
		kind = classWrite
	}
	if !a.limited(c, s, kind) {
		a.refuse(c, p)
	}
}

// challenge is the value of WWW-Authenticate, which some answers must carry.
func (a *api) challenge(p problem) string {
	switch p.status {
	case http.StatusUnauthorized:
		value := `Bearer realm="printwire", error="invalid_token"`
		if a.OAuth != nil && a.PublicURL != "" {
			value += `, resource_metadata="` + a.PublicURL + resourcePath + `"`
		}
		return value
	case http.StatusForbidden:
		if len(p.required) > 0 {
			return `Bearer error="insufficient_scope", scope="` + strings.Join(texts(p.required), " ") + `"`
		}
	}
	return ""
}

func texts(scopes []auth.Scope) []string {
	list := make([]string, len(scopes))
	for i, s := range scopes {
		list[i] = string(s)
	}
	return list
}
