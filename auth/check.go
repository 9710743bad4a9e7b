package auth

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/secret"
)

// Credential is what somebody showed, and from where.
type Credential struct {
	Text secret.Text
	// Remote is the peer's address, with or without a port. "" is not limited.
	Remote string
	// Agent is what the client calls itself.
	Agent string
}

// Tokens are the access tokens that a Check accepts beside keys.
type Tokens interface {
	// Identity is who holds a token; "" is good.
	Identity(secret.Text) (Identity, Reason)
	// Live tells whether a grant still stands.
	Live(grant string) bool
	// RevokeOwner withdraws everything that an owner granted.
	RevokeOwner(owner, by string) error
}

// AccessMark starts an access token.
const AccessMark = keyMark + "at_"

// Check tells who holds the credential. It writes nothing. The error is a
// Refusal; failures of one address are counted and answered Limited when they
// are too many, but a valid key always passes.
func (a *Auth) Check(c Credential) (Identity, error) {
	if a.o.Tokens != nil && strings.HasPrefix(c.Text.Reveal(), AccessMark) {
		return a.checkToken(c)
	}
	s, reason := a.lookup(c)
	if reason == "" {
		a.used(s.e, c)
		return s.identity(), nil
	}
	return Identity{}, a.refused(reason, c.Remote)
}

func (a *Auth) checkToken(c Credential) (Identity, error) {
	id, reason := a.o.Tokens.Identity(c.Text)
	if reason == "" {
		var inactive bool
		if id, inactive = a.ofOwner(id); !inactive {
			return id, nil
		}
		reason = Inactive
	}
	return Identity{}, a.refused(reason, c.Remote)
}

// identity is who the secret of a slot stands for.
func (s slot) identity() Identity {
	id := s.e.id
	id.Rotated, id.Sunset = s.rotated, s.until
	return id
}

// refused makes the refusal and counts it, unless there was nothing to guess.
func (a *Auth) refused(reason Reason, remote string) *Refusal {
	if reason != Missing && reason != Elsewhere {
		if wait, limited := a.o.Failures.Fail(remote); limited {
			return limitedFor(wait)
		}
	}
	return refuse(reason)
}

func limitedFor(wait time.Duration) *Refusal {
	r := refuse(Limited)
	r.RetryAfter = wait
	return r
}

// lookup finds a key without counting anything; "" is good.
func (a *Auth) lookup(c Credential) (slot, Reason) {
	key := c.Text.Reveal()
	if key == "" {
		return slot{}, Missing
	}
	if !wellFormed(key) {
		return slot{}, Malformed
	}
	var text [len(livePrefix) + tailWidth]byte // a conversion would allocate
	s, ok := a.keys.Load().secrets[sha256.Sum256(text[:copy(text[:], key)])]
	if !ok {
		return slot{}, Unknown
	}
	e, now := s.e, a.o.Now()
	switch {
	case e.revoked.Load(), !s.until.IsZero() && !now.Before(s.until):
		return slot{}, Revoked
	case now.Before(e.key.NotBefore), !e.id.Expires.IsZero() && !now.Before(e.id.Expires):
		return slot{}, Expired
	case e.inactive:
		return slot{}, Inactive
	case e.networks != nil && !fromOne(e.networks, c.Remote):
		return slot{}, Elsewhere
	}
	return s, ""
}

// fromOne tells whether an address, with or without a port, lies in a network.
func fromOne(networks []netip.Prefix, remote string) bool {
	address, ok := parseRemote(remote)
	return ok && slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// used notes a use in memory. The first use of a key is written at once.
func (a *Auth) used(e *entry, c Credential) {
	u := e.use
	first := u.last.Swap(a.o.Now().UnixNano()) == 0
	u.uses.Add(1)
	if o := u.origin.Load(); o == nil || o.remote != c.Remote || o.client != c.Agent {
		a.from(e, c)
	}
	u.dirty.Store(true)
	if first {
		a.hurry()
	}
}

// from notes where a key was used from, and that it is a new place.
func (a *Auth) from(e *entry, c Credential) {
	o := newOrigin(c)
	e.use.origin.Store(o)
	network, ok := limitAddress(c.Remote)
	if ok && e.use.fresh(network.String()) {
		a.audit.Record(AuditEntry{
			Act: KeyNewAddress, Key: e.id.KeyID, Name: e.id.Name, Owner: e.id.Owner, By: e.id.KeyID, From: o.from, Agent: o.agent,
		})
	}
}

// hurry asks Run to write without waiting for the minute.
func (a *Auth) hurry() {
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// origin is where a key was last used from: as it was said, to see that it
// changed, and as it is kept.
type origin struct{ remote, client, from, agent string }

func newOrigin(c Credential) *origin {
	from := c.Remote
	if host, _, err := net.SplitHostPort(from); err == nil {
		from = host
	}
	return &origin{remote: c.Remote, client: c.Agent, from: shortened(from), agent: shortened(c.Agent)}
}

// shortened keeps what strangers send from growing the records.
func shortened(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}

// flush writes the use of keys since the last flush and the audit, in one
// transaction.
func (a *Auth) flush() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var dirty []*entry
	for _, e := range a.keys.Load().keys {
		if e.use.dirty.Swap(false) {
			dirty = append(dirty, e)
		}
	}
	if err := a.audit.Commit(pairs(dirty...)); err != nil {
		for _, e := range dirty {
			e.use.dirty.Store(true)
		}
		return fmt.Errorf("writing the use of %d keys: %w", len(dirty), err)
	}
	return nil
}

// sweep forgets keys that were revoked long ago.
func (a *Auth) sweep() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := make(map[string][]byte)
	var ids []string
	for id, e := range a.keys.Load().keys {
		if at := e.key.Revoked; !at.IsZero() && a.o.Now().Sub(at) >= tombstone {
			gone[keyRoot+id] = nil
			ids = append(ids, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := a.o.Store.Put(gone); err != nil {
		return fmt.Errorf("forgetting %d revoked keys: %w", len(gone), err)
	}
	a.keys.Store(a.keys.Load().without(ids...))
	return nil
}

// endExpired tells of keys and old secrets whose time ended between two moments.
func (a *Auth) endExpired(after, until time.Time) {
	ended := func(t time.Time) bool { return !t.IsZero() && t.After(after) && !t.After(until) }
	for id, e := range a.keys.Load().keys {
		if ended(e.id.Expires) || slices.ContainsFunc(e.old, func(o oldSecret) bool { return o.until.After(o.rotated) && ended(o.until) }) {
			a.tell(id)
		}
	}
}
