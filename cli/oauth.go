package cli

import (
	"context"
	"fmt"
	"io"
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
	Scope        []string `help:"The most that it can be granted; read when left out. Repeatable." placeholder:"SCOPE" words:"scopes"`
	Confidential bool     `help:"It runs where it can keep a secret, and gets one."`
	WithoutPKCE  bool     `name:"without-pkce" help:"Let a confidential client leave PKCE out, for old ones."`
}

// Run registers a client.
func (c oauthCreateCmd) Run(ctx context.Context, env Env) error {
	var made app.ClientRow
	ask := app.ClientRequest{Name: c.Name, Redirects: c.Redirect, Scopes: c.Scope, Confidential: c.Confidential, WithoutPKCE: c.WithoutPKCE}
	if err := c.call(ctx, env, http.MethodPost, "/clients", ask, &made); err != nil {
		return err
	}
	return c.show(env, made, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Client %s (%s) with the scopes %s.\n", made.ID, made.Name, strings.Join(made.Scopes, " "))
		if err == nil && made.Secret != "" {
			_, err = fmt.Fprintf(w, "Its secret is shown only now:\n%s\n", made.Secret)
		}
		return err
	})
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
	var row app.ClientRow
	if err := c.call(ctx, env, http.MethodDelete, "/clients/"+url.PathEscape(c.ID), nil, &row); err != nil {
		return err
	}
	return c.show(env, row, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Client %s deleted.\n", row.ID)
		return err
	})
}

// adminCmd gives the local administrator a new password.
type adminCmd struct{ dataFlag }

// Run asks for a new password and prints it.
func (c adminCmd) Run(ctx context.Context, env Env) error {
	var user app.UserRow
	if err := c.call(ctx, env, http.MethodPost, "/admin", nil, &user); err != nil {
		return err
	}
	return c.show(env, user, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The administrator %s, who may let programs in, has a new password. It is shown only now:\n%s\n", user.Name, user.Password)
		return err
	})
}
