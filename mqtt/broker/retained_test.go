package broker

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	m "github.com/printwire/printwire/mqtt/mqtttest"

	"github.com/printwire/printwire/fault"
)

// disk is a store in memory that can fail.
type disk struct {
	mu     sync.Mutex
	data   map[string][]byte
	puts   int
	failed int
	full   bool
}

// at is what is retained at a topic.
func (r *retained) at(topic string) (value, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v, ok := r.index[topic]
	return v, ok && !v.expired(r.now().Unix())
}

func (d *disk) Value(key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.data[key]; ok {
		return v, nil
	}
	return nil, fault.New(fault.NotFound, "no %s", key)
}

func (d *disk) Values(prefix string) (map[string][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := maps.Clone(d.data)
	maps.DeleteFunc(all, func(k string, _ []byte) bool { return !strings.HasPrefix(k, prefix) })
	return all, nil
}

func (d *disk) Put(pairs map[string][]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		d.failed++
		return errors.New("no space left on device")
	}
	d.puts++
	for k, v := range pairs {
		if v == nil {
			delete(d.data, k)
		} else {
			d.data[k] = v
		}
	}
	return nil
}

func (d *disk) keys() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.data)
}

func (d *disk) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func withDisk(d *disk) func(*Options) {
	return func(o *Options) { o.Retained = d }
}

func TestRetained_clients_messages_survive_a_restart(t *testing.T) {
	d, begun := &disk{data: map[string][]byte{}}, time.Now()
	r := start(t, withDisk(d))
	p := r.join(login5("p"))
	for i := range 100 {
		p.Publish(fmt.Sprint("theirs/", i), "1", true)
	}
	p.Publish("theirs/0", "", true)
	p.Publish("theirs/1", "2", true)
	p.Publish("live", "1", false)
	p.Send(m.Publish(5, 1, 0, "theirs/short", "v", 2, 0, 0, 0, 60))
	p.Send(m.Publish(5, 1, 0, "theirs/long", "v", 2, 0, 0, 14, 16))
	p.ExpectNothing()
	_ = r.Publish("ours/x", []byte("1"), true)
	_ = r.Publish("theirs/2", []byte("ours now"), true)
	_ = r.stop()
	// 98, short, long; one transaction each second, and one at the end
	if most := int(time.Since(begun)/time.Second) + 2; d.keys() != 100 || d.puts > most {
		t.Errorf("%d records in %d transactions, want 100 in at most %d", d.keys(), d.puts, most)
	}
	d.data["retained/bad"] = []byte("{")
	d.data["retained/$SYS/x"] = []byte(`{"v":1,"payload":"MQ=="}`)
	d.data["retained/future"] = []byte(`{"v":9,"payload":"MQ=="}`)

	book := &logBook{}
	r = start(t, func(o *Options) {
		o.Retained, o.Log = d, book.logger()
		o.Now = func() time.Time { return time.Now().Add(10 * time.Minute) }
	})
	if n := r.Stats().Retained; n != 99 || book.count("count=3") != 1 {
		t.Errorf("%d came back, want 99; log: %s", n, book.b.String())
	}
	q := r.join(login5("q"))
	q.Subscribe("theirs/1")
	q.ExpectMessage("theirs/1", "2")
	q.Subscribe("theirs/2", "ours/x", "theirs/0", "theirs/short")
	q.ExpectNothing()
	if len(r.retained.users) != 1 || r.retained.users["anna"].topics != 99 {
		t.Errorf("owners %v, want anna with 99", r.retained.users)
	}
}

func TestRetained_what_we_published_first_stays(t *testing.T) {
	d := &disk{data: map[string][]byte{"retained/a": []byte(`{"v":1,"user":"anna","payload":"MQ=="}`)}}
	b, err := New(Options{Retained: d})
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Publish("a", []byte("ours"), true)
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	if v, _ := b.retained.at("a"); string(v.payload) != "ours" {
		t.Errorf("got %q", v.payload)
	}
	if err := b.retained.save(); err != nil || d.keys() != 0 {
		t.Errorf("%d records, %v; want the old one gone", d.keys(), err)
	}
}

func TestRetained_a_full_disk_is_logged_once_and_made_up_for(t *testing.T) {
	d := &disk{data: map[string][]byte{}, full: true}
	book := &logBook{}
	r := start(t, func(o *Options) { o.Retained, o.Log = d, book.logger() })
	p := r.join(login("p"))
	p.Publish("a", "1", true)
	failed := func(n int) func() bool {
		return func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.failed >= n
		}
	}
	eventually(t, "two tries", failed(2))
	if n := book.count("cannot be stored"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
	q := r.join(login("q"))
	q.Subscribe("a")
	q.ExpectMessage("a", "1") // goes on in memory
	d.setFull(false)
	eventually(t, "it is stored", func() bool { return d.keys() == 1 })
}

func TestRetained_is_limited_for_each_user(t *testing.T) {
	r := start(t, func(o *Options) { o.RetainedTopics, o.RetainedBytes = 10, 1000 })
	p := r.join(login("p"))
	for i := range 20 {
		p.Publish(fmt.Sprint("t/", i), "x", true)
	}
	p.Publish("t/3", "changed", true) // one that is there may change
	if n := r.Stats().Retained; n != 10 || r.Stats().Denied != 10 {
		t.Errorf("%d retained, %d denied, want 10 and 10", n, r.Stats().Denied)
	}
	p.Publish("t/3", strings.Repeat("x", 990), true)
	if v, _ := r.retained.at("t/3"); string(v.payload) != "changed" {
		t.Errorf("the limit of bytes was passed: %.20q", v.payload)
	}
	for i := range 30 { // we are exempt
		_ = r.Publish(fmt.Sprint("ours/", i), []byte("x"), true)
	}
	other := r.join(m.Login{Client: "o", User: "bob", Password: "pw-bob"}) // and others have their own
	other.Publish("o/1", "x", true)
	p.Publish("t/4", "", true)
	p.Publish("t/new", "x", true)
	if n := r.Stats().Retained; n != 41 {
		t.Errorf("%d retained, want 41", n)
	}
	l := login("w") // a will is sent, but not kept
	l.Will = &m.Will{Topic: "w", Payload: "gone", Retain: true}
	w := r.join(l)
	other.Subscribe("w")
	_ = w.Close()
	other.ExpectMessage("w", "gone")
	if n := r.Stats().Retained; n != 41 {
		t.Errorf("%d retained, want 41", n)
	}
}

func TestRetained_an_equal_value_becomes_ours_and_is_not_sent(t *testing.T) {
	r := start(t, nil)
	p, watch := r.join(login("p")), r.join(login("watch"))
	p.Publish("a", "1", true)
	watch.Subscribe("a")
	watch.ExpectMessage("a", "1")
	_ = r.Publish("a", []byte("1"), true)
	watch.ExpectNothing()
	if v, ok := r.retained.at("a"); !ok || v.by != nil || len(r.retained.users) != 0 {
		t.Errorf("publisher %+v, users %v", v.by, r.retained.users)
	}
}
