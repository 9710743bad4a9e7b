package jobfile

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

func tray(unit, slot int) printer.Opt[printer.TrayRef] {
	return printer.Some(printer.TrayRef{Unit: unit, Slot: slot})
}

func TestReadSent(t *testing.T) {
	none := printer.Opt[printer.TrayRef]{}
	for _, c := range []struct {
		name, raw string
		want      Sent
	}{
		{"whole", `{"url":"ftp:///cache/Box.gcode.3mf","param":"Metadata/plate_3.gcode","subtask_name":"Box","use_ams":true,"ams_mapping":[2,-1,5,128,254]}`,
			Sent{URL: "ftp:///cache/Box.gcode.3mf", Name: "Box", Plate: 3, Trays: []printer.Opt[printer.TrayRef]{tray(0, 2), none, tray(1, 1), tray(128, 0), tray(255, 0)}}},
		{"external spool", `{"url":"ftp://Box.3mf","use_ams":false,"ams_mapping":[0]}`, Sent{URL: "ftp://Box.3mf", Trays: []printer.Opt[printer.TrayRef]{tray(255, 0)}}},
		{"external spool as a number", `{"url":"ftp://Box.3mf","use_ams":0}`, Sent{URL: "ftp://Box.3mf", Trays: []printer.Opt[printer.TrayRef]{tray(255, 0)}}},
		{"odd values", `{"url":"x","param":"Metadata/plate_-4.gcode","ams_mapping":[256,1.5]}`, Sent{URL: "x", Trays: []printer.Opt[printer.TrayRef]{none, none}}},
		{"wrong types", `{"url":7,"subtask_name":"Box","ams_mapping":"all"}`, Sent{Name: "Box"}},
		{"nothing", `null`, Sent{}},
	} {
		got := ReadSent(json.RawMessage(c.raw))
		if got.URL != c.want.URL || got.Name != c.want.Name || got.Plate != c.want.Plate || !slices.Equal(got.Trays, c.want.Trays) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func FuzzReadSent(f *testing.F) {
	f.Add([]byte(`{"url":"ftp:///cache/Box.gcode.3mf","param":"Metadata/plate_3.gcode","subtask_name":"Box","ams_mapping":[2,-1,5]}`))
	f.Add([]byte(`{"url":"brtc://emmc/Box.3mf","ams_mapping":[1e400]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := ReadSent(raw)
		if len(s.Trays) > maxFilaments || len(s.URL) > 512 || s.Plate < 0 {
			t.Errorf("%+v is beyond the bounds", s)
		}
		for _, p := range paths(Order{Name: s.Name, File: s.Name, Sent: s}) {
			if !strings.HasPrefix(p, "/") || strings.Contains(p, "/../") {
				t.Errorf("path %q", p)
			}
		}
	})
}

func TestReportedTrays(t *testing.T) {
	got := ReportedTrays([]int{258, 65535, 32768, 0xFF00, -1})
	want := []printer.Opt[printer.TrayRef]{tray(1, 2), {}, tray(128, 0), tray(255, 0), {}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		name  string
		order Order
		first string
		holds []string
	}{
		{"a name alone", Order{Name: "Box"}, "/cache/Box.gcode.3mf", []string{"/cache/Box.3mf", "/Box.3mf", "/model/Box.gcode.3mf"}},
		{"a file", Order{Name: "Box", File: "Box_plate_2.gcode.3mf"}, "/cache/Box_plate_2.gcode.3mf", []string{"/Box_plate_2.gcode.3mf", "/Box.3mf"}},
		{"G-code inside", Order{Name: "Box", File: "/data/Metadata/plate_1.gcode"}, "/cache/Box.gcode.3mf", nil},
		{"sent to a folder", Order{Name: "Box", Sent: Sent{Name: "Box", URL: "file:///sdcard/jobs/My%20Box.3mf"}}, "/jobs/My Box.3mf", []string{"/cache/Box.3mf"}},
		{"sent without one", Order{Name: "Box", Sent: Sent{Name: "Box", URL: "ftp://Box.gcode.3mf"}}, "/Box.gcode.3mf", []string{"/cache/Box.gcode.3mf"}},
		{"another print was sent", Order{Name: "Box", Sent: Sent{Name: "Hook", URL: "ftp://Hook.gcode.3mf"}}, "/cache/Box.gcode.3mf", []string{"/cache/Box.3mf"}},
		{"another command in a URL", Order{Name: "Box", Sent: Sent{Name: "Box", URL: "ftp://Box.3mf%0d%0aDELE%20/x.3mf"}}, "/cache/x.3mf", []string{"/cache/Box.3mf"}},
		{"another command in a name", Order{Name: "Box\r\nDELE x", File: "Hook.3mf"}, "/cache/Hook.3mf", nil},
		{"a way out", Order{Name: "../../etc/passwd"}, "/cache/passwd.gcode.3mf", nil},
	} {
		got := paths(c.order)
		if len(got) == 0 || got[0] != c.first {
			t.Errorf("%s: %q, want %q first", c.name, got, c.first)
		}
		for _, p := range c.holds {
			if !slices.Contains(got, p) {
				t.Errorf("%s: %q holds no %q", c.name, got, p)
			}
		}
		for i, p := range got {
			if slices.Contains(got[:i], p) || strings.ContainsAny(p, "\r\n") {
				t.Errorf("%s: %q is there twice, or more than one line", c.name, p)
			}
		}
	}
}

func TestUnreachable(t *testing.T) {
	emmc := Order{Name: "Box", Storage: "normal", Sent: Sent{Name: "Box", URL: "brtc://emmc/Box.3mf"}}
	kept, lost := emmc, emmc
	kept.KeepsFiles, lost.KeepsFiles = printer.Some(true), printer.Some(false)
	for _, c := range []struct {
		name  string
		order Order
		want  string
	}{
		{"no storage", Order{Storage: "none"}, textNoStorage},
		{"bad storage", Order{Storage: "abnormal"}, textBadMedium},
		{"storage that can only be read", Order{Storage: "read_only"}, ""},
		{"not known", Order{}, ""},
		{"inside, and not kept", lost, textInside},
		{"inside, and kept", kept, ""},
		{"inside, who knows", emmc, ""},
	} {
		if got := unreachable(c.order); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
