package settings

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/printwire/printwire/secret"
)

// prefix is that of all our environment variables.
const prefix = "PRINTWIRE_"

// maxIndex is the highest index of a list's entry in a variable's name.
const maxIndex = 199

// apart are variables with our prefix that are no settings: the program's own,
// those of its other commands (ACCESS_CODE is for "printers add") and those of
// the tests. Orchestrators add _SERVICE_… and _PORT… for a
// service of our name.
func apart(name string) bool {
	switch name {
	case "DATA", "ACCESS_CODE", "SETTINGS", "SOCKET", "SHARED", "E2E":
		return true
	}
	return strings.HasPrefix(name, "SERVICE_") || strings.HasPrefix(name, "PORT") || strings.HasPrefix(name, "TEST_")
}

// Environment is a layer from variables such as PRINTWIRE_HTTP_LISTEN and
// PRINTWIRE_PRINTERS_0_SERIAL; environ has the form of os.Environ. A secret
// may be given by a file instead: PRINTWIRE_PRINTERS_0_ACCESS_CODE_FILE, which
// read reads.
func Environment(environ []string, read func(path string) ([]byte, error)) Layer {
	l := Layer{source: "environment", root: node{kind: object}}
	sorted := append([]string(nil), environ...)
	sort.Strings(sorted)
	seen := map[string]string{}
	for _, pair := range sorted {
		name, value, _ := strings.Cut(pair, "=")
		short, ours := strings.CutPrefix(name, prefix)
		if !ours || apart(short) {
			continue
		}
		path, file, ok := resolve(short)
		if !ok {
			l.problems = append(l.problems, Problem{Source: l.source, Field: name, Message: "there is no such setting"})
			continue
		}
		if other, twice := seen[path.String()]; twice {
			l.problems = append(l.problems, Problem{Source: l.source, Field: name, Message: "is set twice, by " + other + " too"})
			continue
		}
		seen[path.String()] = name
		if file {
			data, err := read(value)
			if err != nil {
				l.problems = append(l.problems, Problem{Source: l.source, Field: name, Message: fmt.Sprintf("the file cannot be read: %v", err)})
				continue
			}
			value = strings.TrimRight(string(data), "\r\n")
		}
		l.root.put(path, value)
	}
	return l
}

// step is one part of a path: a name, or an index when name is "".
type step struct {
	name  string
	index int
}

type steps []step

func (p steps) String() string {
	s := ""
	for _, at := range p {
		if at.name == "" {
			s += "[" + strconv.Itoa(at.index) + "]"
			continue
		}
		s = join(s, at.name)
	}
	return s
}

// put sets the value at a path; lists on the way extend weaker ones.
func (n *node) put(path steps, value string) {
	at := n
	for _, s := range path {
		if s.name != "" {
			at = at.child(s.name)
			continue
		}
		at.kind, at.extend = list, true
		for len(at.items) <= s.index {
			at.items = append(at.items, node{})
		}
		at = &at.items[s.index]
	}
	*at = node{kind: scalar, text: value}
}

// resolve is the path that a variable's name stands for, and whether it is a
// file with the value.
func resolve(name string) (path steps, file, ok bool) {
	lower := strings.ToLower(name)
	if path, _, ok := walk(reflect.TypeFor[Settings](), lower); ok {
		return path, false, true
	}
	if short, cut := strings.CutSuffix(lower, "_file"); cut {
		path, t, ok := walk(reflect.TypeFor[Settings](), short)
		return path, true, ok && t == reflect.TypeFor[secret.Text]()
	}
	return nil, false, false
}

func walk(t reflect.Type, rest string) (steps, reflect.Type, bool) {
	switch {
	case rest == "":
		leaf := t.Kind() != reflect.Struct && (t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct)
		return nil, t, leaf
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		digits, after, _ := strings.Cut(rest, "_")
		i, err := strconv.Atoi(digits)
		if err != nil || i < 0 || i > maxIndex {
			return nil, nil, false
		}
		path, leaf, ok := walk(t.Elem(), after)
		return append(steps{{index: i}}, path...), leaf, ok
	case t.Kind() != reflect.Struct:
		return nil, nil, false
	}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("set")
		after, found := strings.CutPrefix(rest, name)
		if !found || after != "" && after[0] != '_' {
			continue
		}
		path, leaf, ok := walk(t.Field(i).Type, strings.TrimPrefix(after, "_"))
		if ok {
			return append(steps{{name: name}}, path...), leaf, true
		}
	}
	return nil, nil, false
}
