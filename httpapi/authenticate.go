package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/printwire/printwire/auth"
)

// Keys is where the API learns who holds a credential.
type Keys interface {
	// Check is who holds the credential. The error is an *auth.Refusal, or
	// says why the question could not be answered.
	Check(auth.Credential) (auth.Identity, error)
}

// session is what is known about the sender of a request.
type session struct {
	who     auth.Identity
	carrier auth.Carrier
}

type sessionKey struct{}

// caller is who sent the request that a context belongs to. Without anybody
// it is an identity that may do nothing.
func caller(ctx context.Context) auth.Identity {
	s, _ := ctx.Value(sessionKey{}).(session)
	return s.who
}

// isOpen tells whether a path asks for no key. Paths that do not exist are
// not open: without a key nobody learns which ones do.
func isOpen(path string) bool { return path == "/health" || path == "/healthz" }

// authenticate lets a request pass whose credential is good, and leaves who it
// is in the request's context.
func (a *api) authenticate(c *gin.Context) {
	r := c.Request
	if isOpen(r.URL.Path) {
		return
	}
	found := a.credential(r)
	s := session{carrier: found.carrier}
	if found.query {
		c.Header("Referrer-Policy", "no-referrer")
		c.Header("X-Key-In-Query", "1")
	}
	if found.ambiguous {
		a.refuse(c, problem{status: http.StatusBadRequest, word: "invalid_request", code: "AMBIGUOUS_CREDENTIALS", detail: "Two different credentials were sent; send one."})
		return
	}
	who, err := a.Keys.Check(auth.Credential{Text: found.text, Remote: remote(r), Agent: r.UserAgent()})
	if err != nil {
		a.refuse(c, a.unauthorized(err, found))
		return
	}
	s.who = who
	c.Request = r.WithContext(context.WithValue(r.Context(), sessionKey{}, s))
	if r.Method != http.MethodGet && !who.MayChange() {
		a.refuse(c, forbidden(s, ""))
	}
}

// unauthorized is the answer to a credential that was refused.
func (a *api) unauthorized(err error, found shown) problem {
	reason := auth.ReasonOf(err)
	details := map[auth.Reason]string{
		auth.Missing:   "Authentication required",
		auth.Malformed: "Invalid API key",
		auth.Unknown:   "Invalid API key",
		auth.Revoked:   "This API key has been revoked",
		auth.Expired:   "This API key is not valid at this time",
		auth.Limited:   "Too many failed attempts from this address.",
	}
	detail, ok := details[reason]
	if !ok {
		return a.problemOf(err)
	}
	p := problem{status: http.StatusUnauthorized, code: reason.Code(found.carrier), detail: detail}
	switch {
	case reason == auth.Limited:
		p.status = http.StatusTooManyRequests
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

// require lets a request pass whose sender holds a scope.
func (a *api) require(scope auth.Scope) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		s, _ := ctx.Context().Value(sessionKey{}).(session)
		if !s.who.Has(scope) {
			a.refuse(humagin.Unwrap(ctx), forbidden(s, scope))
			return
		}
		next(ctx)
	}
}

// challenge is the value of WWW-Authenticate, which some answers must carry.
func challenge(p problem) string {
	switch p.status {
	case http.StatusUnauthorized:
		return `Bearer realm="printwire", error="invalid_token"`
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
