package auth

import (
	"errors"
	"time"

	"github.com/printwire/printwire/fault"
)

// Reason says why a credential was refused, so that each edge can answer in
// the words its clients know.
type Reason string

// The reasons.
const (
	// Missing: there was no credential.
	Missing Reason = "missing"
	// Malformed: it cannot be a credential of ours.
	Malformed Reason = "malformed"
	// Unknown: it has the right form, but nobody has it.
	Unknown Reason = "unknown"
	// Revoked: the key was withdrawn.
	Revoked Reason = "revoked"
	// Expired: the key's time is over, or has not begun.
	Expired Reason = "expired"
	// Forbidden: the credential is good, the right is not held.
	Forbidden Reason = "forbidden"
	// Elsewhere: the key is good, but not from this address.
	Elsewhere Reason = "elsewhere"
	// Inactive: the owner is deactivated or gone.
	Inactive Reason = "inactive"
	// Ownerless: the key has no owner, so there is no cloud to read.
	Ownerless Reason = "ownerless"
	// CloudOut: the owner is not signed in to the cloud.
	CloudOut Reason = "cloud_out"
	// CloudOver: the owner's sign-in to the cloud is over.
	CloudOver Reason = "cloud_over"
	// Limited: too many failures came from this address.
	Limited Reason = "limited"
)

// Carrier is how a credential came, which decides the code of the answer.
type Carrier uint8

// The carriers.
const (
	// ByHeader is X-API-Key, the apikey parameter or Basic.
	ByHeader Carrier = iota
	// ByBearer is a key as bearer token.
	ByBearer
	// ByToken is an OAuth token.
	ByToken
)

// Right tells whether the credential itself is good and only a right is
// missing: 403, where the other reasons are 401.
func (r Reason) Right() bool { return r == Forbidden || r == Elsewhere }

// Code is the public error code of a refusal.
func (r Reason) Code(c Carrier) string {
	codes := map[Reason][3]string{
		Missing:   {"MISSING_API_KEY", "MISSING_API_KEY", "MISSING_API_KEY"},
		Malformed: {"INVALID_API_KEY", "INVALID_KEY", "INVALID_TOKEN"},
		Unknown:   {"INVALID_API_KEY", "INVALID_KEY", "INVALID_TOKEN"},
		Revoked:   {"REVOKED_API_KEY", "REVOKED_KEY", "INVALID_TOKEN"},
		Expired:   {"EXPIRED_API_KEY", "EXPIRED_KEY", "INVALID_TOKEN"},
		Forbidden: {"FORBIDDEN", "INSUFFICIENT_SCOPE", "INSUFFICIENT_SCOPE"},
		Elsewhere: {"FORBIDDEN", "FORBIDDEN", "FORBIDDEN"},
		Inactive:  {"REVOKED_API_KEY", "REVOKED_KEY", "INVALID_TOKEN"},
		Ownerless: {"KEY_HAS_NO_OWNER", "KEY_HAS_NO_OWNER", "KEY_HAS_NO_OWNER"},
		CloudOut:  {"CLOUD_NOT_SIGNED_IN", "CLOUD_NOT_SIGNED_IN", "CLOUD_NOT_SIGNED_IN"},
		CloudOver: {"CLOUD_TOKEN_EXPIRED", "CLOUD_TOKEN_EXPIRED", "CLOUD_TOKEN_EXPIRED"},
		Limited:   {"RATE_LIMITED", "RATE_LIMITED", "RATE_LIMITED"},
	}
	return codes[r][min(c, ByToken)]
}

// Refusal is a fault.Denied with its reason.
type Refusal struct {
	Reason Reason
	// RetryAfter is set with Limited.
	RetryAfter time.Duration
	cause      *fault.Error
}

// Error is the sentence for the person who asked.
func (r *Refusal) Error() string { return r.cause.Error() }

// Unwrap is the fault.Denied.
func (r *Refusal) Unwrap() error { return r.cause }

func refuse(reason Reason) *Refusal {
	texts := map[Reason]string{
		Missing:   "no credential was given",
		Malformed: "the credential is not valid",
		Unknown:   "the credential is not valid",
		Revoked:   "the key has been revoked",
		Expired:   "the key is not valid at this time",
		Forbidden: "the credential does not hold the right",
		Elsewhere: "the key is not to be used from this address",
		Inactive:  "the owner of the credential is deactivated or no longer exists",
		Ownerless: "this key was made without an owner; recreate it to read the cloud",
		CloudOut:  "the owner is not signed in to the cloud",
		CloudOver: "the owner's sign-in to the cloud has expired",
		Limited:   "too many failed attempts from this address",
	}
	return &Refusal{Reason: reason, cause: fault.New(fault.Denied, "%s", texts[reason])}
}

// ReasonOf is the reason of a refusal anywhere in the chain, or "".
func ReasonOf(err error) Reason {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// RetryAfter is how long an address must wait that was Limited, or 0.
func RetryAfter(err error) time.Duration {
	var r *Refusal
	if errors.As(err, &r) {
		return r.RetryAfter
	}
	return 0
}
