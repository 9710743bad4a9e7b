// Package mqtttest owns what tests of MQTT need: a Bus in memory, the suite that
// every Bus must pass, and a peer that speaks MQTT byte by byte. It is no broker
// and is not part of the program.
package mqtttest

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
)

// fakeQueue is how many messages wait for one subscriber of a Fake.
const fakeQueue = 1024

// Fake is a Bus in memory. Its zero value is ready. Several of them made by
// Other share one set of topics, like clients of one broker.
type Fake struct {
	once   sync.Once
	shared *shared
	name   string
}

// shared is the broker behind fakes.
type shared struct {
	mu       sync.Mutex
	retained map[string]mqtt.Message
	subs     []*fakeSub
	log      []mqtt.Message
}

type fakeSub struct {
	owner  *Fake
	filter string
	fn     func(mqtt.Message)

	mu      sync.Mutex
	queue   []mqtt.Message
	busy    bool
	stopped bool
}

var _ mqtt.Bus = (*Fake)(nil)

func (f *Fake) hub() *shared {
	f.once.Do(func() {
		if f.shared == nil {
			f.shared = &shared{retained: map[string]mqtt.Message{}}
		}
	})
	return f.shared
}

// Other is a second client of the same topics. Its name is on its messages.
func (f *Fake) Other(name string) *Fake { return &Fake{shared: f.hub(), name: name} }

// Publish sends to the subscribers of the other fakes.
func (f *Fake) Publish(topic string, payload []byte, retain bool) error {
	if err := mqtt.ValidTopic(topic); err != nil {
		return err
	}
	if strings.HasPrefix(topic, "$") || len(payload) > mqtt.MaxPayload {
		return fault.New(fault.Invalid, "topic %.64q starts with '$' or its payload is too large", topic)
	}
	s := f.hub()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := mqtt.Message{Topic: topic, Payload: payload, Client: f.name, User: f.name}
	if retain {
		old, held := s.retained[topic]
		if held == (len(payload) > 0) && bytes.Equal(old.Payload, payload) {
			return nil
		}
		delete(s.retained, topic)
		if len(payload) > 0 {
			kept := m
			kept.Retain = true
			s.retained[topic] = kept
		}
	}
	logged := m
	logged.Retain = retain
	s.log = append(s.log, logged)
	for _, sub := range s.subs {
		if sub.owner != f && mqtt.Match(sub.filter, topic) {
			sub.push(m)
		}
	}
	return nil
}

// Clear removes retained values.
func (f *Fake) Clear(topics ...string) error {
	for _, t := range topics {
		if err := f.Publish(t, nil, true); err != nil {
			return err
		}
	}
	return nil
}

// Resend does nothing: the values are held.
func (f *Fake) Resend() {}

// Subscribe calls fn for messages of the other fakes.
func (f *Fake) Subscribe(filter string, fn func(mqtt.Message)) (stop func(), err error) {
	if err := mqtt.ValidFilter(filter); err != nil {
		return nil, err
	}
	s := f.hub()
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := &fakeSub{owner: f, filter: filter, fn: fn}
	s.subs = append(s.subs, sub)
	for topic, m := range s.retained {
		if m.Client != f.name && mqtt.Match(filter, topic) {
			sub.push(m)
		}
	}
	return func() {
		s.mu.Lock()
		s.subs = slices.DeleteFunc(s.subs, func(o *fakeSub) bool { return o == sub })
		s.mu.Unlock()
		sub.mu.Lock()
		defer sub.mu.Unlock()
		sub.stopped, sub.queue = true, nil
	}, nil
}

// Retained is a copy of what is retained now.
func (f *Fake) Retained() map[string]string {
	s := f.hub()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string]string, len(s.retained))
	for topic, v := range s.retained {
		m[topic] = string(v.Payload)
	}
	return m
}

// Published are all messages that went out so far, in order; Retain tells how
// they were published.
func (f *Fake) Published() []mqtt.Message {
	s := f.hub()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

func (s *fakeSub) push(m mqtt.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.queue = append(s.queue, m)
	if over := len(s.queue) - fakeQueue; over > 0 {
		s.queue = slices.Delete(s.queue, 0, over)
	}
	if !s.busy {
		s.busy = true
		go s.work() // owner: fakeSub; ends with its queue or at stop
	}
}

func (s *fakeSub) work() {
	for {
		s.mu.Lock()
		if s.stopped || len(s.queue) == 0 {
			s.busy = false
			s.mu.Unlock()
			return
		}
		m := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		s.fn(m)
	}
}
