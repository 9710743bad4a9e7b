package broker

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	m "github.com/printwire/printwire/mqtt/mqtttest"
)

func TestRetained_long_values_are_held_packed_and_come_whole(t *testing.T) {
	r := start(t, nil)
	r.retained.packer.plain.Store(packMost) // as with many printers
	long := strings.Repeat(`{"platform":"sensor","state_topic":"printwire/00M00L000000000/value"},`, 500)
	var noise []byte // as images are
	for i := range 1000 {
		sum := sha256.Sum256(fmt.Append(nil, i))
		noise = append(noise, sum[:]...)
	}
	values := map[string][]byte{"v/long": []byte(long), "v/other": []byte(long + "x"), "v/noise": noise, "v/short": []byte("21.5")}
	before := r.Stats()
	for topic, v := range values {
		if err := r.Publish(topic, v, true); err != nil {
			t.Fatal(err)
		}
	}
	live := r.join(login5("live"))
	live.Subscribe("v/#")
	got := map[string][]byte{}
	for range values {
		d, err := m.Deliver(5, live.Next())
		if err != nil {
			t.Fatal(err)
		}
		got[d.Topic] = []byte(d.Payload)
	}
	for topic, v := range values {
		if !bytes.Equal(got[topic], v) {
			t.Errorf("%s: got %d bytes, want %d", topic, len(got[topic]), len(v))
		}
		held, _ := r.retained.at(topic)
		if packed := len(held.payload) < len(v)/4; packed != strings.Contains(string(v), "platform") {
			t.Errorf("%s: %d bytes are held in %d", topic, len(v), len(held.payload))
		}
		_ = r.Publish(topic, bytes.Clone(v), true) // no change
	}
	live.ExpectNothing()
	for topic, v := range values {
		v = append(bytes.Clone(v), '\n')
		_ = r.Publish(topic, v, true)
		live.ExpectMessage(topic, string(v))
	}
	_ = r.Clear("v/long", "v/other")
	live.ExpectMessage("v/long", "")
	live.ExpectMessage("v/other", "")
	if n := r.Stats().Retained - before.Retained; n != 2 {
		t.Errorf("%d values are retained, want 2", n)
	}
}

func TestRetained_counts_long_values_as_long_as_they_are_held(t *testing.T) {
	r := start(t, nil)
	long := []byte("{" + strings.Repeat(" ", packFrom) + "}")
	for _, topic := range []string{"v/cleared", "v/replaced", "v/theirs"} {
		if err := r.Publish(topic, long, true); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.retained.packer.plain.Load(); n != int64(3*len(long)) {
		t.Errorf("%d bytes are held, want %d", n, 3*len(long))
	}
	_ = r.Clear("v/cleared")
	_ = r.Publish("v/replaced", []byte("1"), true)
	p := r.join(login5("live"))
	p.Subscribe("v/theirs")
	p.Next()
	p.Publish("v/theirs", "2", true)
	p.Next()
	if n := r.retained.packer.plain.Load(); n != 0 {
		t.Errorf("%d bytes are said to be held, want none", n)
	}
}
