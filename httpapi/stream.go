package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
)

const (
	// streamType is the content type of server-sent events.
	streamType = "text/event-stream"
	// streamsEach is how many streams one key may have open.
	streamsEach = 8
	// flushTime is how long a client may take to read what was written.
	flushTime = 10 * time.Second
	// keepalive is how often a quiet stream says that it is there.
	keepalive = 15 * time.Second
	// pictureTime is how often a printer's state is sent at most.
	pictureTime = time.Second
	// streamBatch is how many entries are read at once.
	streamBatch = 256
)

// streams are the open streams, by who opened them.
type streams struct {
	mu   sync.Mutex
	open map[string]map[*stream]bool
	n    int
	most int // of all
}

// enter counts a stream, unless there are too many.
func (s *streams) enter(st *stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := st.who.Subject()
	switch {
	case s.n >= s.most:
		return problem{status: http.StatusServiceUnavailable, detail: "Too many streams are open.", retryAfter: 10}
	case len(s.open[subject]) >= streamsEach:
		return problem{status: http.StatusTooManyRequests, detail: fmt.Sprintf("This key has %d streams open already.", streamsEach), retryAfter: 10, violated: []string{"streams"}}
	}
	if s.open == nil {
		s.open = map[string]map[*stream]bool{}
	}
	if s.open[subject] == nil {
		s.open[subject] = map[*stream]bool{}
	}
	s.open[subject][st] = true
	s.n++
	return nil
}

func (s *streams) leave(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := st.who.Subject()
	delete(s.open[subject], st)
	if len(s.open[subject]) == 0 {
		delete(s.open, subject)
	}
	s.n--
}

// count is how many streams are open.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// cut ends the streams of a key.
func (s *streams) cut(subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.open[subject] {
		st.cancel()
	}
}

// eventName is the name of an event.
type eventName string

// Schema is one of the names.
func (eventName) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, r := range journal.Events() {
		s.Enum = append(s.Enum, r.Name)
	}
	return s
}

type streamCall struct {
	Last    string      `header:"Last-Event-ID" pattern:"^[0-9]{0,19}$" doc:"The number of the last event that was seen; what came after it is sent first."`
	LastID  string      `query:"last_event_id" pattern:"^[0-9]{0,19}$" doc:"The same as Last-Event-ID."`
	Printer []string    `query:"printer" maxItems:"100" doc:"Numbers or serials: only these printers."`
	Event   []eventName `query:"event" maxItems:"100" doc:"Names of events: only these."`
	States  bool        `query:"states" doc:"Send the state of each printer too: at once, and when it changed, at most once a second."`
}

// stream is one open stream of events.
type stream struct {
	a      *api
	who    auth.Identity
	cancel context.CancelFunc
	// printers and events are what is asked for; nil is all.
	printers map[int]bool
	events   map[string]bool
	states   bool
	seq      uint64
	// told is the number that the client knows, shown the version of each
	// printer that was sent.
	told    uint64
	shown   map[int]uint64
	wrote   time.Time
	looked  time.Time
	checked time.Time
	w       http.ResponseWriter
	control *http.ResponseController
}

// events opens a stream. Its journal's numbers are the ids of its events.
func (a *api) events(ctx context.Context, in *streamCall) (*huma.StreamResponse, error) {
	st := &stream{a: a, who: caller(ctx), states: in.States, shown: map[int]uint64{}}
	if err := st.choose(ctx, in); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		c := humagin.Unwrap(ctx)
		inner, cancel := context.WithCancel(c.Request.Context())
		defer cancel()
		st.cancel = cancel
		if err := a.streams.enter(st); err != nil {
			a.refuse(c, a.problemOf(err))
			return
		}
		defer a.streams.leave(st)
		// A key that was revoked before the stream was counted cut nothing.
		if err := st.still(); err != nil {
			a.refuse(c, a.unauthorized(err, shown{carrier: sender(c.Request.Context()).carrier}))
			return
		}
		// A stream is counted apart from what is answered at once.
		release(c.Request.Context())
		st.w, st.control = c.Writer, http.NewResponseController(c.Writer)
		if err := st.run(inner); err != nil && inner.Err() == nil {
			a.Log.Debug("event stream ended", "key", st.who.KeyID, "error", err)
		}
	}}, nil
}

// choose reads what the call asks for.
func (st *stream) choose(ctx context.Context, in *streamCall) error {
	st.seq = st.a.Journal.Last()
	last := in.Last
	if last == "" {
		last = in.LastID
	}
	if last != "" {
		n, err := strconv.ParseUint(last, 10, 64)
		if err != nil {
			return fault.New(fault.Invalid, "must be a number").At("Last-Event-ID")
		}
		// A number that was never given is of another installation: begin now.
		st.seq = min(n, st.seq)
	}
	st.told = st.seq
	for _, ref := range in.Printer {
		s, err := st.a.find(ctx, ref)
		if err != nil {
			return err
		}
		if st.printers == nil {
			st.printers = map[int]bool{}
		}
		st.printers[s.Config.ID] = true
	}
	for _, name := range in.Event {
		if st.events == nil {
			st.events = map[string]bool{}
		}
		st.events[string(name)] = true
	}
	return nil
}

