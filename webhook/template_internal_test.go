package webhook

import (
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestExecute_ALoopThatWritesNothingHasAnEndInTime(t *testing.T) {
	events := make([]any, 50)
	dot := map[string]any{"data": map[string]any{"events": events}}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	asked := 0
	now := func() time.Time {
		asked++
		return start.Add(time.Duration(asked) * time.Millisecond)
	}
	_, err := execute(`{{range .data.events}}{{range $.data.events}}{{if eq 1 2}}x{{end}}{{end}}{{end}}`, dot, now)
	if !errors.Is(err, errSlow) || asked > 260 {
		t.Errorf("after asking for the time %d times the error is %v, want that it took too long", asked, err)
	}
}

func TestExecute_AMachineThatStandsStillIsNoSlowTemplate(t *testing.T) {
	dot := map[string]any{"data": map[string]any{"events": make([]any, 20)}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	asked := 0
	now := func() time.Time {
		if asked++; asked%10 == 0 {
			at = at.Add(time.Minute)
		}
		return at
	}
	if text, err := execute(`{{range .data.events}}x{{end}}`, dot, now); err != nil || text != strings.Repeat("x", 20) {
		t.Errorf("it stood still %d times: %q (%v)", asked/10, text, err)
	}
}

func TestLane_APanicIsAnError(t *testing.T) {
	l := newLane(New(Options{}), Endpoint{ID: "x", Enabled: true}, Health{}) // Without a store.
	if _, err := l.guarded(t.Context()); err == nil {
		t.Error("a panic gave no error")
	}
}

func TestDocs_NameEveryFunction(t *testing.T) {
	text, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| Function |")
	names := slices.Concat(slices.Collect(maps.Keys((&budget{}).functions())), slices.Collect(maps.Keys(builtin())))
	for _, name := range names {
		if !regexp.MustCompile("[` ]" + name + "[` ]").MatchString(table) {
			t.Errorf("docs/webhooks.md does not name the function %s", name)
		}
	}
}
