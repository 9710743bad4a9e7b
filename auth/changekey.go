package auth

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// KeyEdit says what is to change of a key; nil leaves a thing as it is. What is
// set is as in NewKey: a nil list is all, a zero time is never.
type KeyEdit struct {
	Name               *string
	Terms              *[]string
	Printers           *[]int
	Addresses          *[]string
	NotBefore, Expires *time.Time
	Plan               *Plan
	// By and From are as in NewKey.
	By   *Identity
	From string
}

// EditKey changes a key. When its rights change, Options.Revoked is told:
// streams and sessions have to come back with the new ones. fault.NotFound: no
// such key, or not one that By may manage; fault.Conflict: it is revoked.
func (a *Auth) EditKey(id string, edit KeyEdit) (Key, error) {
	k, narrowed, err := a.edit(id, edit)
	if err == nil && narrowed {
		a.tell(id)
	}
	return k, err
}

func (a *Auth) edit(id string, edit KeyEdit) (k Key, changed bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, err := a.managed(id, edit.By)
	if err != nil {
		return Key{}, false, err
	}
	before := e.current()
	n, scopes, err := a.overlay(before, edit)
	if err != nil {
		return Key{}, false, err
	}
	draft, err := a.draft(n, scopes)
	if err != nil {
		return Key{}, false, err
	}
	after := before
	after.Name, after.Scopes, after.Printers, after.Addresses = draft.Name, draft.Scopes, draft.Printers, draft.Addresses
	after.NotBefore, after.Expires, after.Plan = draft.NotBefore, draft.Expires, draft.Plan
	what := KeyEdited
	changed = !sameRights(before, after)
	if changed {
		what = KeyRights
	}
	next := a.newEntry(after, e.digest, e.old, e.use)
	if !changed {
		next.over = e.over
	}
	if err := a.audit.Commit(pairs(next), act(what, after, edit.By, edit.From, rights(after))); err != nil {
		return Key{}, false, fmt.Errorf("changing %s: %w", id, err)
	}
	a.keys.Store(a.keys.Load().with(next))
	if changed {
		e.over.Store(true)
	}
	return next.current(), changed, nil
}

// managed is the key with this id that may still be changed, and by this asker.
func (a *Auth) managed(id string, by *Identity) (*entry, error) {
	e, err := a.entry(id)
	if err != nil {
		return nil, err
	}
	if by != nil && !by.Manages(e.key) {
		if err := by.Require(KeysWrite); err != nil {
			return nil, err
		}
		return nil, fault.New(fault.NotFound, "there is no key %s", printable(id))
	}
	if e.revoked.Load() {
		return nil, fault.New(fault.Conflict, "the key %s is revoked", printable(id))
	}
	return e, nil
}

