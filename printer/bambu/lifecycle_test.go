package bambu

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/printer"
)

// play drives a life by hand and tells the events that a session would tell.
type play struct {
	t     *testing.T
	cycle lifecycle
	life  life
	facts facts
	state printer.State
	now   time.Time
	start bool
	gap   bool
	ids   int
	told  []string
}

func newPlay(t *testing.T) *play {
	t.Helper()
	p := &play{t: t, now: time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC), start: true, gap: true}
	p.facts = facts{Percent: -1, RemainingMinutes: -1, Layer: -1, TotalLayers: -1, Stage: -2}
	p.cycle = lifecycle{
		grace:      defaultGrace,
		newID:      func() string { p.ids++; return fmt.Sprintf("job%d", p.ids) },
		errorFault: func(c uint32) printer.Fault { return printer.Fault{Code: codeText(c), Severity: printer.Serious} },
		hmsFault: func(e hmsEntry) printer.Fault {
			severity := map[uint32]printer.Severity{1: printer.Fatal, 2: printer.Serious}[e.Code>>16]
			return printer.Fault{Code: codeText(e.Attr) + "_" + codeText(e.Code), Severity: severity, Text: "hms"}
		},
	}
	return p
}

// show does what a session does with a new picture.
func (p *play) show() {
	next := p.state
	next.Online = true
	next.Activity, next.Job = p.life.Activity, p.life.Job
	next = printer.Carry(p.state, next)
	for _, e := range printer.Diff(p.state, next, printer.DefaultMarks()) {
		word := strings.TrimPrefix(e.Name, "print_")
		if e.Detail.Milestone != nil {
			word += fmt.Sprint(" ", *e.Detail.Milestone)
		}
		if e.Detail.Reason != "" {
			word += " " + e.Detail.Reason
		}
		if e.Name != "printer_online" {
			p.told = append(p.told, word)
		}
	}
	p.state = next
}

// report is a report after d that changes facts.
func (p *play) report(d time.Duration, change func(f *facts)) *play {
	p.now = p.now.Add(d)
	if change != nil {
		change(&p.facts)
	}
	for more := true; more; {
		p.life, more = p.cycle.step(p.life, p.facts, cue{Start: p.start, Gap: p.gap}, p.now)
		p.start = false
		p.show()
	}
	p.gap = false
	return p
}

// wire is a report after 2 s with a gcode_state and pairs of other changes.
func (p *play) wire(state string, changes ...func(f *facts)) *play {
	return p.report(2*time.Second, func(f *facts) {
		f.State = state
		for _, c := range changes {
			c(f)
		}
	})
}

// wait lets time pass without a report.
func (p *play) wait(d time.Duration) *play {
	p.now = p.now.Add(d)
	p.life = p.cycle.tick(p.life, p.facts, p.now)
	p.show()
	return p
}

func (p *play) ack(command string) *play {
	p.life = p.cycle.asked(p.life, command, p.facts, p.now)
	p.show()
	return p
}

// restart forgets everything but what is stored.
func (p *play) restart(after time.Duration) *play {
	stored := memory{Life: p.life}.store()
	p.now = p.now.Add(after)
	p.life = p.cycle.revive(recall(stored, printer.State{Job: p.life.Job}).Life, p.now)
	p.facts = facts{Percent: -1, RemainingMinutes: -1, Layer: -1, TotalLayers: -1, Stage: -2}
	p.start, p.gap = true, true
	return p
}

func (p *play) lost() *play { p.gap = true; return p }

