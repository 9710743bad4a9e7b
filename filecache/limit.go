package filecache

import (
	"crypto/rand"
	"io"
	"sync"
	"time"
)

// soon is a wait that is not worth it: the next one makes up for it.
const soon = 5 * time.Millisecond

// pace is what all writers together keep to. The zero pace holds nobody up.
type pace struct {
	// rate is in bytes a second.
	rate int64
	// over ends all waiting when it is closed.
	over chan struct{}
	once sync.Once

	mu sync.Mutex
	// next is when what was written so far is paid for.
	next time.Time
}

// take waits until there is room for n bytes, which is not long: writes are
// small, and each waits only for those before it.
func (p *pace) take(n int) {
	if p.rate <= 0 {
		return
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	p.mu.Unlock()
	if wait <= soon {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.over:
	}
}

// end lets everybody go who waits.
func (p *pace) end() { p.once.Do(func() { close(p.over) }) }

// limited passes on what fits, at the pace of all. The rest is refused, and remembered as over.
type limited struct {
	w          io.Writer
	pace       *pace
	size, left int64
	over       bool
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		l.over = true
		return 0, io.ErrShortWrite
	}
	l.pace.take(len(p))
	n, err := l.w.Write(p)
	l.size += int64(n)
	l.left -= int64(n)
	return n, err
}

// rest makes the name of an unfinished file its writer's own.
func rest() string { return rand.Text()[:8] }
