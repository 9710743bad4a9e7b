package webhook

import (
	"fmt"
	"strings"
	"time"

	"github.com/printwire/printwire/fault"
)

// Format is one way to write an event.
type Format struct {
	Name string
	// About says what it is for.
	About string
	// Variables are words that it needs from the endpoint.
	Variables []string
	// Template is the body of a shipped template, for people to start from; zero for a format in code.
	Template Template

	write func(m message) (rendered, error)
}

// message is what a format writes.
type message struct {
	id       string
	events   []view
	digest   bool
	at       time.Time
	zone     *time.Location
	endpoint Endpoint
}

// rendered is a request without its signature.
type rendered struct {
	body        []byte
	contentType string
	headers     map[string]string
}

const applicationJSON = "application/json"

// Formats is the table of all formats; the first is the usual one.
func Formats() []Format {
	list := []Format{
		{Name: "standard", About: "nested and typed JSON, as documented", write: writeStandard},
		{Name: "bambuddy", About: "flat JSON of texts, as Bambuddy sends it", write: writeFlat},
		{Name: "home_assistant", About: "typed JSON without nesting, for trigger.json of a webhook trigger", write: writeHomeAssistant},
		{Name: "cloudevents", About: "CloudEvents 1.0 in binary mode", write: writeCloudEvent},
		{Name: "custom", About: "your own template", write: func(m message) (rendered, error) { return m.endpoint.Template.write(m) }},
	}
	for _, s := range shipped() {
		s.write = s.Template.write
		list = append(list, s)
	}
	return list
}

func formatOf(name string) (Format, bool) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// Render is the body of a delivery for an endpoint, and its content type.
// fault.Invalid: its template cannot write this event.
func (e Endpoint) Render(d Delivery, own *time.Location) (body []byte, contentType string, err error) {
	r, err := e.render(d, own)
	return r.body, r.contentType, err
}

func (e Endpoint) render(d Delivery, own *time.Location) (rendered, error) {
	f, ok := formatOf(e.Format)
	if !ok {
		return rendered{}, fault.New(fault.Invalid, "there is no format %q", e.Format)
	}
	m := message{id: d.ID(), at: d.Entry.Time, zone: e.zone(own), endpoint: e, digest: d.Part == Together}
	if m.digest {
		for _, item := range d.Items {
			m.events = append(m.events, viewOf(item))
		}
	} else {
		m.events = []view{viewOf(Event{Entry: d.Entry, Facts: d.Facts})}
	}
	r, err := f.write(m)
	if err != nil {
		return r, fmt.Errorf("writing %s as %s: %w", m.id, e.Format, err)
	}
	if len(r.body) > maxBody {
		return r, fault.New(fault.Invalid, "the body has %d bytes, at most %d are sent", len(r.body), maxBody)
	}
	return r, nil
}

// maxBody is the most that is sent.
const maxBody = 256 << 10

// standard is the message as nested JSON.
func (m message) standard() object {
	if !m.digest {
		return m.events[0].standard(m.id)
	}
	list, test := make([]object, len(m.events)), len(m.events) > 0
	for i, v := range m.events {
		test = test && v.Facts.Test
		list[i] = v.standard(Key{m.endpoint.ID, v.Entry.Seq, Alone}.ID())
	}
	return object{
		{"event", "digest"}, {"timestamp", stamp(m.at)}, {"data", object{{"count", len(list)}, {"events", list}}},
		{"id", m.id}, {"type", "digest"}, {"source", source}, {"test", test},
	}
}

// sentence is the message in words.
func (m message) sentence() (title, text string) {
	if !m.digest {
		return m.events[0].sentence(m.zone)
	}
	lines := make([]string, len(m.events))
	for i, v := range m.events {
		t, s := v.sentence(m.zone)
		lines[i] = v.Entry.Time.In(m.zone).Format("15:04") + " " + t + ": " + s
	}
	return fmt.Sprintf("%d events", len(lines)), strings.Join(lines, "\n")
}

func writeStandard(m message) (rendered, error) {
	body, err := m.standard().bytes()
	return rendered{body: body, contentType: applicationJSON}, err
}

func writeFlat(m message) (rendered, error) {
	var o object
	if m.digest {
		title, text := m.sentence()
		o = object{{"title", title}, {"message", text}, {"timestamp", m.at.In(m.zone).Format("2006-01-02T15:04:05")}, {"source", "Bambuddy"}, {"event", "digest"}}
	} else {
		o = m.events[0].flat(m.zone, m.endpoint.Variables)
	}
	body, err := o.bytes()
	return rendered{body: body, contentType: applicationJSON}, err
}

func writeHomeAssistant(m message) (rendered, error) {
	all := m.standard()
	var o object
	for _, f := range all {
		if data, ok := f.value.(object); ok {
			o = append(o, data...)
			continue
		}
		o = append(o, f)
	}
	title, text := m.sentence()
	o = append(o, field{"headline", title}, field{"message", text})
	body, err := o.once().bytes()
	return rendered{body: body, contentType: applicationJSON}, err
}

func writeCloudEvent(m message) (rendered, error) {
	all := m.standard()
	body, err := all[2].value.(object).bytes()
	kind, _ := all[0].value.(string)
	headers := map[string]string{
		"ce-specversion": "1.0", "ce-id": m.id, "ce-type": "printwire." + kind, "ce-source": "/printwire", "ce-time": stamp(m.at),
	}
	if e := m.events[0].Entry; !m.digest && e.Serial != "" {
		headers["ce-source"], headers["ce-subject"] = "/printwire/printers/"+e.Serial, e.Job
	}
	if headers["ce-subject"] == "" {
		delete(headers, "ce-subject")
	}
	return rendered{body: body, contentType: applicationJSON, headers: headers}, err
}