func named(n string) func(f *facts)         { return func(f *facts) { f.Name = n } }
func numbered(n string) func(f *facts)      { return func(f *facts) { f.TaskID = n } }
func atPercent(n int) func(f *facts)        { return func(f *facts) { f.Percent = n } }
func atLayer(n int) func(f *facts)          { return func(f *facts) { f.Layer = n } }
func minutesLeft(n int) func(f *facts)      { return func(f *facts) { f.RemainingMinutes = n } }
func inStage(n int) func(f *facts)          { return func(f *facts) { f.Stage = n } }
func raising(c uint32) func(*facts)         { return func(f *facts) { f.PrintError = c } }
func failedBy(c uint32) func(*facts)        { return func(f *facts) { f.FailReason = c } }
func erring(c uint32) func(*facts)          { return func(f *facts) { f.Err = c } }
func listing(list ...hmsEntry) func(*facts) { return func(f *facts) { f.HMS = list } }

// printing is a play in which a print has been seen to begin and to run.
func printing(t *testing.T) *play {
	p := newPlay(t).wire("IDLE", named("old")).wire("PREPARE", named("vase")).wire("RUNNING", atPercent(10), atLayer(3))
	p.told = nil
	return p
}

func hmsJam() hmsEntry    { return hmsEntry{Attr: 0x03000100, Code: 0x00020001} }
func hmsWorn() hmsEntry   { return hmsEntry{Attr: 0x05010400, Code: 0x00030002} }
func hmsEcho() hmsEntry   { return hmsEntry{Attr: 0x0C000100, Code: 0x0002001B} }
func hmsRunout() hmsEntry { return hmsEntry{Attr: 0x07002100, Code: 0x00020001} }

func TestLifecycle_Events(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(p *play)
		want []string
	}{
		{"a whole print tells each event once and ignores the old 100 percent", func(p *play) {
			p.wire("FINISH", named("old"), atPercent(100), atLayer(40)).wire("IDLE", named("vase")).wire("PREPARE")
			p.wire("RUNNING").wire("RUNNING", atPercent(0), atLayer(0)).wire("RUNNING", atPercent(6)).wire("RUNNING", atLayer(1)).wire("RUNNING", atLayer(2), atPercent(26))
			p.wire("RUNNING", atPercent(74)).wire("RUNNING", atPercent(75)).wire("RUNNING", atPercent(100)).wire("FINISH").wire("FINISH").wire("IDLE")
		}, []string{"started", "first_layer_complete", "progress 25", "progress 50", "progress 75", "complete"}},
		{"what a cancelled print left behind is not the next one's progress", func(p *play) {
			p.wire("IDLE", named("old")).wire("RUNNING", atPercent(1)).wire("RUNNING", atPercent(57), atLayer(20)).wire("FAILED", raising(cancelCode))
			p.told = nil
			p.wire("IDLE", raising(0)).wire("PREPARE", named("vase")).wire("RUNNING").wire("RUNNING").wire("RUNNING", atPercent(0), atLayer(0))
			p.wire("RUNNING", atPercent(26), atLayer(1)).wire("RUNNING", atLayer(2)).wire("RUNNING", atPercent(57)).wire("FINISH")
		}, []string{"started", "progress 25", "first_layer_complete", "progress 50", "progress 75", "complete"}},
		{"nor is it when a print begins without preparation", func(p *play) {
			p.wire("IDLE", named("old"), atPercent(57)).wire("RUNNING", named("vase")).wire("RUNNING", atPercent(1)).wire("RUNNING", atPercent(26))
		}, []string{"started", "progress 25"}},
		{"nor when the program begins while it prepares", func(p *play) {
			p.wire("PREPARE", named("vase"), atPercent(57), atLayer(20)).wire("RUNNING").wire("RUNNING", atPercent(0), atLayer(0)).wire("RUNNING", atPercent(26))
		}, []string{"started", "progress 25"}},
		{"progress that the first running report brings counts", func(p *play) {
			p.wire("IDLE", named("old"), atPercent(57)).wire("PREPARE", named("vase")).wire("RUNNING", atPercent(30))
		}, []string{"started", "progress 25"}},
		{"a held end is followed by a print with progress of its own", func(p *play) {
			p.wire("IDLE", named("old")).wire("RUNNING", atPercent(57)).wire("FAILED")
			p.told = nil
			p.wire("RUNNING", named("vase"), atPercent(30))
		}, []string{"failed unknown", "started", "progress 25"}},
		{"a print seen for the first time while it runs is attached to", func(p *play) {
			p.wire("RUNNING", named("vase"), atPercent(60), atLayer(20)).wire("RUNNING", atPercent(76)).wire("FINISH")
		}, []string{"progress 75", "complete"}},
		{"a finished print found at the first start is no event", func(p *play) { p.wire("FINISH", named("vase"), atPercent(100)).wire("IDLE") }, nil},
		{"a cancelled print found at the first start is no event", func(p *play) {
			p.wire("FAILED", named("vase"), raising(cancelCode), failedBy(cancelCode)).wire("FAILED", raising(0)).wait(time.Minute)
		}, nil},
		{"finishing without ever having been active is no event", func(p *play) { p.wire("IDLE", named("a")).wire("FINISH") }, nil},
		{"a rejected job fails from PREPARE", func(p *play) {
			p.wire("IDLE").wire("PREPARE", named("vase")).wire("FAILED", raising(0x05008013)).wait(defaultGrace)
		}, []string{"started", "failed 0500_8013"}},
		{"a job cancelled in PREPARE is stopped", func(p *play) {
			p.wire("IDLE").wire("PREPARE", named("vase")).wire("FAILED", raising(cancelCode)).wait(defaultGrace)
		}, []string{"started", "stopped user"}},
		{"the last job's cancel code does not explain the next job's failure", func(p *play) {
			p.wire("FAILED", named("a"), failedBy(cancelCode)).wire("PREPARE", named("b")).wire("FAILED").wait(defaultGrace)
		}, []string{"started", "failed unknown"}},
		{"the next job runs into a cancel of its own", func(p *play) {
			p.wire("FAILED", named("a"), failedBy(cancelCode)).wire("PREPARE", named("b")).wire("RUNNING", failedBy(0)).wire("FAILED", failedBy(cancelCode)).wait(time.Minute)
		}, []string{"started", "stopped user"}},
		{"two prints of one file by two task ids", func(p *play) {
			p.wire("IDLE").wire("RUNNING", named("a"), numbered("1"), atPercent(50)).wire("FINISH").wire("RUNNING", numbered("2"), atPercent(1))
		}, []string{"started", "progress 25", "progress 50", "progress 75", "complete", "started"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(t)
			c.play(p)
			checkTold(t, p, c.want)
		})
	}
}

