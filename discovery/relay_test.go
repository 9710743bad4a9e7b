package discovery_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/printer"
)

const workshop = "printwire/03900C000000001/"

func TestApply_PublishesOnlyWhatChanged(t *testing.T) {
	b := newBed(t, fixed, a1())
	n := len(b.bus.Published())
	b.apply(a1(), func(s *printer.Snapshot) { s.State.Job.Progress, s.State.ChamberLight = some(43), some(false) })
	got := b.since(n)
	if len(got) != 2 || got[workshop+"progress"][0] != "43" || got[workshop+"chamber_light"][0] != "OFF" {
		t.Errorf("published %v, want progress and chamber_light alone", got)
	}
}

func TestApply_UnknownBecomesNone(t *testing.T) {
	b := newBed(t, fixed, x1c())
	const big = "printwire/00M00A000000002/"
	b.apply(x1c(), func(s *printer.Snapshot) {
		caps := s.State.Caps
		s.State = printer.State{Online: true, Caps: caps}
	})
	b.want(t, map[string]string{big + "progress": "None", big + "door": "None", big + "chamber_light": "None", big + "part_fan": "None",
		big + "part_fan/percentage": "None", big + "bed_target": "None", big + "speed": "None", big + "finish_at": "None", big + "activity": "None",
		big + "active_tray/attributes": "{}", big + "fault": "none"})
	// None would become a version, so the last ones stay.
	b.want(t, map[string]string{big + "firmware": "01.08.02.00", big + "firmware/latest": "01.09.00.00"})
}

func TestApply_ClampsToTheAnnouncedRange(t *testing.T) {
	b := newBed(t, fixed, a1())
	b.apply(a1(), func(s *printer.Snapshot) {
		s.State.Nozzles[0].Target, s.State.Bed.Target, s.State.Job.Progress, s.State.WiFi = some(900.0), some(-5.0), some(120), some(7)
	})
	b.want(t, map[string]string{workshop + "nozzle_target": "300", workshop + "bed_target": "0", workshop + "progress": "100", workshop + "wifi_signal": "-51"})
	conforms(t, b.bus.Published())
}

func TestApply_Temperatures(t *testing.T) {
	const topic = workshop + "bed_temperature"
	bedAt := func(v float64) func(*printer.Snapshot) {
		return func(s *printer.Snapshot) { s.State.Bed.Temperature = some(v) }
	}
	run := func(name string, test func(t *testing.T, b *bed)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, nil, a1())
				b.run(t)
				synctest.Wait()
				test(t, b)
			})
		})
	}
	run("half a degree goes out at once", func(t *testing.T, b *bed) {
		b.apply(a1(), bedAt(65.6))
		b.want(t, map[string]string{topic: "65.6"})
	})
	run("less waits until 10 s after the last, without another report", func(t *testing.T, b *bed) {
		b.apply(a1(), bedAt(65.4))
		pass(9900 * time.Millisecond)
		b.want(t, map[string]string{topic: "65.1"})
		pass(200 * time.Millisecond)
		b.want(t, map[string]string{topic: "65.4"})
	})
	run("a value that comes back is not sent", func(t *testing.T, b *bed) {
		n := len(b.bus.Published())
		s := b.apply(a1(), bedAt(65.4))
		b.apply(s, bedAt(65.1))
		pass(time.Minute)
		if got := b.since(n)[topic]; got != nil {
			t.Errorf("published %v", got)
		}
	})
}

func TestApply_WiFiOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, nil, a1())
		b.run(t)
		s := b.apply(a1(), func(s *printer.Snapshot) { s.State.WiFi = printer.Opt[int]{} })
		s = b.apply(s, func(s *printer.Snapshot) { s.State.WiFi = some(-51) })
		b.want(t, map[string]string{workshop + "wifi_signal": "-51"})
		n := len(b.bus.Published())
		for i := range 130 {
			s = b.apply(s, func(s *printer.Snapshot) { s.State.WiFi = some(-52 - i%3) })
			pass(time.Second)
		}
		if got := b.since(n)[workshop+"wifi_signal"]; len(got) != 2 {
			t.Errorf("published %v in 130 s, want 2 values", got)
		}
	})
}

