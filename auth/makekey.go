package auth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// ErrNotGranted is in the chain of errors about a scope that exists but that
// this installation gives to no key, or not to this one.
var ErrNotGranted = errors.New("the scope is not granted")

// mostNetworks is how many networks a key may be held to.
const mostNetworks = 32

// NewKey says what a key is to be.
type NewKey struct {
	Name  string
	Owner string
	// Terms are scopes or terms; nil is "read", empty is none.
	Terms []string
	Test  bool
	// Printers are ids; nil is all, an empty list is refused.
	Printers []int
	// Addresses are networks such as 192.168.1.0/24, or single addresses; nil
	// is everywhere, an empty list is refused.
	Addresses          []string
	NotBefore, Expires time.Time
	// Plan is as ParsePlan takes it.
	Plan Plan
	// By is who asks, unless it is the program itself. The key gets its owner,
	// and gives no more than the asker has.
	By *Identity
	// From is the asker's address, for the audit.
	From string
}

// CreateKey makes and keeps a key; the text is given out only here.
// fault.Invalid names the field; fault.Denied: By has not what it would give.
func (a *Auth) CreateKey(n NewKey) (secret.Text, Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n.By != nil {
		n.Owner = n.By.Owner
	}
	scopes, err := Expand(n.Terms, a.o.AllowAdminKeys)
	if err != nil {
		return "", Key{}, err
	}
	k, err := a.draft(n, scopes)
	if err != nil {
		return "", Key{}, err
	}
	text, err := newKeyText(a.o.Random, n.Test)
	if err != nil {
		return "", Key{}, err
	}
	k.ID, k.Masked, k.Created, k.By = "key_"+a.o.NewID(), masked(text), a.o.Now().UTC(), asker(n.By)
	e := a.newEntry(k, sha256.Sum256([]byte(text.Reveal())), nil, newUsage(k, nil))
	if err := a.audit.Commit(pairs(e), act(KeyCreated, k, n.By, n.From, rights(k))); err != nil {
		return "", Key{}, fmt.Errorf("keeping the new key: %w", err)
	}
	a.keys.Store(a.keys.Load().with(e))
	return text, e.current(), nil
}

// asker is who asks, as the audit names it.
func asker(by *Identity) string {
	switch {
	case by == nil:
		return "local"
	case by.KeyID != "":
		return by.KeyID
	case by.Owner != "":
		return by.Owner
	default:
		return by.Name
	}
}

// act is the audit's entry about a key.
func act(what Act, k Key, by *Identity, from, detail string) AuditEntry {
	return AuditEntry{Act: what, Key: k.ID, Name: k.Name, Owner: k.Owner, By: asker(by), From: from, Detail: detail}
}

// rights is what a key opens, in one line.
func rights(k Key) string {
	texts := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		texts[i] = string(s)
	}
	line := strings.Join(texts, " ")
	if k.Printers != nil {
		line = fmt.Sprintf("printers %v; %s", k.Printers, line)
	}
	return line
}

