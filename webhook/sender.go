package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/printwire/printwire/secret"
)

// What one attempt may take.
const (
	totalTime = 15 * time.Second
	// answerTime is how long the body of an answer may take whose head is there.
	answerTime        = 2 * time.Second
	maxResponse       = 64 << 10
	maxResponseHeader = 16 << 10
	keptResponse      = 2 << 10
	keptRequest       = 4 << 10
	maxRetryAfter     = 24 * time.Hour
)

// Bus is Home Assistant's event bus, reached through the Supervisor.
type Bus struct {
	// URL is "http://supervisor/core/api/events/printwire_"; an event's name follows.
	URL   string
	Token secret.Text
}

// sender makes attempts. It holds no connection: those are an endpoint's client's.
type sender struct {
	policy    Policy
	bus       Bus
	agent     string
	transport http.RoundTripper
	now       func() time.Time
}

// verdict is what an answer means for the delivery.
type verdict int

const (
	accepted verdict = iota
	again
	gone
	blocked
)

// outcome is what came of an attempt.
type outcome struct {
	Attempt
	verdict verdict
	// pause is how long the receiver wants to be left alone.
	pause   time.Duration
	request string
}

// client is a client for an endpoint alone, so that no receiver holds another's connections.
func (s *sender) client(e Endpoint) *http.Client {
	c := &http.Client{
		Transport:     s.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.Transport == nil {
		c.Transport = &http.Transport{
			Proxy: nil, DialContext: s.policy.dial, TLSClientConfig: tlsFor(e),
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: maxResponseHeader,
			MaxIdleConns: 1, MaxIdleConnsPerHost: 1, MaxConnsPerHost: 1, IdleConnTimeout: 30 * time.Second,
			DisableCompression: true,
		}
	}
	return c
}

// tlsFor checks certificates as usual, or against the one that is pinned.
func tlsFor(e Endpoint) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	pin, err := hex.DecodeString(e.Certificate)
	if e.Certificate == "" || err != nil {
		return c
	}
	c.InsecureSkipVerify = true // The pin below says more than a signature could.
	c.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) > 0 {
			if sum := sha256.Sum256(raw[0]); subtle.ConstantTimeCompare(sum[:], pin) == 1 {
				return nil
			}
		}
		return errors.New("the server's certificate is not the pinned one")
	}
	return c
}

// request is an attempt's request.
func (s *sender) request(ctx context.Context, e Endpoint, d Delivery, r rendered) (*http.Request, error) {
	target := e.URL.Reveal()
	if e.Target == busTarget {
		name := d.Entry.Name
		if d.Part == Together {
			name = "digest"
		}
		target = s.bus.URL + name
	}
	if err := s.policy.checkURL(target); err != nil {
		return nil, &blockedError{err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, &blockedError{"the URL cannot be used"}
	}
	req.Header.Set("User-Agent", s.agent)
	req.Header.Set("Content-Type", r.contentType)
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	for name, value := range e.Headers {
		req.Header.Set(name, value.Reveal())
	}
	if e.Target == busTarget {
		req.Header.Set("Authorization", "Bearer "+s.bus.Token.Reveal())
	}
	// The id makes a repeat harmless: a connection that the receiver closed
	// meanwhile is replaced at once. Without a value the header is not sent.
	if req.Header.Get("Idempotency-Key") == "" {
		req.Header["Idempotency-Key"] = nil
	}
	signed, err := e.sign(d.ID(), s.now(), r.body)
	if err != nil {
		return nil, err
	}
	for name, value := range signed {
		req.Header.Set(name, value)
	}
	return req, nil
}

// send makes one attempt.
func (s *sender) send(ctx context.Context, client *http.Client, e Endpoint, d Delivery, r rendered) outcome {
	ctx, cancel := context.WithTimeout(ctx, totalTime)
	defer cancel()
	at, begun := s.now(), time.Now()
	o := outcome{verdict: again, request: excerpt(r.body, keptRequest)}
	o.At = at
	req, err := s.request(ctx, e, d, r)
	if err != nil {
		return o.failed(err)
	}
	resp, err := client.Do(req)
	o.Milliseconds = int(time.Since(begun).Milliseconds())
	if err != nil {
		return o.failed(err)
	}
	defer resp.Body.Close()
	late := time.AfterFunc(answerTime, cancel) // owner: the deferred Stop; what it calls never waits
	defer late.Stop()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	o.Status, o.Response = resp.StatusCode, excerpt(body, keptResponse)
	switch {
	case resp.StatusCode/100 == 2:
		// The headers are the answer; a body that breaks off changes nothing.
		o.verdict = accepted
	case resp.StatusCode == http.StatusGone:
		o.verdict = gone
	case resp.StatusCode/100 == 3:
		o.Error = "a redirect is not followed; set the URL that it leads to"
	default:
		o.pause = retryAfter(resp.Header.Get("Retry-After"), at)
		if err != nil {
			o.Error = "the answer broke off"
		}
	}
	return o
}

// failed is an attempt without an answer. The URL is a secret: the error that
// holds it is left out, its cause is kept.
func (o outcome) failed(err error) outcome {
	var wrapped *url.Error
	for errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var refusal *blockedError
	var timeout net.Error
	switch {
	case errors.As(err, &refusal):
		o.verdict, o.Error = blocked, refusal.Error()
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		o.Error = "no answer in time"
	default:
		o.Error = excerpt([]byte(err.Error()), 200)
	}
	return o
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text != "" && strings.Trim(text, "0123456789") == "" {
		n, err := strconv.Atoi(text)
		if limit := int(maxRetryAfter / time.Second); err != nil || n > limit {
			n = limit // A number that is too long to be read is a long time.
		}
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// excerpt is the beginning of a body as text that can be shown.
func excerpt(body []byte, limit int) string {
	cut := len(body) > limit
	if cut {
		body = body[:limit]
		for len(body) > 0 && !utf8.RuneStart(body[len(body)-1]) {
			body = body[:len(body)-1]
		}
		if r, _ := utf8.DecodeLastRune(body); r == utf8.RuneError && len(body) > 0 {
			body = body[:len(body)-1]
		}
	}
	s := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError {
			return -1
		}
		return r
	}, string(body))
	if cut {
		s += fmt.Sprintf(" … (cut after %d bytes)", limit)
	}
	return s
}
