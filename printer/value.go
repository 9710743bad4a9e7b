package printer

import "encoding/json"

// Opt is a value that may be unknown. The zero Opt is unknown; two unknown
// Opts are equal. JSON shows an unknown value as null.
type Opt[T comparable] struct {
	Value T
	Known bool
}

// Some is a known value.
func Some[T comparable](v T) Opt[T] { return Opt[T]{Value: v, Known: true} }

// Or is the value, or other when it is unknown.
func (o Opt[T]) Or(other T) T {
	if o.Known {
		return o.Value
	}
	return other
}

// MarshalJSON is the value, or null.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.Known {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// UnmarshalJSON takes null as unknown.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	*o = Opt[T]{}
	if string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, &o.Value); err != nil {
		return err
	}
	o.Known = true
	return nil
}
