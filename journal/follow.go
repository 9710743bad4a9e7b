package journal

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// batch is how many entries a follower gets at once.
const batch = 256

// Follow drives a follower from its cursor until ctx ends. A failing follower
// is tried again after a pause that doubles from 100 ms to 30 s; it never
// skips. A panic in it is a failure like any other, so that one follower never
// ends the program. It returns nil when ctx ends.
func Follow(ctx context.Context, log *slog.Logger, r Reader, f Follower) error {
	pause := pauser{}
	for {
		err := follow(ctx, r, f, &pause)
		if ctx.Err() != nil {
			return nil
		}
		log.Warn("event follower failed, will try again", "follower", f.Name(), "error", err)
		pause.wait(ctx)
	}
}

func follow(ctx context.Context, r Reader, f Follower, pause *pauser) error {
	seq, err := f.Cursor(ctx)
	if err != nil {
		return err
	}
	for {
		if err := r.Wait(ctx, seq); err != nil {
			return err
		}
		entries, lost, err := r.After(ctx, seq, batch)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			continue
		}
		if err := apply(ctx, f, entries, lost); err != nil {
			return err
		}
		seq = entries[len(entries)-1].Seq
		pause.reset()
	}
}

func apply(ctx context.Context, f Follower, entries []Entry, lost int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic at event %d: %v\n%s", entries[0].Seq, r, debug.Stack())
		}
	}()
	return f.Apply(ctx, entries, lost)
}

type pauser struct{ next time.Duration }

func (p *pauser) reset() { p.next = 0 }

func (p *pauser) wait(ctx context.Context) {
	p.next = min(max(2*p.next, 100*time.Millisecond), 30*time.Second)
	t := time.NewTimer(p.next)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
