package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// maxRequests is how many received requests are remembered.
const maxRequests = 1000

// Refusal is how a printer refuses unsigned print commands.
type Refusal string

// The ways of refusing. The empty one refuses nothing.
const (
	RefuseAck    Refusal = "ack"    // a failed acknowledgement
	RefuseHMS    Refusal = "hms"    // an HMS entry, no acknowledgement
	RefuseSilent Refusal = "silent" // nothing at all
)

// The HMS entry and the code by which a printer tells that a command was not signed.
const (
	hmsUnsignedAttr = 0x05000500
	hmsUnsignedCode = 0x00010007
	errorUnsigned   = 0x05024007
)

// Request is one message a client published to the request topic.
type Request struct {
	At       time.Time
	Client   string
	Key      string // top-level key, "" if the message was not understood
	Command  string
	Sequence string
	Payload  []byte
}

// Requests are the last messages that clients published, oldest first.
func (p *Printer) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// received is called by the server for each message to the request topic.
func (p *Printer) received(client string, payload []byte) {
	messages := understand(payload)
	p.do(func(m *machine) {
		if len(messages) == 0 {
			p.remember(Request{Client: client, Payload: payload})
		}
		for key, body := range messages {
			p.remember(Request{Client: client, Payload: payload, Key: key, Command: text(body["command"]), Sequence: text(body["sequence_id"])})
			switch {
			case m.clock < m.deaf:
			case p.replay != nil:
				p.replay.answer(key, body, p.server.publish)
			case key == "system" && body["command"] == "reboot":
				p.reboot(30 * time.Second)
			default:
				m.receive(key, body)
			}
		}
	})
}

func (p *Printer) remember(r Request) {
	r.At = p.options.Now()
	if len(p.requests) >= maxRequests {
		p.requests = slices.Delete(p.requests, 0, maxRequests/2)
	}
	p.requests = append(p.requests, r)
}

// subscribed is called by the server when a client wants the reports.
func (p *Printer) subscribed(string) {
	p.do(func(m *machine) {
		if p.replay != nil {
			p.replay.begin(m.clock)
		}
	})
}

// understand decodes a request; what is no object of objects is dropped.
func understand(payload []byte) map[string]document {
	var raw map[string]json.RawMessage
	if json.Unmarshal(payload, &raw) != nil {
		return nil
	}
	messages := map[string]document{}
	for key, value := range raw {
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.UseNumber()
		var body document
		if decoder.Decode(&body) == nil && body != nil {
			messages[key] = body
		}
	}
	return messages
}

// text is a field as text, whatever its type.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// number is a field as a number, also from text; missing or odd is not ok.
func number(v any) (float64, bool) {
	f, err := json.Number(strings.TrimSpace(text(v))).Float64()
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// whole is a field as an integer, fallback if there is none.
func whole(v any, fallback int) int {
	if f, ok := number(v); ok {
		return int(f)
	}
	return fallback
}

// receive answers one request. A command the printer does not know is ignored.
func (m *machine) receive(key string, body document) {
	name := key + "." + text(body["command"])
	row, known := commands()[name]
	if !known || row.tree && (!m.model.tree || m.model.flat) {
		return
	}
	if key == "print" && m.refuse != "" {
		m.refused(key, body)
		return
	}
	m.acknowledge(key, body, row)
	if !row.quiet {
		m.after(300*time.Millisecond, func(*machine) {})
	}
}

// refused answers a print command that is not signed.
func (m *machine) refused(key string, body document) {
	switch m.refuse {
	case RefuseAck:
		m.emit(key, document{"command": body["command"], "sequence_id": body["sequence_id"], "result": "failed",
			"reason": "mqtt message verify failed", "err_code": errorUnsigned})
	case RefuseHMS:
		m.after(time.Second, func(m *machine) { m.raise(hmsUnsignedAttr, hmsUnsignedCode) })
		m.after(20*time.Second, func(m *machine) { m.clear(hmsUnsignedAttr, hmsUnsignedCode) })
	}
}

// errSilent makes a command go unanswered.
var errSilent = errors.New("no answer")

// acknowledge obeys and answers: the request's own fields, with a result.
func (m *machine) acknowledge(key string, body document, row command) {
	err := row.do(m, body)
	if row.quiet || errors.Is(err, errSilent) {
		return
	}
	receipt := maps.Clone(body)
	receipt["result"], receipt["reason"] = "success", "success"
	switch {
	case key != "print":
		receipt["reason"] = ""
	case m.model.tree:
		receipt["result"], receipt["reason"], receipt["err_code"] = "SUCCESS", "SUCCESS", 0
	}
	if err != nil {
		receipt["result"], receipt["reason"] = "fail", err.Error()
	}
	if m.model.bareGcode && body["command"] == "gcode_line" {
		delete(receipt, "command")
	}
	m.emit(key, receipt)
	if row.later != nil && err == nil {
		row.later(m, body)
	}
}
