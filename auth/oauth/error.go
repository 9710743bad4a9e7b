package oauth

import (
	"errors"
	"net/url"
	"time"

	"github.com/printwire/printwire/fault"
)

// The codes of errors.
const (
	InvalidRequest     = "invalid_request"
	InvalidClient      = "invalid_client"
	InvalidGrant       = "invalid_grant"
	InvalidScope       = "invalid_scope"
	UnauthorizedClient = "unauthorized_client"
	UnsupportedGrant   = "unsupported_grant_type"
	UnsupportedAnswer  = "unsupported_response_type"
	AccessDenied       = "access_denied"
	Pending            = "authorization_pending"
	SlowDown           = "slow_down"
	ExpiredToken       = "expired_token"
	RateLimited        = "rate_limit_exceeded"
)

// Error is a refusal in OAuth's words.
type Error struct {
	Code, Description string
	// Redirect is where the browser goes with the error; "" shows it in place.
	Redirect string
	// RetryAfter is set with RateLimited.
	RetryAfter time.Duration
}

// Error is the code and its description.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// Unwrap is the same as a fault: Denied where a credential was refused.
func (e *Error) Unwrap() error {
	switch e.Code {
	case InvalidClient, InvalidGrant, AccessDenied, RateLimited:
		return fault.New(fault.Denied, "%s", e.Description)
	}
	return fault.New(fault.Invalid, "%s", e.Description)
}

func refuse(code, description string) *Error { return &Error{Code: code, Description: description} }

// CodeOf is the code of an error anywhere in the chain, or "".
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// answerURL is a registered redirect URI with the parameters of an answer.
func answerURL(redirect, issuer, state string, answer url.Values) string {
	u, err := url.Parse(redirect)
	if err != nil {
		return "" // it was checked when it was registered
	}
	q := u.Query()
	for name, values := range answer {
		q[name] = values
	}
	if state != "" {
		q.Set("state", state)
	}
	if issuer != "" {
		q.Set("iss", issuer)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
