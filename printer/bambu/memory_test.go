package bambu

import (
	"bytes"
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
	again := recall(once).store()
	if !bytes.Equal(once.Data, again.Data) || once.Version != again.Version {
		t.Errorf("memory changed on its way:\n%s\n%s", once.Data, again.Data)
	}
	if got := recall(once); !got.Life.held() || !got.Life.Grace.Equal(p.life.Grace) || got.Pin != "aa" || got.Life.Error != 0x03008003 {
		t.Errorf("recalled %+v", got)
	}
}

func TestMemory_Bounds(t *testing.T) {
	t.Run("what is least important goes first", func(t *testing.T) {
		m := memory{Pin: "aa", Life: printing(t).life}
		for range maxFaults {
			m.Episodes = append(m.Episodes, episode{Fault: printer.Fault{Code: strings.Repeat("c", 4<<10)}})
		}
		m.Life.Job.SkippedObjects = make([]int, 1000)
		stored := m.store()
		if len(stored.Data) > printer.MaxMemory {
			t.Fatalf("%d bytes", len(stored.Data))
		}
		if got := recall(stored); got.Pin != "aa" || got.Life.Job.ID != m.Life.Job.ID || len(got.Life.Job.SkippedObjects) != 1000 {
			t.Errorf("recalled pin %q, job %q, %d objects", got.Pin, got.Life.Job.ID, len(got.Life.Job.SkippedObjects))
		}
	})
	t.Run("the pin is kept when nothing else fits", func(t *testing.T) {
		m := memory{Pin: "aa"}
		m.Life.Job.Reason = strings.Repeat("r", printer.MaxMemory)
		if got := recall(m.store()); got.Pin != "aa" {
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
			if got := recall(m); got.Pin != "" || got.Life.known() {
				t.Errorf("recalled %+v", got)
			}
		})
	}
}

func FuzzRecall(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add(memory{Life: life{Wire: "RUNNING", Grace: time.Unix(1, 0)}, Pin: "aa"}.store().Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m := recall(printer.Memory{Version: memoryVersion, Data: data})
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
