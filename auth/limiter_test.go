package auth_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
)

func TestLimiter_Steps(t *testing.T) {
	c := newClock()
	l := auth.NewLimiter(c.Now)
	for i := range 10 {
		if _, limited := l.Fail("10.0.0.1:1"); limited {
			t.Fatalf("failure %d is limited", i+1)
		}
		c.add(100 * time.Millisecond)
	}
	wait, limited := l.Fail("10.0.0.1:2")
	if !limited || wait < 58*time.Second || wait > time.Minute {
		t.Errorf("the 11th failure: %v, %v, want to wait until the minute has room", wait, limited)
	}
	if _, blocked := l.Blocked("10.0.0.1"); !blocked {
		t.Error("not blocked")
	}
	if _, limited := l.Fail("10.0.0.2:1"); limited {
		t.Error("another address waits too")
	}
	c.add(time.Minute)
	if _, blocked := l.Blocked("10.0.0.1"); blocked {
		t.Error("still blocked after a minute")
	}
}

func TestLimiter_Doubles(t *testing.T) {
	c := newClock()
	l := auth.NewLimiter(c.Now)
	var waits []time.Duration
	for len(waits) < 7 {
		if wait, limited := l.Fail("10.0.0.1"); limited {
			waits = append(waits, wait)
			c.add(wait)
			continue
		}
		c.add(time.Millisecond)
	}
	for i := 1; i < len(waits); i++ {
		if waits[i] < waits[i-1] || waits[i] > 15*time.Minute {
			t.Errorf("waits %v do not grow to 15 min", waits)
		}
	}
	if last := waits[len(waits)-1]; last < 14*time.Minute {
		t.Errorf("waits %v, want the last at 15 min", waits)
	}
	c.add(2 * time.Hour)
	for range 10 {
		if _, limited := l.Fail("10.0.0.1"); limited {
			t.Error("not forgotten after two quiet hours")
		}
	}
	if wait, _ := l.Fail("10.0.0.1"); wait > time.Minute {
		t.Errorf("the wait is %v after two quiet hours, want it short again", wait)
	}
}

func TestLimiter_Addresses(t *testing.T) {
	for _, c := range []struct {
		name, one, two string
		same           bool
	}{
		{"ports do not count", "10.0.0.1:1", "10.0.0.1:2", true},
		{"with and without a port", "10.0.0.1", "10.0.0.1:2", true},
		{"a mapped address is the same", "[::ffff:10.0.0.1]:1", "10.0.0.1:2", true},
		{"a /64 is one", "[2001:db8::1]:1", "[2001:db8::ffff]:1", true},
		{"another /64 is another", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"a zone does not count", "[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
		{"no address is not limited", "", "@", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := auth.NewLimiter(newClock().Now)
			for range 50 {
				l.Fail(c.one)
			}
			if _, limited := l.Fail(c.two); limited != c.same {
				t.Errorf("%s limits %s: %v", c.one, c.two, limited)
			}
		})
	}
}

// TestLimiter_Property: whatever the rhythm, no minute has more than 10 judged
// failures and no hour more than 100, and nobody waits longer than 15 minutes
// in one go for the sake of the block.
func TestLimiter_Property(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 7))
		c := newClock()
		l := auth.NewLimiter(c.Now)
		var judged []time.Time
		for range 3000 {
			before := c.Now()
			wait, limited := l.Fail("10.0.0.1")
			if limited != (wait > 0) || wait > 15*time.Minute {
				t.Fatalf("seed %d: wait %v, limited %v", seed, wait, limited)
			}
			if !limited {
				judged = append(judged, before)
			}
			c.add(time.Duration(r.ExpFloat64() * float64(time.Second) * float64(1+seed%20)))
		}
		for _, w := range []struct {
			span time.Duration
			most int
		}{{time.Minute, 10}, {time.Hour, 100}} {
			for i := range judged {
				if j := i + w.most; j < len(judged) && judged[j].Sub(judged[i]) < w.span {
					t.Fatalf("seed %d: %d failures within %v", seed, w.most+1, w.span)
				}
			}
		}
		if len(judged) < 30 {
			t.Fatalf("seed %d: only %d were judged", seed, len(judged))
		}
	}
}

func TestLimiter_Bounded(t *testing.T) {
	l := auth.NewLimiter(newClock().Now)
	for i := range 20_000 {
		l.Fail(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	for range 20 {
		l.Fail("10.0.78.31") // among the last
	}
	if _, limited := l.Fail("10.0.78.31"); !limited {
		t.Error("a recent address was forgotten")
	}
}

func TestAuth_CheckLimited(t *testing.T) {
	r := open(t, nil, nil)
	good, _ := create(t, r, auth.NewKey{})
	const remote = "172.30.32.1:9999"
	for i := range 30 {
		_, err := r.Check(auth.Credential{Text: "pw_live_wrong", Remote: remote})
		want := auth.Malformed
		if i >= 10 {
			want = auth.Limited
		}
		if auth.ReasonOf(err) != want || (want == auth.Limited) != (auth.RetryAfter(err) > 0) {
			t.Fatalf("failure %d: %v, wait %v, want %s", i+1, err, auth.RetryAfter(err), want)
		}
		if _, err := r.Check(auth.Credential{Text: good, Remote: remote}); err != nil {
			t.Fatalf("a valid key from the same address: %v", err)
		}
		if _, err := r.Check(auth.Credential{Remote: remote}); auth.ReasonOf(err) != auth.Missing {
			t.Fatalf("no credential from the same address: %v", err)
		}
	}
	if auth.Limited.Code(auth.ByHeader) != "RATE_LIMITED" {
		t.Error("another code")
	}
}
