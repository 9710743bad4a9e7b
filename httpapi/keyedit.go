package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

// patch is a member of a merge patch: left out, null, or a value.
type patch[T any] struct {
	Set, Null bool
	Value     T
}

// Schema is the value's, or null.
func (patch[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	if s.OneOf != nil {
		// huma takes a schema of the type null for one that takes everything.
		first := *s.OneOf[0]
		first.Nullable = true
		s.OneOf = append([]*huma.Schema{&first}, s.OneOf[1:]...)
		return &s
	}
	s.Nullable = true
	return &s
}

// UnmarshalJSON takes a value or null.
func (p *patch[T]) UnmarshalJSON(b []byte) error {
	*p = patch[T]{Set: true, Null: string(b) == "null"}
	if p.Null {
		return nil
	}
	return json.Unmarshal(b, &p.Value)
}

// MarshalJSON is the value, or null.
func (p patch[T]) MarshalJSON() ([]byte, error) {
	if p.Null || !p.Set {
		return []byte("null"), nil
	}
	return json.Marshal(p.Value)
}

// KeyPatch changes a key: a JSON merge patch. What is left out stays, null
// clears: all printers, everywhere, never.
type KeyPatch struct {
	Name        *string          `json:"name,omitempty" minLength:"1" maxLength:"64" doc:"Printable text."`
	Scopes      []string         `json:"scopes,omitempty" maxItems:"100"`
	Permissions []string         `json:"permissions,omitempty" maxItems:"100"`
	Scope       string           `json:"scope,omitempty" maxLength:"100"`
	Printers    patch[[]int]     `json:"printer_ids,omitzero" minItems:"1" maxItems:"1000"`
	Addresses   patch[[]string]  `json:"allowed_cidrs,omitzero" minItems:"1" maxItems:"32"`
	Plan        patch[auth.Plan] `json:"rate_plan,omitzero"`
	NotBefore   patch[time.Time] `json:"not_before,omitzero"`
	ExpiresAt   patch[time.Time] `json:"expires_at,omitzero"`
	KeyFlags
}

// terms are what the key is to hold, nil when that stays. Switches change what
// is held; the other vocabularies replace it.
func (p KeyPatch) terms(held []auth.Scope) *[]string {
	set := p.asked()
	if p.Scopes == nil && p.Permissions == nil && p.Scope == "" {
		if len(set) == 0 {
			return nil
		}
		now := auth.Flags(held)
		words := []string{}
		gone := map[auth.Scope]bool{}
		for _, row := range auth.Terms() {
			on, said := set[row.Term]
			switch {
			case said && on:
				words = append(words, row.Term)
			case said && now[row.Term]:
				for _, s := range row.Scopes {
					gone[s] = true
				}
			}
		}
		for _, s := range held {
			if !gone[s] {
				words = append(words, string(s))
			}
		}
		return &words
	}
	words := auth.Asked{Scopes: p.Scopes, Permissions: p.Permissions, Scope: p.Scope, Flags: set}.Terms()
	return &words
}

type editKeyCall struct {
	KeyPath
	Body KeyPatch
}

func (a *api) editKey(ctx context.Context, in *editKeyCall) (*keyAnswer, error) {
	s, k, err := a.manage(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p := in.Body
	edit := auth.KeyEdit{Name: p.Name, Terms: p.terms(k.Scopes), By: &s.who, From: s.remote}
	if p.Printers.Set {
		for _, id := range p.Printers.Value {
			if !a.exists(s.who, id) {
				return nil, fault.New(fault.Invalid, "names a printer that is not there").At("printer_ids")
			}
		}
		edit.Printers = listOf(p.Printers)
	}
	if p.Addresses.Set {
		edit.Addresses = listOf(p.Addresses)
	}
	if p.Plan.Set {
		edit.Plan = &p.Plan.Value
	}
	if p.NotBefore.Set {
		edit.NotBefore = &p.NotBefore.Value
	}
	if p.ExpiresAt.Set {
		edit.Expires = &p.ExpiresAt.Value
	}
	if k, err = a.Keys.EditKey(k.ID, edit); err != nil {
		return nil, a.notGranted(err)
	}
	return &keyAnswer{Status: http.StatusOK, Body: a.keyReport(k, "")}, nil
}

// listOf is the list of a patch, nil inside for null.
func listOf[T any](p patch[[]T]) *[]T {
	list := p.Value
	if !p.Null && list == nil {
		list = []T{}
	}
	return &list
}
