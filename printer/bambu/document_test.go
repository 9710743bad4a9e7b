package bambu

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

// feed applies messages that must all be taken.
func feed(t testing.TB, d *document, payloads ...string) message {
	t.Helper()
	var m message
	for _, p := range payloads {
		var err error
		if m, err = d.apply([]byte(p)); err != nil {
			t.Fatalf("%v: %.200s", err, p)
		}
	}
	return m
}

// report makes a report of members; msg is put before them.
func report(msg, members string) string {
	if msg != "" {
		msg = `"msg":` + msg + `,`
	}
	return `{"print":{"command":"push_status","sequence_id":"1",` + msg + members + `}}`
}

// mapState is the state of a printer after messages.
func mapState(t testing.TB, serial string, payloads ...string) printer.State {
	t.Helper()
	d := newDocument()
	feed(t, d, payloads...)
	return d.state(printer.State{Serial: serial})
}

func TestDocument_routes(t *testing.T) {
	tests := []struct {
		name, payload string
		kind          kind
		ack           ack
	}{
		{"a status report", `{"print":{"command":"push_status","mc_percent":5}}`, kindReport, ack{}},
		{"a report without a command", `{"print":{"mc_percent":5}}`, kindReport, ack{}},
		{"a report with a result in it is still a report", `{"print":{"command":"push_status","result":"success"}}`, kindReport, ack{}},
		{"a refusal without a command", `{"print":{"result":"failed","reason":"mqtt message verify failed","err_code":84033543}}`, kindAck,
			ack{Top: "print", Result: "failed", Reason: "mqtt message verify failed", ErrCode: 0x05024007}},
		{"a G-code answer without a command", `{"print":{"sequence_id":"41","param":"G28","result":"success","reason":"success"}}`, kindAck,
			ack{Top: "print", SequenceID: "41", Result: "success", Reason: "success"}},
		{"a light's answer", `{"system":{"command":"ledctrl","sequence_id":20012,"result":"SUCCESS","led_node":"chamber_light"}}`, kindAck,
			ack{Top: "system", Command: "ledctrl", SequenceID: "20012", Result: "SUCCESS"}},
		{"a job's answer", `{"print":{"command":"project_file","sequence_id":"20001","result":"success","subtask_name":"Box","ams_mapping":[2]}}`, kindAck,
			ack{Top: "print", Command: "project_file", SequenceID: "20001", Result: "success"}},
		{"an answer with a negative code", `{"print":{"command":"stop","result":"fail","err_code":"-1"}}`, kindAck,
			ack{Top: "print", Command: "stop", Result: "fail", ErrCode: 0xFFFFFFFF}},
		{"a list of modules with a result", `{"info":{"command":"get_version","result":"success","module":[{"name":"ota","sw_ver":"01.00.00.00"}]}}`, kindVersion, ack{}},
		{"the printer's own G-code", `{"print":{"command":"gcode_line","source":3072,"param":"M400"}}`, kindOther, ack{}},
		{"an echo of a request", `{"pushing":{"command":"pushall","sequence_id":"3"}}`, kindOther, ack{}},
		{"log lines of old firmware", `{"mc_print":{"command":"push_info","param":"[AMS][TASK]ams0"}}`, kindOther, ack{}},
		{"the cloud's word", `{"event":{"event":"client.connected"}}`, kindOther, ack{}},
		{"nothing", `{}`, kindOther, ack{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDocument()
			m := feed(t, d, tt.payload)
			got := m.Ack
			got.Raw = nil
			if m.Kind != tt.kind || fmt.Sprint(got) != fmt.Sprint(tt.ack) {
				t.Errorf("got %v %+v, want %v %+v", m.Kind, got, tt.kind, tt.ack)
			}
			if m.Kind == kindAck && !json.Valid(m.Ack.Raw) {
				t.Errorf("raw is no JSON: %s", m.Ack.Raw)
			}
		})
	}
}

