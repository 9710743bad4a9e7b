package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/webhook"
)

// audience is one endpoint of the program that is killed, and what it has to get.
type audience struct {
	*receiver
	secret   string
	settings string
	// wants is written here by hand, not by the rules of the outbox.
	wants func(name string, milestone *int) bool
	// strict: first arrivals are in the order of events.
	strict bool
}

// audiences are three endpoints: one that hears everything, one that asks for
// nothing in particular, and one that wants little of it, but in order.
func audiences(t *testing.T) []*audience {
	t.Helper()
	usual := []string{"print_started", "print_progress", "print_complete", "print_failed", "print_stopped", "printer_offline", "printer_error"}
	list := []*audience{
		{
			receiver: newReceiver(t, "everything"), settings: `events: [ "*" ]`,
			wants: func(string, *int) bool { return true },
		},
		{
			receiver: newReceiver(t, "usual"),
			wants:    func(name string, _ *int) bool { return slices.Contains(usual, name) },
		},
		{
			receiver: newReceiver(t, "in_order"), strict: true,
			settings: `ordered: strict, events: [ print_started, print_progress, print_complete, print_failed, print_stopped ], milestones: { percent: [ 50 ] }`,
			wants: func(name string, milestone *int) bool {
				return slices.Contains(usual[:5], name) && (milestone == nil || *milestone == 50)
			},
		},
	}
	for i, a := range list {
		a.secret = "whsec_" + strings.Repeat(string(rune('A'+i)), 43) + "="
		random := rand.New(rand.NewPCG(uint64(i), 2026))
		a.slow = func() time.Duration { return time.Duration(random.IntN(30)) * time.Millisecond }
	}
	return list
}

// section is the part of the settings file that names them.
func section(list []*audience) string {
	var s strings.Builder
	s.WriteString("webhook_addresses: { loopback: true }\nwebhooks:\n")
	for _, a := range list {
		more := a.settings
		if more != "" {
			more = ", " + more
		}
		fmt.Fprintf(&s, "  - { name: %s, url: %q, secret: %q%s }\n", a.name, a.url, a.secret, more)
	}
	return s.String()
}

// listenTo adds the endpoints to the settings of the program, and lets each
// receiver have its whims until the curtain falls. It comes before the first life.
func (h *theatre) listenTo(list []*audience) {
	h.t.Helper()
	h.audiences = list
	f, err := os.OpenFile(filepath.Join(h.folder, "printwire.yaml"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(section(list))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	var group sync.WaitGroup
	end := make(chan struct{})
	h.calm = sync.OnceFunc(func() { close(end); group.Wait() })
	h.t.Cleanup(h.calm)
	for i, a := range list {
		random := rand.New(rand.NewPCG(uint64(i), 11))
		group.Go(func() { a.whims(random, end) }) // owner: calm ends and waits
	}
}

// promised are the ids of the deliveries that an endpoint has to get of the journal.
func (a *audience) promised(entries []journal.Entry) map[string]journal.Entry {
	list := map[string]journal.Entry{}
	for _, e := range entries {
		if _, name, milestone := nameIn(e); a.wants(name, milestone) {
			list[webhook.Key{Endpoint: a.name, Seq: e.Seq}.ID()] = e
		}
	}
	return list
}

// missing counts what has not arrived, and names the first.
func (h *theatre) missing() (n int, first string) {
	for _, a := range h.audiences {
		got := map[string]bool{}
		for _, p := range a.all() {
			got[p.id] = true
		}
		for id, e := range a.promised(h.entries) {
			if !got[id] {
				n, first = n+1, id+" "+about(e)
			}
		}
	}
	return n, first
}

// deliverRest is one more life when the stop left anything undelivered: it has
// to arrive without anything else happening. A delivery that failed three times
// by chance waits two minutes for its fourth try, and an endpoint that failed
// often is left alone for up to five.
func (h *theatre) deliverRest() {
	h.t.Helper()
	n, first := h.missing()
	h.t.Logf("%d deliveries were left when the program stopped (%s)", n, first)
	if n == 0 {
		return
	}
	cmd, done, at := h.begin()
	h.comeBack(at, done)
	eventually(h.t, "the rest is delivered", 8*time.Minute, func() (bool, string) {
		n, first := h.missing()
		return n == 0, fmt.Sprintf("%d are missing, among them %s", n, first)
	})
	h.end(cmd, done)
	h.read(true)
}

// verifyDelivered wants each endpoint to have got each event that it was
// promised, and nothing else: each under one id, each repeat the same to the
// byte, each signature good.
func (h *theatre) verifyDelivered() {
	h.t.Helper()
	again, refused := 0, 0
	for _, a := range h.audiences {
		promised := a.promised(h.entries)
		bodies, marks := map[string]string{}, map[string]string{}
		repeats, newest := 0, uint64(0)
		for _, p := range a.all() {
			if err := p.verified(h.t, a.secret, true); err != nil {
				h.t.Errorf("%s: the signature of %s: %v", a.name, p.id, err)
			}
			before, known := bodies[p.id]
			if known {
				repeats++
				if before != string(p.body) {
					h.t.Errorf("%s: %s came as %s and as %s", a.name, p.id, before, p.body)
				}
				continue
			}
			bodies[p.id] = string(p.body)
			e, ok := promised[p.id]
			if !ok {
				h.t.Errorf("%s: got %s, which it was not promised: %s", a.name, p.id, p.body)
				continue
			}
			h.sameEvent(a, p, e, marks)
			if a.strict && e.Seq < newest {
				h.t.Errorf("%s: event %d came after %d", a.name, e.Seq, newest)
			}
			newest = max(newest, e.Seq)
		}
		for id, e := range promised {
			if bodies[id] == "" {
				h.t.Errorf("%s: %s never came: %s", a.name, id, entryText(e))
			}
		}
		h.t.Logf("%s: %d promised, %d came, %d of them again, %d requests turned away", a.name, len(promised), len(bodies), repeats, a.turnedAway())
		again, refused = again+repeats, refused+a.turnedAway()
	}
	if len(h.back) > 50 && (again == 0 || refused == 0) {
		h.t.Errorf("nothing went wrong on the way: %d came again, %d were turned away", again, refused)
	}
}

// sameEvent wants a delivery to say what the journal has, and a milestone of a
// job to come under one id.
func (h *theatre) sameEvent(a *audience, p post, e journal.Entry, marks map[string]string) {
	h.t.Helper()
	b, err := p.told()
	job, name, milestone := nameIn(e)
	key := strings.TrimSpace(keyOf("", name, milestone))
	if err != nil || b.key() != key || b.Data.Serial != e.Serial || b.Data.Seq != e.Seq || b.Data.Job != e.Job {
		h.t.Errorf("%s: %s says %s, the journal has %s (%v)", a.name, p.id, p.body, entryText(e), err)
	}
	if milestone == nil {
		return
	}
	mark := e.Serial + " " + job + " " + key
	if other, again := marks[mark]; again {
		h.t.Errorf("%s: %s came as %s and as %s", a.name, mark, other, p.id)
	}
	marks[mark] = p.id
}
