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
