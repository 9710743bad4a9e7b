package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/printwire/printwire/app"
)

// oauthCmd has the commands about programs that ask people for access.
type oauthCmd struct {
	Create oauthCreateCmd `cmd:"" help:"Register a client; its secret is printed once, alone on the last line."`
	List   oauthListCmd   `cmd:"" help:"List the clients."`
	Delete oauthDeleteCmd `cmd:"" help:"Delete a client and withdraw what it was granted."`
}

type oauthCreateCmd struct {
	dataFlag
	Name         string   `required:"" help:"What people are asked to let in."`
	Redirect     []string `required:"" help:"Where answers may go to, exactly. Repeatable." placeholder:"URI"`
	Scope        []string `help:"The most that it can be granted: a preset, read (the default), control, tariff or full_access; or a scope such as printers:read. Repeatable." placeholder:"SCOPE" words:"scopes"`
	Confidential bool     `help:"It runs where it can keep a secret, and gets one."`
	WithoutPKCE  bool     `name:"without-pkce" help:"Let a confidential client leave PKCE out, for old ones."`
}

// Run registers a client.
func (c oauthCreateCmd) Run(ctx context.Context, env Env) error {
	ask := app.ClientRequest{Name: c.Name, Redirects: c.Redirect, Scopes: terms(c.Scope), Confidential: c.Confidential, WithoutPKCE: c.WithoutPKCE}
	return seePresets(tell(ctx, env, c.dataFlag, http.MethodPost, "/clients", ask, func(made app.ClientRow) string {
		text := fmt.Sprintf("Client %s (%s) with the scopes %s.", made.ID, printable(made.Name), strings.Join(made.Scopes, " "))
		if made.Secret != "" {
			text += "\nIts secret is shown only now:\n" + made.Secret
		}
		return text
	}))
}

type oauthListCmd struct{ dataFlag }

// Run lists the clients.
func (c oauthListCmd) Run(ctx context.Context, env Env) error {
	return list(ctx, env, c.dataFlag, "/clients", []column[app.ClientRow]{
		{"ID", func(r app.ClientRow) string { return r.ID }},
		{"NAME", func(r app.ClientRow) string { return r.Name }},
		{"SCOPES", func(r app.ClientRow) string { return short(r.Scopes) }},
		{"REDIRECTS", func(r app.ClientRow) string { return strings.Join(r.Redirects, " ") }},
	})
}

type oauthDeleteCmd struct {
	dataFlag
	ID string `arg:"" help:"Id of the client, as \"oauth list\" shows it."`
}

// Run deletes a client.
func (c oauthDeleteCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodDelete, "/clients/"+url.PathEscape(c.ID), nil, func(row app.ClientRow) string {
		return fmt.Sprintf("Client %s deleted.", row.ID)
	})
}

// adminCmd gives the local administrator a new password.
type adminCmd struct{ dataFlag }

// Run asks for a new password and prints it.
func (c adminCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodPost, "/admin", nil, func(user app.UserRow) string {
		return fmt.Sprintf("The administrator %s, who may let programs in, has a new password. It is shown only now:\n%s", user.Name, user.Password)
	})
}
