package webhook

import (
	"encoding/json"
	"time"

	"github.com/printwire/printwire/journal"
)

// hostile is text that a device or a file may hold and that no body may break on.
const hostile = "a\"b\\c</script>{{.}}\n\r\x00\u2028é😀'"

// samples are deliveries of every event, with all that can be known, with
// nothing known, and with hostile texts: a template is tried on all of them.
func samples(e Endpoint) []Delivery {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var list []Delivery
	var items []Event
	for i, row := range journal.Events() {
		for _, text := range []string{"", "Benchy", hostile} {
			entry := journal.Entry{Seq: uint64(i + 1), Time: at, Name: row.Name, Data: sampleData(row, text)}
			if row.Origin == journal.FromPrinter {
				entry.PrinterID, entry.Serial, entry.Printer, entry.Job = 1, "01S00C000000001", text, "01JEXAMPLE"
			}
			list = append(list, Delivery{Key: Key{e.ID, entry.Seq, Alone}, Entry: entry})
			items = append(items, Event{Entry: entry})
		}
	}
	last := list[len(list)-1]
	return append(list, Delivery{Key: Key{e.ID, last.Seq, Together}, Entry: last.Entry, Items: items})
}

// sampleData has every field of a row, or none.
func sampleData(row journal.Row, text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("{}")
	}
	numbers := map[string]any{
		"progress": 50, "layer": 12, "total_layers": 240, "remaining_seconds": 2700, "estimate_seconds": 5400, "duration_seconds": 2700,
		"filament_used": 7.6, "milestone": 50, "temperature": 39.5, "unit": 0, "price": 0.31, "limit": 0.3,
		"started_at": "2026-01-02T02:19:05Z", "until": "2026-01-02T05:00:00Z", "result": "failed", "milestone_kind": "percent",
	}
	data := map[string]any{}
	for _, name := range row.Fields {
		data[name] = text
		if n, ok := numbers[name]; ok {
			data[name] = n
		}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return json.RawMessage("{}")
	}
	return raw
}
