package oauth

import (
	"crypto/subtle"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// Client is a program that may ask people for access.
type Client struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Redirects are the URIs that answers may go to, exactly.
	Redirects []string `json:"redirect_uris"`
	// Scopes is the most it can be granted.
	Scopes []auth.Scope `json:"scopes"`
	// Confidential: it can keep a secret, and has one.
	Confidential bool `json:"confidential"`
	// RequirePKCE is always so without a secret.
	RequirePKCE bool      `json:"require_pkce"`
	Plan        auth.Plan `json:"rate_plan,omitzero"`
	Created     time.Time `json:"created"`
	By          string    `json:"by,omitempty"`
}

// client is a client as it is kept.
type client struct {
	Version int    `json:"v"`
	Secret  digest `json:"secret"`
	Client
}

// NewClient says what a client is to be.
type NewClient struct {
	Name      string
	Redirects []string
	// Terms are scopes or terms; nil is "read".
	Terms        []string
	Confidential bool
	// WithoutPKCE lets a confidential client leave it out.
	WithoutPKCE bool
	Plan        auth.Plan
	By          string
}

// The bounds of clients.
const (
	mostClients   = 200
	mostRedirects = 10
	longestURI    = 2000
)

// CreateClient registers a client. The secret is given out only here; a client
// that is not confidential has none. fault.Invalid names the field.
func (s *Server) CreateClient(n NewClient) (Client, secret.Text, error) {
	scopes, err := auth.Expand(n.Terms, s.o.AllowAdmin)
	if err != nil {
		return Client{}, "", err
	}
	plan, err := auth.ParsePlan(n.Plan)
	if err != nil {
		return Client{}, "", err
	}
	name := strings.TrimSpace(n.Name)
	notText := !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	switch count := utf8.RuneCountInString(name); {
	case count < 1 || count > 64 || notText:
		return Client{}, "", fault.New(fault.Invalid, "expected 1 to 64 printable characters").At("name")
	case len(n.Redirects) > mostRedirects:
		return Client{}, "", fault.New(fault.Invalid, "expected at most %d", mostRedirects).At("redirect_uris")
	case n.WithoutPKCE && !n.Confidential:
		return Client{}, "", fault.New(fault.Invalid, "a client without a secret cannot do without PKCE").At("require_pkce")
	}
	for i, uri := range n.Redirects {
		if err := checkRedirect(uri); err != nil {
			return Client{}, "", err.At(fmt.Sprintf("redirect_uris[%d]", i))
		}
	}
	c := client{Version: recordVersion, Client: Client{
		ID: "client_" + s.o.NewID(), Name: name, Redirects: slices.Clone(n.Redirects), Scopes: scopes,
		Confidential: n.Confidential, RequirePKCE: !n.WithoutPKCE, Plan: plan, Created: s.o.Now().UTC(), By: n.By,
	}}
	var text secret.Text
	if n.Confidential {
		if text, err = auth.NewToken(s.o.Random, secretMark); err != nil {
			return Client{}, "", err
		}
		c.Secret = digestOf(text)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(s.Clients()) >= mostClients {
		return Client{}, "", fault.New(fault.Conflict, "there are %d clients already", mostClients)
	}
	note := auth.AuditEntry{Act: auth.ClientCreated, Key: c.ID, Name: c.Name, By: n.By}
	if err := s.o.Audit.Commit(map[string][]byte{clientRoot + c.ID: encode(c)}, note); err != nil {
		return Client{}, "", fmt.Errorf("keeping the client: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c.ID] = c
	return c.Client, text, nil
}

// Clients are the clients, the newest first.
func (s *Server) Clients() []Client {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Client, 0, len(s.clients))
	for _, c := range s.clients {
		list = append(list, c.Client)
	}
	slices.SortFunc(list, func(x, y Client) int { return strings.Compare(y.ID, x.ID) })
	return list
}

// DeleteClient removes a client with all that it was granted. fault.NotFound:
// there is none.
func (s *Server) DeleteClient(id, by string) error {
	s.writing.Lock()
	c := s.client(id)
	if c.ID == "" {
		s.writing.Unlock()
		return fault.New(fault.NotFound, "there is no such client")
	}
	gone := map[string][]byte{clientRoot + id: nil}
	found := slices.DeleteFunc(s.all(), func(g *grant) bool { return g.Client != id })
	for _, g := range found {
		gone[grantRoot+g.ID] = nil
	}
	err := s.o.Audit.Commit(gone, auth.AuditEntry{Act: auth.ClientDeleted, Key: id, Name: c.Name, By: by})
	if err == nil {
		s.mu.Lock()
		delete(s.clients, id)
		for _, g := range found {
			s.drop(g)
		}
		s.mu.Unlock()
	}
	s.writing.Unlock()
	if err != nil {
		return fmt.Errorf("deleting the client: %w", err)
	}
	s.tell(found...)
	return nil
}

func (s *Server) client(id string) client {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.clients[id]
}

// Login is how a client names and proves itself.
type Login struct {
	ClientID string
	Secret   secret.Text
	// Remote is the peer's address, for the limiter of failures.
	Remote string
}

// login is the client that a Login proves.
func (s *Server) login(l Login) (client, error) {
	if l.ClientID == "" {
		return client{}, refuse(InvalidRequest, "client_id is missing")
	}
	c := s.client(l.ClientID)
	have := digestOf(l.Secret)
	right := subtle.ConstantTimeCompare(have[:], c.Secret[:]) == 1
	if c.ID == "" || c.Confidential && !right || !c.Confidential && l.Secret != "" {
		return client{}, s.fail(l.Remote, refuse(InvalidClient, "the client is unknown or its secret is wrong"))
	}
	return c, nil
}

// checkRedirect tells whether a URI may be registered.
func checkRedirect(uri string) *fault.Error {
	bad := fault.New(fault.Invalid, "expected https, http on this machine or a private address, or a scheme of the app such as com.example.app")
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > longestURI || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '*' }):
		return bad
	case strings.Contains(uri, "#"), u.User != nil:
		return fault.New(fault.Invalid, "a redirect URI has no fragment and no login")
	}
	for _, name := range []string{"code", "state", "iss", "error"} {
		if u.Query().Has(name) {
			return fault.New(fault.Invalid, "the query has %s, which is the answer's", name)
		}
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() != "" {
			return nil
		}
	case "http":
		if host, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && (host.IsLoopback() || host.IsPrivate()) {
			return nil
		}
	case "homeassistant":
		return nil
	default:
		if strings.Contains(u.Scheme, ".") {
			return nil
		}
	}
	return bad
}

// redirects tells whether an answer may go to a URI: it is registered, letter
// by letter; only the port of a loopback address is the client's choice.
func (c *Client) redirects(uri string) bool {
	return slices.ContainsFunc(c.Redirects, func(registered string) bool {
		return registered == uri || loopback(registered) != "" && loopback(registered) == loopback(uri)
	})
}

// loopback is an http URI of a loopback address without its port, or "".
func loopback(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Opaque != "" || strings.Contains(uri, "#") {
		return ""
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || !host.IsLoopback() {
		return ""
	}
	rest, ok := strings.CutPrefix(uri, "http://"+u.Host)
	if !ok {
		return ""
	}
	return host.String() + " " + rest
}
