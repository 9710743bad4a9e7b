package httpapi

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/printer"
)

// problemType is the content type of errors.
const problemType = "application/problem+json"

// Failure is the one body of all errors: RFC 9457, with the names that clients
// of other programs look for beside it.
type Failure struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail" doc:"A sentence for people."`
	Instance  string         `json:"instance"`
	Error     string         `json:"error" doc:"The kind of error in lower case."`
	Message   string         `json:"message" doc:"A few words for people: detail when the key was refused, else mostly the title."`
	Code      string         `json:"code" doc:"The kind of error in upper case; it follows the way the key was sent."`
	RequestID string         `json:"request_id"`
	RetryIn   int            `json:"retry_after,omitempty" doc:"Seconds to wait."`
	Required  []auth.Scope   `json:"required_scopes,omitempty" nullable:"false"`
	Granted   *[]auth.Scope  `json:"granted_scopes,omitempty"`
	Violated  []string       `json:"violated-policies,omitempty" nullable:"false" doc:"The rate limits that were reached."`
	State     string         `json:"state,omitempty" doc:"What the printer does, in Bambuddy's words, when that is why a command is impossible."`
	Activity  string         `json:"activity,omitempty" doc:"What the printer does, when that is why a command is impossible."`
	Errors    []FailureField `json:"errors,omitempty" nullable:"false" doc:"What is wrong in the request."`
}

// FailureField is one thing that is wrong in a request. It never repeats the
// value that was sent.
type FailureField struct {
	Pointer string `json:"pointer" doc:"Where, as a JSON pointer, or the name of a parameter."`
	Detail  string `json:"detail"`
}

// problem is an error on its way to becoming a Failure.
type problem struct {
	status             int
	word, code, detail string
	// title is "" for the status's own text.
	title             string
	fields            []FailureField
	required, granted []auth.Scope
	violated          []string
	retryAfter        int
	// state is the printer's, when it is why.
	state *printer.Snapshot
	// cause is logged, never shown.
	cause error
}

// Error makes a problem an error that huma passes on.
func (p problem) Error() string { return p.detail }

// GetStatus is the HTTP status, asked for by huma.
func (p problem) GetStatus() int { return p.status }

// naming is the kind of an error in lower and upper case.
type naming struct{ word, code string }

// words names the statuses; what is not here is "internal_error".
func words() map[int]naming {
	return map[int]naming{
		400: {"invalid_request", "INVALID_REQUEST"},
		401: {"unauthorized", "INVALID_API_KEY"},
		403: {"forbidden", "FORBIDDEN"},
		404: {"not_found", "NOT_FOUND"},
		405: {"method_not_allowed", "METHOD_NOT_ALLOWED"},
		409: {"conflict", "CONFLICT"},
		413: {"payload_too_large", "PAYLOAD_TOO_LARGE"},
		414: {"uri_too_long", "URI_TOO_LONG"},
		415: {"unsupported_media_type", "UNSUPPORTED_MEDIA_TYPE"},
		421: {"misdirected_request", "MISDIRECTED_REQUEST"},
		422: {"validation_failed", "VALIDATION_FAILED"},
		429: {"rate_limit_exceeded", "RATE_LIMITED"},
		500: {"internal_error", "INTERNAL"},
		501: {"not_implemented", "NOT_IMPLEMENTED"},
		503: {"unavailable", "UNAVAILABLE"},
		504: {"timeout", "TIMEOUT"},
	}
}

// problemOf is how a fault is told; the text of an unclassified one stays inside.
func (a *api) problemOf(err error) problem {
	var ready problem
	if errors.As(err, &ready) {
		return ready
	}
	table := map[fault.Kind]problem{
		fault.Invalid:     {status: 422},
		fault.NotFound:    {status: 404},
		fault.Conflict:    {status: 409},
		fault.Denied:      {status: 403},
		fault.Offline:     {status: 409, word: "offline", code: "PRINTER_OFFLINE"},
		fault.Unsupported: {status: 409, word: "unsupported", code: "UNSUPPORTED"},
	}
	kind := fault.KindOf(err)
	p, ok := table[kind]
	if !ok {
		return problem{status: http.StatusInternalServerError, detail: "Something went wrong inside; the log says more under the request's id.", cause: err}
	}
	list := slices.DeleteFunc(each(err), func(e *fault.Error) bool { return e.Kind != kind })
	details := make([]string, len(list))
	for i, e := range list {
		details[i] = e.Message
		if e.Hint != "" {
			details[i] += " (" + e.Hint + ")"
		}
		if e.Field == "" {
			continue
		}
		p.fields = append(p.fields, FailureField{Pointer: fieldPointer(e.Field), Detail: e.Message})
		if len(list) > 1 {
			details[i] = e.Field + ": " + details[i]
		}
	}
	p.detail = strings.Join(details, "; ")
	return p
}

