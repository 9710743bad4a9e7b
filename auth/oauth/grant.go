package oauth

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// The places of records, and the version of them.
const (
	clientRoot    = "auth/oauth/client/"
	grantRoot     = "auth/oauth/grant/"
	recordVersion = 1
)

// The marks of credentials.
const (
	codeMark    = "pw_ac_"
	refreshMark = "pw_rt_"
	secretMark  = "pw_cs_"
	deviceMark  = "pw_dc_"
	consentMark = "pw_cn_"
)

// grant is what a person allowed a client: one record with its code, its one
// access token and its one refresh token, so that each step is one write.
type grant struct {
	Version  int          `json:"v"`
	ID       string       `json:"id"`
	Client   string       `json:"client"`
	Owner    string       `json:"owner"`
	Person   string       `json:"person,omitempty"`
	Scopes   []auth.Scope `json:"scopes"`
	Printers []int        `json:"printers,omitempty"`
	Created  time.Time    `json:"created"`

	Redirect  string    `json:"redirect,omitempty"`
	Challenge string    `json:"challenge,omitempty"`
	Code      digest    `json:"code"`
	CodeUntil time.Time `json:"code_until,omitzero"`
	Redeemed  bool      `json:"redeemed,omitempty"`

	// Family is of the half that all refresh tokens of the grant share. A
	// token with it that is not the present one was used before.
	Access      digest    `json:"access"`
	AccessUntil time.Time `json:"access_until,omitzero"`
	// Narrow is what the access token opens, when less was asked at refresh.
	Narrow       []auth.Scope `json:"narrow,omitempty"`
	Family       digest       `json:"family"`
	Refresh      digest       `json:"refresh"`
	RefreshUntil time.Time    `json:"refresh_until,omitzero"`
}

// end is when nothing of the grant works any more.
func (g *grant) end() time.Time {
	if g.Redeemed {
		return g.RefreshUntil
	}
	return g.CodeUntil
}

// opens is what the access token opens.
func (g *grant) opens() []auth.Scope {
	if g.Narrow != nil {
		return g.Narrow
	}
	return g.Scopes
}

// loadAll reads the records below a root.
func loadAll[T any](store auth.Store, root string) ([]T, error) {
	pairs, err := store.Values(root)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", root, err)
	}
	var all []T
	for name, value := range pairs {
		var version struct {
			Version int `json:"v"`
		}
		var record T
		if err := json.Unmarshal(value, &version); err != nil {
			return nil, fault.New(fault.Internal, "record %s: %w", name, err)
		}
		if version.Version > recordVersion {
			return nil, fault.New(fault.Unsupported, "record %s has version %d, this program knows %d", name, version.Version, recordVersion)
		}
		if err := json.Unmarshal(value, &record); err != nil {
			return nil, fault.New(fault.Internal, "record %s: %w", name, err)
		}
		all = append(all, record)
	}
	return all, nil
}

// encode is a record as it is kept: text, numbers and times, which cannot fail.
func encode(record any) []byte {
	value, _ := json.Marshal(record)
	return value
}

// put and drop change the index; mu is held.
func (s *Server) put(g *grant) {
	if before := s.grants[g.ID]; before != nil {
		s.drop(before)
	}
	s.grants[g.ID] = g
	if g.Redeemed {
		s.access[g.Access] = g
	}
}

func (s *Server) drop(g *grant) {
	delete(s.grants, g.ID)
	delete(s.access, g.Access)
}

// all are the grants at present.
func (s *Server) all() []*grant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Values(s.grants))
}

// find is the grant that a test chooses, or nil.
func (s *Server) find(is func(*grant) bool) *grant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, g := range s.grants {
		if is(g) {
			return g
		}
	}
	return nil
}

