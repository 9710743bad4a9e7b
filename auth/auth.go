package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/printwire/printwire/fault"
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
	// Revoked is told of each MQTTGrant.Name that lost its rights, so that its
	// sessions can be ended. It is called without a lock held.
	Revoked func(name string)
}

// flushEvery is how often what was learnt about the use of keys is written.
const flushEvery = time.Minute

// Auth answers who is asking. Make it with New, Load it before it is asked.
type Auth struct {
	o        Options
	failures *Limiter

	// index is by the digest of a key and never changed, only replaced.
	index atomic.Pointer[map[[sha256.Size]byte]*entry]
	mu    sync.Mutex // of every change of keys and users
	kick  chan struct{}

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
	a := &Auth{o: o, failures: NewLimiter(o.Now), kick: make(chan struct{}, 1), hasher: make(chan struct{}, 1)}
	a.index.Store(&map[[sha256.Size]byte]*entry{})
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
	return errors.Join(a.loadKeys(), a.loadUsers())
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
