package app_test

import (
	"sync"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/settings"
)

func TestApp_AClientThatHasToWaitIsNotToldThatItsPasswordIsWrong(t *testing.T) {
	s := local()
	s.MQTT.Mode = "embedded"
	s.MQTT.Users = []settings.User{{Name: "zigbee2mqtt", Password: "a long one"}}
	r := begin(t, options(s, t.TempDir()))
	login := func() error {
		link, err := client.Dial(t.Context(), client.LinkOptions{
			Address: r.ready.MQTT, User: "zigbee2mqtt", Password: "wrong", ClientID: "z2m", ConnectTimeout: time.Minute,
		})
		if err == nil {
			link.Close()
		}
		return err
	}
	var wg sync.WaitGroup
	for range 2 { // more at once would wait too long for their turn, on a slow machine
		wg.Go(func() {
			for range 5 {
				if err := login(); !fault.Is(err, fault.Denied) {
					t.Errorf("a wrong password: %v, want it refused", err)
				}
			}
		})
	}
	wg.Wait()
	if err := login(); !fault.Is(err, fault.Offline) {
		t.Errorf("after ten wrong passwords: %v, want to be told to come again", err)
	}
}
