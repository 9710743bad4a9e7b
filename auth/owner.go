package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/printwire/printwire/fault"
)

// ownerRoot starts the store's keys of owners.
const ownerRoot = "auth/owner/"

// Owner is somebody to whom keys belong, as far as there is something to say:
// an owner without a record is active and may everything.
type Owner struct {
	Name     string `json:"name"`
	Disabled bool   `json:"disabled,omitempty"`
	// Scopes is the most that the owner's keys open; nil is everything.
	Scopes []Scope `json:"scopes"`
}

// keptOwner is an owner as it is kept.
type keptOwner struct {
	Version int `json:"v"`
	Owner
}

func (a *Auth) loadOwners() error {
	pairs, err := a.o.Store.Values(ownerRoot)
	if err != nil {
		return fmt.Errorf("reading owners: %w", err)
	}
	owners := make(map[string]Owner, len(pairs))
	for name, value := range pairs {
		var k keptOwner
		if err := json.Unmarshal(value, &k); err != nil {
			return fault.New(fault.Internal, "owner record %s: %w", name, err)
		}
		if k.Version > recordVersion {
			return fault.New(fault.Unsupported, "owner record %s has version %d, this program knows %d", name, k.Version, recordVersion)
		}
		owners[k.Name] = k.Owner
	}
	a.owners.Store(&owners)
	return nil
}

// ofOwner holds an identity to what its owner may at present.
func (a *Auth) ofOwner(id Identity) (held Identity, inactive bool) {
	o, known := (*a.owners.Load())[id.Owner]
	if !known || id.Owner == "" {
		return id, false
	}
	if o.Scopes != nil {
		may := Identity{scopes: o.Scopes}
		held := []Scope{}
		id.lost = nil
		for _, s := range id.scopes {
			switch {
			case s == Admin && !may.Has(Admin): // what is left of everything
				held, id.lost = append(held, o.Scopes...), append(id.lost, s)
			case may.Has(s):
				held = append(held, s)
			default:
				id.lost = append(id.lost, s)
			}
		}
		id.scopes = ordered(held)
	}
	return id, o.Disabled
}

// Owner is what is known of an owner.
func (a *Auth) Owner(name string) Owner {
	if o, ok := (*a.owners.Load())[name]; ok {
		o.Scopes = slices.Clone(o.Scopes)
		return o
	}
	return Owner{Name: name}
}

// PutOwner says what an owner may from now on. Its keys shrink at once, or are
// refused while it is disabled; they are as before when it may again.
func (a *Auth) PutOwner(o Owner, by string) error {
	if !validName(o.Name) {
		return fault.New(fault.Invalid, "expected 1 to 64 printable characters").At("name")
	}
	if o.Scopes != nil {
		o.Scopes = ordered(o.Scopes)
	}
	ids, err := a.putOwner(o, by)
	a.tell(ids...)
	return err
}

func (a *Auth) putOwner(o Owner, by string) (ids []string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// An owner is made of text: encoding it cannot fail.
	value, _ := json.Marshal(keptOwner{recordVersion, o})
	note := AuditEntry{Act: OwnerChanged, Owner: o.Name, By: by, Detail: fmt.Sprintf("disabled %t, scopes %v", o.Disabled, o.Scopes)}
	if err := a.audit.Commit(map[string][]byte{ownerRoot + o.Name: value}, note); err != nil {
		return nil, fmt.Errorf("changing the owner %s: %w", printable(o.Name), err)
	}
	owners := maps.Clone(*a.owners.Load())
	owners[o.Name] = o
	a.owners.Store(&owners)
	var next []*entry
	for id, e := range a.keys.Load().keys {
		if e.key.Owner == o.Name {
			next = append(next, a.newEntry(e.key, e.digest, e.old, e.use))
			e.over.Store(true)
			ids = append(ids, id)
		}
	}
	a.keys.Store(a.keys.Load().with(next...))
	return ids, nil
}

// DeleteOwner withdraws all that belongs to an owner: keys, tokens, sessions.
func (a *Auth) DeleteOwner(name, by string) error {
	if name == "" {
		return fault.New(fault.Invalid, "expected a name").At("name")
	}
	ids, err := a.deleteOwner(name, by)
	a.tell(ids...)
	a.people.endOf(name)
	if a.o.Tokens != nil {
		err = errors.Join(err, a.o.Tokens.RevokeOwner(name, by))
	}
	return err
}

func (a *Auth) deleteOwner(name, by string) (ids []string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var entries []*entry
	for id, e := range a.keys.Load().keys {
		if e.key.Owner == name && !e.revoked.Load() {
			entries, ids = append(entries, e), append(ids, id)
		}
	}
	if err := a.revokeAll(entries, by, "the owner was deleted", AuditEntry{Act: OwnerDeleted, Owner: name, By: by}); err != nil {
		return nil, fmt.Errorf("deleting the owner %s: %w", printable(name), err)
	}
	return ids, nil
}
