package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The names of the security schemes.
const (
	schemeHeader = "apiKey"
	schemeBearer = "bearer"
	schemeBasic  = "basic"
	schemeQuery  = "apiKeyInQuery"
)

func schemes() []string { return []string{schemeHeader, schemeBearer, schemeBasic, schemeQuery} }

// config is huma's without its pages, its links and its other formats.
func (a *api) config() huma.Config {
	c := huma.DefaultConfig("Printwire", a.Version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.Transformers = []huma.Transformer{a.render}
	c.Info.Description = "3D printers, keyed. Values that are not known are null; times are UTC."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		schemeHeader: {Type: "apiKey", In: "header", Name: headerKey, Description: "An API key."},
		schemeBearer: {Type: "http", Scheme: "bearer", Description: "An API key."},
		schemeBasic:  {Type: "http", Scheme: "basic", Description: "Any user name, and an API key as the password."},
		schemeQuery:  {Type: "apiKey", In: "query", Name: queryKey, Description: "GET only, from private addresses unless set otherwise."},
	}
	return c
}

// describe is the OpenAPI document as indented JSON, the same for the same routes.
func describe(o *huma.OpenAPI) ([]byte, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document back: %w", err)
	}
	tidy(tree)
	text, err := json.MarshalIndent(tree, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	return append(text, '\n'), nil
}

// tidy mends what huma's document says wrongly: a pointer to an object may be
// null, answers may grow names, and its own error type is not used.
func tidy(tree map[string]any) {
	schemas, _ := dig(tree, "components", "schemas").(map[string]any)
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	nullable := nullableObjects(reflect.TypeFor[Status](), reflect.TypeFor[Printer]())
	for name, v := range schemas {
		schema, _ := v.(map[string]any)
		if !strings.HasSuffix(name, "Request") {
			delete(schema, "additionalProperties")
		}
		properties, _ := schema["properties"].(map[string]any)
		for _, field := range nullable[name] {
			properties[field] = map[string]any{"oneOf": []any{properties[field], map[string]any{"type": "null"}}}
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

// nullableObjects are, by type, the fields that point to an object.
func nullableObjects(types ...reflect.Type) map[string][]string {
	found := map[string][]string{}
	for _, t := range types {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct && f.Type.Elem() != reflect.TypeFor[Time]() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				found[t.Name()] = append(found[t.Name()], name)
			}
		}
	}
	return found
}

// Schema is that of an RFC 3339 text, or null.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}
