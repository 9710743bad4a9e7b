package bambu

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/maphash"
	"unicode/utf8"

	"github.com/printwire/printwire/printer"
)

// document is what a printer has said so far, merged. It belongs to one
// goroutine.
type document struct {
	parser parser
	rules  rule
	dark   rule
	// members are the fields of a report that somebody reads, shorter names
	// first; nothing else is kept. from is where names of a length begin.
	members []member
	from    [longestField + 2]uint8
	// seed is of the sums that members keep.
	seed maphash.Seed
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

// longestField is the longest name of a field that is read.
const longestField = 31

// member is a field of the report: its value, and a sum of the bytes it was
// last made from, so that the same bytes need no second reading.
type member struct {
	name  string
	value node
	// sum is 0 for none.
	sum uint64
	// round is the report that had it last.
	round uint64
	form  form
	// whole: the bytes came in a full report.
	whole bool
}

// fewChanges is how many changes there is room kept for: a first report has
// many, those after it have few.
const fewChanges = 16

// change is a new value of a member, made but not yet in force.
type change struct {
	to  *member
	raw []byte
	sum uint64
}

func newDocument() *document {
	d := &document{rules: rules(), dark: darkRule(), members: fields(), seed: maphash.MakeSeed()}
	for _, f := range d.members {
		for n := len(f.name) + 1; n < len(d.from); n++ {
			d.from[n]++
		}
	}
	return d
}

// find is the member with a name, or nil.
func find[T string | []byte](d *document, name T) *member {
	n := len(name)
	if n > longestField {
		return nil
	}
	for i := d.from[n]; i < d.from[n+1]; i++ {
		if f := &d.members[i]; f.name == string(name) {
			return f
		}
	}
	return nil
}

// sum is what tells whether bytes are the same as before.
func (d *document) sum(raw []byte) uint64 { return max(1, maphash.Bytes(d.seed, raw)) }

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
	defer d.outline.forget()
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
	at, key, misshapen := -1, "", false
	for _, name := range tops() {
		i := o.last(o.top, name)
		if i >= 0 && o.raw(o.top[i])[0] == '{' {
			at, key = i, name
			break
		}
		misshapen = misshapen || i >= 0
	}
	for i, s := range o.top {
		if i != at && !json.Valid(o.raw(s)) {
			return message{}, errNotJSON
		}
	}
	switch {
	case at < 0 && misshapen:
		return message{}, errShape
	case at < 0:
		return message{}, nil
	}
	body, fun := o.raw(o.top[at]), o.last(o.top, "fun")
	if o.of == at {
		if fun >= 0 && o.last(o.inner, "fun") < 0 {
			o.beside = append(o.beside, o.top[fun])
		}
		return d.read(key, body)
	}
	// Another object came after it: its members are read once more, alone.
	alone := []byte{'{'}
	if fun >= 0 {
		alone = append(append(append(alone, `"fun":`...), o.raw(o.top[fun])...), ',')
	}
	alone = append(append(append(alone, `"":`...), body...), '}')
	if err := o.scan(alone); err != nil {
		return message{}, err
	}
	if fun >= 0 && o.last(o.inner, "fun") < 0 {
		o.beside = append(o.beside, o.top[0])
	}
	return d.read(key, o.raw(o.top[len(o.top)-1]))
}

// read goes by the top key and the command first, and by the result second: a
// list of modules carries a result too. Some firmware sends fun beside the
// report instead of in it.
func (d *document) read(key string, body []byte) (message, error) {
	o := &d.outline
	command := o.command()
	answered := o.last(o.inner, "result") >= 0
	switch {
	case key == "print" && (command == "push_status" || command == "" && !answered):
		o.inner = append(o.inner, o.beside...)
		return d.report(o.inner)
	case !json.Valid(body):
		return message{}, errNotJSON
	case key == "info" && command == "get_version":
		return message{Kind: kindVersion, Changed: d.versions.read(o.lookup(o.inner, "module"))}, nil
	case answered:
		return message{Kind: kindAck, Ack: o.answer(key, command, body)}, nil
	}
	return message{}, nil
}

// answer is the acknowledgement that a message is.
func (o *outline) answer(top, command string, body []byte) ack {
	text := func(name string) string { return o.text(o.inner, name) }
	a := ack{
		Top: top, Command: command, SequenceID: text("sequence_id"),
		Result: text("result"), Reason: text("reason"),
		Raw: compact(body),
	}
	if f, ok := parseNumber(text("err_code")); ok {
		a.ErrCode, _ = (&node{isNumber: true, num: f}).bits()
	}
	return a
}

// report merges a report. Everything is read before anything is put in force.
func (d *document) report(spans []span) (message, error) {
	o := &d.outline
	m := message{Kind: kindReport, Full: o.text(spans, "msg") == "0"}
	d.round++
	d.pending = d.pending[:0]
	for _, s := range spans {
		raw := o.raw(s)
		f := find(d, o.name(s))
		if f == nil {
			if !json.Valid(raw) {
				return message{}, errNotJSON
			}
			continue
		}
		if f.round == d.round {
			d.forget(f)
		}
		f.round = d.round
		sum := d.sum(raw)
		if sum == f.sum && (f.whole || !m.Full) {
			continue
		}
		if !json.Valid(raw) {
			return message{}, errNotJSON
		}
		d.pending = append(d.pending, change{to: f, raw: raw, sum: sum})
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
		f := c.to
		if f == nil {
			continue
		}
		f.sum, f.whole = c.sum, full
		n := d.parser.parse(c.raw, f.present())
		if n.form == formNone || f.form != formNone && n.form != f.form || f.form == formNone && n.sub != nil {
			continue
		}
		if v := d.merge(f, &n, full); v != f.value {
			f.value, changed = v, true
		}
	}
	clear(d.pending) // they point into the payload
	if cap(d.pending) > fewChanges {
		d.pending = nil
	}
	return changed
}

func (d *document) merge(f *member, n *node, full bool) node {
	if f.name == "ams" && dark(f.present(), n) {
		f.whole = false
		return fold(f.present(), n, d.dark, false)
	}
	return fold(f.present(), n, d.rules.of(f.name), full)
}

// drop forgets what a full report lacked.
func (d *document) drop() bool {
	changed := false
	for i := range d.members {
		if f := &d.members[i]; f.present() != nil && f.round != d.round {
			f.value, f.sum, changed = node{}, 0, true
		}
	}
	return changed
}

// present is the value, or nil.
func (f *member) present() *node {
	if f == nil || f.value.form == formNone {
		return nil
	}
	return &f.value
}

// field is the value of a field of the report, or nil.
func (d *document) field(key string) *node { return find(d, key).present() }

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
