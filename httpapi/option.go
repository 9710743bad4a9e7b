package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// option is a parameter that may be left out.
type option[T any] struct {
	Value T
	Set   bool
}

// Schema is that of the value.
func (o option[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// Receiver is where huma puts the value.
func (o *option[T]) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet notes whether there was one.
func (o *option[T]) OnParamSet(set bool, _ any) { o.Set = set }

// or is the value that p points to, or o without one.
func (o option[T]) or(p *T) option[T] {
	if p == nil {
		return o
	}
	return option[T]{Value: *p, Set: true}
}
