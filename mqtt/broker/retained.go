package broker

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/printwire/printwire/mqtt"
)

// retained holds the retained values. The library holds none: it would copy each
// one and go through them all every second.
type retained struct {
	now                 func() time.Time
	store               RetainedStore
	topicsMax, bytesMax int

	packer packer

	mu    sync.RWMutex
	index map[string]value
	users map[string]usage
	aging map[string]struct{} // topics whose value expires
	swept int64               // when aging was last gone through, unix seconds
	dirty map[string]struct{} // topics whose record is not as the store has it
	kept  map[string]struct{} // topics the store has
}

// value is what is retained at a topic; an empty payload is none.
type value struct {
	payload []byte
	by      *publisher // nil: we, by Publish
	packed  *sum       // of the whole payload, if it is held packed; only ours
}

// publisher is what is known of a client's value.
type publisher struct {
	user, client string
	expiry       int64               // unix seconds; 0: never
	props        *packets.Properties // nil: none
}

// size is what counts against the limit of bytes.
func (v value) size(topic string) int {
	n := len(topic) + len(v.payload)
	if v.by == nil || v.by.props == nil {
		return n
	}
	p := v.by.props
	n += len(p.ContentType) + len(p.ResponseTopic) + len(p.CorrelationData)
	for _, u := range p.User {
		n += len(u.Key) + len(u.Val) + 32 // and their headers
	}
	return n
}

// is tells whether the value's payload is payload.
func (v value) is(payload []byte) bool {
	if v.packed == nil {
		return bytes.Equal(v.payload, payload)
	}
	return len(payload) >= packFrom && *v.packed == sha256.Sum256(payload)
}

// expired tells whether a value's time is over, though it is still in the index.
func (v value) expired(now int64) bool { return v.by != nil && v.by.expiry > 0 && v.by.expiry < now }

type usage struct{ topics, bytes int }

func (r *retained) init(o Options) {
	r.now, r.store, r.topicsMax, r.bytesMax = o.Now, o.Retained, o.RetainedTopics, o.RetainedBytes
	r.index, r.users, r.aging = map[string]value{}, map[string]usage{}, map[string]struct{}{}
	r.dirty, r.kept = map[string]struct{}{}, map[string]struct{}{}
}

func (r *retained) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep()
	return len(r.index)
}

// spare is how much larger than its payload the memory may be that it came in.
const spare = 64

// own makes payload the value that we retain at topic, none if it is empty. It
// tells whether that is a change. The payload is kept, packed if it is long, and
// not copied.
func (r *retained) own(topic string, payload []byte) (changed bool) {
	r.mu.RLock()
	old, had := r.index[topic]
	r.mu.RUnlock()
	if old.by == nil && had == (len(payload) > 0) && old.is(payload) {
		return false
	}
	var next value
	next.payload, next.packed = r.packer.pack(payload)
	if next.packed == nil && cap(payload) > len(payload)+len(payload)/4+spare {
		next.payload = bytes.Clone(payload)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old, had = r.index[topic]
	if !had && len(payload) == 0 {
		return false
	}
	r.replace(topic, next)
	return !old.is(payload) || old.expired(r.now().Unix())
}

// keep retains a client's value, or removes what is there if it is empty; false:
// its user has no room left.
func (r *retained) keep(topic string, v value) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(v.payload) > 0 {
		r.sweep()
		u := r.users[v.by.user]
		if old, ok := r.index[topic]; ok && old.by != nil && old.by.user == v.by.user {
			u.topics--
			u.bytes -= old.size(topic)
		}
		if u.topics >= r.topicsMax || u.bytes+v.size(topic) > r.bytesMax {
			return false
		}
		topic = strings.Clone(topic) // which is a part of the packet
	}
	r.replace(topic, v)
	return true
}

// keepPacket retains a client's message as keep does.
func (r *retained) keepPacket(user, client string, pk packets.Packet) bool {
	by := &publisher{user: user, client: client, props: passedOn(&pk.Properties, false)}
	if n := pk.Properties.MessageExpiryInterval; n > 0 {
		by.expiry = r.now().Unix() + int64(n)
	}
	return r.keep(pk.TopicName, value{payload: pk.Payload, by: by})
}

