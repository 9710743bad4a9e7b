package bambu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// rig is a driver whose links end at a printer made of test code, inside a
// synctest bubble: time passes only while everybody waits.
type rig struct {
	t      *testing.T
	driver *Driver

	mu    sync.Mutex
	conns []*fakeConn
	dials []time.Time
	// refuse is what the next dials answer, nil lets them in.
	refuse error
	// answer is called for each request, with its top key, command and id.
	answer func(c *fakeConn, top, command, id string)

	// anySerial: the driver is for another serial than the rig's.
	anySerial bool

	updates []printer.Update
	cancel  context.CancelFunc
	done    chan error
}

// fakeConn is a conn whose other side is the rig.
type fakeConn struct {
	target target
	lost   chan struct{}
	once   sync.Once
	rig    *rig
	sent   []string
	closed bool
}

func (c *fakeConn) Publish(ctx context.Context, topic string, payload []byte, _ byte) error {
	var m map[string]struct {
		SequenceID string `json:"sequence_id"`
		Command    string `json:"command"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		c.rig.t.Errorf("published %q: %v", payload, err)
	}
	for top, r := range m {
		c.rig.mu.Lock()
		c.sent = append(c.sent, r.Command)
		answer := c.rig.answer
		c.rig.mu.Unlock()
		if want := "device/" + testSerial + "/request"; topic != want && !c.rig.anySerial {
			c.rig.t.Errorf("published to %s, want %s", topic, want)
		}
		if answer != nil {
			answer(c, top, r.Command, r.SequenceID)
		}
	}
	return ctx.Err()
}

func (c *fakeConn) Lost() <-chan struct{} { return c.lost }
func (c *fakeConn) Err() error            { return errors.New("cut") }
func (c *fakeConn) cut()                  { c.once.Do(func() { close(c.lost) }) }

func (c *fakeConn) Close() {
	c.rig.mu.Lock()
	c.closed = true
	c.rig.mu.Unlock()
	c.cut()
}

func (c *fakeConn) say(format string, args ...any) {
	c.target.OnMessage(fmt.Appendf(nil, format, args...))
}

const testSerial = "039TEST00000001"

func testConfig() printer.Config {
	return printer.Config{ID: 1, Family: Family, Host: "printer.test", Serial: testSerial, AccessCode: "12345678"}
}

// inBubble runs a test of a driver with fake time. The printer answers
// questions as an idle one does until the test changes that.
func inBubble(t *testing.T, start printer.Start, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(start)
		test(r)
		r.stop()
	})
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, answer: answerIdle}
	ids := 0
	d, err := New(Options{
		Config: testConfig(),
		NewID:  func() string { ids++; return fmt.Sprintf("job%d", ids) },
		dial:   r.dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.driver = d
	return r
}

func (r *rig) dial(_ context.Context, t target) (conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dials = append(r.dials, time.Now())
	if r.refuse != nil {
		return nil, r.refuse
	}
	c := &fakeConn{target: t, lost: make(chan struct{}), rig: r}
	r.conns = append(r.conns, c)
	return c, nil
}

func (r *rig) start(start printer.Start) {
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.driver.Run(ctx, start, r.take) }() // owner: rig.stop waits for done
	r.wait(50 * time.Millisecond)
}

func (r *rig) take(u printer.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.updates = append(r.updates, u)
}

func (r *rig) stop() {
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run returned %v", err)
	}
	for i, c := range r.conns {
		if !c.closed {
			r.t.Errorf("connection %d was not closed", i)
		}
	}
}

// wait lets time pass.
func (r *rig) wait(d time.Duration) {
	r.t.Helper()
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

func (r *rig) conn() *fakeConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.conns) == 0 {
		r.t.Fatal("no connection")
	}
	return r.conns[len(r.conns)-1]
}

func (r *rig) opened() []*fakeConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.conns)
}

func (r *rig) attempts() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.dials)
}

func (r *rig) links() int { return len(r.opened()) }

func (r *rig) told() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.updates)
}

func (r *rig) last() printer.Update {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.updates) == 0 {
		return printer.Update{}
	}
	return r.updates[len(r.updates)-1]
}

func (r *rig) state() printer.State { return r.last().State }

// events are what a session tells from start on.
func (r *rig) events(start printer.State) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	prev := start
	for _, u := range r.updates {
		next := printer.Carry(prev, u.State)
		for _, e := range printer.Diff(prev, next, printer.DefaultMarks()) {
			word := e.Name
			if e.Detail.Reason != "" && strings.HasPrefix(e.Name, "print_") {
				word += " " + e.Detail.Reason
			}
			out = append(out, word)
		}
		prev = next
	}
	return out
}

func (r *rig) sent(command string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range r.conns {
		for _, s := range c.sent {
			if s == command {
				n++
			}
		}
	}
	return n
}

func answerIdle(c *fakeConn, top, command, id string) {
	switch command {
	case "get_version":
		c.say(`{"info":{"command":"get_version","sequence_id":%q,"module":[{"name":"ota","sw_ver":"01.04.00.00","product_name":"Bambu Lab A1"}]}}`, id)
	case "pushall":
		c.say(`{"print":{"command":"push_status","msg":0,"gcode_state":"IDLE","mc_percent":100,"subtask_name":"old","print_error":0,"hms":[]}}`)
	case "start":
	default:
		c.say(`{%q:{"command":%q,"sequence_id":%q,"result":"success"}}`, top, command, id)
	}
}

// answering gives the usual answers but for one command.
func answering(command string, f func(c *fakeConn, top, id string)) func(c *fakeConn, top, command, id string) {
	return func(c *fakeConn, top, cmd, id string) {
		if cmd == command {
			f(c, top, id)
			return
		}
		answerIdle(c, top, cmd, id)
	}
}

func silence(*fakeConn, string, string, string) {}

// refusing has the next dials fail with err; nil lets them in.
func (r *rig) refusing(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = err
}

func (r *rig) answerWith(f func(c *fakeConn, top, command, id string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// doing runs a command while time passes, and gives its result.
func (r *rig) doing(cmd printer.Command, while func()) (printer.Outcome, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	got := make(chan result, 1)
	go func() { // owner: doing waits for its result
		out, err := r.driver.Do(ctx, cmd)
		got <- result{out, err}
	}()
	synctest.Wait()
	if while != nil {
		while()
	}
	res := <-got
	synctest.Wait()
	return res.outcome, res.err
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error is %v, want kind %s", err, kind)
	}
}

func wantEvents(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("events\n got %q\nwant %q", got, want)
	}
}
