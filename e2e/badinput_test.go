package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/printer/simulator"
)

// badScene is a simulated printer in the middle of a print, the whole program,
// and a subscriber that looks at every message.
type badScene struct {
	t    *testing.T
	sim  *simulator.Printer
	log  *logbook
	wire *wire
	in   *inside
	odd  atomic.Pointer[string]
	// known are the topics that a good report gave.
	known map[string]bool
}

func newBadScene(t *testing.T, model string) *badScene {
	t.Helper()
	s := &badScene{t: t, log: &logbook{}}
	var err error
	s.sim, err = simulator.New(simulator.Options{Model: model, Seed: 3, Speed: -1, StartPrinting: true, Jobs: []simulator.Job{
		{Name: "Long", Layers: 40_000, Duration: 200 * time.Hour, Nozzle: 220, Bed: 60, Slots: []int{0}},
	}})
	if err == nil {
		err = s.sim.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = s.sim.Run(ctx) }) // owner: the clean-up ends and waits
	t.Cleanup(func() { cancel(); group.Wait() })
	s.wire = newWire(t, s.sim.Addr().String())
	s.in = runInside(t, s.log.logger(), s.look, at(model, s.sim.Serial(), s.wire.listener.Addr(), s.sim.AccessCode()))
	s.in.until(s.topic("activity"), "printing")
	s.good()
	for _, id := range map[string][]int{"A1": {0}, "X1C": {0, 1}, "H2D": {0, 1, 128}}[model] {
		config := fmt.Sprintf("homeassistant/device/printwire_%s_ams_%d/config", s.sim.Serial(), id)
		s.in.wait(config, func(text string) bool { return text != "" })
	}
	s.known = s.in.topics(s.sim.Serial())
	return s
}

func (s *badScene) topic(key string) string { return "printwire/" + s.sim.Serial() + "/" + key }

// nonsense is what no value may ever be.
var nonsense = regexp.MustCompile(`(?i)^[+-]?(nan|inf|infinity|null|<nil>|undefined|\[object object\])$`)

// look wants every payload to be a value that somebody can use.
func (s *badScene) look(topic, payload string) {
	bad := nonsense.MatchString(payload) || strings.Contains(payload, `:NaN`) || strings.Contains(payload, "Inf,")
	if strings.HasPrefix(payload, "{") && !json.Valid([]byte(payload)) {
		bad = true
	}
	if bad {
		text := topic + " = " + payload
		s.odd.CompareAndSwap(nil, &text)
	}
}

// good lets the printer go on with good reports until they come through, which
// they have to soon. It goes on by a layer each time: some of the
// garbage names another job, and a layer that stands still would be that job's
// predecessor's.
func (s *badScene) good() {
	s.t.Helper()
	eventually(s.t, "good reports after bad ones", patience, func() (bool, string) {
		s.sim.Step(30 * time.Second)
		s.sim.Report()
		return s.shown(s.sim.Status())
	})
}

// shown tells whether the printer's present values come to be shown.
func (s *badScene) shown(st simulator.Status) (bool, string) {
	late := time.After(time.Second)
	for {
		wrong := ""
		for key, want := range map[string]string{
			"availability": "online", "activity": "printing",
			"current_layer": jsonInt(st.Layer), "progress": jsonInt(st.Percent), "total_layers": jsonInt(st.Layers),
		} {
			if got := s.in.value(s.topic(key)); got != want {
				wrong = fmt.Sprintf("%s is %q, the printer says %q", key, got, want)
			}
		}
		if wrong == "" {
			return true, ""
		}
		select {
		case <-s.in.changed:
		case <-late:
			return false, wrong
		}
	}
}

// check wants no odd value, no entity that good reports do not have, and at
// most one warning of a kind in the log.
func (s *badScene) check(kinds ...string) {
	s.t.Helper()
	if odd := s.odd.Load(); odd != nil {
		s.t.Errorf("told on MQTT: %s", *odd)
	}
	for topic := range s.in.topics(s.sim.Serial()) {
		if !s.known[topic] {
			s.t.Errorf("there is a topic that good reports do not have: %s = %q", topic, s.in.value(topic))
		}
	}
	count := map[string]int{}
	for _, line := range s.log.all() {
		count[kindOfLine(line)]++
	}
	for kind, n := range count {
		if n > 1 {
			s.t.Errorf("%d warnings of one kind within an hour: %s", n, kind)
		}
	}
	all := strings.Join(slices.Collect(maps.Keys(count)), "\n")
	for _, kind := range kinds {
		if !strings.Contains(all, kind) {
			s.t.Errorf("no warning with %q in\n%s", kind, all)
		}
	}
}

