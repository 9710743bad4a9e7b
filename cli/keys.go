package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
)

// keysCmd has the commands about API keys.
type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key; it is printed once, alone on the last line."`
	List   keysListCmd   `cmd:"" help:"List the keys."`
	Rotate keysRotateCmd `cmd:"" help:"Give a key a new secret, printed once, alone on the last line; the old one answers for a while."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke a key at once."`
}

type keysCreateCmd struct {
	dataFlag
	Name      string   `required:"" help:"What the key is for."`
	Scope     []string `help:"A preset: read (the default), control, tariff or full_access; or a scope such as printers:read. Repeatable." placeholder:"SCOPE" words:"scopes"`
	Printer   []int    `help:"Restrict the key to a printer. Repeatable." placeholder:"ID"`
	Cidr      []string `help:"Restrict the key to a network, such as 192.168.1.0/24, or an address. Repeatable." placeholder:"NETWORK"`
	Plan      string   `help:"How often it may ask: home (the default), free, team or unlimited." placeholder:"PLAN" words:"home,free,team,unlimited"`
	Owner     string   `help:"Whom it belongs to; the local administrator when left out."`
	Expires   when     `help:"When it ends: a date, a time, or a span such as 90d." placeholder:"WHEN"`
	NotBefore when     `help:"When it begins: a date, a time, or a span such as 12h." placeholder:"WHEN"`
	Test      bool     `help:"Make a test key: it sees simulated printers alone and moves nothing."`
}

// Run makes a key.
func (c keysCreateCmd) Run(ctx context.Context, env Env) error {
	now := time.Now()
	ask := app.KeyRequest{
		Name: c.Name, Owner: c.Owner, Scopes: terms(c.Scope), Printers: c.Printer, Addresses: c.Cidr, Test: c.Test,
		Plan: auth.Plan{Name: c.Plan}, Expires: c.Expires.ahead(now), NotBefore: c.NotBefore.ahead(now),
	}
	return seePresets(tell(ctx, env, c.dataFlag, http.MethodPost, "/keys", ask, func(made app.NewKey) string {
		return fmt.Sprintf("Key %s (%s) with the scopes %s.\nIt is shown only now:\n%s", made.ID, printable(made.Name), strings.Join(made.Scopes, " "), made.Key)
	}))
}

// seePresets names the presets where a scope is none.
func seePresets(err error) error {
	var wrong *fault.Error
	if errors.As(err, &wrong) && wrong.Field == "scopes" && wrong.Hint == "" {
		return wrong.WithHint("the presets are %s", strings.Join(presets(), ", "))
	}
	return err
}

type keysListCmd struct{ dataFlag }

// Run lists the keys.
func (c keysListCmd) Run(ctx context.Context, env Env) error {
	return list(ctx, env, c.dataFlag, "/keys", []column[app.KeyRow]{
		{"ID", func(k app.KeyRow) string { return k.ID }},
		{"NAME", func(k app.KeyRow) string { return k.Name }},
		{"KEY", func(k app.KeyRow) string { return k.Masked }},
		{"SCOPES", func(k app.KeyRow) string { return short(k.Scopes) }},
		{"PLAN", func(k app.KeyRow) string { return k.Plan.Name }},
		{"EXPIRES", func(k app.KeyRow) string { return stamp(k.Expires) }},
		{"LAST USED", func(k app.KeyRow) string { return k.LastUsed }},
		{"STATE", func(k app.KeyRow) string { return k.State }},
	})
}

type keysRotateCmd struct {
	dataFlag
	ID      string `arg:"" help:"Id of the key, as \"keys list\" shows it."`
	Overlap span   `default:"24h" help:"How long the old secret answers beside the new one: at most 30d; 0s ends it at once." placeholder:"SPAN"`
}

// Run gives a key a new secret.
func (c keysRotateCmd) Run(ctx context.Context, env Env) error {
	grace := int(c.Overlap.d / time.Second)
	path := "/keys/" + url.PathEscape(c.ID) + "/rotate"
	err := tell(ctx, env, c.dataFlag, http.MethodPost, path, app.RotateRequest{GraceSeconds: &grace}, func(made app.NewKey) string {
		until := "no longer answers"
		if grace > 0 {
			until = "answers until " + made.Grace.UTC().Format(time.RFC3339)
		}
		return fmt.Sprintf("Key %s (%s) has a new secret; the old one %s.\nIt is shown only now:\n%s", made.ID, printable(made.Name), until, made.Key)
	})
	var wrong *fault.Error
	if errors.As(err, &wrong) && wrong.Field == "grace_seconds" {
		return fault.New(fault.Invalid, "expected at most 30d").At("--overlap")
	}
	return seeKeys(err)
}

// seeKeys says where the ids of keys are shown, where there is none as given.
func seeKeys(err error) error {
	var missing *fault.Error
	if errors.As(err, &missing) && missing.Kind == fault.NotFound {
		return missing.WithHint("see \"printwire keys list\"")
	}
	return err
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
	return seeKeys(tell(ctx, env, c.dataFlag, http.MethodDelete, "/keys/"+url.PathEscape(c.ID), nil, func(key app.KeyRow) string {
		return fmt.Sprintf("Key %s (%s) %s.", key.ID, printable(key.Name), what)
	}))
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
