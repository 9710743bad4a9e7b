package app

import (
	"net/http"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/auth/oauth"
)

// ClientRequest asks for an OAuth client. No scopes ask for "read".
type ClientRequest struct {
	Name         string   `json:"name"`
	Redirects    []string `json:"redirect_uris"`
	Scopes       []string `json:"scopes,omitempty"`
	Confidential bool     `json:"confidential,omitempty"`
	WithoutPKCE  bool     `json:"without_pkce,omitempty"`
}

// ClientRow is an OAuth client. Secret is set only when it was just made.
type ClientRow struct {
	ID        string   `json:"client_id"`
	Name      string   `json:"name"`
	Redirects []string `json:"redirect_uris"`
	Scopes    []string `json:"scopes"`
	Secret    string   `json:"client_secret,omitempty"`
}

func clientRow(c oauth.Client) ClientRow {
	return ClientRow{ID: c.ID, Name: c.Name, Redirects: c.Redirects, Scopes: words(c.Scopes)}
}

func (a *App) createClient(r *http.Request) (any, error) {
	var ask ClientRequest
	if err := decode(r, &ask); err != nil {
		return nil, err
	}
	client, secret, err := a.oauth.CreateClient(oauth.NewClient{
		Name: ask.Name, Redirects: ask.Redirects, Terms: ask.Scopes,
		Confidential: ask.Confidential, WithoutPKCE: ask.WithoutPKCE, By: "local",
	})
	if err != nil {
		return nil, err
	}
	row := clientRow(client)
	row.Secret = secret.Reveal()
	return row, nil
}

func (a *App) listClients(*http.Request) (any, error) {
	rows := []ClientRow{}
	for _, c := range a.oauth.Clients() {
		rows = append(rows, clientRow(c))
	}
	return rows, nil
}

func (a *App) deleteClient(r *http.Request) (any, error) {
	id := r.PathValue("id")
	return ClientRow{ID: id}, a.oauth.DeleteClient(id, "local")
}

// resetAdmin gives the local administrator a new password, which is shown only
// in the answer.
func (a *App) resetAdmin(*http.Request) (any, error) {
	password, err := a.auth.ResetAdmin()
	return UserRow{Name: auth.LocalAdmin, Password: password.Reveal()}, err
}
