package app

import (
	"context"
	"net/http"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

// KeyRequest asks for a key. No scopes ask for "read".
type KeyRequest struct {
	Name     string   `json:"name"`
	Scopes   []string `json:"scopes,omitempty"`
	Printers []int    `json:"printers,omitempty"`
}

// NewKey is a key that was just made; Key is given out only here.
type NewKey struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	Key    string   `json:"key"`
}

// KeyRow is a key in a list.
type KeyRow struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Masked   string   `json:"key"`
	Scopes   []string `json:"scopes"`
	Printers []int    `json:"printers,omitempty"`
	LastUsed string   `json:"last_used"`
	State    string   `json:"state"`
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
	text, key, err := a.auth.CreateKey(auth.NewKey{Name: r.Name, Terms: r.Scopes, Printers: r.Printers, Owner: "local"})
	if err != nil {
		return NewKey{}, err
	}
	return NewKey{ID: key.ID, Name: key.Name, Scopes: words(key.Scopes), Key: text.Reveal()}, nil
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
	row := KeyRow{ID: k.ID, Name: k.Name, Masked: k.Masked, Scopes: words(k.Scopes), Printers: k.Printers, LastUsed: "never", State: "valid"}
	if !k.LastUsed.IsZero() {
		row.LastUsed = k.LastUsed.UTC().Format(time.RFC3339)
	}
	switch {
	case !k.Revoked.IsZero():
		row.State = "revoked"
	case !k.Expires.IsZero() && !a.now().Before(k.Expires):
		row.State = "expired"
	}
	return row
}

func (a *App) revokeKey(r *http.Request) (any, error) {
	key, err := a.auth.RevokeKey(r.PathValue("id"), "local", "revoked on the command line")
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
