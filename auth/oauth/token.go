package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// The grant types.
const (
	GrantCode    = "authorization_code"
	GrantRefresh = "refresh_token"
	GrantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
)

// TokenRequest is what a client brings to the token endpoint.
type TokenRequest struct {
	Login
	GrantType          string
	Code, RefreshToken secret.Text
	Verifier           secret.Text
	DeviceCode         secret.Text
	RedirectURI, Scope string
}

// Tokens is the answer. They are given out only here.
type Tokens struct {
	Access, Refresh secret.Text
	ExpiresIn       int // seconds
	Scope           string
}

// replay is an answer that is given again while it may have been lost.
type replay struct {
	grant  string
	tokens Tokens
	until  time.Time
}

// Token answers the token endpoint. Errors are *Error, or faults of the store.
func (s *Server) Token(r TokenRequest) (Tokens, error) {
	c, err := s.login(r.Login)
	if err != nil {
		return Tokens{}, err
	}
	var ended *grant
	s.writing.Lock()
	var tokens Tokens
	switch r.GrantType {
	case GrantCode:
		tokens, ended, err = s.redeem(c, r)
	case GrantRefresh:
		tokens, ended, err = s.refresh(c, r)
	case GrantDevice:
		tokens, err = s.poll(c, r)
	case "":
		err = refuse(InvalidRequest, "grant_type is missing")
	default:
		err = refuse(UnsupportedGrant, "expected authorization_code, refresh_token or device_code")
	}
	s.writing.Unlock()
	if ended != nil {
		s.tell(ended)
	}
	return tokens, err
}

// redeem takes a code: once, by its client, with its verifier.
func (s *Server) redeem(c client, r TokenRequest) (tokens Tokens, ended *grant, err error) {
	if r.Code == "" {
		return Tokens{}, nil, refuse(InvalidRequest, "code is missing")
	}
	bad := refuse(InvalidGrant, "the code is not valid")
	have := digestOf(r.Code)
	g := s.find(func(g *grant) bool { return g.Code == have })
	if g == nil || !auth.WellFormed(codeMark, r.Code) || g.Client != c.ID {
		return Tokens{}, nil, s.fail(r.Remote, bad)
	}
	if g.Redeemed {
		if err := s.remove(auth.GrantReused, c.ID, "a code was used twice", g); err != nil {
			return Tokens{}, nil, err
		}
		return Tokens{}, g, s.fail(r.Remote, bad)
	}
	switch {
	case !s.o.Now().Before(g.CodeUntil):
		return Tokens{}, nil, bad
	case r.RedirectURI != g.Redirect:
		return Tokens{}, nil, refuse(InvalidGrant, "redirect_uri is not that of the request")
	case g.Challenge != "" && r.Verifier == "":
		return Tokens{}, nil, refuse(InvalidRequest, "code_verifier is missing")
	case g.Challenge == "" && (r.Verifier != "" || c.RequirePKCE):
		return Tokens{}, nil, refuse(InvalidGrant, "the request had no code_challenge")
	case g.Challenge != "" && !verifies(g.Challenge, r.Verifier):
		return Tokens{}, nil, s.fail(r.Remote, refuse(InvalidGrant, "code_verifier does not belong to code_challenge"))
	}
	next := *g
	tokens, err = s.issue(&next)
	return tokens, nil, err
}

// challengeFormed tells whether text is a SHA-256 in base64url.
func challengeFormed(text string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(b) == sha256.Size
}