// draft checks what a key is to be; it has no id yet.
func (a *Auth) draft(n NewKey, scopes []Scope) (Key, error) {
	plan, err := ParsePlan(n.Plan)
	if err != nil {
		return Key{}, err
	}
	networks, err := parseNetworks(n.Addresses)
	if err != nil {
		return Key{}, err
	}
	now := a.o.Now()
	switch {
	case !validName(n.Name):
		return Key{}, fault.New(fault.Invalid, "expected 1 to 64 printable characters").At("name")
	case n.Owner != "" && !validName(n.Owner):
		return Key{}, fault.New(fault.Invalid, "expected 1 to 64 printable characters").At("owner")
	case n.Printers != nil && len(n.Printers) == 0:
		return Key{}, fault.New(fault.Invalid, "an empty list opens no printer; leave it out for all").At("printers")
	case n.Addresses != nil && len(n.Addresses) == 0:
		return Key{}, fault.New(fault.Invalid, "an empty list allows no address; leave it out for all").At("allowed_cidrs")
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return Key{}, fault.New(fault.Invalid, "expected a time in the future").At("expires_at")
	case !n.Expires.IsZero() && !n.NotBefore.IsZero() && !n.Expires.After(n.NotBefore):
		return Key{}, fault.New(fault.Invalid, "expected a time after not_before").At("expires_at")
	}
	for _, id := range n.Printers {
		if id < 1 || id > 999_999 {
			return Key{}, fault.New(fault.Invalid, "printer id %d: expected 1 to 999999", id).At("printers")
		}
	}
	if err := a.cloudGrantable(n.Owner, scopes); err != nil {
		return Key{}, err
	}
	n.Plan = plan
	if err := a.within(n, scopes, networks); err != nil {
		return Key{}, err
	}
	k := Key{
		Name: strings.TrimSpace(n.Name), Owner: n.Owner, Scopes: scopes, Test: n.Test, Plan: plan,
		Printers: sorted(n.Printers), NotBefore: n.NotBefore.UTC(), Expires: n.Expires.UTC(),
	}
	for _, network := range networks {
		k.Addresses = append(k.Addresses, network.String())
	}
	return k, nil
}

// sorted is ids in order, each once; nil stays nil.
func sorted(ids []int) []int {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// cloudGrantable: without an owner, or somebody to be it, there is no cloud.
func (a *Auth) cloudGrantable(owner string, scopes []Scope) error {
	if !slices.Contains(scopes, CloudRead) || !a.o.AuthOff && owner != "" {
		return nil
	}
	why := "this key has no owner; recreate it to give it cloud access"
	if a.o.AuthOff {
		why = "cloud access needs an owner, and authentication is off"
	}
	return &fault.Error{Kind: fault.Invalid, Message: why, Field: "scopes", Err: ErrNotGranted}
}

// within holds a key that makes or changes a key to its own rights.
func (a *Auth) within(n NewKey, scopes []Scope, networks []netip.Prefix) error {
	if n.By == nil {
		return nil
	}
	// What the asker could when the request came may have ended since.
	by, err := a.Again(*n.By)
	if err != nil {
		return err
	}
	n.By = &by
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
	own := a.keys.Load().keys[n.By.KeyID]
	farther := own != nil && own.networks != nil && !inside(networks, own.networks)
	if over || wider || farther || n.By.Test && !n.Test || !n.Plan.within(n.By.plan) {
		return fault.New(fault.Denied, "a key makes no key that opens more or lasts longer than itself")
	}
	return nil
}

// inside tells whether all networks lie in the others; none at all is everywhere.
func inside(networks, others []netip.Prefix) bool {
	for _, n := range networks {
		if !slices.ContainsFunc(others, func(o netip.Prefix) bool { return o.Bits() <= n.Bits() && o.Contains(n.Addr()) }) {
			return false
		}
	}
	return len(networks) > 0
}

// parseNetworks reads networks and single addresses.
func parseNetworks(texts []string) ([]netip.Prefix, error) {
	if len(texts) > mostNetworks {
		return nil, fault.New(fault.Invalid, "expected at most %d", mostNetworks).At("allowed_cidrs")
	}
	var networks []netip.Prefix
	for i, text := range texts {
		network, err := netip.ParsePrefix(text)
		if address, single := netip.ParseAddr(text); single == nil && address.Zone() == "" {
			network, err = address.Unmap().Prefix(address.Unmap().BitLen())
		}
		if err == nil && network.Addr().Is4In6() {
			err = errors.New("mapped")
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: expected a network such as 192.168.1.0/24", printable(text)).At(fmt.Sprintf("allowed_cidrs[%d]", i))
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// validName: what a person calls a thing, on one line.
func validName(name string) bool {
	n := utf8.RuneCountInString(strings.TrimSpace(name))
	return n >= 1 && n <= 64 && utf8.ValidString(name) && strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsPrint(r)
	}) < 0
}
