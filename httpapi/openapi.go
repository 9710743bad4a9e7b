package httpapi

import (
	"encoding/json"
	"fmt"

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
	whole := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: decode}
	c.Formats = map[string]huma.Format{"application/json": whole, "json": whole}
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
	tidy(tree, o.Components.Schemas)
	text, err := json.MarshalIndent(tree, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	return append(text, '\n'), nil
}

// Schema is that of an RFC 3339 text, or null.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}
