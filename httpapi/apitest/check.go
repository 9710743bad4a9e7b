package apitest

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Check tells what an answer is that the description does not say, or nil.
func (d *Description) Check(r *http.Request, status int, header http.Header, body []byte) error {
	if err := d.check(r, status, header, body); err != nil {
		return fmt.Errorf("%s %s answered %d: %w\n%.400s", r.Method, r.URL.Path, status, err, body)
	}
	return nil
}

// outside are answers that come before a request has found its operation.
func outside() []int {
	return []int{
		http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusMisdirectedRequest,
	}
}

// nowhere are the answers at a path or to a method that is not described.
func nowhere() []int {
	return append(outside(), http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable)
}

func (d *Description) check(r *http.Request, status int, header http.Header, body []byte) error {
	if err := headers(status, header); err != nil {
		return err
	}
	if r.Method == http.MethodOptions && status == http.StatusNoContent && header.Get("Access-Control-Allow-Origin") != "" {
		return nil // a browser asks whether it may ask
	}
	o, found, known := d.find(r.Method, r.URL.Path)
	described, ok := o.responses[fmt.Sprint(status)]
	switch {
	case found && ok:
		if status/100 == 3 && len(body) == 0 {
			return nil // who is sent elsewhere needs nothing to read
		}
		return d.content(r, o.at+pointer("responses", fmt.Sprint(status)), described, header, body)
	case found && slices.Contains(outside(), status):
	case found:
		return fmt.Errorf("this status is not described, which has %v", o.codes())
	case known && status == http.StatusNotFound:
		return fmt.Errorf("there is something at this path: 405 belongs to another method")
	case !slices.Contains(nowhere(), status):
		return fmt.Errorf("the description has no %s at this path", r.Method)
	}
	return d.failure(r, header, body)
}

// headers are those that must be there whatever was asked.
func headers(status int, header http.Header) error {
	for code, name := range map[int]string{
		http.StatusUnauthorized: "WWW-Authenticate", http.StatusMethodNotAllowed: "Allow", http.StatusTooManyRequests: "Retry-After",
		http.StatusCreated: "Location", http.StatusFound: "Location", http.StatusSeeOther: "Location",
	} {
		if status == code && header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	if header.Get("X-Content-Type-Options") != "nosniff" {
		return fmt.Errorf("the header X-Content-Type-Options is missing")
	}
	return nil
}

// kind is the content type without its parameters.
func kind(header http.Header) (string, error) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return "", fmt.Errorf("content type %q: %w", header.Get("Content-Type"), err)
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return "", fmt.Errorf("charset %q", charset)
	}
	return kind, nil
}

func isJSON(kind string) bool { return kind == "application/json" || strings.HasSuffix(kind, "+json") }

// content looks at an answer of a described operation.
func (d *Description) content(r *http.Request, at string, described response, header http.Header, body []byte) error {
	if len(described.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("there is a body, and none is described")
		}
		return nil
	}
	kind, err := kind(header)
	if err != nil {
		return err
	}
	one, ok := described.Content[kind]
	switch {
	case !ok:
		return fmt.Errorf("content type %q is not described", kind)
	case r.Method == http.MethodHead && len(body) == 0:
		return nil
	case nested(r) && strings.Contains(string(body), `{"error":{`):
		return d.failure(r, header, body)
	case !isJSON(kind):
		return nil
	case one.Schema == nil:
		return fmt.Errorf("the body has no schema")
	}
	return d.validate(at+pointer("content", kind, "schema"), body)
}

// nested tells whether errors are asked for in an envelope.
func nested(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Prefer"), "error-format=nested")
}

// failure looks at an error that no operation describes.
func (d *Description) failure(r *http.Request, header http.Header, body []byte) error {
	kind, err := kind(header)
	switch {
	case err != nil:
		return err
	case !isJSON(kind):
		return fmt.Errorf("an error of the content type %q", kind)
	case r.Method == http.MethodHead && len(body) == 0, nested(r):
		return nil
	}
	return d.validate(failure, body)
}
