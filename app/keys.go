package app

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

// KeyRequest asks for a key. No scopes ask for "read", no plan for the default
// one, no owner for the local administrator.
type KeyRequest struct {
	Name      string    `json:"name"`
	Owner     string    `json:"owner,omitempty"`
	Scopes    []string  `json:"scopes,omitempty"`
	Printers  []int     `json:"printers,omitempty"`
	Addresses []string  `json:"allowed_cidrs,omitempty"`
	Plan      auth.Plan `json:"rate_plan,omitzero"`
	Test      bool      `json:"test,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires_at,omitzero"`
}

// RotateRequest asks for a new secret of a key. GraceSeconds is how long the
// old one answers; nil is a day.
type RotateRequest struct {
	GraceSeconds *int `json:"grace_seconds,omitempty"`
}

// NewKey is a key whose secret was just made; Key is given out only here.
type NewKey struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	Key    string   `json:"key"`
	// Grace is until when the secret before a rotation answers.
	Grace time.Time `json:"grace_until,omitzero"`
}

// KeyRow is a key in a list.
type KeyRow struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Owner     string    `json:"owner,omitempty"`
	Masked    string    `json:"key"`
	Scopes    []string  `json:"scopes"`
	Printers  []int     `json:"printers,omitempty"`
	Addresses []string  `json:"allowed_cidrs,omitempty"`
	Plan      auth.Plan `json:"rate_plan"`
	Test      bool      `json:"test,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires_at,omitzero"`
	Grace     time.Time `json:"grace_until,omitzero"`
	LastUsed  string    `json:"last_used"`
	State     string    `json:"state"`
}

// UserRow is an MQTT login. Password is set only where it is kept readable.
type UserRow struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
}

// CreateKey makes a key.
func (a *App) CreateKey(_ context.Context, r KeyRequest) (NewKey, error) {
	for _, id := range r.Printers {
		if _, err := a.bridge.Snapshot(id); err != nil {
			return NewKey{}, fault.New(fault.Invalid, "there is no printer %d", id).At("printers")
		}
	}
	text, key, err := a.auth.CreateKey(auth.NewKey{
		Name: r.Name, Owner: cmp.Or(r.Owner, auth.LocalOwner), Terms: r.Scopes, Printers: r.Printers, Addresses: r.Addresses,
		Plan: r.Plan, Test: r.Test, NotBefore: r.NotBefore, Expires: r.Expires,
	})
	if err != nil {
		return NewKey{}, err
	}
	return NewKey{ID: key.ID, Name: key.Name, Scopes: words(key.Scopes), Key: text.Reveal()}, nil
}

// rotateKey gives a key a new secret.
func (a *App) rotateKey(r *http.Request) (any, error) {
	var ask RotateRequest
	if err := decode(r, &ask); err != nil {
		return nil, err
	}
	var rotation auth.Rotation
	if s := ask.GraceSeconds; s != nil {
		grace := time.Duration(*s) * time.Second
		rotation.Grace = &grace
	}
	text, key, err := a.auth.RotateKey(r.PathValue("id"), rotation)
	if err != nil {
		return nil, err
	}
	return NewKey{ID: key.ID, Name: key.Name, Scopes: words(key.Scopes), Key: text.Reveal(), Grace: key.Grace}, nil
}

// MQTTLogin is the login that is made for Home Assistant.
func (a *App) MQTTLogin() (UserRow, error) {
	password, err := a.auth.Login(auth.HomeAssistant)
	return UserRow{Name: auth.HomeAssistant, Password: password.Reveal()}, err
}

func (a *App) createKey(r *http.Request) (any, error) {
	var ask KeyRequest
	if err := decode(r, &ask); err != nil {
		return nil, err
	}
	return a.CreateKey(r.Context(), ask)
}

func (a *App) listKeys(*http.Request) (any, error) {
	rows := []KeyRow{}
	for _, k := range a.auth.Keys() {
		rows = append(rows, a.keyRow(k))
	}
	return rows, nil
}

func (a *App) keyRow(k auth.Key) KeyRow {
	row := KeyRow{
		ID: k.ID, Name: k.Name, Owner: k.Owner, Masked: k.Masked, Scopes: words(k.Scopes), Printers: k.Printers, Addresses: k.Addresses,
		Plan: k.Plan, Test: k.Test, NotBefore: k.NotBefore, Expires: k.Expires, LastUsed: "never", State: "valid",
	}
	if a.now().Before(k.Grace) {
		row.Grace = k.Grace
	}
	if !k.LastUsed.IsZero() {
		row.LastUsed = k.LastUsed.UTC().Format(time.RFC3339)
	}
	switch {
	case !k.Revoked.IsZero():
		row.State = "revoked"
	case !k.Expires.IsZero() && !a.now().Before(k.Expires):
		row.State = "expired"
	case a.now().Before(k.NotBefore):
		row.State = "not yet valid"
	}
	return row
}

func (a *App) revokeKey(r *http.Request) (any, error) {
	key, err := a.auth.RevokeKey(r.PathValue("id"), auth.LocalOwner, "revoked on the command line")
	return a.keyRow(key), err
}

func (a *App) listUsers(*http.Request) (any, error) {
	rows := []UserRow{}
	for _, u := range a.auth.Users() {
		rows = append(rows, UserRow{Name: u.Name})
	}
	return rows, nil
}

// showUser shows a login, with its password where that is kept readable.
func (a *App) showUser(r *http.Request) (any, error) {
	name := r.PathValue("name")
	password, err := a.auth.Login(name)
	if err != nil && !fault.Is(err, fault.Unsupported) {
		return nil, err
	}
	return UserRow{Name: name, Password: password.Reveal()}, nil
}

func words(scopes []auth.Scope) []string {
	out := make([]string, len(scopes))
	for i, s := range scopes {
		out[i] = string(s)
	}
	return out
}
