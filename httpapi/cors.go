package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// What pages of the settings' origins may send and see. Credentials that a
// browser adds by itself are never among it: such pages bring a key.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, X-API-Key, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer"
	corsExposed = "Content-Disposition, ETag, Idempotency-Replayed, Location, Retry-After, X-Next-Cursor, X-Total-Count, Deprecation, Sunset, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)

// isPage tells whether a path is one of a person with a session, whom no other
// site's page may speak for.
func isPage(path string) bool {
	path = strings.TrimSuffix(path, "/")
	return path == "/device" || path == "/oauth/authorize" || path == "/oauth/login"
}

// fromAllowed tells whether a request is sent by a page that the settings
// allow, and says so to the browser.
func (a *api) fromAllowed(h http.Header, r *http.Request) bool {
	if len(a.CORSOrigins) == 0 || isPage(r.URL.Path) {
		return false
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(a.CORSOrigins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsExposed)
	return true
}

// preflight answers a browser's question, before it sends what such a page
// wants to send, and tells whether it was one.
func preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
