package discovery

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// TestDocs_MatchTheTables keeps docs/entities.md and docs/events.md the same as
// the tables; -update writes them.
func TestDocs_MatchTheTables(t *testing.T) {
	for name, want := range map[string]string{"entities.md": entitiesDoc(), "events.md": eventsDoc()} {
		file := filepath.Join("..", "docs", name)
		if flag.Lookup("update").Value.String() == "true" {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s differs from the tables: go test ./discovery -run Docs -update", file)
		}
	}
}

// TestDocs_MigrationTableNamesRealEntities checks every key of ours in docs/from-ha-bambulab.md.
func TestDocs_MigrationTableNamesRealEntities(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "from-ha-bambulab.md"))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, r := range slices.Concat(printerRows(), unitRows(), bridgeRows()) {
		keys[string(r.platform)+" `"+r.key+"`"] = true
	}
	for _, e := range journal.Events() {
		keys["event `"+e.Name+"`"] = true
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		rows++
		ours := strings.TrimSpace(cells[2])
		if strings.HasPrefix(ours, "not yet") || strings.HasPrefix(ours, "no:") {
			continue
		}
		for one := range strings.SplitSeq(ours, ", ") {
			if !keys[one] {
				t.Errorf("%q is no entity or event of ours", one)
			}
		}
	}
	if rows < 60 {
		t.Errorf("only %d rows", rows)
	}
}

func TestTables_KeysAreUniqueAndAllowed(t *testing.T) {
	for name, rows := range map[string][]row{"printer": printerRows(), "unit": unitRows(), "bridge": bridgeRows()} {
		seen := map[string]bool{}
		for _, r := range rows {
			if seen[r.key] || slices.Contains([]string{"status", "state", "event", "trigger", "command", "availability"}, r.key) {
				t.Errorf("%s: key %s is taken or reserved", name, r.key)
			}
			seen[r.key] = true
			if strings.HasPrefix(r.key, "ams_") || strings.Trim(r.key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				t.Errorf("%s: key %s", name, r.key)
			}
			if (r.platform == button) != (r.value == nil && r.platform != event) {
				t.Errorf("%s: %s of platform %s has a wrong value", name, r.key, r.platform)
			}
		}
	}
}

func entitiesDoc() string {
	var b strings.Builder
	b.WriteString(`# Entities

Made from the tables of the package ` + "`discovery`" + `; do not edit. Each entity has one retained topic with its plain value,
published only when it changed. Unknown is ` + "`None`" + `. Topics that end in ` + "`/set`" + ` take commands, never retained; the answer is the
changed value, and a line on ` + "`printwire/<serial>/command/result`" + `: ` + "`{\"id\",\"command\",\"ok\",\"reason\"}`" + `. A command is the plain value, or
` + "`{\"id\":\"…\",\"value\":…}`" + ` when you want to find its result.

Entity ids are ` + "`<platform>.<slug>_<key>`" + `; the slug is made once from the printer's name and survives renaming. Unique ids are
` + "`printwire_<serial>_<key>`" + `. An entity exists when the printer has shown that it has the thing. On a printer that refuses commands (LAN
mode without Developer mode) the entities marked *moves* are shown without their control, or left out where nothing is left to show.

`)
	for _, s := range []struct {
		title, intro, topic string
		rows                []row
	}{
		{"A printer", "", "printwire/<serial>/", printerRows()},
		{"A filament changer (AMS)", "A device of its own below its printer, by position: `<id>` is 0–3, 16 or 128–135.", "printwire/<serial>/ams_<id>_", unitRows()},
		{"The bridge", "", "printwire/bridge/", bridgeRows()},
	} {
		fmt.Fprintf(&b, "## %s\n\n", s.title)
		if s.intro != "" {
			b.WriteString(s.intro + "\n\n")
		}
		b.WriteString("| Key | Platform | Name | Class, unit | Category | Command | Notes |\n|---|---|---|---|---|---|---|\n")
		for _, r := range s.rows {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", r.key, r.platform, r.name, classDoc(&r), categoryDoc(&r), commandDoc(&r), notesDoc(&r))
		}
		fmt.Fprintf(&b, "\nTopics: `%s<key>`.\n\n", s.topic)
	}
	b.WriteString(otherTopics())
	b.WriteString(documentDoc())
	return b.String()
}

func classDoc(r *row) string {
	unit := r.unit
	if r.money {
		unit = "the currency that is set"
	}
	parts := slices.DeleteFunc([]string{r.class, r.state, unit}, func(s string) bool { return s == "" })
	return strings.Join(parts, ", ")
}

func categoryDoc(r *row) string {
	s := string(r.category)
	if r.hidden {
		s = strings.TrimPrefix(s+", disabled", ", ")
	}
	return s
}

