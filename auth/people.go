package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// LocalAdmin is the name of the local administrator, LocalOwner the owner of
// what it and the command line make.
const (
	LocalAdmin = "admin"
	LocalOwner = "local"
)

// The local administrator's record, and the bounds of its password.
const (
	adminKey      = "auth/admin"
	adminWidth    = 24
	adminShortest = 8
)

// The life and number of sessions.
const (
	sessionMark  = keyMark + "se_"
	sessionLife  = 12 * time.Hour
	sessionsKept = 256
)

// people are the local administrator and the sessions of all people.
type people struct {
	admin atomic.Pointer[passwordHash]

	mu   sync.Mutex
	open map[[sha256.Size]byte]session
}

type session struct {
	id    Identity
	until time.Time
}

// keptAdmin is the local administrator as it is kept.
type keptAdmin struct {
	Version int    `json:"v"`
	Hash    string `json:"argon2id"`
}

func (a *Auth) loadAdmin() error {
	pairs, err := a.o.Store.Values(adminKey)
	value, ok := pairs[adminKey]
	if err != nil || !ok {
		return err
	}
	var k keptAdmin
	if err := json.Unmarshal(value, &k); err != nil {
		return fault.New(fault.Internal, "record %s: %w", adminKey, err)
	}
	if k.Version > recordVersion {
		return fault.New(fault.Unsupported, "record %s has version %d, this program knows %d", adminKey, k.Version, recordVersion)
	}
	hash, err := parsePasswordHash(k.Hash)
	if err != nil {
		return fmt.Errorf("record %s: %w", adminKey, err)
	}
	a.people.admin.Store(&hash)
	return nil
}

// FirstAdmin makes the local administrator if there is none. Its password is
// given out only here; "" when there was one already.
func (a *Auth) FirstAdmin() (secret.Text, error) {
	if a.people.admin.Load() != nil {
		return "", nil
	}
	return a.ResetAdmin()
}

// ResetAdmin gives the local administrator a new random password, which is
// given out only here.
func (a *Auth) ResetAdmin() (secret.Text, error) {
	password, err := randomText(a.o.Random, adminWidth)
	if err != nil {
		return "", err
	}
	return password, a.SetAdmin(password)
}

// SetAdmin gives the local administrator a password; its sessions end.
func (a *Auth) SetAdmin(password secret.Text) error {
	if err := checkPassword(password); err != nil {
		return err.At("password")
	}
	if utf8.RuneCountInString(password.Reveal()) < adminShortest {
		return fault.New(fault.Invalid, "expected at least %d characters", adminShortest).At("password")
	}
	hash, err := newPasswordHash(a.o.Random, password)
	if err != nil {
		return err
	}
	// A hash is text: encoding it cannot fail.
	value, _ := json.Marshal(keptAdmin{recordVersion, hash.String()})
	note := AuditEntry{Act: PersonPassword, Name: LocalAdmin, Owner: LocalOwner, By: LocalOwner}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.audit.Commit(map[string][]byte{adminKey: value}, note); err != nil {
		return fmt.Errorf("keeping the administrator's password: %w", err)
	}
	a.people.admin.Store(&hash)
	a.people.endOf(LocalOwner)
	return nil
}

// Person is an identity of a person who may do everything, without limits.
func Person(owner, name string) Identity {
	id := NewIdentity(name, []Scope{Admin}, nil)
	id.Owner = owner
	return id
}

// SignIn is a name and a password, and where they come from.
type SignIn struct {
	Name          string
	Password      secret.Text
	Remote, Agent string
}

// SignIn answers a login of a person, and begins a session: the value of its
// cookie. The local administrator is judged here, others by Options.Person.
// The error is a Refusal, or fault.Offline: too many at once, or nobody to ask.
func (a *Auth) SignIn(ctx context.Context, s SignIn) (secret.Text, Identity, error) {
	if s.Name == "" || s.Password == "" {
		return "", Identity{}, refuse(Missing)
	}
	if wait, limited := a.o.Failures.Blocked(s.Remote); limited {
		return "", Identity{}, limitedFor(wait)
	}
	id, err := a.person(ctx, s)
	if fault.Is(err, fault.Denied) {
		err = a.refused(Unknown, s.Remote)
	}
	if err != nil {
		return "", Identity{}, err
	}
	text, _, err := a.StartSession(id)
	if err != nil {
		return "", Identity{}, err
	}
	from := newOrigin(Credential{Remote: s.Remote, Agent: s.Agent})
	a.audit.Record(AuditEntry{Act: PersonSignedIn, Name: id.Name, Owner: id.Owner, By: asker(&id), From: from.from, Agent: from.agent})
	return text, id, nil
}

// person is who a name and a password belong to. fault.Denied: nobody.
func (a *Auth) person(ctx context.Context, s SignIn) (Identity, error) {
	hash, local := nobody(), false
	if admin := a.people.admin.Load(); admin != nil && s.Name == LocalAdmin {
		hash, local = *admin, true
	}
	if local || a.o.Person == nil { // an unknown name takes as long as a known one
		right, err := a.oneHash(func() bool { return hash.matches(s.Password) })
		switch {
		case err != nil:
			return Identity{}, err
		case right && local:
			return Person(LocalOwner, LocalAdmin), nil
		}
	}
	if a.o.Person == nil || strings.ContainsFunc(s.Name, func(r rune) bool { return r < 0x20 }) {
		return Identity{}, refuse(Unknown)
	}
	return a.o.Person(ctx, s.Name, s.Password)
}

// StartSession begins a session for a person whose identity is known: the value
// of its cookie, and its end.
func (a *Auth) StartSession(id Identity) (secret.Text, time.Time, error) {
	text, err := NewToken(a.o.Random, sessionMark)
	if err != nil {
		return "", time.Time{}, err
	}
	now := a.o.Now()
	s := session{id, now.Add(sessionLife)}
	p := &a.people
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = make(map[[sha256.Size]byte]session)
	}
	for len(p.open) >= sessionsKept { // the one that ends first makes room
		var first [sha256.Size]byte
		end := s.until
		for digest, open := range p.open {
			if !open.until.After(end) {
				first, end = digest, open.until
			}
		}
		delete(p.open, first)
	}
	p.open[sha256.Sum256([]byte(text.Reveal()))] = s
	return text, s.until, nil
}

// Session is whose session a cookie's value belongs to. The error is a Refusal.
func (a *Auth) Session(cookie secret.Text) (Identity, error) {
	if cookie == "" {
		return Identity{}, refuse(Missing)
	}
	digest := sha256.Sum256([]byte(cookie.Reveal()))
	p := &a.people
	p.mu.Lock()
	s, ok := p.open[digest]
	p.mu.Unlock()
	switch {
	case !ok:
		return Identity{}, refuse(Unknown)
	case !a.o.Now().Before(s.until):
		return Identity{}, refuse(Expired)
	}
	return a.Again(s.id)
}

// EndSession ends a session; a value that belongs to none is no error.
func (a *Auth) EndSession(cookie secret.Text) {
	p := &a.people
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, sha256.Sum256([]byte(cookie.Reveal())))
}

// endOf ends the sessions of an owner.
func (p *people) endOf(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for digest, s := range p.open {
		if s.id.Owner == owner {
			delete(p.open, digest)
		}
	}
}

// forgetOld drops sessions that are over.
func (a *Auth) forgetOld() {
	now := a.o.Now()
	p := &a.people
	p.mu.Lock()
	defer p.mu.Unlock()
	for digest, s := range p.open {
		if !now.Before(s.until) {
			delete(p.open, digest)
		}
	}
}
