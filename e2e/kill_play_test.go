package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer/simulator"
)

// known is what has been confirmed as journalled: read from the database
// between two lives, or told on MQTT, which comes after the journal.
type known struct {
	mu      sync.Mutex
	events  map[string]bool
	changed chan struct{}
}

func newKnown() *known { return &known{events: map[string]bool{}, changed: make(chan struct{})} }

func (k *known) add(event string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.events[event] {
		k.events[event] = true
		close(k.changed)
		k.changed = make(chan struct{})
	}
}

// wait returns when an event is confirmed.
func (k *known) wait(ctx context.Context, event string) error {
	for {
		k.mu.Lock()
		ok, changed := k.events[event], k.changed
		k.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %q: %w", event, context.Cause(ctx))
		}
	}
}

// keyOf names an event for known: its job, its name and its milestone.
func keyOf(job, name string, milestone *int) string {
	key := job + " " + name
	if milestone != nil {
		key += " " + jsonInt(*milestone)
	}
	return key
}

// act is one job of the play and what has to come of it, each exactly once.
type act struct {
	printer, name string
	// start: it was seen to begin. ends are the ways in which its end may be
	// told: more than one only where the bridge may have been down for it.
	want []string
	ends []string
}

// kinds of acts. Each holds still until the journal has what must not be
// missed, because nothing tells of it later; all else goes on while the bridge
// is down.
const (
	actSteady   = iota // waits at each milestone
	actLoose           // runs through, whatever the bridge sees
	actPause           // is paused and resumed
	actStopWith        // is cancelled: the code comes with FAILED
	actStopLate        // the code comes after FAILED, within the grace time
	actStopSoon        // the code comes before FAILED
	actFail            // fails, and the next job begins within the grace time
	actSwap            // changes to another filament
	actGap             // ends, and the next job begins at once
	actKinds
)

// stagehand moves one simulated printer, in the test's process, so that it
// goes on when the bridge is killed.
type stagehand struct {
	sim    *simulator.Printer
	known  *known
	random *rand.Rand
	// pace is how long a step of ten printer seconds takes.
	pace time.Duration
	acts []act
}

// perform plays one job after another until the curtain falls; then it ends
// the one under way. last: a failure whose grace time is waited for.
func (s *stagehand) perform(ctx context.Context, curtain <-chan struct{}, last bool) error {
	for n := 0; ; n++ {
		select {
		case <-curtain:
			if last {
				return s.fail(ctx, n, true)
			}
			return s.job(ctx, n, actSteady)
		default:
		}
		kind := n % actKinds
		if n >= actKinds {
			kind = s.random.IntN(actKinds)
		}
		var err error
		if kind == actFail {
			err = s.fail(ctx, n, false)
		} else {
			err = s.job(ctx, n, kind)
		}
		if err != nil {
			return err
		}
	}
}

// begin starts a job and waits until the journal knows: a job that is found
// running after a restart would not be one that was seen to begin.
func (s *stagehand) begin(ctx context.Context, n, kind int) (*act, error) {
	a := act{printer: s.sim.Serial(), name: fmt.Sprintf("act %d kind %d", n, kind), want: []string{"print_started", "first_layer_complete"}}
	s.acts = append(s.acts, a)
	slots := []int{0}
	if kind == actSwap {
		slots = []int{0, 1}
	}
	s.sim.Print(simulator.Job{Name: a.name, Layers: 40, Duration: 20 * time.Minute, Prepare: 325 * time.Second, Nozzle: 220, Bed: 60, Slots: slots})
	for s.sim.Status().State != "PREPARE" {
		s.sim.Step(time.Second)
	}
	return &s.acts[len(s.acts)-1], s.hold(ctx, a.name, "print_started", nil)
}

func (s *stagehand) hold(ctx context.Context, job, event string, milestone *int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	return s.known.wait(ctx, s.sim.Serial()+" "+keyOf(job, event, milestone))
}

