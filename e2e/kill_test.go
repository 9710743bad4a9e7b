package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/mqtt/client"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/storage"
)

// backLimit is how soon after its start the program has to show every printer as
// it is, in half of its lives: in some, the machine may do something else.
const backLimit = 10 * time.Second

// TestKill kills the whole program with SIGKILL at seeded moments while
// simulated printers print, and starts it again. The printers live in this
// process and go on. At the end the journal has every event of every job
// exactly once, MQTT has told nothing else, and each job is on record once, with
// its true start, end, result and pauses. Nothing that was on record between
// two lives is less afterwards.
func TestKill(t *testing.T) {
	kills := 5
	if os.Getenv("PRINTWIRE_E2E") == "1" {
		kills = 200
	}
	models := []string{"A1", "P1S", "X1C"}
	if kills < 10 {
		models = models[:2]
	}
	h := newTheatre(t, models)
	h.listenTo(audiences(t))
	random := rand.New(rand.NewPCG(2026, 11))
	began := time.Now()
	// What is found at first sight is not told, so the plays begin when it is in
	// the journal: a value on MQTT may be a moment ahead of that.
	cmd, done, at := h.begin()
	h.comeBack(at, done)
	h.seen()
	h.kill(cmd, done)
	h.perform()
	for range kills - 1 {
		h.life(random)
	}
	close(h.curtain)
	h.calm()
	h.lastLife()
	h.deliverRest()
	h.verify()
	h.verifyRecords()
	h.verifyDelivered()
	slices.Sort(h.back)
	if half := h.back[len(h.back)/2]; half > backLimit {
		t.Errorf("everything is back after %s at the median, want at most %s", half, backLimit)
	}
	t.Logf("%d events were too old to be told on MQTT when somebody listened", h.untold)
	t.Logf("%d kills in %s, %d entries, %d told on MQTT (%d more than once); back after %s at the median, %s at most",
		kills, time.Since(began).Round(time.Second), len(h.entries), len(h.told), h.repeats, h.back[len(h.back)/2], h.back[len(h.back)-1])
}

// seen waits until the journal has every printer.
func (h *theatre) seen() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	for _, s := range h.stage {
		if err := h.known.wait(ctx, s.sim.Serial()+" "+keyOf("", "printer_online", nil)); err != nil {
			h.t.Fatal(err)
		}
	}
}

// theatre is the printers, their stagehands, and one program after another.
type theatre struct {
	t         *testing.T
	folder    string
	address   string
	known     *known
	stage     []*stagehand
	curtain   chan struct{}
	perform   func()
	performed chan error

	listener *listener
	entries  []journal.Entry
	recorded onRecord
	back     []time.Duration
	told     map[uint64]string
	repeats  int
	untold   int       // events that were never told on MQTT
	last     time.Time // when the last life began
	output   *lines

	// audiences are the webhook endpoints, none unless listenTo was called;
	// calm ends their whims.
	audiences []*audience
	calm      func()
}

func newTheatre(t *testing.T, models []string) *theatre {
	t.Helper()
	h := &theatre{
		t: t, folder: t.TempDir(), address: unused(t), known: newKnown(), curtain: make(chan struct{}),
		performed: make(chan error, len(models)), told: map[uint64]string{}, output: newLines(),
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	t.Cleanup(func() { cancel(); group.Wait() })
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i, model := range models {
		sim, err := simulator.New(simulator.Options{Model: model, Seed: uint64(i + 1), Speed: -1, Authority: authority})
		if err == nil {
			err = sim.Listen()
		}
		if err != nil {
			t.Fatal(err)
		}
		s := &stagehand{sim: sim, known: h.known, random: rand.New(rand.NewPCG(uint64(i), 7)), pace: 8 * time.Millisecond}
		h.stage = append(h.stage, s)
		group.Go(func() { _ = sim.Run(ctx) }) // owner: the clean-up ends and waits
	}
	h.perform = func() {
		for i, s := range h.stage {
			// A printer that fails at the end and is left alone takes the whole grace time.
			last := i == 0 && len(models) > 2
			group.Go(func() { h.performed <- s.perform(ctx, h.curtain, last) }) // owner: the clean-up ends and waits
		}
	}
	h.settings(unused(t))
	h.listener = &listener{address: h.address, known: h.known, values: map[string]string{}, changed: make(chan struct{})}
	group.Go(func() { h.listener.run(ctx) }) // owner: the clean-up ends and waits
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the program's output:\n%s", h.output.tail(60))
		}
	})
	return h
}