// verifies tells whether a verifier is the one of a challenge.
func verifies(challenge string, verifier secret.Text) bool {
	text := verifier.Reveal()
	if len(text) < 43 || len(text) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// issue gives a grant new tokens, in one write. The old ones end with it.
func (s *Server) issue(g *grant, notes ...auth.AuditEntry) (Tokens, error) {
	var b [sha256.Size]byte
	if _, err := io.ReadFull(s.o.Random, b[:]); err != nil {
		return Tokens{}, fault.New(fault.Internal, "reading random bytes for a token: %w", err)
	}
	return s.issueWith(g, b, notes...)
}

// half is the part of a refresh token that is the same in the whole family.
const half = sha256.Size / 2

// issueWith is issue with the bytes of the refresh token.
func (s *Server) issueWith(g *grant, b [sha256.Size]byte, notes ...auth.AuditEntry) (Tokens, error) {
	access, err := auth.NewToken(s.o.Random, auth.AccessMark)
	if err != nil {
		return Tokens{}, err
	}
	t := Tokens{Access: access, Refresh: auth.TokenOf(refreshMark, b), ExpiresIn: int(accessLife / time.Second), Scope: scopeText(g.opens())}
	now := s.o.Now().UTC()
	g.Redeemed = true
	g.Access, g.AccessUntil = digestOf(access), now.Add(accessLife)
	g.Family, g.Refresh, g.RefreshUntil = sha256.Sum256(b[:half]), digestOf(t.Refresh), now.Add(refreshLife)
	if err := s.write(g, notes...); err != nil {
		return Tokens{}, err
	}
	return t, nil
}

// refresh takes a refresh token and gives new ones. One that was used before
// ends the family, unless its answer may just have been lost.
func (s *Server) refresh(c client, r TokenRequest) (tokens Tokens, ended *grant, err error) {
	if r.RefreshToken == "" {
		return Tokens{}, nil, refuse(InvalidRequest, "refresh_token is missing")
	}
	bad := refuse(InvalidGrant, "the refresh token is not valid")
	b, ok := auth.TokenBytes(refreshMark, r.RefreshToken)
	family, have := sha256.Sum256(b[:half]), digestOf(r.RefreshToken)
	g := s.find(func(g *grant) bool { return g.Redeemed && g.Family == family })
	if !ok || g == nil || g.Client != c.ID {
		return Tokens{}, nil, s.fail(r.Remote, bad)
	}
	now := s.o.Now()
	if g.Refresh != have {
		if lost, ok := s.replays[have]; ok && now.Before(lost.until) && digestOf(lost.tokens.Refresh) == g.Refresh {
			return lost.tokens, nil, nil
		}
		if err := s.remove(auth.GrantReused, c.ID, "a refresh token was used again", g); err != nil {
			return Tokens{}, nil, err
		}
		return Tokens{}, g, s.fail(r.Remote, bad)
	}
	if !now.Before(g.RefreshUntil) {
		return Tokens{}, nil, bad
	}
	next := *g
	next.Narrow = nil
	if terms := strings.Fields(r.Scope); len(terms) > 0 {
		asked, err := auth.Expand(terms, true)
		if err != nil || slices.ContainsFunc(asked, func(sc auth.Scope) bool { return !slices.Contains(g.Scopes, sc) }) {
			return Tokens{}, nil, refuse(InvalidScope, "more than was granted")
		}
		next.Narrow = asked
	}
	if _, err := io.ReadFull(s.o.Random, b[half:]); err != nil {
		return Tokens{}, nil, fault.New(fault.Internal, "reading random bytes for a token: %w", err)
	}
	if tokens, err = s.issueWith(&next, b); err != nil {
		return Tokens{}, nil, err
	}
	s.replays[have] = replay{g.ID, tokens, now.Add(grace)}
	return tokens, nil, nil
}

// Revoke withdraws the grant of an access or refresh token of this client. A
// token that opens nothing is no error.
func (s *Server) Revoke(l Login, token secret.Text) error {
	c, err := s.login(l)
	if err != nil {
		return err
	}
	g := s.of(token)
	if g == nil || g.Client != c.ID {
		return nil
	}
	return s.revokeWhere(c.ID, "withdrawn by the client", false, func(x *grant) bool { return x.ID == g.ID })
}

// of is the grant that a valid access or refresh token belongs to, or nil.
func (s *Server) of(token secret.Text) *grant {
	have, now := digestOf(token), s.o.Now()
	return s.find(func(g *grant) bool {
		return g.Redeemed && (g.Access == have && now.Before(g.AccessUntil) || g.Refresh == have && now.Before(g.RefreshUntil))
	})
}

// Introspection says what a token is. What is not Active says nothing else.
type Introspection struct {
	Active          bool
	Scope, ClientID string
	Subject         string
	Kind            string // access_token or refresh_token
	Expires, Issued time.Time
}

// Introspect tells a confidential client about a token of its own.
func (s *Server) Introspect(l Login, token secret.Text) (Introspection, error) {
	c, err := s.login(l)
	if err != nil {
		return Introspection{}, err
	}
	if !c.Confidential {
		return Introspection{}, refuse(UnauthorizedClient, "only a client with a secret may ask")
	}
	g := s.of(token)
	if g == nil || g.Client != c.ID {
		return Introspection{}, nil
	}
	i := Introspection{Active: true, Scope: scopeText(g.opens()), ClientID: g.Client, Subject: g.Owner, Kind: "access_token", Expires: g.AccessUntil}
	i.Issued = g.AccessUntil.Add(-accessLife)
	if g.Refresh == digestOf(token) {
		i.Kind, i.Expires, i.Scope = "refresh_token", g.RefreshUntil, scopeText(g.Scopes)
	}
	return i, nil
}
