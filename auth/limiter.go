package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// The limits of failures per address, and the growing wait.
const (
	failuresPerMinute = 10
	failuresPerHour   = 100
	firstBlock        = 30 * time.Second
	longestBlock      = 15 * time.Minute
	addressesKept     = 4096
)

// Limiter counts failed attempts per address: at most 10 in any minute and 100
// in any hour are judged, the next are told to wait, 30 s at first, doubling to
// 15 minutes. It counts no successes and stops none.
type Limiter struct {
	now func() time.Time
	// full is told of each address that has to wait from now on.
	full func(netip.Addr)

	mu        sync.Mutex
	addresses map[netip.Addr]*list.Element // of *offender
	recent    list.List                    // the latest first
}

// offender is one address.
type offender struct {
	address netip.Addr
	failed  []time.Time // of the last hour, at most failuresPerHour
	until   time.Time
	block   time.Duration // the last one; doubles
}

// NewLimiter makes a limiter that has seen nothing.
func NewLimiter(now func() time.Time) *Limiter {
	return &Limiter{now: now, addresses: make(map[netip.Addr]*list.Element)}
}

// Fail notes a failure. limited: it came while the address has to wait, and is
// not noted.
func (l *Limiter) Fail(remote string) (wait time.Duration, limited bool) {
	address, ok := limitAddress(remote)
	if !ok {
		return 0, false
	}
	wait, limited, filled := l.fail(address)
	if filled && l.full != nil {
		l.full(address)
	}
	return wait, limited
}

func (l *Limiter) fail(address netip.Addr) (wait time.Duration, limited, filled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	o := l.offender(address)
	if wait := o.until.Sub(now); wait > 0 {
		return min(wait, longestBlock), true, false
	}
	o.forget(now)
	if len(o.failed) == 0 {
		o.block = 0
	}
	o.failed = append(o.failed, now)
	free, filled := o.full(now)
	if filled {
		o.block = min(max(2*o.block, firstBlock), longestBlock)
		o.until = now.Add(max(o.block, free))
	}
	return 0, false, filled
}

// Blocked tells whether the address has to wait, without noting anything.
func (l *Limiter) Blocked(remote string) (wait time.Duration, limited bool) {
	address, ok := limitAddress(remote)
	if !ok {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.addresses[address]
	if !ok {
		return 0, false
	}
	wait = e.Value.(*offender).until.Sub(l.now())
	return min(wait, longestBlock), wait > 0
}

// offender is the record of an address, made if there is none; the address
// that was quiet longest makes room.
func (l *Limiter) offender(address netip.Addr) *offender {
	if e, ok := l.addresses[address]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*offender)
	}
	if len(l.addresses) >= addressesKept {
		oldest := l.recent.Back()
		l.recent.Remove(oldest)
		delete(l.addresses, oldest.Value.(*offender).address)
	}
	o := &offender{address: address}
	l.addresses[address] = l.recent.PushFront(o)
	return o
}

// forget drops failures older than an hour.
func (o *offender) forget(now time.Time) {
	keep := 0
	for keep < len(o.failed) && now.Sub(o.failed[keep]) >= time.Hour {
		keep++
	}
	o.failed = append(o.failed[:0], o.failed[keep:]...)
}

// full tells whether a window has no room left, and when it has again.
func (o *offender) full(now time.Time) (free time.Duration, full bool) {
	for _, w := range []struct {
		most int
		span time.Duration
	}{{failuresPerMinute, time.Minute}, {failuresPerHour, time.Hour}} {
		if len(o.failed) < w.most {
			continue
		}
		if frees := w.span - now.Sub(o.failed[len(o.failed)-w.most]); frees > 0 {
			free, full = max(free, frees), true
		}
	}
	return free, full
}

// limitAddress is what is counted: the address, or the /64 of an IPv6 one.
func limitAddress(remote string) (netip.Addr, bool) {
	address, ok := parseRemote(remote)
	if ok && address.Is6() {
		network, err := address.Prefix(64)
		if err != nil {
			return netip.Addr{}, false
		}
		address = network.Addr()
	}
	return address, ok
}

// parseRemote is a peer's address, without its port.
func parseRemote(remote string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(remote)
	if err != nil {
		withPort, err := netip.ParseAddrPort(remote)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), true
}