func (h *theatre) settings(http string) {
	var s strings.Builder
	fmt.Fprintf(&s, "http: { listen: %q }\nmqtt:\n  mode: embedded\n  listen: %q\n  users: [ { name: homeassistant, password: for-this-test } ]\nprinters:\n", http, h.address)
	for _, st := range h.stage {
		host, port, _ := strings.Cut(st.sim.Addr().String(), ":")
		fmt.Fprintf(&s, "  - { name: %s, family: bambu, host: %s, port: %s, serial: %s, access_code: %q, certificate: pin }\n",
			st.sim.Model(), host, port, st.sim.Serial(), st.sim.AccessCode().Reveal())
	}
	if err := os.WriteFile(filepath.Join(h.folder, "printwire.yaml"), []byte(s.String()), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// begin starts the program.
func (h *theatre) begin() (cmd *exec.Cmd, done chan error, at time.Time) {
	h.t.Helper()
	path, err := executable()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd = exec.Command(path, "serve", "--data", h.folder)
	cmd.Stdout, cmd.Stderr = h.output, h.output
	cmd.Env = append(os.Environ(), "SUPERVISOR_TOKEN=")
	at = time.Now()
	h.listener.forget()
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	done = make(chan error, 1)
	go func() { done <- cmd.Wait() }() // owner: life and lastLife wait on done
	return cmd, done, at
}

// life is one start and one kill: somewhere in the start, or a moment after
// every printer is shown as it is.
func (h *theatre) life(random *rand.Rand) {
	h.t.Helper()
	cmd, done, at := h.begin()
	defer h.performing()
	if random.IntN(10) < 3 {
		restFor(h.t.Context(), time.Duration(random.IntN(300))*time.Millisecond)
	} else {
		h.comeBack(at, done)
		restFor(h.t.Context(), time.Duration(random.IntN(500))*time.Millisecond)
	}
	h.kill(cmd, done)
}

func (h *theatre) kill(cmd *exec.Cmd, done chan error) {
	h.t.Helper()
	_ = cmd.Process.Signal(syscall.SIGKILL)
	<-done
	h.read(false)
}

// comeBack waits until every printer is shown as it is, and measures it.
func (h *theatre) comeBack(at time.Time, done chan error) {
	h.t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		wrong := h.wrong()
		if wrong == "" {
			h.back = append(h.back, time.Since(at).Round(time.Millisecond))
			return
		}
		select {
		case <-tick.C:
		case err := <-done:
			h.t.Fatalf("the program ended by itself: %v", err)
		case <-limit:
			h.t.Fatalf("not everything is back %s after the start: %s", patience, wrong)
		}
	}
}

// wrong is a printer that is not shown as it is, or "".
func (h *theatre) wrong() string {
	for _, s := range h.stage {
		base := "printwire/" + s.sim.Serial() + "/"
		if got := h.listener.value(base + "availability"); got != "online" {
			return base + "availability is " + got
		}
		state := s.sim.Status().State
		if got := h.listener.value(base + "activity"); !slices.Contains(shownAs(state), got) {
			return base + "activity is " + got + " while the printer says " + state
		}
	}
	return ""
}

// shownAs are the activities that a printer's state may be shown as. FAILED is
// held back for its grace time.
func shownAs(state string) []string {
	return map[string][]string{
		"IDLE": {"idle"}, "PREPARE": {"preparing"}, "RUNNING": {"printing"}, "PAUSE": {"paused"}, "FINISH": {"finished"},
		"FAILED": {"failed", "stopped", "printing"},
	}[state]
}

// performing fails the test when a play went wrong.
func (h *theatre) performing() {
	h.t.Helper()
	select {
	case err := <-h.performed:
		h.t.Fatalf("a play ended: %v", err)
	default:
	}
}

// lastLife lets the plays end, and stops the program as an operating system does.
func (h *theatre) lastLife() {
	h.t.Helper()
	cmd, done, at := h.begin()
	h.last = at
	h.comeBack(at, done)
	for range h.stage {
		select {
		case err := <-h.performed:
			if err != nil {
				h.t.Fatalf("a play ended: %v", err)
			}
		case <-time.After(3 * patience):
			h.t.Fatal("a play does not end")
		}
	}
	h.end(cmd, done)
	h.read(true)
}

// end stops the program as an operating system does.
func (h *theatre) end(cmd *exec.Cmd, done chan error) {
	h.t.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-done:
		if err != nil {
			h.t.Errorf("exit after SIGTERM: %v, want 0", err)
		}
	case <-time.After(8 * time.Second):
		_ = cmd.Process.Kill()
		h.t.Fatal("still running 8 s after SIGTERM")
	}
}