// replace changes the value of a topic and the sums; mu is held.
func (r *retained) replace(topic string, next value) {
	if old := r.index[topic]; old.by == nil {
		r.packer.released(old)
	} else {
		u := r.users[old.by.user]
		u.topics--
		u.bytes -= old.size(topic)
		r.users[old.by.user] = u
		if u.topics == 0 {
			delete(r.users, old.by.user)
		}
		delete(r.aging, topic)
	}
	theirs := len(next.payload) > 0 && next.by != nil
	if len(next.payload) == 0 {
		delete(r.index, topic)
	} else {
		r.index[topic] = next
	}
	if theirs {
		u := r.users[next.by.user]
		r.users[next.by.user] = usage{u.topics + 1, u.bytes + next.size(topic)}
		if next.by.expiry > 0 {
			r.aging[topic] = struct{}{}
		}
	}
	if _, kept := r.kept[topic]; r.store != nil && (kept || theirs) {
		r.dirty[topic] = struct{}{}
	}
}

// sweep removes values whose time is over, once a second at most; mu is held.
func (r *retained) sweep() {
	now := r.now().Unix()
	if len(r.aging) == 0 || now == r.swept {
		return
	}
	r.swept = now
	for topic := range r.aging {
		if r.index[topic].expired(now) {
			r.replace(topic, value{})
		}
	}
}

// held is a retained value and where.
type held struct {
	topic string
	value
}

// freeze calls fn while nothing can be retained. fn may ask what matches a filter.
func (r *retained) freeze(fn func(matching func(filter string) []held)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	fn(r.matching)
}

// matching are the retained values that match filter; mu is held.
func (r *retained) matching(filter string) (list []held) {
	now := r.now().Unix()
	if !strings.ContainsAny(filter, "+#") {
		if v, ok := r.index[filter]; ok && !v.expired(now) {
			list = append(list, held{filter, v})
		}
		return list
	}
	begin := literal(filter)
	for topic, v := range r.index {
		if strings.HasPrefix(topic, begin) && mqtt.Match(filter, topic) && !v.expired(now) {
			list = append(list, held{topic, v})
		}
	}
	return list
}

// ofClients are the values that clients retained and that match filter.
func (r *retained) ofClients(filter string) []mqtt.Message {
	var list []mqtt.Message
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, h := range r.matching(filter) {
		if h.by != nil {
			list = append(list, mqtt.Message{Topic: h.topic, Payload: h.payload, Retain: true, Client: h.by.client, User: h.by.user})
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
	Expiry  int64  `json:"expiry,omitempty"`
}

// load brings stored messages back, but for topics that have a value already.
// Records that cannot be read are left out and counted.
func (r *retained) load() (bad int, err error) {
	if r.store == nil {
		return 0, nil
	}
	records, err := r.store.Values(keyPrefix)
	if err != nil {
		return 0, err
	}
	now := r.now().Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, data := range records {
		topic := strings.TrimPrefix(key, keyPrefix)
		r.kept[topic] = struct{}{}
		var rec record
		if json.Unmarshal(data, &rec) != nil || rec.Version != 1 || len(rec.Payload) == 0 || checkPublish(topic, rec.Payload) != nil {
			bad++
			continue
		}
		v := value{payload: rec.Payload, by: &publisher{user: rec.User, expiry: rec.Expiry}}
		if _, taken := r.index[topic]; taken || v.expired(now) {
			r.dirty[topic] = struct{}{}
			continue
		}
		r.replace(topic, v)
		delete(r.dirty, topic)
	}
	return bad, nil
}

// save writes what changed in one transaction. After an error it is tried again next time.
func (r *retained) save() error {
	r.mu.Lock()
	r.sweep()
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
	v, ok := r.index[topic]
	if !ok || v.by == nil {
		return nil
	}
	data, err := json.Marshal(record{Version: 1, User: v.by.user, Payload: v.payload, Expiry: v.by.expiry})
	if err != nil {
		return nil
	}
	return data
}
