package httpapi

import "github.com/printwire/printwire/auth"

// Endpoint is a route as tests see it.
type Endpoint struct {
	Method, Path string
	Scope        auth.Scope
	Open, Self   bool
}

// Endpoints are all routes in all spellings.
func Endpoints() []Endpoint {
	var list []Endpoint
	for _, r := range routes() {
		for _, path := range append([]string{r.path}, r.aliases...) {
			list = append(list, Endpoint{r.method, path, r.scope, r.open, r.self})
		}
	}
	return list
}