func checkTold(t *testing.T, p *play, want []string) {
	t.Helper()
	if !slices.Equal(p.told, want) {
		t.Errorf("events\n got %q\nwant %q", p.told, want)
	}
}

func TestLifecycle_Endings(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(p *play)
		want []string
	}{
		{"cancel code in print_error with the state", func(p *play) { p.wire("FAILED", raising(cancelCode)).wait(time.Minute) }, []string{"stopped user"}},
		{"the other cancel code in fail_reason", func(p *play) { p.wire("FAILED", failedBy(cancelCodeBoard)).wait(time.Minute) }, []string{"stopped user"}},
		{"cancel code in err", func(p *play) { p.wire("FAILED", erring(cancelCode)).wait(time.Minute) }, []string{"stopped user"}},
		{"cancel code before the state, and gone by then", func(p *play) {
			p.wire("RUNNING", raising(cancelCode)).wire("RUNNING", raising(0)).wire("FAILED").wait(time.Minute)
		}, []string{"stopped user"}},
		{"cancel code after the state, within the grace", func(p *play) { p.wire("FAILED").wire("FAILED", failedBy(cancelCode)).wait(time.Minute) }, []string{"stopped user"}},
		{"cancel repeated in hms", func(p *play) { p.wire("FAILED", listing(hmsEcho())).wait(time.Minute) }, []string{"stopped user"}},
		{"no code but an acknowledged stop before", func(p *play) { p.ack("stop").wire("FAILED").wait(time.Minute) }, []string{"stopped user"}},
		{"no code but a stop acknowledged within the grace", func(p *play) { p.wire("FAILED").ack("stop").wait(time.Minute) }, []string{"stopped user"}},
		{"a stop acknowledged long ago explains nothing", func(p *play) { p.ack("stop").wait(askedTime + time.Second).wire("FAILED").wait(time.Minute) }, []string{"failed unknown"}},
		{"IDLE right after RUNNING", func(p *play) { p.wire("IDLE") }, []string{"stopped user"}},
		{"no explanation within the grace", func(p *play) { p.wire("FAILED").wait(defaultGrace) }, []string{"failed unknown"}},
		{"the reason is the last error", func(p *play) {
			p.wire("RUNNING", raising(0x03008003)).wire("FAILED", raising(0)).wait(defaultGrace)
		}, []string{"failed 0300_8003"}},
		{"the reason is an entry of hms that came with this job", func(p *play) { p.wire("FAILED", listing(hmsWorn(), hmsJam())).wait(defaultGrace) }, []string{"failed hms"}},
		{"a cancel code after the grace changes nothing", func(p *play) { p.wire("FAILED").wait(defaultGrace).wire("FAILED", raising(cancelCode)) }, []string{"failed unknown"}},
		{"a dismissed dialog is nothing new", func(p *play) {
			p.wire("FAILED", raising(cancelCode), failedBy(cancelCode)).wire("FAILED", erring(0)).wire("FAILED", raising(0)).wait(time.Minute).wire("IDLE")
		}, []string{"stopped user"}},
		{"the next print begins within the grace", func(p *play) { p.wire("FAILED").wire("PREPARE", named("next")) }, []string{"failed unknown", "started"}},
		{"a phase is no error", func(p *play) { p.wire("RUNNING", raising(0x03000001)).wire("FAILED").wait(defaultGrace) }, []string{"failed unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := printing(t)
			c.play(p)
			checkTold(t, p, c.want)
			if p.life.Job.EndedAt.IsZero() && p.life.Job.Over() {
				t.Error("the job has ended, but when is not known")
			}
		})
	}
}

