package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// Store is where keys and users are kept. Put is one transaction; a nil value deletes.
type Store interface {
	// Value is what is kept under key. fault.NotFound: nothing.
	Value(key string) ([]byte, error)
	// Values are all pairs whose key starts with prefix.
	Values(prefix string) (map[string][]byte, error)
	Put(pairs map[string][]byte) error
}

// Options is what an Auth needs. Zero values take the defaults named beside them.
type Options struct {
	Store Store
	Log   *slog.Logger // silent
	Now   func() time.Time
	// NewID makes a ULID.
	NewID  func() string
	Random io.Reader // crypto/rand

	// Audit and Failures are shared with others that judge credentials; own
	// ones are made when they are missing.
	Audit    *Audit
	Failures *Limiter
	// Tokens are OAuth's access tokens; without them there are none.
	Tokens Tokens
	// OwnerCeiling is how often all keys of one owner may ask in a minute,
	// beside their plans: 1,000; less than 0 is without an end.
	OwnerCeiling int
	// Person asks somebody else, such as Home Assistant, whether a name and a
	// password belong together, and who that is. fault.Denied: they do not.
	Person func(ctx context.Context, name string, password secret.Text) (Identity, error)

	// AllowAdminKeys lets keys hold admin and the scopes that go with it.
	AllowAdminKeys bool
	// AuthOff: the installation checks nobody, so cloud:read has no meaning.
	AuthOff bool

	// Users are those of the settings; they hide kept ones of the same name.
	Users []User
	// Prefix and DiscoveryPrefix are the topics that the default rules protect:
	// printwire and homeassistant.
	Prefix, DiscoveryPrefix string
	// Serial is the serial of a printer id, for the topics of a key.
	Serial func(id int) (string, bool)
	// Simulated are the serials of printers that are none: test keys have the
	// topics of those alone. nil is none.
	Simulated func() []string
	// Revoked is told of each MQTTGrant.Name that lost its rights, so that its
	// sessions can be ended. It is called without a lock held.
	Revoked func(name string)
}

// flushEvery is how often what was learnt about the use of keys is written.
const flushEvery = time.Minute

// Auth answers who is asking. Make it with New, Load it before it is asked.
type Auth struct {
	o     Options
	audit *Audit

	keys   atomic.Pointer[index]
	owners atomic.Pointer[map[string]Owner]
	mu     sync.Mutex // of every change of keys, owners and users; before the audit's
	kick   chan struct{}

	rates     *Rates // of keys
	addresses *Rates
	tickets   tickets
	people    people

	users  atomic.Pointer[map[string]*account]
	proofs proofs
	hasher chan struct{} // holds one token: one password hash at a time
}

// New makes an Auth. It reads and starts nothing.
func New(o Options) *Auth {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Prefix == "" {
		o.Prefix = "printwire"
	}
	if o.DiscoveryPrefix == "" {
		o.DiscoveryPrefix = "homeassistant"
	}
	o.Log = o.Log.With("component", "auth")
	if o.Failures == nil {
		o.Failures = NewLimiter(o.Now)
	}
	if o.Audit == nil {
		o.Audit = NewAudit(o.Store, o.Now)
	}
	if o.OwnerCeiling == 0 {
		o.OwnerCeiling = ownerLimit
	}
	a := &Auth{
		o: o, audit: o.Audit, kick: make(chan struct{}, 1), hasher: make(chan struct{}, 1),
		rates: NewRates(o.Now), addresses: NewRates(o.Now),
	}
	a.audit.hurry = a.hurry
	a.o.Failures.full = a.badAddress
	a.keys.Store(newIndex())
	a.owners.Store(&map[string]Owner{})
	a.users.Store(&map[string]*account{})
	return a
}

// Load reads keys and users, and makes Home Assistant's login if there is none.
// fault.Invalid: a user of the settings is not usable; all problems at once.
func (a *Auth) Load() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.o.Store == nil || a.o.NewID == nil {
		return fault.New(fault.Internal, "auth needs a store and a source of ids")
	}
	if err := a.loadOwners(); err != nil {
		return err // without them keys would open too much
	}
	return errors.Join(a.audit.Load(), a.loadKeys(), a.loadUsers(), a.loadAdmin())
}

// Audit is the record of what was done.
func (a *Auth) Audit() *Audit { return a.audit }

// Take asks for one request of a class, under the plan of who asks.
func (a *Auth) Take(id Identity, class Class) Rate {
	owner := id.Owner
	if id.KeyID == "" {
		owner = ""
	}
	return a.rates.Take(id.Subject(), id.plan, class, owner, max(0, a.o.OwnerCeiling))
}

// TakeAddress asks for one request of an address, or of the /64 of an IPv6
// one, on the routes that ask for no credential. What is no address passes.
func (a *Auth) TakeAddress(remote string) Rate {
	address, ok := limitAddress(remote)
	if !ok {
		return Rate{OK: true}
	}
	return a.addresses.take(who{address: address}, Plan{Read: addressLimit}, ReadClass, "", 0)
}

// badAddress notes an address whose failures became too many.
func (a *Auth) badAddress(address netip.Addr) {
	a.audit.Record(AuditEntry{Act: BadCredentials, From: address.String(), Detail: "too many failed attempts"})
}

// Run keeps the records of use until ctx ends: a flush each minute, on the
// first use of a key, and at the end; tombstones that are over go; expired keys
// lose their sessions.
func (a *Auth) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	last := a.o.Now()
	for {
		select {
		case <-ctx.Done():
			return a.flush()
		case <-a.kick:
			a.report(a.flush())
		case <-tick.C:
			a.report(a.flush())
			a.report(a.sweep())
			a.forgetOld()
			now := a.o.Now()
			a.endExpired(last, now)
			last = now
		}
	}
}

// report logs what Run could not do: nobody waits for its answer.
func (a *Auth) report(err error) {
	if err != nil {
		a.o.Log.Warn("keeping records of keys failed", "error", err)
	}
}
