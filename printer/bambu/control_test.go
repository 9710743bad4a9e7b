package bambu

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// runBubble is inBubble for tests that start the driver themselves.
func runBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newRig(t)) })
}

// linkOf is the driver's present link, as the rig's last connection knows it.
func linkOf(r *rig) inboxFiller { return inboxFiller{r.conn()} }

type inboxFiller struct{ c *fakeConn }

func (f inboxFiller) receive(payload []byte) { f.c.target.OnMessage(payload) }

func bed(v float64) printer.Command { return printer.Command{Name: printer.CmdBed, Value: v} }

func TestDo_Follows(t *testing.T) {
	t.Run("to the acknowledgement and the effect", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			out, err := r.doing(bed(60), func() {
				r.wait(time.Second)
				r.conn().say(`{"print":{"command":"push_status","bed_target_temper":60}}`)
			})
			if err != nil || out != (printer.Outcome{Acknowledged: true, Effective: true}) {
				t.Errorf("outcome %+v, %v", out, err)
			}
			if s := r.state(); s.Caps.Control != printer.Some(true) || s.DeveloperMode != printer.Some(true) {
				t.Errorf("control %v, developer mode %v after a command was accepted", s.Caps.Control, s.DeveloperMode)
			}
		})
	})
	t.Run("to the acknowledgement alone when no effect shows", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			began := time.Now()
			out, err := r.doing(bed(60), nil)
			if err != nil || out != (printer.Outcome{Acknowledged: true}) {
				t.Errorf("outcome %+v, %v", out, err)
			}
			if d := time.Since(began); d != commandTime {
				t.Errorf("it took %s", d)
			}
		})
	})
	t.Run("an acknowledgement without the command is ours by its id", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			r.answerWith(answering("gcode_line", func(c *fakeConn, top, id string) {
				c.say(`{%q:{"sequence_id":%q,"param":"M140 S60","result":"success","reason":"success"}}`, top, id)
			}))
			out, err := r.doing(bed(60), nil)
			if err != nil || !out.Acknowledged {
				t.Errorf("outcome %+v, %v", out, err)
			}
		})
	})
	t.Run("a failure is a conflict with the printer's words", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			r.answerWith(answering("gcode_line", func(c *fakeConn, top, id string) {
				c.say(`{%q:{"command":"gcode_line","sequence_id":%q,"result":"fail","reason":"busy"}}`, top, id)
			}))
			_, err := r.doing(bed(60), nil)
			wantKind(t, err, fault.Conflict)
			if c := r.state().Caps.Control; c.Known {
				t.Errorf("control is %v after a mere failure", c)
			}
		})
	})
	t.Run("refresh is rate-limited", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			r.wait(time.Minute)
			out, err := r.doing(printer.Command{Name: printer.CmdRefresh}, nil)
			if err != nil || !out.Acknowledged {
				t.Errorf("outcome %+v, %v", out, err)
			}
			_, err = r.doing(printer.Command{Name: printer.CmdRefresh}, nil)
			wantKind(t, err, fault.Conflict)
		})
	})
	t.Run("an answer that no loss may outlive", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			r.answerWith(answering("gcode_line", func(*fakeConn, string, string) {}))
			_, err := r.doing(bed(60), func() { r.conn().cut() })
			wantKind(t, err, fault.Offline)
			r.wait(time.Minute)
			if n := r.sent("gcode_line"); n != 1 {
				t.Errorf("the command was sent %d times", n)
			}
		})
	})
	t.Run("its context ends", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
			defer cancel()
			_, err := r.driver.Do(ctx, bed(60))
			wantKind(t, err, fault.Offline)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v does not say why", err)
			}
		})
	})
}

func TestDo_Checks(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		_, err := r.doing(printer.Command{Name: printer.CmdResume}, nil)
		wantKind(t, err, fault.Conflict)
		_, err = r.doing(bed(1000), nil)
		wantKind(t, err, fault.Invalid)
		_, err = r.doing(printer.Command{Name: "dance"}, nil)
		wantKind(t, err, fault.Unsupported)
		_, err = r.doing(printer.Command{Name: printer.CmdTrust}, nil)
		wantKind(t, err, fault.Conflict)
		if n := r.sent("gcode_line") + r.sent("resume"); n != 0 {
			t.Errorf("%d refused commands were sent", n)
		}
	})
}

