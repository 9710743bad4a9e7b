package auth_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/auth"
)

// TestRates_Property: whatever the rhythm, no window of any length holds more
// than its limit, Remaining is what is really left, Reset is when one more
// frees, and nobody who waits as told waits in vain.
func TestRates_Property(t *testing.T) {
	plans := append(auth.Plans()[:3], auth.Plan{Name: auth.PlanCustom, Minute: 20, Hour: 100, Read: 15, Write: 5, Control: 2})
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		plan := plans[seed%4]
		c := newClock()
		rates := auth.NewRates(c.Now)
		var taken [3][]time.Time
		var all []time.Time
		pace := []float64{0.01, 0.2, 1, 30}[r.IntN(4)]
		for range 4000 {
			class := auth.Class(r.IntN(3))
			rate := rates.Take("key", plan, class, "", 0)
			if rate.OK {
				taken[class], all = append(taken[class], c.Now()), append(all, c.Now())
			} else {
				waited := newClockAt(c.Now().Add(time.Duration(rate.RetryAfter) * time.Second))
				c.add(waited.Now().Sub(c.Now()))
				again := rates.Take("key", plan, class, "", 0)
				if !again.OK || len(rate.Violated()) == 0 || rate.Remaining != 0 || rate.Reason() == "" {
					t.Fatalf("seed %d: told to wait %d s for %v, then %+v", seed, rate.RetryAfter, rate.Violated(), again)
				}
				taken[class], all = append(taken[class], c.Now()), append(all, c.Now())
			}
			c.add(time.Duration(r.ExpFloat64() * pace * float64(time.Second)))
		}
		for i, limit := range []int{plan.Read, plan.Write, plan.Control} {
			never(t, seed, taken[i], limit, time.Minute)
		}
		never(t, seed, all, plan.Minute, time.Minute)
		never(t, seed, all, plan.Hour, time.Hour)
	}
}

// never fails when a window holds more than its limit.
func never(t *testing.T, seed uint64, at []time.Time, limit int, span time.Duration) {
	t.Helper()
	for i := 0; limit > 0 && i+limit < len(at); i++ {
		if at[i+limit].Sub(at[i]) < span {
			t.Fatalf("seed %d: %d in less than %v", seed, limit+1, span)
		}
	}
}

func newClockAt(at time.Time) *clock { return &clock{now: at} }

// TestRates_RemainingNeverLies: what is said to remain can be taken at once,
// and not one more; and at Reset one more can.
func TestRates_RemainingNeverLies(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		plan := auth.Plan{Name: auth.PlanCustom, Minute: 5 + r.IntN(40), Hour: 30 + r.IntN(90), Read: 3 + r.IntN(30)}
		c := newClock()
		c.add(time.Duration(r.IntN(100_000)) * time.Millisecond)
		rates := auth.NewRates(c.Now)
		var last auth.Rate
		for range r.IntN(120) {
			last = rates.Take("key", plan, auth.ReadClass, "", 0)
			c.add(time.Duration(r.ExpFloat64() * float64(20*time.Second)))
		}
		last = rates.Take("key", plan, auth.ReadClass, "", 0)
		for left := last.Remaining; left > 0; left-- {
			next := rates.Take("key", plan, auth.ReadClass, "", 0)
			if !next.OK || next.Remaining != left-1 {
				t.Fatalf("seed %d: %d were said to remain, then %+v", seed, left, next)
			}
			last = next
		}
		full := rates.Take("key", plan, auth.ReadClass, "", 0)
		if full.OK {
			t.Fatalf("seed %d: one more than was said", seed)
		}
		c.add(time.Unix(full.Reset, 0).Sub(c.Now()))
		if full.RetryAfter > 60*61 || full.RetryAfter < 1 {
			t.Errorf("seed %d: wait %d s", seed, full.RetryAfter)
		}
		if after := rates.Take("key", plan, auth.ReadClass, "", 0); !after.OK && len(full.Violated()) == 1 {
			t.Fatalf("seed %d: nothing is free at Reset: %+v, then %+v", seed, full, after)
		}
	}
}