// until prints up to a percentage. With patience it waits for the journal at
// each milestone.
func (s *stagehand) until(ctx context.Context, a *act, percent int, patient bool) error {
	next := 25
	for s.sim.Status().Percent < percent || s.sim.Status().State != "RUNNING" {
		s.sim.Step(10 * time.Second)
		if !restFor(ctx, s.pace) {
			return context.Cause(ctx)
		}
		if p := s.sim.Status().Percent; patient && s.sim.Status().State == "RUNNING" && p >= next && p < 100 {
			if err := s.hold(ctx, a.name, "print_progress", &next); err != nil {
				return err
			}
			next += 25
		}
	}
	return nil
}

// reached adds the milestones up to a percentage to what is wanted.
func (a *act) reached(percent int) {
	for m := 25; m < 100 && m <= percent; m += 25 {
		a.want = append(a.want, "print_progress "+jsonInt(m))
	}
}

// job plays one job of a kind other than actFail.
func (s *stagehand) job(ctx context.Context, n, kind int) error {
	a, err := s.begin(ctx, n, kind)
	if err != nil {
		return err
	}
	switch kind {
	case actStopWith, actStopLate, actStopSoon:
		return s.stop(ctx, a, kind)
	case actPause:
		if err := s.interval(ctx, a); err != nil {
			return err
		}
	case actSwap:
		a.want = append(a.want, "filament_changed")
		// That the first tray feeds is a value, stored with the next event: a bridge
		// that dies before knows of no other tray that the second one follows.
		if err := s.until(ctx, a, 30, true); err != nil {
			return err
		}
	}
	a.reached(99)
	a.ends = []string{"print_complete"}
	for s.sim.Status().State != "FINISH" {
		p := s.sim.Status().Percent
		// The second tray feeds only until the end: who is away until then cannot know of it.
		if err := s.until(ctx, a, min(p+5, 95), kind == actSteady || kind == actSwap); err != nil {
			return err
		}
		if p >= 90 {
			s.sim.Step(10 * time.Second)
		}
	}
	if kind == actGap {
		// Nobody has to have seen it: then it is told as a failure for an unknown
		// reason, and milestones that nobody saw are not told.
		a.ends = append(a.ends, "print_failed")
		return nil
	}
	return s.hold(ctx, a.name, "print_complete", nil)
}

// interval pauses the job and goes on.
func (s *stagehand) interval(ctx context.Context, a *act) error {
	a.want = append(a.want, "print_paused", "print_resumed")
	if err := s.until(ctx, a, 40, false); err != nil {
		return err
	}
	s.sim.Pause(0x03008001, 16)
	if err := s.hold(ctx, a.name, "print_paused", nil); err != nil {
		return err
	}
	s.sim.Resume()
	return s.hold(ctx, a.name, "print_resumed", nil)
}

// stop cancels the job. What the code says may come a moment before or after
// the state; the bridge may be killed in between.
func (s *stagehand) stop(ctx context.Context, a *act, kind int) error {
	if err := s.until(ctx, a, 60, true); err != nil {
		return err
	}
	a.reached(60)
	a.ends = []string{"print_stopped"}
	s.sim.Cancel(map[int]simulator.Cancel{
		actStopWith: simulator.CodeWithState, actStopLate: simulator.CodeAfterState, actStopSoon: simulator.CodeBeforeState,
	}[kind])
	if !restFor(ctx, time.Duration(s.random.IntN(900))*time.Millisecond) {
		return context.Cause(ctx)
	}
	s.sim.Step(3 * time.Second)
	return s.hold(ctx, a.name, "print_stopped", nil)
}

// fail lets a job fail. Either its grace time is waited for, or the next job
// begins within it.
func (s *stagehand) fail(ctx context.Context, n int, wait bool) error {
	a, err := s.begin(ctx, n, actFail)
	if err != nil {
		return err
	}
	if err := s.until(ctx, a, 60, true); err != nil {
		return err
	}
	a.reached(60)
	a.ends = []string{"print_failed"}
	s.sim.Fail(0x03004006)
	if wait {
		return s.hold(ctx, a.name, "print_failed", nil)
	}
	if !restFor(ctx, time.Duration(s.random.IntN(1500))*time.Millisecond) {
		return context.Cause(ctx)
	}
	return nil
}

// learn takes what the journal has.
func (k *known) learn(entries []journal.Entry) {
	for _, e := range entries {
		k.add(e.Serial + " " + keyOf(nameIn(e)))
	}
}
