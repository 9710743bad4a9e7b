package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func FuzzReadPacket(f *testing.F) {
	f.Add([]byte("\x10\x1a\x00\x04MQTT\x04\xc2\x00\x0f\x00\x02ab\x00\x04bblp\x00\x03123"))
	f.Add([]byte("\x82\x0c\x00\x01\x00\x07a/b/c/d\x01"))
	f.Add([]byte("\xa2\x06\x00\x02\x00\x02a/"))
	f.Add([]byte("\x32\x09\x00\x03a/b\x00\x07hi"))
	f.Add([]byte("\x30\xff\xff\xff\xff\x01"))
	f.Add([]byte{0xc0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		for {
			p, err := readPacket(r)
			if err != nil {
				return
			}
			if len(p.body) > maxRequest {
				t.Fatalf("a body of %d bytes", len(p.body))
			}
			_, _ = parseConnect(p.body)
			_, _, _ = parseUnsubscribe(p.body)
			if _, subs, err := parseSubscribe(p.body); err == nil && len(subs) == 0 {
				t.Fatal("a subscription to nothing was taken")
			}
			if m, err := parsePublish(p); err == nil && len(m.topic)+len(m.payload) > len(p.body) {
				t.Fatal("a publication larger than its packet")
			}
		}
	})
}

func TestReadPacket(t *testing.T) {
	read := func(data string) (packet, error) { return readPacket(bufio.NewReader(strings.NewReader(data))) }
	t.Run("a length of five bytes is refused", func(t *testing.T) {
		if _, err := read("\x30\xff\xff\xff\xff\x01"); err == nil {
			t.Fatal("taken")
		}
	})
	t.Run("a packet over the limit is refused before it is read", func(t *testing.T) {
		if _, err := read("\x30\x81\x80\x10"); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("what appendPublish writes is read back", func(t *testing.T) {
		for _, n := range []int{0, 1, 100, 20_000, 250_000} {
			payload := bytes.Repeat([]byte("x"), n)
			p, err := read(string(appendPublish(nil, "device/S/report", payload)))
			if err != nil {
				t.Fatal(err)
			}
			m, err := parsePublish(p)
			if err != nil || m.topic != "device/S/report" || !bytes.Equal(m.payload, payload) {
				t.Fatalf("%d bytes: topic %q, %d bytes, %v", n, m.topic, len(m.payload), err)
			}
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"print":{"command":"gcode_line","param":"M104 S200 T1\nM106 P1 S99\nG28"}}`))
	f.Add([]byte(`{"print":{"command":"project_file","param":"Metadata/plate_1.gcode","url":"ftp://a.3mf","use_ams":1,"ams_mapping":[0,-1,"7",129]}}`))
	f.Add([]byte(`{"print":{"command":"ams_change_filament","ams_id":"255","slot_id":"0","target":254}}`))
	f.Add([]byte(`{"print":{"command":"ams_filament_drying","ams_id":128,"mode":1,"temp":60,"duration":2}}`))
	f.Add([]byte(`{"print":{"command":"set_nozzle_temp","extruder_index":1e9,"target_temp":"NaN"}}`))
	f.Add([]byte(`{"system":{"command":"ledctrl","led_node":null,"led_mode":[]}}`))
	f.Add([]byte(`{"pushing":{"command":"pushall"},"info":{"command":"get_version","sequence_id":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"A1", "H2D"} {
			o := Options{Model: name, StartPrinting: len(data)%2 == 0}
			m, err := newMachine(&o)
			if err != nil {
				t.Fatal(err)
			}
			if o.StartPrinting {
				m.attach(0.2)
			}
			m.send = func(payload []byte) {
				if !json.Valid(payload) {
					t.Fatalf("sent %.80q", payload)
				}
			}
			for key, body := range understand(data) {
				m.receive(key, body)
			}
			m.advance(5*time.Second, true)
			m.whole()
		}
	})
}

func FuzzReplay(f *testing.F) {
	f.Add(`{"ts":1,"direction":"recv","topic":"device/X/report","payload":{"print":{"command":"push_status","gcode_state":"IDLE"}}}`)
	f.Add(`{"ts":1e300,"direction":"recv","topic":"/report","payload":{"info":{"command":"get_version"}}}` + "\n" + `{"ts":-1e300,"direction":"recv","topic":"/report","payload":[]}`)
	f.Fuzz(func(t *testing.T, data string) {
		r, err := readReplay(strings.NewReader(data))
		if err != nil {
			return
		}
		sent := 0
		r.begin(0)
		for _, at := range []time.Duration{0, time.Second, time.Hour, 1 << 62} {
			r.advance(at, func([]byte) { sent++ })
		}
		if sent > len(r.lines) {
			t.Fatalf("%d lines sent, %d read", sent, len(r.lines))
		}
		r.answer("pushing", document{"command": "pushall"}, func(payload []byte) {
			if !json.Valid(payload) {
				t.Fatalf("sent %.80q", payload)
			}
		})
	})
}

func BenchmarkReport(b *testing.B) {
	for _, name := range []string{"A1", "H2D"} {
		b.Run(name, func(b *testing.B) {
			m, err := newMachine(&Options{Model: name})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				m.report()
			}
		})
	}
}
