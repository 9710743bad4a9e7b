package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
	"unicode/utf8"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/journal"
)

// What a template may take.
const (
	maxTemplate = 64 << 10
	maxOutput   = 64 << 10
	maxLoops    = 2
	maxTime     = 250 * time.Millisecond
	// maxStep is the most that one step counts for. It takes far less: the
	// machine did something else meanwhile, for which no template is to blame.
	maxStep   = time.Millisecond
	maxHeader = 1 << 10
)

// errMissing is in every error about a field that is not there.
var errMissing = errors.New("cannot be written")

// errSlow is in every error that says that a template ran out of time.
var errSlow = errors.New("the template takes more than 250 ms")
var errTime = fault.New(fault.Invalid, "%w", errSlow)
var errOutput = fault.New(fault.Invalid, "the template makes more than %d bytes", maxOutput)

// budget is what is left to a template: it writes through it, and each of its
// functions asks it first, so that nothing in a template runs without end.
type budget struct {
	bytes.Buffer
	now  func() time.Time
	made int
	// asked is when the last step was made, took what all of them took.
	asked time.Time
	took  time.Duration
}

// Write takes what fits.
func (b *budget) Write(p []byte) (int, error) {
	if err := b.spend(len(p)); err != nil {
		return 0, err
	}
	return b.Buffer.Write(p)
}

func (b *budget) spend(n int) error {
	b.made += n
	now := b.now()
	b.took, b.asked = b.took+min(max(now.Sub(b.asked), 0), maxStep), now
	switch {
	case b.made > 4*maxOutput || b.Len()+n > maxOutput:
		return errOutput
	case b.took > maxTime:
		return errTime
	}
	return nil
}

// text gives a function's result out, if it can be afforded.
func (b *budget) text(s string) (string, error) { return s, b.spend(len(s)) }

// builtin are the language's own functions that can do no harm.
func builtin() map[string]bool {
	return map[string]bool{"and": true, "or": true, "not": true, "index": true, "len": true}
}

// parsed is a template that holds only what is allowed.
func (b *budget) parsed(text string) (*template.Template, error) {
	if len(text) > maxTemplate {
		return nil, fault.New(fault.Invalid, "must have at most %d bytes, got %d", maxTemplate, len(text))
	}
	functions := b.functions()
	t, err := template.New("template").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "is no template: %s", short(err))
	}
	if len(t.Templates()) > 1 {
		return nil, fault.New(fault.Invalid, "must not define or call other templates")
	}
	if t.Tree == nil || t.Root == nil {
		return t, nil
	}
	if err := (&inspector{functions: functions}).node(t.Root, 0); err != nil {
		return nil, err
	}
	return t, nil
}

// inspector refuses what could run for long or reach further than the event.
type inspector struct {
	functions template.FuncMap
	// inLoops counts steps by how many loops they are in: not every step can
	// ask the budget.
	inLoops [maxLoops + 1]int
}

// maxInLoop is how many steps a loop may have, by its depth.
func maxInLoop() [maxLoops + 1]int { return [...]int{maxTemplate, 1000, 100} }

// ofEvent: a field of the event. Anything else may be a number, over which a
// loop runs that many times.
func ofEvent(p *parse.PipeNode) bool {
	if len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return false
	}
	switch arg := p.Cmds[0].Args[0].(type) {
	case *parse.FieldNode:
		return true
	case *parse.VariableNode:
		return len(arg.Ident) > 1
	}
	return false
}

func (in *inspector) node(n parse.Node, loops int) error {
	if in.inLoops[loops]++; in.inLoops[loops] > maxInLoop()[loops] {
		return fault.New(fault.Invalid, "must not have more than %d steps in a loop", maxInLoop()[loops])
	}
	switch n := n.(type) {
	case *parse.ListNode:
		return in.list(n, loops)
	case *parse.ActionNode:
		return in.pipe(n.Pipe, loops)
	case *parse.IfNode:
		return in.branch(&n.BranchNode, loops)
	case *parse.WithNode:
		return in.branch(&n.BranchNode, loops)
	case *parse.RangeNode:
		if loops >= maxLoops {
			return fault.New(fault.Invalid, "must not nest more than %d loops", maxLoops)
		}
		if !ofEvent(n.Pipe) {
			return fault.New(fault.Invalid, "must loop over a list of the event, such as .data.events")
		}
		// Writing nothing asks the budget, once for each time round.
		n.List.Nodes = append([]parse.Node{&parse.TextNode{NodeType: parse.NodeText}}, n.List.Nodes...)
		return in.branch(&n.BranchNode, loops+1)
	case *parse.TemplateNode:
		return fault.New(fault.Invalid, "must not define or call other templates")
	}
	return nil
}

func (in *inspector) list(n *parse.ListNode, loops int) error {
	if n == nil {
		return nil
	}
	for _, child := range n.Nodes {
		if err := in.node(child, loops); err != nil {
			return err
		}
	}
	return nil
}

func (in *inspector) branch(n *parse.BranchNode, loops int) error {
	return errors.Join(in.pipe(n.Pipe, loops), in.list(n.List, loops), in.list(n.ElseList, loops))
}

