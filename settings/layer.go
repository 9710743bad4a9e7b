package settings

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Layer is one source of settings: what it says, and what is wrong with its
// form. Layers are made by YAML, Values, Environment and Flags.
type Layer struct {
	source   string
	root     node
	problems []Problem
	// names are other names of paths in this source, for messages.
	names map[string]string
}

// Parse is the defaults with one YAML document over them.
func Parse(yaml []byte) (Settings, error) { return Load(YAML("settings", yaml)) }

// Options is what a check of settings has to know beside them.
type Options struct {
	// Families are the printer families that there are; none: any name will do.
	Families []string
}

// Load is Options.Load with no options.
func Load(layers ...Layer) (Settings, error) { return Options{}.Load(layers...) }

// Load puts the layers over the defaults, the weakest first. A list in a
// stronger layer replaces the weaker one's. The error is fault.Invalid and
// has Problems, all there are, in its chain.
func (o Options) Load(layers ...Layer) (Settings, error) {
	s := Default()
	var problems Problems
	for _, l := range layers {
		b := binder{layer: l, problems: l.problems}
		b.bind(l.root, reflect.ValueOf(&s).Elem(), "")
		problems = append(problems, b.problems...)
	}
	s.fill()
	// What does not fit has its problem already; checking the rest of a
	// half-read document would only repeat it.
	if len(problems) == 0 {
		problems = validate(s, o)
	} else {
		problems = append(problems, unmentioned(problems, validate(s, o))...)
	}
	if len(problems) > 0 {
		return Settings{}, problems.fault()
	}
	return s, nil
}

// unmentioned are the problems of more whose fields have none in seen.
func unmentioned(seen, more []Problem) []Problem {
	known := map[string]bool{}
	for _, p := range seen {
		known[p.Field] = true
	}
	var rest []Problem
	for _, p := range more {
		if !known[p.Field] {
			rest = append(rest, p)
		}
	}
	return rest
}

// kind is the shape of a node.
type kind uint8

const (
	null kind = iota
	scalar
	list
	object
)

func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a group of names"}[k]
}

// node is one value of a source, whatever its syntax.
type node struct {
	kind kind
	// text is the scalar as it was written, so that 01234567 stays an access code.
	text string
	line int
	keys []string
	// items belong to keys, or are the list's.
	items []node
	// extend: a list's entries go over the present ones, by index, instead of replacing them.
	extend bool
}

// child is the object's entry for a key, made when it is missing.
func (n *node) child(key string) *node {
	n.kind = object
	for i, k := range n.keys {
		if k == key {
			return &n.items[i]
		}
	}
	n.keys = append(n.keys, key)
	n.items = append(n.items, node{})
	return &n.items[len(n.items)-1]
}

// Values is a layer from decoded JSON: objects, lists, strings, numbers as
// json.Number, booleans. What is empty there ("", [], null) counts as not set.
// names gives other names of paths for messages, and may be nil.
func Values(source string, values map[string]any, names map[string]string) Layer {
	return Layer{source: source, root: fromValue(values), names: names}
}

func fromValue(v any) node {
	switch v := v.(type) {
	case map[string]any:
		n := node{kind: object}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			if c := fromValue(v[k]); c.kind != null {
				n.keys, n.items = append(n.keys, k), append(n.items, c)
			}
		}
		return n
	case []any:
		if len(v) == 0 {
			return node{}
		}
		n := node{kind: list}
		for _, item := range v {
			n.items = append(n.items, fromValue(item))
		}
		return n
	case nil:
		return node{}
	case string:
		if v == "" {
			return node{}
		}
		return node{kind: scalar, text: v}
	case bool:
		return node{kind: scalar, text: strconv.FormatBool(v)}
	default:
		return node{kind: scalar, text: fmt.Sprint(v)}
	}
}

// Flags is a layer from paths and texts, such as "http.listen" and ":9000".
// A list's entries are parted by commas.
func Flags(values map[string]string) Layer { return Texts("flag", values) }

// Texts is a layer like that of flags, from another source. A text that is
// empty is set all the same.
func Texts(source string, values map[string]string) Layer {
	l := Layer{source: source, root: node{kind: object}}
	paths := make([]string, 0, len(values))
	for p := range values {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths {
		n := &l.root
		for _, key := range strings.Split(p, ".") {
			n = n.child(key)
		}
		*n = node{kind: scalar, text: values[p]}
	}
	return l
}

// Broken is a layer from a source that could not be read at all.
func Broken(source, message string) Layer {
	return Layer{source: source, problems: []Problem{{Source: source, Message: message}}}
}
