package sliced

import (
	"bufio"
	"bytes"
	"strings"
)

// maxToken is how long one element may be, without what is in it.
const maxToken = 128 << 10

// maxReference is how long the reference to a character may be, from & to ;.
const maxReference = 32

// tokens is an XML text that ends with an error where one element is too long:
// its attributes take many times their length in memory.
//
// Slicers write some values of people into attributes as they are. A & that
// refers to nothing, and a <, which no attribute may have, are therefore
// escaped inside of one. Nothing else is mended.
type tokens struct {
	r    *bufio.Reader
	left int
	// where the next byte stands.
	where where
	// quote ends the attribute, pending is what is left of an escaped byte.
	quote   byte
	pending string
}

// where tells what a byte of XML belongs to.
type where uint8

const (
	inText where = iota
	inTag
	inAttribute
	// inComment, inData and inProcessing last up to their own ends.
	inComment
	inData
	inProcessing
	// inDirective lasts to the end of the text: it is not taken.
	inDirective
)

// opening are what begins with <, the longest first, and where it leads.
func opening() []struct {
	begin string
	where where
} {
	return []struct {
		begin string
		where where
	}{{"<![CDATA[", inData}, {"<!--", inComment}, {"<!", inDirective}, {"<?", inProcessing}, {"<", inTag}}
}

// Read implements io.Reader; the decoder asks for single bytes.
func (t *tokens) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := t.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// ReadByte implements io.ByteReader.
func (t *tokens) ReadByte() (byte, error) {
	if t.left--; t.left < 0 {
		return 0, invalid("an element is longer than %d bytes", maxToken)
	}
	if t.pending != "" {
		b := t.pending[0]
		t.pending = t.pending[1:]
		return b, nil
	}
	b, err := t.r.ReadByte()
	if err != nil {
		return 0, err
	}
	switch t.where {
	case inText:
		if b == '<' {
			t.open()
		}
	case inTag:
		switch b {
		case '>':
			t.where = inText
		case '"', '\'':
			t.where, t.quote = inAttribute, b
		}
	case inAttribute:
		return t.mend(b), nil
	case inComment:
		t.close(b, "-->")
	case inData:
		t.close(b, "]]>")
	case inProcessing:
		t.close(b, "?>")
	}
	return b, nil
}

// open finds out what begins with the < that was read.
func (t *tokens) open() {
	for _, o := range opening() {
		rest := o.begin[1:]
		if next, _ := t.r.Peek(len(rest)); string(next) == rest {
			t.where, t.pending = o.where, rest
			_, _ = t.r.Discard(len(rest)) // it was seen
			return
		}
	}
}

// close ends what ends with end, of which b may be the first byte.
func (t *tokens) close(b byte, end string) {
	if b != end[0] {
		return
	}
	rest := end[1:]
	if next, _ := t.r.Peek(len(rest)); string(next) == rest {
		t.where, t.pending = inText, rest
		_, _ = t.r.Discard(len(rest)) // it was seen
	}
}

// mend takes a byte of an attribute, and escapes it where that was forgotten.
func (t *tokens) mend(b byte) byte {
	switch {
	case b == t.quote:
		t.where = inTag
	case b == '<':
		t.pending = "lt;"
		return '&'
	case b == '&' && !t.refers():
		t.pending = "amp;"
	}
	return b
}

// refers tells whether the & that was read begins a reference, known or not.
func (t *tokens) refers() bool {
	next, _ := t.r.Peek(maxReference)
	name, _, ends := bytes.Cut(next, []byte{';'})
	return ends && len(name) > 0 && strings.Trim(string(name), "#_-.:0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
