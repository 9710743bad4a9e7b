package discovery_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/mqtt/mqtttest"
	"github.com/printwire/printwire/printer"
)

const (
	workshopID     = "printwire_03900C000000001"
	workshopConfig = "homeassistant/device/" + workshopID + "/config"
	workshopAMS    = "homeassistant/device/" + workshopID + "_ams_0/config"
)

// bubble runs a test in a synctest bubble with a running Discovery.
func bubble(t *testing.T, test func(t *testing.T, b *bed), snaps ...printer.Snapshot) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, nil, snaps...)
		b.run(t)
		synctest.Wait()
		test(t, b)
	})
}

// times are when a topic was published, seen by another client.
func (b *bed) times(t *testing.T, topic string) func() []time.Duration {
	t.Helper()
	start := time.Now()
	var all []time.Duration
	stop, err := b.ha.Subscribe(topic, func(m mqtt.Message) {
		if !m.Retain {
			all = append(all, time.Since(start))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return func() []time.Duration { synctest.Wait(); return all }
}

func lockDown(s *printer.Snapshot) { s.State.Caps.Control = some(false) }

func TestAnnounce_FirstAtOnceLaterDebounced(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		at := b.times(t, workshopConfig)
		s := a1()
		b.Apply(t.Context(), []printer.Change{{Next: s}})
		if got := at(); len(got) != 1 || got[0] != 0 {
			t.Fatalf("announced at %v, want at once", got)
		}
		for range 7 {
			s = b.apply(s, func(s *printer.Snapshot) { s.State.Firmware += "1" })
			pass(time.Second)
		}
		pass(10 * time.Second)
		got := at()
		if len(got) != 3 {
			t.Fatalf("announced at %v, want the first, one for all changes, and that once more", got)
		}
		if got[1] < 8*time.Second || got[1] > 9*time.Second {
			t.Errorf("announced again after %v, want 2 s after the last change", got[1])
		}
		if b.bus.Retained()[workshopConfig] == "" || !strings.Contains(b.bus.Retained()[workshopConfig], "01.04.00.001111111") {
			t.Error("the last change is not announced")
		}
	})
}

func TestAnnounce_SecondNotBeforeFiveSeconds(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		at := b.times(t, workshopConfig)
		b.Apply(t.Context(), []printer.Change{{Next: a1()}})
		b.apply(a1(), func(s *printer.Snapshot) { s.State.Caps.Door = true })
		pass(20 * time.Second)
		if got := at(); len(got) != 3 || got[1] < 5*time.Second || got[2]-got[1] < 2*time.Second {
			t.Errorf("announced at %v", got)
		}
	})
}

func TestAnnounce_ChangesCannotPutItOffForEver(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		at := b.times(t, workshopConfig)
		s := a1()
		for range 60 {
			s = b.apply(s, func(s *printer.Snapshot) { s.State.Firmware += "1" })
			pass(time.Second)
		}
		if got := at(); len(got) == 0 || got[0] > 31*time.Second {
			t.Errorf("announced at %v, want within 30 s", got)
		}
	}, a1())
}

func TestAnnounce_UnchangedIsNotSentAgain(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		at := b.times(t, "homeassistant/device/+/config")
		s := b.apply(a1(), func(s *printer.Snapshot) { s.State.Caps.Lidar = true })
		b.apply(s, func(s *printer.Snapshot) { s.State.Job.Progress = some(50) })
		pass(time.Minute)
		if got := at(); len(got) != 0 {
			t.Errorf("announced at %v", got)
		}
	}, a1())
}

func TestAnnounce_RemovalIsAStubAndThenAnOmission(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		n := len(b.bus.Published())
		b.apply(a1(), lockDown)
		pass(6 * time.Second)
		first := b.components(t, workshopID)
		if len(first["pause"]) != 1 || first["pause"]["platform"] != "button" || len(first["part_fan"]) != 1 {
			t.Errorf("pause is %v, part_fan %v; want stubs", first["pause"], first["part_fan"])
		}
		pass(10 * time.Second)
		last := b.components(t, workshopID)
		if last["pause"] != nil || last["part_fan"]["platform"] != "sensor" {
			t.Errorf("pause is %v, part_fan %v; want no pause and a sensor", last["pause"], last["part_fan"])
		}
		if got := b.since(n)[workshopConfig]; len(got) != 2 {
			t.Errorf("%d announcements", len(got))
		}
		if _, held := b.bus.Retained()[workshop+"part_fan/percentage"]; held {
			t.Error("the fan's second topic is still retained")
		}
		conforms(t, b.bus.Published())
	}, a1())
}

