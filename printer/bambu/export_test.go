package bambu

import (
	"context"
	"sync/atomic"
	"time"
)

// Impatient makes a driver reconnect at once, and gives the number of links it
// has opened so far.
func Impatient(d *Driver) (links func() int64) {
	d.pause = func(int) time.Duration { return time.Millisecond }
	var opened atomic.Int64
	dial := d.dial
	d.dial = func(ctx context.Context, t target) (conn, error) {
		c, err := dial(ctx, t)
		if err == nil {
			opened.Add(1)
		}
		return c, err
	}
	return opened.Load
}
