package httpapi

import (
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaRoot is where schemas with a name stand in the OpenAPI document.
const schemaRoot = "#/components/schemas/"

// tidy mends what huma's document says wrongly: a pointer to an object may be
// null, answers may grow names, what a request may leave out it may also send
// as null, and huma's own error type is not used.
func tidy(tree map[string]any, types huma.Registry) {
	schemas, _ := dig(tree, "components", "schemas").(map[string]any)
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	sent := requested(tree, schemas)
	for name, v := range schemas {
		schema, _ := v.(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		if !sent[name] {
			delete(schema, "additionalProperties")
			for _, field := range nullableObjects(types.TypeFromRef(schemaRoot + name)) {
				properties[field] = orNull(properties[field])
			}
			continue
		}
		required, _ := schema["required"].([]any)
		for field, property := range properties {
			if !slices.Contains(required, any(field)) {
				properties[field] = orNull(property)
			}
		}
	}
}

func dig(v any, path ...string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// requested are the names of the schemas that requests are made of.
func requested(tree, schemas map[string]any) map[string]bool {
	found := map[string]bool{}
	paths, _ := tree["paths"].(map[string]any)
	for _, path := range paths {
		operations, _ := path.(map[string]any)
		for _, operation := range operations {
			refer(dig(operation, "requestBody"), schemas, found)
		}
	}
	return found
}

// refer adds the names of the schemas that v refers to.
func refer(v any, schemas map[string]any, found map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			refer(inner, schemas, found)
		}
	case map[string]any:
		for _, inner := range v {
			refer(inner, schemas, found)
		}
		ref, _ := v["$ref"].(string)
		if name := strings.TrimPrefix(ref, schemaRoot); ref != "" && !found[name] {
			found[name] = true
			refer(schemas[name], schemas, found)
		}
	}
}

// orNull is a schema that takes null too.
func orNull(v any) any {
	schema, _ := v.(map[string]any)
	null := map[string]any{"type": "null"}
	if list, ok := schema["oneOf"].([]any); ok {
		if !slices.ContainsFunc(list, takesNull) {
			schema["oneOf"] = append(list, null)
		}
		return schema
	}
	switch kind := schema["type"].(type) {
	case string:
		schema["type"] = []any{kind, "null"}
	case []any: // it takes null
	default:
		return map[string]any{"oneOf": []any{schema, null}}
	}
	if words, ok := schema["enum"].([]any); ok && !slices.Contains(words, nil) {
		schema["enum"] = append(words, nil)
	}
	return schema
}

func takesNull(schema any) bool {
	kinds, _ := dig(schema, "type").([]any)
	return dig(schema, "type") == "null" || slices.Contains(kinds, any("null"))
}

// nullableObjects are the fields of a type that point to an object and stand
// in an answer also when they point to nothing.
func nullableObjects(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	var fields []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct && f.Type.Elem() != reflect.TypeFor[Time]() && !strings.Contains(rest, "omit") {
			fields = append(fields, name)
		}
	}
	return fields
}
