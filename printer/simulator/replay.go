package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// maxReplay is the largest recording that is taken, in bytes.
const maxReplay = 64 << 20

// replayLine is one message of a recording, at its time from the beginning.
type replayLine struct {
	at      time.Duration
	payload []byte
}

// replay sends a recorded stream as it was. It begins with the first subscriber.
type replay struct {
	lines   []replayLine
	place   int
	start   time.Duration // clock at which the stream began
	running bool
	state   document // merged from what was sent
	version document
	omitMsg bool
}

// readReplay reads JSON Lines with ts, direction, topic and payload; other
// directions than recv and other topics than a report are left out.
func readReplay(r io.Reader) (*replay, error) {
	p := &replay{}
	scanner := bufio.NewScanner(io.LimitReader(r, maxReplay))
	scanner.Buffer(nil, 4<<20)
	var first float64
	for n := 1; scanner.Scan(); n++ {
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		var line struct {
			TS        float64         `json:"ts"`
			Direction string          `json:"direction"`
			Topic     string          `json:"topic"`
			Payload   json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return nil, fault.New(fault.Invalid, "line %d of the recording is not JSON: %v", n, err).At("replay")
		}
		if line.Direction != "recv" || !strings.HasSuffix(line.Topic, "/report") || len(line.Payload) == 0 {
			continue
		}
		if len(p.lines) == 0 {
			first = line.TS
		}
		at := time.Duration((line.TS - first) * float64(time.Second))
		if len(p.lines) > 0 {
			at = max(at, p.lines[len(p.lines)-1].at)
		}
		p.lines = append(p.lines, replayLine{at, compact(line.Payload)})
	}
	if err := scanner.Err(); err != nil {
		return nil, fault.New(fault.Invalid, "read recording: %w", err).At("replay")
	}
	if len(p.lines) == 0 {
		return nil, fault.New(fault.Invalid, "the recording has no line with direction recv and a report topic").At("replay")
	}
	p.prepare()
	return p, nil
}

func compact(raw []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return bytes.Clone(raw)
	}
	return out.Bytes()
}

// prepare finds the version answer, and a state for those who ask before the
// recording's first full report.
func (p *replay) prepare() {
	full := false
	for _, line := range p.lines {
		messages := understand(line.payload)
		if info := messages["info"]; info["command"] == "get_version" && p.version == nil {
			p.version = info
		}
		status := messages["print"]
		if status["command"] == "push_status" && !full && len(status) > 40 {
			full, p.state = true, status
			_, told := status["msg"]
			p.omitMsg = !told
		}
	}
}

// begin starts the stream at that clock, once.
func (p *replay) begin(clock time.Duration) {
	if !p.running {
		p.running, p.start = true, clock
	}
}

// next is how long nothing will be sent.
func (p *replay) next(clock time.Duration) time.Duration {
	if !p.running || p.place >= len(p.lines) {
		return time.Hour
	}
	return max(0, p.start+p.lines[p.place].at-clock)
}

// advance sends every line up to that clock.
func (p *replay) advance(clock time.Duration, send func([]byte)) {
	for p.running && p.place < len(p.lines) && p.start+p.lines[p.place].at <= clock {
		payload := p.lines[p.place].payload
		p.place++
		if status := understand(payload)["print"]; status["command"] == "push_status" {
			p.state = merge(p.state, status)
		}
		send(payload)
	}
}

// merge folds a report into what is known. Arrays are replaced.
func merge(state, report document) document {
	next := maps.Clone(state)
	if next == nil {
		next = document{}
	}
	for key, value := range report {
		old, wasObject := next[key].(document)
		if inner, isObject := value.(document); isObject && wasObject {
			value = merge(old, inner)
		}
		next[key] = value
	}
	return next
}

// answer serves the two questions every client asks; a recording obeys nothing else.
func (p *replay) answer(key string, body document, send func([]byte)) {
	var message document
	switch key + "." + fmt.Sprint(body["command"]) {
	case "pushing.pushall", "pushing.start":
		if p.state == nil {
			return
		}
		state := maps.Clone(p.state)
		if !p.omitMsg {
			state["msg"] = 0
		}
		message = document{"print": state}
	case "info.get_version":
		if p.version == nil {
			return
		}
		version := maps.Clone(p.version)
		version["sequence_id"] = body["sequence_id"]
		message = document{"info": version}
	default:
		return
	}
	if payload, err := json.Marshal(message); err == nil {
		send(payload)
	}
}
