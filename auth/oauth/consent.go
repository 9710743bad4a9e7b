package oauth

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

// Request is what a browser brings to the authorization page.
type Request struct {
	ClientID, RedirectURI, ResponseType, Scope, State string
	Challenge, ChallengeMethod                        string
}

// Consent is what a person is asked.
type Consent struct {
	// ID goes with the form; it is this person's, for ten minutes, once.
	ID     string
	Client Client
	// Redirect is where the answer goes, "" for a device.
	Redirect string
	// UserCode is the device's, to be compared.
	UserCode string
	Scopes   []ConsentScope
	// Warnings are for the person who registered the client.
	Warnings []string
}

// ConsentScope is a right that is asked for, in words.
type ConsentScope struct {
	Scope auth.Scope
	Opens string
	// Ticked: it is offered as given. What moves a printer, manages or opens
	// everything is for the person to tick.
	Ticked bool
}

// consent is a page that waits for its answer.
type consent struct {
	client  string
	owner   string
	offered []auth.Scope
	request Request
	device  *device
	until   time.Time
}

const mostPages = 500

// Known tells whether there is a client that registered a redirect URI. The
// Error is shown in place, before anybody is asked to sign in.
func (s *Server) Known(clientID, redirectURI string) error {
	c := s.client(clientID)
	switch {
	case c.ID == "":
		return refuse(InvalidRequest, "the client is unknown")
	case !c.redirects(redirectURI):
		return refuse(InvalidRequest, "the redirect URI is not one that the client registered")
	}
	return nil
}

// Authorize checks a request and says what to ask the person. An Error without
// Redirect is shown in place: where an answer would go is not trusted.
func (s *Server) Authorize(r Request, who auth.Identity) (Consent, error) {
	if who.KeyID != "" || who.Owner == "" {
		return Consent{}, fault.New(fault.Denied, "only a person can give consent")
	}
	if err := s.Known(r.ClientID, r.RedirectURI); err != nil {
		return Consent{}, err
	}
	c := s.client(r.ClientID)
	offered, err := s.checkRequest(&c.Client, r, who)
	if err != nil {
		err.Redirect = answerURL(r.RedirectURI, s.o.Issuer, r.State, url.Values{"error": {err.Code}, "error_description": {err.Description}})
		return Consent{}, err
	}
	page, fail := s.page(c.Client, who, offered, r, nil)
	if fail != nil {
		return Consent{}, fail
	}
	if r.State == "" {
		page.Warnings = append(page.Warnings, "the request has no state: the client cannot tell whether the answer is to its own request")
	}
	return page, nil
}

// checkRequest is what can be offered, or an error that the client may learn.
func (s *Server) checkRequest(c *Client, r Request, who auth.Identity) ([]auth.Scope, *Error) {
	switch {
	case r.ResponseType == "":
		return nil, refuse(InvalidRequest, "response_type is missing")
	case r.ResponseType != "code":
		return nil, refuse(UnsupportedAnswer, "only response_type=code is supported")
	case r.Challenge == "" && r.ChallengeMethod != "":
		return nil, refuse(InvalidRequest, "code_challenge is missing")
	case r.Challenge == "" && c.RequirePKCE:
		return nil, refuse(InvalidRequest, "PKCE is required: code_challenge is missing")
	case r.Challenge != "" && r.ChallengeMethod != "S256":
		return nil, refuse(InvalidRequest, "only code_challenge_method=S256 is supported")
	case r.Challenge != "" && !challengeFormed(r.Challenge):
		return nil, refuse(InvalidRequest, "code_challenge is not a SHA-256 in base64url")
	case len(r.State) > longestURI:
		return nil, refuse(InvalidRequest, "state is too long")
	}
	return s.offer(c, r.Scope, who)
}

// offer is what is asked for, as far as client and person may have it.
func (s *Server) offer(c *Client, scope string, who auth.Identity) ([]auth.Scope, *Error) {
	terms := strings.Fields(scope)
	if len(terms) == 0 {
		terms = nil // "read"
	}
	asked, err := auth.Expand(terms, true)
	if err != nil {
		return nil, refuse(InvalidScope, "a scope is unknown")
	}
	may := auth.NewIdentity("", c.Scopes, nil)
	offered := slices.DeleteFunc(asked, func(sc auth.Scope) bool {
		return !may.Has(sc) || !who.Has(sc) || !s.o.AllowAdmin && auth.IsAdminOnly(sc)
	})
	if len(offered) == 0 {
		return nil, refuse(InvalidScope, "nothing of what was asked for can be granted to this client")
	}
	return offered, nil
}