func TestApply_TimesMoveByTwoMinutes(t *testing.T) {
	const topic = workshop + "finish_at"
	b := newBed(t, fixed, a1())
	n := len(b.bus.Published())
	s := a1()
	for range 120 {
		s = b.apply(s, func(s *printer.Snapshot) { s.At = s.At.Add(time.Second) })
	}
	if got := b.since(n)[topic]; got != nil {
		t.Errorf("a time that moved by 2 minutes was published: %v", got)
	}
	s = b.apply(s, func(s *printer.Snapshot) { s.At = s.At.Add(time.Second) })
	b.want(t, map[string]string{topic: "2026-03-01T13:32:01Z"})
	b.apply(s, func(s *printer.Snapshot) { s.At, s.State.Activity = s.At.Add(time.Second), printer.Paused })
	b.want(t, map[string]string{topic: "2026-03-01T13:32:02Z"})
}

func TestApply_DocumentAtMostOnceASecondAndNeverLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, nil, a1())
		b.run(t)
		pass(5 * time.Second)
		n := len(b.bus.Published())
		s := a1()
		for i := range 50 {
			s = b.apply(s, func(s *printer.Snapshot) { s.State.Job.Progress = some(i) })
			pass(100 * time.Millisecond)
		}
		pass(2 * time.Second)
		got := b.since(n)[workshop+"state"]
		if len(got) < 5 || len(got) > 7 {
			t.Errorf("%d documents in 5 s", len(got))
		}
		var doc struct {
			Job struct {
				Progress int `json:"progress"`
			} `json:"job"`
		}
		if err := json.Unmarshal([]byte(got[len(got)-1]), &doc); err != nil || doc.Job.Progress != 49 {
			t.Errorf("the last document has progress %d, %v; want 49", doc.Job.Progress, err)
		}
	})
}

func TestApply_Availability(t *testing.T) {
	b := newBed(t, fixed, a1())
	n := len(b.bus.Published())
	s := b.apply(a1(), func(s *printer.Snapshot) { s.State.Online = false })
	b.want(t, map[string]string{workshop + "availability": "offline", workshop + "online": "OFF", workshop + "activity": "offline",
		workshop + "progress": "42", "printwire/bridge/printers_connected": "0"})
	if first := b.bus.Published()[n]; first.Topic != workshop+"availability" {
		t.Errorf("%s went out before the availability", first.Topic)
	}
	b.apply(s, func(s *printer.Snapshot) { s.State.Online = true })
	b.want(t, map[string]string{workshop + "availability": "online", "printwire/bridge/printers_connected": "1"})
}

func TestApply_OnlyTheLastPrintIsThereWhileOffline(t *testing.T) {
	b := newBed(t, fixed, a1())
	var alone []string
	for key, c := range b.components(t, "printwire_03900C000000001") {
		if c["availability"] != nil {
			alone = append(alone, key)
		}
	}
	slices.Sort(alone)
	want := words("activity events file_name finish_at job_name last_duration last_reason last_result online problem problem_text started_at")
	if !slices.Equal(alone, want) {
		t.Errorf("independent of the printer's availability: %v, want %v", alone, want)
	}
}

func TestApply_HostileText(t *testing.T) {
	b := newBed(t, fixed, a1())
	nasty := "{{ states('x') }}/+#\x00\x1b[31m\u202e🎉\xff\n" + strings.Repeat("ä", 10_000)
	b.apply(a1(), func(s *printer.Snapshot) {
		s.Config.Name, s.State.Job.Name, s.State.Firmware, s.State.IPAddress = nasty, nasty, nasty, nasty
		s.State.Faults = []printer.Fault{{Code: nasty, Text: nasty, URL: nasty, Severity: printer.Fatal}}
		s.State.External = []printer.Tray{{Material: nasty, Color: nasty, Tag: nasty}}
	})
	conforms(t, b.bus.Published())
}

func TestApply_SerialThatFitsNoTopicIsNotShown(t *testing.T) {
	for _, serial := range []string{"", "a/b", "AB#", "lower", strings.Repeat("A", 51)} {
		s := a1()
		s.Config.Serial = serial
		b := newBed(t, fixed, s)
		for topic := range b.bus.Retained() {
			if !strings.HasPrefix(topic, "printwire/bridge/") && topic != "printwire/status" && topic != "homeassistant/device/printwire_7f3a/config" {
				t.Errorf("serial %q made topic %s", serial, topic)
			}
		}
	}
}

