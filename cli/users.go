package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/printwire/printwire/app"
)

// usersCmd has the commands about MQTT logins.
type usersCmd struct {
	List usersListCmd `cmd:"" help:"List the MQTT logins."`
	Show usersShowCmd `cmd:"" help:"Show a login; the password of Home Assistant's own is kept readable."`
}

type usersListCmd struct{ dataFlag }

// Run lists the logins.
func (c usersListCmd) Run(ctx context.Context, env Env) error {
	return list(ctx, env, c.dataFlag, "/users", []column[app.UserRow]{{"NAME", func(u app.UserRow) string { return u.Name }}})
}

type usersShowCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the login."`
}

// Run shows a login.
func (c usersShowCmd) Run(ctx context.Context, env Env) error {
	var user app.UserRow
	if err := c.call(ctx, env, http.MethodGet, "/users/"+url.PathEscape(c.Name), nil, &user); err != nil {
		return err
	}
	return c.show(env, user, func(w io.Writer) error {
		if user.Password == "" {
			_, err := fmt.Fprintf(w, "%s: the password is stored as a hash and cannot be shown\n", user.Name)
			return err
		}
		_, err := fmt.Fprintf(w, "name:     %s\npassword: %s\n", user.Name, user.Password)
		return err
	})
}
