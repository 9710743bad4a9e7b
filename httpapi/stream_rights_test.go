package httpapi_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/httpapi"
)

// realKeys are those of the fixture.
type realKeys = httpapi.Keys

// withdrawn are keys of which a good one can become a bad one.
type withdrawn struct {
	realKeys
	gone atomic.Bool
}

func (w *withdrawn) Again(id auth.Identity) (auth.Identity, error) {
	if !w.gone.Load() {
		return w.realKeys.Again(id)
	}
	_, err := w.Check(auth.Credential{Text: "pw_live_nobody"})
	return auth.Identity{}, err
}

func TestEvents_ABusyStreamEndsWithItsRightsToo(t *testing.T) {
	var later atomic.Int64
	keys := &withdrawn{}
	f := newFixture(t, func(o *httpapi.Options) {
		keys.realKeys = o.Keys
		o.Keys, o.Now = keys, func() time.Time { return start().Add(time.Duration(later.Load())) }
	})
	resp, lines := f.open(t, listen(t, f.handler), "/api/v1/events", f.reader())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("opened with %d", resp.StatusCode)
	}
	next(t, lines, "retry: ")
	f.ledger.add("print_started", 1)
	next(t, lines, "event: print_started")
	keys.gone.Store(true)
	// Each event comes before the stream has been quiet for the time of a sign of life.
	later.Add(int64(10 * time.Second))
	f.ledger.add("door_opened", 1)
	next(t, lines, "event: door_opened")
	later.Add(int64(10 * time.Second))
	f.ledger.add("door_closed", 1) // which it may tell before it looks
	for range lines {              // it ends, or the test runs out of time
	}
}

func TestEvents_AKeyThatIsRevokedWhileItOpensGetsNoStream(t *testing.T) {
	keys := &withdrawn{}
	f := newFixture(t, func(o *httpapi.Options) { keys.realKeys, o.Keys = o.Keys, keys })
	key := f.reader()
	keys.gone.Store(true)
	if got := f.get("/api/v1/events", key); got.code != http.StatusUnauthorized {
		t.Errorf("answered %d, want 401", got.code)
	}
	if _, err := keys.Again(auth.Identity{}); !errors.As(err, new(*auth.Refusal)) {
		t.Errorf("the test's own refusal: %v", err)
	}
}