func TestApply_SteadyPrintCostsHomeAssistantFewMessages(t *testing.T) {
	now := epoch()
	b := newBed(t, func(o *discovery.Options) { o.Now = func() time.Time { return now } }, x1c())
	n := len(b.bus.Published())
	s, reports := x1c(), 600
	for i := range reports {
		now = now.Add(time.Second)
		s = b.apply(s, func(s *printer.Snapshot) { steady(s, i) })
	}
	sent := 0
	for topic, values := range b.since(n) {
		if !strings.HasSuffix(topic, "/state") {
			sent += len(values)
		}
	}
	per := float64(sent) / float64(reports)
	t.Logf("%.2f messages per report", per)
	if per > 6 {
		t.Error("want at most 6")
	}
}

// steady is what changes from report to report in a print without events.
func steady(s *printer.Snapshot, i int) {
	wave := float64(i%7) * 0.11
	s.At = s.At.Add(time.Second)
	st := &s.State
	st.Nozzles[0].Temperature, st.Bed.Temperature, st.Chamber.Temperature = some(220+wave), some(65-wave), some(41+float64(i%40)*0.05)
	st.WiFi = some(-50 - i%6)
	st.Job.Progress, st.Job.Layer, st.Job.RemainingSeconds = some(42+i/60), some(57+i/30), some(5400-i/60*60)
	st.Fans.Part = some(70 + 10*(i/20%3))
}

func TestApply_FilamentChangerIsADeviceOfItsOwn(t *testing.T) {
	const id = "printwire_03900C000000001_ams_0"
	const topic = "homeassistant/device/" + id + "/config"
	gone := func(s *printer.Snapshot) { s.State.Units = nil }
	offline := func(s *printer.Snapshot) { s.State.Online = false }
	for _, c := range []struct {
		name  string
		steps []func(*printer.Snapshot)
		wait  time.Duration
		want  bool
	}{
		{"it stays for less than 10 minutes of absence", []func(*printer.Snapshot){gone}, 9*time.Minute + 45*time.Second, true},
		{"it is removed after 10 minutes", []func(*printer.Snapshot){gone}, 10*time.Minute + time.Second, false},
		{"it stays while the printer is offline", []func(*printer.Snapshot){gone, offline}, time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, nil, a1())
				b.run(t)
				s := a1()
				for _, step := range c.steps {
					s = b.apply(s, step)
				}
				pass(c.wait)
				if got := b.bus.Retained()[topic] != ""; got != c.want {
					t.Errorf("announced is %v", got)
				}
				pass(10 * time.Second)
				if got := b.bus.Retained()["printwire/03900C000000001/ams_0_tray_1"] != ""; got != c.want {
					t.Errorf("its values are there: %v", got)
				}
			})
		})
	}
	t.Run("its absence counts over a restart of the bridge", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, nil, a1())
			s := a1()
			gone(&s)
			b.printers.snaps = []printer.Snapshot{s}
			n := b.again(t)
			n.run(t)
			pass(time.Minute)
			if n.bus.Retained()[topic] == "" {
				t.Fatal("removed at once")
			}
			pass(10 * time.Minute)
			if n.bus.Retained()[topic] != "" {
				t.Error("never removed")
			}
		})
	})
}

func TestApply_LastPrintIsKeptWhileTheNextOneRuns(t *testing.T) {
	last := map[string]string{workshop + "last_result": "failed", workshop + "last_reason": "spaghetti", workshop + "last_duration": "61"}
	bubble(t, func(t *testing.T, b *bed) {
		b.want(t, map[string]string{workshop + "last_result": "None", workshop + "last_duration": "None"})
		s := b.apply(a1(), func(s *printer.Snapshot) {
			j := &s.State.Job
			s.State.Activity, j.Result, j.Reason, j.EndedAt = printer.Failed, printer.Failure, "spaghetti", j.StartedAt.Add(time.Hour+time.Second)
		})
		b.want(t, last)
		b.want(t, map[string]string{workshop + "finish_at": "2026-03-01T12:00:01Z"})
		s = b.apply(s, func(s *printer.Snapshot) {
			s.State.Activity, s.State.Job = printer.Printing, job()
			s.State.Job.ID = "next"
		})
		b.want(t, last)
		pass(time.Second)
		b.printers.snaps = []printer.Snapshot{s}
		b.again(t).want(t, last)
	}, a1())
}
