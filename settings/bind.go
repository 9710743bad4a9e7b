package settings

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/printwire/printwire/secret"
)

// binder puts one layer's nodes into the settings' fields and collects what
// does not fit.
type binder struct {
	layer    Layer
	problems []Problem
}

func (b *binder) problem(n node, path, message string) {
	if name, ok := b.layer.names[path]; ok {
		path = name
	}
	b.problems = append(b.problems, Problem{Source: b.layer.source, Line: n.line, Field: path, Message: message})
}

func (b *binder) bind(n node, to reflect.Value, path string) {
	if n.kind == null {
		return
	}
	switch {
	case to.Kind() == reflect.Struct:
		b.bindStruct(n, to, path)
	case to.Kind() == reflect.Slice:
		b.bindList(n, to, path)
	case n.kind != scalar:
		b.problem(n, path, "must be "+expected(to.Type())+", not "+n.kind.String())
	default:
		b.bindScalar(n, to, path)
	}
}

func (b *binder) bindStruct(n node, to reflect.Value, path string) {
	if n.kind != object {
		b.problem(n, path, "must be a group of names, not "+n.kind.String())
		return
	}
	for i, key := range n.keys {
		at := join(path, key)
		field, ok := fieldOf(to, key)
		if !ok {
			b.problem(n.items[i], at, unknown(key, namesOf(to.Type())))
			continue
		}
		b.bind(n.items[i], field, at)
	}
}

func (b *binder) bindList(n node, to reflect.Value, path string) {
	if n.kind == scalar && to.Type().Elem().Kind() != reflect.Struct {
		n = parted(n)
	}
	if n.kind != list {
		b.problem(n, path, "must be a list, not "+n.kind.String())
		return
	}
	fresh := reflect.MakeSlice(to.Type(), len(n.items), len(n.items))
	if n.extend {
		fresh = reflect.MakeSlice(to.Type(), max(to.Len(), len(n.items)), max(to.Len(), len(n.items)))
		reflect.Copy(fresh, to)
	}
	for i, item := range n.items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if item.kind == null && !n.extend {
			b.problem(item, at, "must not be empty")
			continue
		}
		b.bind(item, fresh.Index(i), at)
	}
	to.Set(fresh)
}

// parted is a list from one text with commas.
func parted(n node) node {
	l := node{kind: list, line: n.line}
	for _, part := range strings.Split(n.text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			l.items = append(l.items, node{kind: scalar, text: part, line: n.line})
		}
	}
	return l
}

func (b *binder) bindScalar(n node, to reflect.Value, path string) {
	switch to.Kind() {
	case reflect.String:
		to.SetString(n.text)
	case reflect.Int:
		v, err := strconv.ParseInt(n.text, 10, 32)
		if err != nil {
			b.problem(n, path, "must be "+expected(to.Type()))
			return
		}
		to.SetInt(v)
	case reflect.Float64:
		v, ok := number(n.text)
		if !ok {
			b.problem(n, path, "must be "+expected(to.Type()))
			return
		}
		to.SetFloat(v)
	case reflect.Bool:
		switch strings.ToLower(n.text) {
		case "true", "yes", "on", "1":
			to.SetBool(true)
		case "false", "no", "off", "0":
			to.SetBool(false)
		default:
			b.problem(n, path, "must be "+expected(to.Type()))
		}
	}
}

// expected says in words what a field takes.
func expected(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number such as 22.5"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t == reflect.TypeFor[secret.Text]():
		return "a text (a secret)"
	default:
		return "a text"
	}
}

func fieldOf(s reflect.Value, key string) (reflect.Value, bool) {
	for i := range s.NumField() {
		if s.Type().Field(i).Tag.Get("set") == key {
			return s.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func namesOf(t reflect.Type) []string {
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("set"))
	}
	return names
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