var changingParts = regexp.MustCompile(`time=\S+ |bytes=\S+|retry=\S+|\d+`)

// kindOfLine is a log line without what differs from one to the next.
func kindOfLine(line string) string { return changingParts.ReplaceAllString(line, "") }

// report is a full report of the printer, as another client gets it.
func (s *badScene) report() map[string]json.RawMessage {
	s.t.Helper()
	got := make(chan map[string]json.RawMessage, 8)
	link, err := client.Dial(s.t.Context(), client.LinkOptions{
		Address: s.sim.Addr().String(), TLS: &tls.Config{InsecureSkipVerify: true}, User: "bblp", Password: s.sim.AccessCode(),
		ClientID: "looker", Subscribe: []string{"device/" + s.sim.Serial() + "/report"},
		OnMessage: func(_ string, payload []byte) {
			var m struct{ Print map[string]json.RawMessage }
			if json.Unmarshal(payload, &m) == nil && len(m.Print) > 40 {
				select {
				case got <- m.Print:
				default:
				}
			}
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer link.Close()
	s.sim.Report()
	select {
	case r := <-got:
		return r
	case <-time.After(patience):
		s.t.Fatal("no report")
		return nil
	}
}

// sent sends messages, and wants the printer to go on behind them.
func (s *badScene) sent(payloads ...[]byte) {
	s.t.Helper()
	for i, p := range payloads {
		s.sim.Send(p)
		if i%16 == 15 {
			s.good() // no more under way than the driver keeps
		}
	}
	s.good()
}

func TestBadInput_Garbage(t *testing.T) {
	for _, model := range []string{"A1", "X1C"} {
		t.Run(model, func(t *testing.T) {
			s := newBadScene(t, model)
			for range 2 {
				if err := s.sim.Play("garbage"); err != nil {
					t.Fatal(err)
				}
				for range len(simulator.Garbage()) + 2 {
					s.sim.Step(time.Second)
				}
				s.good()
			}
			for range 3 {
				s.sent(simulator.Garbage()...)
			}
			s.check("report refused")
		})
	}
}

func TestBadInput_MemoryIsBounded(t *testing.T) {
	s := newBadScene(t, "A1")
	large := bytes.Repeat([]byte("x"), 1<<20)
	deep := append([]byte(`{"print":{"command":"push_status","ams":`), bytes.Repeat([]byte(`{"ams":[`), 10_000)...)
	wide := []byte(`{"print":{"command":"push_status","msg":1`)
	for i := range 8000 {
		wide = fmt.Appendf(wide, `,"key%d":{"a":[%d]}`, i, i)
	}
	wide = append(wide, "}}"...)
	many := []byte(`{"print":{"command":"push_status","msg":1,"hms":[`)
	for i := range 5000 {
		many = fmt.Appendf(many, `{"attr":%d,"code":131073},`, 0x03000000+i*256)
	}
	many = append(many, `{"attr":50331648,"code":131073}]}}`...)
	round := func() {
		s.sent(large, deep, wide, many)
		s.sim.Send([]byte(`{"print":{"command":"push_status","msg":1,"hms":[]}}`))
		s.good()
	}
	round()
	before := inUse()
	for range 12 {
		round()
	}
	// What came last may still be under way; what is lost stays lost.
	after := inUse()
	for n := 0; n < 50 && after > before+(1<<20); n++ {
		s.good()
		after = inUse()
	}
	t.Logf("in use %d kB before and %d kB after 12 rounds", before>>10, after>>10)
	if after > before+(1<<20) {
		t.Errorf("%d kB in use after, %d kB before: want at most 1 MB more", after>>10, before>>10)
	}
	if odd := s.odd.Load(); odd != nil {
		t.Errorf("told on MQTT: %s", *odd)
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// wrongValues stand where something else belongs.
func wrongValues() []string {
	return []string{
		`null`, `true`, `17`, `-1`, `1e308`, `99999999999999999999`, `0.1`, `""`, `"NaN"`, `"x"`, `"-Infinity"`, `[]`, `[null]`, `[[1]]`,
		`{}`, `{"a":{"b":1}}`, `[{"id":"0"}]`, `{"id":null}`, `"\u0000"`, `"{{ states }}/#+"`,
	}
}

// TestBadInput_WrongTypesEverywhere puts every wrong value in the place of
// every field of a real report.
func TestBadInput_WrongTypesEverywhere(t *testing.T) {
	for _, model := range []string{"A1", "X1C", "H2D"} {
		t.Run(model, func(t *testing.T) {
			s := newBadScene(t, model)
			report := s.report()
			fields := slices.Sorted(maps.Keys(report))
			if len(fields) < 40 {
				t.Fatalf("the report has only the fields %q", fields)
			}
			for n, wrong := range wrongValues() {
				var list [][]byte
				for _, f := range fields {
					// These say which job it is and what it does: another value there is not
					// wrong but another print.
					if slices.Contains([]string{"gcode_state", "command", "subtask_name", "task_id", "subtask_id", "job_id", "gcode_file"}, f) {
						continue
					}
					list = append(list, fmt.Appendf(nil, `{"print":{"command":"push_status","msg":1,%q:%s}}`, f, wrong))
				}
				if testing.Short() && n%4 != 0 {
					continue
				}
				s.sent(list...)
			}
			s.check()
		})
	}
}

// TestBadInput_UnknownEverything shows stages, states, codes and parts that
// nobody knows.
func TestBadInput_UnknownEverything(t *testing.T) {
	s := newBadScene(t, "X1C")
	s.sent(
		[]byte(`{"info":{"command":"get_version","sequence_id":"9","module":[{"name":"ota","sw_ver":"99.x","sn":"??"},{"name":"ams/77","sn":null},{"name":"n3f/900","sw_ver":7},null,"x"]}}`),
		[]byte(`{"print":{"command":"push_status","msg":1,"stg_cur":4711,"stg":[4711,-9],"print_type":"dream","spd_lvl":99,"mc_print_stage":"77"}}`),
		[]byte(`{"print":{"command":"push_status","msg":1,"print_error":305419896,"hms":[{"attr":4294967295,"code":4294967295}],"nozzle_type":"glass","nozzle_diameter":"7"}}`),
		[]byte(`{"print":{"command":"push_status","msg":1,"print_error":0,"hms":[],"lights_report":[{"node":"disco","mode":"on"},{"node":"chamber_light","mode":"?"}]}}`),
		[]byte(`{"print":{"command":"push_status","msg":1,"gcode_state":"DANCING"}}`),
		[]byte(`{"print":{"command":"push_status","msg":1,"gcode_state":"RUNNING"}}`),
		[]byte(`{"dance":{"command":"push_status"},"print":{"command":"push_status","msg":1,"mc_percent":-40,"layer_num":-7,"mc_remaining_time":-9,"nozzle_temper":-300,"bed_temper":9e9}}`),
	)
	s.check()
}

// TestBadInput_HalfAPacket cuts the connection in the middle of a report.
func TestBadInput_HalfAPacket(t *testing.T) {
	s := newBadScene(t, "X1C")
	for range 3 {
		s.wire.cut.Store(true)
		s.sim.Report()
		s.wire.gone(t)
		s.good()
	}
	s.check()
}

// wire lies between printer and program. It can cut a connection in the middle
// of what the printer sends.
type wire struct {
	listener net.Listener
	target   string
	cut      atomic.Bool
	ended    chan struct{}
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: target, ended: make(chan struct{}, 64)}
	var group sync.WaitGroup
	group.Go(func() { // owner: the clean-up closes the listener and waits
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { w.join(near) }) // owner: the clean-up waits; both ends close it
		}
	})
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	return w
}

// join copies both ways until one of them ends.
func (w *wire) join(near net.Conn) {
	defer func() { _ = near.Close() }()
	far, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	var group sync.WaitGroup
	group.Go(func() { // owner: join closes far and waits
		_, _ = io.Copy(far, near)
		_ = far.Close()
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := far.Read(buffer)
		if n > 4 && w.cut.CompareAndSwap(true, false) {
			_, _ = near.Write(buffer[:n/2])
			break
		}
		if _, werr := near.Write(buffer[:n]); err != nil || werr != nil {
			break
		}
	}
	_ = near.Close()
	_ = far.Close()
	group.Wait()
	select {
	case w.ended <- struct{}{}:
	default:
	}
}

// gone waits until a connection has ended.
func (w *wire) gone(t *testing.T) {
	t.Helper()
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Fatal("the connection was not cut")
	}
}
