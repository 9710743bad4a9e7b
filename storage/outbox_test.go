package storage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/storage"
	"github.com/printwire/printwire/webhook"
)

// hit is a request as a receiver got it.
type hit struct {
	host, id, event string
	at              time.Time
	body            map[string]any
}

// receivers answer for all hosts. Without an answer it is 200.
type receivers struct {
	mu     sync.Mutex
	hits   []hit
	answer func(h hit, n int) (status int, header http.Header)
	// check, if set, looks at each request.
	check func(*http.Request)
}

// Statuses for no answer at all, and for one that takes a while.
const (
	hang = -1
	slow = -2
)

// RoundTrip takes the place of the network.
func (r *receivers) RoundTrip(req *http.Request) (*http.Response, error) {
	data, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	h := hit{host: req.URL.Host, id: req.Header.Get("webhook-id"), at: time.Now(), body: map[string]any{}}
	if err := json.Unmarshal(data, &h.body); err != nil {
		return nil, err
	}
	h.event, _ = h.body["event"].(string)
	r.mu.Lock()
	n := 0
	for _, o := range r.hits {
		if o.host == h.host && o.id == h.id {
			n++
		}
	}
	r.hits = append(r.hits, h)
	if r.check != nil {
		r.check(req)
	}
	status, header := http.StatusOK, http.Header{}
	if r.answer != nil {
		status, header = r.answer(h, n)
	}
	r.mu.Unlock()
	switch status {
	case hang:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case slow:
		<-time.After(10 * time.Second)
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("answer of " + h.id))}, nil
}

func (r *receivers) seen(host string) []hit {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []hit
	for _, h := range r.hits {
		if h.host == host {
			list = append(list, h)
		}
	}
	return list
}

// rig is a database with an outbox that runs, in a bubble of its own time.
type rig struct {
	*webhook.Outbox
	t     *testing.T
	path  string
	store *storage.Store
	net   *receivers
	end   func()
	// slow, if set, stands between the outbox and its store.
	slow func(webhook.Store) webhook.Store
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "printwire.db"), net: &receivers{}}
	r.start()
	t.Cleanup(func() { r.end() })
	return r
}

func (r *rig) start() {
	r.t.Helper()
	s, err := storage.Open(r.t.Context(), storage.Options{Path: r.path})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = s
	var store webhook.Store = s.Webhooks()
	if r.slow != nil {
		store = r.slow(store)
	}
	r.Outbox = webhook.New(webhook.Options{Store: store, Transport: r.net, Random: func() float64 { return 0.5 }})
	if err := r.Load(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = r.Run(ctx) })                                                            // owner: end cancels and waits
	group.Go(func() { _ = journal.Follow(ctx, slog.New(slog.DiscardHandler), r.store, r.Outbox) }) // owner: end cancels and waits
	r.end = sync.OnceFunc(func() {
		cancel()
		group.Wait()
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) add(host string, change ...func(*webhook.Endpoint)) webhook.Endpoint {
	r.t.Helper()
	e := webhook.Endpoint{Name: host, URL: secretURL(host), Events: []string{"*"}}
	for _, c := range change {
		c(&e)
	}
	e, err := r.Create(r.t.Context(), e)
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

func (r *rig) happen(names ...string) {
	r.t.Helper()
	var list []journal.Entry
	for _, name := range names {
		list = append(list, journal.Entry{Time: time.Now(), Name: name, PrinterID: 1, Serial: "S", Printer: "P", Job: "J"})
	}
	if err := r.store.Append(r.t.Context(), list); err != nil {
		r.t.Fatal(err)
	}
}

// progress is a milestone of the job.
func (r *rig) progress(mark int) {
	r.t.Helper()
	data, err := json.Marshal(printer.Detail{Milestone: &mark, MilestoneKind: "percent", Progress: &mark})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.Append(r.t.Context(), []journal.Entry{{Time: time.Now(), Name: "print_progress", PrinterID: 1, Job: "J", Data: data}}); err != nil {
		r.t.Fatal(err)
	}
}

// pass lets time go by, and the outbox work.
func (r *rig) pass(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
	synctest.Wait()
}

func (r *rig) states(id string) string {
	r.t.Helper()
	list, err := listed(r.Deliveries(r.t.Context(), id, webhook.Query{}))
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, d := range slices.Backward(list) {
		out = append(out, d.Entry.Name+" "+string(d.State))
	}
	return strings.Join(out, ", ")
}

func names(hits []hit) string {
	var out []string
	for _, h := range hits {
		out = append(out, h.event)
	}
	return strings.Join(out, " ")
}

func TestOutbox_TriesBySchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.net.answer = func(_ hit, n int) (int, http.Header) {
			if n < 4 {
				return 500, nil
			}
			return 204, nil
		}
		start := time.Now()
		r.happen("print_complete")
		r.pass(time.Hour)
		hits := r.net.seen("a.example")
		var gaps []string
		for i, h := range hits {
			if h.id != hits[0].id {
				t.Errorf("attempt %d has the id %s, the first had %s", i, h.id, hits[0].id)
			}
			gaps = append(gaps, h.at.Sub(start).Round(time.Second).String())
			start = h.at
		}
		if fmt.Sprint(gaps) != "[0s 5s 30s 2m0s 10m0s]" {
			t.Errorf("the pauses are %v", gaps)
		}
		d, err := r.Delivery(t.Context(), hits[0].id)
		if err != nil || d.State != webhook.Delivered || len(d.Attempts) != 5 || d.Attempts[0].Status != 500 || d.Attempts[4].Status != 204 || !strings.HasPrefix(d.Attempts[0].Response, "answer of msg_") || !strings.Contains(d.Request, "print_complete") {
			t.Errorf("the log has %+v (%v)", d, err)
		}
		if hits[0].id != "msg_1_"+e.ID {
			t.Errorf("the id is %s", hits[0].id)
		}
	})
}

func TestOutbox_FailsInTheEndAndIsRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		down := true
		r.net.answer = func(hit, int) (int, http.Header) {
			if down {
				return 500, nil
			}
			return 200, nil
		}
		r.happen("print_complete", "print_failed")
		r.pass(49 * time.Hour)
		if got := r.states(e.ID); got != "print_complete failed, print_failed failed" {
			t.Fatalf("after two days: %s", got)
		}
		r.net.mu.Lock()
		down = false
		r.net.mu.Unlock()
		count, err := r.Recover(t.Context(), e.ID, time.Now().Add(-72*time.Hour), nil)
		r.pass(10 * time.Minute)
		if err != nil || count != 2 || r.states(e.ID) != "print_complete delivered, print_failed delivered" {
			t.Errorf("%d were queued again (%v): %s", count, err, r.states(e.ID))
		}
		id := r.net.seen("a.example")[0].id
		before := len(r.net.seen("a.example"))
		if _, err := r.Redeliver(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute)
		if hits := r.net.seen("a.example"); len(hits) != before+1 || hits[len(hits)-1].id != id {
			t.Errorf("delivering again gave %d requests more", len(hits)-before)
		}
	})
}

func TestOutbox_Order(t *testing.T) {
	for ordered, want := range map[string]string{"lenient": "print_started print_started print_started print_complete", "strict": "print_started print_started print_started print_started"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.add("a.example", func(e *webhook.Endpoint) { e.Ordered = ordered })
			r.net.answer = func(h hit, _ int) (int, http.Header) {
				if h.event == "print_started" {
					return 500, nil
				}
				return 200, nil
			}
			r.happen("print_started", "print_complete")
			r.pass(4 * time.Minute)
			hits := r.net.seen("a.example")
			if got := names(hits[:4]); got != want {
				t.Errorf("%s: the order is %s, want %s", ordered, got, want)
			}
		})
	}
}

func TestOutbox_NoEndpointWaitsForAnother(t *testing.T) {
	for what, status := range map[string]int{"hang": hang, "answer late": slow} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			for i := range 60 {
				r.add(fmt.Sprintf("other%d.example", i))
			}
			r.add("sound.example")
			r.net.answer = func(h hit, _ int) (int, http.Header) {
				if h.host == "sound.example" {
					return 200, nil
				}
				return status, nil
			}
			for i := range 3 {
				start := time.Now()
				r.happen("print_complete")
				r.pass(16 * time.Second)
				hits := r.net.seen("sound.example")
				if len(hits) != i+1 {
					t.Fatalf("%d of %d events arrived", len(hits), i+1)
				}
				if took := hits[i].at.Sub(start); took > 20*time.Millisecond {
					t.Errorf("event %d took %s beside 60 endpoints that %s, want at most 20 ms", i, took, what)
				}
			}
		})
	}
}

func TestOutbox_RetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add("a.example")
		r.net.answer = func(_ hit, n int) (int, http.Header) {
			if n == 0 {
				return 429, http.Header{"Retry-After": {strconv.Itoa(90)}}
			}
			return 200, nil
		}
		start := time.Now()
		r.happen("print_started", "print_complete")
		r.pass(10 * time.Minute)
		hits := r.net.seen("a.example")
		if len(hits) < 2 || hits[1].at.Sub(start) < 90*time.Second {
			t.Errorf("the requests came at %v: the receiver had asked for 90 s", hits)
		}
	})
}

func TestOutbox_BreakerSparesTheReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.net.answer = func(hit, int) (int, http.Header) { return 500, nil }
		r.happen(slices.Repeat([]string{"print_complete"}, 200)...)
		r.pass(2 * time.Hour)
		if got := len(r.net.seen("a.example")); got < 10 || got > 40 {
			t.Errorf("%d requests in two hours for 200 deliveries", got)
		}
		if h, err := r.Health(e.ID); err != nil || h.Failures < 10 || h.LastError == "" || h.OpenUntil.IsZero() {
			t.Errorf("the health is %+v (%v)", h, err)
		}
	})
}

func TestOutbox_StopsWhileAReceiverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add("a.example")
		r.net.answer = func(_ hit, n int) (int, http.Header) {
			if n == 0 {
				return hang, nil
			}
			return 200, nil
		}
		r.happen("print_complete")
		r.pass(time.Second)
		start := time.Now()
		r.end()
		if took := time.Since(start); took > 0 {
			t.Errorf("stopping took %s", took)
		}
		r.start()
		r.pass(time.Second)
		if hits := r.net.seen("a.example"); len(hits) != 2 || hits[0].id != hits[1].id {
			t.Errorf("after the start the requests are %+v, want a second with the same id", hits)
		}
	})
}
