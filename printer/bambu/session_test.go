package bambu

import (
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/printer"
)

func fresh() printer.Start { return printer.Start{Fresh: true} }

func TestDriver_Connects(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		s := r.state()
		if !s.Online || s.Activity != printer.Idle || s.Serial != testSerial || s.Family != Family || s.Model != "A1" {
			t.Errorf("state is %+v", s)
		}
		if r.sent("get_version") != 1 || r.sent("pushall") != 1 {
			t.Errorf("%d get_version, %d pushall, want one each", r.sent("get_version"), r.sent("pushall"))
		}
		before := r.told()
		r.conn().say(`{"print":{"command":"push_status","msg":1,"gcode_state":"IDLE"}}`)
		r.wait(time.Second)
		if r.told() != before {
			t.Error("a report without news was emitted")
		}
	})
}

func TestDriver_Backoff(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.refusing(fault.New(fault.Offline, "no route"))
		at := time.Now()
		r.conn().cut()
		r.wait(2 * time.Minute)
		pauses := []time.Duration{}
		for _, d := range r.attempts()[1:] {
			pauses = append(pauses, d.Sub(at))
			at = d
		}
		if p := pauses[0]; p < 100*time.Millisecond || p > 300*time.Millisecond {
			t.Errorf("first retry after %s", p)
		}
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second} {
			if i+1 < len(pauses) && (pauses[i+1] < want*8/10 || pauses[i+1] > want*12/10) {
				t.Errorf("pause %d is %s, want about %s", i+1, pauses[i+1], want)
			}
		}
		if len(pauses) < 7 {
			t.Errorf("only %d attempts in two minutes", len(pauses))
		}
		if s := r.state(); s.Online || s.Problem.Code != printer.ProblemUnreachable {
			t.Errorf("online %v, problem %q", s.Online, s.Problem.Code)
		}
		r.refusing(nil)
		r.wait(time.Minute)
		if s := r.state(); !s.Online || s.Problem.Code != "" {
			t.Errorf("after it came back: online %v, problem %q", s.Online, s.Problem.Code)
		}
		wantEvents(t, r.events(printer.State{}), "printer_online", "printer_offline", "printer_online")
		ids := map[string]bool{}
		for _, c := range r.opened() {
			if ids[c.target.ClientID] {
				t.Errorf("client id %s was used twice", c.target.ClientID)
			}
			ids[c.target.ClientID] = true
		}
	})
}

func TestDriver_ShortLossIsNotOffline(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.conn().cut()
		r.wait(5 * time.Second)
		if r.links() != 2 {
			t.Errorf("%d connections", r.links())
		}
		wantEvents(t, r.events(printer.State{}), "printer_online")
	})
}

func TestDriver_Silence(t *testing.T) {
	for _, c := range []struct {
		name    string
		silence time.Duration
		wakes   int
		conns   int
		events  []string
	}{
		{"25 s is normal", 25 * time.Second, 0, 1, []string{"printer_online"}},
		{"40 s wakes it", 40 * time.Second, 1, 1, []string{"printer_online"}},
		{"90 s is offline, and a new client", 90 * time.Second, 1, 2, []string{"printer_online", "printer_offline"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, fresh(), func(r *rig) {
				r.answerWith(silence)
				r.wait(c.silence)
				if n := r.sent("start"); n != c.wakes {
					t.Errorf("woken %d times, want %d", n, c.wakes)
				}
				if r.links() != c.conns {
					t.Errorf("%d connections, want %d", r.links(), c.conns)
				}
				wantEvents(t, r.events(printer.State{}), c.events...)
				if !r.state().Online && r.state().Problem.Code != printer.ProblemSilent {
					t.Errorf("problem %q", r.state().Problem.Code)
				}
				r.answerWith(answerIdle)
				r.conn().say(`{"print":{"command":"push_status","gcode_state":"IDLE"}}`)
				r.wait(time.Second)
				if !r.state().Online {
					t.Error("not online after it spoke again")
				}
			})
		})
	}
}

