package webhook

import (
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
	"github.com/printwire/printwire/printer"
)

// Problems are all that is wrong with an endpoint, one for each field.
type Problems []*fault.Error

// Error is all of them in one line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, e := range p {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap gives each, so that the kind is known.
func (p Problems) Unwrap() []error {
	list := make([]error, len(p))
	for i, e := range p {
		list[i] = e
	}
	return list
}

func (p *Problems) add(field, format string, args ...any) {
	*p = append(*p, fault.New(fault.Invalid, format, args...).At(field))
}

func (p *Problems) take(field string, err error) {
	if err == nil {
		return
	}
	if e, ok := fieldOf(err, field).(*fault.Error); ok { //nolint:errorlint // fieldOf makes it one.
		*p = append(*p, e)
		return
	}
	p.add(field, "%v", err)
}

// Targets.
const (
	urlTarget = "url"
	busTarget = "home_assistant"
)

var idPattern = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)
var headerName = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]{1,64}$`)

// The most of each list that an endpoint may have.
const (
	maxHeaders   = 32
	maxVariables = 32
	maxList      = 100
	maxText      = 4096
)

// withDefaults fills in what was left out, and has one way to say "none": an
// endpoint that is stored and read again is the same.
func (e Endpoint) withDefaults() Endpoint {
	e.Events, e.Always, e.Printers, e.Results = orNil(e.Events), orNil(e.Always), orNil(e.Printers), orNil(e.Results)
	e.Milestones.MinutesLeft = orNil(e.Milestones.MinutesLeft)
	e.Headers, e.Variables, e.Template.Headers = cloned(e.Headers), cloned(e.Variables), cloned(e.Template.Headers)
	for _, d := range []struct {
		to    *string
		usual string
	}{{&e.Target, urlTarget}, {&e.Format, "standard"}, {&e.Ordered, "lenient"}, {&e.Signature, HMAC}, {&e.Milestones.Jumps, "all"}} {
		if *d.to == "" {
			*d.to = d.usual
		}
	}
	// A time alone asks for what it is the time of.
	if e.Quiet.Mode == "" && e.Quiet != (Quiet{}) {
		e.Quiet.Mode = "hold"
	}
	if e.Digest.Mode == "" && e.Digest.At != "" {
		e.Digest.Mode = "digest"
	}
	return e
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// check is all that is wrong with the endpoint; nil when it can be used. It
// renders every event once, so that a template that fails is not saved.
func (e Endpoint) check(p Policy, bus bool, own *time.Location) error {
	var all Problems
	if !idPattern.MatchString(e.ID) {
		all.add("id", "must be 1 to 40 of a–z, 0–9 and _")
	}
	if name := strings.TrimSpace(e.Name); name == "" || utf8.RuneCountInString(name) > 64 || strings.ContainsFunc(name, unicode.IsControl) {
		all.add("name", "must have 1 to 64 characters")
	}
	e.checkTarget(&all, p, bus)
	e.checkFilters(&all)
	e.checkHours(&all)
	if _, err := parseSecret(e.Signature, e.Secret); err != nil {
		all.take("secret", err)
	}
	if e.HubSignature && e.Signature != HMAC {
		all.add("hub_signature", "needs the signature %q", HMAC)
	}
	e.checkFormat(&all, own)
	if len(all) > 0 {
		return all
	}
	return nil
}

func (e Endpoint) checkTarget(all *Problems, p Policy, bus bool) {
	switch {
	case e.Target == busTarget && !bus:
		all.add("target", "%q works only in a Home Assistant app", busTarget)
	case e.Target == busTarget && e.URL != "":
		all.add("url", "must be empty with the target %q", busTarget)
	case e.Target == urlTarget:
		all.take("url", p.checkURL(e.URL.Reveal()))
	}
	if len(e.Headers) > maxHeaders {
		all.add("headers", "must be at most %d", maxHeaders)
	}
	for name, value := range e.Headers {
		field := "headers." + name
		switch {
		case !headerName.MatchString(name):
			all.add("headers", "%.64q is no name of a header", name)
		case slices.Contains(reservedHeaders(), http.CanonicalHeaderKey(name)) || strings.HasPrefix(strings.ToLower(name), "webhook-"):
			all.add(field, "is set by the sender")
		case value.Reveal() == "***":
			all.add(field, "has *** in the place of what is not shown")
		case len(value) > maxText || strings.ContainsFunc(value.Reveal(), unicode.IsControl):
			all.add(field, "must be one line of at most %d bytes", maxText)
		}
	}
	if pin, err := hex.DecodeString(e.Certificate); e.Certificate != "" && (err != nil || len(pin) != 32) {
		all.add("certificate", "must be the SHA-256 of a certificate, 64 hex digits")
	}
}

// reservedHeaders are those that the sender or the connection sets.
func reservedHeaders() []string {
	return []string{
		"Connection", "Content-Length", "Content-Type", "Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "X-Hub-Signature-256",
	}
}

// eventNames are those that an endpoint may ask for.
func eventNames() []string {
	names := []string{"*"}
	for _, row := range journal.Events() {
		names = append(names, row.Name)
	}
	slices.Sort(names)
	return names
}

func (e Endpoint) checkFilters(all *Problems) {
	asked := false
	names := func(field string, list []string) {
		if tooLong(all, field, len(list)) {
			return
		}
		for i, name := range list {
			if _, known := journal.Event(name); known || name == "*" {
				continue
			}
			others := ""
			if !asked { // Once is enough.
				asked, others = true, "; there are "+strings.Join(eventNames(), ", ")
			}
			all.add(fmt.Sprintf("%s.%d", field, i), "there is no event %.64q%s", name, others)
		}
	}
	names("events", e.Events)
	names("always", e.Always)
	if len(e.Printers) > maxList || slices.ContainsFunc(e.Printers, func(id int) bool { return id < 1 || id > 999_999 }) {
		all.add("printers", "must be at most %d ids of printers", maxList)
	}
	for i, r := range e.Results[:min(len(e.Results), maxList)] {
		if !slices.Contains([]printer.Result{printer.Success, printer.Failure, printer.Interrupted}, r) {
			all.add(fmt.Sprintf("results.%d", i), "must be success, failed or stopped")
		}
	}
	tooLong(all, "results", len(e.Results))
	m := e.Milestones
	between := func(field string, list []int, low, high int) {
		if len(list) > maxList || slices.ContainsFunc(list, func(n int) bool { return n < low || n > high }) {
			all.add(field, "must be at most %d numbers from %d to %d", maxList, low, high)
		}
	}
	between("milestones.percent", m.Percent, 1, 100)
	between("milestones.minutes_left", m.MinutesLeft, 1, 10_000)
	for _, f := range []struct {
		name  string
		value int
	}{{"milestones.every_layers", m.EveryLayers}, {"milestones.minimum_minutes", m.MinimumMinutes}, {"minimum_minutes", e.MinimumMinutes}} {
		if f.value < 0 || f.value > 100_000 {
			all.add(f.name, "must be a number from 0 to 100000")
		}
	}
	oneOf(all, "milestones.jumps", m.Jumps, "all", "highest")
	oneOf(all, "target", e.Target, urlTarget, busTarget)
	oneOf(all, "ordered", e.Ordered, "lenient", "strict")
	oneOf(all, "signature", e.Signature, HMAC, Ed25519)
}

// tooLong tells of a list that has too many entries, and that it has.
func tooLong(all *Problems, field string, entries int) bool {
	if entries > maxList {
		all.add(field, "must have at most %d entries", maxList)
		return true
	}
	return false
}

// oneOf takes a value that is one of some words, and none of them if "" is among them.
func oneOf(all *Problems, field, value string, words ...string) bool {
	if slices.Contains(words, value) {
		return true
	}
	all.add(field, "must be one of %s", strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ", "))
	return false
}

// timeOfDay takes a time of day that is needed for something.
func timeOfDay(all *Problems, field, value, use string) {
	if value == "" {
		all.add(field, "is needed for %s, a time such as 22:30", use)
		return
	}
	_, err := clockTime(value)
	all.take(field, err)
}

func (e Endpoint) checkHours(all *Problems) {
	if e.TimeZone != "" {
		if _, err := time.LoadLocation(e.TimeZone); err != nil || e.TimeZone == "Local" {
			all.add("time_zone", "must be a time zone such as Europe/Berlin")
		}
	}
	if oneOf(all, "quiet_hours.mode", e.Quiet.Mode, "", "hold", "drop") && e.Quiet.Mode != "" {
		timeOfDay(all, "quiet_hours.from", e.Quiet.From, "quiet hours")
		timeOfDay(all, "quiet_hours.to", e.Quiet.To, "quiet hours")
		if e.Quiet.From == e.Quiet.To && e.Quiet.To != "" {
			all.add("quiet_hours.to", "must not be the same as from")
		}
	}
	if oneOf(all, "digest.mode", e.Digest.Mode, "", "immediate", "digest", "both") && e.Digest.kept() {
		timeOfDay(all, "digest.at", e.Digest.At, "a digest")
	}
}

func (e Endpoint) checkFormat(all *Problems, own *time.Location) {
	f, ok := formatOf(e.Format)
	if !ok {
		var names []string
		for _, f := range Formats() {
			names = append(names, f.Name)
		}
		all.add("format", "there is no format %.64q; there are %s", e.Format, strings.Join(names, ", "))
		return
	}
	if len(e.Variables) > maxVariables {
		all.add("variables", "must be at most %d", maxVariables)
	}
	for name, value := range e.Variables {
		if !idPattern.MatchString(name) || len(value) > maxText {
			all.add("variables", "must have names of a–z, 0–9 and _, and at most %d bytes each", maxText)
		}
	}
	missing := false
	for _, name := range f.Variables {
		if e.Variables[name] == "" {
			missing = true
			all.add("variables."+name, "is needed by the format %s", f.Name)
		}
	}
	if e.Target == busTarget && !e.sendsJSON(f) {
		all.add("format", "must be one of JSON for the target %q", busTarget)
	}
	if e.Format != "custom" || missing || len(*all) > 0 {
		return
	}
	e.checkTemplate(all, own)
}

// sendsJSON tells whether a format's body is JSON.
func (e Endpoint) sendsJSON(f Format) bool {
	kind := f.Template.ContentType
	if f.Name == "custom" {
		kind = e.Template.ContentType
	}
	return kind == "" || isJSON(kind)
}

func (e Endpoint) checkTemplate(all *Problems, own *time.Location) {
	kind := e.Template.ContentType
	if _, _, err := mime.ParseMediaType(kind); kind != "" && (err != nil || !strings.Contains(kind, "/") || len(kind) > 128 || strings.ContainsFunc(kind, unicode.IsControl)) {
		all.add("template.content_type", "must be a content type such as text/plain; charset=utf-8")
		return
	}
	if len(e.Template.Headers) > maxHeaders {
		all.add("template.headers", "must be at most %d", maxHeaders)
		return
	}
	for name := range e.Template.Headers {
		if !headerName.MatchString(name) || slices.Contains(reservedHeaders(), http.CanonicalHeaderKey(name)) || strings.HasPrefix(strings.ToLower(name), "webhook-") {
			all.add("template.headers", "%.64q cannot be set", name)
			return
		}
	}
	if e.Format == "custom" && strings.TrimSpace(e.Template.Body) == "" {
		all.add("template.body", "is needed by the format custom")
		return
	}
	start := time.Now()
	for _, d := range samples(e) {
		_, err := e.render(d, own)
		if errors.Is(err, errSlow) {
			_, err = e.render(d, own) // The machine may have been busy.
		}
		if err == nil && time.Since(start) > 8*maxTime {
			err = errTime // One event may do, all of them together are too slow for a small machine.
		}
		if err != nil {
			all.take("template.body", err)
			return
		}
	}
}
