package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/printwire/printwire/app"
)

// keysCmd has the commands about API keys.
type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key; it is printed once, alone on the last line."`
	List   keysListCmd   `cmd:"" help:"List the keys."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke a key at once."`
}

type keysCreateCmd struct {
	dataFlag
	Name    string   `required:"" help:"What the key is for."`
	Scope   []string `help:"A scope, or a preset such as read (the default), control, tariff, full_access. Repeatable." placeholder:"SCOPE"`
	Printer []int    `help:"Restrict the key to a printer. Repeatable." placeholder:"ID"`
}

// Run makes a key.
func (c keysCreateCmd) Run(ctx context.Context, env Env) error {
	var made app.NewKey
	ask := app.KeyRequest{Name: c.Name, Scopes: c.Scope, Printers: c.Printer}
	if err := c.call(ctx, env, http.MethodPost, "/keys", ask, &made); err != nil {
		return err
	}
	return c.show(env, made, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Key %s (%s) with the scopes %s.\nIt is shown only now:\n%s\n",
			made.ID, made.Name, strings.Join(made.Scopes, " "), made.Key)
		return err
	})
}

type keysListCmd struct{ dataFlag }

// Run lists the keys.
func (c keysListCmd) Run(ctx context.Context, env Env) error {
	var keys []app.KeyRow
	if err := c.call(ctx, env, http.MethodGet, "/keys", nil, &keys); err != nil {
		return err
	}
	return c.show(env, keys, func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tNAME\tKEY\tSCOPES\tLAST USED\tSTATE")
		for _, k := range keys {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Masked, strings.Join(k.Scopes, " "), k.LastUsed, k.State)
		}
		return t.Flush()
	})
}

type keysRevokeCmd struct {
	dataFlag
	ID string `arg:"" help:"Id of the key, as \"keys list\" shows it."`
}

// Run revokes a key.
func (c keysRevokeCmd) Run(ctx context.Context, env Env) error {
	var key app.KeyRow
	if err := c.call(ctx, env, http.MethodDelete, "/keys/"+url.PathEscape(c.ID), nil, &key); err != nil {
		return err
	}
	return c.show(env, key, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Key %s (%s) revoked.\n", key.ID, key.Name)
		return err
	})
}
