package app

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/printwire/printwire/addon"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/hass"
	"github.com/printwire/printwire/secret"
)

// How often the Supervisor is asked again: at start, where a broker has to be
// chosen, and later, where it is only offered ours.
const (
	chooseTries = 5
	choosePause = 2 * time.Second
	offerPause  = time.Minute
)

// choose resolves the MQTT mode. A Supervisor that does not answer is asked
// again: without its answer nobody knows whose broker Home Assistant uses.
func (a *App) choose(ctx context.Context) (addon.Choice, error) {
	for try := 1; ; try++ {
		choice, err := addon.Choose(ctx, a.supervisor, a.settings.MQTT)
		if err == nil || try == chooseTries {
			return choice, err
		}
		a.log.Warn("the Supervisor does not answer, asking again", "error", err)
		if !pause(ctx, choosePause) {
			return choice, ctx.Err()
		}
	}
}

// offer offers our broker to Home Assistant until it is taken in. The offer
// stays over a restart: Home Assistant would forget its connection otherwise.
func (a *App) offer(ctx context.Context) error {
	for ctx.Err() == nil {
		err := a.offerOnce(ctx)
		switch {
		case err == nil:
			a.log.Info("Home Assistant knows our broker")
			<-ctx.Done()
			return nil
		case fault.Is(err, fault.Conflict):
			a.log.Warn("Home Assistant has another broker; set mqtt.mode to auto or external to use that one", "error", err)
		default:
			a.log.Warn("offering our broker to Home Assistant failed, trying again", "error", err, "again_in", offerPause)
		}
		pause(ctx, offerPause)
	}
	return nil
}

func (a *App) offerOnce(ctx context.Context) error {
	login, err := a.MQTTLogin()
	if err != nil {
		return err
	}
	_, text, err := net.SplitHostPort(a.brokers.embedded.Addr(0).String())
	if err != nil {
		return fmt.Errorf("finding the broker's port: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("finding the broker's port: %w", err)
	}
	_, err = addon.Provide(ctx, a.supervisor, hass.MQTTService{
		Port: port, User: login.Name, Password: secret.Text(login.Password), Protocol: "3.1.1",
	})
	return err
}

// pause waits, and tells whether it did to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
