package bambu

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// form is the JSON type of a node.
type form uint8

// formNone is no value at all.
const (
	formNone form = iota
	formNull
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
)

// node is one value of the merged document. What it holds is never changed,
// and what did not change is kept: two equal nodes mean equal values, and
// whatever was made from a branch can be kept beside it.
type node struct {
	// text is a string's value without control characters, and a number's digits.
	text string
	// sub is set for arrays and objects.
	sub *branch
	// isNumber: num is what a number, or a string with a number in it, says.
	num      float64
	isNumber bool
	form     form
}

// branch is what an array or object holds. keys is nil for an array. Branches
// that have the same keys may share them.
type branch struct {
	keys []string
	kids []node
	// size counts the nodes.
	size int
	// cut: it had members that nobody reads, which were left out.
	cut bool
}

// at is a member, or nil.
func (b *branch) at(key string) *node {
	for i, k := range b.keys {
		if k == key {
			return &b.kids[i]
		}
	}
	return nil
}

// at is a member of an object, or nil.
func (n *node) at(key string) *node {
	if n == nil || n.form != formObject {
		return nil
	}
	return n.sub.at(key)
}

// path is at for each key in turn.
func (n *node) path(keys ...string) *node {
	for _, k := range keys {
		n = n.at(k)
	}
	return n
}

// items are an array's elements, or nil.
func (n *node) items() []node {
	if n == nil || n.form != formArray {
		return nil
	}
	return n.sub.kids
}

// branch is what an array or object holds, or nil.
func (n *node) branch() *branch {
	if n == nil {
		return nil
	}
	return n.sub
}

func (n *node) size() int {
	if n == nil || n.sub == nil {
		return 1
	}
	return n.sub.size
}

// parser builds nodes from bytes that json.Valid has passed, and takes over
// what old holds where nothing changed.
type parser struct {
	b    []byte
	i    int
	left int
}

// parse gives no node for a value beyond the limits. old may be nil.
func (p *parser) parse(raw []byte, old *node) node {
	p.b, p.i, p.left = raw, 0, maxNodes
	n := p.value(old, nil)
	p.b = nil
	return n
}

// value reads the value that is next. like are the names that an object most
// likely has.
func (p *parser) value(old *node, like []string) node {
	if p.left--; p.left < 0 {
		return node{}
	}
	p.i = space(p.b, p.i)
	switch p.b[p.i] {
	case '{':
		return p.object(old, like)
	case '[':
		return p.array(old)
	case '"':
		return p.string(old)
	case 't', 'f', 'n':
		return p.literal()
	default:
		return p.number(old)
	}
}

func (p *parser) object(old *node, like []string) node {
	d := draft{like: like}
	if old != nil && old.form == formObject {
		d = draft{base: old.sub, like: old.sub.keys}
	}
	p.i = space(p.b, p.i+1)
	for p.b[p.i] != '}' {
		end := stringEnd(p.b, p.i)
		key := p.key(p.b[p.i:end])
		p.i = space(p.b, end) + 1
		if key == "" {
			d.cut = true
			p.skip()
		} else {
			kid := p.value(d.former(key), nil)
			if kid.form == formNone || d.n >= maxMembers {
				return node{}
			}
			d.put(key, kid)
		}
		p.next('}')
	}
	p.i++
	return node{form: formObject, sub: d.branch()}
}

func (p *parser) array(old *node) node {
	var d draft
	if old != nil && old.form == formArray {
		d.base = old.sub
	}
	var like []string
	p.i = space(p.b, p.i+1)
	for p.b[p.i] != ']' {
		var was *node
		if d.base != nil && d.n < len(d.base.kids) {
			was = &d.base.kids[d.n]
		}
		kid := p.value(was, like)
		if kid.form == formNone {
			return node{}
		}
		if kid.form == formObject {
			like = kid.sub.keys
		}
		d.push(kid)
		p.next(']')
	}
	p.i++
	return node{form: formArray, sub: d.branch()}
}

// skip passes over a value that nobody reads.
func (p *parser) skip() {
	p.i = space(p.b, p.i)
	end, err := valueEnd(p.b, p.i, 0)
	if err != nil {
		end = len(p.b) // cannot be: it is valid, and its depth was looked at
	}
	p.i = end
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
	return word(raw)
}

func (p *parser) string(old *node) node {
	end := stringEnd(p.b, p.i)
	quoted := p.b[p.i:end]
	p.i = end
	inner := quoted[1 : len(quoted)-1]
	if old != nil && old.form == formString && string(inner) == old.text && bytes.IndexByte(inner, '\\') < 0 {
		return *old
	}
	n := node{form: formString, text: unquoted(quoted)}
	n.num, n.isNumber = parseNumber(n.text)
	return n
}

// kept is a copy. Small numbers, of which there are many, cost no memory.
func kept(raw []byte) string {
	if len(raw) == 2 && raw[0] >= '1' && raw[0] <= '9' && raw[1] >= '0' && raw[1] <= '9' {
		return strconv.Itoa(int(raw[0]-'0')*10 + int(raw[1]-'0'))
	}
	return string(raw)
}

// unquoted is a string's value as people may see it: no control characters,
// not endless.
func unquoted(quoted []byte) string {
	var s string
	if raw, err := keyOf(quoted); err == nil {
		s = kept(raw)
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

func (p *parser) number(old *node) node {
	end, _ := valueEnd(p.b, p.i, 0)
	raw := p.b[p.i:end]
	p.i = end
	if old != nil && old.form == formNumber && string(raw) == old.text {
		return *old
	}
	n := node{form: formNumber}
	if len(raw) <= 64 {
		n.text = kept(raw)
	}
	n.num, n.isNumber = parseNumber(n.text)
	return n
}

func (p *parser) literal() node {
	switch p.b[p.i] {
	case 't':
		p.i += len("true")
		return node{form: formBool, num: 1}
	case 'f':
		p.i += len("false")
		return node{form: formBool}
	default:
		p.i += len("null")
		return node{form: formNull}
	}
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