// TestRates_Concurrent: of many at once exactly as many pass as fit, and each
// of them is told another number of what remains.
func TestRates_Concurrent(t *testing.T) {
	c := newClock()
	rates := auth.NewRates(c.Now)
	plan := auth.Plan{Name: auth.PlanCustom, Minute: 300, Hour: 500, Read: 200}
	for minute, want := range []int{200, 200, 100, 0} {
		told := make([]atomic.Int32, want+1)
		var passed atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 40 {
					rate := rates.Take("key", plan, auth.ReadClass, "", 0)
					if rate.OK && rate.Remaining < want {
						told[rate.Remaining].Add(1)
					}
					if rate.OK {
						passed.Add(1)
					} else if rate.Remaining != 0 || rate.RetryAfter < 1 {
						t.Errorf("refused with %d remaining, to wait %d s", rate.Remaining, rate.RetryAfter)
					}
				}
			})
		}
		wg.Wait()
		if int(passed.Load()) != want {
			t.Fatalf("minute %d: %d passed, want %d", minute, passed.Load(), want)
		}
		for i := range want {
			if told[i].Load() != 1 {
				t.Errorf("minute %d: %d were told that %d remain", minute, told[i].Load(), i)
			}
		}
		c.add(time.Minute)
	}
}

func TestRates_Headers(t *testing.T) {
	c := newClock()
	rates := auth.NewRates(c.Now)
	team := auth.Plans()[2]
	rate := rates.Take("key", team, auth.ReadClass, "", 0)
	want := auth.RateHeaders{
		Limit: "300", Remaining: "299", Reset: fmt.Sprint(c.Now().Unix() + 60),
		Policy: `"minute";q=300;w=60,"hour";q=10000;w=3600`, State: `"minute";r=299;t=60`,
	}
	if got := rate.Headers(); got != want {
		t.Errorf("headers %+v, want %+v", got, want)
	}
	home := auth.Plans()[0]
	for range 10 {
		rate = rates.Take("other", home, auth.ControlClass, "", 0)
	}
	c.add(10 * time.Second)
	rate = rates.Take("other", home, auth.ControlClass, "", 0)
	h := rate.Headers()
	if rate.OK || h.RetryAfter != "50" || h.State != `"control";r=0;t=50` || rate.Reason() != "Control limit of 10 per minute reached." {
		t.Errorf("refused: %+v, %q", h, rate.Reason())
	}
	if read := rates.Take("other", home, auth.ReadClass, "", 0); !read.OK || read.Remaining != 99 {
		t.Errorf("another class: %+v", read)
	}
	free := rates.Take("x", auth.Plan{Name: auth.PlanUnlimited}, auth.ReadClass, "", 0)
	if h := free.Headers(); !free.OK || h != (auth.RateHeaders{}) {
		t.Errorf("without limits: %+v", h)
	}
}

func TestRates_AllOrNone(t *testing.T) {
	c := newClock()
	rates := auth.NewRates(c.Now)
	plan := auth.Plan{Name: auth.PlanCustom, Minute: 10, Write: 1}
	for range 5 { // four of them are refused by the class, and take nothing of the minute
		rates.Take("key", plan, auth.WriteClass, "", 0)
	}
	if rate := rates.Take("key", plan, auth.ReadClass, "", 0); rate.Remaining != 8 {
		t.Errorf("remaining %d of the minute, want 8", rate.Remaining)
	}
	t.Run("a smaller plan holds at once", func(t *testing.T) {
		if rate := rates.Take("key", auth.Plan{Name: auth.PlanCustom, Minute: 2}, auth.ReadClass, "", 0); rate.OK || rate.Remaining != 0 {
			t.Errorf("%+v", rate)
		}
	})
	t.Run("the keys of one owner have a ceiling together", func(t *testing.T) {
		passed := 0
		for i := range 100 {
			if rates.Take(fmt.Sprint("key", i), plan, auth.ReadClass, "anna", 30).OK {
				passed++
			}
		}
		if rate := rates.Take("key", plan, auth.ReadClass, "anna", 30); passed != 30 || rate.OK || rate.Violated()[0] != "owner" {
			t.Errorf("%d passed, then %+v", passed, rate)
		}
	})
	t.Run("a clock that goes back frees nothing", func(t *testing.T) {
		tight := auth.Plan{Name: auth.PlanCustom, Minute: 1}
		rates.Take("back", tight, auth.ReadClass, "", 0)
		c.add(-time.Hour)
		if rates.Take("back", tight, auth.ReadClass, "", 0).OK {
			t.Error("it passes")
		}
	})
}

