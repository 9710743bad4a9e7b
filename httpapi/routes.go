package httpapi

import (
	"net/http"

	"github.com/printwire/printwire/auth"
)

// class is a route's rate class.
type class string

// The rate classes, with what they allow in a minute.
const (
	classRead    class = "read"    // 100
	classWrite   class = "write"   // 30
	classControl class = "control" // 10
)

// row is one endpoint.
type row struct {
	method, path string
	// scope is the right that the caller must hold. open marks a route that
	// asks for no key at all; then there is no scope.
	scope auth.Scope
	open  bool
	class class
	// audit is the name under which calls are recorded.
	audit string
	// tag groups endpoints for people, and summary says what this one does.
	tag, summary string
	// example is an answer, for the documentation.
	example any
	serve   registrar
}

// routes is the table of all endpoints, in the order in which they are documented.
func routes() []row {
	return []row{
		{
			method: http.MethodGet, path: "/health", open: true, class: classRead, audit: "health",
			tag: "System", summary: "Whether the bridge works", example: exampleHealth(),
			serve: serve((*api).health),
		},
		{
			method: http.MethodGet, path: "/healthz", open: true, class: classRead, audit: "health",
			tag: "System", summary: "The same as /health", example: exampleHealth(),
			serve: serve((*api).health),
		},
		{
			method: http.MethodGet, path: base + "/openapi.json", scope: auth.SystemRead, class: classRead, audit: "openapi",
			tag: "System", summary: "This description", example: map[string]any{"openapi": "3.1.0"},
			serve: serveEncoded[map[string]any]((*api).description),
		},
		{
			method: http.MethodGet, path: base + "/printers", scope: auth.PrintersRead, class: classRead, audit: "printers.list",
			tag: "Printers", summary: "All printers", example: []Printer{examplePrinter()},
			serve: serve((*api).printers),
		},
		{
			method: http.MethodGet, path: base + "/printers/{id}", scope: auth.PrintersRead, class: classRead, audit: "printers.get",
			tag: "Printers", summary: "One printer", example: examplePrinter(),
			serve: serve((*api).printer),
		},
		{
			method: http.MethodGet, path: base + "/printers/{id}/status", scope: auth.PrintersRead, class: classRead, audit: "printers.status",
			tag: "Printers", summary: "What a printer does now", example: exampleStatus(),
			serve: serveEncoded[Status]((*api).status),
		},
	}
}
