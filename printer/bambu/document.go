package bambu

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/printwire/printwire/printer"
)

// document is what a printer has said so far, merged. It belongs to one
// goroutine.
type document struct {
	parser parser
	rules  map[string]rule
	dark   rule
	// members are the fields of a report that somebody reads; nothing else is kept.
	members map[string]*member
	// outline and pending are scratch space.
	outline outline
	pending []change

	// round counts the reports.
	round uint64
	// full: a report that called itself complete has been seen.
	full bool

	versions versions
	storage  debounce[uint32]
	zeros    debounce[bool]
	mapped   mapped
}

// anew is an empty document of the same printer: its modules are told on
// request only, and are not what was missed.
func (d *document) anew() *document {
	next := newDocument()
	next.versions = d.versions
	return next
}

// member is a field of the report: its value, and the bytes it was last made
// from, so that the same bytes need no second reading.
type member struct {
	name  string
	form  form
	value *node
	raw   []byte
	// whole: raw came in a full report.
	whole bool
	// round is the report that had it last.
	round uint64
}

// change is a new value of a member, made but not yet in force.
type change struct {
	to  *member
	raw []byte
}

func newDocument() *document {
	d := &document{rules: rules(), dark: darkRule(), members: fields()}
	d.parser.keys = make(map[string]string)
	return d
}

// apply reads one payload: it merges a report or a list of modules, and gives
// an acknowledgement back without merging it. An error means that the payload
// was refused as a whole, or that its outermost shape was wrong; the document
// is then what it was. The errors are errTooLarge, errTooDeep, errNotJSON and
// errShape (fault.Invalid), to be told apart with errors.Is.
func (d *document) apply(payload []byte) (message, error) {
	if len(payload) > maxReport {
		return message{}, errTooLarge
	}
	if !utf8.Valid(payload) {
		payload = bytes.ToValidUTF8(payload, []byte("\uFFFD"))
	}
	if err := d.outline.scan(payload); err != nil {
		if errors.Is(err, errNotJSON) && json.Valid(payload) {
			err = errShape
		}
		return message{}, err
	}
	return d.route()
}

// tops are the top keys that matter, in the order in which they count when a
// message has several.
func tops() [8]string {
	return [...]string{"print", "info", "system", "xcam", "camera", "upgrade", "pushing", "security"}
}

// route finds what the message is about. All else must at least be JSON.
func (d *document) route() (message, error) {
	o := &d.outline
	at, misshapen := -1, false
	for _, key := range tops() {
		i := last(o.top, key)
		if i >= 0 && o.top[i].raw[0] == '{' {
			at = i
			break
		}
		misshapen = misshapen || i >= 0
	}
	for i, s := range o.top {
		if i != at && !json.Valid(s.raw) {
			return message{}, errNotJSON
		}
	}
	switch {
	case at < 0 && misshapen:
		return message{}, errShape
	case at < 0:
		return message{}, nil
	}
	key, body := string(o.top[at].key), o.top[at].raw
	if o.of != at {
		fun := lookup(o.top, "fun")
		var alone outline
		if err := alone.scan(append(append([]byte(`{"":`), body...), '}')); err != nil {
			return message{}, err
		}
		return d.read(key, body, alone.inner, fun)
	}
	return d.read(key, body, o.inner, lookup(o.top, "fun"))
}

// last is the index of a key, of several the last; -1 when there is none.
func last(spans []span, key string) int {
	for i := len(spans) - 1; i >= 0; i-- {
		if string(spans[i].key) == key {
			return i
		}
	}
	return -1
}

// lookup is the value of a key, or nil.
func lookup(spans []span, key string) []byte {
	if i := last(spans, key); i >= 0 {
		return spans[i].raw
	}
	return nil
}

// text is a scalar's value as text.
func text(raw []byte) string {
	switch {
	case len(raw) == 0 || !json.Valid(raw) || raw[0] == '{' || raw[0] == '[' || raw[0] == 'n':
		return ""
	case raw[0] == '"':
		return unquoted(raw)
	default:
		return string(raw)
	}
}