func TestLifecycle_Pauses(t *testing.T) {
	for _, c := range []struct {
		name             string
		play             func(p *play)
		kind, reason     string
		code             string
		pauses           int
		eventsBeforeLast []string
	}{
		{"by a person, told by the code", func(p *play) { p.wire("PAUSE", raising(userPause)) }, "user", "user", "0300_8001", 1, []string{"paused user"}},
		{"by a person, told by the stage", func(p *play) { p.wire("PAUSE", inStage(16)) }, "user", "user", "", 1, []string{"paused user"}},
		{"by our command", func(p *play) { p.ack("pause").wire("PAUSE", inStage(13)) }, "user", "user", "", 1, []string{"paused user"}},
		{"runout by the code", func(p *play) { p.wire("PAUSE", raising(0x07018011)) }, "runout", "filament_runout", "0701_8011", 1, []string{"filament_runout filament_runout", "paused filament_runout"}},
		{"runout by the stage", func(p *play) { p.wire("PAUSE", inStage(6)) }, "runout", "filament_runout", "", 1, []string{"filament_runout filament_runout", "paused filament_runout"}},
		{"runout told a report later", func(p *play) { p.wire("PAUSE").wire("PAUSE", listing(hmsRunout())) }, "runout", "filament_runout", "0700_2100_0002_0001", 1, []string{"paused", "filament_runout filament_runout"}},
		{"fault by the code, hms before", func(p *play) { p.wire("RUNNING", listing(hmsJam())).wire("PAUSE", raising(0x0500808F)) }, "fault", "0500_808F", "0500_808F", 1, []string{"paused 0500_808F"}},
		{"fault by hms alone", func(p *play) { p.wire("PAUSE", listing(hmsJam()), inStage(13)) }, "fault", "hms", "0300_0100_0002_0001", 1, []string{"paused hms"}},
		{"by G-code", func(p *play) { p.wire("PAUSE", inStage(30)) }, "gcode", stageSlug(30), "", 1, []string{strings.TrimSpace("paused " + stageSlug(30))}},
		{"a resumed print has no reason", func(p *play) { p.wire("PAUSE", inStage(16)).wire("RUNNING", inStage(0)) }, "", "", "", 1, []string{"paused user", "resumed"}},
		{"an old pause of ours does not explain the next", func(p *play) {
			p.ack("pause").wire("PAUSE").wire("RUNNING").wire("PAUSE", inStage(17))
		}, "fault", stageSlug(17), "", 2, []string{"paused user", "resumed", strings.TrimSpace("paused " + stageSlug(17))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := printing(t)
			c.play(p)
			j := p.life.Job
			if j.PauseKind != c.kind || j.PauseReason != c.reason || j.PauseCode != c.code || j.Pauses != c.pauses {
				t.Errorf("pause is %q %q %q %d, want %q %q %q %d", j.PauseKind, j.PauseReason, j.PauseCode, j.Pauses, c.kind, c.reason, c.code, c.pauses)
			}
			checkTold(t, p, c.eventsBeforeLast)
		})
	}
}

