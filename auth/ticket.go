package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/printwire/printwire/secret"
)

// The life and number of tickets.
const (
	ticketMark  = keyMark + "tk_"
	ticketLife  = 30 * time.Second
	ticketsKept = 1024
	ticketsEach = 32 // of one key or person
)

// tickets are what opens one stream each, for clients that cannot send headers.
type tickets struct {
	mu   sync.Mutex
	open map[[sha256.Size]byte]ticket
}

type ticket struct {
	id    Identity
	until time.Time
}

// Ticket makes a ticket: it opens one stream in the name of who asks, within
// 30 s. The error is a Refusal, Limited: too many are open.
func (a *Auth) Ticket(id Identity) (secret.Text, time.Time, error) {
	text, err := NewToken(a.o.Random, ticketMark)
	if err != nil {
		return "", time.Time{}, err
	}
	now := a.o.Now()
	t := &a.tickets
	t.mu.Lock()
	defer t.mu.Unlock()
	own := 0
	for digest, ticket := range t.open {
		switch {
		case !now.Before(ticket.until):
			delete(t.open, digest)
		case ticket.id.Subject() == id.Subject():
			own++
		}
	}
	if own >= ticketsEach || len(t.open) >= ticketsKept {
		return "", time.Time{}, limitedFor(ticketLife)
	}
	if t.open == nil {
		t.open = make(map[[sha256.Size]byte]ticket)
	}
	until := now.Add(ticketLife)
	t.open[sha256.Sum256([]byte(text.Reveal()))] = ticket{id, until}
	return text, until, nil
}

// Redeem takes a ticket: who made it, if that one still has access. It works
// once. The error is a Refusal.
func (a *Auth) Redeem(text secret.Text, remote string) (Identity, error) {
	if text == "" {
		return Identity{}, refuse(Missing)
	}
	digest := sha256.Sum256([]byte(text.Reveal()))
	t := &a.tickets
	t.mu.Lock()
	ticket, ok := t.open[digest]
	delete(t.open, digest)
	t.mu.Unlock()
	if !ok || !a.o.Now().Before(ticket.until) {
		return Identity{}, a.refused(Unknown, remote)
	}
	// A ticket opens nothing at a place where its key would not.
	if e := a.keys.Load().keys[ticket.id.KeyID]; e != nil && e.networks != nil && !fromOne(e.networks, remote) {
		return Identity{}, refuse(Elsewhere)
	}
	return a.Again(ticket.id)
}

// Again is what an identity is now: streams that stay open ask it. The error
// is a Refusal: the key was revoked, has expired, or its owner may no more.
func (a *Auth) Again(id Identity) (Identity, error) {
	now := a.o.Now()
	if !id.Expires.IsZero() && !now.Before(id.Expires) || !id.Sunset.IsZero() && !now.Before(id.Sunset) {
		return Identity{}, refuse(Expired)
	}
	if e := a.keys.Load().keys[id.KeyID]; e != nil {
		switch {
		case e.revoked.Load():
			return Identity{}, refuse(Revoked)
		case e.inactive:
			return Identity{}, refuse(Inactive)
		case now.Before(e.key.NotBefore), !e.id.Expires.IsZero() && !now.Before(e.id.Expires):
			return Identity{}, refuse(Expired)
		}
		s, known := e.slotOf(id)
		if !known || !s.until.IsZero() && !now.Before(s.until) {
			return Identity{}, refuse(Revoked)
		}
		return s.identity(), nil
	}
	if id.KeyID != "" && (id.Client == "" || a.o.Tokens == nil || !a.o.Tokens.Live(id.KeyID)) {
		return Identity{}, refuse(Revoked)
	}
	held, inactive := a.ofOwner(id)
	if inactive {
		return Identity{}, refuse(Inactive)
	}
	return held, nil
}
