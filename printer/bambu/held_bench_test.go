package bambu

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/printwire/printwire/printer"
)

// BenchmarkDocument_Held is what a printer's document and the State made from
// it hold, beside the text of its reports.
func BenchmarkDocument_Held(b *testing.B) {
	for _, name := range []string{"a1-lite", "x1c-four-changers"} {
		b.Run(name, func(b *testing.B) {
			c := readCase(b, filepath.Join("testdata", name+".json"))
			const printers = 200
			size := 0
			for _, m := range c.Messages {
				size = max(size, len(m))
			}
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				docs, states := make([]*document, printers), make([]printer.State, printers)
				for i := range docs {
					docs[i] = newDocument()
					for _, m := range c.Messages {
						if _, err := docs[i].apply(append([]byte(nil), m...)); err != nil {
							b.Fatal(err)
						}
					}
					states[i] = docs[i].state(printer.State{Serial: c.Serial})
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/printers, "held-B/printer")
				b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/printers, "objects/printer")
				b.ReportMetric(float64(size), "report-B")
				runtime.KeepAlive(docs)
				runtime.KeepAlive(states)
			}
		})
	}
}
