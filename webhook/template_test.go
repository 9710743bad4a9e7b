package webhook_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/webhook"
)

func custom(body string) webhook.Endpoint {
	return webhook.Endpoint{Name: "x", URL: "http://192.168.1.2/", Format: "custom", Template: webhook.Template{Body: body}}
}

func TestTemplate_WhatIsRefusedWhenSaved(t *testing.T) {
	box := tester(t, webhook.Options{})
	nested := `{{range .data}}{{range .data}}{{range .data}}x{{end}}{{end}}{{end}}`
	for name, body := range map[string]string{
		"a loop over a number":             `{{range 9999999999}}{{end}}`,
		"a loop over a variable":           `{{$n := 9999999999}}{{range $n}}{{end}}`,
		"a loop over the dot":              `{{with 9999999999}}{{range .}}{{end}}{{end}}`,
		"a loop over a result":             `{{range (index .data "seq")}}{{end}}`,
		"nested loops":                     nested,
		"a long loop":                      `{{range .data}}{{range .data}}` + strings.Repeat(`{{if .}}{{end}}`, 200) + `{{end}}{{end}}`,
		"a definition":                     `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`,
		"a call of itself":                 `{{template "template"}}`,
		"a wide format":                    `{{printf "%999999999d" 1}}`,
		"a text that doubles":              `{{$a := .message}}` + strings.Repeat(`{{$a = concat $a $a $a $a}}`, 12) + `{{toJson $a}}`,
		"a text that grows by replacing":   `{{$a := concat "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}` + strings.Repeat(`{{$a = replace "a" "aaaaaaaaaaaaaaaa" $a}}`, 8) + `{{toJson $a}}`,
		"print":                            `{{print .}}`,
		"call":                             `{{call .data}}`,
		"html":                             `{{html .message}}`,
		"a field that is not there":        `{{.nothing}}`,
		"a syntax error":                   `{{.`,
		"text that breaks out of the JSON": `{"text":"{{.message}}"}`,
		"no JSON":                          `hello`,
		"too long":                         strings.Repeat("a", 65<<10),
		"too much output":                  `["` + strings.Repeat("a", 63<<10) + `",` + strings.Repeat(`{{toJson .}},`, 100) + `1]`,
	} {
		start := time.Now()
		_, err := box.Create(t.Context(), custom(body))
		if problem(err, "template.body") == "" {
			t.Errorf("%s was saved (%v)", name, err)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func TestTemplate_WhatIsSaved(t *testing.T) {
	box := tester(t, webhook.Options{})
	for _, body := range []string{
		`{"text":{{toJson .message}}}`,
		`{{toJson .}}`,
		`{"e":{{toJson .event}},"p":{{if .test}}1{{else}}2{{end}},"d":{{toJson (default "?" .timestamp)}},"v":{{toJson (upper .variables.who)}}}`,
		`[{{if eq .event "digest"}}{{range $i, $e := .data.events}}{{if $i}},{{end}}{{toJson $e.event}}{{end}}{{end}}]`,
	} {
		e := custom(body)
		e.Variables = map[string]string{"who": "me"}
		if _, err := box.Create(t.Context(), e); err != nil {
			t.Errorf("%s was refused: %v", body, err)
		}
	}
	plain := custom("Hello {{.title}}")
	plain.Template.ContentType = "text/plain"
	plain.Template.Headers = map[string]string{"X-Title": "{{.message}}"}
	if _, err := box.Create(t.Context(), plain); err != nil {
		t.Errorf("a plain text was refused: %v", err)
	}
	plain.Template.Headers = map[string]string{"webhook-id": "x"}
	if _, err := box.Create(t.Context(), plain); problem(err, "template.headers") == "" {
		t.Errorf("a header of the signature was saved (%v)", err)
	}
}

func TestTemplate_AFieldThatOnlyOtherEventsHaveIsUnknown(t *testing.T) {
	box := tester(t, webhook.Options{})
	e := custom(`{"file":{{toJson .data.filename}},"price":{{toJson .data.price}},"layer":{{default 0 .data.layer}},"of":[{{range $i, $e := .data.events}}{{if $i}},{{end}}{{toJson $e.data.filename}}{{end}}]}`)
	if _, err := box.Create(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := render(t, e, sample(), webhook.Facts{}); got != `{"file":"be\"nch.3mf","price":null,"layer":0,"of":[]}` {
		t.Errorf("the body is %s", got)
	}
	if got := render(t, custom(`{{toJson .data}}`), journal.Entry{Seq: 3, Name: "tariff_changed", Data: []byte(`{"price":0.3}`)}, webhook.Facts{}); got != `{"currency":null,"price":0.3,"seq":3}` {
		t.Errorf("as a whole the data are %s, want those of the event alone", got)
	}
	for _, body := range []string{`{{toJson .data.filenam}}`, `{{toJson .titel}}`, `{{range .data.events}}{{toJson .data.filenam}}{{end}}1`} {
		if _, err := box.Create(t.Context(), custom(body)); problem(err, "template.body") == "" {
			t.Errorf("%s was saved (%v)", body, err)
		}
	}
}

func TestTemplate_NumbersAndComparisons(t *testing.T) {
	box := tester(t, webhook.Options{})
	e := custom(`{{.data.seq}} {{text .data.seq}} {{toJson .data.seq}} {{.data.filament_used}} {{round 0 .data.seq}} {{duration .data.duration}}` +
		`{{if ge .data.progress 50}} half{{end}}{{if gt .data.progress 50}} more{{end}}{{if lt .data.progress 50.5}} less{{end}}{{if eq .data.progress 40 50}} even{{end}}` +
		`{{if or (lt .data.layer 1) (gt .data.layer 1) (eq .data.layer 0)}} layer{{end}}{{if ne .data.status "failed"}} well{{end}}{{if le .event "print_failed"}} early{{end}}`)
	e.Template.ContentType = "text/plain"
	if _, err := box.Create(t.Context(), e); err != nil {
		t.Fatalf("refused: %v", err)
	}
	entry := sample()
	entry.Seq = 12_345_678
	if got, want := render(t, e, entry, webhook.Facts{}), "12345678 12345678 12345678 <no value> 12345678 45m half less even early"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, body := range []string{`{{if gt .event 5}}1{{end}}2`, `{{if eq .event}}1{{end}}2`} {
		if _, err := box.Create(t.Context(), custom(body)); problem(err, "template.body") == "" {
			t.Errorf("%s was saved (%v)", body, err)
		}
	}
}

func TestTemplate_WhatElseIsChecked(t *testing.T) {
	box := tester(t, webhook.Options{Bus: webhook.Bus{URL: "http://supervisor/core/api/events/printwire_", Token: "t"}})
	plain := custom("x")
	for _, kind := range []string{"text/plain\r\nX-Evil: 1", "application/json;;", "nothing", "text/plain; charset=" + strings.Repeat("x", 200)} {
		plain.Template.ContentType = kind
		if _, err := box.Create(t.Context(), plain); problem(err, "template.content_type") == "" {
			t.Errorf("the content type %q was saved (%v)", kind, err)
		}
	}
	plain.Template.ContentType, plain.Template.Headers = "text/plain; charset=utf-8", map[string]string{}
	for i := range 40 {
		plain.Template.Headers[fmt.Sprint("X-", i)] = "x"
	}
	if _, err := box.Create(t.Context(), plain); problem(err, "template.headers") == "" {
		t.Errorf("40 headers were saved (%v)", err)
	}
	plain.Template.Headers = nil
	plain.Target, plain.URL = "home_assistant", ""
	if _, err := box.Create(t.Context(), plain); problem(err, "format") == "" {
		t.Errorf("a plain text for the event bus was saved (%v)", err)
	}
	if _, err := box.Create(t.Context(), webhook.Endpoint{Name: "x", Target: "home_assistant", Format: "ntfy"}); problem(err, "format") == "" {
		t.Errorf("ntfy for the event bus was saved (%v)", err)
	}
}

func TestTemplate_Functions(t *testing.T) {
	for body, want := range map[string]string{
		`{{fit 8 "abcdefgh"}}`: "abcdefgh", `{{fit 8 "abcdefghi"}}`: "abcde…", `{{fit 9 "ÄÖÜÄÖÜ"}}`: "ÄÖÜ…", `{{fit 1 "abc"}}`: "…", `{{fit -5 "abc"}}`: "…",
		`{{truncate 2 "ÄÖÜ"}}`: "ÄÖ", `a={{urlquery "x&b=1 é"}}`: "a=x%26b%3D1+%C3%A9", `{{duration .data.duration}}`: "45m", `{{round 1 1.25}}`: "1.2", `{{len "abc"}}`: "3",
	} {
		e := custom(body)
		e.Template.ContentType = "text/plain"
		if got := render(t, e, sample(), webhook.Facts{}); got != want {
			t.Errorf("%s is %q, want %q", body, got, want)
		}
	}
}

func TestTemplate_HeadersHoldOneLine(t *testing.T) {
	box := tester(t, webhook.Options{})
	server, requests := receive(t, nil)
	e := custom("x")
	e.URL, e.Variables = secretOf(server.URL), map[string]string{"who": "Bad\r\nX-Evil: 1 é"}
	e.Template.ContentType, e.Template.Headers = "text/plain", map[string]string{"X-Title": "{{.variables.who}}"}
	e = create(t, box, e)
	if a, err := box.Test(t.Context(), e.ID); err != nil || a.Status != 200 {
		t.Fatalf("the attempt is %+v (%v)", a, err)
	}
	g := <-requests
	title, err := new(mime.WordDecoder).DecodeHeader(g.header.Get("X-Title"))
	if err != nil || title != "Bad  X-Evil: 1 é" || g.header.Get("X-Evil") != "" {
		t.Errorf("the headers are %v (%q, %v)", g.header, title, err)
	}
}

// sample is the event that the shipped templates are tried with.
func sample() journal.Entry {
	return journal.Entry{Seq: 5, Time: at(), Name: "print_failed", PrinterID: 1, Serial: "S", Printer: `Work"shop` + "\n" + `</b>`, Job: "J",
		Data: []byte(`{"job_name":"be<nch>","file_name":"be\"nch.3mf","progress":50,"reason":"Filament runout","duration_seconds":2700,"result":"failed"}`)}
}

const sampleText = "be\"nch.3mf on Work\"shop\n</b>: Filament runout, at 50 %, after 45m"

func TestShipped_Messages(t *testing.T) {
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(sampleText)
	for format, want := range map[string]map[string]any{
		"discord": {"username": "Printwire", "allowed_mentions": map[string]any{"parse": []any{}}, "embeds": []any{map[string]any{
			"title": "Print failed", "description": sampleText, "timestamp": "2024-01-15T14:30:00Z"}}},
		"slack":      {"text": "*Print failed*\n" + escaped},
		"mattermost": {"username": "Printwire", "text": "**Print failed**\n" + sampleText},
		"gotify":     {"title": "Print failed", "message": sampleText, "priority": 8.0},
		"telegram":   {"chat_id": "-1", "text": "Print failed\n" + sampleText, "disable_web_page_preview": true},
	} {
		var body map[string]any
		raw := render(t, webhook.Endpoint{Format: format, Variables: map[string]string{"chat_id": "-1"}}, sample(), webhook.Facts{})
		if err := json.Unmarshal([]byte(raw), &body); err != nil || fmt.Sprint(body) != fmt.Sprint(want) {
			t.Errorf("%s: the body is\n%v\nwant\n%v (%v)", format, body, want, err)
		}
	}
	box := tester(t, webhook.Options{})
	if _, err := box.Create(t.Context(), webhook.Endpoint{Name: "x", URL: "https://api.telegram.org/bot1/sendMessage", Format: "telegram"}); problem(err, "variables.chat_id") == "" {
		t.Errorf("Telegram without a chat was saved (%v)", err)
	}
}

func TestShipped_LongTextsFit(t *testing.T) {
	entry := sample()
	entry.Data = []byte(`{"file_name":` + quoted("@channel "+strings.Repeat("😀&<", 3000)) + `}`)
	for format, limit := range map[string]int{"discord": 4096, "mattermost": 16383, "ntfy": 4096, "gotify": 4096, "telegram": 4096, "slack": 40000} {
		body := render(t, webhook.Endpoint{Format: format, Variables: map[string]string{"chat_id": "-1"}}, entry, webhook.Facts{})
		text := body
		if format != "ntfy" {
			var fields struct {
				Text, Message string
				Embeds        []struct{ Description string }
			}
			if err := json.Unmarshal([]byte(body), &fields); err != nil {
				t.Fatal(err)
			}
			if text = fields.Text + fields.Message; len(fields.Embeds) > 0 {
				text = fields.Embeds[0].Description
			}
		}
		if len(text) > limit || len(text) < 3000 || !strings.HasSuffix(text, "…") || strings.HasSuffix(text, "&…") {
			t.Errorf("%s: the text has %d bytes and ends with %q, at most %d are taken", format, len(text), text[max(len(text)-10, 0):], limit)
		}
		if format == "mattermost" && strings.Contains(text, "@channel") {
			t.Error("a file's name calls everybody of the channel")
		}
	}
}

func TestShipped_NtfyHasItsHeaders(t *testing.T) {
	box := tester(t, webhook.Options{})
	server, requests := receive(t, nil)
	e := create(t, box, webhook.Endpoint{URL: secretOf(server.URL + "/printers"), Format: "ntfy"})
	if a, err := box.Test(t.Context(), e.ID); err != nil || a.Status != 200 {
		t.Fatalf("the attempt is %+v (%v)", a, err)
	}
	g := <-requests
	title, err := new(mime.WordDecoder).DecodeHeader(g.header.Get("Title"))
	if err != nil || title != "Test" || g.header.Get("Priority") != "default" || g.header.Get("Tags") != "printer" || string(g.body) != "Test" {
		t.Errorf("the request is %v %q (%v)", g.header, g.body, err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{`{{toJson .}}`, `{{range .data}}{{.}}{{end}}`, `{{$x := 5}}{{range $x}}{{end}}`, `{{with .data}}{{index . "seq"}}{{end}}`, `{{concat 1 2 nil}}`, `{{truncate -1 "x"}}`, `{{break}}`, `{{round 99 .data.seq}}`, `{{eq nil .event}}`} {
		f.Add(s)
	}
	box := webhook.New(webhook.Options{Store: &memory{}})
	f.Fuzz(func(t *testing.T, body string) {
		e := custom(body)
		e.Template.ContentType = "text/plain"
		start := time.Now()
		e, err := box.Create(t.Context(), e)
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%q took %s", body, took)
		}
		if err == nil {
			_ = box.Delete(t.Context(), e.ID)
		}
	})
}
