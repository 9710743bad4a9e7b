package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
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
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Owner    string    `json:"owner,omitempty"`
	Masked   string    `json:"masked"`
	Scopes   []Scope   `json:"scopes"`
	Test     bool      `json:"test,omitempty"`
	Printers []int     `json:"printers,omitempty"` // absent: all
	Created  time.Time `json:"created"`
	By       string    `json:"by,omitempty"`

	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`

	LastUsed  time.Time `json:"last_used,omitzero"`
	LastFrom  string    `json:"last_from,omitempty"`
	LastAgent string    `json:"last_agent,omitempty"`
	Uses      uint64    `json:"uses,omitempty"`

	Revoked       time.Time `json:"revoked,omitzero"`
	RevokedBy     string    `json:"revoked_by,omitempty"`
	RevokedReason string    `json:"revoked_reason,omitempty"`
}

// record is a key as it is kept.
type record struct {
	Version int    `json:"v"`
	Digest  string `json:"sha256"`
	Key
}

// entry is a key in memory. What changes while it is checked is atomic.
type entry struct {
	key     Key // use and revocation as of the last write; guarded by Auth.mu
	digest  [sha256.Size]byte
	id      Identity
	from    time.Time
	until   time.Time
	revoked atomic.Bool

	lastUsed atomic.Int64 // Unix nanoseconds
	uses     atomic.Uint64
	origin   atomic.Pointer[origin]
	dirty    atomic.Bool
}

func newEntry(k Key, digest [sha256.Size]byte) *entry {
	e := &entry{key: k, digest: digest, from: k.NotBefore, until: k.Expires, id: Identity{
		KeyID: k.ID, Name: k.Name, Owner: k.Owner, Test: k.Test, Expires: k.Expires,
		scopes: ordered(k.Scopes), printers: slices.Clone(k.Printers),
	}}
	e.revoked.Store(!k.Revoked.IsZero())
	e.uses.Store(k.Uses)
	if !k.LastUsed.IsZero() {
		e.lastUsed.Store(k.LastUsed.UnixNano())
	}
	return e
}

// current is the key with its latest use.
func (e *entry) current() Key {
	k := e.key
	k.Scopes, k.Printers = slices.Clone(k.Scopes), slices.Clone(k.Printers)
	k.Uses = e.uses.Load()
	if at := e.lastUsed.Load(); at != 0 {
		k.LastUsed = time.Unix(0, at).UTC()
	}
	if o := e.origin.Load(); o != nil {
		k.LastFrom, k.LastAgent = o.from, o.agent
	}
	return k
}

func (a *Auth) loadKeys() error {
	pairs, err := a.o.Store.Values(keyRoot)
	if err != nil {
		return fmt.Errorf("reading keys: %w", err)
	}
	index := make(map[[sha256.Size]byte]*entry, len(pairs))
	for name, value := range pairs {
		var r record
		if err := json.Unmarshal(value, &r); err != nil {
			return fault.New(fault.Internal, "key record %s: %w", name, err)
		}
		if r.Version > recordVersion {
			return fault.New(fault.Unsupported, "key record %s has version %d, this program knows %d", name, r.Version, recordVersion)
		}
		var digest [sha256.Size]byte
		if n, err := hex.Decode(digest[:], []byte(r.Digest)); err != nil || n != len(digest) {
			return fault.New(fault.Internal, "key record %s has no digest", name)
		}
		index[digest] = newEntry(r.Key, digest)
	}
	a.index.Store(&index)
	return nil
}

// NewKey says what a key is to be.
type NewKey struct {
	Name  string
	Owner string
	// Terms are scopes or terms; nil is "read", empty is none.
	Terms []string
	Test  bool
	// Printers are ids; nil is all, an empty list is refused.
	Printers           []int
	NotBefore, Expires time.Time
	// By is who asks, when a key makes a key: it gives no more than it has.
	By *Identity
}

// CreateKey makes and keeps a key; the text is given out only here.
// fault.Invalid names the field; fault.Denied: By has not what it would give.
func (a *Auth) CreateKey(n NewKey) (secret.Text, Key, error) {
	k, err := a.draft(n)
	if err != nil {
		return "", Key{}, err
	}
	text, err := newKeyText(a.o.Random, n.Test)
	if err != nil {
		return "", Key{}, err
	}
	k.ID, k.Masked = "key_"+a.o.NewID(), masked(text)
	e := newEntry(k, sha256.Sum256([]byte(text.Reveal())))
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.o.Store.Put(pairs(e)); err != nil {
		return "", Key{}, fmt.Errorf("keeping the new key: %w", err)
	}
	a.replace(func(index map[[sha256.Size]byte]*entry) { index[e.digest] = e })
	return text, e.current(), nil
}

// draft checks what a key is to be.
func (a *Auth) draft(n NewKey) (Key, error) {
	now := a.o.Now().UTC()
	if n.By != nil {
		n.Owner = n.By.Owner
	}
	scopes, err := Expand(n.Terms, a.o.AllowAdminKeys)
	if err != nil {
		return Key{}, err
	}
	switch {
	case !validName(n.Name):
		return Key{}, fault.New(fault.Invalid, "expected 1 to 64 printable characters").At("name")
	case n.Printers != nil && len(n.Printers) == 0:
		return Key{}, fault.New(fault.Invalid, "an empty list opens no printer; leave it out for all").At("printers")
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return Key{}, fault.New(fault.Invalid, "expected a time in the future").At("expires_at")
	case !n.Expires.IsZero() && !n.NotBefore.IsZero() && !n.Expires.After(n.NotBefore):
		return Key{}, fault.New(fault.Invalid, "expected a time after not_before").At("expires_at")
	case slices.Contains(scopes, CloudRead) && (a.o.AuthOff || n.Owner == ""):
		return Key{}, fault.New(fault.Invalid, "cloud:read needs an owner, and authentication that is on").At("scopes")
	}
	for _, id := range n.Printers {
		if id < 1 || id > 999_999 {
			return Key{}, fault.New(fault.Invalid, "printer id %d: expected 1 to 999999", id).At("printers")
		}
	}
	if err := within(n, scopes); err != nil {
		return Key{}, err
	}
	k := Key{
		Name: strings.TrimSpace(n.Name), Owner: n.Owner, Scopes: scopes, Test: n.Test,
		Printers: slices.Clone(n.Printers), Created: now, NotBefore: n.NotBefore.UTC(), Expires: n.Expires.UTC(),
	}
	if n.By != nil {
		k.By = n.By.KeyID
	}
	return k, nil
}

// within holds a key that makes a key to its own rights.
func within(n NewKey, scopes []Scope) error {
	if n.By == nil {
		return nil
	}
	if err := n.By.Require(KeysWrite); err != nil {
		return err
	}
	for _, s := range scopes {
		if err := n.By.Require(s); err != nil {
			return err
		}
	}
	over := !n.By.Expires.IsZero() && (n.Expires.IsZero() || n.Expires.After(n.By.Expires))
	wider := n.By.printers != nil && (n.Printers == nil || slices.ContainsFunc(n.Printers, func(id int) bool { return !n.By.MayPrinter(id) }))
	if over || wider || n.By.Test && !n.Test {
		return fault.New(fault.Denied, "a key makes no key that opens more or lasts longer than itself")
	}
	return nil
}

// validName: what a person calls a thing, on one line.
func validName(name string) bool {
	n := utf8.RuneCountInString(strings.TrimSpace(name))
	return n >= 1 && n <= 64 && utf8.ValidString(name) && strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsPrint(r)
	}) < 0
}

// Keys are all keys, the newest first; revoked ones too while they are remembered.
func (a *Auth) Keys() []Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	var keys []Key
	for _, e := range *a.index.Load() {
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

// RevokeKey withdraws a key at once. fault.NotFound: there is none with this
// id. Revoking again changes nothing.
func (a *Auth) RevokeKey(id, by, reason string) (Key, error) {
	k, fresh, err := a.revoke(id, by, reason)
	if err == nil && fresh && a.o.Revoked != nil {
		a.o.Revoked(id)
	}
	return k, err
}

func (a *Auth) revoke(id, by, reason string) (k Key, fresh bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.byID(id)
	if e == nil {
		return Key{}, false, fault.New(fault.NotFound, "there is no key %s", printable(id))
	}
	if e.revoked.Load() {
		return e.current(), false, nil
	}
	before := e.key
	e.key.Revoked, e.key.RevokedBy, e.key.RevokedReason = a.o.Now().UTC(), by, reason
	if err := a.o.Store.Put(pairs(e)); err != nil {
		e.key = before
		return Key{}, false, fmt.Errorf("revoking %s: %w", id, err)
	}
	e.revoked.Store(true)
	return e.current(), true, nil
}

func (a *Auth) byID(id string) *entry {
	for _, e := range *a.index.Load() {
		if e.key.ID == id {
			return e
		}
	}
	return nil
}

// replace puts a changed copy of the index in place of the old one.
func (a *Auth) replace(change func(map[[sha256.Size]byte]*entry)) {
	index := maps.Clone(*a.index.Load())
	change(index)
	a.index.Store(&index)
}

// pairs are the records of entries as the store takes them.
func pairs(entries ...*entry) map[string][]byte {
	result := make(map[string][]byte, len(entries))
	for _, e := range entries {
		// A record is made of text, numbers and times: encoding it cannot fail.
		value, _ := json.Marshal(record{Version: recordVersion, Digest: hex.EncodeToString(e.digest[:]), Key: e.current()})
		result[keyRoot+e.key.ID] = value
	}
	return result
}