func TestDocument_acknowledgementsNeverLeak(t *testing.T) {
	d := newDocument()
	feed(t, d, report("0", `"subtask_name":"Mine","gcode_state":"IDLE","home_flag":256,"nozzle_temper":20`))
	before, facts := d.state(printer.State{}), d.facts()
	m := feed(t, d,
		`{"print":{"command":"project_file","result":"success","subtask_name":"Foreign","gcode_state":"RUNNING","mc_percent":9,"nozzle_temper":99}}`,
		`{"print":{"result":"success","subtask_name":"Foreign","gcode_state":"RUNNING"}}`,
		`{"system":{"command":"ledctrl","result":"success","lights_report":[{"node":"chamber_light","mode":"on"}]}}`)
	if m.Changed || !d.state(printer.State{}).Equal(before) || d.facts().Name != facts.Name || d.facts().State != "IDLE" {
		t.Errorf("an acknowledgement changed the document: %+v", d.facts())
	}
}

func TestDocument_fullAndDelta(t *testing.T) {
	start := report("0", `"mc_percent":10,"layer_num":3,"gcode_state":"RUNNING"`)
	tests := []struct {
		name, next    string
		layer         int
		changed, full bool
	}{
		{"a delta keeps what it lacks", report("1", `"mc_percent":11`), 3, true, false},
		{"a full report drops what it lacks", report("0", `"mc_percent":11,"gcode_state":"RUNNING"`), -1, true, true},
		{"without msg nothing is dropped", report("", `"mc_percent":11`), 3, true, false},
		{"msg may be text", report(`"0"`, `"mc_percent":11`), -1, true, true},
		{"the same values change nothing", report("1", `"mc_percent":10 , "gcode_state":"RUNNING"`), 3, false, false},
		{"a field that nobody reads changes nothing", report("1", `"t_utc":17900001,"queue":[{"a":{}}]`), 3, false, false},
		{"of two equal keys the last counts", report("1", `"layer_num":8,"mc_percent":5,"layer_num":9`), 9, true, false},
		{"of two equal keys the last counts, though it is the old value", report("1", `"layer_num":8,"layer_num":3`), 3, false, false},
		{"escaped keys are keys", report("1", `"layer\u005fnum":7`), 7, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDocument()
			feed(t, d, start)
			m := feed(t, d, tt.next)
			if f := d.facts(); f.Layer != tt.layer || m.Changed != tt.changed || m.Full != tt.full {
				t.Errorf("got layer %d, changed %v, full %v", f.Layer, m.Changed, m.Full)
			}
		})
	}
	t.Run("a full report after a delta with the same bytes replaces", func(t *testing.T) {
		d := newDocument()
		feed(t, d, report("0", `"device":{"bed_temp":20,"ctc":{"info":{"temp":30}}}`), report("1", `"device":{"bed_temp":21}`))
		if !d.state(printer.State{Serial: x1cSerial}).Chamber.Temperature.Known {
			t.Fatal("a delta dropped a member")
		}
		feed(t, d, report("0", `"device":{"bed_temp":21}`))
		if d.state(printer.State{Serial: x1cSerial}).Chamber.Temperature.Known {
			t.Error("a full report kept a member that it lacks")
		}
	})
}

