package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/auth"
)

// octoPrintFiles is the path at which OctoPrint's clients list files.
const octoPrintFiles = "/api/files"

// isOctoPrint tells whether a path belongs to OctoPrint's API, which has rules
// of its own for keys and errors.
func isOctoPrint(path string) bool {
	return slices.Contains([]string{octoPrintFiles, octoPrintFiles + "/local"}, path)
}

// octoPrintCredential is the first key in OctoPrint's order: in the URL,
// X-Api-Key, Bearer. The others are not looked at.
func (a *api) octoPrintCredential(r *http.Request) shown {
	var s shown
	if value := r.URL.Query().Get(queryKey); value != "" {
		if a.queryAllowed(r) {
			s.add(value, auth.ByHeader)
			s.query = true
			return s
		}
		s.ignored = true
	}
	if value := r.Header.Get(headerKey); value != "" {
		s.add(value, auth.ByHeader)
	} else {
		s.authorization(r, r.Header.Get("Authorization"))
	}
	return s
}

// octoPrintStatus is the status for a key that was refused: 401 when it is
// missing or unknown, 403 when it is known, so that a client asks its user for
// another when a key was withdrawn.
func octoPrintStatus(reason auth.Reason, status int) int {
	switch reason {
	case auth.Revoked, auth.Expired, auth.Inactive, auth.Elsewhere:
		return http.StatusForbidden
	default:
		return status
	}
}

// OctoPrintFailure is an error as OctoPrint's clients show it.
type OctoPrintFailure struct {
	Error string `json:"error"`
}

// OctoPrintFiles are the files that OctoPrint's clients may print: none, as
// long as no files are kept.
type OctoPrintFiles struct {
	Files []map[string]any `json:"files" nullable:"false"`
	Free  *int64           `json:"free" doc:"In bytes; null while no files are kept."`
	Total *int64           `json:"total" doc:"In bytes; null while no files are kept."`
}

type octoPrintCall struct {
	Recursive string `query:"recursive" maxLength:"8" doc:"Taken, without effect on an empty list."`
}

type octoPrintAnswer struct{ Body OctoPrintFiles }

func (a *api) octoPrintList(context.Context, *octoPrintCall) (*octoPrintAnswer, error) {
	return &octoPrintAnswer{Body: OctoPrintFiles{Files: []map[string]any{}}}, nil
}

// serveOctoPrint is serve with errors described as OctoPrint's.
func serveOctoPrint[I, O any](handle func(*api, context.Context, *I) (*O, error)) registrar {
	inner := serve(handle)
	return func(a *api, op huma.Operation) {
		failure := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[OctoPrintFailure](), true, "")
		for code, r := range op.Responses {
			if code >= "400" {
				r.Content = map[string]*huma.MediaType{jsonType: {Schema: failure}}
			}
		}
		inner(a, op)
	}
}

// octoPrintRoutes are the endpoints that OctoPrint's clients know.
func octoPrintRoutes() []row {
	return []row{{
		method: http.MethodGet, path: octoPrintFiles, aliases: []string{octoPrintFiles + "/local"}, scope: auth.PrintersRead, class: classRead, audit: "octoprint.files",
		tag: "OctoPrint", summary: "The files, none so far", example: OctoPrintFiles{Files: []map[string]any{}},
		more: "Keys come as OctoPrint takes them: apikey in the URL, then X-Api-Key, then Bearer, the first alone. " +
			"401: none, or unknown. 403: known, but withdrawn, expired, or without the right.",
		serve: serveOctoPrint((*api).octoPrintList),
	}}
}