func TestDriver_AsksForFullReportsRarely(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		for i := range 16 * 6 {
			r.conn().say(`{"print":{"command":"push_status","msg":1,"wifi_signal":"-%ddBm"}}`, 40+i%20)
			r.wait(10 * time.Second)
		}
		if n := r.sent("pushall"); n != 2 {
			t.Errorf("asked %d times in 16 minutes, want at the start and once more", n)
		}
	})
}

func TestDriver_WrongSettings(t *testing.T) {
	synctestRefused := func(t *testing.T, refuse error, first func(r *rig), code printer.ProblemCode, attempts int) {
		t.Helper()
		runBubble(t, func(r *rig) {
			r.refusing(refuse)
			if first != nil {
				first(r)
			}
			r.start(fresh())
			r.wait(4*time.Minute + 30*time.Second)
			if s := r.state(); s.Online || s.Problem.Code != code || s.Problem.Text == "" {
				t.Errorf("online %v, problem %+v, want %s", s.Online, s.Problem, code)
			}
			if attempts > 0 && len(r.attempts()) != attempts {
				t.Errorf("%d attempts, want %d", len(r.attempts()), attempts)
			}
			r.stop()
		})
	}
	t.Run("the access code is refused, and not tried again and again", func(t *testing.T) {
		synctestRefused(t, fault.New(fault.Denied, "code 5"), nil, printer.ProblemAccessCode, 1)
	})
	t.Run("the serial is refused, and not tried again and again", func(t *testing.T) {
		synctestRefused(t, fault.New(fault.Denied, "%w: device/X/report", client.ErrSubscription), nil, printer.ProblemSerial, 1)
	})
	t.Run("the address does not answer", func(t *testing.T) {
		synctestRefused(t, fault.New(fault.Offline, "no route"), nil, printer.ProblemUnreachable, 0)
	})
	t.Run("nothing is said under this serial", func(t *testing.T) {
		synctestRefused(t, nil, func(r *rig) { r.answer = silence }, printer.ProblemSerial, 0)
	})
	t.Run("the connection is ended before a word", func(t *testing.T) {
		synctestRefused(t, nil, func(r *rig) { r.answer = func(c *fakeConn, _, _, _ string) { c.cut() } }, printer.ProblemSerial, 0)
	})
}

func TestDriver_RestartTellsNothing(t *testing.T) {
	var stored printer.Update
	inBubble(t, fresh(), func(r *rig) {
		r.conn().say(`{"print":{"command":"push_status","gcode_state":"PREPARE","subtask_name":"vase"}}`)
		r.wait(time.Second)
		r.conn().say(`{"print":{"command":"push_status","gcode_state":"RUNNING","mc_percent":0,"layer_num":0}}`)
		r.wait(time.Second)
		r.conn().say(`{"print":{"command":"push_status","mc_percent":30,"layer_num":4}}`)
		r.wait(time.Second)
		stored = r.last()
		wantEvents(t, r.events(printer.State{}), "printer_online", "print_started", "first_layer_complete", "print_progress")
	})
	start := printer.Carry(printer.State{}, stored.State)
	runBubble(t, func(r *rig) {
		r.answer = answering("pushall", func(c *fakeConn, _, _ string) {
			c.say(`{"print":{"command":"push_status","msg":0,"gcode_state":"RUNNING","mc_percent":31,"layer_num":5,"subtask_name":"vase"}}`)
		})
		r.start(printer.Start{State: start, Memory: stored.Memory})
		r.wait(time.Minute)
		wantEvents(t, r.events(start))
		if id := r.state().Job.ID; id != stored.State.Job.ID {
			t.Errorf("job %s became %s", stored.State.Job.ID, id)
		}
		r.stop()
	})
}

