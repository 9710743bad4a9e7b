package bambu

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

// spill sends more deltas at once than a session keeps.
func (r *rig) spill() {
	l := linkOf(r)
	for i := range 3 * inboxSize {
		l.receive([]byte(`{"print":{"command":"push_status","nozzle_temper":` + string(rune('0'+i%10)) + `}}`))
	}
}

func TestDriver_Overflow(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.wait(time.Minute - 50*time.Millisecond)
		asked := r.sent("pushall")
		r.spill()
		r.wait(500 * time.Millisecond)
		if r.sent("pushall") != asked+1 {
			t.Errorf("asked %d times for a full report", r.sent("pushall")-asked)
		}
		if s := r.state(); !s.Online || s.Model != "A1" || s.Activity != printer.Idle {
			t.Errorf("state is %+v", s)
		}
	})
}

func TestDriver_OverflowRecoversSoonAlthoughTheAnswerIsDropped(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		var answers atomic.Int32
		r.answerWith(answering("pushall", func(c *fakeConn, top, id string) {
			if answers.Add(1) == 1 {
				r.spill()
				return
			}
			c.say(`{"print":{"command":"push_status","msg":0,"gcode_state":"IDLE","subtask_name":"new","bed_temper":33}}`)
		}))
		r.spill()
		r.wait(firstRefill - time.Millisecond)
		if n := answers.Load(); n != 1 {
			t.Fatalf("asked %d times within the first pause, want once", n)
		}
		r.wait(2 * time.Millisecond)
		if got := r.state().Bed.Temperature; answers.Load() != 2 || got != printer.Some(33.0) {
			t.Errorf("asked %d times, bed at %v, want the second answer in the state after %s", answers.Load(), got, firstRefill)
		}
		r.wait(time.Minute)
		if n := answers.Load(); n > 3 {
			t.Errorf("asked %d times although the answer came", n)
		}
	})
}

func TestDriver_FloodIsAskedAboutEverMoreRarely(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.answerWith(answering("pushall", func(*fakeConn, string, string) {}))
		asked, began := r.sent("pushall"), time.Now()
		for time.Since(began) < 2*time.Minute {
			r.spill()
			r.wait(100 * time.Millisecond)
		}
		// At 0, 1, 3, 7 and 15 s, and every 10 s from there.
		if n := r.sent("pushall") - asked; n < 14 || n > 17 {
			t.Errorf("asked %d times for a full report in two minutes, want about 16", n)
		}
		r.answerWith(answerIdle)
		r.wait(lastRefill + calm + time.Second)
		asked = r.sent("pushall")
		r.spill()
		r.wait(10 * time.Millisecond)
		if n := r.sent("pushall") - asked; n != 1 {
			t.Errorf("after a calm time it is asked %d times at once, want once", n)
		}
	})
}

func TestDriver_AReportThatIsTooLargeIsLeftOut(t *testing.T) {
	var b bytes.Buffer
	runBubble(t, func(r *rig) {
		r.logTo(&b)
		r.start(fresh())
		for range fullEvery/(20*time.Second) + 1 {
			r.conn().say(`{"print":{"command":"push_status","bed_temper":40}}`)
			r.wait(20 * time.Second)
		}
		asked := r.sent("pushall")
		for range 3 {
			r.conn().target.OnLarge(300 << 10)
			r.wait(10 * time.Millisecond)
		}
		r.conn().say(`{"print":{"command":"push_status","bed_temper":41}}`)
		r.wait(10 * time.Millisecond)
		if got := r.state().Bed.Temperature; got != printer.Some(41.0) || r.links() != 1 {
			t.Errorf("bed at %v over %d links, want the next report on the first one", got, r.links())
		}
		if n := r.sent("pushall") - asked; n != 1 {
			t.Errorf("asked %d times for a full report, want once for what is missing", n)
		}
		r.stop()
	})
	if n := logged(&b, "report refused"); n != 1 || !strings.Contains(b.String(), "bytes=307200") {
		t.Errorf("%d lines, want one with the size\n%s", n, b.String())
	}
}

func TestDriver_ReportsThatAreTooLargeAreASignOfLife(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.answerWith(silence)
		for range 12 {
			r.wait(10 * time.Second)
			r.conn().target.OnLarge(300 << 10)
		}
		if r.links() != 1 || !r.state().Online {
			t.Errorf("%d links, online %v: want the first to stand", r.links(), r.state().Online)
		}
	})
}
