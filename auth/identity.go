package auth

import (
	"slices"
	"time"
)

// Identity is who asked, and what they may do. It is a value; its zero value
// may nothing.
type Identity struct {
	// KeyID is the id of the key, or of the grant that an access token belongs
	// to; "" for a person. Options.Revoked names it when it ends or changes.
	KeyID string
	Name  string
	Owner string
	// Client is the OAuth client of an access token.
	Client string
	// Test: a test key, for which nothing is really done.
	Test    bool
	Expires time.Time
	// Rotated and Sunset are set when an old secret answered: when it was
	// replaced, and until when it answers.
	Rotated, Sunset time.Time

	scopes   []Scope
	printers []int // nil: all
	plan     Plan
	lost     []Scope // what the key holds and its owner does not
	// born is when the key's secret became its secret, unless Rotated is set.
	born time.Time
}

// NewIdentity is an identity that is not a key's: a person at the ingress, the
// command line, a test. printers nil means all.
func NewIdentity(name string, scopes []Scope, printers []int) Identity {
	return Identity{Name: name, scopes: ordered(scopes), printers: slices.Clone(printers)}
}

// WithPlan is the same identity with limits. One without a name has none, as
// an identity of NewIdentity has not.
func (i Identity) WithPlan(p Plan) Identity {
	i.plan = p
	return i
}

// Plan is how often the asker may ask.
func (i Identity) Plan() Plan { return i.plan }

// Subject names the asker: what is counted and cut off together.
func (i Identity) Subject() string {
	if i.KeyID != "" {
		return i.KeyID
	}
	return "person:" + i.Owner
}

// Manages tells whether the asker may change, rotate and revoke a key: one of
// its own owner, or any for an administrator.
func (i Identity) Manages(k Key) bool {
	return i.Has(Admin) || i.Has(KeysWrite) && k.Owner != "" && k.Owner == i.Owner
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
	if slices.Contains(i.lost, s) {
		r.cause = r.cause.WithHint("the owner of the key no longer holds %s", s)
	}
	return r
}
