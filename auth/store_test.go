package auth_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

// memory is a store in memory.
type memory struct {
	mu    sync.Mutex
	pairs map[string][]byte
	puts  int
	fail  error
}

func (m *memory) Value(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.pairs[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "no %s", key)
	}
	return v, nil
}

func (m *memory) Values(prefix string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string][]byte{}
	for k, v := range m.pairs {
		if strings.HasPrefix(k, prefix) {
			found[k] = v
		}
	}
	return found, m.fail
}

func (m *memory) Put(pairs map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.pairs == nil {
		m.pairs = map[string][]byte{}
	}
	m.puts++
	for k, v := range pairs {
		if v == nil {
			delete(m.pairs, k)
			continue
		}
		m.pairs[k] = v
	}
	return nil
}

func (m *memory) copy() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.pairs)
}

func (m *memory) writes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.puts
}

func (m *memory) breakDown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

var errDisk = errors.New("disk full")

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is an Auth with its surroundings.
type rig struct {
	*auth.Auth
	store   *memory
	clock   *clock
	revoked []string
}

// open makes and loads an Auth over the store of another, or a new one.
func open(t testing.TB, store *memory, change func(*auth.Options)) *rig {
	t.Helper()
	if store == nil {
		store = &memory{}
	}
	r := &rig{store: store, clock: newClock()}
	n := 0
	o := auth.Options{
		Store: store, Now: r.clock.Now,
		NewID:   func() string { n++; return fmt.Sprintf("01TEST%020d", n) },
		Serial:  func(id int) (string, bool) { return fmt.Sprintf("SERIAL%d", id), id < 100 },
		Revoked: func(name string) { r.revoked = append(r.revoked, name) },
	}
	if change != nil {
		change(&o)
	}
	r.Auth = auth.New(o)
	if err := r.Load(); err != nil {
		t.Fatal(err)
	}
	return r
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
