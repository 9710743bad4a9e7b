package simulator_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer/simulator"
)

// recording is a stream as a logger writes it: a version, a full report, two deltas, an event.
func recording() string {
	var b strings.Builder
	line := func(ts float64, topic, payload string) {
		fmt.Fprintf(&b, `{"ts": %.3f, "iso": "x", "printer_id": "one", "direction": "recv", "protocol": "mqtt", "topic": "device/%s/report", "payload": %s}`+"\n", ts, topic, payload)
	}
	b.WriteString(`{"ts": 999.0, "direction": "event", "event": "subscribed"}` + "\n\n")
	line(1000, "OTHER", `{"info": {"command": "get_version", "sequence_id": "3", "module": [{"name": "ota", "sn": "OTHER", "sw_ver": "01.02.03.04"}]}}`)
	fields := make([]string, 0, 50)
	for i := range 50 {
		fields = append(fields, fmt.Sprintf(`"field_%d": %d`, i, i))
	}
	line(1001, "OTHER", `{"print": {`+strings.Join(fields, ", ")+`, "net": {"conf": 1, "info": []}, "gcode_state": "IDLE", "command": "push_status", "msg": 0, "sequence_id": "1"}}`)
	line(1004, "OTHER", `{"print": {"gcode_state": "RUNNING", "net": {"conf": 2}, "command": "push_status", "msg": 1, "sequence_id": "2"}}`)
	line(1010, "OTHER", `{"print": {"mc_percent": 12, "command": "push_status", "msg": 1, "sequence_id": "3"}}`)
	return b.String()
}

func TestPrinter_replay(t *testing.T) {
	b := start(t, simulator.Options{Model: "A1", Serial: "03900S000000009", Replay: strings.NewReader(recording())})
	eventually(t, func() bool { b.Step(0); return len(b.heard) > 0 })
	t.Run("the stream begins with the first subscriber, its times kept", func(t *testing.T) {
		b.until("info", has("command", "get_version"))
		b.Step(900 * time.Millisecond)
		if len(b.heard) != 0 {
			t.Fatal("the second message is early")
		}
		b.Step(200 * time.Millisecond)
		b.until("print", has("msg", 0, "field_49", 49))
	})
	t.Run("pushall is answered with what was merged so far", func(t *testing.T) {
		b.Step(4 * time.Second)
		b.until("print", has("gcode_state", "RUNNING", "msg", 1))
		full := b.full()
		if !has("gcode_state", "RUNNING", "msg", 0, "field_7", 7)(full) || full["mc_percent"] != nil {
			t.Fatalf("full report %v", full)
		}
		if net := full["net"].(object); net["conf"] != float64(2) || net["info"] == nil {
			t.Fatalf("net %v", net)
		}
	})
	t.Run("get_version is answered with the recorded modules", func(t *testing.T) {
		info := b.answer("info", "get_version", "55", `{"info":{"sequence_id":"55","command":"get_version"}}`)
		if len(info["module"].([]any)) != 1 {
			t.Fatalf("modules %v", info)
		}
	})
	t.Run("commands are remembered, not obeyed", func(t *testing.T) {
		b.ask(`{"print":{"sequence_id":"8","command":"print_speed","param":"1"}}`)
		b.Step(6 * time.Second)
		if last := b.message()["print"].(object); last["mc_percent"] != float64(12) {
			t.Fatalf("heard %v", last)
		}
		eventually(t, func() bool { return len(b.Requests()) == 3 })
	})
}

func TestPrinter_replayOfRecordings(t *testing.T) {
	folder := os.Getenv("PRINTWIRE_SHARED")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared")
	}
	names, _ := filepath.Glob(filepath.Join(folder, "recordings", "bambu", "streams", "*.jsonl"))
	if len(names) == 0 {
		t.Skip("recordings are not here")
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			b := start(t, simulator.Options{Model: "A1", Replay: file})
			for range 600 {
				b.Step(30 * time.Second)
			}
			b.Step(time.Hour)
			report := b.full()
			if report["gcode_state"] == nil || report["wifi_signal"] == nil {
				t.Fatalf("state %v, radio %v", report["gcode_state"], report["wifi_signal"])
			}
		})
	}
}
