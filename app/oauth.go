package app

import (
	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
)

// shareAuth gives auth the authorization server's tokens, and both the same
// audit and the same limiter of failures.
func (a *App) shareAuth(o auth.Options) auth.Options {
	o.Audit, o.Failures = auth.NewAudit(o.Store, a.now), auth.NewLimiter(a.now)
	a.oauth = oauth.New(oauth.Options{
		Store: o.Store, Audit: o.Audit, Failures: o.Failures, Log: a.log, Now: a.now, NewID: a.newID, Revoked: a.revoked,
		Issuer: a.settings.HTTP.PublicURL, AllowAdmin: a.settings.Keys.AllowAdminKeys,
	})
	o.Tokens = a.oauth
	return o
}
