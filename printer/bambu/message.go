package bambu

import "encoding/json"

// kind says what a message of the printer is.
type kind uint8

// The kinds of messages. kindOther is everything that nobody needs.
const (
	kindOther kind = iota
	// kindReport was merged into the document.
	kindReport
	// kindAck answers a command, ours or somebody else's; it was not merged.
	kindAck
	// kindVersion is a list of modules; it was merged into the document.
	kindVersion
)

// String is the kind in lower case.
func (k kind) String() string {
	switch k {
	case kindReport:
		return "report"
	case kindAck:
		return "ack"
	case kindVersion:
		return "version"
	default:
		return "other"
	}
}

// message is what document.apply found in one payload.
type message struct {
	Kind kind
	// Changed: the document is not what it was.
	Changed bool
	// Full: the printer said that the report is complete (msg 0).
	Full bool
	// Ack is set for kindAck.
	Ack ack
}

// ack is an acknowledgement. Result is as the printer wrote it ("success",
// "SUCCESS", "fail", "failed"); Command may be empty (A1 mini, gcode_line).
type ack struct {
	// Top is the key of the message's top level ("print", "system", …).
	Top, Command, SequenceID, Result, Reason string
	ErrCode                                  uint32
	// Raw is the object below Top, valid JSON, a copy of its own.
	Raw json.RawMessage
}
