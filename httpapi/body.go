package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// The bounds of a request's body.
const (
	maxBody      = 1 << 20
	maxBodyDepth = 64
)

// checkBody refuses bodies that are too large, compressed, in another charset,
// or whose JSON says a thing twice, before a handler sees them. GET and HEAD
// have no body to look at.
func (a *api) checkBody(c *gin.Context) {
	r := c.Request
	if r.Method == http.MethodGet || r.Body == nil || r.ContentLength == 0 {
		return
	}
	if p, bad := readable(r); bad {
		a.refuse(c, p)
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, maxBody))
	if err != nil {
		p := problem{status: http.StatusBadRequest, detail: "The body could not be read."}
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			p = problem{status: http.StatusRequestEntityTooLarge, detail: "The body is larger than 1 MiB."}
		}
		a.refuse(c, p)
		return
	}
	if detail := flawIn(data); detail != "" && len(data) > 0 {
		a.refuse(c, problem{status: http.StatusBadRequest, detail: detail})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
}

func readable(r *http.Request) (problem, bool) {
	unsupported := func(detail string) (problem, bool) {
		return problem{status: http.StatusUnsupportedMediaType, detail: detail}, true
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return unsupported("Compressed bodies are not taken.")
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != jsonType && !strings.HasSuffix(kind, "+json") {
		return unsupported("The body must be application/json.")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupported("The body must be UTF-8.")
	}
	if r.ContentLength > maxBody {
		return problem{status: http.StatusRequestEntityTooLarge, detail: "The body is larger than 1 MiB."}, true
	}
	return problem{}, false
}

// flawIn says what is wrong with a JSON text beyond its types, or "".
func flawIn(data []byte) string {
	const syntax = "The body is not valid JSON."
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	// One set of names per open object; nil for an array.
	var open []map[string]bool
	name := false
	for {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && len(open) == 0:
			return ""
		case err != nil:
			return syntax
		}
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:len(open)-1]
			name = len(open) > 0 && open[len(open)-1] != nil
			continue
		}
		if name {
			key, _ := token.(string)
			names := open[len(open)-1]
			if names[key] {
				return "A name stands twice in the same object of the body."
			}
			names[key], name = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			open, name = append(open, map[string]bool{}), true
		case json.Delim('['):
			open = append(open, nil)
		default:
			name = len(open) > 0 && open[len(open)-1] != nil
		}
		if len(open) > maxBodyDepth {
			return "The body is nested too deeply."
		}
	}
}
