package settings

import (
	"reflect"

	"github.com/printwire/printwire/secret"
)

// Secrets are all secrets that the settings hold.
func (s Settings) Secrets() []secret.Text {
	var found []secret.Text
	collect(reflect.ValueOf(s), &found)
	return found
}

func collect(v reflect.Value, found *[]secret.Text) {
	switch {
	case v.Type() == reflect.TypeFor[secret.Text]():
		if text := v.Interface().(secret.Text); text != "" {
			*found = append(*found, text)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			collect(v.Field(i), found)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), found)
		}
	}
}