// page keeps a question until it is answered.
func (s *Server) page(c Client, who auth.Identity, offered []auth.Scope, r Request, d *device) (Consent, error) {
	id, err := auth.NewToken(s.o.Random, consentMark)
	if err != nil {
		return Consent{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	now := s.o.Now()
	for key, p := range s.pages {
		if !now.Before(p.until) || len(s.pages) >= mostPages {
			delete(s.pages, key)
		}
	}
	s.pages[id.Reveal()] = &consent{client: c.ID, owner: who.Owner, offered: offered, request: r, device: d, until: now.Add(consentLife)}
	page := Consent{ID: id.Reveal(), Client: c, Redirect: r.RedirectURI}
	for _, row := range auth.Scopes() {
		if slices.Contains(offered, row.Scope) {
			page.Scopes = append(page.Scopes, ConsentScope{row.Scope, row.Opens, !bold(row.Scope)})
		}
	}
	return page, nil
}

// bold tells whether a person has to tick a scope.
func bold(s auth.Scope) bool {
	switch s {
	case auth.PrintersControl, auth.PrintersGcode, auth.PrintersManage, auth.KeysWrite, auth.MQTTPublish, auth.JobsWrite:
		return true
	}
	return auth.IsAdminOnly(s)
}

// answer takes a page of this person, which can be answered once.
func (s *Server) answer(id string, who auth.Identity) (*consent, client, error) {
	p := s.pages[id]
	if p == nil || p.owner != who.Owner || who.KeyID != "" || !s.o.Now().Before(p.until) {
		return nil, client{}, fault.New(fault.Denied, "the question is over or is somebody else's; start again at the app")
	}
	c := s.client(p.client)
	if c.ID == "" {
		return nil, client{}, refuse(InvalidRequest, "the client is unknown")
	}
	return p, c, nil
}

// Approve grants the scopes that were ticked. The answer is where the browser
// goes; "" for a device, which learns it itself.
func (s *Server) Approve(id string, who auth.Identity, scopes []auth.Scope) (string, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	p, c, err := s.answer(id, who)
	if err != nil {
		return "", err
	}
	granted := slices.DeleteFunc(slices.Clone(p.offered), func(sc auth.Scope) bool { return !slices.Contains(scopes, sc) })
	for _, sc := range scopes {
		if !slices.Contains(p.offered, sc) || !who.Has(sc) {
			return "", refuse(InvalidScope, "a scope was not offered")
		}
	}
	if len(granted) == 0 {
		return "", fault.New(fault.Invalid, "tick what the app may do, or refuse").At("scopes")
	}
	g := &grant{
		Version: recordVersion, ID: "grant_" + s.o.NewID(), Client: c.ID, Owner: who.Owner, Person: who.Name, Scopes: granted,
		Printers: who.Printers(), Created: s.o.Now().UTC(), Redirect: p.request.RedirectURI, Challenge: p.request.Challenge,
	}
	if p.device != nil {
		delete(s.pages, id)
		if !p.device.open(s.o.Now()) {
			return "", refuse(ExpiredToken, "the device no longer waits, or was answered already")
		}
		p.device.granted = g
		return "", nil
	}
	code, err := auth.NewToken(s.o.Random, codeMark)
	if err != nil {
		return "", err
	}
	g.Code, g.CodeUntil = digestOf(code), g.Created.Add(codeLife)
	if err := s.write(g, given(g, c)); err != nil {
		return "", err
	}
	delete(s.pages, id)
	return answerURL(g.Redirect, s.o.Issuer, p.request.State, url.Values{"code": {code.Reveal()}}), nil
}

// given is the audit's entry about a new grant.
func given(g *grant, c client) auth.AuditEntry {
	return auth.AuditEntry{Act: auth.GrantGiven, Key: g.ID, Name: c.Name, Owner: g.Owner, By: g.Owner, Detail: scopeText(g.Scopes)}
}

// Deny refuses. The answer is where the browser goes; "" for a device.
func (s *Server) Deny(id string, who auth.Identity) (string, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	p, _, err := s.answer(id, who)
	if err != nil {
		return "", err
	}
	delete(s.pages, id)
	if p.device != nil {
		if p.device.open(s.o.Now()) {
			p.device.denied = true
		}
		return "", nil
	}
	answer := url.Values{"error": {AccessDenied}, "error_description": {"the person refused"}}
	return answerURL(p.request.RedirectURI, s.o.Issuer, p.request.State, answer), nil
}

// scopeText is scopes as a token answer writes them.
func scopeText(scopes []auth.Scope) string {
	texts := make([]string, len(scopes))
	for i, s := range scopes {
		texts[i] = string(s)
	}
	return strings.Join(texts, " ")
}