// overlay is a key as it would be ordered with the edit.
func (a *Auth) overlay(k Key, edit KeyEdit) (NewKey, []Scope, error) {
	n := NewKey{
		Name: k.Name, Owner: k.Owner, Test: k.Test, Printers: k.Printers, Addresses: k.Addresses,
		NotBefore: k.NotBefore, Expires: k.Expires, Plan: k.Plan, By: edit.By,
	}
	scopes := k.Scopes
	if edit.Terms != nil {
		var err error
		if scopes, err = Expand(*edit.Terms, a.o.AllowAdminKeys); err != nil {
			return n, nil, err
		}
	}
	set(&n.Name, edit.Name)
	set(&n.Printers, edit.Printers)
	set(&n.Addresses, edit.Addresses)
	set(&n.NotBefore, edit.NotBefore)
	set(&n.Plan, edit.Plan)
	set(&n.Expires, edit.Expires)
	if edit.Expires == nil && !n.Expires.IsZero() && !n.Expires.After(a.o.Now()) {
		return n, nil, fault.New(fault.Conflict, "the key is expired; give it a new expires_at")
	}
	return n, scopes, nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// sameRights tells whether two states of a key open the same, for as long.
func sameRights(x, y Key) bool {
	return slices.Equal(x.Scopes, y.Scopes) && slices.Equal(x.Printers, y.Printers) && slices.Equal(x.Addresses, y.Addresses) &&
		x.NotBefore.Equal(y.NotBefore) && x.Expires.Equal(y.Expires)
}

// The grace of a rotation.
const (
	usualGrace = 24 * time.Hour
	mostGrace  = 30 * 24 * time.Hour
	// oldKept is how many earlier secrets are known as such.
	oldKept = 16
)

// Rotation says how a secret is replaced.
type Rotation struct {
	// Grace is how long the old secret answers: nil is 24 h, 0 not at all.
	Grace *time.Duration
	By    *Identity
	From  string
}

// RotateKey gives a key a new secret; id and rights stay. The text is given out
// only here. Errors are those of EditKey.
func (a *Auth) RotateKey(id string, r Rotation) (secret.Text, Key, error) {
	text, k, err := a.rotate(id, r)
	if err == nil && !k.Grace.After(k.Rotated) {
		a.tell(id)
	}
	return text, k, err
}

func (a *Auth) rotate(id string, r Rotation) (secret.Text, Key, error) {
	grace := usualGrace
	set(&grace, r.Grace)
	if grace < 0 || grace > mostGrace {
		return "", Key{}, fault.New(fault.Invalid, "expected 0 to %d", int(mostGrace/time.Second)).At("grace_seconds")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e, err := a.managed(id, r.By)
	if err != nil {
		return "", Key{}, err
	}
	if err := a.mayHold(e, r.By); err != nil {
		return "", Key{}, err
	}
	text, err := newKeyText(a.o.Random, e.key.Test)
	if err != nil {
		return "", Key{}, err
	}
	k := e.current()
	k.Masked, k.Rotated = masked(text), a.o.Now().UTC()
	k.Grace = k.Rotated.Add(grace)
	old := append(slices.Clone(e.old), oldSecret{e.digest, k.Rotated, k.Grace})
	old = old[max(0, len(old)-oldKept):]
	for i := range old { // those from before end with the last one
		if old[i].until.After(k.Grace) {
			old[i].until = k.Grace
		}
	}
	next := a.newEntry(k, sha256.Sum256([]byte(text.Reveal())), old, e.use)
	if grace > 0 {
		next.over = e.over
	}
	detail := "the old secret answers until " + k.Grace.Format(time.RFC3339)
	if err := a.audit.Commit(pairs(next), act(KeyRotated, k, r.By, r.From, detail)); err != nil {
		return "", Key{}, fmt.Errorf("rotating %s: %w", id, err)
	}
	a.keys.Store(a.keys.Load().with(next))
	if grace == 0 {
		e.over.Store(true)
	}
	return text, next.current(), nil
}

// mayHold: who gets the secret of a key must hold what it opens.
func (a *Auth) mayHold(e *entry, by *Identity) error {
	k := e.key
	return a.within(NewKey{Test: k.Test, Printers: k.Printers, Expires: k.Expires, Plan: k.Plan, By: by}, k.Scopes, e.networks)
}

// RevokeKey withdraws a key at once. fault.NotFound: there is none with this
// id. Revoking again changes nothing. Whether the asker may is asked before,
// with Identity.Manages.
func (a *Auth) RevokeKey(id, by, reason string) (Key, error) {
	k, fresh, err := a.revoke(id, by, reason)
	if err == nil && fresh {
		a.tell(id)
	}
	return k, err
}

// tell says that a key lost rights. No lock is held.
func (a *Auth) tell(ids ...string) {
	if a.o.Revoked == nil {
		return
	}
	for _, id := range ids {
		a.o.Revoked(id)
	}
}

func (a *Auth) revoke(id, by, reason string) (k Key, fresh bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, err := a.entry(id)
	if err != nil {
		return Key{}, false, err
	}
	if e.revoked.Load() {
		return e.current(), false, nil
	}
	if err := a.revokeAll([]*entry{e}, by, reason); err != nil {
		return Key{}, false, fmt.Errorf("revoking %s: %w", id, err)
	}
	return e.current(), true, nil
}

// revokeAll withdraws keys in one transaction, with what is written beside.
func (a *Auth) revokeAll(entries []*entry, by, reason string, beside ...AuditEntry) error {
	for _, e := range entries {
		e.key.Revoked, e.key.RevokedBy, e.key.RevokedReason = a.o.Now().UTC(), by, reason
		entry := act(KeyRevoked, e.key, nil, "", reason)
		entry.By = by
		beside = append(beside, entry)
	}
	if err := a.audit.Commit(pairs(entries...), beside...); err != nil {
		for _, e := range entries { // none of them was revoked before
			e.key.Revoked, e.key.RevokedBy, e.key.RevokedReason = time.Time{}, "", ""
		}
		return err
	}
	for _, e := range entries {
		e.revoked.Store(true)
		e.over.Store(true)
	}
	return nil
}