func TestAnnounce_PlatformThatFlipsBackKeepsItsValues(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		s := b.apply(a1(), lockDown)
		s = b.apply(s, func(s *printer.Snapshot) { s.State.Caps.Control = some(true) })
		pass(30 * time.Second)
		b.apply(s, func(s *printer.Snapshot) { s.State.Fans.Part = some(0) })
		b.want(t, map[string]string{workshop + "part_fan": "OFF", workshop + "part_fan/percentage": "0"})
		conforms(t, b.bus.Published())
	}, a1())
}

func TestAnnounce_EntityIdsSurviveRenamingAndRestart(t *testing.T) {
	twin := a1()
	twin.Config.ID, twin.Config.Serial = 2, "03900C000000002"
	b := newBed(t, fixed, a1(), twin)
	ids := func(b *bed, id string) string { return b.components(t, id)["progress"]["default_entity_id"].(string) }
	if got := ids(b, workshopID); got != "sensor.workshop_progress" {
		t.Errorf("entity id %s", got)
	}
	if got := ids(b, "printwire_03900C000000002"); got != "sensor.workshop_2_progress" {
		t.Errorf("entity id of the twin %s", got)
	}
	renamed := a1()
	renamed.Config.Name = "Küche"
	b.printers.snaps = []printer.Snapshot{twin, renamed}
	b = b.again(t)
	if got := ids(b, workshopID); got != "sensor.workshop_progress" {
		t.Errorf("entity id after renaming %s", got)
	}
	if !strings.Contains(b.bus.Retained()[workshopConfig], `"name":"Küche"`) {
		t.Error("the new name is not announced")
	}
}

func TestAnnounce_Slugs(t *testing.T) {
	for name, want := range map[string]string{"Große Küche #1": "grosse_kuche_1", "🎉": "printer", "": "printer", "printwire": "printwire_2",
		"{{ x }}": "x", "Bob's A1": "bobs_a1", strings.Repeat("long ", 50): "long_long_long_long_long_long_long_long"} {
		s := a1()
		s.Config.Name = name
		b := newBed(t, fixed, s)
		if got := b.components(t, workshopID)["progress"]["default_entity_id"]; got != "sensor."+want+"_progress" {
			t.Errorf("%q made %v, want %s", name, got, want)
		}
	}
}

func TestAnnounce_PrinterRemoved(t *testing.T) {
	t.Run("while running: its devices, then its values go", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bed) {
			b.Apply(t.Context(), []printer.Change{{Prev: a1(), Next: a1(), Removed: true}})
			if _, there := b.bus.Retained()[workshopConfig]; there {
				t.Error("still announced")
			}
			b.want(t, map[string]string{workshop + "availability": "offline"})
			pass(10 * time.Second)
			for topic := range b.bus.Retained() {
				if strings.Contains(topic, "03900C000000001") {
					t.Errorf("%s is left over", topic)
				}
			}
			conforms(t, b.bus.Published())
		}, a1())
	})
	t.Run("while the bridge was off: cleaned at the next start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, nil, a1(), x1c())
			b.printers.snaps = []printer.Snapshot{x1c()}
			b = b.again(t)
			b.run(t)
			pass(10 * time.Second)
			for topic := range b.bus.Retained() {
				if strings.Contains(topic, "03900C000000001") {
					t.Errorf("%s is left over", topic)
				}
			}
			if b.bus.Retained()["homeassistant/device/printwire_00M00A000000002/config"] == "" {
				t.Error("the other printer is gone too")
			}
		})
	})
	t.Run("while the bridge was off and nobody listened: told at the next birth, once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, func(o *discovery.Options) { o.Audience = func() bool { return false } }, a1(), x1c())
			b.printers.snaps = []printer.Snapshot{x1c()}
			b = b.again(t)
			b.run(t)
			synctest.Wait()
			for _, want := range []int{2, 0} { // the printer and its changer
				n := len(b.bus.Published())
				if err := b.ha.Publish("homeassistant/status", []byte("online"), false); err != nil {
					t.Fatal(err)
				}
				pass(20 * time.Second)
				told := 0
				for _, m := range b.bus.Published()[n:] {
					if strings.HasPrefix(m.Topic, "homeassistant/device/printwire_03900C000000001") && len(m.Payload) == 0 && !m.Retain {
						told++
					}
				}
				if told != want {
					t.Errorf("%d empty announcements after a birth, want %d", told, want)
				}
			}
		})
	})
	t.Run("an entity that a newer version lacks gets a stub", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, nil, a1())
			key := "discovery/told/" + workshopID
			b.store.values[key] = []byte(strings.Replace(string(b.store.values[key]), `"components":{`, `"components":{"old_thing":"sensor",`, 1))
			b = b.again(t)
			b.run(t)
			if got := b.components(t, workshopID)["old_thing"]; len(got) != 1 {
				t.Errorf("old_thing is %v, want a stub", got)
			}
			pass(10 * time.Second)
			if got := b.components(t, workshopID)["old_thing"]; got != nil {
				t.Errorf("old_thing is %v, want nothing", got)
			}
		})
	})
}

