package storage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/secret"
	"github.com/printwire/printwire/storage"
	"github.com/printwire/printwire/webhook"
)

func hookTime() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }

func delivery(endpoint string, seq uint64) webhook.Delivery {
	return webhook.Delivery{
		Key: webhook.Key{Endpoint: endpoint, Seq: seq}, State: webhook.Waiting, Created: hookTime(), Due: hookTime(), Expires: hookTime().Add(time.Hour),
		Entry: journal.Entry{Seq: seq, Time: hookTime(), Name: "print_complete", Data: json.RawMessage(`{}`)},
	}
}

// listed is a page's deliveries.
func listed(p webhook.Page, err error) ([]webhook.Delivery, error) { return p.Deliveries, err }

func TestWebhooks_EndpointsKeepTheirSecrets(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "printwire.db")
	s, err := storage.Open(ctx, storage.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	want := webhook.Endpoint{
		ID: "wh_b", Name: "B", URL: "http://u/secret", Headers: map[string]secret.Text{"X": "header"}, Secret: "whsec_one", Previous: "whsec_two",
		PreviousUntil: hookTime(), Milestones: webhook.Milestones{Percent: []int{}}, Enabled: true, Created: hookTime().Add(time.Hour),
	}
	w := s.Webhooks()
	err = errors.Join(w.PutEndpoint(ctx, want), w.PutEndpoint(ctx, webhook.Endpoint{ID: "wh_c", Created: hookTime()}), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	w = mustOpen(t, storage.Options{Path: path}).Webhooks()
	list, err := w.Endpoints(ctx)
	if err != nil || len(list) != 2 || list[0].ID != "wh_c" {
		t.Fatalf("the endpoints are %v (%v), want the oldest first", list, err)
	}
	b := list[1]
	if b.URL != want.URL || b.Headers["X"] != "header" || b.Secret != "whsec_one" || b.Previous != "whsec_two" || b.Milestones.Percent == nil || !b.PreviousUntil.Equal(hookTime()) || !b.Enabled {
		t.Errorf("the endpoint came back as %#v", b)
	}
	if err := w.PutEndpoint(ctx, webhook.Endpoint{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an endpoint without an id gave %v", err)
	}
}

func TestWebhooks_EnqueueIsOnce(t *testing.T) {
	ctx := t.Context()
	full := false
	s := mustOpen(t, storage.Options{Step: func(step storage.Step) error {
		if full && step == storage.StepCommit {
			return errors.New("the disk is full")
		}
		return nil
	}})
	w := s.Webhooks()
	if err := w.PutEndpoint(ctx, webhook.Endpoint{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	full = true
	if err := w.Enqueue(ctx, 3, []webhook.Delivery{delivery("a", 3)}); err == nil {
		t.Error("a full disk gave no error")
	}
	full = false
	if n, _ := w.Next(ctx, "a"); n.HasQueued {
		t.Error("half of what failed is queued")
	}
	for range 2 {
		if err := w.Enqueue(ctx, 3, []webhook.Delivery{delivery("a", 2), delivery("a", 3), delivery("gone", 3)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Enqueue(ctx, 2, []webhook.Delivery{delivery("a", 1)}); err != nil {
		t.Fatal(err)
	}
	list, err := listed(w.Deliveries(ctx, "a", webhook.Query{}))
	if err != nil || len(list) != 2 || list[0].Seq != 3 || list[1].Seq != 2 {
		t.Errorf("the deliveries are %+v (%v)", list, err)
	}
	if seq, _ := w.Cursor(ctx); seq != 3 {
		t.Errorf("the cursor is %d", seq)
	}
	if list, _ := listed(w.Deliveries(ctx, "gone", webhook.Query{})); len(list) != 0 {
		t.Errorf("an endpoint that is no more has %d deliveries", len(list))
	}
}

func TestWebhooks_EachStateHasItsPlace(t *testing.T) {
	ctx := t.Context()
	w := mustOpen(t, storage.Options{}).Webhooks()
	record := func(s webhook.Step) {
		t.Helper()
		if err := w.Record(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"a", "ab"} {
		if err := w.PutEndpoint(ctx, webhook.Endpoint{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	record(webhook.Step{Endpoint: "ab", Deliveries: []webhook.Delivery{delivery("ab", 1)}})
	one, two, three := delivery("a", 1), delivery("a", 2), delivery("a", 3)
	record(webhook.Step{Endpoint: "a", Deliveries: []webhook.Delivery{one, two, three}})
	one.Apart, one.Due, one.State = true, hookTime().Add(time.Hour), webhook.Retrying
	record(webhook.Step{Endpoint: "a", Deliveries: []webhook.Delivery{one}})
	three.Apart, three.Due = true, hookTime().Add(time.Minute)
	record(webhook.Step{Endpoint: "a", Deliveries: []webhook.Delivery{three}})
	next, err := w.Next(ctx, "a")
	if err != nil || !next.HasQueued || next.Queued.Seq != 2 || !next.HasApart || next.Apart.Seq != 3 {
		t.Errorf("next is %+v (%v), want 2 in turn and 3 due first", next, err)
	}
	if n, err := w.Waiting(ctx, "a"); err != nil || n != 3 {
		t.Errorf("%d wait (%v), want one in turn and two apart", n, err)
	}
	due, err := w.Due(ctx, "a", webhook.Alone, hookTime().Add(time.Hour), 10)
	if err != nil || len(due) != 2 || due[0].Seq != 1 || due[1].Seq != 3 {
		t.Errorf("due are %+v (%v)", due, err)
	}
	two.State, two.Ended = webhook.Delivered, hookTime()
	health := webhook.Health{Failures: 3, LastError: "x"}
	record(webhook.Step{Endpoint: "a", Deliveries: []webhook.Delivery{two}, Health: &health, Remove: []webhook.Key{three.Key}})
	next, _ = w.Next(ctx, "a")
	if next.HasQueued || next.Apart.Seq != 1 {
		t.Errorf("next is %+v, want 1 alone", next)
	}
	if n, _ := w.Waiting(ctx, "a"); n != 1 {
		t.Errorf("%d wait, want one: of the others one has arrived, and one was removed", n)
	}
	if h, _ := w.Healths(ctx); h["a"] != health {
		t.Errorf("the healths are %+v", h)
	}
	if list, _ := listed(w.Deliveries(ctx, "a", webhook.Query{Ended: true})); len(list) != 1 || list[0].Seq != 2 {
		t.Errorf("ended are %+v", list)
	}
	if err := w.DeleteEndpoint(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	record(webhook.Step{Endpoint: "a", Deliveries: []webhook.Delivery{one}})
	if list, _ := listed(w.Deliveries(ctx, "a", webhook.Query{})); len(list) != 0 {
		t.Errorf("a deleted endpoint has %d deliveries", len(list))
	}
	if next, _ := w.Next(ctx, "ab"); next.Queued.Endpoint != "ab" {
		t.Errorf("another endpoint lost its delivery: %+v", next)
	}
}

func TestWebhooks_DeliveriesAndTrim(t *testing.T) {
	ctx := t.Context()
	w := mustOpen(t, storage.Options{}).Webhooks()
	for _, id := range []string{"a", "b"} {
		if err := w.PutEndpoint(ctx, webhook.Endpoint{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	var list []webhook.Delivery
	for i := range 40 {
		d := delivery("a", uint64(i+1))
		if i < 30 {
			d.State, d.Ended = webhook.Delivered, hookTime().Add(time.Duration(i)*time.Minute)
		}
		list = append(list, d)
	}
	if err := errors.Join(w.Record(ctx, webhook.Step{Endpoint: "a", Deliveries: list}), w.Record(ctx, webhook.Step{Endpoint: "b", Deliveries: []webhook.Delivery{delivery("b", 1)}})); err != nil {
		t.Fatal(err)
	}
	var seen []uint64
	q := webhook.Query{Limit: 7}
	for more := true; more; more = q.Before.Seq > 0 {
		page, err := w.Deliveries(ctx, "a", q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Deliveries {
			seen = append(seen, d.Seq)
		}
		q.Before = page.Next
	}
	if len(seen) != 40 || seen[0] != 40 || seen[39] != 1 {
		t.Errorf("the pages have %v", seen)
	}
	if n, err := w.Trim(ctx, "a", 20, hookTime().Add(5*time.Minute)); err != nil || n != 10 {
		t.Errorf("%d were dropped (%v), want 10 beyond the limit", n, err)
	}
	if n, err := w.Trim(ctx, "a", 20, hookTime().Add(15*time.Minute)); err != nil || n != 5 {
		t.Errorf("%d were dropped (%v), want 5 of old age", n, err)
	}
	if left, _ := listed(w.Deliveries(ctx, "a", webhook.Query{})); len(left) != 25 {
		t.Errorf("%d are left, want 15 ended and 10 that wait", len(left))
	}
	if _, err := w.Delivery(ctx, webhook.Key{Endpoint: "a", Seq: 1}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a dropped delivery gave %v", err)
	}
}

func TestWebhooks_Later(t *testing.T) {
	ctx := t.Context()
	w := mustOpen(t, storage.Options{}).Webhooks()
	if err := w.PutEndpoint(ctx, webhook.Endpoint{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	var list []webhook.Delivery
	for i, group := range []string{"J/percent", "", "K/percent", "J/percent"} {
		d := delivery("a", uint64(i+1))
		d.Group = group
		list = append(list, d)
	}
	if err := w.Record(ctx, webhook.Step{Endpoint: "a", Deliveries: list}); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint()
	for _, i := range []int{0, 2, 3} {
		later, err := w.Later(ctx, list[i])
		if err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprint(later, " ")
	}
	if got != "true false false " {
		t.Errorf("later are %s", got)
	}
}

// TestWebhooks_ARareStateAmongMany: one look at the deliveries has an end,
// however few of them are wanted, and the next goes on from there.
func TestWebhooks_ARareStateAmongMany(t *testing.T) {
	ctx := t.Context()
	w := mustOpen(t, storage.Options{}).Webhooks()
	for _, id := range []string{"a", "b", "c"} {
		if err := w.PutEndpoint(ctx, webhook.Endpoint{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	const count = 4500
	list := make([]webhook.Delivery, count)
	for i := range list {
		list[i] = delivery("b", uint64(i+1))
		list[i].Entry.PrinterID = 1
	}
	list[9].State, list[9].Ended = webhook.Failed, hookTime()
	list[10].State, list[10].Ended, list[10].Entry.PrinterID = webhook.Failed, hookTime(), 2
	for _, s := range []webhook.Step{{Endpoint: "a", Deliveries: []webhook.Delivery{delivery("a", 1)}}, {Endpoint: "b", Deliveries: list}, {Endpoint: "c", Deliveries: []webhook.Delivery{delivery("c", 1)}}} {
		if err := w.Record(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		q    webhook.Query
		want string
	}{
		"a state":               {webhook.Query{State: webhook.Failed}, "[11 10]"},
		"of one printer":        {webhook.Query{State: webhook.Failed, Printers: []int{1}}, "[10]"},
		"one by one":            {webhook.Query{State: webhook.Failed, Limit: 1}, "[11 10]"},
		"all of one printer":    {webhook.Query{Printers: []int{2}}, "[11]"},
		"ended, of no printer":  {webhook.Query{Ended: true, Printers: []int{}}, "[]"},
		"a state that is not":   {webhook.Query{State: webhook.Blocked}, "[]"},
		"since a later moment":  {webhook.Query{Since: hookTime().Add(time.Second)}, "[]"},
		"a state, and not over": {webhook.Query{State: webhook.Waiting, Ended: true}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			found, pages := []uint64{}, 0
			for more := true; more; more = c.q.Before.Seq > 0 {
				page, err := w.Deliveries(ctx, "b", c.q)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range page.Deliveries {
					found = append(found, d.Seq)
				}
				if c.q.Before = page.Next; pages > 0 && page.Next.Seq > count-2000 {
					t.Errorf("page %d ends at %v", pages, page.Next)
				}
				pages++
			}
			if fmt.Sprint(found) != c.want || pages < 3 || pages > 5 {
				t.Errorf("found %v in %d pages, want %s", found, pages, c.want)
			}
		})
	}
}
