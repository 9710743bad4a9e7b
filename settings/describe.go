package settings

import (
	"reflect"

	"github.com/printwire/printwire/secret"
)

// Field is one setting as documentation and the app's manifest see it.
type Field struct {
	// Path is its name, with [] for a list's entry: "printers[].serial".
	Path string
	// Doc is one sentence for people.
	Doc string
	// Kind is "text", "number", "switch", "secret", "list" or "group".
	Kind string
}

// Fields lists every setting, groups before what they hold.
func Fields() []Field { return fields(reflect.TypeFor[Settings](), "") }

func fields(t reflect.Type, path string) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		at := join(path, f.Tag.Get("set"))
		out = append(out, Field{Path: at, Doc: f.Tag.Get("doc"), Kind: kindOf(f.Type)})
		switch {
		case f.Type.Kind() == reflect.Struct:
			out = append(out, fields(f.Type, at)...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			out = append(out, fields(f.Type.Elem(), at+"[]")...)
		}
	}
	return out
}

func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[secret.Text]():
		return "secret"
	case t.Kind() == reflect.Struct:
		return "group"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Bool:
		return "switch"
	default:
		return "text"
	}
}
