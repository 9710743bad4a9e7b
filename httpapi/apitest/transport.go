package apitest

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// Transport is an http.RoundTripper that checks every answer.
type Transport struct {
	Description *Description
	// Base sends the requests; nil is http.DefaultTransport.
	Base http.RoundTripper
	// Wrong is told what is wrong with an answer.
	Wrong func(error)
}

// RoundTrip sends a request. The body of an answer is read to its end, unless
// it is a stream.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	response, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var body []byte
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind != "text/event-stream" {
		body, err = io.ReadAll(response.Body)
		if err := response.Body.Close(); err != nil {
			return nil, fmt.Errorf("closing the answer: %w", err)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := t.Description.Check(r, response.StatusCode, response.Header, body); err != nil {
		t.Wrong(err)
	}
	return response, nil
}