// run sends until the client goes, falls behind, or loses its rights.
func (st *stream) run(ctx context.Context) error {
	// The request has been read; from here on only writing has a deadline.
	if err := st.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	h := st.w.Header()
	h.Set("Content-Type", streamType)
	h.Set("X-Accel-Buffering", "no")
	st.w.WriteHeader(http.StatusOK)
	if err := st.send("retry: 2000\n\n"); err != nil {
		return err
	}
	for {
		if err := st.pictures(); err != nil {
			return err
		}
		if err := st.entries(ctx); err != nil {
			return err
		}
		if err := st.alive(); err != nil {
			return err
		}
		wait := keepalive
		if st.states {
			wait = pictureTime
		}
		waiting, cancel := context.WithTimeout(ctx, wait)
		err := st.a.Journal.Wait(waiting, st.seq)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			return err
		}
	}
}

// entries sends what the journal has.
func (st *stream) entries(ctx context.Context) error {
	for {
		list, lost, err := st.a.Journal.After(ctx, st.seq, streamBatch)
		if err != nil {
			return err
		}
		var b strings.Builder
		if lost > 0 {
			fmt.Fprintf(&b, "event: lost\ndata: {\"lost\":%d}\n\n", lost)
		}
		for _, e := range list {
			st.seq = e.Seq
			if !st.wants(e) {
				continue
			}
			text, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("encoding event %d: %w", e.Seq, err)
			}
			fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Name, text)
			st.told = e.Seq
		}
		if err := st.send(b.String()); err != nil {
			return err
		}
		if len(list) < streamBatch {
			return nil
		}
	}
}

// wants tells whether an entry is asked for, and may be known.
func (st *stream) wants(e journal.Entry) bool {
	if st.events != nil && !st.events[e.Name] || st.printers != nil && !st.printers[e.PrinterID] {
		return false
	}
	if e.PrinterID == 0 {
		return st.who.Printers() == nil && !st.who.Test
	}
	s, err := st.a.Printers.Find(strconv.Itoa(e.PrinterID))
	if err != nil {
		// The printer is gone; its events are history.
		return st.who.MayPrinter(e.PrinterID) && !st.who.Test
	}
	return st.a.mayKnow(st.who, s)
}

// pictures sends the states that changed since they were last sent.
func (st *stream) pictures() error {
	now := st.a.Now()
	if !st.states || now.Sub(st.looked) < pictureTime {
		return nil
	}
	st.looked = now
	var b strings.Builder
	for _, s := range st.a.Printers.Snapshots() {
		id := s.Config.ID
		if st.printers != nil && !st.printers[id] || !st.a.mayKnow(st.who, s) {
			continue
		}
		if version, ok := st.shown[id]; ok && version == s.Version {
			continue
		}
		doc, err := st.a.documents.of(s, st.a.Archives.Number)
		if err != nil {
			return err
		}
		st.shown[id] = s.Version
		fmt.Fprintf(&b, "event: state\ndata: %s\n\n", doc.text)
	}
	return st.send(b.String())
}

// alive says now and then that the stream is there, and how far it is.
func (st *stream) alive() error {
	now := st.a.Now()
	if now.Sub(st.checked) >= keepalive {
		if err := st.still(); err != nil {
			return err
		}
	}
	if now.Sub(st.wrote) < keepalive {
		return nil
	}
	if st.told < st.seq {
		// An id alone is kept by clients and tells their program nothing.
		st.told = st.seq
		return st.send(fmt.Sprintf(": keepalive\nid: %d\n\n", st.seq))
	}
	return st.send(": keepalive\n\n")
}

// still asks whether the stream's owner may still have it.
func (st *stream) still() error {
	who, err := st.a.Keys.Again(st.who)
	if err != nil {
		return err
	}
	st.who, st.checked = who, st.a.Now()
	return nil
}

// send writes and flushes. A client that does not read in time is cut off.
func (st *stream) send(text string) error {
	if text == "" {
		return nil
	}
	st.wrote = st.a.Now()
	if err := st.control.SetWriteDeadline(time.Now().Add(flushTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := st.w.Write([]byte(text)); err != nil {
		return err
	}
	return st.control.Flush()
}

// exampleStream is an excerpt of a stream.
func exampleStream() string {
	return "id: 42\nevent: print_started\ndata: {\"seq\":42,\"time\":\"2026-03-14T09:30:00Z\",\"event\":\"print_started\"," +
		"\"printer_id\":1,\"serial\":\"00M00A000000001\",\"printer\":\"Workshop\",\"job\":\"01JPA4G0000000000000000000\",\"data\":{}}\n\n"
}
