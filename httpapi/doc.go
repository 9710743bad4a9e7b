// Package httpapi owns the keyed REST API: the table of routes, who may call
// them, how results and errors look, and the HTTP server's limits. It knows no
// keys and no connections itself: it asks for snapshots of printers and for
// the identity behind a credential.
//
// One row of the table in routes.go is one endpoint. It names its scope, its
// rate class and its audit tag and cannot be registered without them; the
// OpenAPI document and the check of the scope are made from the same row.
// Every answer, also the one to an unknown path, has a JSON body of ours.
package httpapi
