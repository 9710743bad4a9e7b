package bambu

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/printer"
)

// fullReport is a complete report with some more members.
func fullReport(c *fakeConn, members string) {
	c.say(`{"print":{"command":"push_status","msg":0,"home_flag":0,"nozzle_temper":20,%s}}`, members)
}

func TestDriver_WarnsOfUnreadableReportsOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := newRig(t)
		r.driver.log = slog.New(slog.NewTextHandler(&log, nil))
		r.start(fresh())
		r.conn().say(`{"print":{"command":"push_status","msg":1,"mc_percent":1}}`)
		r.wait(6 * time.Minute)
		asked := r.sent("pushall")
		for range 90 {
			r.conn().say(`{"print":{"command":`)
			r.conn().say(`[]`)
			r.wait(10 * time.Second)
		}
		if n := strings.Count(log.String(), "report refused"); n < 1 || n > 2 {
			t.Errorf("%d warnings in a quarter of an hour for two kinds of bad reports", n)
		}
		if n := r.sent("pushall") - asked; n < 1 || n > 4 {
			t.Errorf("%d full reports were asked for in place of what was lost", n)
		}
		r.conn().say(`{"print":{"command":"push_status","msg":1,"gcode_state":"RUNNING"}}`)
		r.wait(time.Second)
		if got := r.state().Activity; got != printer.Printing {
			t.Errorf("after a good report the activity is %s", got)
		}
		r.stop()
	})
}

func TestDriver_LostMemoryTellsNoFaultAgain(t *testing.T) {
	start := printer.State{
		Family: Family, Serial: testSerial, Online: true, Activity: printer.Idle,
		Faults: []printer.Fault{{Code: "HMS_0300_0100_0001_0001", Severity: printer.Fatal}},
	}
	inBubble(t, printer.Start{State: start, Memory: printer.Memory{Version: 99, Data: []byte("{}")}}, func(r *rig) {
		fullReport(r.conn(), `"gcode_state":"IDLE","hms":[{"attr":50331904,"code":65537}]`)
		r.wait(time.Minute)
		wantEvents(t, r.events(start))
		fullReport(r.conn(), `"gcode_state":"IDLE","hms":[]`)
		r.answerWith(silence)
		for range 10 {
			r.conn().say(`{"print":{"command":"push_status","msg":1}}`)
			r.wait(10 * time.Second)
		}
		wantEvents(t, r.events(start), "printer_error_cleared")
	})
}

func TestDriver_PinOutlivesAPrinterThatNeverReported(t *testing.T) {
	pinned := memory{Pin: strings.Repeat("ab", 32)}.store()
	s := newSession(newRig(t).driver, newDesk(), printer.Start{Memory: pinned, Fresh: true}, nil)
	if s.mem.Pin != strings.Repeat("ab", 32) {
		t.Errorf("the pin is %q", s.mem.Pin)
	}
}

func TestDriver_OverflowIsAGapAndKeepsTheModules(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		fullReport(r.conn(), `"gcode_state":"RUNNING","subtask_name":"x","mc_percent":10`)
		r.wait(20 * time.Second)
		for i := range 5000 {
			r.conn().say(`{"print":{"command":"push_status","msg":1,"wifi_signal":"-%ddBm"}}`, 30+i%50)
		}
		r.wait(greetAgain*(greetings-1) + time.Second) // the first answer may have been dropped
		// The printer answers the question for a full report: it stands still.
		wantEvents(t, r.events(printer.State{}), "printer_online", "print_started", "print_failed unknown")
		if s := r.state(); s.Model != "A1" || s.Firmware != "01.04.00.00" {
			t.Errorf("model %q, firmware %q", s.Model, s.Firmware)
		}
	})
}

func TestDriver_AsksRarelyWhereNoFullReportComes(t *testing.T) {
	inBubble(t, fresh(), func(r *rig) {
		r.answerWith(silence)
		r.conn().cut()
		r.wait(time.Second)
		before := r.sent("pushall")
		for range 60 * 6 {
			r.conn().say(`{"print":{"command":"push_status","msg":1,"wifi_signal":"-%ddBm"}}`, 30+time.Now().Second())
			r.wait(10 * time.Second)
		}
		if n := r.sent("pushall") - before; n < 5 || n > 8 {
			t.Errorf("asked %d times for a full report in an hour", n)
		}
	})
}

func TestDriver_GraceWaitsForThePrinterAfterARestart(t *testing.T) {
	for _, c := range []struct {
		name string
		away time.Duration
		want string
	}{
		{"back before it counts as offline", 10 * time.Second, "print_stopped user"},
		{"away for good", time.Minute, "print_failed unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start(fresh())
				fullReport(r.conn(), `"gcode_state":"RUNNING","subtask_name":"x","mc_percent":10`)
				r.wait(time.Second)
				fullReport(r.conn(), `"gcode_state":"FAILED","subtask_name":"x","mc_percent":10`)
				r.wait(time.Second)
				last := r.last()
				r.stop()

				again := newRig(t)
				again.answerWith(silence)
				again.refusing(errors.New("no route"))
				again.start(printer.Start{State: last.State, Memory: last.Memory})
				again.wait(c.away)
				again.refusing(nil)
				for again.links() == 0 {
					again.wait(time.Second)
				}
				again.wait(100 * time.Millisecond)
				fullReport(again.conn(), fmt.Sprintf(`"gcode_state":"FAILED","subtask_name":"x","mc_percent":10,"print_error":%d`, cancelCode))
				again.wait(3 * time.Second)
				var ends []string
				for _, e := range again.events(last.State) {
					if strings.HasPrefix(e, "print_") {
						ends = append(ends, e)
					}
				}
				wantEvents(t, ends, c.want)
				again.stop()
			})
		})
	}
}
