package broker

import "sync"

// idLocks serialises logins with the same client id: the library looks a
// session up and inserts its successor in two steps.
type idLocks struct {
	mu    sync.Mutex
	locks map[string]*idLock
}

type idLock struct {
	sync.Mutex
	users int
}

// lock takes id and returns what frees it; that may be called more than once.
func (l *idLocks) lock(id string) (unlock func()) {
	l.mu.Lock()
	if l.locks == nil {
		l.locks = map[string]*idLock{}
	}
	e := l.locks[id]
	if e == nil {
		e = &idLock{}
		l.locks[id] = e
	}
	e.users++
	l.mu.Unlock()

	e.Lock()
	return sync.OnceFunc(func() {
		e.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if e.users--; e.users == 0 {
			delete(l.locks, id)
		}
	})
}
