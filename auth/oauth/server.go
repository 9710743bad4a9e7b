package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// How long things live.
const (
	codeLife    = time.Minute
	accessLife  = time.Hour
	refreshLife = 30 * 24 * time.Hour
	grace       = 10 * time.Second // in which a lost answer is given again
	consentLife = 10 * time.Minute
)

// Options is what a Server needs.
type Options struct {
	Store    auth.Store
	Audit    *auth.Audit
	Failures *auth.Limiter
	Log      *slog.Logger
	Now      func() time.Time
	NewID    func() string // ULIDs
	Random   io.Reader     // crypto/rand
	// Issuer is the configured public URL, "" when there is none.
	Issuer string
	// AllowAdmin lets clients be granted what only administrators' keys hold.
	AllowAdmin bool
	// Revoked is told the id of each grant that ended. No lock is held.
	Revoked func(grant string)
}

type digest = [sha256.Size]byte

func digestOf(text secret.Text) digest { return sha256.Sum256([]byte(text.Reveal())) }

// Server is the authorization server. Make it with New, Load it before it is asked.
type Server struct {
	o Options

	// writing is held over every change, with its write; before mu. A grant is
	// never changed, only replaced.
	writing sync.Mutex
	replays map[digest]replay
	pages   map[string]*consent
	devices map[string]*device // by user code
	guesses map[string]guess   // by person

	mu      sync.RWMutex
	clients map[string]client
	grants  map[string]*grant
	access  map[digest]*grant
}

// New makes a Server. It reads and starts nothing.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	o.Log = o.Log.With("component", "oauth")
	return &Server{
		o: o, replays: make(map[digest]replay), pages: make(map[string]*consent), devices: make(map[string]*device),
		guesses: make(map[string]guess), clients: make(map[string]client), grants: make(map[string]*grant), access: make(map[digest]*grant),
	}
}

// Load reads clients and grants.
func (s *Server) Load() error {
	if s.o.Store == nil || s.o.NewID == nil || s.o.Audit == nil || s.o.Failures == nil {
		return fault.New(fault.Internal, "oauth needs a store, ids, an audit and a limiter")
	}
	clients, err := loadAll[client](s.o.Store, clientRoot)
	if err != nil {
		return err
	}
	grants, err := loadAll[grant](s.o.Store, grantRoot)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range clients {
		s.clients[c.ID] = c
	}
	for _, g := range grants {
		s.put(&g)
	}
	return nil
}

// Run forgets what is over, once a minute, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.sweep(); err != nil {
				s.o.Log.Warn("forgetting what is over failed", "error", err)
			}
		}
	}
}

func (s *Server) sweep() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	now := s.o.Now()
	for key, r := range s.replays {
		if !now.Before(r.until) {
			delete(s.replays, key)
		}
	}
	for key, c := range s.pages {
		if !now.Before(c.until) {
			delete(s.pages, key)
		}
	}
	for key, d := range s.devices {
		if !now.Before(d.until.Add(time.Minute)) { // told as expired for a while
			delete(s.devices, key)
		}
	}
	for key, g := range s.guesses {
		if !now.Before(g.until) {
			delete(s.guesses, key)
		}
	}
	var over []*grant
	gone := make(map[string][]byte)
	for _, g := range s.all() {
		if !now.Before(g.end()) {
			over = append(over, g)
			gone[grantRoot+g.ID] = nil
		}
	}
	if len(over) == 0 {
		return nil
	}
	if err := s.o.Store.Put(gone); err != nil {
		return fmt.Errorf("forgetting %d grants: %w", len(over), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range over {
		s.drop(g)
	}
	return nil
}

// fail counts a wrong credential of an address; the error is why, or that the
// address has to wait.
func (s *Server) fail(remote string, why *Error) error {
	if wait, limited := s.o.Failures.Fail(remote); limited {
		return limitedFor(wait)
	}
	return why
}

func limitedFor(wait time.Duration) *Error {
	return &Error{Code: RateLimited, Description: "too many failed attempts from this address", RetryAfter: wait}
}