func TestAnnounce_DeletedInHomeAssistant(t *testing.T) {
	// remove is what Home Assistant does: an empty retained message for each component.
	remove := func(b *bed, topic string) {
		for range 3 {
			_ = b.ha.Publish(topic, []byte("x"), true)
			_ = b.ha.Publish(topic, nil, true)
		}
		pass(time.Second)
	}
	bubble(t, func(t *testing.T, b *bed) {
		remove(b, workshopConfig)
		b.apply(a1(), func(s *printer.Snapshot) { s.State.Caps.Door = true })
		pass(time.Minute)
		for _, topic := range []string{workshopConfig, workshopAMS} {
			if _, there := b.bus.Retained()[topic]; there {
				t.Errorf("%s came back", topic)
			}
		}
		next := b.again(t)
		next.run(t)
		pass(10 * time.Second)
		if _, there := b.bus.Retained()[workshopConfig]; there {
			t.Error("it came back with a restart")
		}
		_ = b.ha.Publish("printwire/bridge/announce_again/set", []byte("PRESS"), false)
		pass(time.Second)
		for _, topic := range []string{workshopConfig, workshopAMS} {
			if b.bus.Retained()[topic] == "" {
				t.Errorf("%s did not come back when asked", topic)
			}
		}
		if keys, _ := b.store.Values("discovery/gone/"); len(keys) != 0 {
			t.Errorf("still noted as deleted: %v", keys)
		}
	}, a1())
	bubble(t, func(t *testing.T, b *bed) {
		remove(b, workshopAMS)
		if b.bus.Retained()[workshopConfig] == "" || b.bus.Retained()[workshopAMS] != "" {
			t.Error("deleting a filament changer deletes that alone")
		}
	}, a1())
	bubble(t, func(t *testing.T, b *bed) {
		remove(b, "homeassistant/device/printwire_7f3a/config")
		pass(20 * time.Second)
		if strings.Contains(b.bus.Retained()[workshopConfig], "via_device") {
			t.Error("the printer still names the deleted bridge as its parent")
		}
	}, a1())
}

func TestAnnounce_ParentsBeforeChildren(t *testing.T) {
	short := a1()
	short.Config.Serial = "S1" // shorter than the bridge's own id
	bubble(t, func(t *testing.T, b *bed) {
		for range 5 { // the devices are kept in a map
			_ = b.ha.Publish("homeassistant/device/printwire_S1/config", nil, true)
			synctest.Wait()
			_ = b.ha.Publish("printwire/bridge/announce_again/set", []byte("PRESS"), false)
			synctest.Wait()
		}
		there := map[string]bool{"": true}
		for _, m := range b.bus.Published() {
			id, ours := strings.CutSuffix(strings.TrimPrefix(m.Topic, "homeassistant/device/"), "/config")
			var parent struct {
				Device struct {
					Via string `json:"via_device"`
				} `json:"device"`
			}
			if !ours || json.Unmarshal(m.Payload, &parent) != nil {
				there[id] = false
				continue
			}
			there[id] = true
			if !there[parent.Device.Via] {
				t.Errorf("%s is announced before its parent %s", id, parent.Device.Via)
			}
		}
	}, short)
}

func TestRun_ClearsOutdatedAnnouncementsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, nil, a1())
		config := func(id, via, origin string) string {
			topic := "homeassistant/device/" + id + "/config"
			text, _ := json.Marshal(map[string]any{"device": map[string]any{"identifiers": []string{id}, "via_device": via}, "origin": map[string]any{"name": origin}, "components": map[string]any{}})
			if err := b.ha.Publish(topic, text, true); err != nil {
				t.Fatal(err)
			}
			return topic
		}
		cleared := []string{
			config("printwire_OLD1", "printwire_7f3a", "printwire"),
			config("printwire_OLD1_ams_0", "printwire_OLD1", "printwire"),
			config(workshopID+"_ams_3", workshopID, "printwire"),
		}
		kept := []string{
			config("printwire_OTHER", "printwire_ffff", "printwire"),
			config("printwire_OTHER_ams_0", "printwire_OTHER", "printwire"),
			config("printwire_FAKE", "printwire_7f3a", "zigbee2mqtt"),
			config("lamp", "printwire_7f3a", "printwire"),
		}
		b.run(t)
		pass(6 * time.Second)
		for _, topic := range cleared {
			if _, there := b.bus.Retained()[topic]; there {
				t.Errorf("%s was not cleared", topic)
			}
		}
		for _, topic := range append(kept, workshopConfig, workshopAMS) {
			if _, there := b.bus.Retained()[topic]; !there {
				t.Errorf("%s was cleared", topic)
			}
		}
	})
}

