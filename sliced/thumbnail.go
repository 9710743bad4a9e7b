package sliced

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// thumbnail gathers the pictures in the comments of G-code and keeps the
// biggest of those that can be shown:
//
//	; thumbnail begin 300x300 12345
//	; iVBORw0KGgo…
//	; thumbnail end
type thumbnail struct {
	// open tells that lines belong to a picture, skip that it is not wanted.
	open, skip bool
	area       int
	text       []byte
	// best is the biggest picture so far.
	best     []byte
	bestArea int
}

// begin reads the first line of a picture, if it is one. Formats other than
// PNG and JPEG have names that are not known here.
func (t *thumbnail) begin(line string) {
	words := strings.Fields(line)
	if len(words) < 2 || words[1] != "begin" {
		return
	}
	t.open, t.skip, t.area, t.text = true, true, 0, t.text[:0]
	if len(words) < 3 || words[0] != "thumbnail" && words[0] != "thumbnail_JPG" {
		return
	}
	var w, h int
	if n, err := fmt.Sscanf(words[2], "%dx%d", &w, &h); err != nil || n != 2 || w < 1 || h < 1 || w > maxSide || h > maxSide {
		return
	}
	t.area = w * h
	t.skip = t.area <= t.bestArea
}

// add reads a line inside of a picture; part is false when it belongs to none,
// since the picture's end is missing.
func (t *thumbnail) add(line []byte) (part bool, err error) {
	if bytes.HasPrefix(line, []byte("thumbnail")) && bytes.HasSuffix(line, []byte(" end")) {
		t.open = false
		if !t.skip && len(t.text) > 0 {
			t.best, t.text = t.text, t.best[:0]
			t.bestArea = t.area
		}
		return true, nil
	}
	if bytes.ContainsAny(line, " :") {
		t.open = false
		return false, nil
	}
	if t.skip {
		return true, nil
	}
	if len(t.text)+len(line) > maxThumbnail {
		return true, invalid("a picture in the G-code has more than %d characters", maxThumbnail)
	}
	t.text = append(t.text, line...)
	return true, nil
}

// decode is the biggest picture, nil when there is none.
func (t *thumbnail) decode() []byte {
	if len(t.best) == 0 {
		return nil
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(t.best)))
	n, err := base64.StdEncoding.Decode(b, t.best)
	if err != nil {
		return nil
	}
	return b[:n]
}