func TestDocument_badInput(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	good := report("0", `"mc_percent":42,"gcode_state":"RUNNING","nozzle_temper":"219.5"`)
	tests := []struct {
		name, payload string
		want          error
	}{
		{"nothing at all", "", errNotJSON},
		{"white space", " \n", errNotJSON},
		{"no JSON", "hello", errNotJSON},
		{"half a packet", good[:len(good)/2], errNotJSON},
		{"two packets in one", good + good, errNotJSON},
		{"a bare word as value", report("1", `"mc_percent":NaN`), errNotJSON},
		{"a number that is none", report("1", `"mc_percent":1.2.3`), errNotJSON},
		{"a number with a leading zero in a field that nobody reads", report("1", `"foo":01`), errNotJSON},
		{"brackets that do not match", report("1", `"device":{"a":[1}]`), errNotJSON},
		{"a string with a control character", report("1", "\"subtask_name\":\"a\tb\""), errNotJSON},
		{"a key with a control character", report("1", "\"a\tb\":1"), errNotJSON},
		{"a comma too many", report("1", `"mc_percent":1,`), errNotJSON},
		{"an open string", `{"print":{"command":"push_status`, errNotJSON},
		{"a bad neighbour of a good report", `{"print":{"mc_percent":1},"x":tru}`, errNotJSON},
		{"more than 256 KiB", report("1", `"x":"`+strings.Repeat("y", maxReport)+`"`), errTooLarge},
		{"20,000 levels", deep(20000), errTooDeep},
		{"20,000 levels of arrays", `{"print":{"hms":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}}`, errTooDeep},
		{"65 levels", deep(65), errTooDeep},
		{"an array", `[1,2]`, errShape},
		{"a number", `7`, errShape},
		{"a null report", `{"print":null}`, errShape},
		{"a text as report", `{"print":"idle"}`, errShape},
		{"a list as report", `{"print":[]}`, errShape},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDocument()
			feed(t, d, good)
			before := d.state(printer.State{})
			m, err := d.apply([]byte(tt.payload))
			if !errors.Is(err, tt.want) || m.Kind != kindOther || m.Changed {
				t.Fatalf("got %+v, %v, want %v", m, err, tt.want)
			}
			if !d.state(printer.State{}).Equal(before) {
				t.Error("a refused payload changed the state")
			}
			feed(t, d, report("1", `"mc_percent":43`))
			if s := d.state(printer.State{}); s.Job.Progress != printer.Some(43) || s.Nozzles[0].Temperature != printer.Some(219.5) {
				t.Errorf("the next good report gave %v", s.Job.Progress)
			}
		})
	}
	t.Run("64 levels are fine", func(t *testing.T) { feed(t, newDocument(), deep(64)) })
}

func TestDocument_invalidText(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"invalid UTF-8 is replaced", "Caf\xe9 \xff", "Caf\uFFFD \uFFFD"},
		{"a lone surrogate is replaced", `a\ud800b`, "a\uFFFDb"},
		{"control characters are blanks", `a\u0000b\nc\u009fd`, "a b c d"},
		{"braces, slashes and emoji stay", `{{ x }}/#\"😀`, `{{ x }}/#"😀`},
		{"a backslash is no escape twice", `a\\nb`, `a\nb`},
		{"outer blanks go", `  x `, "x"},
	}
	d := newDocument()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			feed(t, d, report("1", `"subtask_name":"`+tt.raw+`"`))
			if got := d.state(printer.State{}).Job.Name; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("10 kB are cut at a character", func(t *testing.T) {
		feed(t, d, report("1", `"subtask_name":"`+strings.Repeat("é", 5000)+`"`))
		if got := d.state(printer.State{}).Job.Name; len(got) > maxText || strings.Trim(got, "é") != "" {
			t.Errorf("got %d bytes", len(got))
		}
	})
}

// TestDocument_wrongTypesEverywhere puts every wrong type into every field and
// wants the rest of the report nonetheless.
func TestDocument_wrongTypesEverywhere(t *testing.T) {
	wrong := []string{`null`, `true`, `-1`, `1e308`, `1e999`, `""`, `"x"`, `"NaN"`, `"-Inf"`, `[]`, `[null]`, `[[]]`, `{}`,
		`{"ams":[null,{"id":null},{"id":"0","tray":[7,{"id":{}}]}],"info":{"temp":"1e9"}}`, `[{"id":0},{"id":"0"},{"node":7},{"attr":"x","code":[]}]`}
	for _, f := range fields() {
		name := f.name
		for _, w := range wrong {
			d := newDocument()
			feed(t, d, report("0", `"gcode_state":"RUNNING","home_flag":256,"nozzle_temper":200,"bed_temper":60`))
			feed(t, d, report("1", `"`+name+`":`+w+`,"subtask_name":"Still here"`))
			s := d.state(printer.State{})
			d.facts()
			checkSane(t, s)
			if name != "subtask_name" && s.Job.Name != "Still here" {
				t.Errorf("%s = %s lost the rest of the report", name, w)
			}
			feed(t, d, report("0", `"gcode_state":"RUNNING","home_flag":256,"nozzle_temper":210`))
			if s := d.state(printer.State{}); s.Nozzles[0].Temperature != printer.Some(210.0) {
				t.Errorf("after %s = %s the next good report gave %v", name, w, s.Nozzles[0].Temperature)
			}
		}
	}
}

