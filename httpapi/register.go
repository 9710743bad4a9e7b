package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/auth"
)

// registrar puts a handler behind an operation.
type registrar func(a *api, op huma.Operation)

// serve makes a registrar from a handler whose answer is encoded by its type.
// What the handler returns as an error is rendered by its fault kind.
func serve[I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	return func(a *api, op huma.Operation) {
		huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := handle(a, ctx, in)
			if err != nil {
				return nil, a.problemOf(err)
			}
			return out, nil
		})
	}
}

// serveEncoded is serve for a handler that answers JSON which is encoded
// already; T is what the JSON holds.
func serveEncoded[T, I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serve(handle)
	return func(a *api, op huma.Operation) {
		schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
		op.Responses["200"].Content[jsonType].Schema = schema
		inner(a, op)
	}
}

// serveExport is serve for a file that is a table or, if the caller wants it, JSON.
func serveExport[I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serveText("text/csv", handle)
	return func(a *api, op huma.Operation) {
		inner(a, op)
		op.Responses["200"].Content[jsonType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject}}}
	}
}

// serveText is serve for an answer that is no JSON.
func serveText[I, O any](kind string, handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serve(handle)
	return func(a *api, op huma.Operation) {
		example := op.Responses["200"].Content[jsonType]
		if example != nil {
			example.Schema = &huma.Schema{Type: huma.TypeString}
			op.Responses["200"].Content = map[string]*huma.MediaType{kind: example}
		}
		inner(a, op)
	}
}

// serveStream is serve for a stream of events, whose schema is that of each event.
func serveStream[I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serveText(streamType, handle)
	return func(a *api, op huma.Operation) {
		inner(a, op)
		text := &huma.Schema{Type: huma.TypeString}
		op.Responses["200"].Content[streamType].Schema = &huma.Schema{
			Type: huma.TypeObject, Description: "One event of the stream.",
			Properties: map[string]*huma.Schema{
				"id": text, "event": text, "retry": {Type: huma.TypeInteger},
				"data": {Type: huma.TypeString, Description: "JSON."},
			},
		}
	}
}

// check tells what a row lacks: without all of it, it is not registered.
func (r row) check() error {
	missing := func(what string) error { return fmt.Errorf("route %s %s has no %s", r.method, r.path, what) }
	known := map[class]bool{classRead: true, classWrite: true, classControl: true}
	switch {
	case r.method == "" || !strings.HasPrefix(r.path, "/"):
		return missing("method or path")
	case strings.HasSuffix(r.path, "/"):
		return fmt.Errorf("route %s %s ends with a slash; both spellings answer anyway", r.method, r.path)
	case r.open && r.self:
		return fmt.Errorf("route %s %s is open and for every key", r.method, r.path)
	case !r.open && !r.self && !isScope(r.scope):
		return missing("scope")
	case (r.open || r.self) && r.scope != "":
		return fmt.Errorf("route %s %s is open and has a scope", r.method, r.path)
	case !known[r.class]:
		return missing("rate class")
	case r.audit == "":
		return missing("audit tag")
	case r.summary == "" || r.tag == "" || r.example == nil:
		return missing("tag, summary or example")
	case r.serve == nil:
		return missing("handler")
	}
	return nil
}

func isScope(s auth.Scope) bool {
	for _, row := range auth.Scopes() {
		if row.Scope == s {
			return true
		}
	}
	return false
}

func (a *api) register(r row) error {
	if err := r.check(); err != nil {
		return err
	}
	example, err := plain(r.example)
	if err != nil {
		return fmt.Errorf("route %s %s: example: %w", r.method, r.path, err)
	}
	a.rows = append(a.rows, r)
	op := huma.Operation{
		OperationID: operationID(r.audit),
		Method:      r.method, Path: r.path, Summary: r.summary, Description: r.more, Tags: []string{r.tag},
		DefaultStatus: r.status, Responses: a.responses(r, example), MaxBodyBytes: maxBody,
		Extensions: map[string]any{"x-rate-class": string(r.class), "x-audit": r.audit},
	}
	if len(r.aliases) > 0 {
		op.Extensions["x-aliases"] = r.aliases
	}
	if !r.open {
		op.Extensions["x-scope"] = string(r.scope)
		for _, scheme := range schemes() {
			needs := map[string][]string{scheme: {}}
			if r.scope != "" {
				needs[scheme] = []string{string(r.scope)}
			}
			op.Security = append(op.Security, needs)
		}
	}
	op.Middlewares = huma.Middlewares{a.admit(r)}
	r.serve(a, op)
	for i, path := range r.aliases {
		alias := op
		alias.Path, alias.Hidden, alias.OperationID = path, true, fmt.Sprintf("%s-alias-%d", op.OperationID, i)
		r.serve(a, alias)
	}
	return nil
}

// plain is an example as decoded JSON, so that it is written as the API writes it.
func plain(example any) (any, error) {
	text, err := json.Marshal(example)
	if err != nil {
		return nil, err
	}
	var v any
	err = json.Unmarshal(text, &v)
	return v, err
}

// responses are the answers of a route: its success, and what can go wrong.
func (a *api) responses(r row, example any) map[string]*huma.Response {
	failure := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Failure](), true, "")
	success := cmp.Or(r.status, http.StatusOK)
	list := map[string]*huma.Response{
		fmt.Sprint(success): {
			Description: http.StatusText(success), Links: r.links(),
			Content: map[string]*huma.MediaType{jsonType: {Example: example}},
		},
	}
	for _, code := range r.bare {
		list[fmt.Sprint(code)] = &huma.Response{Description: http.StatusText(code)}
	}
	codes := []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if !r.open {
		codes = append(codes, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity)
	}
	if strings.Contains(r.path, "{") {
		codes = append(codes, http.StatusNotFound)
	}
	if r.method != http.MethodGet {
		codes = append(codes, http.StatusForbidden, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.scope == auth.PrintersControl {
		codes = append(codes, http.StatusGatewayTimeout)
	}
	for _, code := range append(codes, r.fails...) {
		list[fmt.Sprint(code)] = &huma.Response{
			Description: http.StatusText(code),
			Content:     map[string]*huma.MediaType{problemType: {Schema: failure}, jsonType: {Schema: failure}},
		}
	}
	return list
}

// links say which operations what was answered can be given to.
func (r row) links() map[string]*huma.Link {
	list := map[string]*huma.Link{}
	id := "$response.body#/id"
	if reflect.TypeOf(r.example).Kind() == reflect.Slice {
		id = "$response.body#/0/id"
	}
	for _, audit := range r.next {
		list[audit] = &huma.Link{OperationID: operationID(audit), Parameters: map[string]any{"id": id}}
	}
	return list
}

func operationID(audit string) string { return strings.ReplaceAll(audit, ".", "-") }
