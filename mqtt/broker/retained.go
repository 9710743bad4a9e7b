package broker

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/mqtt"
)

// retained knows which topics have a retained value and whose it is. The values
// themselves are the library's; this index follows it.
type retained struct {
	server              *mochi.Server
	store               RetainedStore
	topicsMax, bytesMax int

	mu    sync.RWMutex
	index map[string]owner
	users map[string]usage
	dirty map[string]struct{} // topics whose record is not as the store has it
	kept  map[string]struct{} // topics the store has
}

// owner is who retained a value; ours if Publish did.
type owner struct {
	user string
	ours bool
	size int
}

type usage struct{ topics, bytes int }

func (r *retained) init(server *mochi.Server, o Options) {
	r.server, r.store, r.topicsMax, r.bytesMax = server, o.Retained, o.RetainedTopics, o.RetainedBytes
	r.index, r.users = map[string]owner{}, map[string]usage{}
	r.dirty, r.kept = map[string]struct{}{}, map[string]struct{}{}
}

func (r *retained) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.index)
}

// fits tells whether user may retain a value of this size at topic.
func (r *retained) fits(user, topic string, payload int) bool {
	if payload == 0 {
		return true
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	u, size := r.users[user], payload+len(topic)
	if old, ok := r.index[topic]; ok && !old.ours && old.user == user {
		u.topics--
		u.bytes -= old.size
	}
	return u.topics < r.topicsMax && u.bytes+size <= r.bytesMax
}

// note brings the index in line with the library for one topic. It looks there
// again, so that of two at once the later sees the truth.
func (r *retained) note(topic, user string, ours bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pk, ok := r.server.Topics.Retained.Get(topic)
	if !ok {
		r.replace(topic, nil)
		return
	}
	if ours {
		user = ""
	}
	r.replace(topic, &owner{user: user, ours: ours, size: len(pk.Payload) + len(topic)})
}

// claim makes a value ours that a client retained before.
func (r *retained) claim(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o, ok := r.index[topic]; ok && !o.ours {
		r.replace(topic, &owner{ours: true, size: o.size})
	}
}

// replace changes the owner of a topic (nil: none) and the sums; mu is held.
func (r *retained) replace(topic string, next *owner) {
	old, had := r.index[topic]
	if had && !old.ours {
		u := r.users[old.user]
		u.topics--
		u.bytes -= old.size
		r.users[old.user] = u
		if u.topics == 0 {
			delete(r.users, old.user)
		}
	}
	if next == nil {
		delete(r.index, topic)
	} else {
		r.index[topic] = *next
		if !next.ours {
			u := r.users[next.user]
			r.users[next.user] = usage{u.topics + 1, u.bytes + next.size}
		}
	}
	_, kept := r.kept[topic]
	if r.store != nil && (kept || next != nil && !next.ours) {
		r.dirty[topic] = struct{}{}
	}
}

// matching are the topics with a retained value that match filter.
func (r *retained) matching(filter string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !strings.ContainsAny(filter, "+#") {
		if _, ok := r.index[filter]; ok {
			return []string{filter}
		}
		return nil
	}
	var topics []string
	for t := range r.index {
		if mqtt.Match(filter, t) {
			topics = append(topics, t)
		}
	}
	return topics
}

// ofClients are the values that clients retained and that match filter.
func (r *retained) ofClients(filter string) []mqtt.Message {
	var list []mqtt.Message
	for _, t := range r.matching(filter) {
		r.mu.RLock()
		o := r.index[t]
		r.mu.RUnlock()
		if pk, ok := r.server.Topics.Retained.Get(t); ok && !o.ours {
			list = append(list, mqtt.Message{Topic: t, Payload: pk.Payload, Retain: true, Client: pk.Origin, User: o.user})
		}
	}
	return list
}

// keyPrefix is where the records are in the store.
const keyPrefix = "retained/"

// record is one stored message.
type record struct {
	Version int    `json:"v"`
	User    string `json:"user"`
	Payload []byte `json:"payload"`
	Created int64  `json:"created"`
	Expiry  int64  `json:"expiry,omitempty"`
}

// load brings stored messages back, but for topics that have a value already.
// Records that cannot be read are left out and counted.
func (r *retained) load(now time.Time) (bad int, err error) {
	if r.store == nil {
		return 0, nil
	}
	records, err := r.store.Values(keyPrefix)
	if err != nil {
		return 0, err
	}
	for key, value := range records {
		topic := strings.TrimPrefix(key, keyPrefix)
		r.mu.Lock()
		r.kept[topic] = struct{}{}
		r.mu.Unlock()
		var rec record
		if json.Unmarshal(value, &rec) != nil || rec.Version != 1 || len(rec.Payload) == 0 || checkPublish(topic, rec.Payload) != nil {
			bad++
			continue
		}
		_, taken := r.server.Topics.Retained.Get(topic)
		if taken || rec.Expiry > 0 && rec.Expiry < now.Unix() {
			r.mu.Lock()
			r.dirty[topic] = struct{}{}
			r.mu.Unlock()
			continue
		}
		pk := packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: true}, TopicName: topic, Payload: rec.Payload,
			Created: rec.Created, Expiry: rec.Expiry, ProtocolVersion: 4,
		}
		if rec.Expiry > 0 {
			pk.ProtocolVersion = 5
		}
		r.server.Topics.RetainMessage(pk)
		r.note(topic, rec.User, false)
		r.mu.Lock()
		delete(r.dirty, topic)
		r.mu.Unlock()
	}
	return bad, nil
}

// save writes what changed in one transaction. After an error it is tried again next time.
func (r *retained) save() error {
	r.mu.Lock()
	changed := r.dirty
	if len(changed) == 0 {
		r.mu.Unlock()
		return nil
	}
	r.dirty = map[string]struct{}{}
	pairs := make(map[string][]byte, len(changed))
	for t := range changed {
		pairs[keyPrefix+t] = r.encode(t)
	}
	r.mu.Unlock()

	err := r.store.Put(pairs)
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range changed {
		switch {
		case err != nil:
			r.dirty[t] = struct{}{}
		case pairs[keyPrefix+t] == nil:
			delete(r.kept, t)
		default:
			r.kept[t] = struct{}{}
		}
	}
	return err
}

// encode is the record of a topic, nil if it is not to be stored; mu is held.
func (r *retained) encode(topic string) []byte {
	o, ok := r.index[topic]
	if !ok || o.ours {
		return nil
	}
	pk, ok := r.server.Topics.Retained.Get(topic)
	if !ok {
		return nil
	}
	rec := record{Version: 1, User: o.user, Payload: pk.Payload, Created: pk.Created}
	if pk.ProtocolVersion == 5 {
		rec.Expiry = pk.Expiry
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return nil
	}
	return value
}
