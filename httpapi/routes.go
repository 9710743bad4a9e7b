package httpapi

import (
	"slices"

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
	// aliases are further spellings of the path that answer the same.
	aliases []string
	// scope is the right that the caller must hold. open marks a route that
	// asks for no key at all, self one that every valid key may call; then
	// there is no scope.
	scope      auth.Scope
	open, self bool
	// form: the body is a form, which the handler reads itself.
	form bool
	// refusal is what a caller without the scope is told; "" is the usual.
	refusal string
	class   class
	// audit is the name under which calls are recorded.
	audit string
	// tag groups endpoints for people, summary says what this one does, and
	// more, if set, what else is to be known.
	tag, summary, more string
	// status is what success answers; 0 is 200.
	status int
	// fails are failures that no other route has.
	fails []int
	// bare are further answers, which have no body.
	bare []int
	// next are the audit tags of the endpoints that take the id of what is answered.
	next []string
	// example is an answer, for the documentation.
	example any
	serve   registrar
}

// routes is the table of all endpoints, in the order in which they are documented.
func routes() []row {
	return slices.Concat(systemRoutes(), printerRoutes(), controlRoutes(), archiveRoutes(), webhookRoutes(), jobRoutes(), keyRoutes(), oauthRoutes(), cloudRoutes(), octoPrintRoutes(), laterRoutes())
}
