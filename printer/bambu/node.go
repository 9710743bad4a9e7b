package bambu

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// form is the JSON type of a node.
type form uint8

const (
	formNull form = iota
	formBool
	formNumber
	formString
	formArray
	formObject
)

// Limits of what is kept of one report: a value beyond them is taken as absent.
const (
	maxNodes   = 4096
	maxMembers = 512
	maxText    = 1024
	maxKeys    = 2048
)

// node is one value of the merged document. Nodes are never changed: what did
// not change keeps its node, so that two equal pointers mean equal values and
// whatever was made from a node can be kept beside it.
type node struct {
	form form
	// isNumber: num is what a number, or a string with a number in it, says.
	isNumber bool
	num      float64
	// text is a string's value without control characters, and a number's digits.
	text string
	// sub is set for arrays and objects.
	sub *branch
}

// branch is what an array or object holds. keys is nil for an array.
type branch struct {
	keys []string
	kids []*node
	// size counts the nodes.
	size int
}

// at is a member of an object, or nil.
func (n *node) at(key string) *node {
	if n == nil || n.form != formObject {
		return nil
	}
	for i, k := range n.sub.keys {
		if k == key {
			return n.sub.kids[i]
		}
	}
	return nil
}

// path is at for each key in turn.
func (n *node) path(keys ...string) *node {
	for _, k := range keys {
		n = n.at(k)
	}
	return n
}

// items are an array's elements, or nil.
func (n *node) items() []*node {
	if n == nil || n.form != formArray {
		return nil
	}
	return n.sub.kids
}

func (n *node) size() int {
	if n == nil || n.sub == nil {
		return 1
	}
	return n.sub.size
}

// parser builds nodes from bytes that json.Valid has passed, and takes over
// the nodes of old where nothing changed.
type parser struct {
	b    []byte
	i    int
	left int
	// keys holds one copy of each key for the whole document.
	keys map[string]string
	// names and kids are the stacks of the objects and arrays being read.
	names []string
	kids  []*node
}

// parse gives nil for a value beyond the limits.
func (p *parser) parse(raw []byte, old *node) *node {
	p.b, p.i, p.left = raw, 0, maxNodes
	p.names, p.kids = p.names[:0], p.kids[:0]
	n := p.value(old)
	p.b = nil
	if raw[0] == '{' || raw[0] == '[' {
		clear(p.kids[:cap(p.kids)])
	}
	return n
}

func (p *parser) value(old *node) *node {
	if p.left--; p.left < 0 {
		return nil
	}
	p.i = space(p.b, p.i)
	switch p.b[p.i] {
	case '{':
		return p.object(old)
	case '[':
		return p.array(old)
	case '"':
		return p.string(old)
	case 't', 'f', 'n':
		return p.literal(old)
	default:
		return p.number(old)
	}
}

func (p *parser) object(old *node) *node {
	if old != nil && old.form != formObject {
		old = nil
	}
	first, name := len(p.kids), len(p.names)
	p.i = space(p.b, p.i+1)
	for p.b[p.i] != '}' {
		end := stringEnd(p.b, p.i)
		key := p.key(p.b[p.i:end])
		p.i = space(p.b, end) + 1
		kid := p.value(p.former(old, key, len(p.kids)-first))
		if kid == nil || len(p.kids)-first >= maxMembers {
			return nil
		}
		p.put(name, first, key, kid)
		p.next('}')
	}
	p.i++
	n := old
	if old == nil || !same(old.sub.keys, p.names[name:]) || !same(old.sub.kids, p.kids[first:]) {
		b := &branch{keys: append([]string{}, p.names[name:]...), kids: append([]*node(nil), p.kids[first:]...)}
		n = &node{form: formObject, sub: b.measured()}
	}
	p.names, p.kids = p.names[:name], p.kids[:first]
	return n
}

// put keeps a member; of two with one key the later one counts.
func (p *parser) put(name, first int, key string, kid *node) {
	for i, k := range p.names[name:] {
		if k == key {
			p.kids[first+i] = kid
			return
		}
	}
	p.names, p.kids = append(p.names, key), append(p.kids, kid)
}

// former is the node that a member had; it is most likely at the same place.
func (p *parser) former(old *node, key string, place int) *node {
	if old == nil {
		return nil
	}
	if place < len(old.sub.keys) && old.sub.keys[place] == key {
		return old.sub.kids[place]
	}
	return old.at(key)
}

func (p *parser) array(old *node) *node {
	var former []*node
	if old != nil && old.form == formArray {
		former = old.sub.kids
	} else {
		old = nil
	}
	first := len(p.kids)
	p.i = space(p.b, p.i+1)
	for p.b[p.i] != ']' {
		var o *node
		if place := len(p.kids) - first; place < len(former) {
			o = former[place]
		}
		kid := p.value(o)
		if kid == nil {
			return nil
		}
		p.kids = append(p.kids, kid)
		p.next(']')
	}
	p.i++
	n := old
	if old == nil || !same(former, p.kids[first:]) {
		b := &branch{kids: append([]*node(nil), p.kids[first:]...)}
		n = &node{form: formArray, sub: b.measured()}
	}
	p.kids = p.kids[:first]
	return n
}

// next goes to the next member, or to the closing bracket.
func (p *parser) next(closing byte) {
	p.i = space(p.b, p.i)
	if p.b[p.i] != closing {
		p.i = space(p.b, p.i+1)
	}
}

func (p *parser) key(quoted []byte) string {
	raw, err := keyOf(quoted)
	if err != nil {
		return ""
	}
	if k, ok := p.keys[string(raw)]; ok {
		return k
	}
	k := string(raw)
	if len(p.keys) < maxKeys && len(k) <= maxText {
		p.keys[k] = k
	}
	return k
}

func (p *parser) string(old *node) *node {
	end := stringEnd(p.b, p.i)
	quoted := p.b[p.i:end]
	p.i = end
	inner := quoted[1 : len(quoted)-1]
	if old != nil && old.form == formString && string(inner) == old.text && bytes.IndexByte(inner, '\\') < 0 {
		return old
	}
	s := unquoted(quoted)
	if old != nil && old.form == formString && s == old.text {
		return old
	}
	n := &node{form: formString, text: s}
	n.num, n.isNumber = parseNumber(s)
	return n
}

// unquoted is a string's value as people may see it: no control characters,
// not endless.
func unquoted(quoted []byte) string {
	var s string
	if raw, err := keyOf(quoted); err == nil {
		s = string(raw)
	}
	if len(s) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func (p *parser) number(old *node) *node {
	end, _ := valueEnd(p.b, p.i, 0)
	raw := p.b[p.i:end]
	p.i = end
	if old != nil && old.form == formNumber && string(raw) == old.text {
		return old
	}
	n := &node{form: formNumber}
	if len(raw) <= 64 {
		n.text = string(raw)
	}
	n.num, n.isNumber = parseNumber(n.text)
	return n
}

func (p *parser) literal(old *node) *node {
	n := &node{}
	switch p.b[p.i] {
	case 't':
		n.form, n.num = formBool, 1
		p.i += len("true")
	case 'f':
		n.form = formBool
		p.i += len("false")
	default:
		p.i += len("null")
	}
	if old != nil && *old == *n {
		return old
	}
	return n
}

// measured is b with its size counted.
func (b *branch) measured() *branch {
	b.size = 1
	for _, k := range b.kids {
		b.size += k.size()
	}
	return b
}

// same compares two slices whose elements are most often identical.
func same[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// compact is a copy of valid JSON for others to keep.
func compact(raw []byte) json.RawMessage { return append(json.RawMessage(nil), raw...) }
