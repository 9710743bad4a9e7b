package simulator

import (
	"math"
	"time"
)

// heater is a part with a temperature: it is heated at a steady rate and cools
// down by itself, fast at first.
type heater struct {
	now, target, base float64
	rate              float64 // degrees a second while heating
	tau               float64 // seconds in which the distance to the surroundings falls to a third
}

func newHeater(now, rate, tau float64) heater {
	return heater{now: now, base: now, rate: rate, tau: tau}
}

func (h *heater) elapse(d time.Duration) {
	if h.now < h.target {
		h.now = min(h.target, h.now+h.rate*d.Seconds())
		return
	}
	rest := max(h.target, h.base)
	h.now = rest + (h.now-rest)*math.Exp(-d.Seconds()/h.tau)
}

// whole is the temperature as the newer dialect tells it.
func (h *heater) whole() int { return int(math.Round(h.now)) }

// packed is target and temperature in one number: the target above, the temperature below.
func (h *heater) packed() int { return int(math.Round(h.target))<<16 | h.whole()&0xffff }

// sixteenths is a float with the resolution of the sensors of the older boards.
func sixteenths(v float64) float64 { return math.Round(v*32) / 32 }
