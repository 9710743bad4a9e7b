package discovery_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/discovery"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt"
	"github.com/printwire/printwire/printer"
)

// answer is a line on command/result.
type answer struct {
	ID      *string `json:"id"`
	Command string  `json:"command"`
	OK      bool    `json:"ok"`
	Reason  *string `json:"reason"`
}

// ask publishes a command and gives the answers so far.
func (b *bed) ask(t *testing.T, topic, payload string) []answer {
	t.Helper()
	n := len(b.bus.Published())
	if err := b.ha.Publish(topic, []byte(payload), false); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	var out []answer
	for topic, lines := range b.since(n) {
		for _, line := range lines {
			if strings.HasSuffix(topic, "/command/result") {
				var a answer
				if err := json.Unmarshal([]byte(line), &a); err != nil {
					t.Errorf("result %q: %v", line, err)
				}
				out = append(out, a)
			}
		}
	}
	return out
}

func TestCommand_Accepted(t *testing.T) {
	const twin = "printwire/09400A000000005/"
	for topic, c := range map[string]struct {
		payload string
		want    printer.Command
	}{
		"pause/set":                {"PRESS", printer.Command{Name: printer.CmdPause}},
		"resume/set":               {"PRESS", printer.Command{Name: printer.CmdResume}},
		"stop/set":                 {"PRESS", printer.Command{Name: printer.CmdStop}},
		"refresh/set":              {"PRESS", printer.Command{Name: printer.CmdRefresh}},
		"clear_error/set":          {"PRESS", printer.Command{Name: printer.CmdClearError}},
		"unload/set":               {"PRESS", printer.Command{Name: printer.CmdUnload}},
		"speed/set":                {"sport", printer.Command{Name: printer.CmdSpeed, Word: "sport"}},
		"air_duct/set":             {"cooling", printer.Command{Name: printer.CmdAirDuct, Word: "cooling"}},
		"chamber_light/set":        {"OFF", printer.Command{Name: printer.CmdLight, Target: "chamber"}},
		"second_light/set":         {"ON", printer.Command{Name: printer.CmdLight, Target: "second", On: true}},
		"nozzle_target/set":        {"215", printer.Command{Name: printer.CmdNozzle, Nozzle: 1, Value: 215}},
		"left_nozzle_target/set":   {"215.0", printer.Command{Name: printer.CmdNozzle, Nozzle: 1, Value: 215}},
		"right_nozzle_target/set":  {"0", printer.Command{Name: printer.CmdNozzle, Nozzle: 0}},
		"bed_target/set":           {"60.5", printer.Command{Name: printer.CmdBed, Value: 60.5}},
		"chamber_target/set":       {"65", printer.Command{Name: printer.CmdChamber, Value: 65}},
		"part_fan/set":             {"OFF", printer.Command{Name: printer.CmdFan, Target: "part"}},
		"chamber_fan/set":          {"ON", printer.Command{Name: printer.CmdFan, Target: "chamber", Value: 60}},
		"aux_fan/set":              {"ON", printer.Command{Name: printer.CmdFan, Target: "aux", Value: 100}},
		"aux_fan/percentage/set":   {"50", printer.Command{Name: printer.CmdFan, Target: "aux", Value: 50}},
		"ams_1_tray_2_load/set":    {"PRESS", printer.Command{Name: printer.CmdLoad, Unit: 1, Slot: 1}},
		"external_spool_load/set":  {"PRESS", printer.Command{Name: printer.CmdLoad, Unit: printer.ExternalUnit}},
		"ams_128_start_drying/set": {"PRESS", printer.Command{Name: printer.CmdDry, Unit: 128, Value: 55, Hours: 8}},
		"ams_1_stop_drying/set":    {"PRESS", printer.Command{Name: printer.CmdStopDrying, Unit: 1}},
	} {
		t.Run(topic, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bed) {
				name := strings.TrimSuffix(topic, "/set")
				got := b.ask(t, twin+topic, c.payload)
				if len(got) != 1 || !got[0].OK || got[0].Reason != nil || got[0].Command != name || got[0].ID != nil {
					t.Fatalf("answers %+v", got)
				}
				c.want.Origin = "homeassistant"
				if done := b.printers.commands(); len(done) != 1 || !reflect.DeepEqual(done[0], c.want) {
					t.Errorf("did %+v, want %+v", done, c.want)
				}
			}, h2d())
		})
	}
}

