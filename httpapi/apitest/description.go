package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// resource is the name under which the document's schemas refer to each other.
const resource = "openapi.json"

// failure is where the document has the body of errors.
const failure = "/components/schemas/Failure"

// Description is an OpenAPI document against which answers are checked.
type Description struct {
	operations []operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// operation is one method of one path.
type operation struct {
	method, path string
	// at is where the document describes it, as a JSON pointer.
	at        string
	responses map[string]response
}

type response struct {
	Content map[string]struct {
		Schema map[string]any `json:"schema"`
	} `json:"content"`
}

// Read reads an OpenAPI document.
func Read(document []byte) (*Description, error) {
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	d := &Description{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(resource, tree); err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Aliases   []string            `json:"x-aliases"`
			Responses map[string]response `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			for _, spelling := range append([]string{path}, o.Aliases...) {
				d.operations = append(d.operations, operation{
					method: strings.ToUpper(method), path: spelling, at: pointer("paths", path, method), responses: o.Responses,
				})
			}
		}
	}
	// Where two cover a path, the one that is written out is meant.
	slices.SortFunc(d.operations, func(a, b operation) int {
		return strings.Compare(strings.ReplaceAll(a.path, "{", "~"), strings.ReplaceAll(b.path, "{", "~"))
	})
	return d, nil
}

func pointer(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	return b.String()
}

// find is the operation that a request is for. known: there is one at its path.
func (d *Description) find(method, path string) (o operation, found, known bool) {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	meant := ""
	for _, o := range d.operations {
		if meant != "" && o.path != meant || !covers(o.path, path) {
			continue
		}
		meant = o.path
		if o.method == method {
			return o, true, true
		}
	}
	return operation{}, false, meant != ""
}

// covers tells whether a path with names in braces stands for another.
func covers(template, path string) bool {
	names, parts := strings.Split(template, "/"), strings.Split(path, "/")
	if len(names) != len(parts) {
		return false
	}
	for i, name := range names {
		if name != parts[i] && (!strings.HasPrefix(name, "{") || parts[i] == "") {
			return false
		}
	}
	return true
}

// validate holds a JSON text against the schema at a place of the document.
func (d *Description) validate(at string, body []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	schema, ok := d.schemas[at]
	if !ok {
		var err error
		if schema, err = d.compiler.Compile(resource + "#" + at); err != nil {
			return fmt.Errorf("the description's schema at %s: %w", at, err)
		}
		d.schemas[at] = schema
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("the body is not as described: %w", err)
	}
	return nil
}

func (o operation) codes() []string { return slices.Sorted(maps.Keys(o.responses)) }
