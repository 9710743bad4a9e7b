package client

import "time"

// The waits of Backoff: the first is short because most losses are a
// restarted peer or a blink of the network.
const (
	firstWaitMin = 100 * time.Millisecond
	firstWaitMax = 300 * time.Millisecond
	secondWait   = time.Second
	longestWait  = 30 * time.Second
)

// Backoff is the waits between attempts to connect: 100–300 ms, then 1 s
// doubling to 30 s with a fifth of jitter either way. Its zero value with a
// Random is ready; it belongs to one goroutine.
type Backoff struct {
	// Random gives numbers in [0, 1).
	Random func() float64
	next   time.Duration
}

// Next is how long to wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	if b.next == 0 {
		b.next = secondWait
		return firstWaitMin + time.Duration(b.Random()*float64(firstWaitMax-firstWaitMin))
	}
	wait := b.next
	b.next = min(2*b.next, longestWait)
	return min(wait+time.Duration((b.Random()-0.5)*0.4*float64(wait)), longestWait)
}

// Reset starts over; call it when a connection has proved itself.
func (b *Backoff) Reset() { b.next = 0 }