func TestDo_Refusals(t *testing.T) {
	refused := func(t *testing.T, r *rig, err error, sent int) {
		t.Helper()
		wantKind(t, err, fault.Denied)
		s := r.state()
		if s.Caps.Control != printer.Some(false) || s.Problem.Code != printer.ProblemDeveloperMode || !s.Online {
			t.Errorf("control %v, problem %q, online %v", s.Caps.Control, s.Problem.Code, s.Online)
		}
		_, again := r.doing(bed(50), nil)
		wantKind(t, again, fault.Denied)
		if n := r.sent("gcode_line"); n != sent {
			t.Errorf("the command was sent %d times, want %d", n, sent)
		}
	}
	for _, form := range []string{`"result":"failed","reason":"mqtt message verify failed","err_code":84033543`, `"result":"failed","err_code":84033545`} {
		t.Run("by an acknowledgement", func(t *testing.T) {
			inBubble(t, fresh(), func(r *rig) {
				r.answerWith(answering("gcode_line", func(c *fakeConn, top, id string) {
					c.say(`{%q:{"command":"gcode_line","sequence_id":%q,%s}}`, top, id, form)
				}))
				_, err := r.doing(bed(60), nil)
				refused(t, r, err, 1)
			})
		})
	}
	t.Run("by an entry of hms", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			r.answerWith(answering("gcode_line", func(c *fakeConn, _, _ string) {
				c.say(`{"print":{"command":"push_status","hms":[{"attr":83887360,"code":65543}]}}`)
			}))
			_, err := r.doing(bed(60), nil)
			refused(t, r, err, 1)
		})
	})
	t.Run("by silence, while other questions are answered", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			r.answerWith(answering("gcode_line", func(*fakeConn, string, string) {}))
			_, err := r.doing(bed(60), nil)
			wantKind(t, err, fault.Offline)
			if s := r.state(); s.Caps.Control.Known || s.Problem.Code != "" {
				t.Errorf("control %v, problem %q after one lost command", s.Caps.Control, s.Problem.Code)
			}
			r.conn().say(`{"print":{"command":"push_status","lights_report":[{"node":"chamber_light","mode":"off"}]}}`)
			r.wait(time.Second)
			if _, err = r.doing(printer.Command{Name: printer.CmdLight, On: true}, nil); err != nil {
				t.Errorf("the light, which needs no signature: %v", err)
			}
			_, err = r.doing(bed(60), nil)
			refused(t, r, err, 2)
			if r.links() != 1 {
				t.Errorf("%d connections", r.links())
			}
		})
	})
	t.Run("by silence only the second time, too, where commands were obeyed before", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			if _, err := r.doing(bed(60), nil); err != nil {
				t.Fatal(err)
			}
			r.answerWith(answering("gcode_line", func(*fakeConn, string, string) {}))
			_, err := r.doing(bed(61), nil)
			wantKind(t, err, fault.Offline)
			if c := r.state().Caps.Control; c != printer.Some(true) {
				t.Errorf("control is %v after one lost command", c)
			}
			_, err = r.doing(bed(62), nil)
			wantKind(t, err, fault.Denied)
		})
	})
	t.Run("is remembered over a restart, and forgotten by refresh", func(t *testing.T) {
		var stored printer.Update
		inBubble(t, fresh(), func(r *rig) {
			r.answerWith(answering("gcode_line", func(c *fakeConn, top, id string) {
				c.say(`{%q:{"command":"gcode_line","sequence_id":%q,"result":"failed","err_code":84033543}}`, top, id)
			}))
			_, err := r.doing(bed(60), nil)
			wantKind(t, err, fault.Denied)
			stored = r.last()
			if !stored.Keep {
				t.Error("the refusal is not stored at once")
			}
		})
		inBubble(t, printer.Start{State: stored.State, Memory: stored.Memory}, func(r *rig) {
			r.wait(time.Minute)
			if c := r.state().Caps.Control; c != printer.Some(false) {
				t.Errorf("control is %v after a restart", c)
			}
			if _, err := r.doing(printer.Command{Name: printer.CmdRefresh}, nil); err != nil {
				t.Error(err)
			}
			if c := r.state().Caps.Control; c.Known {
				t.Errorf("control is %v after a refresh", c)
			}
			if out, err := r.doing(bed(60), nil); err != nil || !out.Acknowledged {
				t.Errorf("outcome %+v, %v", out, err)
			}
		})
	})
	t.Run("a printer that asks for signatures is read-only at once", func(t *testing.T) {
		inBubble(t, fresh(), func(r *rig) {
			r.conn().say(`{"print":{"command":"push_status","fun":"3EC1AFFF9CFF"}}`)
			r.wait(time.Second)
			if s := r.state(); s.Caps.Control != printer.Some(false) || s.Problem.Code != printer.ProblemDeveloperMode {
				t.Errorf("control %v, problem %q", s.Caps.Control, s.Problem.Code)
			}
			r.conn().say(`{"print":{"command":"push_status","fun":"3EC18FFF9CFF"}}`)
			r.wait(time.Second)
			if s := r.state(); s.Caps.Control != printer.Some(true) || s.Problem.Code != "" {
				t.Errorf("control %v, problem %q", s.Caps.Control, s.Problem.Code)
			}
		})
	})
}

func TestDo_ZombieLink(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.answerWith(silence)
		for range 2 {
			_, err := r.doing(bed(60), func() {
				for range 5 {
					r.conn().say(`{"print":{"command":"push_status","wifi_signal":"-%ddBm"}}`, 40+time.Now().Second()%10)
					r.wait(2 * time.Second)
				}
			})
			wantKind(t, err, fault.Offline)
		}
		r.wait(2 * time.Second)
		if r.links() != 2 {
			t.Errorf("%d connections, want a second one", r.links())
		}
		if c := r.state().Caps.Control; c.Known {
			t.Errorf("control is %v, but nothing was learned", c)
		}
	})
}

func TestDo_StopTellsOneStopped(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.conn().say(`{"print":{"command":"push_status","gcode_state":"PREPARE","subtask_name":"vase"}}`)
		r.wait(time.Second)
		r.conn().say(`{"print":{"command":"push_status","gcode_state":"RUNNING","mc_percent":1}}`)
		r.wait(time.Second)
		out, err := r.doing(printer.Command{Name: printer.CmdStop}, func() {
			r.wait(time.Second)
			r.conn().say(`{"print":{"command":"push_status","gcode_state":"FAILED"}}`)
		})
		if err != nil || !out.Effective || !out.Acknowledged {
			t.Errorf("outcome %+v, %v", out, err)
		}
		r.wait(time.Minute)
		wantEvents(t, r.events(printer.State{}), "printer_online", "print_started", "print_stopped user")
	})
}
