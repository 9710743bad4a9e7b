package discovery

import "time"

// ShowWanted publishes the pictures that are wanted, as Run does.
func (d *Discovery) ShowWanted() { d.showWanted() }

// Look does what is due, as Run does.
func (d *Discovery) Look(now time.Time) time.Time { return d.look(now, now) }