func TestDocument_isBounded(t *testing.T) {
	d := newDocument()
	feed(t, d, report("0", `"ams":{"ams":[{"id":"0","tray":[{"id":"0","tray_type":"PLA"}]}]}`))
	for i := range 40 {
		var members []string
		for j := range 400 {
			members = append(members, fmt.Sprintf(`"k%d_%d":{"x":%d}`, i, j, j))
		}
		feed(t, d, report("1", `"ams":{`+strings.Join(members, ",")+`},"k`+fmt.Sprint(i)+`":1`))
	}
	if n := d.field("ams").size(); n > maxNodes+maxMembers*2 {
		t.Errorf("the changers have grown to %d nodes", n)
	}
	if d.field("ams").at("k3_7") != nil || d.field("ams").path("ams") == nil {
		t.Error("members that nobody reads are kept")
	}
	for i := range 200 {
		nested := `"tray":` + strings.Repeat(`{"info":{"temp":`, i%20) + strings.Repeat(`{"state":1,"name":[1,2,3]}`, 1) + strings.Repeat(`},"mode":{"id":1}}`, i%20)
		feed(t, d, report("1", `"device":{"airduct":{`+nested+`},"bed":{`+nested+`}}`))
	}
	if n := d.field("device").size(); n > maxNodes+maxMembers*2 {
		t.Errorf("the device has grown to %d nodes", n)
	}
	many := `[` + strings.Repeat(`{"attr":1,"code":65537},`, 5000) + `{}]`
	feed(t, d, report("1", `"hms":`+many+`,"subtask_name":"x"`))
	if f := d.facts(); len(f.HMS) > maxEntries || f.Name != "x" {
		t.Errorf("got %d faults", len(f.HMS))
	}
}

func TestDocument_publishedSlicesNeverChange(t *testing.T) {
	c := readCase(t, filepath.Join("testdata", "x1c-four-changers.json"))
	d := newDocument()
	for _, m := range c.Messages {
		feed(t, d, string(m))
	}
	s := d.state(printer.State{Serial: c.Serial})
	before := string(pretty(t, s))
	feed(t, d, report("1", `"ams":{"ams":[{"id":"0","temp":"31.5","tray":[{"id":"1","remain":3}]}]},"s_obj":[1,2],"vir_slot":[{"id":"255","tray_type":"TPU"}]`))
	next := d.state(s)
	if got := string(pretty(t, s)); got != before {
		t.Error("a later report changed an earlier state")
	}
	if next.Units[0].Temperature != printer.Some(31.5) || next.Units[0].Trays[1].Remaining != printer.Some(3) || next.External[0].Material != "TPU" {
		t.Errorf("the later report was not mapped: %+v", next.Units[0])
	}
	if &next.Units[1].Trays[0] != &s.Units[1].Trays[0] {
		t.Error("a changer that did not change was made anew")
	}
}

func FuzzDocument(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*.json"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var c goldenCase
		if json.Unmarshal(raw, &c) == nil {
			for _, m := range c.Messages {
				f.Add([]byte(m), []byte(`{"print":{"msg":1,"mc_percent":1e2}}`))
			}
		}
	}
	f.Add([]byte(`{"print":{"ams":{"ams":[{"id":"0"},{"id":0}]},"ams":null,"msg":"0"}}`), []byte(`{"a":[}]}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := newDocument()
		var s printer.State
		for _, p := range [][]byte{a, b, a, b} {
			m, err := d.apply(p)
			if err == nil && len(p) < maxReport && !json.Valid(p) {
				t.Fatalf("took what is no JSON: %q", p)
			}
			if errors.Is(err, errNotJSON) && json.Valid(p) {
				t.Fatalf("refused JSON: %q", p)
			}
			s = d.state(s)
			d.facts()
			checkSane(t, s)
			if m.Kind == kindAck && !json.Valid(m.Ack.Raw) {
				t.Fatal("an acknowledgement is no JSON")
			}
		}
		if _, err := d.apply([]byte(`{"print":{"command":"push_status","msg":1,"mc_percent":37,"nozzle_temper":201.5,"subtask_name":"good"}}`)); err != nil {
			t.Fatal("the next good report was refused:", err)
		}
		if s = d.state(s); s.Job.Progress != printer.Some(37) || s.Job.Name != "good" {
			t.Fatalf("the next good report was not mapped: %v %q", s.Job.Progress, s.Job.Name)
		}
	})
}
