package storage_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/webhook"
)

// milestone is a milestone of the job that the journal has since a time.
func milestone(t *testing.T, mark int, at time.Time) journal.Entry {
	t.Helper()
	data, err := json.Marshal(printer.Detail{Milestone: &mark, MilestoneKind: "percent", Progress: &mark})
	if err != nil {
		t.Fatal(err)
	}
	return journal.Entry{Time: at, Name: "print_progress", PrinterID: 1, Job: "J", Data: data}
}

func TestOutbox_ProgressOfLongAgoIsNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		list := []journal.Entry{milestone(t, 25, time.Now().Add(-8*time.Hour)), milestone(t, 50, time.Now().Add(-time.Minute))}
		if err := r.store.Append(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute)
		if got := r.states(e.ID); got != "print_progress superseded, print_progress delivered" || len(r.net.seen("a.example")) != 1 {
			t.Errorf("after a start the deliveries are %s", got)
		}
		if err := r.store.Append(t.Context(), []journal.Entry{milestone(t, 75, time.Now().Add(-time.Hour))}); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute)
		if got := r.states(e.ID); !strings.HasSuffix(got, "print_progress expired") || len(r.net.seen("a.example")) != 1 {
			t.Errorf("after another start the deliveries are %s", got)
		}
	})
	synctest.Test(t, func(t *testing.T) { // One that has waited for its turn.
		r := newRig(t)
		e := r.add("a.example", func(e *webhook.Endpoint) { e.Ordered = "strict" })
		var up atomic.Bool
		r.net.answer = func(hit, int) (int, http.Header) {
			if up.Load() {
				return 200, nil
			}
			return 500, nil
		}
		r.happen("print_started")
		r.progress(25)
		r.pass(20 * time.Minute)
		up.Store(true)
		r.pass(2 * time.Hour)
		if got := r.states(e.ID); got != "print_started delivered, print_progress expired" {
			t.Errorf("behind a delivery that failed: %s", got)
		}
	})
}

func TestOutbox_ClockIsSetBackByHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		f.shift.Store(int64(10 * time.Hour)) // A clock in local time that is taken for UTC.
		var up atomic.Bool
		f.net.answer = func(h hit, n int) (int, http.Header) {
			switch {
			case up.Load():
				return 200, nil
			case h.host == "later.example":
				return 503, http.Header{"Retry-After": {"3600"}}
			}
			return 500, nil
		}
		for _, host := range []string{"a.example", "later.example"} {
			if _, err := f.Create(t.Context(), webhook.Endpoint{Name: host, URL: secretURL(host)}); err != nil {
				t.Fatal(err)
			}
		}
		hold, err := f.Create(t.Context(), webhook.Endpoint{Name: "hold", URL: secretURL("hold.example"), Quiet: webhook.Quiet{Mode: "hold", From: "09:00", To: "18:00"}})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 { // Until the breaker is open.
			f.happen(t, "print_started")
			wait(time.Minute)
		}
		up.Store(true)
		f.shift.Store(0)
		f.happen(t, "print_complete")
		wait(10 * time.Minute)
		for _, host := range []string{"a.example", "later.example"} {
			if got := names(f.net.seen(host)); !strings.HasSuffix(got, "print_complete") {
				t.Errorf("ten minutes after the clock was set back %s had got %s", host, got)
			}
		}
		if list, err := listed(f.Deliveries(t.Context(), hold.ID, webhook.Query{})); err != nil || len(list) != 9 || list[8].State != webhook.Delivered {
			t.Errorf("what was held by the wrong clock is %+v (%v)", list[len(list)-1], err)
		}
	})
}

func TestOutbox_EnabledWhileTheClockIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		f.shift.Store(int64(4 * 365 * 24 * time.Hour))
		e, err := f.Create(t.Context(), webhook.Endpoint{Name: "a", URL: secretURL("a.example")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Disable(t.Context(), e.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Enable(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		f.shift.Store(0)
		f.happen(t, "print_complete")
		wait(time.Minute)
		if got := names(f.net.seen("a.example")); got != "print_complete" {
			list, _ := listed(f.Deliveries(t.Context(), e.ID, webhook.Query{}))
			t.Errorf("after the clock was set right it got %q: %+v", got, list)
		}
	})
}

func TestOutbox_AClockThatJumpsAheadDisablesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		e, err := f.Create(t.Context(), webhook.Endpoint{Name: "a", URL: secretURL("a.example")})
		if err != nil {
			t.Fatal(err)
		}
		f.net.answer = func(hit, int) (int, http.Header) { return 500, nil }
		for range 10 {
			f.happen(t, "print_complete")
		}
		wait(3 * time.Hour)
		f.shift.Store(int64(30 * 24 * time.Hour)) // It was off for a month.
		wait(3 * time.Hour)
		if e, _ := f.Endpoint(e.ID); !e.Enabled {
			t.Errorf("after six hours of failures it is off: %+v", e.Disabled)
		}
		for range 8 {
			f.happen(t, "print_complete")
			wait(24 * time.Hour)
		}
		if e, _ := f.Endpoint(e.ID); e.Enabled {
			h, _ := f.Health(e.ID)
			t.Errorf("after eight days more it is on: %+v", h)
		}
	})
}

func TestOutbox_ManagedEndpointsStayOffOverAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		list := []webhook.Endpoint{{ // As the settings give it: lists that are empty, not missing.
			ID: "file_a", Name: "A", URL: secretURL("a.example"), Headers: map[string]secret.Text{}, Variables: map[string]string{}, Events: []string{}, Printers: []int{},
			Results: []printer.Result{}, Always: []string{}, Milestones: webhook.Milestones{MinutesLeft: []int{}}, Template: webhook.Template{Headers: map[string]string{}},
		}}
		if err := r.Manage(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		r.net.answer = func(hit, int) (int, http.Header) { return http.StatusGone, nil }
		r.happen("print_complete")
		r.pass(time.Minute)
		r.end()
		r.start()
		if err := r.Manage(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute)
		if e, _ := r.Endpoint("file_a"); e.Enabled || !e.Disabled.ByRule {
			t.Errorf("after a start it is %+v", e)
		}
		if got := len(r.net.seen("a.example")); got != 1 {
			t.Errorf("%d requests to a receiver that is gone", got)
		}
	})
}

func TestOutbox_StrictOrderAfterQuietHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add("a.example", func(e *webhook.Endpoint) {
			e.Ordered, e.Quiet = "strict", webhook.Quiet{Mode: "hold", From: "22:00", To: "07:00"}
		})
		r.net.answer = func(h hit, n int) (int, http.Header) {
			if h.event == "print_started" && n < 4 {
				return 500, nil
			}
			return 200, nil
		}
		r.happen("print_started", "print_complete")
		r.pass(8 * time.Hour)
		if got := names(r.net.seen("a.example")); got != "print_started print_started print_started print_started print_started print_complete" {
			t.Errorf("the order is %s", got)
		}
	})
}

func TestOutbox_AnEndpointThatIsOffForEverKeepsAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.add("a.example")
		r.net.answer = func(hit, int) (int, http.Header) { return http.StatusGone, nil }
		for range 30 {
			r.happen("print_complete")
			r.pass(24 * time.Hour)
		}
		if n, err := r.Retain(t.Context()); n == 0 || err != nil {
			t.Errorf("%d are dropped from the log (%v)", n, err)
		}
		list, err := listed(r.Deliveries(t.Context(), e.ID, webhook.Query{}))
		under := 0
		for _, d := range list {
			if !d.State.Over() {
				under++
			}
		}
		if err != nil || under > 9 || under < 7 || len(list) > 20 {
			t.Errorf("after 30 days %d deliveries wait and %d are kept (%v), want those of a week", under, len(list), err)
		}
	})
}

func TestOutbox_WhatIsDroppedIsDecidedByItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // It begins at midnight UTC.
		r := newRig(t)
		r.add("a.example", func(e *webhook.Endpoint) { e.Quiet = webhook.Quiet{Mode: "drop", From: "22:00", To: "07:00"} })
		evening := time.Now().Add(-4 * time.Hour)
		if err := r.store.Append(t.Context(), []journal.Entry{{Time: evening, Name: "print_failed", PrinterID: 1}, {Time: time.Now(), Name: "print_complete", PrinterID: 1}}); err != nil {
			t.Fatal(err)
		}
		r.pass(8 * time.Hour)
		if got := names(r.net.seen("a.example")); got != "print_failed" {
			t.Errorf("of an event before the quiet hours and one in them there came %q", got)
		}
	})
}

func TestOutbox_RetryAfterWithoutEnd(t *testing.T) {
	for _, value := range []string{"99999999999999999999999", "86400", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.add("a.example")
			r.net.answer = func(_ hit, n int) (int, http.Header) {
				if n == 0 {
					return 503, http.Header{"Retry-After": {value}}
				}
				return 200, nil
			}
			r.happen("print_complete")
			r.pass(23 * time.Hour)
			early := len(r.net.seen("a.example"))
			r.pass(2 * time.Hour)
			if got := fmt.Sprint(early, len(r.net.seen("a.example"))); got != "1 2" {
				t.Errorf("%s: requests before and after a day are %s", value, got)
			}
		})
	}
}
