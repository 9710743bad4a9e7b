package sliced

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/printwire/printwire/fault"
)

const (
	// maxLine is how long a comment that is understood may be. Longer ones,
	// and longer commands, are passed over.
	maxLine = 64 << 10
	// maxThumbnail is how long a picture may be in base64.
	maxThumbnail = 6 << 20
)

// ReadGCode reads the facts in the comments of a file of G-code. It takes the
// file in one pass, and memory only for what it finds.
func ReadGCode(r io.Reader) (Facts, error) {
	var d draft
	if err := d.scan(r, MaxGCode+1); err != nil {
		return Facts{}, err
	}
	if d.size > MaxGCode {
		return Facts{}, invalid("the G-code has more than %d bytes", MaxGCode)
	}
	f := d.facts(true)
	f.total()
	return f, nil
}

// scan reads the comments of at most limit bytes.
func (d *draft) scan(r io.Reader, limit int64) error {
	in := bufio.NewReaderSize(io.LimitReader(r, limit), maxLine)
	if head, _ := in.Peek(4); string(head) == "GCDE" {
		return fault.New(fault.Unsupported, "binary G-code is not read; expected text")
	}
	inLong := false
	for {
		part, err := in.ReadSlice('\n')
		start := d.size
		d.size += int64(len(part))
		if i := bytes.IndexByte(part, 0); i >= 0 {
			return invalid("not G-code: a NUL byte at %d, expected text", start+int64(i))
		}
		long := errors.Is(err, bufio.ErrBufferFull)
		if !inLong && !long {
			if err := d.line(part); err != nil {
				return err
			}
		}
		inLong = long
		if err != nil && !long {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading the G-code at %d: %w", d.size, err)
		}
	}
}

// line reads one line: a comment "; key = value", "; key: value", a part of a
// picture, or the mark of a layer. Everything else is for the printer alone.
func (d *draft) line(line []byte) error {
	comment, ok := bytes.CutPrefix(bytes.TrimLeft(line, " \t\ufeff"), []byte{';'})
	if !ok {
		return nil
	}
	comment = bytes.TrimSpace(comment)
	if d.thumbnail.open {
		if part, err := d.thumbnail.add(comment); part || err != nil {
			return err
		}
	}
	i := bytes.IndexAny(comment, "=:")
	if i < 0 {
		d.mark(comment)
		return nil
	}
	key, value := bytes.TrimSpace(comment[:i]), bytes.TrimSpace(comment[i+1:])
	if row, ok := d.rows()[string(key)]; ok {
		row(d, string(value))
	}
	return nil
}

// mark reads a comment without a value.
func (d *draft) mark(comment []byte) {
	switch {
	case bytes.Equal(comment, []byte("LAYER_CHANGE")), bytes.Equal(comment, []byte("CHANGE_LAYER")):
		d.layers++
	case bytes.HasPrefix(comment, []byte("thumbnail")):
		d.thumbnail.begin(string(comment[:min(len(comment), maxText)]))
	}
}
