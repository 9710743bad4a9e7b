package bambu

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

// reporting is a session on a link that nobody is at the other end of.
func reporting(tb testing.TB) *session {
	tb.Helper()
	d, err := New(Options{Config: testConfig()})
	if err != nil {
		tb.Fatal(err)
	}
	s := newSession(d, newDesk(), printer.Start{Fresh: true}, func(printer.Update) {})
	s.net.link = &link{inbox: make(chan []byte), closed: true}
	return s
}

func BenchmarkSession_Read(b *testing.B) {
	filler := strings.Repeat(`,"unused_field_of_the_printer":"some text that nobody reads"`, 150)
	for name, format := range map[string]string{
		"delta": `{"print":{"command":"push_status","msg":1,"nozzle_temper":%d.5,"sequence_id":"1"}}`,
		"full":  `{"print":{"command":"push_status","msg":0,"gcode_state":"RUNNING","subtask_name":"vase","mc_percent":40,"layer_num":12,"nozzle_temper":%d.5,"hms":[]` + filler + `}}`,
	} {
		b.Run(name, func(b *testing.B) {
			s := reporting(b)
			now := time.Now()
			s.read(fmt.Appendf(nil, strings.Replace(format, `"msg":1`, `"msg":0,"gcode_state":"RUNNING"`, 1), 200), now)
			var reports [10][]byte
			for i := range reports {
				reports[i] = fmt.Appendf(nil, format, 200+i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.read(reports[i%len(reports)], now)
			}
		})
	}
}