// read goes by the top key and the command first, and by the result second: a
// list of modules carries a result too. Some firmware sends fun beside the
// report instead of in it.
func (d *document) read(key string, body []byte, spans []span, fun []byte) (message, error) {
	command := text(lookup(spans, "command"))
	answered := lookup(spans, "result") != nil
	switch {
	case key == "print" && (command == "push_status" || command == "" && !answered):
		if fun != nil && lookup(spans, "fun") == nil {
			spans = append(spans, span{key: []byte("fun"), raw: fun})
		}
		return d.report(spans)
	case !json.Valid(body):
		return message{}, errNotJSON
	case key == "info" && command == "get_version":
		return message{Kind: kindVersion, Changed: d.versions.read(lookup(spans, "module"))}, nil
	case answered:
		return message{Kind: kindAck, Ack: answer(key, command, spans, body)}, nil
	}
	return message{}, nil
}

func answer(top, command string, spans []span, body []byte) ack {
	a := ack{
		Top: top, Command: command, SequenceID: text(lookup(spans, "sequence_id")),
		Result: text(lookup(spans, "result")), Reason: text(lookup(spans, "reason")),
		Raw: compact(body),
	}
	if f, ok := parseNumber(text(lookup(spans, "err_code"))); ok {
		a.ErrCode, _ = (&node{isNumber: true, num: f}).bits()
	}
	return a
}

// report merges a report. Everything is read before anything is put in force.
func (d *document) report(spans []span) (message, error) {
	m := message{Kind: kindReport, Full: text(lookup(spans, "msg")) == "0"}
	d.round++
	d.pending = d.pending[:0]
	for _, s := range spans {
		f := d.members[string(s.key)]
		if f == nil {
			if !json.Valid(s.raw) {
				return message{}, errNotJSON
			}
			continue
		}
		if f.round == d.round {
			d.forget(f)
		}
		f.round = d.round
		if bytes.Equal(s.raw, f.raw) && (f.whole || !m.Full) {
			continue
		}
		if !json.Valid(s.raw) {
			return message{}, errNotJSON
		}
		d.pending = append(d.pending, change{to: f, raw: s.raw})
	}
	d.full = d.full || m.Full
	m.Changed = d.commit(m.Full)
	if m.Full && d.drop() {
		m.Changed = true
	}
	if d.settle() {
		m.Changed = true
	}
	return m, nil
}

// forget takes an earlier value of a key that comes twice out of the pending ones.
func (d *document) forget(f *member) {
	for i := range d.pending {
		if d.pending[i].to == f {
			d.pending[i].to = nil
		}
	}
}

// commit puts the pending changes in force.
func (d *document) commit(full bool) bool {
	changed := false
	for _, c := range d.pending {
		if c.to == nil {
			continue
		}
		f := c.to
		f.raw, f.whole = append(f.raw[:0], c.raw...), full
		n := d.parser.parse(f.raw, f.value)
		if n == nil || f.form != formNull && n.form != f.form || f.form == formNull && n.sub != nil {
			continue
		}
		if v := d.merge(f, n, full); v != f.value {
			f.value, changed = v, true
		}
	}
	return changed
}

func (d *document) merge(f *member, n *node, full bool) *node {
	if f != d.members["ams"] {
		return fold(f.value, n, d.rules[f.name], full)
	}
	if dark(f.value, n) {
		f.whole = false
		return fold(f.value, n, d.dark, false)
	}
	return fold(f.value, n, d.rules["ams"], full)
}

// drop forgets what a full report lacked.
func (d *document) drop() bool {
	changed := false
	for _, f := range d.members {
		if f.value != nil && f.round != d.round {
			f.value, f.raw, changed = nil, f.raw[:0], true
		}
	}
	return changed
}

// field is the value of a field of the report, or nil.
func (d *document) field(key string) *node {
	if f := d.members[key]; f != nil {
		return f.value
	}
	return nil
}

// signatureRequired tells whether the printer refuses unsigned commands, as
// far as it says so itself.
func (d *document) signatureRequired() printer.Opt[bool] {
	n := d.field("fun")
	fun, ok := n.hex()
	if !ok || n.form != formString {
		return printer.Opt[bool]{}
	}
	return printer.Some(fun>>funSignature&1 == 1)
}
