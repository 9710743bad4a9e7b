// Package oauth owns the logic of an OAuth 2.0 authorization server: clients,
// consent, authorization codes with PKCE, access and refresh tokens, the device
// flow, revocation and introspection. It knows no HTTP: an edge parses the
// forms and renders the answers, and auth says who the people are.
//
// What an edge calls:
//
//	Known(client, redirect) error                   before the page of sign-in
//	Authorize(Request, person) (Consent, error)     GET /oauth/authorize; show Consent, or Error.Redirect
//	Approve(consent, person, scopes) (url, error)   the form was sent; "" for a device
//	Deny(consent, person) (url, error)
//	Token(TokenRequest) (Tokens, error)             POST /oauth/token, all grants
//	Revoke(Login, token) error                      POST /oauth/revoke; nil unless the client is refused
//	Introspect(Login, token) (Introspection, error) POST /oauth/introspect
//	DeviceAuthorize(Login, scope) (Device, error)   POST /oauth/device_authorization
//	DeviceConsent(userCode, person, remote) (Consent, error)  the page /device
//	CreateClient, DeleteClient, Clients, Grants, RevokeGrant, Describe
//
// A request with a parameter given twice is refused by the edge. The id of a
// Consent cannot be guessed and belongs to one person, so that it protects the
// form as well. auth.Auth takes the Server as its Tokens.
package oauth