func TestCommand_ValueIsNotEchoed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.ask(t, workshop+"bed_target/set", "90")
		b.want(t, map[string]string{workshop + "bed_target": "65"})
	}, a1())
}

func TestCommand_Refused(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		for _, c := range [][2]string{
			{"pause/set", ""}, {"pause/set", "press"}, {"pause/set", "PRESS "}, {"pause/set", `{"value":"PRESS","x":1}`}, {"pause/set", `{"id":"a"}`}, {"pause/set", "{"},
			{"bed_target/set", "NaN"}, {"bed_target/set", "inf"}, {"bed_target/set", "-Inf"}, {"bed_target/set", "1e2"}, {"bed_target/set", "0x10"}, {"bed_target/set", "+5"},
			{"bed_target/set", "101"}, {"bed_target/set", "-1"}, {"bed_target/set", "5 "}, {"bed_target/set", "1_0"}, {"bed_target/set", strings.Repeat("9", 400)},
			{"bed_target/set", "5..0"}, {"bed_target/set", ""}, {"bed_target/set", "None"}, {"bed_target/set", "60,5"}, {"part_fan/set", "50"}, {"part_fan/percentage/set", "ON"},
			{"part_fan/percentage/set", "101"}, {"speed/set", "warp"}, {"chamber_light/set", "on"}, {"chamber_light/set", `{"value":true}`},
			{"chamber_light/set", strings.Repeat("x", 4000)}, {"explode/set", "PRESS"}, {"progress/set", "50"}, {"door/open/set", "ON"},
		} {
			got := b.ask(t, workshop+c[0], c[1])
			if len(got) != 1 || got[0].OK || got[0].Reason == nil || *got[0].Reason == "" {
				t.Errorf("%s %.20q: answers %+v", c[0], c[1], got)
			}
		}
		if done := b.printers.commands(); len(done) != 0 {
			t.Errorf("did %+v", done)
		}
	}, a1())
}

func TestCommand_ReadOnlyPrinterSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		got := b.ask(t, "printwire/09400A000000009/pause/set", "PRESS")
		if len(got) != 1 || got[0].OK || !strings.Contains(*got[0].Reason, "refuses commands") {
			t.Errorf("answers %+v", got)
		}
		if got := b.ask(t, "printwire/09400A000000009/chamber_light/set", "ON"); len(got) != 1 || !got[0].OK {
			t.Errorf("the light: %+v", got)
		}
	}, readOnly())
}

func TestCommand_RetainedIsNeverAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, nil, a1())
		if err := b.ha.Publish(workshop+"stop/set", []byte("PRESS"), true); err != nil {
			t.Fatal(err)
		}
		b.run(t)
		synctest.Wait()
		if done := b.printers.commands(); len(done) != 0 {
			t.Errorf("did %+v", done)
		}
	})
}

func TestCommand_ForeignTopicsAreIgnored(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		for _, topic := range []string{"printwire/NOBODY/pause/set", "printwire/tariff/x/set", "printwire/03900c000000001/pause/set"} {
			if got := b.ask(t, topic, "PRESS"); len(got) != 0 {
				t.Errorf("%s: %+v", topic, got)
			}
		}
	}, a1())
}

func TestCommand_FailureAndId(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		for _, c := range []struct {
			err  error
			want string
		}{
			{fault.New(fault.Conflict, "resume is not possible while the printer is printing"), "resume is not possible while the printer is printing"},
			{context.DeadlineExceeded, "internal error"},
		} {
			b.printers.do = func(context.Context, int, printer.Command) error { return c.err }
			got := b.ask(t, workshop+"resume/set", `{"id":"n-1","value":"PRESS"}`)
			if len(got) != 1 || got[0].OK || *got[0].Reason != c.want || got[0].ID == nil || *got[0].ID != "n-1" {
				t.Errorf("answers %+v", got)
			}
		}
		b.printers.do = nil
		if got := b.ask(t, workshop+"bed_target/set", `{"value":55}`); len(got) != 1 || !got[0].OK {
			t.Errorf("a number as value: %+v", got)
		}
	}, a1())
}

