package bambu

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

func TestMemory_RoundTrip(t *testing.T) {
	p := printing(t).wire("RUNNING", atPercent(40)).wire("FAILED", raising(0x03008003), listing(hmsJam()))
	m := memory{
		Life: p.life, Pin: "aa", Offered: "bb", Control: learned{Firmware: "01.02", Allowed: printer.Some(false)},
		Episodes: []episode{{Fault: printer.Fault{Code: "X"}, Gone: p.now}},
	}
	once := m.store()
	again := recall(once, printer.State{Job: p.life.Job}).store()
	if !bytes.Equal(once.Data, again.Data) || once.Version != again.Version {
		t.Errorf("memory changed on its way:\n%s\n%s", once.Data, again.Data)
	}
	if got := recall(once, printer.State{Job: p.life.Job}); got.Life.Job.ID != p.life.Job.ID || !got.Life.held() || !got.Life.Grace.Equal(p.life.Grace) || got.Pin != "aa" || got.Life.Error != 0x03008003 {
		t.Errorf("recalled %+v", got)
	}
}

func TestMemory_Bounds(t *testing.T) {
	t.Run("what is least important goes first", func(t *testing.T) {
		m := memory{Pin: "aa", Life: printing(t).life}
		for range maxFaults {
			m.Episodes = append(m.Episodes, episode{Fault: printer.Fault{Code: strings.Repeat("c", 4<<10)}})
		}
		stored := m.store()
		if len(stored.Data) > printer.MaxMemory {
			t.Fatalf("%d bytes", len(stored.Data))
		}
		if got := recall(stored, printer.State{}); got.Pin != "aa" || got.Life.Task != m.Life.Task || len(got.Episodes) == 0 {
			t.Errorf("recalled pin %q, task %q, %d episodes", got.Pin, got.Life.Task, len(got.Episodes))
		}
	})
	t.Run("the pin is kept when nothing else fits", func(t *testing.T) {
		m := memory{Pin: "aa"}
		m.Life.Name = strings.Repeat("r", printer.MaxMemory)
		if got := recall(m.store(), printer.State{}); got.Pin != "aa" {
			t.Errorf("pin %q", got.Pin)
		}
	})
	for name, m := range map[string]printer.Memory{
		"nothing":          {},
		"another version":  {Version: memoryVersion + 1, Data: []byte(`{"pin":"aa"}`)},
		"broken":           {Version: memoryVersion, Data: []byte(`{"pin":`)},
		"of another shape": {Version: memoryVersion, Data: []byte(`{"life":[1]}`)},
		"too large":        {Version: memoryVersion, Data: []byte(`{"pin":"` + strings.Repeat("a", printer.MaxMemory) + `"}`)},
	} {
		t.Run(name+" is an empty memory", func(t *testing.T) {
			if got := recall(m, printer.State{}); got.Pin != "" || got.Life.known() {
				t.Errorf("recalled %+v", got)
			}
		})
	}
}

func FuzzRecall(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add(memory{Life: life{Wire: "RUNNING", Grace: time.Unix(1, 0)}, Pin: "aa"}.store().Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m := recall(printer.Memory{Version: memoryVersion, Data: data}, printer.State{})
		cycle := lifecycle{
			grace: defaultGrace, newID: func() string { return "id" },
			errorFault: func(uint32) printer.Fault { return printer.Fault{} }, hmsFault: func(hmsEntry) printer.Fault { return printer.Fault{} },
		}
		now := time.Unix(1000, 0)
		for _, state := range []string{"IDLE", "RUNNING", "FAILED", "FINISH"} {
			m.Life, _ = cycle.step(m.Life, facts{State: state, Percent: 5}, cue{Gap: true}, now)
		}
		if stored := m.store(); len(stored.Data) > printer.MaxMemory {
			t.Errorf("%d bytes", len(stored.Data))
		}
	})
}

// TestMemory_SameSeesEveryField changes each field that is stored, alone: what
// is missed would not be stored until something else changes.
func TestMemory_SameSeesEveryField(t *testing.T) {
	base := memory{
		Life:     life{OldHMS: []hmsEntry{{Attr: 1}}},
		Episodes: []episode{{Fault: printer.Fault{Code: "X"}}},
	}
	plain := string(base.store().Data)
	var walk func(v reflect.Value, path string)
	changed := 0
	var m memory
	walk = func(v reflect.Value, path string) {
		if v.Type() == reflect.TypeFor[printer.Job]() {
			return
		}
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch {
		case v.Type() == reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(time.Unix(5, 0)))
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
			return
		case v.Kind() == reflect.Slice:
			v.Set(reflect.Append(v, v.Index(0)))
		case v.Kind() == reflect.String:
			v.SetString("other")
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		case v.CanInt():
			v.SetInt(7)
		case v.CanUint():
			v.SetUint(7)
		default:
			t.Fatalf("%s: a %s is not known here", path, v.Type())
		}
		if differs := string(m.store().Data) != plain; differs == m.same(&base) && path != ".Control.Allowed.Value" {
			t.Errorf("%s: stored differently is %v, same is %v", path, differs, m.same(&base))
		}
		changed++
		v.Set(old)
	}
	m = base
	walk(reflect.ValueOf(&m).Elem(), "")
	if changed < 30 || !m.same(&base) {
		t.Errorf("%d fields were changed; the same at the end: %v", changed, m.same(&base))
	}
}
