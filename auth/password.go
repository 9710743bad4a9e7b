package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// The cost of a password hash: about 20 ms on a small server. Hashes that
// were made with other costs verify too, within the bounds.
const (
	hashMemory  = 19 * 1024 // KiB
	hashTime    = 2
	hashThreads = 1
	saltBytes   = 16
	hashBytes   = 32

	mostHashMemory = 256 * 1024
	mostHashTime   = 16

	// hashMark starts the text form of a hash.
	hashMark = "$argon2id$"
)

// hashTurn is how long a login waits for its turn to hash.
const hashTurn = 5 * time.Second

// passwordHash is an argon2id hash with its costs.
type passwordHash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

func newPasswordHash(random io.Reader, password secret.Text) (passwordHash, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return passwordHash{}, fault.New(fault.Internal, "reading random bytes for a salt: %w", err)
	}
	h := passwordHash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: salt}
	h.sum = h.of(password, hashBytes)
	return h, nil
}

// nobody is a hash with the usual costs that no password has.
func nobody() passwordHash {
	return passwordHash{
		memory: hashMemory, time: hashTime, threads: hashThreads,
		salt: make([]byte, saltBytes), sum: make([]byte, hashBytes),
	}
}

func (h passwordHash) of(password secret.Text, width int) []byte {
	return argon2.IDKey([]byte(password.Reveal()), h.salt, h.time, h.memory, h.threads, uint32(width))
}

func (h passwordHash) matches(password secret.Text) bool {
	return subtle.ConstantTimeCompare(h.of(password, len(h.sum)), h.sum) == 1
}

// String is the usual text form, with which a hash is kept.
func (h passwordHash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", hashMark, argon2.Version, h.memory, h.time, h.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// parsePasswordHash reads the text form; costs that would stall the bridge are refused.
func parsePasswordHash(text string) (passwordHash, error) {
	var h passwordHash
	var version int
	bad := fault.New(fault.Invalid, "expected a password, or a hash such as %sv=19$m=19456,t=2,p=1$salt$hash", hashMark)
	parts := strings.Split(strings.TrimPrefix(text, hashMark), "$")
	if len(parts) != 4 || !strings.HasPrefix(text, hashMark) {
		return h, bad
	}
	if n, err := fmt.Sscanf(parts[0], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return h, bad
	}
	if n, err := fmt.Sscanf(parts[1], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return h, bad
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[2])
	h.sum, err2 = base64.RawStdEncoding.DecodeString(parts[3])
	switch {
	case err1 != nil, err2 != nil, len(h.salt) < 8, len(h.sum) < 16, len(h.salt)+len(h.sum) > 256,
		h.memory < 8, h.memory > mostHashMemory, h.time < 1, h.time > mostHashTime, h.threads < 1:
		return h, bad
	}
	return h, nil
}

// oneHash runs fn when no other hash is being computed: a storm of logins
// costs time, not the machine. fault.Offline: the turn did not come.
func (a *Auth) oneHash(fn func() bool) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), hashTurn)
	defer cancel()
	select {
	case a.hasher <- struct{}{}:
		defer func() { <-a.hasher }()
		return fn(), nil
	case <-ctx.Done():
		return false, fault.New(fault.Offline, "too many logins at once")
	}
}

// How many proofs are remembered, and how long: a client that reconnects all
// the time costs one hash in this time.
const (
	proofsKept = 256
	proofLife  = 10 * time.Minute
)

// proofs remembers logins that were right, by a MAC under a key of this process.
type proofs struct {
	mu    sync.Mutex
	key   []byte
	until map[[sha256.Size]byte]time.Time
}

// mac binds the hash too: a proof of an old password is none of the new one.
func (p *proofs) mac(user string, hash passwordHash, password secret.Text) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, p.key)
	fmt.Fprintf(m, "%d:%s:%x:%s", len(user), user, hash.sum, password.Reveal())
	m.Sum(sum[:0])
	return sum
}

// knows tells whether this login was right a short time ago.
func (p *proofs) knows(user string, hash passwordHash, password secret.Text, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key == nil {
		return false
	}
	until, ok := p.until[p.mac(user, hash, password)]
	return ok && now.Before(until)
}

// learn remembers a login that was right.
func (p *proofs) learn(random io.Reader, user string, hash passwordHash, password secret.Text, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key == nil {
		key := make([]byte, sha256.Size)
		if _, err := io.ReadFull(random, key); err != nil {
			return // nothing is remembered, each login is hashed
		}
		p.key, p.until = key, make(map[[sha256.Size]byte]time.Time)
	}
	for mac, until := range p.until {
		if !now.Before(until) || len(p.until) >= proofsKept {
			delete(p.until, mac)
		}
	}
	p.until[p.mac(user, hash, password)] = now.Add(proofLife)
}

// forget drops everything: users have changed.
func (p *proofs) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.until)
}
