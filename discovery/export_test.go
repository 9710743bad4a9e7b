package discovery

import "time"

// Look does what is due, as Run does.
func (d *Discovery) Look(now time.Time) time.Time { return d.look(now, now) }