func TestLifecycle_GapsAndRestarts(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(p *play)
		want []string
	}{
		{"the same job goes on after a gap", func(p *play) { p.lost().wire("RUNNING", atPercent(30)) }, []string{"progress 25"}},
		{"another name after a gap is another job", func(p *play) { p.lost().wire("RUNNING", named("next"), atPercent(12), atLayer(0)) }, []string{"failed unknown", "started"}},
		{"progress that fell back in a gap is another job", func(p *play) { p.lost().wire("RUNNING", atPercent(1), atLayer(0)) }, []string{"failed unknown", "started"}},
		{"progress that falls back without a gap is not", func(p *play) { p.wire("RUNNING", atPercent(0), atLayer(0)) }, nil},
		{"another job prepares after a gap", func(p *play) { p.lost().wire("PREPARE") }, []string{"failed unknown", "started"}},
		{"another job has come and gone in a gap", func(p *play) { p.lost().wire("FINISH", named("next")) }, []string{"failed unknown", "started", "first_layer_complete", "progress 25", "progress 50", "progress 75", "complete"}},
		{"finished in a gap", func(p *play) { p.lost().wire("FINISH", atPercent(100)) }, []string{"progress 25", "progress 50", "progress 75", "complete"}},
		{"gone in a gap, end unknown", func(p *play) { p.lost().wire("IDLE", inStage(0)) }, []string{"failed unknown"}},
		{"a new name while running is another job", func(p *play) { p.wire("RUNNING", named("next"), atPercent(0)) }, []string{"failed unknown", "started"}},
		{"what was left behind is not the progress after a restart either", func(p *play) {
			p.wire("FAILED", raising(cancelCode), atPercent(57)).wire("PREPARE", named("next"), raising(0))
			p.restart(time.Minute).wire("RUNNING", named("next"), atPercent(57)).wire("RUNNING", atPercent(0)).wire("RUNNING", atPercent(26))
		}, []string{"progress 25", "progress 50", "stopped user", "started", "progress 25"}},
		{"restart in mid-print", func(p *play) { p.restart(time.Hour).wire("RUNNING", named("vase"), atPercent(30)).wire("FINISH") }, []string{"progress 25", "progress 50", "progress 75", "complete"}},
		{"restart into another job", func(p *play) { p.restart(time.Hour).wire("RUNNING", named("next"), atPercent(30)) }, []string{"failed unknown", "started", "progress 25"}},
		{"restart after an end that was told", func(p *play) {
			p.wire("FINISH").restart(time.Hour).wire("FINISH", named("vase"), atPercent(100))
		}, []string{"progress 25", "progress 50", "progress 75", "complete"}},
		{"a print found running after a restart while idle is attached to", func(p *play) {
			p.wire("FINISH").restart(time.Hour).wire("RUNNING", named("next"), atPercent(40)).wire("RUNNING", atPercent(50))
		}, []string{"progress 25", "progress 50", "progress 75", "complete", "progress 50"}},
		{"a crash within the grace, the code comes after it", func(p *play) {
			p.wire("FAILED").restart(3*time.Second).wire("FAILED", named("vase"), failedBy(cancelCode)).wait(time.Minute)
		}, []string{"stopped user"}},
		{"a crash within the grace and no code", func(p *play) {
			p.wire("FAILED").restart(3*time.Second).wire("FAILED", named("vase")).wait(defaultGrace)
		}, []string{"failed unknown"}},
		{"a crash within the grace and a long rest", func(p *play) {
			p.wire("FAILED").restart(time.Hour).wire("FAILED", named("vase"), raising(cancelCode)).wait(time.Minute)
		}, []string{"stopped user"}},
		{"a crash after a stop was acknowledged", func(p *play) { p.ack("stop").restart(2*time.Second).wire("FAILED", named("vase")).wait(time.Minute) }, []string{"stopped user"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := printing(t)
			c.play(p)
			checkTold(t, p, c.want)
		})
	}
}

