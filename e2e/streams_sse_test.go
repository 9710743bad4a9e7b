package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The size of the test of streams: 25 keys with all the streams that a key may
// have. Every fourth asks for states too.
const (
	streamKeys     = 25
	streamsPerKey  = 8
	streamPrinters = 100
	streamsStarted = patience
)

// pausing reports of a printer that is paused and goes on in turns: an event
// with each fourth report, and another printer at another time.
func pausing(dst []byte, printer int, count int64) []byte {
	state := "RUNNING"
	if (count+int64(printer))/4%2 == 1 {
		state = "PAUSE"
	}
	return fmt.Appendf(dst, `{"print":{"gcode_state":%q,"subtask_name":"Vase","gcode_file":"vase.3mf","mc_percent":40,"layer_num":%d,`+
		`"total_layer_num":1000000,"nozzle_temper":219.5,"command":"push_status","msg":0,"sequence_id":"%d"}}`, state, count, count)
}

// hearer is one client of the event stream.
type hearer struct {
	conn        net.Conn
	first, last atomic.Uint64
	events      atomic.Int64
	states      atomic.Int64
	broken      atomic.Pointer[string]
}

// hearing opens a stream and reads it until it ends.
func (s *rest) hearing(wg *sync.WaitGroup, key string, states bool) *hearer {
	s.tb.Helper()
	l := &hearer{conn: dial(s.tb, s.address)}
	target := "/api/v1/events"
	if states {
		target += "?states=true"
	}
	if _, err := fmt.Fprintf(l.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\n\r\n", target, s.address, key); err != nil {
		s.tb.Fatal(err)
	}
	wg.Go(func() { l.read() }) // owner: the test closes the connection and waits
	return l
}

// read counts what comes. Numbers of events have no gaps: nothing is filtered.
func (l *hearer) read() {
	in := bufio.NewScanner(l.conn)
	in.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for in.Scan() {
		line := in.Bytes()
		switch {
		case bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")), bytes.HasPrefix(line, []byte("event: lost")):
			l.fail("the stream said %s", line)
		case bytes.Equal(line, []byte("event: state")):
			l.states.Add(1)
		case bytes.HasPrefix(line, []byte("id: ")):
			seq, err := strconv.ParseUint(string(line[4:]), 10, 64)
			if err != nil {
				l.fail("the id %s: %v", line, err)
				continue
			}
			if last := l.last.Swap(seq); last != 0 && seq != last+1 {
				l.fail("event %d came after %d", seq, last)
			}
			l.first.CompareAndSwap(0, seq)
			l.events.Add(1)
		}
	}
}

func (l *hearer) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.broken.CompareAndSwap(nil, &text)
}

// gauge is a figure of /metrics.
func (s *rest) gauge(name string) float64 {
	s.tb.Helper()
	for line := range strings.Lines(string(s.get("/metrics"))) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				s.tb.Fatal(err)
			}
			return v
		}
	}
	s.tb.Fatalf("no %s among the metrics", name)
	return 0
}

// sound fails for each client that missed something, and counts what came.
func sound(t *testing.T, all []*hearer, span time.Duration) (events, states int64) {
	t.Helper()
	for i, l := range all {
		if why := l.broken.Load(); why != nil {
			t.Errorf("client %d: %s", i, *why)
		}
		if n := l.events.Load(); uint64(n) != l.last.Load()-l.first.Load()+1 {
			t.Errorf("client %d counted %d events from %d to %d", i, n, l.first.Load(), l.last.Load())
		}
		if n := l.states.Load(); i/streamsPerKey%4 == 0 && n < streamPrinters*int64(span/time.Second)/2 {
			t.Errorf("client %d got %d states", i, n)
		}
		events, states = events+l.events.Load(), states+l.states.Load()
	}
	return events, states
}

// TestEventStream_TwoHundredClientsAtAHundredPrinters: each client gets every
// event once and in order, and when they have gone, what they took is given back.
func TestEventStream_TwoHundredClientsAtAHundredPrinters(t *testing.T) {
	ends(t)
	v := newFleet(t, streamPrinters, "A1", time.Second, pausing)
	defer v.stop()
	s := startREST(t, v)
	<-time.After(2 * time.Second)
	calm := s.gauge("printwire_goroutines")
	var wg sync.WaitGroup
	var all []*hearer
	for i := range streamKeys {
		key := s.key("read", "unlimited")
		for range streamsPerKey {
			all = append(all, s.hearing(&wg, key, i%4 == 0))
		}
	}
	eventually(t, "every client hears", streamsStarted, func() (bool, string) {
		for i, l := range all {
			if l.events.Load() == 0 {
				return false, fmt.Sprintf("client %d has heard nothing", i)
			}
		}
		return true, ""
	})
	pid := s.cmd.Process.Pid
	before, memory, used, began := s.gauge("printwire_goroutines"), resident(t, pid), processor(t, pid), time.Now()
	span := benchTime(t)
	<-time.After(span)
	load := 100 * (processor(t, pid) - used).Seconds() / time.Since(began).Seconds()
	after, grown := s.gauge("printwire_goroutines"), resident(t, pid)
	newest := all[0].last.Load()
	eventually(t, "all are as far as the first", patience, func() (bool, string) {
		for i, l := range all {
			if last := l.last.Load(); last < newest {
				return false, fmt.Sprintf("client %d is at %d, want %d", i, last, newest)
			}
		}
		return true, ""
	})
	events, states := sound(t, all, span)
	t.Logf("%d clients, %d events and %d states in %s: %.0f %% of one core, %.0f to %.0f MB, %.0f to %.0f goroutines (%.0f without clients)",
		len(all), events, states, time.Since(began).Round(time.Second), load, memory, grown, before, after, calm)
	if after > before+10 || grown > memory*1.3+20 {
		t.Errorf("it grows: %.0f to %.0f goroutines, %.0f to %.0f MB", before, after, memory, grown)
	}
	for _, l := range all {
		_ = l.conn.Close()
	}
	wg.Wait()
	eventually(t, "what the clients took is given back", patience, func() (bool, string) {
		now := s.gauge("printwire_goroutines")
		return now <= calm+5, fmt.Sprintf("%.0f goroutines, %.0f before", now, calm)
	})
}
