package oauth

import "github.com/printwire/printwire/auth"

// Metadata is what the server can do, as RFC 8414 names it.
type Metadata struct {
	Issuer              string       `json:"issuer"`
	Authorization       string       `json:"authorization_endpoint"`
	Token               string       `json:"token_endpoint"`
	Revocation          string       `json:"revocation_endpoint"`
	Introspection       string       `json:"introspection_endpoint"`
	DeviceAuthorization string       `json:"device_authorization_endpoint"`
	Scopes              []auth.Scope `json:"scopes_supported"`
	Answers             []string     `json:"response_types_supported"`
	Grants              []string     `json:"grant_types_supported"`
	Challenges          []string     `json:"code_challenge_methods_supported"`
	Logins              []string     `json:"token_endpoint_auth_methods_supported"`
	IssuerInAnswers     bool         `json:"authorization_response_iss_parameter_supported"`
}

// Describe is the metadata at a public URL, which is configured and never
// taken from a request.
func (s *Server) Describe(public string) Metadata {
	m := Metadata{
		Issuer: public, Authorization: public + "/oauth/authorize", Token: public + "/oauth/token",
		Revocation: public + "/oauth/revoke", Introspection: public + "/oauth/introspect",
		DeviceAuthorization: public + "/oauth/device_authorization",
		Answers:             []string{"code"}, Grants: []string{GrantCode, GrantRefresh, GrantDevice}, Challenges: []string{"S256"},
		Logins: []string{"client_secret_basic", "client_secret_post", "none"}, IssuerInAnswers: s.o.Issuer != "",
	}
	for _, row := range auth.Scopes() {
		if s.o.AllowAdmin || !auth.IsAdminOnly(row.Scope) {
			m.Scopes = append(m.Scopes, row.Scope)
		}
	}
	return m
}
