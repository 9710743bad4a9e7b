package broker

import (
	"sync"
	"sync/atomic"

	"github.com/printwire/printwire/mqtt"
)

// subscriptionQueue is how many messages wait for one subscriber in this process;
// half as many more before the oldest go.
const subscriptionQueue = 1024

// subscription hands messages to one function, in order, from a queue of its
// own: publishers never wait for it, and the oldest are lost when it lags.
type subscription struct {
	filter  string
	fn      func(mqtt.Message)
	dropped *atomic.Uint64

	mu      sync.Mutex
	queue   []mqtt.Message
	busy    bool // a goroutine is calling fn
	stopped bool
}

// push queues messages and sees to it that somebody works the queue off.
func (s *subscription) push(m ...mqtt.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushLocked(m...)
}

func (s *subscription) pushLocked(m ...mqtt.Message) {
	if s.stopped || len(m) == 0 {
		return
	}
	s.queue = append(s.queue, m...)
	if over := len(s.queue) - subscriptionQueue; over > subscriptionQueue/2 { // not one by one
		s.queue = append(s.queue[:0], s.queue[over:]...)
		s.dropped.Add(uint64(over))
	}
	if !s.busy {
		s.busy = true
		go s.work() // owner: subscription; ends with the queue or at stop
	}
}

// work calls fn until the queue is empty.
func (s *subscription) work() {
	for {
		s.mu.Lock()
		if s.stopped || len(s.queue) == 0 {
			s.busy, s.queue = false, nil
			s.mu.Unlock()
			return
		}
		batch := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, m := range batch {
			if s.isStopped() {
				break
			}
			s.fn(m)
		}
	}
}

func (s *subscription) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// stop ends the calls: none begins after it returned. It does not wait for the
// one under way, so that fn itself may stop its subscription.
func (s *subscription) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.queue = true, nil
}
