package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// The bounds of a request's body.
const (
	formType     = "application/x-www-form-urlencoded"
	maxBody      = 1 << 20
	maxBodyDepth = 64
)

// unreadable answers, and is true, when a body is too large, compressed, in
// another charset, or its JSON says a thing twice: before a handler sees it.
// GET and HEAD have no body to look at.
func (a *api) unreadable(c *gin.Context) bool {
	r := c.Request
	if r.Method == http.MethodGet || r.Body == nil || r.ContentLength == 0 {
		return false
	}
	if p, bad := encodedBody(r); bad {
		a.refuse(c, p)
		return true
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, maxBody))
	if err != nil {
		p := problem{status: http.StatusBadRequest, detail: "The body could not be read."}
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			p = tooLarge()
		}
		a.refuse(c, p)
		return true
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	if len(data) == 0 {
		return false
	}
	if p, bad := typed(r, data); bad {
		a.refuse(c, p)
		return true
	}
	if r.Header.Get("Content-Type") == formType {
		return false
	}
	if detail := flawIn(data); detail != "" {
		a.refuse(c, problem{status: http.StatusBadRequest, detail: detail})
		return true
	}
	return false
}

func tooLarge() problem {
	return problem{status: http.StatusRequestEntityTooLarge, detail: "The body is larger than 1 MiB."}
}

func unsupportedMedia(detail string) (problem, bool) {
	return problem{status: http.StatusUnsupportedMediaType, detail: detail}, true
}

// encodedBody refuses what can be refused before anything is read.
func encodedBody(r *http.Request) (problem, bool) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return unsupportedMedia("Compressed bodies are not taken.")
	}
	if r.ContentLength > maxBody {
		return tooLarge(), true
	}
	return problem{}, false
}

// typed looks at the body's type. A body without one, or with that of a form,
// which is what curl -d sends, is JSON when it looks like it.
func typed(r *http.Request, data []byte) (problem, bool) {
	raw := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(raw)
	untold := raw == "" || err == nil && kind == formType
	switch {
	case untold && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")):
		r.Header.Set("Content-Type", jsonType)
	case err != nil, kind != jsonType && !strings.HasSuffix(kind, "+json"):
		return unsupportedMedia("The body must be application/json.")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupportedMedia("The body must be UTF-8.")
	}
	return problem{}, false
}

// emptyValue answers, and is true, when a parameter that is a number, a truth
// value or one of some words stands in the query without a value.
func (a *api) emptyValue(c *gin.Context, op *huma.Operation) bool {
	if c.Request.URL.RawQuery == "" {
		return false
	}
	query := c.Request.URL.Query()
	for _, p := range op.Parameters {
		values, given := query[p.Name]
		if p.In != "query" || !given || values[0] != "" {
			continue
		}
		detail := ""
		switch {
		case p.Schema.Type == huma.TypeInteger, p.Schema.Type == huma.TypeNumber, p.Schema.Type == huma.TypeBoolean:
			detail = "must be a value of the type " + p.Schema.Type
		case len(p.Schema.Enum) > 0 && !slices.Contains(p.Schema.Enum, any("")):
			detail = "must be one of the words that are described"
		default:
			continue
		}
		a.refuse(c, problem{
			status: http.StatusUnprocessableEntity, detail: p.Name + " has no value",
			fields: []FailureField{{Pointer: "query." + p.Name, Detail: detail}},
		})
		return true
	}
	return false
}

// flawIn says what is wrong with a JSON text beyond its types, or "".
func flawIn(data []byte) string {
	const syntax = "The body is not valid JSON."
	// The decoder would put other characters in the place of what is no text.
	if !utf8.Valid(data) {
		return "The body is not valid UTF-8."
	}
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
			// The decoder does not mind the case of letters.
			key = strings.ToLower(strings.ToUpper(key))
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

// decode is json.Unmarshal, which also takes 60.0 where a whole number belongs:
// JSON knows no difference, and neither do the schemas.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) || !strings.HasPrefix(wrong.Value, "number") {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var tree any
	if dec.Decode(&tree) != nil {
		return err
	}
	plainer, encoding := json.Marshal(whole(tree))
	if encoding != nil {
		return err
	}
	return json.Unmarshal(plainer, v)
}

// mostWhole is the largest number up to which a float holds every whole one.
const mostWhole = 1 << 53

// whole writes whole numbers in v without a point or an exponent.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = whole(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = whole(inner)
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) <= mostWhole {
			return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
		}
	}
	return v
}
