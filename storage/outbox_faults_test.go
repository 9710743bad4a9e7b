package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/storage"
	"github.com/printwire/printwire/webhook"
)

// faulty is an outbox whose disk can be full and whose clock can be set.
type faulty struct {
	*webhook.Outbox
	store *storage.Store
	net   *receivers
	full  atomic.Bool
	shift atomic.Int64
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{net: &receivers{}}
	s, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(t.TempDir(), "printwire.db"), Step: func(step storage.Step) error {
		if step == storage.StepCommit && f.full.Load() {
			return errors.New("the disk is full")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.store = s
	f.Outbox = webhook.New(webhook.Options{
		Store: s.Webhooks(), Transport: f.net, Random: func() float64 { return 0.5 },
		Now: func() time.Time { return time.Now().Add(time.Duration(f.shift.Load())) },
		Bus: webhook.Bus{URL: "http://supervisor/core/api/events/printwire_", Token: "TOKEN"},
	})
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = f.Run(ctx) })                                                      // owner: the clean-up cancels and waits
	group.Go(func() { _ = journal.Follow(ctx, slog.New(slog.DiscardHandler), s, f.Outbox) }) // owner: the clean-up cancels and waits
	t.Cleanup(func() {
		f.full.Store(false)
		cancel()
		group.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *faulty) happen(t *testing.T, name string) {
	t.Helper()
	if err := f.store.Append(t.Context(), []journal.Entry{{Time: time.Now(), Name: name, PrinterID: 1, Serial: "S", Job: "J"}}); err != nil {
		t.Fatal(err)
	}
}

func wait(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
	synctest.Wait()
}

func TestOutbox_AFullDiskIsNoReasonToSendAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		e, err := f.Create(t.Context(), webhook.Endpoint{Name: "a", URL: secretURL("a.example")})
		if err != nil {
			t.Fatal(err)
		}
		f.net.answer = func(_ hit, n int) (int, http.Header) {
			if n == 0 {
				f.full.Store(true)
			}
			return 200, nil
		}
		f.happen(t, "print_complete")
		wait(10 * time.Minute)
		if got := len(f.net.seen("a.example")); got != 1 {
			t.Errorf("%d requests while the answer could not be stored", got)
		}
		f.full.Store(false)
		wait(time.Minute)
		list, err := listed(f.Deliveries(t.Context(), e.ID, webhook.Query{}))
		if err != nil || len(list) != 1 || list[0].State != webhook.Delivered || len(f.net.seen("a.example")) != 1 {
			t.Errorf("afterwards there are %+v (%v)", list, err)
		}
	})
}

func TestOutbox_ClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		const years = 4 * 365 * 24 * time.Hour
		f.shift.Store(int64(years)) // The clock is wrong at first.
		if _, err := f.Create(t.Context(), webhook.Endpoint{Name: "a", URL: secretURL("a.example")}); err != nil {
			t.Fatal(err)
		}
		down := atomic.Bool{}
		down.Store(true)
		f.net.answer = func(hit, int) (int, http.Header) {
			if down.Load() {
				return 500, nil
			}
			return 200, nil
		}
		f.happen(t, "print_started")
		wait(time.Second)
		f.shift.Store(0) // It is set back: what is due then is years away.
		down.Store(false)
		f.happen(t, "print_complete")
		wait(5 * time.Minute)
		if got := names(f.net.seen("a.example")); got != "print_started print_started print_complete" {
			t.Errorf("after the clock was set back there came %s", got)
		}
		down.Store(true)
		f.happen(t, "print_failed")
		wait(time.Second)
		f.shift.Store(int64(years)) // It jumps ahead: all seems to be of old age.
		down.Store(false)
		wait(5 * time.Minute)
		if got := names(f.net.seen("a.example")); !strings.HasSuffix(got, "print_failed print_failed") {
			t.Errorf("after the clock jumped ahead there came %s", got)
		}
	})
}

func TestOutbox_HomeAssistantsBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		token := ""
		f.net.check = func(r *http.Request) { token = r.Header.Get("Authorization") + " " + r.URL.String() }
		if _, err := f.Create(t.Context(), webhook.Endpoint{Name: "Bus", Target: "home_assistant", Format: "home_assistant"}); err != nil {
			t.Fatal(err)
		}
		f.happen(t, "print_complete")
		wait(time.Second)
		hits := f.net.seen("supervisor")
		if len(hits) != 1 || hits[0].body["event"] != "print_complete" || token != "Bearer TOKEN http://supervisor/core/api/events/printwire_print_complete" {
			t.Errorf("the bus got %+v with %s", hits, token)
		}
	})
}
