package httpapi

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"
)

// oauthRoutes are the endpoints of the authorization server.
func oauthRoutes() []row {
	tokens := map[string]any{"access_token": "pw_at_…", "refresh_token": "pw_rt_…", "expires_in": 3600, "token_type": "Bearer", "scope": "printers:read"}
	var list []row
	for _, r := range []struct {
		method, path, audit, summary string
		example                      any
		handle                       func(*api, *gin.Context, url.Values)
	}{
		{http.MethodGet, "/oauth/authorize", "oauth.authorize", "The page of consent", "<!doctype html>", (*api).authorize},
		{http.MethodPost, "/oauth/authorize", "oauth.consent", "The answer to the page of consent", "", (*api).answerConsent},
		{http.MethodPost, "/oauth/login", "oauth.login", "Sign in as a person", "", (*api).signIn},
		{http.MethodPost, "/oauth/token", "oauth.token", "Exchange a code, or refresh", tokens, (*api).token},
		{http.MethodPost, "/oauth/revoke", "oauth.revoke", "Withdraw a token", map[string]any{}, (*api).revokeToken},
		{http.MethodPost, "/oauth/introspect", "oauth.introspect", "What a token is", map[string]any{"active": false}, (*api).introspect},
		{http.MethodPost, "/oauth/device_authorization", "oauth.device", "Begin the flow of a device", map[string]any{"user_code": "BCDF-GHJK"}, (*api).deviceAuthorize},
		{http.MethodGet, "/device", "oauth.device.page", "The page where the code of a device is typed", "<!doctype html>", (*api).device},
		{http.MethodGet, "/.well-known/oauth-authorization-server", "oauth.metadata", "What the authorization server can do", map[string]any{"issuer": "https://printwire.example"}, (*api).metadata},
		{http.MethodGet, resourcePath, "oauth.resource", "Who guards this API", map[string]any{"resource": "https://printwire.example"}, (*api).metadata},
	} {
		kind := classRead
		if r.method == http.MethodPost {
			kind = classWrite
		}
		list = append(list, row{
			method: r.method, path: r.path, open: true, form: true, class: kind, audit: r.audit, tag: "OAuth", summary: r.summary,
			example: r.example, serve: serveForm(r.handle),
		})
	}
	return list
}
