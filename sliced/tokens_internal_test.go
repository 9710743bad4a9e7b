package sliced

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// allTokens are the tokens of a text up to its end, or to a directive or to an error.
func allTokens(r io.Reader) ([]xml.Token, error) {
	var all []xml.Token
	for d := xml.NewDecoder(r); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, xml.CopyToken(token))
		if _, is := token.(xml.Directive); is {
			return all, nil
		}
	}
}

// FuzzTokens reads XML: what has nothing to be mended is read as it is, and
// what is mended lets no directive pass unseen.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{
		`<a b="c & d" e='<f>'/>`, `<a><!-- " & --><![CDATA[ ' ]] ]]><?p " ?>text ' &amp;<b c="&#x41;&lt;"/></a>`,
		`<!DOCTYPE a [<!ENTITY b "c">]><a b="&b;"/>`, `<a b="x"><!-->--></a>`, `<a b=""></a b="">`, `<?xml version="1.0"?><a b='"'/>`, `<![CDATA[]]]]>`, `<?>?>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, wrong := allTokens(strings.NewReader(s))
		got, err := allTokens(&tokens{r: bufio.NewReader(strings.NewReader(s)), left: 6*len(s) + 1})
		if wrong == nil && (err != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%q is read as %v (%v), want %v", s, got, err, want)
		}
		if len(got) < len(want) {
			t.Errorf("%q is read to %d tokens, without mending to %d", s, len(got), len(want))
		}
	})
}
