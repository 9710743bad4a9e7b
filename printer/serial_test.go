package printer_test

import (
	"strings"
	"testing"

	"github.com/printwire/printwire/printer"
)

func TestValidSerial(t *testing.T) {
	for _, s := range []string{"A", "0", "01S00C000000001", "BAMBU_0A1B2C3D", "-_-", strings.Repeat("X", 50)} {
		if !printer.ValidSerial(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", strings.Repeat("X", 51), "01s00c", "A B", "A/B", "A#", "A+", "A\n", "\x00", "É", "{{A}}", "A@", "[", "`", ":"} {
		if printer.ValidSerial(s) {
			t.Errorf("%q is taken", s)
		}
	}
}
