package settings

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The bounds of a settings document. No real one comes near them; a hostile
// one must not cost more than a moment.
const (
	maxDocument = 256 << 10
	maxDepth    = 32
	maxNodes    = 20000
)

// YAML is a layer from a YAML document; source names it in messages.
func YAML(source string, data []byte) Layer {
	l := Layer{source: source}
	fail := func(line int, format string, args ...any) Layer {
		l.problems = append(l.problems, Problem{Source: source, Line: line, Message: fmt.Sprintf(format, args...)})
		return l
	}
	switch {
	case len(data) > maxDocument:
		return fail(0, "must be at most %d kB", maxDocument>>10)
	case !utf8.Valid(data):
		return fail(0, "must be UTF-8 text")
	}
	if line := tooDeep(string(data)); line > 0 {
		return fail(line, "is nested deeper than %d levels", maxDepth)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		line, message := syntax(err)
		return fail(line, "is not valid YAML: %s", message)
	}
	r := reader{anchors: map[string]ast.Node{}, left: maxNodes}
	for i, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 && l.root.kind != null {
			return fail(lineOf(doc.Body), "must be a single document")
		}
		l.root = r.read(doc.Body, 0)
	}
	for _, p := range r.problems {
		p.Source = source
		l.problems = append(l.problems, p)
	}
	return l
}

// syntax is where and how a document is broken, without the lines around it,
// which may hold secrets.
func syntax(err error) (int, string) {
	var e yaml.Error
	if !errors.As(err, &e) {
		return 0, "syntax error"
	}
	line := 0
	if t := e.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	message, _, _ := strings.Cut(e.GetMessage(), "\n")
	if strings.Contains(message, "already defined") {
		return line, "a name is set twice"
	}
	return line, "syntax error"
}

// tooDeep is the line at which a document is nested too deeply for the
// parser's recursion, or 0.
func tooDeep(text string) int {
	depth, line := 0, 0
	for row := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(row, " \t")
		dashes := 0
		for strings.HasPrefix(body, "- ") || strings.HasPrefix(body, "? ") {
			body = strings.TrimLeft(body[2:], " ")
			dashes++
		}
		if dashes > maxDepth || len(row)-len(strings.TrimLeft(row, " \t")) > 8*maxDepth {
			return line
		}
		if strings.HasPrefix(body, "#") {
			continue
		}
		for _, c := range body {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
			if depth > maxDepth {
				return line
			}
		}
	}
	return 0
}

// reader turns the parser's tree into nodes. It follows aliases, within a budget.
type reader struct {
	anchors  map[string]ast.Node
	left     int
	problems []Problem
}

func (r *reader) problem(n ast.Node, message string) node {
	line := 0
	if n != nil {
		line = lineOf(n)
	}
	r.problems = append(r.problems, Problem{Line: line, Message: message})
	return node{}
}

func (r *reader) read(n ast.Node, depth int) node {
	r.left--
	switch {
	case r.left == 0 || depth > maxDepth:
		return r.problem(n, "is too large or too deep")
	case r.left < 0 || n == nil:
		return node{}
	}
	switch n := n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode:
		return node{}
	case *ast.MappingNode:
		out := node{kind: object, line: lineOf(n)}
		for _, v := range n.Values {
			r.entry(&out, v, depth)
		}
		return out
	case *ast.MappingValueNode:
		out := node{kind: object, line: lineOf(n)}
		r.entry(&out, n, depth)
		return out
	case *ast.SequenceNode:
		out := node{kind: list, line: lineOf(n)}
		for _, v := range n.Values {
			out.items = append(out.items, r.read(v, depth+1))
		}
		return out
	case *ast.AnchorNode:
		r.anchors[n.Name.GetToken().Value] = n.Value
		return r.read(n.Value, depth+1)
	case *ast.AliasNode:
		target, ok := r.anchors[n.Value.GetToken().Value]
		if !ok {
			return r.problem(n, "an alias refers to nothing above it")
		}
		return r.read(target, depth+1)
	case *ast.TagNode:
		return r.problem(n, "tags are not supported here")
	default:
		return r.scalar(n)
	}
}

func (r *reader) entry(out *node, v *ast.MappingValueNode, depth int) {
	if v.Key.IsMergeKey() {
		merged := r.read(v.Value, depth+1)
		for i, key := range merged.keys {
			if c := out.child(key); c.kind == null {
				*c = merged.items[i]
			}
		}
		return
	}
	value := r.read(v.Value, depth+1)
	value.line = lineOf(v)
	*out.child(v.Key.GetToken().Value) = value
}

func (r *reader) scalar(n ast.Node) node {
	out := node{kind: scalar, line: lineOf(n)}
	switch n := n.(type) {
	case *ast.StringNode:
		out.text = n.Value
	case *ast.LiteralNode:
		out.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.text = n.GetToken().Value
	default:
		return r.problem(n, "must be a text, a number, true or false, a list or a group of names")
	}
	return out
}

func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingValueNode); ok {
		return lineOf(m.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
