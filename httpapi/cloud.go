package httpapi

import (
	"context"
	"net/http"

	"github.com/printwire/printwire/auth"
)

// cloud answers what the fences of the maker's cloud say. Nobody can be signed
// in there yet, so nothing lies behind them.
func (a *api) cloud(ctx context.Context, _ *nothing) (*doneAnswer, error) {
	s := sender(ctx)
	err := auth.CloudFences(s.who, func(string) auth.CloudState { return auth.CloudSignedOut })
	if err == nil {
		return nil, problem{status: http.StatusNotImplemented, detail: "The cloud is not read by this version."}
	}
	reason := auth.ReasonOf(err)
	p := problem{status: http.StatusUnauthorized, code: reason.Code(s.carrier), detail: err.Error()}
	if reason.Right() {
		p = forbidden(s, auth.CloudRead)
		p.detail = err.Error()
	}
	return nil, p
}

// cloudRoutes are the endpoints of the maker's cloud.
func cloudRoutes() []row {
	var list []row
	for _, name := range []string{"filaments", "devices", "firmware-updates", "settings", "status"} {
		list = append(list, row{
			method: http.MethodGet, path: base + "/cloud/" + name, self: true, class: classRead, audit: "cloud." + name,
			tag: "Cloud", summary: "The owner's cloud: " + name, example: Done{}, fails: []int{http.StatusNotImplemented},
			more:  "Three fences, in this order: the key has an owner (401), it holds cloud:read (403), the owner is signed in to the cloud (401).",
			serve: serve((*api).cloud),
		})
	}
	return list
}