// read reads the journal from a copy of the file that the program left, and
// wants what it had before at its beginning, unchanged; then the record of
// prints. last: there is no further life.
func (h *theatre) read(last bool) {
	h.t.Helper()
	source, err := os.Open(filepath.Join(h.folder, "printwire.db"))
	if os.IsNotExist(err) {
		return
	}
	path := filepath.Join(h.t.TempDir(), "copy.db")
	target, err2 := os.Create(path)
	if err != nil || err2 != nil {
		h.t.Fatal(err, err2)
	}
	size, err := io.Copy(target, source)
	_ = source.Close()
	if err2 := target.Close(); err != nil || err2 != nil {
		h.t.Fatal(err, err2)
	}
	if size == 0 {
		return // killed while the file was being made
	}
	store, err := storage.Open(h.t.Context(), storage.Options{Path: path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		h.t.Fatalf("the database after a kill: %v", err)
	}
	defer func() { _ = store.Close() }()
	entries, lost, err := store.After(h.t.Context(), 0, 100_000)
	if err != nil || lost != 0 {
		h.t.Fatalf("journal: %d lost, %v", lost, err)
	}
	if len(entries) < len(h.entries) {
		h.t.Fatalf("the journal had %d entries and has %d", len(h.entries), len(entries))
	}
	for i, e := range h.entries {
		if a, b := entryText(e), entryText(entries[i]); a != b {
			h.t.Fatalf("entry %d was %s and is %s", i, a, b)
		}
	}
	h.entries = entries
	h.known.learn(entries)
	if last {
		h.catchUp(store)
	}
	h.readRecords(store)
}

func entryText(e journal.Entry) string {
	text, _ := json.Marshal(e)
	return string(text)
}

// nameIn is the job's name, the event's own part and the milestone in an
// event's data.
func nameIn(e journal.Entry) (job, name string, milestone *int) {
	var d struct {
		JobName   string `json:"job_name"`
		Milestone *int   `json:"milestone"`
	}
	_ = json.Unmarshal(e.Data, &d)
	return d.JobName, e.Name, d.Milestone
}

// listener is a subscriber that comes back after every kill.
type listener struct {
	address string
	known   *known

	mu      sync.Mutex
	values  map[string]string
	events  []heardEvent
	changed chan struct{}
}

// heardEvent is a message on an event topic.
type heardEvent struct {
	topic, payload string
}

// run connects again and again until ctx ends.
func (l *listener) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		link, err := client.Dial(ctx, client.LinkOptions{
			Address: l.address, User: "homeassistant", Password: "for-this-test", ClientID: "listener",
			Subscribe: []string{"printwire/#"}, OnMessage: l.take,
		})
		if err != nil {
			restFor(ctx, 5*time.Millisecond)
			continue
		}
		select {
		case <-link.Lost():
		case <-ctx.Done():
		}
		link.Close()
	}
}

func (l *listener) take(topic string, payload []byte) {
	l.mu.Lock()
	l.values[topic] = string(payload)
	event := strings.HasSuffix(topic, "/event")
	if event {
		l.events = append(l.events, heardEvent{topic, string(payload)})
	}
	l.mu.Unlock()
	if event {
		var e struct {
			Event     string `json:"event"`
			JobName   string `json:"job_name"`
			Milestone *int   `json:"milestone"`
		}
		_ = json.Unmarshal(payload, &e)
		l.known.add(strings.Split(topic, "/")[1] + " " + keyOf(e.JobName, e.Event, e.Milestone))
	}
}

func (l *listener) value(topic string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.values[topic]
}

// forget drops the values of the life before.
func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.values)
}
