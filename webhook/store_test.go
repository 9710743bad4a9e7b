package webhook_test

import (
	"testing"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/webhook"
)

func TestCursor_IsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]webhook.Cursor{
		"": {}, "1.0": {Seq: 1}, "42.2": {Seq: 42, Part: webhook.Together}, "18446744073709551615.1": {Seq: ^uint64(0), Part: webhook.Item},
	} {
		if got, err := webhook.ParseCursor(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"0.0", "1", "1.", ".1", "1.3", "1.256", "01.0", "1.00", "-1.0", "+1.0", "1.0.0", "18446744073709551616.0", "x", " 1.0"} {
		if got, err := webhook.ParseCursor(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v (%v)", bad, got, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, text := range []string{"", "1.0", "42.2", "0.0", "1.3", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := webhook.ParseCursor(text); err == nil && c.String() != text {
			t.Errorf("%q was read as %v", text, c)
		}
	})
}

func TestDelivery_Within(t *testing.T) {
	of := func(printers ...int) webhook.Delivery {
		var d webhook.Delivery
		for _, id := range printers {
			d.Items = append(d.Items, webhook.Event{Entry: journal.Entry{Name: "print_started", PrinterID: id}})
		}
		d.Entry = journal.Entry{Name: "digest"}
		return d
	}
	one := webhook.Delivery{Entry: journal.Entry{Name: "print_started", PrinterID: 1}}
	for name, c := range map[string]struct {
		d        webhook.Delivery
		printers []int
		want     bool
	}{
		"its printer":              {one, []int{0, 1}, true},
		"another":                  {one, []int{0, 2}, false},
		"none":                     {one, []int{}, false},
		"an event of the bridge":   {webhook.Delivery{Entry: journal.Entry{Name: "endpoint_disabled"}}, []int{0, 1}, false},
		"a test":                   {webhook.Delivery{Entry: journal.Entry{Name: "test"}}, []int{0, 1}, true},
		"a digest of its printers": {of(1, 2, 1), []int{0, 1, 2}, true},
		"a digest with another":    {of(1, 2, 3), []int{0, 1, 2}, false},
	} {
		if got := c.d.Within(c.printers); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
