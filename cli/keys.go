package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
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
	Scope   []string `help:"A preset: read (the default), control, tariff or full_access; or a scope such as printers:read. Repeatable." placeholder:"SCOPE"`
	Printer []int    `help:"Restrict the key to a printer. Repeatable." placeholder:"ID"`
}

// Run makes a key.
func (c keysCreateCmd) Run(ctx context.Context, env Env) error {
	var made app.NewKey
	ask := app.KeyRequest{Name: c.Name, Scopes: terms(c.Scope), Printers: c.Printer}
	err := c.call(ctx, env, http.MethodPost, "/keys", ask, &made)
	var wrong *fault.Error
	if errors.As(err, &wrong) && wrong.Field == "scopes" {
		return wrong.WithHint("the presets are %s", strings.Join(presets(), ", "))
	}
	if err != nil {
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
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Masked, short(k.Scopes), k.LastUsed, k.State)
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
	var keys []app.KeyRow
	if err := c.call(ctx, env, http.MethodGet, "/keys", nil, &keys); err != nil {
		return err
	}
	what := "revoked"
	if slices.ContainsFunc(keys, func(k app.KeyRow) bool { return k.ID == c.ID && k.State == "revoked" }) {
		what = "was revoked already"
	}
	var key app.KeyRow
	err := c.call(ctx, env, http.MethodDelete, "/keys/"+url.PathEscape(c.ID), nil, &key)
	var missing *fault.Error
	if errors.As(err, &missing) && missing.Kind == fault.NotFound {
		return missing.WithHint("see \"printwire keys list\"")
	}
	if err != nil {
		return err
	}
	return c.show(env, key, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Key %s (%s) %s.\n", key.ID, key.Name, what)
		return err
	})
}

// word is what a preset is called on the command line: the term that it is
// made of where that is its own name elsewhere too, such as full_access.
func word(p auth.Preset) string {
	if len(p.Terms) == 1 && !strings.Contains(p.Terms[0], ":") {
		return p.Terms[0]
	}
	return p.Name
}

// presets are the words for all presets.
func presets() []string {
	var words []string
	for _, p := range auth.Presets() {
		words = append(words, word(p))
	}
	return words
}

// terms puts what presets are made of in their place.
func terms(asked []string) []string {
	var out []string
	for _, term := range asked {
		all := auth.Presets()
		if i := slices.IndexFunc(all, func(p auth.Preset) bool { return word(p) == term || p.Name == term }); i >= 0 {
			out = append(out, all[i].Terms...)
			continue
		}
		out = append(out, term)
	}
	return out
}

// short is the word for scopes that are those of a preset, else all of them.
func short(scopes []string) string {
	for _, p := range auth.Presets() {
		of, err := auth.Expand(p.Terms, false)
		if err == nil && slices.EqualFunc(of, scopes, func(a auth.Scope, b string) bool { return string(a) == b }) {
			return word(p)
		}
	}
	return strings.Join(scopes, " ")
}
