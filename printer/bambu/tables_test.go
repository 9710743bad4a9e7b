package bambu

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

func TestFaultOf(t *testing.T) {
	tests := []struct {
		entry    hmsEntry
		model    string
		code     string
		severity printer.Severity
		module   string
		url      string
	}{
		{hmsEntry{83887360, 65543}, "A1", "HMS_0500_0500_0001_0007", printer.Fatal, "mainboard", "/en/a1/troubleshooting/hmscode/0500_0500_0001_0007"},
		{hmsEntry{0x0C000100, 0x0002001B}, "H2S", "HMS_0C00_0100_0002_001B", printer.Serious, "vision", "/en/h2/"},
		{hmsEntry{0x05010400, 0x00030002}, "X1C", "HMS_0501_0400_0003_0002", printer.Common, "mainboard", "/en/x1/"},
		{hmsEntry{0x12002000, 0x00040001}, "Q9", "HMS_1200_2000_0004_0001", printer.Info, "ams", "/en/x1/"},
		{hmsEntry{0xFF000000, 0xFFFFFFFF}, "", "HMS_FF00_0000_FFFF_FFFF", printer.Info, "", "/en/x1/"},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			f := faultOf(tt.entry, tt.model)
			if f.Code != tt.code || f.Severity != tt.severity || f.Module != tt.module || !strings.Contains(f.URL, tt.url) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestFaultOfError(t *testing.T) {
	tests := []struct {
		code     uint32
		want     string
		severity printer.Severity
		module   string
		text     bool
	}{
		{50348044, "0300_400C", printer.Serious, "motion", true},
		{0x0500808F, "0500_808F", printer.Common, "mainboard", true},
		{0x0500C010, "0500_C010", printer.Info, "mainboard", true},
		{0x12008011, "1200_8011", printer.Common, "ams", false},
		{0x18FF4001, "18FF_4001", printer.Serious, "ams", false},
		{0x07FF8012, "07FF_8012", printer.Common, "ams", true},
		{0x03000001, "0300_0001", printer.Info, "motion", false},
		{0xFFFFFFFF, "FFFF_FFFF", printer.Info, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			f := faultOfError(tt.code, "X1C")
			if f.Code != tt.want || f.Severity != tt.severity || f.Module != tt.module || (f.Text != "") != tt.text {
				t.Errorf("got %+v", f)
			}
			if want := fmt.Sprintf("?e=%08X", tt.code); !strings.HasSuffix(f.URL, want) {
				t.Errorf("got %s, want %s", f.URL, want)
			}
		})
	}
}

func TestPhrases_areWellFormed(t *testing.T) {
	shapes := map[string][]phrase{`^[0-9A-F]{2}[0-9A-Fx]{6}$`: errorPhrases(), `^([0-9A-Fx]{4}_){3}[0-9A-Fx]{4}$`: hmsPhrases()}
	for shape, table := range shapes {
		re := regexp.MustCompile(shape)
		for i, p := range table {
			if !re.MatchString(p.code) || p.text == "" || strings.HasSuffix(p.text, ".") || len(p.text) > 60 {
				t.Errorf("row %q %q", p.code, p.text)
			}
			for _, q := range table[:i] {
				if q.code == p.code {
					t.Errorf("%s comes twice", p.code)
				}
			}
		}
	}
}

// TestPhrases_areOurOwn compares with the maker's texts where they are at hand.
func TestPhrases_areOurOwn(t *testing.T) {
	var theirs []string
	for _, name := range []string{"hms_en.simple.json", "print_error_en.simple.json"} {
		raw, err := os.ReadFile(filepath.Join(recordings(t), "tables", name))
		if err != nil {
			t.Skip("no table of the maker's texts here:", err)
		}
		var table map[string]string
		if err := json.Unmarshal(raw, &table); err != nil {
			t.Fatal(err)
		}
		for _, text := range table {
			first, _, _ := strings.Cut(text, ".")
			theirs = append(theirs, strings.TrimSpace(text), strings.TrimSpace(first))
		}
	}
	slices.Sort(theirs)
	for _, p := range append(errorPhrases(), hmsPhrases()...) {
		if _, found := slices.BinarySearch(theirs, p.text); found {
			t.Errorf("%s: %q is the maker's text", p.code, p.text)
		}
	}
}

func TestStages(t *testing.T) {
	slug := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	for id := range 78 {
		if s := stageSlug(id); !slug.MatchString(s) || s == "unknown" || !slices.Contains(Stages(), s) {
			t.Errorf("stage %d is %q", id, s)
		}
	}
	for id, want := range map[int]string{-1: "", 255: "", -2: "", 78: "unknown", 254: "unknown", -3: "unknown", 4: "changing_filament", 77: "preparing_ams"} {
		if got := stageSlug(id); got != want {
			t.Errorf("stage %d is %q, want %q", id, got, want)
		}
	}
	for _, id := range []int{5, 6, 16, 17, 20, 21, 23, 26, 27, 28, 30, 32, 33, 34, 35} {
		if !strings.HasPrefix(stageSlug(id), "paused_") {
			t.Errorf("stage %d is %q", id, stageSlug(id))
		}
	}
	if list := Stages(); list[len(list)-1] != "unknown" || len(list) != len(uniq(list)) {
		t.Error("the list has repeats, or lacks unknown")
	}
}

func uniq(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func TestModels_areDistinct(t *testing.T) {
	var names, codes, prefixes []string
	for _, m := range Models() {
		names = append(append(names, m.Name), m.Products...)
		codes = append(codes, m.Codes...)
		if m.Prefix != "" {
			prefixes = append(prefixes, m.Prefix)
		}
		if m.Nozzles < 1 || m.Nozzles > 2 || m.NozzleMax < 250 || m.BedMax < 80 || m.Camera == "" || m.Series == "" || m.Push == "full" && m.Camera != "rtsp" {
			t.Errorf("row %+v", m)
		}
	}
	if len(Models()) != 14 || len(codes) != len(uniq(codes)) || len(prefixes) != len(uniq(prefixes)) {
		t.Errorf("%d models, codes %v, prefixes %v", len(Models()), codes, prefixes)
	}
	for _, name := range uniq(names) {
		rows := 0
		for _, m := range Models() {
			if m.Name == name || slices.Contains(m.Products, name) {
				rows++
			}
		}
		if rows != 1 {
			t.Errorf("%q names %d models", name, rows)
		}
	}
}

func TestModels_detection(t *testing.T) {
	modules := func(list string) string {
		return `{"info":{"command":"get_version","module":[` + list + `]}}`
	}
	tests := []struct{ name, serial, before, modules, want string }{
		{"by its name for itself", p1sSerial, "", `{"name":"ota","product_name":"Bambu Lab X1-Carbon"}`, "X1C"},
		{"by its other name", "", "", `{"name":"ota","product_name":"Bambu Lab X1 Carbon"}`, "X1C"},
		{"in small letters", "", "", `{"name":"ota","product_name":"Bambu Lab a1 MINI"}`, "A1 mini"},
		{"by its project", "", "", `{"name":"ota","product_name":""},{"name":"esp32","project_name":"C11"}`, "P1P"},
		{"by its project before its serial", p1sSerial, "", `{"name":"ota","project_name":"N2S"}`, "A1"},
		{"by its serial", p1sSerial, "", `{"name":"ota","sw_ver":"1"}`, "P1S"},
		{"by its serial, without modules", h2dSerial, "", "", "H2D"},
		{"by its board", "", "", `{"name":"rv1126","hw_ver":"AP05"}`, "X1C"},
		{"by another board", "", "", `{"name":"ap","hw_ver":"AP02"}`, "X1E"},
		{"as before", "ZZZ00A000000001", "H2D Pro", "", "H2D Pro"},
		{"an unknown name", p1sSerial, "P1S", `{"name":"ota","product_name":"Bambu Lab Q9"}`, "Q9"},
		{"an unknown everything", "ZZZ00A000000001", "", `{"name":"ota"}`, ""},
	}
	for _, m := range Models() {
		tests = append(tests, struct{ name, serial, before, modules, want string }{
			"row " + m.Name, "", "", `{"name":"ota","product_name":"Bambu Lab ` + m.Products[0] + `"}`, m.Name})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDocument()
			if tt.modules != "" {
				feed(t, d, modules(tt.modules))
			}
			s := d.state(printer.State{Serial: tt.serial, Model: tt.before})
			if s = d.state(s); s.Model != tt.want {
				t.Errorf("got %q, want %q", s.Model, tt.want)
			}
		})
	}
	if m, ok := ModelOfCode("o1c2"); !ok || m.Name != "H2C" {
		t.Errorf("got %v", m.Name)
	}
	if _, ok := ModelOfCode(""); ok {
		t.Error("no code is a model")
	}
}

func TestVersions(t *testing.T) {
	s := mapState(t, "", `{"info":{"command":"get_version","result":"success","module":[
		{"name":"ota","product_name":"Bambu Lab A1","sw_ver":"01.07.00.00","sn":"03900A000000001"},{"name":"esp32","hw_ver":"AP05","sw_ver":"x"}]}}`)
	if s.Serial != a1Serial || s.Firmware != "01.07.00.00" || s.Hardware != "AP05" || s.Model != "A1" {
		t.Errorf("got %q %q %q %q", s.Serial, s.Firmware, s.Hardware, s.Model)
	}
}

func TestNumber(t *testing.T) {
	tests := map[string]string{
		"1": "1", "-2.5": "-2.5", "1e2": "100", "+3": "3", "": "?", "NaN": "?", "Inf": "?", "-Inf": "?", "1e999": "?", "0x1p4": "?",
		"1_000": "?", " 1": "?", "1 ": "?", "e": "?", strings.Repeat("9", 65): "?",
	}
	for in, want := range tests {
		got := "?"
		if f, ok := parseNumber(in); ok {
			got = fmt.Sprint(f)
		}
		if got != want {
			t.Errorf("%q gave %s, want %s", in, got, want)
		}
	}
}
