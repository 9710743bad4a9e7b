package bambu

import (
	"testing"
	"time"
)

func TestDriver_AsksWhichChangerHasJoined(t *testing.T) {
	const (
		one = `{"print":{"command":"push_status","msg":1,"ams":{"ams_exist_bits":"1","ams":[{"id":"0","tray":[{"id":"0"}]}]}}}`
		two = `{"print":{"command":"push_status","msg":1,"ams":{"ams_exist_bits":"3","ams":[{"id":"0","tray":[{"id":"0"}]},{"id":"1","tray":[{"id":"0"}]}]}}}`
	)
	serial := "00600A1"
	inBubble(t, fresh(), func(r *rig) {
		r.answerWith(answering("get_version", func(c *fakeConn, _, id string) {
			c.say(`{"info":{"command":"get_version","sequence_id":%q,"module":[{"name":"ota","sw_ver":"01.04.00.00"},{"name":"ams/1","sn":%q,"sw_ver":"00.00.06.49"}]}}`, id, serial)
		}))
		asked := r.sent("get_version")
		for _, step := range []struct {
			name, report, serial string
			asks                 int
		}{
			{"two changers", two, "00600A1", 1},
			{"the same two", two, "00600A1", 0},
			{"the second is taken off", one, "", 0},
			{"another is put on", two, "00600A2", 1},
		} {
			if step.serial != "" {
				serial = step.serial
			}
			r.conn().say("%s", step.report)
			r.wait(time.Second)
			if n := r.sent("get_version") - asked; n != step.asks {
				t.Errorf("%s: %d questions, want %d", step.name, n, step.asks)
			}
			asked = r.sent("get_version")
			units := r.state().Units
			if step.serial != "" && (len(units) != 2 || units[1].Serial != step.serial) {
				t.Errorf("%s: changers %+v, want the second to be %s", step.name, units, step.serial)
			}
		}
	})
}
