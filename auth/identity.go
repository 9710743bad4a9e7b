package auth

import (
	"slices"
	"time"
)

// Identity is who asked, and what they may do. It is a value; its zero value
// may nothing.
type Identity struct {
	// KeyID is the id of the key, "" for a person.
	KeyID string
	Name  string
	Owner string
	// Test: a test key, for which nothing is really done.
	Test    bool
	Expires time.Time

	scopes   []Scope
	printers []int // nil: all
}

// NewIdentity is an identity that is not a key's: a person at the ingress, the
// command line, a test. printers nil means all.
func NewIdentity(name string, scopes []Scope, printers []int) Identity {
	return Identity{Name: name, scopes: ordered(scopes), printers: slices.Clone(printers)}
}

// Has tells whether the scope is held; admin holds every scope.
func (i Identity) Has(s Scope) bool {
	for _, have := range i.scopes {
		if have == s || have == Admin {
			return true
		}
	}
	return false
}

// MayPrinter tells whether the printer with this id exists for the asker.
func (i Identity) MayPrinter(id int) bool {
	return i.printers == nil && len(i.scopes) > 0 || slices.Contains(i.printers, id)
}

// MayChange tells whether any scope is held that changes something. Who has
// none may only GET, whatever the route.
func (i Identity) MayChange() bool {
	for _, row := range Scopes() {
		if row.In&Changes != 0 && slices.Contains(i.scopes, row.Scope) {
			return true
		}
	}
	return false
}

// Scopes are the scopes held, in the order of the table.
func (i Identity) Scopes() []Scope { return slices.Clone(i.scopes) }

// Printers are the ids that the asker is held to; nil means all.
func (i Identity) Printers() []int { return slices.Clone(i.printers) }

// Require is nil when the scope is held, else a Forbidden refusal.
func (i Identity) Require(s Scope) error {
	if i.Has(s) {
		return nil
	}
	r := refuse(Forbidden)
	r.cause = r.cause.WithHint("needs the scope %s", s)
	return r
}