// each are the faults that an error is made of: one, or those of a list.
func each(err error) []*fault.Error {
	switch e := err.(type) { //nolint:errorlint // This walks the chain itself.
	case *fault.Error:
		return []*fault.Error{e}
	case interface{ Unwrap() error }:
		return each(e.Unwrap())
	case interface{ Unwrap() []error }:
		var list []*fault.Error
		for _, inner := range e.Unwrap() {
			list = append(list, each(inner)...)
		}
		return list
	}
	return nil
}

// fieldPointer is a JSON pointer from the path of a field, "a.0.b". The name of
// a header may have dots of its own.
func fieldPointer(path string) string {
	head, name, _ := strings.Cut(path, "headers.")
	if name != "" {
		head, name = head+"headers.", strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1", ".", "/").Replace(head) + name
}

// failure completes a problem.
func (p problem) failure(id string) Failure {
	w, ok := words()[p.status]
	if !ok {
		w = words()[http.StatusInternalServerError]
	}
	if p.word != "" {
		w.word = p.word
	}
	if p.code != "" {
		w.code = p.code
	}
	f := Failure{
		Type: "/problems/" + strings.ReplaceAll(w.word, "_", "-"), Title: http.StatusText(p.status), Status: p.status,
		Detail: p.detail, Instance: "/req/" + id, Error: w.word, Message: cmp.Or(p.title, http.StatusText(p.status)), Code: w.code,
		RequestID: id, RetryIn: p.retryAfter, Required: p.required, Errors: p.fields,
	}
	f.Violated = p.violated
	if p.granted != nil {
		f.Granted = &p.granted
	}
	if p.state != nil {
		f.State, f.Activity = word(p.state.State), string(p.state.State.Shown())
	}
	return f
}

// refuse answers with a problem and ends the request.
func (a *api) refuse(c *gin.Context, p problem) {
	c.Abort()
	a.answer(c.Writer, c.Request, p)
}

// answer writes a problem.
func (a *api) answer(w http.ResponseWriter, r *http.Request, p problem) {
	text, err := json.Marshal(a.prepare(w.Header(), r, p))
	if err != nil {
		a.Log.Error("cannot encode an error", "error", err)
	}
	w.WriteHeader(p.status)
	if _, err := w.Write(text); err != nil {
		a.Log.Debug("answer not sent", "error", err)
	}
}

// prepare sets the headers of an error and gives its body. It logs the cause
// of what is our own failure.
func (a *api) prepare(h http.Header, r *http.Request, p problem) any {
	f := p.failure(rand.Text())
	if p.cause != nil {
		a.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "request", f.RequestID, "error", p.cause)
	}
	h.Set("Content-Type", errorType(r.Header.Get("Accept")))
	if value := a.challenge(p); value != "" {
		h.Set("WWW-Authenticate", value)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	switch {
	case isOctoPrint(strings.TrimSuffix(r.URL.Path, "/")):
		h.Set("Content-Type", jsonType)
		return OctoPrintFailure{Error: f.Detail}
	case strings.Contains(r.Header.Get("Prefer"), "error-format=nested"):
		return map[string]any{"error": map[string]string{"code": f.Code, "message": f.Detail}}
	}
	return f
}

// errorType is plain JSON for clients that list only that.
func errorType(accept string) string {
	if accept == jsonType {
		return jsonType
	}
	return problemType
}

// render turns what huma and the handlers give as errors into our body. It
// drops the values that huma would repeat.
func (a *api) render(ctx huma.Context, _ string, v any) (any, error) {
	switch e := v.(type) {
	case problem:
		c := humagin.Unwrap(ctx)
		return a.prepare(c.Writer.Header(), c.Request, e), nil
	case *huma.ErrorModel:
		p := problem{status: e.Status, detail: e.Detail}
		for _, d := range e.Errors {
			detail := d.Message
			if strings.HasPrefix(detail, "json: ") {
				detail = "has a value of a wrong type" // the decoder speaks of our types
			}
			p.fields = append(p.fields, FailureField{Pointer: pointer(d.Location), Detail: detail})
		}
		switch {
		case p.status >= http.StatusInternalServerError:
			p.fields, p.cause = nil, errors.New(e.Detail)
		case p.status == http.StatusBadRequest:
			// The decoder's own words would repeat what was sent.
			p.fields, p.detail = nil, "The request could not be read."
		}
		c := humagin.Unwrap(ctx)
		return a.prepare(c.Writer.Header(), c.Request, p), nil
	default:
		return v, nil
	}
}

// pointer is a JSON pointer from huma's "body.a[0].b"; parameters keep their name.
func pointer(location string) string {
	rest, ok := strings.CutPrefix(location, "body")
	if !ok {
		return location
	}
	return strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(rest)
}