func TestLifecycle_Values(t *testing.T) {
	t.Run("the last values before a stop stay", func(t *testing.T) {
		p := printing(t).wire("RUNNING", atPercent(43), atLayer(20), minutesLeft(30)).wire("RUNNING", atPercent(0), atLayer(0), minutesLeft(0)).wire("FAILED", raising(cancelCode))
		j := p.life.Job
		if j.Progress != printer.Some(43) || j.Layer != printer.Some(20) || j.RemainingSeconds.Known {
			t.Errorf("progress %v, layer %v, remaining %v", j.Progress, j.Layer, j.RemainingSeconds)
		}
	})
	t.Run("no time left is unknown while nothing is estimated", func(t *testing.T) {
		p := newPlay(t).wire("IDLE").wire("PREPARE", minutesLeft(0)).wire("RUNNING", atPercent(0))
		if r := p.life.Job.RemainingSeconds; r.Known {
			t.Errorf("remaining is %v, want unknown", r)
		}
		p.wire("RUNNING", minutesLeft(86))
		if r := p.life.Job.RemainingSeconds; r != printer.Some(86*60) {
			t.Errorf("remaining is %v, want 86 min", r)
		}
	})
	t.Run("the activity stays during the grace", func(t *testing.T) {
		p := printing(t).wire("FAILED")
		if p.life.Activity != printer.Printing {
			t.Errorf("activity is %s, want printing", p.life.Activity)
		}
		ended := p.now
		p.wait(defaultGrace)
		if p.life.Activity != printer.Failed || !p.life.Job.EndedAt.Equal(ended) {
			t.Errorf("activity %s, ended %s; want failed at %s", p.life.Activity, p.life.Job.EndedAt, ended)
		}
	})
	t.Run("a stopped print stays stopped while the printer shows FAILED", func(t *testing.T) {
		p := printing(t).wire("FAILED", raising(cancelCode)).wire("FAILED", raising(0))
		if p.life.Activity != printer.Stopped || p.life.Job.Code != "0300_400C" {
			t.Errorf("activity %s, code %q", p.life.Activity, p.life.Job.Code)
		}
	})
	t.Run("words that mean nothing change nothing", func(t *testing.T) {
		p := printing(t)
		before := p.life
		p.wire("OFFLINE").wire("INIT").wire("").wire("SOMETHING")
		if p.life.Activity != before.Activity || !p.life.Job.Equal(before.Job) {
			t.Errorf("life became %+v", p.life)
		}
	})
	t.Run("names are clipped to what memory holds", func(t *testing.T) {
		p := newPlay(t).wire("IDLE").wire("RUNNING", named(strings.Repeat("x", 1<<20)))
		data, err := json.Marshal(memory{Life: p.life})
		if err != nil || len(data) > printer.MaxMemory {
			t.Errorf("memory has %d bytes, error %v", len(data), err)
		}
	})
}
