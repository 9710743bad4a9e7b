package logbook_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/printwire/printwire/logbook"
)

func TestBook_NoLineShowsASecret(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		b := logbook.New(&out)
		log := b.Logger(format, slog.LevelInfo)
		log.Info("before it is known", "reason", "later says no")
		b.Hide("canary one", `can"ary`, "later")
		log.With("code", "canary one").Info("canary one", "error", errors.New(`refused: can"ary`), slog.Group("in", "key", "pw_live_0123456789ABCDEFGHIJ"))
		log.Debug("not at this level")
		if n := strings.Count(out.String(), "\n"); n != 2 {
			t.Errorf("%s: %d lines:\n%s", format, n, out.String())
		}
		seen := out.String()[strings.Index(out.String(), "\n"):] + strings.Join(b.Lines(), "\n")
		for _, text := range []string{"canary", `ary"`, "0123456789", "later says"} {
			if strings.Contains(seen, text) {
				t.Errorf("%s shows %s: %s", format, text, seen)
			}
		}
	}
}

func TestBook_RemembersTheLastLines(t *testing.T) {
	b := logbook.New(&bytes.Buffer{})
	if len(b.Lines()) != 0 {
		t.Error("an empty book has lines")
	}
	for i := range 1234 {
		if _, err := fmt.Fprintf(b, "line %d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	got := b.Lines()
	if len(got) != 500 || got[0] != "line 734" || got[499] != "line 1233" {
		t.Errorf("%d lines, from %q to %q", len(got), got[0], got[len(got)-1])
	}
	if _, err := fmt.Fprintln(b, strings.Repeat("ä", 5000)); err != nil {
		t.Fatal(err)
	}
	if got := b.Lines(); len(got[499]) > 3000 {
		t.Errorf("a line of %d bytes is remembered", len(got[499]))
	}
}

func TestBook_ManyAtOnce(t *testing.T) {
	var out bytes.Buffer
	b := logbook.New(&out)
	log := b.Logger("text", slog.LevelInfo)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { // owner: this test waits
			for range 100 {
				log.Info("hello")
			}
			b.Lines()
		})
	}
	wg.Wait()
	if n := strings.Count(out.String(), "\n"); n != 800 {
		t.Errorf("%d lines", n)
	}
}
