package mqtttest_test

import (
	"testing"

	"github.com/printwire/printwire/mqtt/mqtttest"
)

func TestFake_Conform(t *testing.T) {
	mqtttest.Conform(t, func(*testing.T) mqtttest.Setup {
		f := &mqtttest.Fake{}
		return mqtttest.Setup{Bus: f, Other: f.Other("other")}
	})
}

func TestFake_keeps_what_was_published(t *testing.T) {
	f := &mqtttest.Fake{}
	for _, v := range []string{"1", "1", "2"} {
		if err := f.Publish("a", []byte(v), true); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.Retained()["a"]; got != "2" {
		t.Errorf("retained is %q, want 2", got)
	}
	if got := f.Published(); len(got) != 2 || !got[0].Retain || string(got[1].Payload) != "2" {
		t.Errorf("published %v, want two retained values", got)
	}
}
