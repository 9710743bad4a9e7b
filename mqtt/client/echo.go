package client

import (
	"hash/maphash"
	"time"
)

// How many of our own messages are remembered to know their echo, and how long.
const (
	echoesKept = 1024
	echoLife   = 30 * time.Second
)

// echoes knows our own messages when the broker sends them back: MQTT 3.1.1 has
// no other way to tell. A message of somebody else with the same topic and
// payload at the same time is taken for ours, which changes nothing for whoever
// reads it, because it says what we just said. It is not safe by itself.
type echoes struct {
	seed maphash.Seed
	sent map[uint64]time.Time
	ring [echoesKept]uint64
	next int
}

func newEchoes() echoes {
	return echoes{seed: maphash.MakeSeed(), sent: make(map[uint64]time.Time)}
}

func (e *echoes) hash(topic string, payload []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	_, _ = h.WriteString(topic)
	_ = h.WriteByte(0)
	_, _ = h.Write(payload)
	return h.Sum64()
}

// note remembers a message that we are about to send.
func (e *echoes) note(topic string, payload []byte, now time.Time) {
	sum := e.hash(topic, payload)
	if _, known := e.sent[sum]; !known {
		delete(e.sent, e.ring[e.next])
		e.ring[e.next] = sum
		e.next = (e.next + 1) % len(e.ring)
	}
	e.sent[sum] = now
}

// ours tells whether we sent this message a short time ago.
func (e *echoes) ours(topic string, payload []byte, now time.Time) bool {
	if len(e.sent) == 0 {
		return false
	}
	at, ok := e.sent[e.hash(topic, payload)]
	return ok && now.Sub(at) < echoLife
}
