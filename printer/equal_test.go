package printer_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

// walk visits every leaf below v with its path. Slices get one element.
func walk(v reflect.Value, path string, visit func(path string, leaf reflect.Value)) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		visit(path, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprint(path, "[", i, "]"), visit)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		walk(v.Index(0), path+"[0]", visit)
	default:
		visit(path, v)
	}
}

// alter gives a leaf another value than it has.
func alter(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Struct:
		v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Hour)))
	default:
		t.Fatalf("%s is a %v, which this test cannot change", path, v.Type())
	}
}

// full is a state of which no field is zero.
func full(t *testing.T) printer.State {
	var s printer.State
	walk(reflect.ValueOf(&s).Elem(), "State", func(path string, leaf reflect.Value) { alter(t, path, leaf) })
	return s
}

func TestState_EqualSeesEveryField(t *testing.T) {
	var paths []string
	probe := full(t)
	walk(reflect.ValueOf(&probe).Elem(), "State", func(path string, _ reflect.Value) { paths = append(paths, path) })
	if len(paths) < 150 {
		t.Fatalf("only %d fields were found", len(paths))
	}
	for _, target := range paths {
		a, b := full(t), full(t)
		if !a.Equal(b) {
			t.Fatal("two equal states differ")
		}
		walk(reflect.ValueOf(&b).Elem(), "State", func(path string, leaf reflect.Value) {
			if path == target {
				alter(t, path, leaf)
			}
		})
		if a.Equal(b) || b.Equal(a) {
			t.Errorf("Equal does not see %s", target)
		}
	}
}

func TestState_EqualSeesEveryLength(t *testing.T) {
	for _, c := range []struct {
		name  string
		shift func(*printer.State)
	}{
		{"units", func(s *printer.State) { s.Units = append(s.Units, printer.Unit{}) }},
		{"trays", func(s *printer.State) { s.Units[0].Trays = append(s.Units[0].Trays, printer.Tray{}) }},
		{"external", func(s *printer.State) { s.External = append(s.External, printer.Tray{}) }},
		{"faults", func(s *printer.State) { s.Faults = append(s.Faults, printer.Fault{}) }},
		{"skipped objects", func(s *printer.State) { s.Job.SkippedObjects = append(s.Job.SkippedObjects, 0) }},
		{"no units", func(s *printer.State) { s.Units = nil }},
	} {
		a, b := full(t), full(t)
		c.shift(&b)
		if a.Equal(b) || b.Equal(a) {
			t.Errorf("Equal does not see the length of %s", c.name)
		}
	}
}

func TestState_EqualTakesTimesByTheirInstant(t *testing.T) {
	a, b := full(t), full(t)
	b.Job.StartedAt = b.Job.StartedAt.In(time.FixedZone("here", 3600))
	if !a.Equal(b) {
		t.Error("the same instant in another zone differs")
	}
	b.Faults, a.Faults = []printer.Fault{}, nil
	if !a.Equal(b) {
		t.Error("no faults differ from no faults")
	}
}

func TestState_Shown(t *testing.T) {
	for _, c := range []struct {
		state printer.State
		want  printer.Activity
	}{
		{printer.State{}, printer.Offline},
		{printer.State{Activity: printer.Printing}, printer.Offline},
		{printer.State{Online: true}, printer.Unknown},
		{printer.State{Online: true, Activity: printer.Paused}, printer.Paused},
	} {
		if got := c.state.Shown(); got != c.want {
			t.Errorf("%v, online %v, is shown as %v, want %v", c.state.Activity, c.state.Online, got, c.want)
		}
	}
}

func TestActivity_Active(t *testing.T) {
	active := map[printer.Activity]bool{printer.Preparing: true, printer.Printing: true, printer.Paused: true}
	for _, a := range printer.Activities() {
		if a.Active() != active[a] {
			t.Errorf("%v is active: %v", a, a.Active())
		}
	}
}

func TestState_Tray(t *testing.T) {
	s := printer.State{
		Units:    []printer.Unit{{ID: 0, Trays: []printer.Tray{{Slot: 0, Material: "PLA"}, {Slot: 2, Material: "ABS"}}}, {ID: 128, Trays: []printer.Tray{{Slot: 0, Material: "TPU"}}}},
		External: []printer.Tray{{Slot: 0, Material: "PETG"}, {Slot: 1, Material: "PC"}},
	}
	for _, c := range []struct {
		ref        printer.TrayRef
		want, name string
	}{
		{printer.TrayRef{Unit: 0, Slot: 2}, "ABS", "ams_0_tray_3"},
		{printer.TrayRef{Unit: 128, Slot: 0}, "TPU", "ams_128_tray_1"},
		{printer.TrayRef{Unit: printer.ExternalUnit}, "PETG", "external"},
		{printer.TrayRef{Unit: printer.ExternalUnit, Slot: 1}, "PC", "external_left"},
		{printer.TrayRef{Unit: 0, Slot: 1}, "", "ams_0_tray_2"},
		{printer.TrayRef{Unit: 9, Slot: 0}, "", "ams_9_tray_1"},
	} {
		got, ok := s.Tray(c.ref)
		if got.Material != c.want || ok != (c.want != "") || c.ref.String() != c.name {
			t.Errorf("%v is %q %v, want %q as %s", c.ref, got.Material, ok, c.want, c.name)
		}
	}
}

func TestUnit_DryingActive(t *testing.T) {
	for word, want := range map[string]bool{"": false, "off": false, "error": false, "drying": true, "heating": true, "cooling": true} {
		if got := (printer.Unit{Drying: word}).DryingActive(); got != want {
			t.Errorf("%q is active: %v", word, got)
		}
	}
}
