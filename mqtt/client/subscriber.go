package client

import (
	"sync"

	"github.com/printwire/printwire/mqtt"
)

// What waits for one subscriber at most; then the oldest go and are counted.
const (
	mostDeliveries    = 1024
	mostDeliveryBytes = 8 << 20
)

// subscriber is one Subscribe: a queue, and a goroutine while it is not empty.
type subscriber struct {
	filter string
	fn     func(mqtt.Message)
	active *sync.WaitGroup

	mu      sync.Mutex
	queue   []mqtt.Message
	bytes   int
	running bool
	stopped bool
	dropped uint64
}

// push queues a message and never waits for fn.
func (s *subscriber) push(m mqtt.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.queue = append(s.queue, m)
	s.bytes += len(m.Payload)
	for len(s.queue) > 1 && (len(s.queue) > mostDeliveries || s.bytes > mostDeliveryBytes) {
		s.pop()
		s.dropped++
	}
	if !s.running {
		s.running = true
		s.active.Add(1)
		go s.drain() // owner: Bus.Run, which waits for it after the connection is closed
	}
}

func (s *subscriber) pop() mqtt.Message {
	m := s.queue[0]
	s.queue = s.queue[1:]
	s.bytes -= len(m.Payload)
	return m
}

// drain calls fn until nothing waits.
func (s *subscriber) drain() {
	defer s.active.Done()
	for {
		s.mu.Lock()
		if s.stopped || len(s.queue) == 0 {
			s.running, s.queue, s.bytes = false, nil, 0
			s.mu.Unlock()
			return
		}
		m := s.pop()
		s.mu.Unlock()
		s.fn(m)
	}
}

// stop ends the calls: a call that is running ends by itself, none follows.
func (s *subscriber) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *subscriber) lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}
