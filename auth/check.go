package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
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

// Check tells who holds the credential. It writes nothing. The error is a
// Refusal; failures of one address are counted and answered Limited when they
// are too many, but a valid key always passes.
func (a *Auth) Check(c Credential) (Identity, error) {
	e, reason := a.lookup(c.Text)
	if reason == "" {
		a.used(e, c)
		return e.id, nil
	}
	return Identity{}, a.refused(reason, c.Remote)
}

// refused makes the refusal and counts it, unless there was nothing to guess.
func (a *Auth) refused(reason Reason, remote string) *Refusal {
	if reason != Missing {
		if wait, limited := a.failures.Fail(remote); limited {
			r := refuse(Limited)
			r.RetryAfter = wait
			return r
		}
	}
	return refuse(reason)
}

// lookup finds a key without counting anything; "" is good.
func (a *Auth) lookup(text secret.Text) (*entry, Reason) {
	key := text.Reveal()
	if key == "" {
		return nil, Missing
	}
	if !wellFormed(key) {
		return nil, Malformed
	}
	digest := sha256.Sum256([]byte(key))
	e := (*a.index.Load())[digest]
	if e == nil || subtle.ConstantTimeCompare(e.digest[:], digest[:]) != 1 {
		return nil, Unknown
	}
	if e.revoked.Load() {
		return nil, Revoked
	}
	now := a.o.Now()
	if now.Before(e.from) || !e.until.IsZero() && !now.Before(e.until) {
		return nil, Expired
	}
	return e, ""
}

// used notes a use in memory. The first use of a key is written at once.
func (a *Auth) used(e *entry, c Credential) {
	first := e.lastUsed.Swap(a.o.Now().UnixNano()) == 0
	e.uses.Add(1)
	if o := e.origin.Load(); o == nil || o.remote != c.Remote || o.client != c.Agent {
		e.origin.Store(newOrigin(c))
	}
	e.dirty.Store(true)
	if first {
		select {
		case a.kick <- struct{}{}:
		default:
		}
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

// flush writes the use of keys since the last flush, in one transaction.
func (a *Auth) flush() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var dirty []*entry
	for _, e := range *a.index.Load() {
		if e.dirty.Swap(false) {
			dirty = append(dirty, e)
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	if err := a.o.Store.Put(pairs(dirty...)); err != nil {
		for _, e := range dirty {
			e.dirty.Store(true)
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
	var digests [][sha256.Size]byte
	for digest, e := range *a.index.Load() {
		if at := e.key.Revoked; !at.IsZero() && a.o.Now().Sub(at) >= tombstone {
			gone[keyRoot+e.key.ID] = nil
			digests = append(digests, digest)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := a.o.Store.Put(gone); err != nil {
		return fmt.Errorf("forgetting %d revoked keys: %w", len(gone), err)
	}
	a.replace(func(index map[[sha256.Size]byte]*entry) {
		for _, d := range digests {
			delete(index, d)
		}
	})
	return nil
}

// endExpired tells of keys whose time ended between two moments.
func (a *Auth) endExpired(after, until time.Time) {
	if a.o.Revoked == nil {
		return
	}
	for _, e := range *a.index.Load() {
		if !e.until.IsZero() && e.until.After(after) && !e.until.After(until) {
			a.o.Revoked(e.id.KeyID)
		}
	}
}