func (in *inspector) pipe(p *parse.PipeNode, loops int) error {
	for _, cmd := range p.Cmds {
		if in.inLoops[loops] += len(cmd.Args); in.inLoops[loops] > maxInLoop()[loops] {
			return fault.New(fault.Invalid, "must not have more than %d steps in a loop", maxInLoop()[loops])
		}
		for _, arg := range cmd.Args {
			switch arg := arg.(type) {
			case *parse.IdentifierNode:
				if in.functions[arg.Ident] == nil && !builtin()[arg.Ident] {
					return fault.New(fault.Invalid, "must not use the function %q", arg.Ident)
				}
			case *parse.PipeNode:
				if err := in.pipe(arg, loops); err != nil {
					return err
				}
			case *parse.ChainNode:
				if inner, ok := arg.Node.(*parse.PipeNode); ok {
					if err := in.pipe(inner, loops); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// execute writes one template.
func execute(text string, dot any, now func() time.Time) (string, error) {
	b := &budget{now: now, asked: now()}
	t, err := b.parsed(text)
	if err != nil {
		return "", err
	}
	if err := t.Execute(b, dot); err != nil {
		switch {
		case errors.Is(err, errOutput) || errors.Is(err, errSlow):
			return "", err
		case strings.Contains(err.Error(), "map has no entry for key"):
			return "", fault.New(fault.Invalid, "%w: %s", errMissing, short(err))
		}
		return "", fault.New(fault.Invalid, "cannot be written: %s", short(err))
	}
	return b.String(), nil
}

// short is an error of the template package without the program's words before it.
func short(err error) string {
	return clip(strings.TrimPrefix(err.Error(), "template: template:"), 200)
}

// write makes body and headers. The event is plain data: texts, numbers and
// lists, nothing with methods.
func (t Template) write(m message) (rendered, error) {
	dot, err := m.dot()
	if err != nil {
		return rendered{}, err
	}
	r := rendered{contentType: t.ContentType, headers: map[string]string{}}
	if r.contentType == "" {
		r.contentType = applicationJSON
	}
	text, err := executeFor(t.Body, dot)
	if err != nil {
		return r, fieldOf(err, "template.body")
	}
	r.body = []byte(text)
	if isJSON(r.contentType) && !json.Valid(r.body) {
		return r, fault.New(fault.Invalid, "does not make valid JSON; write every text as {{toJson …}}").At("template.body")
	}
	for name, source := range t.Headers {
		value, err := executeFor(source, dot)
		if err != nil {
			return r, fieldOf(err, "template.headers."+name)
		}
		r.headers[name] = headerText(value)
	}
	return r, nil
}

// executeFor is execute for an event: a field that only other events have is
// unknown, one that no event has is a mistake.
func executeFor(text string, dot map[string]any) (string, error) {
	out, err := execute(text, dot, time.Now)
	if errors.Is(err, errMissing) {
		return execute(text, withUnknown(dot), time.Now)
	}
	return out, err
}

// withUnknown is an event with every field that any event has.
func withUnknown(dot map[string]any) map[string]any {
	all := maps.Clone(dot)
	data, _ := dot["data"].(map[string]any)
	data = maps.Clone(data)
	for name, unknown := range unknownFields() {
		if _, ok := data[name]; !ok {
			data[name] = unknown
		}
	}
	if events, ok := data["events"].([]any); ok && len(events) > 0 {
		list := make([]any, len(events))
		for i, e := range events {
			event, _ := e.(map[string]any)
			list[i] = withUnknown(event)
		}
		data["events"] = list
	}
	all["data"] = data
	return all
}

// unknownFields are the data of every event, each unknown. A digest's list is empty.
func unknownFields() map[string]any {
	fields := map[string]any{}
	whole := viewOf(Event{Entry: journal.Entry{Name: "print_failed", PrinterID: 1, Job: "x"}})
	for _, f := range whole.facts() {
		fields[f.name] = nil
	}
	names := renamed()
	for _, row := range journal.Events() {
		for _, name := range row.Fields {
			if names[name] == "" {
				fields[name] = nil
			}
		}
	}
	fields["count"], fields["events"] = nil, []any{}
	return fields
}

func fieldOf(err error, field string) error {
	var e *fault.Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Field != "":
		return e // It knows better which part it is about.
	}
	return e.At(field)
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == applicationJSON || strings.HasSuffix(kind, "+json"))
}

// headerText is a text that fits in one header line, whatever a device was named.
func headerText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(clip(s, maxHeader/4))
	return mime.BEncoding.Encode("utf-8", s)
}

// dot is what a template sees: the standard body, with the message in words.
func (m message) dot() (map[string]any, error) {
	body, err := m.standard().bytes()
	if err != nil {
		return nil, err
	}
	dot := map[string]any{}
	if err := json.Unmarshal(body, &dot); err != nil {
		return nil, err
	}
	amounts(dot)
	title, text := m.sentence()
	variables := map[string]any{}
	for k, v := range m.endpoint.Variables {
		variables[k] = v
	}
	dot["title"], dot["message"], dot["variables"] = title, text, variables
	return dot, nil
}
