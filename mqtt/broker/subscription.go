package broker

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/printwire/printwire/mqtt"
)

// subscriptionQueue is how many messages wait for one subscriber in this process;
// half as many more before the oldest go.
const subscriptionQueue = 1024

// subscriptionBytes bounds the payloads among them.
const subscriptionBytes = 32 << 20

// subscription hands messages to one function, in order, from a queue of its
// own: publishers never wait for it, and the oldest are lost when it lags.
type subscription struct {
	filter  string
	fn      func(mqtt.Message)
	dropped *atomic.Uint64

	mu      sync.Mutex
	queue   []mqtt.Message
	bytes   int  // of the payloads in queue
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
	for i := range m {
		s.bytes += len(m[i].Payload)
	}
	s.trim()
	if !s.busy {
		s.busy = true
		go s.work() // owner: subscription; ends with the queue or at stop
	}
}

// trim drops the oldest messages of a queue that is too long; mu is held.
func (s *subscription) trim() {
	over := len(s.queue) - subscriptionQueue
	if over <= subscriptionQueue/2 { // not one by one
		over = 0
	}
	left := s.bytes
	for i := range s.queue {
		if i >= over && (left <= subscriptionBytes || i == len(s.queue)-1) {
			over = i
			break
		}
		left -= len(s.queue[i].Payload)
	}
	if over > 0 {
		s.queue, s.bytes = slices.Delete(s.queue, 0, over), left
		s.dropped.Add(uint64(over))
	}
}

// work calls fn until the queue is empty.
func (s *subscription) work() {
	for {
		s.mu.Lock()
		if s.stopped || len(s.queue) == 0 {
			s.busy, s.queue, s.bytes = false, nil, 0
			s.mu.Unlock()
			return
		}
		batch := s.queue
		s.queue, s.bytes = nil, 0
		s.mu.Unlock()
		for i, m := range batch {
			if s.isStopped() {
				break
			}
			batch[i] = mqtt.Message{} // it may be large
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
	s.stopped, s.queue, s.bytes = true, nil, 0
}
