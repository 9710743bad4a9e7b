package bridge

import (
	"context"
	"errors"
	"time"
)

// Limits of the end of Run: for the drivers to close, for the sinks to finish.
const (
	closeTime = 4 * time.Second
	drainTime = 2 * time.Second
)

// Run keeps all sessions and sinks going until ctx ends. Then it stops the
// sessions, stores what is not stored, and lets the sinks finish. It runs once.
func (b *Bridge) Run(ctx context.Context) error {
	pumpCtx, stopPumps := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPumps()
	b.admin.Lock()
	if b.runCtx != nil {
		b.admin.Unlock()
		return errors.New("the bridge runs already")
	}
	b.runCtx, b.pumpCtx = ctx, pumpCtx
	for _, p := range *b.pumps.Load() {
		b.startPump(p)
	}
	for _, s := range *b.sessions.Load() {
		b.start(s)
	}
	b.admin.Unlock()

	b.keepSaving(ctx)

	b.admin.Lock()
	b.stopSessions()
	b.save(context.WithoutCancel(ctx), true)
	b.admin.Unlock()
	b.drainSinks(pumpCtx)
	stopPumps()
	b.pumping.Wait()
	return nil
}

func (b *Bridge) startPump(p *pump) {
	ctx := b.pumpCtx
	b.pumping.Go(func() { p.run(ctx) }) // owner: Bridge.Run ends ctx and waits for pumping
}

// keepSaving writes periodically until ctx ends.
func (b *Bridge) keepSaving(ctx context.Context) {
	t := time.NewTicker(b.saveActive)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			b.admin.Lock()
			b.save(ctx, false)
			b.admin.Unlock()
		}
	}
}

// stopSessions waits for all sessions, whose context has ended. One that does
// not end in time is logged and left: the program is about to exit.
func (b *Bridge) stopSessions() {
	limit := time.NewTimer(closeTime)
	defer limit.Stop()
	for _, s := range *b.sessions.Load() {
		if s.done == nil {
			continue
		}
		s.cancel()
		select {
		case <-s.done:
		case <-limit.C:
			s.log.Error("printer's session did not end in time")
			return
		}
	}
}

// drainSinks gives all sinks together some time to apply what is pending.
func (b *Bridge) drainSinks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	for _, p := range *b.pumps.Load() {
		p.drain(ctx)
	}
}