func TestDriver_GraceSurvivesACrash(t *testing.T) {
	var stored printer.Update
	inBubble(t, fresh(), func(r *rig) {
		r.conn().say(`{"print":{"command":"push_status","gcode_state":"PREPARE","subtask_name":"vase"}}`)
		r.wait(time.Second)
		r.conn().say(`{"print":{"command":"push_status","gcode_state":"RUNNING","mc_percent":1}}`)
		r.wait(time.Second)
		r.conn().say(`{"print":{"command":"push_status","gcode_state":"FAILED"}}`)
		r.wait(time.Second)
		stored = r.last()
		if !stored.Keep || stored.State.Activity != printer.Printing {
			t.Errorf("keep %v, activity %s; want it kept, and still printing", stored.Keep, stored.State.Activity)
		}
	})
	for _, c := range []struct {
		name, report, want string
	}{
		{"a cancel code after the restart", `"fail_reason":"50348044"`, "print_stopped user"},
		{"no code at all", `"fail_reason":"0"`, "print_failed unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			runBubble(t, func(r *rig) {
				r.answer = answering("pushall", func(conn *fakeConn, _, _ string) {
					conn.say(`{"print":{"command":"push_status","msg":0,"gcode_state":"FAILED","subtask_name":"vase",%s}}`, c.report)
				})
				r.start(printer.Start{State: stored.State, Memory: stored.Memory})
				r.wait(time.Minute)
				wantEvents(t, r.events(stored.State), c.want)
				r.stop()
			})
		})
	}
}

func TestDriver_FaultsAreEpisodes(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		jam := `{"print":{"command":"push_status","hms":[{"attr":50331904,"code":131073}]}}`
		none := `{"print":{"command":"push_status","hms":[]}}`
		for range 3 {
			r.conn().say("%s", jam)
			r.wait(25 * time.Second)
			r.conn().say("%s", none)
			r.wait(25 * time.Second)
			r.conn().say(`{"print":{"command":"push_status","wifi_signal":"-50dBm"}}`)
			r.wait(25 * time.Second)
		}
		for range 5 {
			r.conn().say(`{"print":{"command":"push_status","gcode_state":"IDLE"}}`)
			r.wait(20 * time.Second)
		}
		wantEvents(t, r.events(printer.State{}), "printer_online", "printer_error", "printer_error_cleared")
	})
}

func TestDriver_PromptsAreListed(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.conn().say(`{"print":{"command":"push_status","print_error":83935248}}`)
		r.wait(time.Second)
		if f := r.state().Faults; len(f) != 1 || f[0].Code != "0500_C010" || f[0].Severity != printer.Info || f[0].Text == "" {
			t.Errorf("faults are %+v", f)
		}
		r.conn().say(`{"print":{"command":"push_status","print_error":0}}`)
		r.wait(errorClear + time.Second)
		if f := r.state().Faults; len(f) != 0 {
			t.Errorf("faults are %+v after it has gone", f)
		}
		wantEvents(t, r.events(printer.State{}), "printer_online")
	})
}

func TestDriver_ForeignAndBrokenMessages(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		before := r.state()
		for _, m := range []string{
			`{"print":{"command":"gcode_line","sequence_id":"900","result":"SUCCESS","return_code":"388"}}`,
			`{"print":{"sequence_id":"1","param":"G28","result":"success","reason":"success"}}`,
			`{"system":{"command":"ledctrl","sequence_id":"20011","result":"success","led_mode":"on"}}`,
			`{"info":{"command":"get_version","sequence_id":"20001","result":"success","module":[]}}`,
			"\xff\xfe", `{`, `[]`, `null`, `{"print":null}`, ``,
		} {
			r.conn().say("%s", m)
		}
		r.wait(time.Second)
		if s := r.state(); !s.Equal(before) {
			t.Errorf("state changed from %+v to %+v", before, s)
		}
		if r.links() != 1 {
			t.Errorf("%d connections", r.links())
		}
	})
}
