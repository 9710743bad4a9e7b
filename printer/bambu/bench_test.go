package bambu

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

// BenchmarkDocument is the way of one report: merged, mapped, and nothing
// else. Each round changes what changes in a steady print.
func BenchmarkDocument(b *testing.B) {
	full := readCase(b, filepath.Join("testdata", "x1c-four-changers.json"))
	flat := readCase(b, filepath.Join("testdata", "a1-lite.json"))
	delta := `{"print":{"bed_temper":59.90625,"nozzle_temper":220.@,"wifi_signal":"-5@dBm","mc_percent":5@,"mc_remaining_time":3@,"layer_num":6@,` +
		`"ams":{"tray_now":"1","version":@},"cooling_fan_speed":"1@","heatbreak_fan_speed":"15","lights_report":[{"node":"chamber_light","mode":"on"}],` +
		`"command":"push_status","msg":1,"sequence_id":"31@","stg_cur":0,"print_error":0}}`
	report := string(full.Messages[1])
	few := strings.NewReplacer(`"mc_percent":42`, `"mc_percent":5@`, `"sequence_id":"90"`, `"sequence_id":"9@"`,
		`"wifi_signal":"-57dBm"`, `"wifi_signal":"-5@dBm"`, `"mc_remaining_time":61`, `"mc_remaining_time":3@`)
	// A temperature inside the device tree, and one inside a changer.
	deep := strings.NewReplacer(`"temp":14418140`, `"temp":1441814@`, `"temp":"64.8"`, `"temp":"64.@"`)
	b.Run("delta of "+size(delta), func(b *testing.B) { benchmark(b, flat, delta) })
	b.Run("full of "+size(report)+" with few changes", func(b *testing.B) { benchmark(b, full, few.Replace(report)) })
	b.Run("full of "+size(report)+" with device and ams changed", func(b *testing.B) {
		benchmark(b, full, deep.Replace(few.Replace(report)))
	})
	b.Run("encoding/json of the full one alone", func(b *testing.B) {
		for b.Loop() {
			var v map[string]any
			if err := json.Unmarshal([]byte(report), &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func size(s string) string { return strconv.Itoa(len(s)) + " bytes" }

func benchmark(b *testing.B, c goldenCase, next string) {
	d := newDocument()
	for _, m := range c.Messages {
		if _, err := d.apply(m); err != nil {
			b.Fatal(err)
		}
	}
	var payloads [][]byte
	for i := range 10 {
		payloads = append(payloads, []byte(strings.ReplaceAll(next, "@", strconv.Itoa(i))))
	}
	s := d.state(printer.State{Serial: c.Serial})
	b.SetBytes(int64(len(next)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m, err := d.apply(payloads[i%10])
		if err != nil || !m.Changed {
			b.Fatal(m, err)
		}
		s = d.state(s)
		i++
	}
	if os.Getenv("PRINTWIRE_SHOW") != "" {
		b.Logf("%s", pretty(b, s))
	}
}
