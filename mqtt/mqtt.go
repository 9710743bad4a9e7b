// Package mqtt owns the little of MQTT that the parts of the bridge share:
// a message, filters, and the Bus they publish and subscribe on. It knows no
// printers, no Home Assistant, no library and no socket.
package mqtt

import (
	"strings"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
)

// MaxTopic is the longest topic we publish or accept, in bytes.
const MaxTopic = 1024

// MaxPayload is the largest payload we publish, in bytes. Broker and clients
// refuse larger packets (images are kept below 200 kB).
const MaxPayload = 256 << 10

// Message is one received message. Payload is not changed after it was handed over.
type Message struct {
	Topic   string
	Payload []byte
	Retain  bool
	// Client and User tell who published, where the broker knows it; else "".
	Client, User string
}

// Bus is where the parts of the bridge publish and subscribe: the embedded
// broker, or a client of somebody else's.
type Bus interface {
	// Publish sends at QoS 0 or better and, if retain, replaces the retained
	// value; an unchanged retained value is not sent again. The payload must
	// not be changed afterwards. It never blocks on a subscriber.
	// fault.Invalid: bad topic, a topic that starts with '$', payload too large.
	Publish(topic string, payload []byte, retain bool) error

	// Clear removes retained values and tells subscribers by an empty payload.
	Clear(topics ...string) error

	// Subscribe calls fn, in order and never two at once, for messages of other
	// clients that match filter, until stop is called. fn runs on a goroutine
	// of the bus; a slow fn loses its oldest messages, which is counted.
	Subscribe(filter string, fn func(Message)) (stop func(), err error)

	// Resend publishes every retained value of ours again although it did not
	// change. On the embedded broker it does nothing: there they are all held.
	Resend()
}

// ValidTopic tells whether a message may be published to topic: not empty, not
// too long, valid UTF-8 without control characters, no wildcard.
func ValidTopic(topic string) error {
	if err := validName(topic); err != nil {
		return err
	}
	if strings.ContainsAny(topic, "+#") {
		return fault.New(fault.Invalid, "topic %.64q has a wildcard", topic)
	}
	return nil
}

// ValidFilter tells whether a client may subscribe to filter.
func ValidFilter(filter string) error {
	if err := validName(filter); err != nil {
		return err
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		switch {
		case level == "+" || level == "#" && i == len(levels)-1:
		case strings.ContainsAny(level, "+#"):
			return fault.New(fault.Invalid, "filter %.64q has a misplaced wildcard", filter)
		}
	}
	return nil
}

func validName(name string) error {
	switch {
	case name == "":
		return fault.New(fault.Invalid, "topic is empty")
	case len(name) > MaxTopic:
		return fault.New(fault.Invalid, "topic has %d bytes, at most %d are allowed", len(name), MaxTopic)
	case !utf8.ValidString(name):
		return fault.New(fault.Invalid, "topic is not valid UTF-8")
	}
	for _, r := range name {
		if r < 0x20 || r == 0x7f {
			return fault.New(fault.Invalid, "topic %.64q has a control character", name)
		}
	}
	return nil
}

// Match tells whether topic matches filter by the rules of MQTT 3.1.1 §4.7:
// "a/#" matches "a" too, and a wildcard at the start never matches a topic that
// starts with '$'. It does not allocate.
func Match(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false
	}
	for {
		f, frest, fmore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, trest, tmore := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		if !tmore {
			return !fmore || frest == "#"
		}
		if !fmore {
			return false
		}
		filter, topic = frest, trest
	}
}