func TestCommand_SlowPrinterBlocksNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		var mu sync.Mutex
		seen := 0
		b.printers.do = func(ctx context.Context, id int, _ printer.Command) error {
			if id != 1 {
				return nil
			}
			mu.Lock()
			seen++
			mu.Unlock()
			<-ctx.Done()
			return fault.New(fault.Offline, "no answer")
		}
		var refused int
		for range 20 {
			for _, a := range b.ask(t, workshop+"pause/set", "PRESS") {
				if a.OK || !strings.Contains(*a.Reason, "too many") {
					t.Errorf("answer %+v", a)
				}
				refused++
			}
		}
		if refused != 11 {
			t.Errorf("%d refused, want 11: one runs and 8 wait", refused)
		}
		if got := b.ask(t, "printwire/00M00A000000002/pause/set", "PRESS"); len(got) != 1 || !got[0].OK {
			t.Errorf("the other printer: %+v", got)
		}
		b.apply(a1(), func(s *printer.Snapshot) { s.State.Job.Progress = some(99) })
		b.want(t, map[string]string{workshop + "progress": "99"})
		pass(31 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if seen != 2 {
			t.Errorf("%d commands begun after 31 s, want 2: each is followed for 30 s", seen)
		}
	}, a1(), x1c())
}

func TestCommand_Bridge(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		if got := b.ask(t, "printwire/bridge/restart/set", "PRESS"); len(got) != 1 || !got[0].OK || b.restarts != 1 {
			t.Errorf("restart: %+v, %d restarts", got, b.restarts)
		}
		if got := b.ask(t, "printwire/bridge/log_level/set", "debug"); len(got) != 1 || !got[0].OK || b.level != "debug" {
			t.Errorf("log level: %+v, %s", got, b.level)
		}
		b.want(t, map[string]string{"printwire/bridge/log_level": "debug"})
		if got := b.ask(t, "printwire/bridge/log_level/set", "loud"); len(got) != 1 || got[0].OK {
			t.Errorf("a wrong level: %+v", got)
		}
	})
}

func TestCommand_DryingNumbersAreKept(t *testing.T) {
	const unit = "printwire/00M00A000000002/ams_1_"
	bubble(t, func(t *testing.T, b *bed) {
		b.ask(t, unit+"dry_temperature/set", "65")
		b.ask(t, unit+"dry_hours/set", "12")
		if got := b.ask(t, unit+"dry_hours/set", "99"); len(got) != 1 || got[0].OK {
			t.Errorf("99 hours: %+v", got)
		}
		b.want(t, map[string]string{unit + "dry_temperature": "65", unit + "dry_hours": "12"})
		n := b.again(t)
		n.want(t, map[string]string{unit + "dry_temperature": "65", unit + "dry_hours": "12"})
		b.ask(t, unit+"start_drying/set", "PRESS")
		if done := b.printers.commands(); len(done) != 1 || done[0].Value != 65 || done[0].Hours != 12 || done[0].Unit != 1 {
			t.Errorf("did %+v", done)
		}
	}, x1c())
}

func TestNoRetain_CoversEveryCommandTopic(t *testing.T) {
	b := newBed(t, fixed, h2d(), x1c(), a1(), readOnly())
	commands := 0
	for topic, text := range b.bus.Retained() {
		if discovery.NoRetain(topic) {
			t.Errorf("the value topic %s counts as a command", topic)
		}
		if !strings.HasPrefix(topic, "homeassistant/") {
			continue
		}
		var m struct{ Components map[string]map[string]any }
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		for _, c := range m.Components {
			for k, v := range c {
				if strings.HasSuffix(k, "command_topic") {
					commands++
					if !discovery.NoRetain(v.(string)) {
						t.Errorf("the command topic %v may be retained", v)
					}
				}
			}
		}
	}
	if commands < 50 {
		t.Errorf("only %d command topics", commands)
	}
}

func FuzzCommand(f *testing.F) {
	for _, seed := range []string{"PRESS", "ON", "215", "50.0", "sport", `{"id":"1","value":50}`, "NaN", "1e309", "{\"value\":", "\x00", "-0", "[]"} {
		f.Add("bed_target", seed)
		f.Add("part_fan/percentage", seed)
		f.Add("speed", seed)
	}
	f.Fuzz(func(t *testing.T, name, payload string) {
		topic := workshop + name + "/set"
		if mqtt.ValidTopic(topic) != nil || strings.Count(topic, "/") > 4 {
			t.Skip("not a topic of a command: the broker does not let it pass")
		}
		bubble(t, func(t *testing.T, b *bed) {
			got := b.ask(t, topic, payload)
			if len(got) != 1 {
				t.Fatalf("%d answers", len(got))
			}
			for _, c := range b.printers.commands() {
				if c.Value < 0 || c.Value > 300 || c.Value != c.Value || c.Word != "" && !slices.Contains(printer.Speeds(), c.Word) {
					t.Errorf("did %+v", c)
				}
			}
		}, a1())
	})
}