// counting is a Bus that counts Resend.
type counting struct {
	*mqtttest.Fake
	resent atomic.Int32
}

func (c *counting) Resend() { c.resent.Add(1) }

func TestRun_BirthSendsEverythingAgainOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &counting{Fake: &mqtttest.Fake{}}
		d := newBed(t, func(o *discovery.Options) { o.Bus = bus }, a1())
		d.run(t)
		ha := bus.Other("ha")
		for _, word := range []string{"offline", "online", "online", "online"} {
			_ = ha.Publish("homeassistant/status", []byte(word), false)
			pass(time.Second)
		}
		pass(5 * time.Second)
		if got := bus.resent.Load(); got != 1 {
			t.Errorf("sent again %d times, want once", got)
		}
		pass(time.Minute)
		_ = ha.Publish("homeassistant/status", []byte("online"), false)
		pass(6 * time.Second)
		if got := bus.resent.Load(); got != 2 {
			t.Errorf("sent again %d times, want twice", got)
		}
	})
}

func TestRun_SaysOfflineAtTheEnd(t *testing.T) {
	b := newBed(t, nil, a1())
	stop := b.run(t)
	b.want(t, map[string]string{"printwire/status": "online"})
	stop()
	b.want(t, map[string]string{"printwire/status": "offline"})
}

func TestPrepare_Store(t *testing.T) {
	t.Run("a store that cannot be read is an error", func(t *testing.T) {
		b := newBed(t, nil)
		b.store.fails = true
		if err := discovery.New(b.opts).Prepare(t.Context()); err == nil {
			t.Error("no error")
		}
	})
	t.Run("damaged records are as if they were not there", func(t *testing.T) {
		b := newBed(t, fixed, a1())
		for key := range b.store.values {
			b.store.values[key] = []byte("{")
		}
		conforms(t, b.again(t).bus.Published())
	})
	t.Run("what Home Assistant is told is stored before, in one transaction", func(t *testing.T) {
		b := newBed(t, fixed, a1(), x1c(), h2d())
		if b.store.puts != 1 {
			t.Errorf("%d transactions", b.store.puts)
		}
	})
}

func TestAnnounce_TrustButtonIsThereOnlyWhenItHelps(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		s := b.apply(a1(), func(s *printer.Snapshot) {
			s.State.Online, s.State.Problem = false, printer.Problem{Code: printer.ProblemCertificate, Text: "The certificate changed."}
		})
		pass(10 * time.Second)
		c := b.components(t, workshopID)["trust_certificate"]
		if list, _ := c["availability"].([]any); c["platform"] != "button" || len(list) != 1 {
			t.Errorf("the button is %v, want one that needs no printer", c)
		}
		b.want(t, map[string]string{workshop + "problem": "ON", workshop + "problem_text": "The certificate changed."})
		if got := b.ask(t, workshop+"trust_certificate/set", "PRESS"); len(got) != 1 || !got[0].OK {
			t.Errorf("answers %+v", got)
		}
		b.apply(s, func(s *printer.Snapshot) { s.State.Online, s.State.Problem = true, printer.Problem{} })
		pass(20 * time.Second)
		if c := b.components(t, workshopID)["trust_certificate"]; c != nil {
			t.Errorf("the button is still there: %v", c)
		}
		conforms(t, b.bus.Published())
	}, a1())
}

func TestAnnounce_StageWithoutAListIsPlainText(t *testing.T) {
	b := newBed(t, func(o *discovery.Options) { o.Now, o.Stages = epoch, nil }, a1())
	if c := b.components(t, workshopID)["stage"]; c["options"] != nil || c["device_class"] != nil {
		t.Errorf("the stage is %v", c)
	}
	b.apply(a1(), func(s *printer.Snapshot) { s.State.Stage = "anything" })
	b.want(t, map[string]string{workshop + "stage": "anything"})
	conforms(t, b.bus.Published())
}

func TestAnnounce_PageURL(t *testing.T) {
	for url, want := range map[string]bool{"http://192.0.2.1:8000": true, "https://x.example/p": true, "homeassistant://hassio/ingress/printwire": true,
		"http://localhost:8000": false, "http://127.0.0.1:8000": false, "http://[::]:8000": false, "ftp://x": false, "": false, "::": false, "javascript:alert(1)": false} {
		b := newBed(t, func(o *discovery.Options) { o.Now, o.URL = epoch, url }, a1())
		if got := strings.Contains(b.bus.Retained()[workshopConfig], "configuration_url"); got != want {
			t.Errorf("%q announced is %v", url, got)
		}
	}
}
