package bambu

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/fault"
)

// logTo has the driver log to the buffer, which may be read when it has stopped.
func (r *rig) logTo(b *bytes.Buffer) {
	r.driver.log = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// logged counts the lines with a message.
func logged(b *bytes.Buffer, msg string) int {
	return strings.Count(b.String(), fmt.Sprintf("msg=%q", msg))
}

const (
	saysUp   = "connected to the printer"
	saysDown = "connection to the printer ended"
)

func TestDriver_LogsChangesOnly(t *testing.T) {
	for _, c := range []struct {
		name     string
		play     func(r *rig)
		up, down int
	}{
		{"a link that is cut before a word, for an hour", func(r *rig) {
			r.answer = func(c *fakeConn, _, _, _ string) { c.cut() }
			r.start(fresh())
			r.wait(time.Hour)
		}, 1, 0},
		{"a link without a word, for an hour", func(r *rig) {
			r.answer = silence
			r.start(fresh())
			r.wait(time.Hour)
		}, 1, 0},
		{"a link that is lost and comes back", func(r *rig) {
			r.start(fresh())
			r.wait(time.Minute)
			r.conn().cut()
			r.wait(time.Minute)
		}, 2, 1},
		{"a printer that is switched off, then cuts links, then works", func(r *rig) {
			r.start(fresh())
			r.wait(time.Minute)
			r.refusing(fault.New(fault.Offline, "no route"))
			r.conn().cut()
			r.wait(time.Hour)
			r.answerWith(func(c *fakeConn, _, _, _ string) { c.cut() })
			r.refusing(nil)
			r.wait(time.Hour)
			r.answerWith(answerIdle)
			r.wait(time.Hour)
			if !r.state().Online {
				r.t.Error("the printer is offline")
			}
		}, 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			runBubble(t, func(r *rig) {
				r.logTo(&b)
				c.play(r)
				attempts := len(r.attempts())
				r.stop()
				if up, down := logged(&b, saysUp), logged(&b, saysDown); up != c.up || down != c.down {
					t.Errorf("%d times connected, %d times ended in %d attempts, want %d and %d\n%s", up, down, attempts, c.up, c.down, b.String())
				}
			})
		})
	}
}

func TestDriver_LogsAnUnknownStageOnce(t *testing.T) {
	var b bytes.Buffer
	runBubble(t, func(r *rig) {
		r.logTo(&b)
		r.start(fresh())
		for range 3 {
			for _, id := range []int{98, 99, 13} {
				r.conn().say(`{"print":{"command":"push_status","gcode_state":"RUNNING","stg_cur":%d}}`, id)
				r.wait(20 * time.Second)
			}
			r.wait(2 * time.Hour)
		}
		r.stop()
	})
	const says = "the printer is in a stage that is not known here"
	if n := logged(&b, says); n != 2 || strings.Count(b.String(), "stage=98") != 1 || strings.Count(b.String(), "stage=99") != 1 {
		t.Errorf("%d lines, want one for each of two stages\n%s", n, b.String())
	}
}

func TestLogger_KindsHaveAnEnd(t *testing.T) {
	var b bytes.Buffer
	l := logger{Logger: slog.New(slog.NewTextHandler(&b, nil)), warned: map[string]time.Time{}}
	now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	for i := range 10 * maxKinds {
		l.warnHourly(now, fmt.Sprint(i), "what")
	}
	l.warnHourly(now.Add(quietTime), "0", "what")
	if n := strings.Count(b.String(), "msg=what"); n != maxKinds+1 || len(l.warned) != maxKinds {
		t.Errorf("%d warnings, %d kinds, want %d and %d", n, len(l.warned), maxKinds+1, maxKinds)
	}
}
