package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
)

// How long the parts, and after them the database, have to end: the process
// ends within 8 s of a signal.
const (
	stopLimit  = 6 * time.Second
	closeLimit = 1500 * time.Millisecond
)

// Ready is where the program listens, once it does. An address is "" for what is off.
type Ready struct {
	HTTP, HTTPS, MQTT string
}

// Run opens the listeners, starts the parts, calls ready, and runs until ctx
// ends or a part fails. Then it stops everything in reverse order and closes
// the database. ErrRestart: a person asked for a restart.
func (a *App) Run(ctx context.Context, ready func(Ready)) error {
	parts := newStack(a.log)
	err := a.start(ctx, parts)
	if err == nil {
		ready(a.addresses())
		select {
		case <-ctx.Done():
		case err = <-parts.failed:
		case <-a.again:
			err = ErrRestart
		}
		a.log.Info("stopping")
	}
	// Whoever asked for the end gets it: what did not go well on the way is told, and is no failure of the program.
	if err := parts.stop(stopLimit); err != nil {
		a.log.Error("not everything ended in time", "error", err)
	}
	a.closeFiles()
	if err := a.closeStore(context.WithoutCancel(ctx)); err != nil {
		a.log.Error("the database did not close well; what was committed is safe", "error", err)
	}
	return err
}

// closeStore closes the database, after a snapshot of it where Home Assistant
// makes the backups. It waits no longer than closeLimit: a disk that hangs
// must not keep the process.
func (a *App) closeStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() { // owner: closeStore waits on done, or leaves it to the end of the process
		var err error
		if a.supervisor != nil {
			err = a.writeSnapshot(ctx)
		}
		done <- errors.Join(err, a.store.Close())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start opens what can fail for reasons outside, then starts the parts from
// the lowest up. Clients are accepted only when every stored value is there.
func (a *App) start(ctx context.Context, parts *stack) error {
	var err error
	if a.socket, err = listenControl(a.data); err != nil {
		return err
	}
	parts.start("command socket", a.control)
	if a.brokers.embedded != nil {
		if err := a.brokers.embedded.Listen(); err != nil {
			return a.portAdvice(err)
		}
	}
	parts.start("auth", a.auth.Run)
	parts.start("oauth", a.oauth.Run)
	if err := a.discovery.Prepare(ctx); err != nil {
		return fmt.Errorf("announcing the printers: %w", err)
	}
	if a.brokers.embedded != nil {
		parts.start("broker", a.brokers.embedded.Run)
	}
	if a.brokers.outside != nil {
		parts.start("broker client", a.brokers.outside.Run)
	}
	parts.start("discovery", a.discovery.Run)
	if err := a.recorder.CloseOrphans(ctx, a.printerIDs()); err != nil {
		a.log.Warn("the record of prints is not all closed", "error", err)
	}
	parts.start("archive", a.recorder.Run)
	parts.start("webhooks", a.hooks.Run)
	followers, err := a.followers(ctx)
	if err != nil {
		return err
	}
	for _, f := range followers {
		parts.start("follower "+f.Name(), func(ctx context.Context) error {
			return journal.Follow(ctx, a.log, a.store, f)
		})
	}
	parts.start("webhooks' end", a.drain)
	parts.start("bridge", a.bridge.Run)
	parts.start("jobs", a.jobs.Run)
	<-a.jobs.begun // who asks for one as soon as we are ready gets it
	if a.provide {
		parts.start("offer to Home Assistant", a.offer)
	}
	for _, d := range a.doors {
		d.open(a.log)
		parts.start(d.name, func(ctx context.Context) error { return d.serve(ctx, a.log, a.server()) })
	}
	if a.first {
		a.log.Info("there is a local administrator now, who may let programs in (OAuth)", "name", auth.LocalAdmin,
			"hint", "\"printwire admin\" gives it a password and shows it once")
	}
	return nil
}

// followers are what acts on events.
func (a *App) followers(ctx context.Context) ([]journal.Follower, error) {
	list, n := []journal.Follower{a.recorder, a.discovery.Follower(a.store), a.hooks}, notices{a}
	if a.supervisor == nil {
		return list, a.store.Forget(ctx, n.Name()) // The file may come from where there was a Home Assistant.
	}
	return append(list, n), n.begin(ctx)
}

// printerIDs are the numbers of all printers.
func (a *App) printerIDs() []int {
	var ids []int
	for _, s := range a.bridge.Snapshots() {
		ids = append(ids, s.Config.ID)
	}
	return ids
}

// portAdvice says by which setting another address is chosen, when the broker's is taken.
func (a *App) portAdvice(err error) error {
	var taken *fault.Error
	if !errors.As(err, &taken) || taken.Kind != fault.Conflict {
		return err
	}
	name := "--mqtt or mqtt.listen"
	for _, l := range []struct{ address, name string }{
		{a.settings.MQTT.TLSListen, "mqtt.tls_listen"}, {a.settings.MQTT.WSListen, "mqtt.ws_listen"},
	} {
		if l.address != "" && strings.Contains(taken.Message, " "+l.address+":") {
			name = l.name
		}
	}
	return taken.WithHint("stop it, choose another address with %s, or set mqtt.mode: external to use it", name)
}

func (a *App) addresses() Ready {
	var r Ready
	for _, d := range a.doors {
		if d.listener == nil {
			continue
		}
		if d.tls != nil {
			r.HTTPS = d.listener.Addr().String()
			continue
		}
		r.HTTP = d.listener.Addr().String()
	}
	if a.brokers.embedded != nil {
		r.MQTT = a.brokers.embedded.Addr(0).String()
	}
	return r
}