func commandDoc(r *row) string {
	switch {
	case !r.taken():
		return ""
	case r.platform == button:
		return "`PRESS`"
	case r.platform == fan:
		return "`ON` `OFF`; `/percentage/set` 0–100"
	case r.platform == choice:
		return "a word"
	case r.platform == number:
		return "a number"
	default:
		return "`ON` `OFF`"
	}
}

func notesDoc(r *row) string {
	var notes []string
	if r.options != nil {
		if words := r.options(&view{d: &Discovery{}}); len(words) > 0 {
			notes = append(notes, "`"+strings.Join(words, "` `")+"`.")
		}
	}
	if r.about != "" {
		notes = append(notes, r.about)
	}
	if r.part != "" {
		notes = append(notes, "Second topic `/"+r.part+"`.")
	}
	if r.attributes != nil {
		notes = append(notes, "Attributes.")
	}
	if r.always {
		notes = append(notes, "There while the printer is offline.")
	}
	if r.moves {
		notes = append(notes, "*Moves.*")
	}
	notes = append(notes, []string{"", "0.5 °C or 10 s.", "Once a minute.", "When it moves by 2 minutes or the activity changes."}[r.pace])
	return strings.TrimSpace(strings.Join(notes, " "))
}

func otherTopics() string {
	return `## Other topics

| Topic | Retained | Payload |
|---|---|---|
| ` + "`printwire/status`" + ` | yes | ` + "`online` or `offline`" + `, the bridge |
| ` + "`printwire/<serial>/availability`" + ` | yes | ` + "`online` or `offline`" + `, the printer's link |
| ` + "`printwire/<serial>/<key>/attributes`" + ` | yes | a JSON object below 4 kB |
| ` + "`printwire/<serial>/state`" + ` | yes | the whole state, see below |
| ` + "`printwire/<serial>/event`, `printwire/bridge/event`" + ` | no | see [events](events.md) |
| ` + "`printwire/<serial>/trigger`, `printwire/bridge/trigger`" + ` | no | the bare name of the event |
| ` + "`<prefix>/device/<device>/config`" + ` | yes | Home Assistant device discovery |

A device that was deleted in Home Assistant stays deleted until the bridge's button *Announce again* is pressed. A filament changer is
removed when it is missing for 10 minutes while its printer reports.

`
}

// documentDoc lists the fields of the document, from its schema.
func documentDoc() string {
	var b strings.Builder
	b.WriteString(`## The state as one document

` + "`printwire/<serial>/state`" + `, at most once a second, the last change never lost. All keys are always there and unknown is ` + "`null`" + `. Fields are
added, never renamed or removed. Temperatures are in °C, fans and progress in %, times RFC 3339 in UTC.

| Field | Type |
|---|---|
`)
	fields(&b, "", reflect.TypeFor[documentSchema]())
	return b.String()
}

func fields(b *strings.Builder, prefix string, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := prefix + f.Tag.Get("json")
		switch {
		case f.Anonymous:
			fields(b, prefix, f.Type)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			fields(b, name+"[].", f.Type.Elem())
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[instant]() && !strings.HasPrefix(f.Type.Name(), "Opt["):
			fields(b, name+".", f.Type)
		default:
			fmt.Fprintf(b, "| `%s` | %s |\n", name, typeDoc(f.Type))
		}
	}
}

func typeDoc(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[string]():
		return "text"
	case reflect.TypeFor[maybe]():
		return "text or null"
	case reflect.TypeFor[instant]():
		return "time or null"
	case reflect.TypeFor[bool]():
		return "true or false"
	case reflect.TypeFor[printer.Opt[bool]]():
		return "true, false or null"
	case reflect.TypeFor[int]():
		return "whole number"
	case reflect.TypeFor[printer.Opt[int]]():
		return "whole number or null"
	case reflect.TypeFor[printer.Opt[float64]]():
		return "number or null"
	case reflect.TypeFor[[]int]():
		return "list of whole numbers"
	}
	return t.String()
}

func eventsDoc() string {
	var b strings.Builder
	b.WriteString(`# Events

Made from the table of the package ` + "`journal`" + `; do not edit. Every event is recorded, with a sequence number that rises and is never used
twice, before anyone is told. On MQTT it is told at least once, always with the same ` + "`seq`" + `; events older than a minute are not told any more.

As JSON on ` + "`printwire/<serial>/event`" + ` (one event entity for each device), not retained:

` + "```json" + `
{"event":"print_paused","event_type":"print_paused","seq":4711,"time":"2026-03-01T12:00:00Z","job":"01JN…","job_name":"Bracket","progress":42,"reason":"…"}
` + "```" + `

As a bare name on ` + "`printwire/<serial>/trigger`" + ` (device triggers). Fields that are unknown are left out. Home Assistant hears of the
milestones 25, 50 and 75 % unless set.

| Event | About | When | Data |
|---|---|---|---|
`)
	for _, e := range journal.Events() {
		data := ""
		if len(e.Fields) > 0 {
			data = "`" + strings.Join(e.Fields, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, e.Origin, e.When, data)
	}
	return b.String()
}
