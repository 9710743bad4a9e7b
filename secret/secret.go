// Package secret owns text that must not be shown: access codes, passwords,
// keys. A Text prints *** wherever it is formatted, logged or encoded; only
// Reveal gives it out. It does not encrypt.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// mask is what is shown in place of a secret.
const mask = "***"

// Text is a secret string. Its zero value means "not set" and prints as "".
type Text string

// Reveal is the text itself, for the one place that has to send it.
func (t Text) Reveal() string { return string(t) }

// String is *** for any text but the empty one.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return mask
}

// Format is String for every verb, also one that does not fit a text: the fmt
// package shows the bare value then.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalText is String: JSON, YAML and text encoders show nothing.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText takes the text as it is.
func (t *Text) UnmarshalText(b []byte) error {
	*t = Text(b)
	return nil
}

// LogValue is String.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
