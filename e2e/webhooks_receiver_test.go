package e2e_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// post is a request as a receiver got it.
type post struct {
	id     string
	header http.Header
	body   []byte
	at     time.Time
}

// hookBody is what the tests want to know of a default body.
type hookBody struct {
	Event string `json:"event"`
	Data  struct {
		Serial    string   `json:"serial_number"`
		Printer   string   `json:"printer"`
		File      string   `json:"filename"`
		Job       string   `json:"job"`
		Seq       uint64   `json:"seq"`
		Progress  *int     `json:"progress"`
		Layer     *int     `json:"layer"`
		Duration  *int     `json:"duration"`
		Used      *float64 `json:"filament_used"`
		Details   *string  `json:"filament_details"`
		Reason    *string  `json:"reason"`
		Milestone *int     `json:"milestone"`
		Kind      string   `json:"milestone_kind"`
		Status    string   `json:"status"`
	} `json:"data"`
}

func (p post) told() (b hookBody, err error) {
	err = json.Unmarshal(p.body, &b)
	return b, err
}

// key is the event and its milestone, "print_progress 25".
func (b hookBody) key() string {
	key := b.Event
	if b.Data.Milestone != nil {
		key += " " + jsonInt(*b.Data.Milestone)
		if b.Data.Kind != "percent" {
			key += " " + b.Data.Kind
		}
	}
	return key
}

// mood is what a receiver does with a request.
type mood int

const (
	willing mood = iota // takes it
	away                // hangs up before it has read it
	sick                // reads it, and answers 503
	mute                // takes it, and hangs up instead of answering
)

// receiver is a real HTTP server that keeps what it takes.
type receiver struct {
	url, name string

	mu      sync.Mutex
	mood    mood
	slow    func() time.Duration // how long it takes to answer once it has taken a request; nil is not at all
	posts   []post
	refused int
	changed chan struct{}
}

func newReceiver(t testing.TB, name string) *receiver {
	t.Helper()
	r := &receiver{name: name, changed: make(chan struct{})}
	server := httptest.NewUnstartedServer(r)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.Start()
	t.Cleanup(server.Close)
	r.url = server.URL + "/" + name
	return r
}

// ServeHTTP takes a request or not, as the mood is.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	at := time.Now()
	r.mu.Lock()
	m := r.mood
	if m == away || m == sick {
		r.refused++
	}
	r.mu.Unlock()
	if m == away {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // the sender died in the middle of it
	}
	if m == sick {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.mu.Lock()
	r.posts = append(r.posts, post{q.Header.Get("webhook-id"), q.Header, body, at})
	close(r.changed)
	r.changed = make(chan struct{})
	var pause time.Duration
	if r.slow != nil {
		pause = r.slow()
	}
	r.mu.Unlock()
	if m == mute {
		panic(http.ErrAbortHandler)
	}
	if pause > 0 {
		restFor(q.Context(), pause)
	}
}

func (r *receiver) set(m mood) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mood = m
}

// all are the requests that it has taken, in their order.
func (r *receiver) all() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.posts)
}

// until waits until what was taken is enough.
func (r *receiver) until(t testing.TB, what string, limit time.Duration, enough func([]post) bool) []post {
	t.Helper()
	deadline := time.After(limit)
	for {
		r.mu.Lock()
		posts, changed := slices.Clone(r.posts), r.changed
		r.mu.Unlock()
		if enough(posts) {
			return posts
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: %s did not come within %s; it got %q", r.name, what, limit, keys(posts))
		}
	}
}

// keys are the events of some requests, in their order.
func keys(posts []post) []string {
	list := make([]string, 0, len(posts))
	for _, p := range posts {
		b, err := p.told()
		if err != nil {
			list = append(list, "not JSON: "+string(p.body))
			continue
		}
		list = append(list, b.key())
	}
	return list
}

// verified checks a request as a receiver does that uses the library of Standard Webhooks.
func (p post) verified(t testing.TB, secret string, late bool) error {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if late {
		return v.VerifyIgnoringTimestamp(p.body, p.header)
	}
	return v.Verify(p.body, p.header)
}

// whims has a receiver be in a bad mood for a moment, again and again, until
// stop: which, when and how long, a seed says. A delivery that failed is tried
// again after 5 s, so most find it willing then, and some do not.
func (r *receiver) whims(random *rand.Rand, stop <-chan struct{}) {
	defer r.set(willing)
	first := true
	for {
		calm := 5500*time.Millisecond + time.Duration(random.IntN(3500))*time.Millisecond
		if first {
			calm = time.Duration(200+random.IntN(1500)) * time.Millisecond
		}
		first = false
		m := []mood{away, sick, mute}[random.IntN(3)]
		for _, next := range []struct {
			mood mood
			span time.Duration
		}{{willing, calm}, {m, time.Duration(300+random.IntN(1200)) * time.Millisecond}} {
			r.set(next.mood)
			select {
			case <-time.After(next.span):
			case <-stop:
				return
			}
		}
	}
}
