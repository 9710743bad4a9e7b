package bambu

import (
	"slices"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

func codesShown(list []episode) []string {
	var out []string
	for _, f := range shown(list) {
		out = append(out, f.Code)
	}
	return out
}

func TestFollow_Episodes(t *testing.T) {
	named := func(codes ...string) []episode {
		var out []episode
		for _, c := range codes {
			out = append(out, episode{Fault: printer.Fault{Code: c, Severity: printer.Serious}})
		}
		return out
	}
	start := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

	t.Run("flicker is one episode", func(t *testing.T) {
		var list []episode
		now := start
		for range 5 {
			list = follow(list, named("A"), now)
			now = now.Add(25 * time.Second)
			list = follow(list, nil, now)
			now = now.Add(64 * time.Second)
			if got := codesShown(list); !slices.Equal(got, []string{"A"}) {
				t.Fatalf("faults %q while it flickers", got)
			}
		}
		if list = follow(list, nil, now.Add(hmsClear)); len(list) != 0 {
			t.Errorf("faults %q after it has gone", codesShown(list))
		}
	})
	t.Run("an error ends sooner", func(t *testing.T) {
		list := follow(nil, []episode{{Fault: printer.Fault{Code: "E"}, Error: true}}, start)
		list = follow(list, nil, start.Add(time.Second))
		if list = expire(slices.Clone(list), start.Add(time.Second+errorClear)); len(list) != 0 {
			t.Errorf("faults %q", codesShown(list))
		}
	})
	t.Run("two entries of one code are one fault", func(t *testing.T) {
		if got := codesShown(follow(nil, named("A", "A"), start)); !slices.Equal(got, []string{"A"}) {
			t.Errorf("faults %q", got)
		}
	})
	t.Run("most severe first, then by code", func(t *testing.T) {
		list := follow(nil, []episode{
			{Fault: printer.Fault{Code: "1", Severity: printer.Info}}, {Fault: printer.Fault{Code: "3", Severity: printer.Serious}},
			{Fault: printer.Fault{Code: "2", Severity: printer.Serious}}, {Fault: printer.Fault{Code: "4", Severity: printer.Fatal}},
		}, start)
		if got := codesShown(list); !slices.Equal(got, []string{"4", "2", "3", "1"}) {
			t.Errorf("faults %q", got)
		}
	})
	t.Run("a printer cannot make us remember without end", func(t *testing.T) {
		var many []episode
		for i := range 10 * maxFaults {
			many = append(many, episode{Fault: printer.Fault{Code: codeText(uint32(i))}})
		}
		if n := len(follow(nil, many, start)); n != maxFaults {
			t.Errorf("%d episodes", n)
		}
	})
	t.Run("the list that was handed over does not change", func(t *testing.T) {
		before := follow(nil, named("A"), start)
		_ = follow(before, nil, start.Add(time.Second))
		if !before[0].Gone.IsZero() {
			t.Error("an episode of the older list was changed")
		}
	})
}

func TestLifecycle_Standing(t *testing.T) {
	cycle := newPlay(t).cycle
	for _, c := range []struct {
		name  string
		facts facts
		want  []string
	}{
		{"an entry of hms", facts{HMS: []hmsEntry{hmsJam()}}, []string{"0300_0100_0002_0001"}},
		{"an error", facts{PrintError: 0x0500808F}, []string{"0500_808F"}},
		{"an error with a first digit that is not 0", facts{PrintError: 0x12008012}, []string{"1200_8012"}},
		{"a prompt", facts{PrintError: 0x0500C010}, []string{"0500_C010"}},
		{"a phase is none", facts{PrintError: 0x03000001}, nil},
		{"a cancel is none", facts{PrintError: cancelCode}, nil},
		{"a cancel of the board is none", facts{PrintError: cancelCodeBoard}, nil},
		{"a cancel repeated in hms is none", facts{HMS: []hmsEntry{hmsEcho()}}, nil},
		{"a pause by a person is none", facts{PrintError: userPause}, nil},
		{"a refused command is none", facts{HMS: []hmsEntry{{Attr: 0x05000500, Code: 0x00010007}}}, nil},
		{"an empty entry is none", facts{HMS: []hmsEntry{{}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := codesShown(cycle.standing(c.facts)); !slices.Equal(got, c.want) {
				t.Errorf("faults %q, want %q", got, c.want)
			}
		})
	}
}
