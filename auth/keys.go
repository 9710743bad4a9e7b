package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
)

// tombstone is how long a revoked key is remembered as revoked.
const tombstone = 90 * 24 * time.Hour

// keyRoot starts the store's keys of key records; recordVersion is theirs.
const (
	keyRoot       = "auth/key/"
	recordVersion = 1
)

// Key is what is known of a key; the key itself is not.
type Key struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Owner    string  `json:"owner,omitempty"`
	Masked   string  `json:"masked"`
	Scopes   []Scope `json:"scopes"`
	Test     bool    `json:"test,omitempty"`
	Printers []int   `json:"printers,omitempty"` // absent: all
	// Addresses are the networks it may be used from; absent: everywhere.
	Addresses []string  `json:"allowed_cidrs,omitempty"`
	Plan      Plan      `json:"rate_plan,omitzero"`
	Created   time.Time `json:"created"`
	By        string    `json:"by,omitempty"`

	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`

	LastUsed  time.Time `json:"last_used,omitzero"`
	LastFrom  string    `json:"last_from,omitempty"`
	LastAgent string    `json:"last_agent,omitempty"`
	Uses      uint64    `json:"uses,omitempty"`

	// Rotated is when the secret was last replaced, Grace until when the one
	// before answers.
	Rotated time.Time `json:"rotated,omitzero"`
	Grace   time.Time `json:"grace_until,omitzero"`

	Revoked       time.Time `json:"revoked,omitzero"`
	RevokedBy     string    `json:"revoked_by,omitempty"`
	RevokedReason string    `json:"revoked_reason,omitempty"`
}

// record is a key as it is kept.
type record struct {
	Version int    `json:"v"`
	Digest  string `json:"sha256"`
	// Old are earlier secrets, Seen the networks it was used from.
	Old  []oldRecord `json:"old,omitempty"`
	Seen []string    `json:"seen,omitempty"`
	Key
}

// oldRecord is an earlier secret as it is kept.
type oldRecord struct {
	Digest  string    `json:"sha256"`
	Rotated time.Time `json:"rotated"`
	Until   time.Time `json:"until"`
}

// oldSecret is an earlier secret: it answers until its grace is over, and is
// known as revoked afterwards.
type oldSecret struct {
	digest         [sha256.Size]byte
	rotated, until time.Time
}

// entry is a key in memory. A change of rights makes a new one; only what is
// learnt while it is checked changes in it.
type entry struct {
	key      Key // use as of the last write; guarded by Auth.mu
	digest   [sha256.Size]byte
	old      []oldSecret
	id       Identity
	networks []netip.Prefix
	inactive bool // its owner is
	revoked  atomic.Bool
	// over: what was granted with these rights holds no more. Entries of a key
	// share it as long as the rights stay the same.
	over *atomic.Bool
	use  *usage
}

// usage is what is learnt about a key while it is checked.
type usage struct {
	last   atomic.Int64 // Unix nanoseconds
	uses   atomic.Uint64
	origin atomic.Pointer[origin]
	dirty  atomic.Bool

	mu   sync.Mutex
	seen []string // networks, the latest last
}

// seenKept is how many networks of a key are remembered.
const seenKept = 32

// fresh tells whether a network is new, and remembers it.
func (u *usage) fresh(network string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := slices.Index(u.seen, network)
	if at >= 0 {
		u.seen = append(slices.Delete(u.seen, at, at+1), network)
		return false
	}
	if len(u.seen) >= seenKept {
		u.seen = slices.Delete(u.seen, 0, 1)
	}
	u.seen = append(u.seen, network)
	return true
}

func (u *usage) networks() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.seen)
}

// index is all keys. It is never changed, only replaced.
type index struct {
	secrets map[[sha256.Size]byte]slot
	keys    map[string]*entry
}

// slot is the key that a secret opens; an old secret says since when.
type slot struct {
	e              *entry
	rotated, until time.Time
}

// slotOf is the secret with which an identity of the key came, as it is now:
// a rotation may have ended it since. false: it is not known any more.
func (e *entry) slotOf(id Identity) (slot, bool) {
	if id.Rotated.IsZero() && id.born.Equal(e.key.Rotated) {
		return slot{e: e}, true
	}
	for _, o := range e.old { // the oldest first
		if o.rotated.Equal(id.Rotated) || id.Rotated.IsZero() && o.rotated.After(id.born) {
			return slot{e: e, rotated: o.rotated, until: o.until}, true
		}
	}
	return slot{}, false
}

func newIndex() *index {
	return &index{secrets: make(map[[sha256.Size]byte]slot), keys: make(map[string]*entry)}
}

// with is a copy of the index that holds entries in place of those of the same
// ids; without drops ids.
func (x *index) with(entries ...*entry) *index {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.key.ID
	}
	next := x.without(ids...)
	for _, e := range entries {
		next.add(e)
	}
	return next
}

func (x *index) without(ids ...string) *index {
	next := &index{secrets: maps.Clone(x.secrets), keys: maps.Clone(x.keys)}
	for _, id := range ids {
		e := next.keys[id]
		if e == nil {
			continue
		}
		delete(next.keys, id)
		delete(next.secrets, e.digest)
		for _, o := range e.old {
			delete(next.secrets, o.digest)
		}
	}
	return next
}

func (x *index) add(e *entry) {
	x.keys[e.key.ID] = e
	x.secrets[e.digest] = slot{e: e}
	for _, o := range e.old {
		x.secrets[o.digest] = slot{e: e, rotated: o.rotated, until: o.until}
	}
}

// newEntry is a key in memory, with what its owner may at present.
func (a *Auth) newEntry(k Key, digest [sha256.Size]byte, old []oldSecret, use *usage) *entry {
	if k.Plan.Name == "" {
		k.Plan = Plans()[0]
	}
	e := &entry{key: k, digest: digest, old: old, use: use, over: new(atomic.Bool), id: Identity{
		KeyID: k.ID, Name: k.Name, Owner: k.Owner, Test: k.Test, Expires: k.Expires,
		scopes: ordered(k.Scopes), printers: slices.Clone(k.Printers), plan: k.Plan, born: k.Rotated,
	}}
	e.networks, _ = parseNetworks(k.Addresses) // checked when they were set
	e.id, e.inactive = a.ofOwner(e.id)
	e.revoked.Store(!k.Revoked.IsZero())
	e.over.Store(!k.Revoked.IsZero())
	return e
}

func newUsage(k Key, seen []string) *usage {
	u := &usage{seen: seen}
	u.uses.Store(k.Uses)
	if !k.LastUsed.IsZero() {
		u.last.Store(k.LastUsed.UnixNano())
	}
	return u
}

// current is the key with its latest use.
func (e *entry) current() Key {
	k := e.key
	k.Scopes, k.Printers, k.Addresses = slices.Clone(k.Scopes), slices.Clone(k.Printers), slices.Clone(k.Addresses)
	k.Uses = e.use.uses.Load()
	if at := e.use.last.Load(); at != 0 {
		k.LastUsed = time.Unix(0, at).UTC()
	}
	if o := e.use.origin.Load(); o != nil {
		k.LastFrom, k.LastAgent = o.from, o.agent
	}
	return k
}

func (a *Auth) loadKeys() error {
	pairs, err := a.o.Store.Values(keyRoot)
	if err != nil {
		return fmt.Errorf("reading keys: %w", err)
	}
	keys := newIndex()
	for name, value := range pairs {
		e, err := a.decodeKey(value)
		if err != nil {
			return fmt.Errorf("key record %s: %w", name, err)
		}
		keys.add(e)
	}
	a.keys.Store(keys)
	return nil
}

func (a *Auth) decodeKey(value []byte) (*entry, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return nil, fault.New(fault.Internal, "%w", err)
	}
	if r.Version > recordVersion {
		return nil, fault.New(fault.Unsupported, "it has version %d, this program knows %d", r.Version, recordVersion)
	}
	digest, ok := parseDigest(r.Digest)
	if !ok {
		return nil, fault.New(fault.Internal, "it has no digest")
	}
	if _, err := parseNetworks(r.Addresses); err != nil {
		return nil, fault.New(fault.Internal, "%w", err)
	}
	var old []oldSecret
	for _, o := range r.Old {
		digest, ok := parseDigest(o.Digest)
		if !ok {
			return nil, fault.New(fault.Internal, "an old secret has no digest")
		}
		old = append(old, oldSecret{digest, o.Rotated, o.Until})
	}
	return a.newEntry(r.Key, digest, old, newUsage(r.Key, r.Seen)), nil
}

func parseDigest(text string) (digest [sha256.Size]byte, ok bool) {
	if len(text) != 2*len(digest) {
		return digest, false
	}
	_, err := hex.Decode(digest[:], []byte(text))
	return digest, err == nil
}

// pairs are the records of entries as the store takes them.
func pairs(entries ...*entry) map[string][]byte {
	result := make(map[string][]byte, len(entries))
	for _, e := range entries {
		r := record{Version: recordVersion, Digest: hex.EncodeToString(e.digest[:]), Seen: e.use.networks(), Key: e.current()}
		for _, o := range e.old {
			r.Old = append(r.Old, oldRecord{hex.EncodeToString(o.digest[:]), o.rotated, o.until})
		}
		// A record is made of text, numbers and times: encoding it cannot fail.
		value, _ := json.Marshal(r)
		result[keyRoot+e.key.ID] = value
	}
	return result
}

// Keys are all keys, the newest first; revoked ones too while they are remembered.
func (a *Auth) Keys() []Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	var keys []Key
	for _, e := range a.keys.Load().keys {
		keys = append(keys, e.current())
	}
	slices.SortFunc(keys, func(x, y Key) int {
		if c := y.Created.Compare(x.Created); c != 0 {
			return c
		}
		return strings.Compare(y.ID, x.ID)
	})
	return keys
}

// Key is the key with this id. fault.NotFound: there is none.
func (a *Auth) Key(id string) (Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, err := a.entry(id)
	if err != nil {
		return Key{}, err
	}
	return e.current(), nil
}

func (a *Auth) entry(id string) (*entry, error) {
	if e := a.keys.Load().keys[id]; e != nil {
		return e, nil
	}
	return nil, fault.New(fault.NotFound, "there is no key %s", printable(id))
}