func TestRates_Bounded(t *testing.T) {
	c := newClock()
	rates := auth.NewRates(c.Now)
	plan := auth.Plan{Name: auth.PlanCustom, Minute: 1}
	rates.Take("first", plan, auth.ReadClass, "", 0)
	for i := range 5000 {
		rates.Take(fmt.Sprint(i), plan, auth.ReadClass, "", 0)
	}
	if !rates.Take("first", plan, auth.ReadClass, "", 0).OK {
		t.Error("more subjects are kept than the bound")
	}
	if rates.Take("4999", plan, auth.ReadClass, "", 0).OK {
		t.Error("a recent one was forgotten")
	}
}

func TestAuth_Take(t *testing.T) {
	r := open(t, nil, nil)
	text, _ := create(t, r, auth.NewKey{Plan: auth.Plan{Name: "free"}})
	id, err := check(r, text)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	passed := make(chan bool, 400)
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if rate := r.Take(id, auth.ReadClass); rate.OK {
					passed <- true
				}
			}
		})
	}
	wg.Wait()
	if len(passed) != 60 {
		t.Errorf("%d of 400 passed at once, want 60", len(passed))
	}
	if rate := r.Take(auth.Person("anna", "Anna"), auth.ControlClass); !rate.OK || rate.Limit != 0 {
		t.Errorf("a person: %+v", rate)
	}
	for range 100 {
		r.TakeAddress("10.0.0.1:5")
	}
	if rate := r.TakeAddress("10.0.0.1:6"); rate.OK || rate.Limit != 100 {
		t.Errorf("the 101st of an address: %+v", rate)
	}
	if !r.TakeAddress("10.0.0.2").OK || !r.TakeAddress("@").OK {
		t.Error("others are stopped")
	}
}

func TestParsePlan(t *testing.T) {
	for _, c := range []struct {
		asked auth.Plan
		want  string
	}{
		{auth.Plan{}, "home"}, {auth.Plan{Name: " Team "}, "team"}, {auth.Plan{Minute: 5}, "custom"},
		{auth.Plan{Name: "enterprise", Hour: 5}, "custom"}, {auth.Plans()[1], "free"},
		{auth.Plan{Name: "gold"}, ""}, {auth.Plan{Name: "free", Minute: 5}, ""}, {auth.Plan{Name: "custom"}, ""},
		{auth.Plan{Minute: -1}, ""}, {auth.Plan{Read: 1_000_000}, ""}, {auth.Plan{Hour: -5}, ""},
	} {
		p, err := auth.ParsePlan(c.asked)
		if p.Name != c.want || (err == nil) != (c.want != "") {
			t.Errorf("ParsePlan(%+v) = %+v, %v", c.asked, p, err)
		}
	}
}

func BenchmarkAuth_CheckAndTake(b *testing.B) {
	r := open(b, nil, func(o *auth.Options) { o.Now = nil })
	text, _ := create(b, r, auth.NewKey{Plan: auth.Plan{Minute: 6000, Hour: 1_000_000, Read: 6000}, Owner: "local"})
	c := auth.Credential{Text: text, Remote: "192.168.1.5", Agent: "Home Assistant"}
	b.ReportAllocs()
	for b.Loop() {
		id, err := r.Check(c)
		if err != nil {
			b.Fatal(err)
		}
		if rate := r.Take(id, auth.ReadClass); rate.Limit == 0 {
			b.Fatal("no limit")
		}
	}
}
