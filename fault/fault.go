// Package fault owns the closed set of error kinds that cross package borders.
// It does not log, and it does not know HTTP, MQTT or any other transport:
// each edge has one table from kind to its own code.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. The zero value is Internal:
// an error that nobody classified is ours, and its text stays inside.
type Kind uint8

// The kinds. There are no others.
const (
	// Internal is a failure of the program or its machine.
	Internal Kind = iota
	// Invalid is input that does not fit; the message names the field and what was expected.
	Invalid
	// NotFound is a thing that does not exist, or that the asker may not know of.
	NotFound
	// Conflict is a request that does not fit the present state.
	Conflict
	// Denied is a wrong or missing credential, or a right that is not held.
	Denied
	// Offline is a printer, broker or server that cannot be reached now.
	Offline
	// Unsupported is something this printer or this build cannot do.
	Unsupported
)

// String is the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case NotFound:
		return "not_found"
	case Conflict:
		return "conflict"
	case Denied:
		return "denied"
	case Offline:
		return "offline"
	case Unsupported:
		return "unsupported"
	default:
		return "internal"
	}
}

// Error is a failure with its kind. Message is for the person who asked;
// Hint, if any, is what an operator can do about it; Field is the path of the
// input field that is wrong, if one is.
type Error struct {
	Kind    Kind
	Message string
	Hint    string
	Field   string
	Err     error
}

// New makes an error of a kind. A %w in the format keeps its cause.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// At returns the same error with the path of the field it is about.
func (e *Error) At(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// WithHint returns the same error with advice for the operator.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Error is the field, the message and the hint, as far as they are set.
func (e *Error) Error() string {
	s := e.Message
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap is the cause, if one was given.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first classified error in the chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is tells whether err is classified as kind. A nil error is of no kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// HintOf is the first hint in the chain, or "".
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