// write keeps a grant and then makes it known; writing is held.
func (s *Server) write(g *grant, notes ...auth.AuditEntry) error {
	if err := s.o.Audit.Commit(map[string][]byte{grantRoot + g.ID: encode(g)}, notes...); err != nil {
		return fmt.Errorf("keeping a grant: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(g)
	return nil
}

// remove withdraws grants in one transaction; writing is held.
func (s *Server) remove(what auth.Act, by, detail string, grants ...*grant) error {
	if len(grants) == 0 {
		return nil
	}
	gone := make(map[string][]byte, len(grants))
	var notes []auth.AuditEntry
	for _, g := range grants {
		gone[grantRoot+g.ID] = nil
		notes = append(notes, auth.AuditEntry{Act: what, Key: g.ID, Name: g.Client, Owner: g.Owner, By: by, Detail: detail})
	}
	if err := s.o.Audit.Commit(gone, notes...); err != nil {
		return fmt.Errorf("withdrawing %d grants: %w", len(grants), err)
	}
	s.mu.Lock()
	for _, g := range grants {
		s.drop(g)
	}
	s.mu.Unlock()
	return nil
}

// tell says that grants ended. No lock is held.
func (s *Server) tell(grants ...*grant) {
	for _, g := range grants {
		if s.o.Revoked != nil {
			s.o.Revoked(g.ID)
		}
	}
}

// Identity is who holds an access token; "" is good.
func (s *Server) Identity(token secret.Text) (auth.Identity, auth.Reason) {
	if !auth.WellFormed(auth.AccessMark, token) {
		return auth.Identity{}, auth.Malformed
	}
	s.mu.RLock()
	g := s.access[digestOf(token)]
	var c client
	if g != nil {
		c = s.clients[g.Client]
	}
	s.mu.RUnlock()
	switch {
	case g == nil, c.ID == "":
		return auth.Identity{}, auth.Unknown
	case !s.o.Now().Before(g.AccessUntil):
		return auth.Identity{}, auth.Expired
	}
	id := auth.NewIdentity(c.Name, g.opens(), g.Printers).WithPlan(c.Plan)
	id.KeyID, id.Owner, id.Client, id.Expires = g.ID, g.Owner, c.ID, g.AccessUntil
	return id, ""
}

// Live tells whether a grant still stands.
func (s *Server) Live(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.grants[id] != nil
}

// Grant is what a person allowed a client, as it may be shown.
type Grant struct {
	ID, Client, Owner string
	Scopes            []auth.Scope
	Printers          []int
	Created, Expires  time.Time
}

// Grants are the grants of an owner, or of all for "", the newest first.
func (s *Server) Grants(owner string) []Grant {
	list := []Grant{}
	for _, g := range s.all() {
		if g.Redeemed && (owner == "" || g.Owner == owner) {
			list = append(list, Grant{g.ID, g.Client, g.Owner, slices.Clone(g.Scopes), slices.Clone(g.Printers), g.Created, g.RefreshUntil})
		}
	}
	slices.SortFunc(list, func(x, y Grant) int { return strings.Compare(y.ID, x.ID) })
	return list
}

// RevokeGrant withdraws a grant with all its tokens. fault.NotFound: there is none.
func (s *Server) RevokeGrant(id, by string) error {
	return s.revokeWhere(by, "withdrawn", true, func(g *grant) bool { return g.ID == id })
}

// RevokeOwner withdraws everything that an owner granted.
func (s *Server) RevokeOwner(owner, by string) error {
	s.writing.Lock()
	for id, p := range s.pages {
		if p.owner == owner {
			delete(s.pages, id)
		}
	}
	for user, d := range s.devices {
		if d.granted != nil && d.granted.Owner == owner {
			delete(s.devices, user)
		}
	}
	s.writing.Unlock()
	return s.revokeWhere(by, "the owner was deleted", false, func(g *grant) bool { return g.Owner == owner })
}

func (s *Server) revokeWhere(by, detail string, needed bool, is func(*grant) bool) error {
	s.writing.Lock()
	found := slices.DeleteFunc(s.all(), func(g *grant) bool { return !is(g) })
	err := s.remove(auth.GrantRevoked, by, detail, found...)
	s.writing.Unlock()
	switch {
	case err != nil:
		return err
	case needed && len(found) == 0:
		return fault.New(fault.NotFound, "there is no such grant")
	}
	s.tell(found...)
	return nil
}
